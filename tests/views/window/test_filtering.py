"""Filtering by the language, in a real window on a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.views.plan_dialog import Step
from tests.views.window.conftest import Driver


def type_filter(driver: Driver, text: str) -> None:
    line = driver.window.tasks_page.filter_bar.search
    line.setFocus()
    line.clear()
    QTest.keyClicks(line, text)
    line.offers.hide()
    line.settle()
    driver.until(lambda: driver.window.tasks_page.model.is_complete)


def count_sql(path: Path, condition: str) -> int:
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute(f"SELECT count(*) FROM task_queue WHERE {condition}").fetchone()[0])


def test_chips_and_text_ask_together_and_say_so(opened: Driver, sample_db: Path) -> None:
    page = opened.window.tasks_page
    type_filter(opened, "error:timeout or error:codec")
    page.chips.set_selected_statuses(("failed",))
    opened.until(lambda: page.model.is_complete)
    condition = "status = 'failed' AND (error_message LIKE '%timeout%' OR error_message LIKE '%codec%')"
    opened.until(lambda: page.model.count == count_sql(sample_db, condition))
    assert page.filter_note.isVisible()
    assert page.filter_note.told.text() == "Together: status:failed (error:timeout or error:codec)"
    page.chips.set_selected_statuses(())
    assert not page.filter_note.isVisible()


def test_a_mistake_keeps_the_list_and_says_what_it_shows(opened: Driver) -> None:
    page = opened.window.tasks_page
    type_filter(opened, "status:failed")
    count = page.model.count
    assert count > 0
    type_filter(opened, "statsu:dead")
    assert page.filter_note.isVisible()
    assert "There is no field “statsu”." in page.filter_note.error.text()
    assert "Did you mean “status”?" in page.filter_note.error.text()
    # emptying the line on the way showed everything, as an empty filter does
    assert page.filter_note.told.text() == "The list still shows all tasks."
    line = page.filter_bar.search
    line.setText("status:failed")
    line.settle()
    line.setText("status:failed and")
    line.settle()
    assert page.filter_note.told.text() == "The list still shows status:failed"
    opened.until(lambda: page.model.is_complete and page.model.count == count)


def test_all_that_match_is_refused_while_the_filter_has_a_mistake(opened: Driver) -> None:
    window = opened.window
    line = window.tasks_page.filter_bar.search
    type_filter(opened, "status:failed")
    opened.until(window.actions_["retry_matching"].isEnabled)
    line.setText("status:failed error:")
    window.actions_["retry_matching"].trigger()  # before the pause that reads it
    assert window.commands.plan_dialog is None
    assert not window.actions_["retry_matching"].isEnabled()
    assert "can't be read" in window.actions_.reason("retry_matching")


def test_all_that_match_takes_what_was_typed_a_moment_ago(opened: Driver, sample_db: Path) -> None:
    type_filter(opened, "status:failed")
    opened.until(opened.window.actions_["retry_matching"].isEnabled)
    opened.window.tasks_page.filter_bar.search.setText("status:failed error:timeout")
    dialog = opened.preview("retry_matching")
    assert dialog.step is Step.PREVIEW
    wanted = count_sql(sample_db, "status = 'failed' AND error_message LIKE '%timeout%'")
    assert f"{wanted}" in dialog.sentence.text()
    dialog.reject()


def test_a_text_from_elsewhere_is_looked_for_as_it_is(opened: Driver) -> None:
    page = opened.window.tasks_page
    page.show_text('a"b (or) c:d%_\\')
    opened.until(lambda: page.model.is_complete)
    assert page.filter_bar.search.mistake is None
    assert page.filter_bar.search.text() == '"a""b (or) c:d%_\\"'


def test_new_tasks_that_match_come_live(opened: Driver, sample_db: Path) -> None:
    page = opened.window.tasks_page
    type_filter(opened, "type:brand.* payload.planet=mars")
    assert page.model.count == 0
    assert "type:brand.* payload.planet=mars" in page.empty.texts()[1]
    with closing(sqlite3.connect(sample_db)) as file:
        file.executemany(
            "INSERT INTO task_queue (type, status, payload) VALUES ('brand.new', 'queued', ?)",
            [('{"planet": "mars"}',), ('{"planet": "venus"}',)],
        )
        file.commit()
    opened.until(lambda: page.model.count == 1)


def test_values_of_the_file_are_offered_and_taken_by_keyboard(opened: Driver) -> None:
    window = opened.window
    line = window.tasks_page.filter_bar.search
    window.activateWindow()
    opened.act("find")
    opened.until(line.hasFocus)
    QTest.keyClicks(line, "work")
    assert [each.label for each in line.offers.offers][:1] == ["worker"]
    QTest.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "worker:"
    opened.until(lambda: "worker-05" in [each.label for each in line.offers.offers])
    QTest.keyClick(line, Qt.Key.Key_Down)
    first = line.offers.current
    assert first is not None
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == f"worker:{first.insert}"
    assert not line.offers.isVisible()
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert window.tasks_page.filter().query is not None


def test_the_filter_is_remembered_as_it_was_typed(make_window, sample_db: Path, tmp_path: Path) -> None:
    first = make_window(tmp_path / "same")
    first.open(sample_db)
    type_filter(first, "status:failed  attempts>=2")
    first.window.close()
    second = make_window(tmp_path / "same")
    assert second.window.tasks_page.filter_bar.search.text() == "status:failed  attempts>=2"
    assert second.window.tasks_page.filter() == first.window.tasks_page.filter()


def test_logs_are_filtered_by_the_language_too(opened: Driver, sample_db: Path) -> None:
    page = opened.window.logs_page
    opened.act("show_logs")
    page.filter_bar.search.setText("level:error")
    page.filter_bar.search.settle()
    with closing(sqlite3.connect(sample_db)) as file:
        wanted = file.execute("SELECT count(*) FROM task_logs WHERE upper(level) = 'ERROR'").fetchone()[0]
    opened.until(lambda: page.model.is_complete and page.model.count == wanted)
    page.filter_bar.search.setText("worker:x")
    page.filter_bar.search.settle()
    assert page.filter_note.isVisible()
    assert page.filter_note.told.text() == "The list still shows level:error"
    assert page.model.count == wanted


def test_views_are_saved_chosen_renamed_and_deleted(make_window, sample_db: Path, tmp_path: Path) -> None:
    first = make_window(tmp_path / "same")
    first.open(sample_db)
    window = first.window
    page = window.tasks_page
    assert not window.actions_["manage_views"].isEnabled()
    first.filter(statuses=("failed",))
    type_filter(first, "attempts>=2")
    page.table.set_column_hidden("priority", True)
    page.table.set_sort("attempts", True)
    first.act("save_view")
    dialog = window.saved_views.name_dialog
    assert dialog is not None
    assert not dialog.button.isEnabled()
    QTest.keyClicks(dialog.line, "Tried <b>twice</b> & failed")
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert [view.name for view in window.settings.views] == ["Tried <b>twice</b> & failed"]
    window.close()

    second = make_window(tmp_path / "same")
    second.open(sample_db)
    window, page = second.window, second.window.tasks_page
    page.clear_filter()
    page.table.set_column_hidden("priority", False)
    page.table.set_sort("id", True)
    (entry,) = window.saved_views.entries()
    assert "&& failed" in entry.text()
    entry.trigger()
    second.until(lambda: page.model.is_complete)
    assert page.filter() == TaskFilter(("failed",), query=page.filter().query)
    assert page.filter_bar.search.text() == "attempts>=2"
    assert page.order_name().value == "attempts"
    assert page.table.isColumnHidden(page.table.column_names.index("priority"))

    second.act("manage_views")
    views = window.saved_views.views_dialog
    assert views is not None
    QTest.keyClick(views.list, Qt.Key.Key_F2)
    rename = window.saved_views.name_dialog
    assert rename is not None
    rename.line.setText("Twice")
    rename.accept()
    assert views.list.item(0).text() == "Twice"
    QTest.keyClick(views.list, Qt.Key.Key_Delete)
    assert views.list.count() == 0
    assert window.settings.views == ()
    assert window.saved_views.entries() == ()
    views.reject()
    assert not window.actions_["manage_views"].isEnabled()


def test_saving_under_a_name_in_use_replaces_it_and_says_so_before(opened: Driver) -> None:
    window = opened.window
    window.saved_views.save("Mine")
    type_filter(opened, "attempts>=3")
    opened.act("save_view")
    dialog = window.saved_views.name_dialog
    assert dialog is not None
    dialog.line.setText("mine")
    assert dialog.button.text() == "Replace"
    assert "replaced" in dialog.told.text()
    dialog.accept()
    assert [(view.name, view.text) for view in window.settings.views] == [("mine", "attempts>=3")]


def test_a_view_of_the_logs_leads_to_the_logs(opened: Driver) -> None:
    window = opened.window
    opened.act("show_logs")
    window.logs_page.filter_bar.search.setText("message:boom")
    window.saved_views.save("Booms")
    window.logs_page.clear_filter()
    opened.act("show_tasks")
    window.saved_views.entries()[0].trigger()
    assert window.page == "logs"
    assert window.logs_page.filter_bar.search.text() == "message:boom"
    assert window.logs_page.filter().query is not None
