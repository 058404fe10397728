"""Nothing that comes out of a queue is fetched, followed or run: in no widget of no page."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QTextBrowser, QTextEdit, QWidget

from prismq_gui.views.export_dialog import ExportDialog
from tests.helpers.files import run_sql
from tests.views.window.conftest import Driver

HOSTILE = (
    '<img src="//host.invalid/share/x.png"><a href="file:///etc/passwd">a</a> file://host.invalid/x '
    "https://host.invalid/y javascript:alert(1) \\\\host.invalid\\z"
)


class Opened(QObject):
    """Takes what the program wants the system to open; the system itself is not asked."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[QUrl] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.urls.append(url)


@pytest.fixture
def asked_for():
    taken = Opened()
    schemes = ("file", "http", "https", "javascript", "")
    for scheme in schemes:
        QDesktopServices.setUrlHandler(scheme, taken, "take")
    yield taken
    for scheme in schemes:
        QDesktopServices.unsetUrlHandler(scheme)


def faults(widget: QWidget) -> str:
    """Return in what way a widget would take text for more than text, '' where in none."""
    if isinstance(widget, QLabel):
        is_guessed = bool(widget.text()) and widget.textFormat() != Qt.TextFormat.PlainText
        return "its format is guessed" if is_guessed else "it opens links" if widget.openExternalLinks() else ""
    if isinstance(widget, QTextEdit):
        if isinstance(widget, QTextBrowser) and widget.openLinks():
            return "it follows links"
        made = widget.toHtml()
        return "it made a link or a picture" if "<img" in made or "<a " in made else ""
    return ""


def test_J2_J3_what_looks_like_a_link_or_a_picture_is_text_in_every_widget(
    driver: Driver, sample_db: Path, asked_for: Opened
) -> None:
    run_sql(sample_db, "UPDATE task_queue SET error_message = ?, payload = json_object('k', ?), type = ? "
                       "WHERE id = (SELECT max(id) FROM task_queue)", (HOSTILE,) * 3)  # fmt: skip
    task_id = run_sql(sample_db, "SELECT max(id) FROM task_queue")[0][0]
    run_sql(sample_db, "INSERT INTO task_logs (task_id, level, message) VALUES (?, 'INFO', ?)", (task_id, HOSTILE))
    window = driver.open(sample_db).window
    driver.select_first()
    driver.until(lambda: window.tasks_page.detail.is_showing_task)
    for number in range(window.tasks_page.detail.tabs.count()):
        window.tasks_page.detail.tabs.setCurrentIndex(number)
    for page in ("overview", "failures", "workers", "logs", "search", "database", "tasks"):
        window.show_page(page)
        driver.until(lambda page=page: window.page == page)
    looked_at = 0
    for widget in QApplication.allWidgets():
        if isinstance(widget, (QLabel, QTextEdit, QPlainTextEdit)):
            looked_at += 1
            assert not faults(widget), (faults(widget), widget, widget.parent())
            QTest.mouseClick(widget if isinstance(widget, QLabel) else widget.viewport(), Qt.MouseButton.LeftButton)
    assert looked_at > 50
    assert asked_for.urls == []


@pytest.mark.parametrize("name", ["a, b & c%20d", "x.lnk", "run.exe", "ä#;"])
def test_J13_the_folder_alone_is_opened_whatever_it_is_called(
    opened: Driver, tmp_path: Path, asked_for: Opened, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    opened.act("export")
    (dialog,) = opened.window.findChildren(ExportDialog)
    dialog.file.setText(str(folder / "tasks.csv"))
    dialog.export_button.click()
    opened.until(dialog.folder_button.isVisible)
    dialog.folder_button.click()
    assert [Path(url.toLocalFile()) for url in asked_for.urls] == [folder]
    dialog.close()
