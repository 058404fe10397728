"""The verb search: hits as text and as JSON, with the index and without it, and the index itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismq_gui.cache_folder import cache_folder
from prismq_gui.cli import main
from prismq_gui.commands.command import Exit
from tests.cli.conftest import Call
from tests.helpers.files import run_sql


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test may write into the cache of whoever runs it."""
    home = tmp_path / "home ü"
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    found = cache_folder()
    assert found is not None
    assert found.is_relative_to(home)
    return found


def test_it_finds_tasks_and_log_lines(call: Call, queue: Path) -> None:
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (4, 'ERROR', 'a timeout\x1b[31m again')")
    done = call("search", "TimeOut")
    assert done.code == Exit.OK
    assert len(done.lines) == 2
    task, log = sorted(done.lines, reverse=True)
    assert task.startswith("task 4")
    assert "TimeoutError: 100%_sure" in task
    assert log.startswith("log 1")
    assert "#4" in log
    assert "\x1b" not in done.out
    assert len(call("search", "timeout", "--tasks").lines) == 1
    assert len(call("search", "timeout", "--logs").lines) == 1
    assert call("search", "100%_S").code == Exit.OK
    assert call("search", "100__S").code == Exit.NOTHING


def test_json_says_where(call: Call, queue: Path) -> None:
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (4, 'ERROR', 'xtimeout')")
    task, log = sorted(call("search", "timeout", "--json").objects, key=lambda each: each["kind"], reverse=True)
    assert (task["kind"], task["id"], task["column"], task["at"], task["length"]) == ("tasks", 4, "error_message", 0, 7)
    assert (log["kind"], log["id"], log["task_id"], log["at"]) == ("logs", 1, 4, 1)


def test_the_limit_is_of_the_newest(call: Call) -> None:
    done = call("search", "disk", "--limit", "1", "--json")
    assert [each["id"] for each in done.objects] == [6]
    assert [each["id"] for each in call("search", "disk", "--limit", "0", "--json").objects] == [6, 5]
    assert "--limit 0" in call("search", "disk", "--limit", "1").err


def test_the_index_is_built_told_used_and_dropped(call: Call, queue: Path, cache: Path) -> None:
    assert call("search", "--index", "status", "--json").object["state"] == "off"
    assert not (cache / "search").exists()
    built = call("search", "--index", "build", "--json")
    assert built.code == Exit.OK
    assert built.object["state"] == "complete"
    assert Path(built.object["path"]).is_relative_to(cache)
    assert "complete" in call("search", "--index", "status").out
    run_sql(queue, "UPDATE task_queue SET error_message = 'changed since' WHERE id = 1")
    for text in ("changed since", "disk", "100%", "di"):
        with_it, without = call("search", text, "--json"), call("search", text, "--json", "--no-index")
        assert {each["id"] for each in with_it.objects} == {each["id"] for each in without.objects} != set()
    assert call("search", "--index", "drop", "--json").object == {"dropped": True}
    assert call("search", "--index", "status").out.split() == ["index", "off"]


def test_wrong_use_is_told(call: Call, queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["search"], ["search", "  "], ["search", "x", "--index", "status"]):
        assert main([*arguments, "--db", str(queue)]) == Exit.USAGE
    capsys.readouterr()
    done = call("search", "x" * 1_001)
    assert done.code == Exit.PROBLEM
    assert "too long" in done.err


def test_a_file_that_is_not_there_is_not_made(call: Call, tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    for arguments in (("search", "x"), ("search", "--index", "build"), ("search", "--index", "status")):
        assert call(*arguments, db=missing).code == Exit.PROBLEM
    assert not missing.exists()


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("win32", {"LOCALAPPDATA": "C:\\Users\\ü\\AppData\\Local"}, ("PrismQ", "Cache")),
        ("darwin", {"HOME": "/Users/u"}, ("Library", "Caches", "PrismQ")),
        ("linux", {"HOME": "/home/u"}, (".cache", "prismq")),
        ("linux", {"HOME": "/home/u", "XDG_CACHE_HOME": "/c"}, ("c", "prismq")),
        ("linux", {"HOME": "/home/u", "XDG_CACHE_HOME": "relative"}, (".cache", "prismq")),
    ],
)
def test_the_folder_is_the_system_s_own(platform: str, environ: dict[str, str], expected: tuple[str, ...]) -> None:
    found = cache_folder(environ, platform)
    assert found is not None
    assert found.parts[-len(expected) :] == expected


def test_without_a_home_there_is_no_index() -> None:
    for platform in ("win32", "darwin", "linux"):
        assert cache_folder({}, platform) is None
