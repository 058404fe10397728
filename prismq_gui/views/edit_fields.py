"""What a person edits of tasks: payload, compatibility and most attempts of one, or a single value in many; a new task.

Owns the editors and the live check of their JSON. What the queue takes is decided by the operations' own rules.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QTabWidget,
    QWidget,
)

from prismq_gui.operations.messages import Wish
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import label, one_line, visible
from prismq_gui.views.wish_fields import USUAL_PRIORITY, NumberBox, WishFields

if TYPE_CHECKING:
    from prismq_gui.operations.editable import Editable

MOST_ATTEMPTS = 1_000_000
MAX_REASON = 300
MOST_EDITED = 65_536  # characters; Qt lays out a line of a million for seconds


class JsonEditor(QPlainTextEdit):
    """A text in monospace, plain, in which Tab goes on. GUI thread."""

    def __init__(self, theme: Theme, name: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(theme.font("mono"))
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        self.setPlainText(text)
        self.before = self.toPlainText()  # as the editor gives it back

    @property
    def is_changed(self) -> bool:
        """Whether it is another text."""
        return self.toPlainText() != self.before


def mistake_in(name: str, text: str) -> str:
    """Return where a text is no JSON, '' where it is."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"The {name} is no JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError) as error:
        return f"The {name} is no JSON that can be used: {error}"
    return ""


class UnchosenError(ValueError):
    """Nothing is wrong: the person has not chosen yet."""


class _JsonFields(WishFields):
    """Fields whose texts are checked while they are typed."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._reason, self._is_mistaken = "", False
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(theme.space(3))
        self.grid.setVerticalSpacing(theme.space(2))
        self.grid.setColumnStretch(1, 1)
        self.rows.addLayout(self.grid)

    def add(self, title: str, field: QWidget) -> None:
        """Put a field under the others, with its title and key."""
        name = label("", "", self)
        name.setText(title)
        name.setBuddy(field)
        row = self.grid.rowCount()
        self.grid.addWidget(name, row, 0)
        if isinstance(field, QSpinBox):
            self.grid.addWidget(field, row, 1, Qt.AlignmentFlag.AlignLeft)
        else:
            self.grid.addWidget(field, row, 1)

    def make(self) -> Wish:
        """Return the wish.

        Raises:
            ValueError: It is none; says why.
        """
        raise NotImplementedError

    def wish(self) -> Wish | None:
        """Return what is wished, None while that is no wish yet."""
        self._reason, self._is_mistaken = "", False
        try:
            return self.make()
        except ValueError as error:
            self._reason = one_line(str(error)[:1].upper() + str(error)[1:MAX_REASON])
            self._is_mistaken = not isinstance(error, UnchosenError)
            return None

    @property
    def is_mistaken(self) -> bool:
        """Whether something is wrong, rather than not chosen yet."""
        return self._is_mistaken

    def mistake(self) -> str:
        """Return why it is no wish yet."""
        return self._reason


class EditFields(_JsonFields):
    """Payload, compatibility and most attempts of one task."""

    def __init__(self, theme: Theme, task: Editable, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._task = task
        self.editors = {
            name.lower(): JsonEditor(theme, name, text if len(text) <= MOST_EDITED else "", self)
            for name, text in (("Payload", task.payload), ("Compatibility", task.compatibility))
        }
        self.attempts = NumberBox(self)
        self.attempts.setRange(1, MOST_ATTEMPTS)
        limit = task.max_attempts
        self._limit = limit if limit is not None and 1 <= limit <= MOST_ATTEMPTS else None
        self.attempts.setValue(self._limit or 5)
        self.attempts.setAccessibleName("Most attempts")
        self.attempts.setMinimumWidth(theme.space(30))
        self.attempts.valueChanged.connect(lambda _value: self.note_change())
        self.tabs = QTabWidget(self)
        for title, (name, editor) in zip(("Pa&yload", "Co&mpatibility"), self.editors.items(), strict=True):
            if len(getattr(task, name)) > MOST_EDITED:
                editor.setReadOnly(True)
                editor.setPlaceholderText("Too long to be edited here: prismq-gui edit does it, place by place.")
            editor.textChanged.connect(self.note_change)
            editor.setMinimumHeight(theme.space(20))
            self.tabs.addTab(editor, title)
        self.tabs.setMaximumHeight(theme.space(44))
        self.rows.insertWidget(0, self.tabs, 1)
        if task.inexact:
            names = " and ".join(task.inexact)
            told = f"The {names} is no text in UTF-8: what you save replaces the odd bytes by what is shown here."
            self.rows.insertWidget(0, label(told, "muted", self, wrap=True))
        self.running = QCheckBox("Though it is &running: its worker has the old text already", self)
        self.running.setVisible(task.is_running)
        self.running.toggled.connect(lambda _on: self.note_change())
        self.rows.addWidget(self.running)
        self.add("Most &attempts", self.attempts)

    def make(self) -> Wish:
        """Return the wish to edit what is another one now."""
        from prismq_gui.operations.edits import edit  # noqa: PLC0415 - only where something is edited

        texts = {name: each.toPlainText() if each.is_changed else None for name, each in self.editors.items()}
        for name, text in texts.items():
            mistake = mistake_in(name, text) if text is not None else ""
            if mistake:
                raise ValueError(mistake)
        limit = self.attempts.value() if self.attempts.value() != self._limit else None
        if limit is None and not any(text is not None for text in texts.values()):
            raise UnchosenError("Change payload, compatibility or most attempts; what will be is shown here")
        return edit(
            payload=texts["payload"], compatibility=texts["compatibility"], max_attempts=limit,
            even_if_running=self.running.isChecked(), seen=self._task.seen,
        )  # fmt: skip

    def first(self) -> QWidget:
        """Return the editor in view."""
        return self.tabs.currentWidget() or self.attempts

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.tabs.tabBar(), *self.editors.values(), self.running, self.attempts)


class PlaceFields(_JsonFields):
    """One value in the JSON of many tasks."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.place = QLineEdit(self)
        self.place.setPlaceholderText("payload.video.codec or compatibility.region")
        self.way = QComboBox(self)
        self.way.addItems(["becomes", "is taken out"])
        self.value = QLineEdit(self)
        self.value.setPlaceholderText('JSON, such as "eu", 12, true or null')
        for field, name in ((self.place, "Place"), (self.way, "What becomes of it"), (self.value, "Value, as JSON")):
            field.setAccessibleName(name)
        self.place.textChanged.connect(lambda _text: self.note_change())
        self.value.textChanged.connect(lambda _text: self.note_change())
        self.way.currentIndexChanged.connect(self._on_way_current_index_changed)
        self.add("&Place", self.place)
        self.add("&What", self.way)
        self.add("&Value", self.value)

    def _on_way_current_index_changed(self, way: int) -> None:
        self.value.setEnabled(way == 0)
        self.note_change()

    def make(self) -> Wish:
        """Return the wish to put a value, or to take it out."""
        from prismq_gui.insight.language import FilterSyntaxError  # noqa: PLC0415
        from prismq_gui.insight.payload_columns import payload_column  # noqa: PLC0415
        from prismq_gui.operations.edits import Place, edit  # noqa: PLC0415

        text = self.place.text().strip()
        if not text:
            raise UnchosenError("Name a place in the payload or compatibility; what will be is shown here")
        try:
            column = payload_column(text)
        except FilterSyntaxError as error:
            raise ValueError(str(error)) from None
        value = self.value.text().strip() if self.way.currentIndex() == 0 else None
        return edit(places=(Place(column.document, column.path, value),))

    def first(self) -> QWidget:
        """Return the place."""
        return self.place

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.place, self.way, self.value)


