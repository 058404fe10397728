"""Settings come back as they were; a file that is not ours is set aside and never run."""

from __future__ import annotations

import json
import pickle
import stat
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui import settings as module
from prismq_gui.file_thresholds import FileThresholds, own, with_own
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.settings import (
    ColumnWidth,
    NamedLayout,
    SavedFilter,
    SavedView,
    Settings,
    SettingsError,
    SettingsStore,
    SplitterSizes,
    TableLayout,
    default_folder,
    dump,
    merged,
    parse,
)

texts = st.text(max_size=40)
thresholds = st.builds(Thresholds, silent_after_s=st.floats(1, 1e6), dead_letters=st.integers(1, 10**9))
lists = st.lists(texts, max_size=4).map(tuple)
lengths = st.integers(0, 100_000)
layouts = st.builds(
    TableLayout,
    widths=st.lists(st.builds(ColumnWidth, texts, lengths), max_size=4).map(tuple),
    hidden=lists,
    order=lists,
    sort_column=texts,
    sort_descending=st.booleans(),
)
settings = st.builds(
    Settings,
    theme=st.sampled_from(("system", "light", "dark")),
    recent_files=lists,
    last_file=texts,
    last_read_only=st.booleans(),
    page=texts,
    paused=st.booleans(),
    window_geometry=texts,
    window_state=texts,
    layouts=st.lists(st.builds(NamedLayout, texts, layouts), max_size=3).map(tuple),
    splitters=st.lists(st.builds(SplitterSizes, texts, st.lists(lengths, max_size=3).map(tuple)), max_size=3).map(
        tuple
    ),
    filter=st.builds(SavedFilter, lists, lists, texts, lists, texts),
    views=st.lists(
        st.builds(SavedView, texts, st.sampled_from(("tasks", "logs")), lists, lists, lists, texts, layouts), max_size=3
    ).map(tuple),
    thresholds=thresholds,
    file_thresholds=st.lists(st.builds(FileThresholds, texts, thresholds), max_size=2).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(settings)
def test_what_is_written_is_read_again(value: Settings):
    assert parse(dump(value)) == value


@given(st.sampled_from([field.name for field in fields(Settings)]), json_values)
def test_J7_any_value_in_any_field_is_taken_or_refused(name: str, value: object):
    try:
        read = parse(json.dumps({name: value}))
    except SettingsError:
        return
    assert isinstance(read, Settings)
    assert parse(dump(read)) == read


@given(st.text(max_size=200))
def test_J7_any_text_is_taken_or_refused(text: str):
    with suppress(SettingsError):
        assert isinstance(parse(text), Settings)


def test_a_first_start_has_the_defaults_and_says_nothing(tmp_path: Path):
    loaded = SettingsStore(tmp_path / "new").load()
    assert (loaded.settings, loaded.note) == (Settings(), "")
    assert not (tmp_path / "new").exists(), "reading makes no folder"


def test_saved_settings_come_back(tmp_path: Path):
    value = Settings(theme="dark").with_recent(r"C:\Data\Müller & Söhne\queue.db").with_splitter("main", (300, 200))
    store = SettingsStore(tmp_path / "ein Ordner ü")
    assert store.save(value) == ""
    loaded = store.load()
    assert (loaded.settings, loaded.note) == (value, "")
    assert [path.name for path in (tmp_path / "ein Ordner ü").iterdir()] == ["settings.json"], (
        "no temporary file is left"
    )


BAD = {
    "not JSON": b"{",
    "not UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "wrong type": b'{"paused": "yes"}',
    "unknown key": b'{"run": "calc.exe"}',
    "unknown theme": b'{"theme": "../evil"}',
    "incomplete": b'{"splitters": [{"name": "main"}]}',
    "deep": b'{"layouts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge number": b'{"splitters": [{"name": "a", "sizes": [' + b"9" * 5_000 + b"]}]}",
    "negative": b'{"splitters": [{"name": "a", "sizes": [-1]}]}',
    "eleven recent": json.dumps({"recent_files": ["x"] * 11}).encode(),
    "empty": b"",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_J7_a_tampered_file_gives_defaults_and_is_kept(tmp_path: Path, data: bytes):
    (tmp_path / "settings.json").write_bytes(data)
    store = SettingsStore(tmp_path)
    loaded = store.load()
    assert loaded.settings == Settings()
    assert "settings.json.bad" in loaded.note
    assert (tmp_path / "settings.json.bad").read_bytes() == data
    assert store.load().note == "", "told once"
    assert store.save(Settings(theme="dark")) == ""
    assert store.load().settings.theme == "dark"


def test_J7_a_file_of_100_mb_is_not_read(tmp_path: Path):
    with (tmp_path / "settings.json").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    loaded = SettingsStore(tmp_path).load()
    assert loaded.settings == Settings()
    assert "too large" in loaded.note


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_J8_a_pickle_is_never_run(tmp_path: Path):
    trap = tmp_path / "ran"
    (tmp_path / "settings.json").write_bytes(pickle.dumps(_Runs(trap)))
    assert SettingsStore(tmp_path).load().settings == Settings()
    text = pickle.dumps(_Runs(trap)).decode("latin-1")
    (tmp_path / "settings.json").write_text(json.dumps({"window_state": text}), encoding="utf-8")
    assert SettingsStore(tmp_path).load().settings.window_state == text
    assert not trap.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the folder's own access list")
def test_J9_only_the_owner_can_read_the_file(tmp_path: Path):
    store = SettingsStore(tmp_path / "own")
    store.save(Settings())
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_J9_recent_files_are_ten_newest_first_and_can_be_forgotten():
    value = Settings()
    for number in range(12):
        value = value.with_recent(f"/q/{number}.db")
    value = value.with_recent("/q/5.db")
    assert value.recent_files[:3] == ("/q/5.db", "/q/11.db", "/q/10.db")
    assert len(value.recent_files) == 10
    assert value.last_file == "/q/5.db"
    assert value.without_recent().recent_files == ()
    assert value.without_recent().last_file == ""


def test_J9_an_address_with_a_password_is_not_kept():
    secret = "postgresql://anna:geheim@host/queue"
    assert "geheim" not in dump(Settings().with_recent(secret))
    assert Settings().with_recent(r"\\server\share\q.db").last_file == r"\\server\share\q.db"


def test_K4_without_a_home_the_defaults_are_used(tmp_path: Path):
    store = SettingsStore(default_folder({}, "linux"))
    assert store.load().settings == Settings()
    assert "nothing will be remembered" in store.load().note
    assert store.save(Settings()) != ""


def test_K4_where_a_file_stands_in_the_way_the_defaults_are_used(tmp_path: Path):
    (tmp_path / "prismq").write_text("a file, no folder", encoding="utf-8")
    store = SettingsStore(tmp_path / "prismq")
    assert store.load().settings == Settings()
    note = store.save(Settings())
    assert str(tmp_path / "prismq") in note
    assert (tmp_path / "prismq").read_text(encoding="utf-8") == "a file, no folder"


def test_a_failed_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = SettingsStore(tmp_path)
    store.save(Settings(theme="dark"))

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_replace", full)
    assert "no space left" in store.save(Settings(theme="light"))
    assert store.load().settings.theme == "dark"
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_settings_to_be_written_soon_are_read_at_once_and_stand_in_the_file_in_the_end(tmp_path: Path):
    store = SettingsStore(tmp_path / "Daten ü")
    for name in ("light", "dark", "system", "dark"):
        store.save_soon(Settings(theme=name))
        assert store.load().settings.theme == name
    store.finish()
    assert SettingsStore(tmp_path / "Daten ü").load().settings.theme == "dark"
    store.save_soon(Settings(theme="light"))
    store.save(Settings(theme="system"))
    assert SettingsStore(tmp_path / "Daten ü").load().settings.theme == "system"
    assert store.take_note() == ""


def test_why_settings_were_not_written_soon_is_told_once(tmp_path: Path):
    (tmp_path / "in the way").write_text("", encoding="utf-8")
    store = SettingsStore(tmp_path / "in the way")
    store.save_soon(Settings(theme="light"))
    store.finish()
    assert store.take_note().startswith("Settings were not saved in")
    assert store.take_note() == ""


def test_folders_are_those_of_each_system():
    home = {"HOME": "/home/anna"}
    assert default_folder(home, "linux") == Path("/home/anna/.config/prismq")
    assert default_folder(home | {"XDG_CONFIG_HOME": "/cfg"}, "linux") == Path("/cfg/prismq")
    assert default_folder(home | {"XDG_CONFIG_HOME": "relative"}, "linux") == Path("/home/anna/.config/prismq")
    assert default_folder(home, "darwin") == Path("/home/anna/Library/Application Support/PrismQ")
    local = {"LOCALAPPDATA": r"C:\Users\Jörg Ä\AppData\Local"}
    assert default_folder(local, "win32") == Path(r"C:\Users\Jörg Ä\AppData\Local") / "PrismQ"
    assert default_folder({}, "win32") is None


def test_layouts_and_splitters_are_found_by_name():
    layout = TableLayout(widths=(ColumnWidth("id", 80),), hidden=("error_message",))
    value = Settings().with_layout("tasks", layout).with_layout("logs", TableLayout(sort_column="id"))
    assert value.layout("tasks") == layout
    assert value.layout("workers") == TableLayout()
    assert value.with_layout("tasks", TableLayout()).layout("tasks") == TableLayout()
    assert value.with_splitter("main", (1, 2)).with_splitter("main", (3, 4)).splitter("main") == (3, 4)


def test_the_module_needs_no_qt():
    assert "PySide6" not in Path(module.__file__).read_text(encoding="utf-8")


def test_a_view_takes_the_place_of_one_of_its_name_on_the_same_page():
    kept = Settings().with_view(SavedView("Slow")).with_view(SavedView("Slow", "logs")).with_view(SavedView("Other"))
    kept = kept.with_view(SavedView("SLOW", text="ran>1h"))
    assert [(view.name, view.page) for view in kept.views] == [("SLOW", "tasks"), ("Slow", "logs"), ("Other", "tasks")]
    assert len(kept.without_view(kept.views[0]).views) == 2
    assert kept.with_view_renamed(kept.views[0], "Long").views[0].name == "Long"
    for number in range(150):
        kept = kept.with_view(SavedView(f"View {number}"))
    assert len(kept.views) == 100
    assert parse(dump(kept)) == kept


def test_views_that_two_windows_saved_are_both_kept():
    before = Settings().with_view(SavedView("Old")).with_view(SavedView("Gone"))
    other = before.with_view(SavedView("Theirs"))
    now = before.with_view(SavedView("Ours")).without_view(SavedView("Gone"))
    assert [view.name for view in merged(other, before, now).views] == ["Old", "Theirs", "Ours"]


def test_layouts_that_two_windows_keep_of_two_files_are_both_kept():
    before = Settings().with_layout("tasks", TableLayout(order=("id",))).with_layout("gone", TableLayout())
    other = before.with_layout("tasks of 1", TableLayout(order=("payload.a",)))
    now = before.with_layout("tasks of 2", TableLayout(order=("payload.b",)))
    now = replace(now, layouts=tuple(entry for entry in now.layouts if entry.page != "gone"))
    found = merged(other, before, now)
    assert [entry.page for entry in found.layouts] == ["tasks", "tasks of 1", "tasks of 2"]
    assert found.layout("tasks of 2").order == ("payload.b",)


def test_a_view_of_an_unknown_page_is_refused():
    with pytest.raises(SettingsError):
        parse('{"views": [{"name": "x", "page": "../logs"}]}')


def test_a_file_has_its_own_thresholds_or_those_of_all(tmp_path: Path):
    queue, other = tmp_path / "Schlange ü.db", tmp_path / "other.db"
    kept = Settings(thresholds=Thresholds(dead_letters=5))
    kept = replace(kept, file_thresholds=with_own(kept.file_thresholds, queue, Thresholds(dead_letters=9)))
    assert kept.thresholds_of(tmp_path / "x" / ".." / queue.name).dead_letters == 9
    assert kept.thresholds_of(other).dead_letters == kept.thresholds_of(None).dead_letters == 5
    assert "Schlange" not in dump(kept), "a forgotten file is not named here either"
    kept = replace(kept, file_thresholds=with_own(kept.file_thresholds, queue, None))
    assert kept.thresholds_of(queue).dead_letters == 5


def test_thresholds_that_two_windows_set_for_two_files_are_both_kept(tmp_path: Path):
    one, two = tmp_path / "1.db", tmp_path / "2.db"
    before = Settings()
    kept = replace(before, file_thresholds=with_own((), one, Thresholds(dead_letters=2)))
    now = replace(before, file_thresholds=with_own((), two, Thresholds(dead_letters=3)))
    found = merged(kept, before, now).file_thresholds
    assert [own(found, each).dead_letters for each in (one, two)] == [2, 3]


@pytest.mark.parametrize("bad", [{"silent_after_s": -1}, {"silent_after_s": "2 min"}, {"x": 1}, []])
def test_thresholds_that_are_not_allowed_are_refused(bad: object):
    with pytest.raises(SettingsError, match="thresholds"):
        parse(json.dumps({"thresholds": bad}))
