"""The window as a whole, on real files: counts, sorting, panel, errors, layout, keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from prismq_gui.actions.registry import Place
from prismq_gui.insight.filters import TaskColumn, TaskOrder
from prismq_gui.polling.messages import LinkState
from prismq_gui.settings import SettingsStore
from prismq_gui.views.memory import is_minimised
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def count_of(path: Path, where: str) -> int:
    return int(run_sql(path, f"SELECT count(*) FROM task_queue WHERE {where}")[0][0])  # type: ignore[call-overload]


# -- reading


def test_chips_tell_the_counts_of_the_file(opened: Driver, sample_db: Path) -> None:
    opened.until(lambda: opened.chip("All") == str(count_of(sample_db, "1")))
    assert opened.chip("Waiting") == str(count_of(sample_db, "status = 'queued'"))
    assert opened.chip("Running") == str(count_of(sample_db, "status IN ('leased', 'processing')"))
    assert opened.chip("Failed") == str(count_of(sample_db, "status = 'failed'"))
    assert opened.chip("Cancelled") == "0"


def test_no_count_is_shown_before_there_is_one(driver: Driver) -> None:
    assert driver.chip("All") == "…"


def test_rows_are_newest_first_and_sort_by_a_column(opened: Driver, sample_db: Path) -> None:
    newest = [str(row[0]) for row in run_sql(sample_db, "SELECT id FROM task_queue ORDER BY id DESC LIMIT 5")]
    assert opened.column("id")[:5] == newest
    page = opened.window.tasks_page
    header, at = page.table.horizontalHeader(), page.table.column_names.index("type")
    place = QPoint(header.sectionViewportPosition(at) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    opened.until(lambda: page.model.order == TaskOrder(TaskColumn.TYPE, descending=False) and page.model.is_complete)
    types = [str(row[0]) for row in run_sql(sample_db, "SELECT type FROM task_queue ORDER BY type, id LIMIT 5")]
    assert opened.column("type")[:5] == types


def test_the_window_tells_file_and_folder_in_plain_text(opened: Driver, sample_db: Path) -> None:
    assert opened.window.windowTitle() == "queue.db – PrismQ"
    assert opened.window.top_bar.name_label.text() == "queue.db"
    assert opened.window.top_bar.folder_label.text() == str(sample_db.parent)


def test_J16_ampersand_and_placeholder_in_a_name_are_shown_as_they_are(driver: Driver, tmp_path: Path) -> None:
    path = copy_sample(tmp_path, "a&b[*].db")
    driver.open(path)
    assert driver.window.windowTitle() == "a&b[*][*].db – PrismQ"  # Qt shows [*][*] as [*]
    entry = driver.window.actions_.menu(Place.RECENT).actions()[0]
    assert "a&&b[*].db" in entry.text()


def test_the_panel_tells_the_current_task_and_follows_it(opened: Driver) -> None:
    opened.filter(statuses=("failed",))
    first = opened.select_first()
    panel = opened.window.tasks_page.detail
    opened.until(lambda: panel.is_showing_task)
    assert panel.title_label.text() == f"Task {first}"
    opened.act("next_task")
    second = opened.window.tasks_page.table.current_id
    assert second != first
    opened.until(lambda: panel.title_label.text() == f"Task {second}")


def test_the_panel_is_read_again_when_the_file_changes(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    wanted = opened.select_first()
    panel = opened.window.tasks_page.detail
    opened.until(lambda: panel.is_showing_task)
    run_sql(sample_db, "UPDATE task_queue SET error_message = 'quite another error' WHERE id = ?", (wanted,))
    opened.until(lambda: "quite another error" in panel.error.toPlainText())


def test_a_task_that_goes_is_told_gone(opened: Driver, sample_db: Path) -> None:
    wanted = opened.select_first()
    panel = opened.window.tasks_page.detail
    opened.until(lambda: panel.is_showing_task)
    run_sql(sample_db, "DELETE FROM task_queue WHERE id = ?", (wanted,))
    opened.until(lambda: panel.title_label.text() != f"Task {wanted}" or not panel.is_showing_task)


def test_J1_text_of_the_queue_is_literal_everywhere(driver: Driver, tmp_path: Path) -> None:
    evil = "<b>x</b><img src='file:///etc/hostname'>"
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "UPDATE task_queue SET type = ?, status = 'failed', error_message = ?, locked_by = ?", (evil,) * 3)
    driver.open(path)
    assert driver.column("type") == [evil]
    wanted = driver.select_first()
    panel = driver.window.tasks_page.detail
    driver.until(lambda: panel.is_showing_task and panel.task_id == wanted)
    assert evil in panel.type_label.text()
    assert panel.type_label.textFormat() == Qt.TextFormat.PlainText
    dialog = driver.preview("retry")
    assert any(evil in line for line in dialog.lines.lines())
    assert dialog.sentence.textFormat() == Qt.TextFormat.PlainText
    dialog.reject()


def test_an_empty_queue_and_an_empty_filter_say_what_to_do(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 0)
    driver.open(path)
    page = driver.window.tasks_page
    driver.until(page.empty.isVisible)
    assert page.empty.texts()[0] == "The queue is empty"
    driver.filter(text="nothing has this")
    driver.until(lambda: page.empty.texts()[0] == "No tasks match")
    page.empty.action_requested.emit()
    driver.until(lambda: page.filter().is_empty and page.empty.texts()[0] == "The queue is empty")


def test_new_tasks_appear_by_themselves(opened: Driver, sample_db: Path) -> None:
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('brand.new', '{}')")
    newest = str(run_sql(sample_db, "SELECT max(id) FROM task_queue")[0][0])
    opened.until(lambda: opened.column("id")[0] == newest)
    assert opened.column("type")[0] == "brand.new"


# -- pages


def test_pages_by_key_and_the_way_from_a_log_line_to_its_task(opened: Driver) -> None:
    window = opened.window
    window.tasks_page.table.setFocus()
    opened.filter(statuses=("completed",))
    QTest.keyClick(window.tasks_page.table, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "logs"
    logs = window.logs_page
    opened.until(lambda: logs.model.is_complete and logs.model.count > 0 and logs.model.cells(0) is not None)
    logs.table.setFocus()
    logs.table.selectRow(0)
    line = logs.model.line(0)
    assert line is not None
    QTest.keyClick(logs.table, Qt.Key.Key_Return)
    assert window.page == "tasks"
    opened.until(lambda: window.tasks_page.table.current_id == line.task_id)


def test_enter_on_a_worker_shows_its_tasks(opened: Driver) -> None:
    window = opened.window
    opened.act("show_workers")
    opened.until(lambda: window.workers_page.model.rowCount() > 0)
    window.workers_page.table.setFocus()
    window.workers_page.table.selectRow(0)
    name = window.workers_page.model.id_at(0)
    QTest.keyClick(window.workers_page.table, Qt.Key.Key_Return)
    assert window.page == "tasks"
    assert window.tasks_page.filter().query.text == name
    opened.until(lambda: window.tasks_page.model.is_complete)
    assert window.tasks_page.model.count > 0


def test_find_goes_to_the_search_line(opened: Driver) -> None:
    window = opened.window
    opened.act("find")
    assert window.tasks_page.filter_bar.search.hasFocus()
    QTest.keyClicks(window.tasks_page.filter_bar.search, "render")
    QTest.keyClick(window.tasks_page.filter_bar.search, Qt.Key.Key_Return)
    assert window.tasks_page.filter().query.text == "render"


def test_copy_takes_the_selected_rows_as_text(opened: Driver) -> None:
    wanted = opened.select_first()
    opened.column("id")
    opened.window.tasks_page.table.setFocus()
    opened.act("copy")
    assert QApplication.clipboard().text().split("\t")[0] == str(wanted)


# -- errors: one clear banner, and the program goes on


def make_bad(kind: str, folder: Path) -> Path:
    path = folder / "bad.db"
    if kind == "missing":
        return path
    if kind == "directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not a database, however long it may be" * 50, encoding="utf-8")
    elif kind == "other":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE songs (id INTEGER)")
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "not found"),
        ("directory", "folder"),
        ("empty", "mpty"),
        ("text", "ot an SQLite database"),
        ("other", "task_queue"),
    ],
)
def test_A_bad_file_gives_one_banner_and_a_good_one_opens_afterwards(
    driver: Driver, tmp_path: Path, kind: str, words: str
) -> None:
    bad = make_bad(kind, tmp_path)
    before = bad.read_bytes() if bad.is_file() else None
    driver.window.open_path(bad)
    told = driver.banner()
    assert words in told
    assert str(bad) in told
    assert driver.window.start_page.isVisible()
    assert (bad.read_bytes() if bad.is_file() else None) == before
    assert str(bad) not in driver.window.settings.recent_files
    driver.open(copy_sample(tmp_path, "good.db"))
    assert driver.is_quiet()
    assert driver.column("id")


def test_a_missing_column_is_told_and_the_rest_shown(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    run_sql(path, "ALTER TABLE task_queue DROP COLUMN error_message")
    driver.open(path)
    assert len(driver.column("id")) == 3
    assert driver.window.session.facts is not None
    assert any("error_message" in note for note in driver.window.session.facts.notes)
    driver.select_first()
    assert not driver.window.actions_["retry"].isEnabled()


def test_B6_B7_a_file_that_goes_and_returns(opened: Driver, sample_db: Path) -> None:
    opened.select_first()
    aside = sample_db.with_name("aside.db")
    shown = opened.window.tasks_page.model.count
    sample_db.rename(aside)
    assert "gone" in opened.banner()
    assert not sample_db.exists()
    assert opened.window.tasks_page.model.count == shown
    assert not opened.window.actions_["retry"].isEnabled()
    aside.rename(sample_db)
    opened.until(lambda: opened.is_quiet() and opened.window.session.link.state is LinkState.LIVE)


def test_B5_a_replaced_file_is_opened_anew(opened: Driver, sample_db: Path, tmp_path: Path) -> None:
    opened.select_first()
    other = make_foreign_queue(tmp_path / "other.db", 3, wal=False)
    other.replace(sample_db)
    assert "replaced" in opened.banner()
    opened.until(lambda: opened.window.tasks_page.model.count == 3)
    opened.until(lambda: opened.chip("All") == "3")
    assert opened.window.tasks_page.table.selected_count() == 0


def test_B9_garbage_in_place_gives_a_banner_and_no_end(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 200, wal=False)  # in WAL mode SQLite would not look at it again
    driver.open(path)
    with path.open("r+b") as file:
        file.write(b"garbage!" * 512)
    assert str(path) in driver.banner()
    assert driver.window.tasks_page.model.count == 200
    assert driver.window.isVisible()


def test_B15_a_writer_that_holds_the_lock_disturbs_no_reading(driver: Driver, sample_db: Path) -> None:
    with closing(sqlite3.connect(sample_db, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("BEGIN EXCLUSIVE")
        driver.open(sample_db)
        assert driver.column("id")
        writer.execute("ROLLBACK")


def test_a_rollback_journal_file_that_is_locked_is_told_and_opens_by_itself(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3, wal=False)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        driver.window.open_path(path)
        told = driver.banner()
        assert str(path) in told
        writer.execute("ROLLBACK")
    driver.until(lambda: driver.window.session.is_open and driver.window.tasks_page.model.count == 3)
    driver.until(driver.is_quiet)


def test_C14_read_only_says_so_and_switches_writing_off(driver: Driver, sample_db: Path) -> None:
    driver.open(sample_db, read_only=True)
    driver.select_first()
    assert driver.window.top_bar.read_only_label.isVisible()
    for id in ("retry", "cancel", "vacuum"):
        assert not driver.window.actions_[id].isEnabled()
        assert "read-only" in driver.window.actions_.reason(id)


# -- pause


def test_pause_stops_looking_and_going_on_catches_up(opened: Driver, sample_db: Path) -> None:
    opened.act("set_paused")
    opened.until(lambda: opened.window.session.link.state is LinkState.PAUSED)
    assert opened.window.top_bar.live_button.text().strip() == "Paused"
    shown = opened.column("id")
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('brand.new', '{}')")
    opened.act("set_paused")
    opened.until(lambda: opened.column("id") != shown)
    assert opened.window.top_bar.live_button.text().strip() == "Live"


def test_a_window_that_is_hidden_pauses_by_itself(opened: Driver) -> None:
    opened.window.showMinimized()
    opened.until(lambda: is_minimised(opened.window) and opened.window.session.link.state is LinkState.PAUSED)
    assert not opened.window.session.paused  # the person wants none
    opened.window.showNormal()
    opened.until(lambda: opened.window.session.link.state is LinkState.LIVE)
    opened.window.hide()
    opened.until(lambda: opened.window.session.link.state is LinkState.PAUSED)
    opened.window.show()
    opened.until(lambda: opened.window.session.link.state is LinkState.LIVE)


# -- what is remembered


def test_a_filter_of_one_file_is_not_put_on_another_at_the_start(
    make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path
) -> None:
    data, other = tmp_path / "remembered", tmp_path / "other.db"
    other.write_bytes(sample_db.read_bytes())
    first = make_window(data).open(sample_db)
    first.filter(statuses=("failed",), text="error")
    first.window.close()

    second = make_window(data)
    second.window.open_first(other)
    second.until(lambda: second.window.session.is_open and second.window.tasks_page.model.rowCount() == 600)
    assert second.window.tasks_page.filter().is_empty


def test_layout_filter_page_and_file_come_back(
    make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path
) -> None:
    data = tmp_path / "remembered"
    first = make_window(data).open(sample_db)
    page = first.window.tasks_page
    first.filter(statuses=("failed",), text="error")
    page.set_order(TaskOrder(TaskColumn.TYPE, descending=False))
    page.table.set_column_hidden("locked_by", True)
    page.table.setColumnWidth(page.table.column_names.index("type"), 321)
    page.splitter.setSizes([700, 400])
    sizes = page.splitter.sizes()
    first.window.logs_page.filter_bar.set_levels(("ERROR",))
    first.act("theme_dark")
    first.act("show_logs")
    first.window.close()

    second = make_window(data)
    second.window.open_first(None)
    again = second.window.tasks_page
    second.until(lambda: second.window.session.is_open)
    assert second.window.session.path == sample_db
    assert second.window.page == "logs"
    assert again.filter() == page.filter()
    assert again.model.order == TaskOrder(TaskColumn.TYPE, descending=False)
    assert again.table.isColumnHidden(again.table.column_names.index("locked_by"))
    assert again.table.columnWidth(again.table.column_names.index("type")) == 321
    assert second.window.logs_page.filter().levels == ("ERROR",)
    assert second.window.actions_["theme_dark"].isChecked()
    second.window.show_page("tasks")
    second.until(lambda: abs(again.splitter.sizes()[1] - sizes[1]) <= 2)


def test_a_closed_file_is_not_opened_again(make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path) -> None:
    data = tmp_path / "remembered"
    first = make_window(data).open(sample_db)
    first.act("close_file")
    first.window.close()
    second = make_window(data)
    second.window.open_first(None)
    assert second.window.start_page.isVisible()
    assert second.window.session.path is None
    assert second.window.start_page.recent_list.count() == 1


def test_recent_files_open_and_are_forgotten(opened: Driver, sample_db: Path, tmp_path: Path) -> None:
    other = copy_sample(tmp_path, "other.db")
    opened.open(other)
    assert opened.window.settings.recent_files == (str(other), str(sample_db))
    opened.act("close_file")
    with opened.qtbot.waitSignal(opened.window.first_rows_shown, timeout=10_000):
        QTest.keyClick(opened.window.start_page.recent_list, Qt.Key.Key_Down)
        QTest.keyClick(opened.window.start_page.recent_list, Qt.Key.Key_Return)
    assert opened.window.session.path == sample_db
    opened.act("clear_recent")
    assert opened.window.settings.recent_files == ()
    assert SettingsStore(tmp_path / "data").load().settings.recent_files == ()


def test_J7_a_tampered_settings_file_is_told_and_set_aside(make_window: Callable[..., Driver], tmp_path: Path) -> None:
    data = tmp_path / "tampered"
    data.mkdir()
    (data / "settings.json").write_text('{"theme": 7}', encoding="utf-8")
    made = make_window(data)
    assert "settings" in made.banner()
    assert (data / "settings.json.bad").exists()


# -- dropping


@pytest.mark.parametrize(
    ("urls", "taken"),
    [
        (["file:///tmp/a.db"], True),
        (["https://example.org/a.db"], False),
        (["file:///tmp/a.db", "file:///tmp/b.db"], True),
        (["file:///tmp/a.db", "https://example.org/b.db"], False),
        (["file:///tmp/a.db", "file:///tmp/b.db", "file:///tmp/c.db"], False),
        ([], False),
    ],
)
def test_J8_only_one_local_file_or_two_may_be_dropped(driver: Driver, urls: list[str], taken: bool) -> None:
    data = QMimeData()
    if urls:
        data.setUrls([QUrl(url) for url in urls])
    data.setText("file:///tmp/a.db")
    data.setData("application/x-python-pickle", b"cos\nsystem\n")
    event = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    event.ignore()
    driver.window.dragEnterEvent(event)
    assert event.isAccepted() == taken