class EnqueueFields(_JsonFields):
    """All of a new task."""

    def __init__(self, theme: Theme, types: tuple[str, ...] = (), parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.type = QComboBox(self)
        self.type.setEditable(True)
        self.type.addItems([visible(each) for each in types])
        self.type.setCurrentText("")
        self.payload = JsonEditor(theme, "Payload", "{}", self)
        self.compatibility = QLineEdit("{}", self)
        self.priority = NumberBox(self)
        self.priority.setRange(-(2**31), 2**31 - 1)
        self.priority.setValue(USUAL_PRIORITY)
        self.attempts = NumberBox(self)
        self.attempts.setRange(1, MOST_ATTEMPTS)
        self.attempts.setValue(5)
        self.key = QLineEdit(self)
        self.key.setPlaceholderText("none; with one the task can be there only once")
        self.payload.setMinimumHeight(theme.space(20))
        self.payload.setMaximumHeight(theme.space(28))
        for box in (self.priority, self.attempts):
            box.setMinimumWidth(theme.space(30))
        for title, field, name in (
            ("T&ype", self.type, "Type"), ("&Payload", self.payload, "Payload, as JSON"),
            ("Co&mpatibility", self.compatibility, "Compatibility, a JSON object"),
            ("P&riority", self.priority, "Priority, lower runs first"),
            ("Most &attempts", self.attempts, "Most attempts"), ("&Key", self.key, "Idempotency key"),
        ):  # fmt: skip
            field.setAccessibleName(name)
            self.add(title, field)
        self.type.editTextChanged.connect(lambda _text: self.note_change())
        for line in (self.compatibility, self.key):
            line.textChanged.connect(lambda _text: self.note_change())
        for box in (self.priority, self.attempts):
            box.valueChanged.connect(lambda _value: self.note_change())
        self.payload.textChanged.connect(self.note_change)

    def make(self) -> Wish:
        """Return the wish for the new task."""
        from prismq_gui.operations.duplicates import enqueue  # noqa: PLC0415 - only where one is made

        kind = self.type.currentText().strip()
        if not kind:
            raise UnchosenError("Give the new task a type; what will be is shown here")
        payload, needs = self.payload.toPlainText(), self.compatibility.text().strip() or "{}"
        mistake = mistake_in("payload", payload) or mistake_in("compatibility", needs)
        if mistake:
            raise ValueError(mistake)
        return enqueue(
            kind, payload, priority=self.priority.value(), max_attempts=self.attempts.value(), compatibility=needs,
            key=self.key.text().strip(),
        )  # fmt: skip

    def first(self) -> QWidget:
        """Return the type."""
        return self.type

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.type, self.payload, self.compatibility, self.priority, self.attempts, self.key)
