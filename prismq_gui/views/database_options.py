"""What a person chooses before a file is looked after: where a backup goes, which tasks are deleted, a name typed.

Owns the fields and what they make of a wish. Must not plan nor do anything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from prismq_gui.operations.consent import TypedConsent
from prismq_gui.operations.database_records import CareKind, CareWish
from prismq_gui.queue.transitions import TERMINAL
from prismq_gui.theme import Theme
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, visible
from prismq_gui.views.typed_consent import ConsentLine

FILE_FILTER = "Queue files (*.db *.sqlite *.sqlite3);;All files (*)"
AGAIN_MS = 300
LONGEST_AGE_DAYS = 36_500


class CareOptions(QWidget):
    """The fields of one wish. GUI thread.

    ``changed`` tells that it must be planned anew, ``typed`` a name typed, ``entered`` Enter behind it.
    """

    changed = Signal()
    typed = Signal()
    entered = Signal()

    def __init__(self, theme: Theme, wish: CareWish, parent: QWidget) -> None:
        super().__init__(parent)
        self._wish = wish
        self._consent: TypedConsent | None = None
        self._timer = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._timer.timeout.connect(self.changed)
        self.target = QLineEdit(str(wish.target or ""), self)
        self.target.setAccessibleName("The backup's file")
        self.choose_button = QPushButton("C&hoose…", self)
        self.days = QSpinBox(self)
        self.statuses = {status: QCheckBox(status.replace("_", " "), self) for status in TERMINAL}
        self.backup_first = QCheckBox("Make a backup &first", self)
        self.name = ConsentLine(self)
        self.name_label = label("", "", self, wrap=True)
        self._rows = QGridLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(theme.space(3))
        self._rows.setVerticalSpacing(theme.space(2))
        self._rows.setColumnStretch(1, 1)
        self._lay_out(theme)
        self._connect()

    def _lay_out(self, theme: Theme) -> None:
        deletes, copies = self._wish.kind is CareKind.RETENTION, self._wish.kind is CareKind.BACKUP
        if deletes:
            self.days.setRange(0, LONGEST_AGE_DAYS)
            self.days.setValue(self._wish.older_than_days)
            self.days.setSuffix(" days")
            self.days.setAccessibleName("Ended more than so many days ago")
            self._add("Ended more than", self.days, fill=False)
            chosen = QWidget(self)
            flow = FlowLayout(chosen, theme.space(3))
            for status, box in self.statuses.items():
                box.setChecked(status in self._wish.statuses)
                flow.addWidget(box)
            self._add("Which", chosen)
            self.backup_first.setChecked(True)
            self._add("", self.backup_first)
        if deletes or copies:
            line = QWidget(self)
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(theme.space(2))
            row.addWidget(self.target, 1)
            row.addWidget(self.choose_button)
            self.choose_button.setAutoDefault(False)
            self._add("Backup", line)
        self._rows.addWidget(self.name_label, self._rows.rowCount(), 0, 1, 2)
        self._rows.addWidget(self.name, self._rows.rowCount(), 0, 1, 2)
        shown: dict[QWidget, bool] = {self.days: deletes, self.backup_first: deletes, self.target: deletes or copies}
        shown |= dict.fromkeys(self.statuses.values(), deletes)
        shown[self.choose_button] = deletes or copies
        for widget, is_shown in shown.items():
            widget.setVisible(is_shown)
        self.ask(None)

    def _add(self, title: str, field: QWidget, *, fill: bool = True) -> None:
        at = self._rows.rowCount()
        self._rows.addWidget(label(title, "muted", self), at, 0, Qt.AlignmentFlag.AlignVCenter)
        if fill:
            self._rows.addWidget(field, at, 1)
        else:
            self._rows.addWidget(field, at, 1, Qt.AlignmentFlag.AlignLeft)

    def _connect(self) -> None:
        self.target.textEdited.connect(lambda _text: self._timer.start())
        self.days.valueChanged.connect(lambda _days: self._timer.start())
        self.backup_first.toggled.connect(self._on_backup_first_toggled)
        for box in self.statuses.values():
            box.toggled.connect(lambda _on: self._timer.start())
        self.choose_button.clicked.connect(self._choose)
        self.name.textChanged.connect(lambda _text: self.typed.emit())
        self.name.entered.connect(self.entered)

    # -- what is chosen

    def is_settled(self) -> bool:
        """Whether all that was chosen has been told."""
        return not self._timer.isActive()

    def wish(self) -> CareWish:
        """Return the wish with what is chosen."""
        wish = self._wish
        path = Path(self.target.text().strip()) if self.target.text().strip() else None
        if wish.kind is CareKind.BACKUP:
            return replace(wish, target=path)
        if wish.kind is CareKind.RETENTION:
            statuses = tuple(status for status, box in self.statuses.items() if box.isChecked())
            first = self.backup_first.isChecked()
            return replace(wish, older_than_days=self.days.value(), statuses=statuses, target=path, backup_first=first)
        return wish

    def show_target(self, target: Path | None) -> None:
        """Show the name that was chosen for a backup, where the person chose none."""
        if target is not None and not self.target.text():
            self.target.setText(str(target))

    def ask(self, consent: TypedConsent | None) -> None:
        """Ask for something to be typed, or for nothing."""
        self._consent = consent
        self.name_label.setVisible(consent is not None)
        self.name.setVisible(consent is not None)
        if consent is not None:
            self.name_label.setText(visible(consent.sentence))
            self.name.setAccessibleName("Number of tasks, typed" if consent.is_count else "The file's name, typed")

    def is_given(self) -> bool:
        """Whether what is asked for was typed, or nothing is."""
        return self._consent is None or self._consent.is_given(self.name.text())

    def first(self) -> QWidget | None:
        """Return the field that comes first, None where there is none."""
        fields = (self.days, self.target, self.name)
        return next((each for each in fields if not each.isHidden()), None)

    # -- the file

    def _on_backup_first_toggled(self, on: bool) -> None:
        self.target.setEnabled(on)
        self.choose_button.setEnabled(on)
        self._timer.start()

    def _choose(self) -> None:
        chosen = Path(self.target.text()) if self.target.text() else self._wish.path
        dialog = QFileDialog(self, "Make the backup in", str(chosen.parent), FILE_FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # nothing is ever overwritten
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.selectFile(chosen.name)
        dialog.fileSelected.connect(self.set_target)
        dialog.open()

    def set_target(self, name: str) -> None:
        """Make the backup under this name."""
        self.target.setText(name)
        self.changed.emit()
