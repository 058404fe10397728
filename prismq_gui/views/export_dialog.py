"""One dialog for an export: which rows, in which form, into which file; progress with Stop; what was written.

Owns the steps. Must not export: the desk does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.messages import IdSpan
from prismq_gui.operations.export import EXISTS
from prismq_gui.operations.export_records import ExportFormat, ExportReport, ExportWish
from prismq_gui.polling.export_desk import ExportDesk, ExportNews
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, no_mnemonic, visible
from prismq_gui.views.tab_order import tab_in_order

_STEPS = 1_000
_FORMATS = {
    ExportFormat.CSV: ("CSV, for spreadsheets", ".csv"),
    ExportFormat.JSON: ("JSON, one array", ".json"),
    ExportFormat.NDJSON: ("NDJSON, an object a line", ".ndjson"),
    ExportFormat.SQLITE: ("A queue file of its own (SQLite)", ".sqlite"),
}
_BESIDE = {
    True: "With all log lines of the tasks. It opens in this program.",
    False: "With the tasks that the lines belong to. It opens in this program.",
}


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Rows that can be exported, as the person knows them: ``the 3 selected tasks``."""

    words: str
    wanted: TaskFilter | LogFilter
    order: TaskOrder
    ids: IdSpan | None = None


class ExportDialog(QDialog):
    """Not modal: a long export goes on while the person works. GUI thread. Closing it ends an export that runs."""

    def __init__(
        self, theme: Theme, desk: ExportDesk, queue: Path, choices: tuple[ExportChoice, ...], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._queue = queue
        self._choices = choices
        self._number = 0
        self._agreed: Path | None = None  # the person said that it may be written over
        self.report: ExportReport | None = None
        self._is_tasks = isinstance(choices[0].wanted, TaskFilter)
        self.setWindowTitle("Export tasks" if self._is_tasks else "Export log lines")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.radios = QButtonGroup(self)
        for number, choice in enumerate(choices):
            self.radios.addButton(QRadioButton(no_mnemonic(_capital(choice.words)), self), number)
        self.radios.button(0).setChecked(True)
        self.format = QComboBox(self)
        for kind, (words, _ending) in _FORMATS.items():
            self.format.addItem(words, kind)
        self.note = label("", "small", self, wrap=True)
        self.file = QLineEdit(self)
        self.file.setAccessibleName("File")
        self.browse_button = QPushButton("&Browse…", self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.space(1))
        self.bar.setAccessibleName("Progress")
        self.told = label("", "", self, wrap=True)
        self.folder_button = QPushButton("&Open the folder", self)
        self.stop_button = QPushButton("&Stop", self)
        self.close_button = QPushButton("&Close", self)
        self.export_button = QPushButton("&Export", self)
        set_role(self.export_button, "primary")
        self._lay_out()
        self._connect()
        self.file.setText(str(self._proposed()))
        self._show_state()
        self.export_button.setDefault(True)

    def _lay_out(self) -> None:
        space = self._theme.space
        grid = QGridLayout()
        grid.setHorizontalSpacing(space(3))
        grid.setVerticalSpacing(space(2))
        rows_label, form_label, file_label = (
            label("Rows", "", self),
            label("For&mat", "", self),
            label("&File", "", self),
        )
        form_label.setBuddy(self.format)
        file_label.setBuddy(self.file)
        for row, radio in enumerate(self.radios.buttons()):
            grid.addWidget(radio, row, 1, 1, 2)
        at = len(self._choices)
        grid.addWidget(rows_label, 0, 0)
        grid.addWidget(form_label, at, 0)
        grid.addWidget(self.format, at, 1, 1, 2)
        grid.addWidget(self.note, at + 1, 1, 1, 2)
        grid.addWidget(file_label, at + 2, 0)
        grid.addWidget(self.file, at + 2, 1)
        grid.addWidget(self.browse_button, at + 2, 2)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(space(2))
        buttons.addWidget(self.folder_button)
        buttons.addStretch(1)
        for button in (self.stop_button, self.close_button, self.export_button):
            buttons.addWidget(button)
            button.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(space(5),) * 4)
        layout.setSpacing(space(3))
        layout.addLayout(grid)
        layout.addWidget(self.bar)
        layout.addWidget(self.told)
        layout.addStretch(1)
        layout.addLayout(buttons)
        tab_in_order(
            *self.radios.buttons(), self.format, self.file, self.browse_button, self.folder_button, self.stop_button,
            self.close_button, self.export_button,
        )  # fmt: skip
        resize_within_screen(self, space(140), space(58))

    def _connect(self) -> None:
        self.format.currentIndexChanged.connect(self._on_format_changed)
        self.file.textChanged.connect(self._on_file_changed)
        self.browse_button.clicked.connect(self._on_browse_button_clicked)
        self.export_button.clicked.connect(self.export)
        self.stop_button.clicked.connect(self._desk.stop)
        self.close_button.clicked.connect(self.close)
        self.folder_button.clicked.connect(self._on_folder_button_clicked)
        self.finished.connect(self._on_finished)
        self._desk.news.connect(self._on_desk_news)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let a held key press a button once."""
        repeated = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.isAutoRepeat()
        return repeated or super().eventFilter(watched, event)

    # -- what is chosen

    @property
    def chosen_format(self) -> ExportFormat:
        """The format that is chosen."""
        kind = self.format.currentData()
        assert isinstance(kind, ExportFormat)
        return kind

    def _proposed(self) -> Path:
        what = "tasks" if self._is_tasks else "log"
        name = re.sub(r'[<>:"/\\|?*]', "_", f"{self._queue.stem} {what}{_FORMATS[self.chosen_format][1]}")
        return self._queue.parent / name

    def _on_format_changed(self) -> None:
        path = Path(self.file.text())
        if path.suffix.lower() in {ending for _words, ending in _FORMATS.values()}:
            self.file.setText(str(path.with_suffix(_FORMATS[self.chosen_format][1])))
        self._show_state()

    def _on_file_changed(self) -> None:
        if self.report is not None and self.report.problem is not None:
            self.told.setText("")
        self._show_state()

    def _on_browse_button_clicked(self) -> None:
        words, ending = _FORMATS[self.chosen_format]
        name, _filter = QFileDialog.getSaveFileName(
            self, self.windowTitle(), self.file.text(), f"{words} (*{ending});;All files (*)"
        )
        if name:
            self._agreed = Path(name)  # the system's dialog has asked
            self.file.setText(name)

    # -- steps

    def export(self) -> None:
        """Begin; a second call while it runs does nothing."""
        target = Path(self.file.text().strip())
        if self._number or not self.file.text().strip():
            return
        choice = self._choices[self.radios.checkedId()]
        if not target.is_absolute():
            target = self._queue.parent / target
        overwrite = target == self._agreed
        wish = ExportWish(choice.wanted, target, self.chosen_format, choice.order, overwrite, choice.ids)
        self._agreed = None
        self.report = None
        self.bar.setValue(0)
        self._number = self._desk.export(self._queue, wish)
        self.told.setText("Reading…")
        self._show_state()
        self.stop_button.setFocus()

    def _on_desk_news(self, news: ExportNews) -> None:
        if news.request.number != self._number:
            return
        if news.progress is not None:
            self.bar.setValue(round(_STEPS * news.progress.fraction))
            self.told.setText(f"{news.progress.rows:,} rows written…")
        if news.report is not None:
            self._number = 0
            self._show_report(news.report)

    def _show_report(self, report: ExportReport) -> None:
        self.report = report
        self.told.setText(visible(report.sentence))
        self.setAccessibleDescription(report.sentence)
        problem = report.problem
        if problem is not None and problem.what == EXISTS:
            self._agreed = report.target
        self._show_state()
        is_written = problem is None and not report.stopped
        (self.close_button if is_written else self.export_button).setFocus()

    def _show_state(self) -> None:
        runs = self._number != 0
        for widget in (*self.radios.buttons(), self.format, self.file, self.browse_button):
            widget.setEnabled(not runs)
        self.note.setText(_BESIDE[self._is_tasks] if self.chosen_format is ExportFormat.SQLITE else "")
        self.note.setVisible(bool(self.note.text()))
        self.bar.setVisible(runs)
        self.stop_button.setVisible(runs)
        self.export_button.setVisible(not runs)
        self.export_button.setEnabled(bool(self.file.text().strip()))
        again = self._agreed is not None and self.report is not None and self.report.problem is not None
        self.export_button.setText("&Write over it" if again else "&Export")
        is_written = self.report is not None and self.report.problem is None and not self.report.stopped
        self.folder_button.setVisible(is_written and not runs)

    def _on_folder_button_clicked(self) -> None:
        """Open the folder, never the file: the system would run what its name says."""
        if self.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.report.target.parent)))

    def _on_finished(self) -> None:
        if self._number:
            self._desk.stop()
        self._number = 0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
