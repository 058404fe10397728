"""A value of a task is saved to a file that the person names."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from prismq_gui.views.detail_panel import ERROR
from tests.helpers.files import run_sql
from tests.views.window.conftest import Driver


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the person names; the system's own dialog cannot be driven from here."""
    path = tmp_path / "Größe & co" / "value.txt"
    path.parent.mkdir()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    return path


def test_H4_the_error_in_view_is_saved_and_the_status_line_says_where(
    opened: Driver, sample_db: Path, target: Path
) -> None:
    window = opened.window
    assert window.actions_.reason("save_value") == "Select a task first."
    opened.filter(statuses=("failed",))
    task_id = opened.select_first()
    opened.until(lambda: window.tasks_page.detail.is_showing_task)
    window.tasks_page.detail.tabs.setCurrentIndex(ERROR)
    opened.act("save_value")
    opened.until(lambda: str(target) in window.status_line.message_label.text())
    error = run_sql(sample_db, "SELECT error_message FROM task_queue WHERE id = ?", (task_id,))[0][0]
    assert target.read_text(encoding="utf-8") == error


def test_a_folder_that_went_is_told_with_what_was_not_done(opened: Driver, target: Path) -> None:
    opened.select_first()
    target.parent.rmdir()
    opened.act("save_value")
    words = opened.banner()
    assert "can't be written" in words
    assert "the queue was not changed" in words
