"""Rows are written to a file of the person's own, from the page in view."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.operations.export_records import ExportFormat
from prismq_gui.views.export_dialog import ExportDialog
from tests.views.window.conftest import Driver


def export_dialog(driver: Driver) -> ExportDialog:
    driver.act("export")
    (dialog,) = (each for each in driver.window.findChildren(ExportDialog) if each.isVisible())
    return dialog


def words(dialog: ExportDialog) -> list[str]:
    return [each.text() for each in dialog.radios.buttons()]


def test_what_matches_is_exported_by_keyboard_and_a_file_that_is_there_is_asked_about(
    opened: Driver, tmp_path: Path
) -> None:
    opened.filter(statuses=("failed",))
    dialog = export_dialog(opened)
    assert words(dialog)[:2] == ["All tasks that match status:failed", "All tasks of the file"]
    target = tmp_path / "Größe & co.csv"
    target.write_text("mine", "utf-8")
    dialog.file.setText(str(target))
    QTest.keyClick(dialog.file, Qt.Key.Key_Return)
    opened.until(lambda: dialog.report is not None)
    assert "already" in dialog.told.text()
    assert target.read_text("utf-8") == "mine"
    assert dialog.export_button.text() == "&Write over it"
    QTest.keyClick(dialog.export_button, Qt.Key.Key_Return)
    opened.until(lambda: "written to" in dialog.told.text())
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert {row["status"] for row in csv.DictReader(file)} == {"failed"}
    assert dialog.folder_button.isVisible()
    dialog.close()


def test_the_selected_tasks_alone_come_in_the_order_of_the_table(opened: Driver, tmp_path: Path) -> None:
    table = opened.window.tasks_page.table
    table.selectRow(2)
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    dialog = export_dialog(opened)
    assert words(dialog)[0] == "The 2 selected tasks"
    dialog.format.setCurrentIndex(dialog.format.findData(ExportFormat.NDJSON))
    assert dialog.file.text().endswith("queue tasks.ndjson")
    dialog.file.setText(str(tmp_path / "two.ndjson"))
    dialog.export_button.click()
    opened.until(lambda: dialog.report is not None)
    ids = [json.loads(line)["id"] for line in (tmp_path / "two.ndjson").read_text("utf-8").splitlines()]
    assert ids == sorted(opened.window.tasks_page.selected().ids, reverse=True)
    dialog.close()


def test_on_the_logs_page_lines_are_exported(opened: Driver, tmp_path: Path) -> None:
    opened.window.show_page("logs")
    dialog = export_dialog(opened)
    assert words(dialog) == ["All log lines of the file"]
    dialog.file.setText(str(tmp_path / "no such" / "lines.csv"))
    dialog.export_button.click()
    opened.until(lambda: dialog.report is not None)
    assert "can't be written" in dialog.told.text()
    dialog.file.setText(str(tmp_path / "lines.csv"))
    assert dialog.told.text() == ""
    dialog.export_button.click()
    opened.until(lambda: "written to" in dialog.told.text())
    assert (tmp_path / "lines.csv").read_text("utf-8-sig").count("\n") >= 637
    dialog.close()
