"""All of one finding of the health check: what it means, what it costs, what mends it, and what can be done here.

Owns the words and the buttons. Must not ask nor act: it tells what is wanted.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.insight.health_records import Finding
from prismq_gui.operations.mending import FIXES
from prismq_gui.polling.health_desk import Extent
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import health_words as words
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.tab_order import tab_in_order

MOST_IDS = 20


class HealthPanel(QWidget):
    """Shows one finding. GUI thread. ``task_wanted`` carries a task's id."""

    tasks_wanted = Signal()
    mend_wanted = Signal()
    further_wanted = Signal()
    task_wanted = Signal(int)

    def __init__(self, theme: Theme, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._actions = actions
        self.finding: Finding | None = None
        self._icon = QLabel(self)
        self.title = label("", "strong", self, wrap=True)
        self.tasks_button = QPushButton("Sho&w these tasks", self)
        self.mend_button = QPushButton("&Mend…", self)
        self.care_button = QPushButton(self)
        self.further_button = QPushButton("&Look to the end", self)
        self.copy_button = QPushButton("Co&py", self)
        self.refusal = label("", "muted", self, wrap=True)
        self.details = label("", "", self, wrap=True)
        self.parts = {name: self._part(name) for name in ("What it means", "What it costs", "What mends it")}
        self.ids_title = label("Tasks", "small", self)
        self.id_buttons = [self._id_button() for _number in range(MOST_IDS)]
        self.area = QScrollArea(self)
        self.hint = EmptyState(theme, self)
        self._lay_out()
        self._connect()
        self.show_finding(None, Extent.UNASKED)

    def _part(self, name: str) -> tuple[QLabel, QLabel]:
        return label(name, "small", self), label("", "", self, wrap=True)

    def _id_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(button, "chip")
        button.clicked.connect(lambda _checked: self.task_wanted.emit(int(button.text().lstrip("#"))))
        return button

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setSpacing(space(2))
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        buttons, ids = FlowLayout(spacing=space(2)), FlowLayout(spacing=space(1))
        for button in self._buttons():
            buttons.addWidget(button)
        for each in self.id_buttons:
            ids.addWidget(each)
        inside = QWidget(self)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(space(4), space(3), space(4), space(3))
        layout.setSpacing(space(2))
        layout.addLayout(head)
        layout.addLayout(buttons)
        layout.addWidget(self.refusal)
        layout.addWidget(self.details)
        for name, text in self.parts.values():
            part = QVBoxLayout()
            part.setSpacing(space(0.5))
            part.addWidget(name)
            part.addWidget(text)
            layout.addLayout(part)
        layout.addWidget(self.ids_title)
        layout.addLayout(ids)
        layout.addStretch(1)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.area)
        whole.addWidget(self.hint)
        self.hint.show_state("list-checks", "No finding chosen", "Choose one to see what it means and what mends it.")
        self.setMinimumWidth(space(75))
        tab_in_order(*self.focus_order())

    def _buttons(self) -> tuple[QPushButton, ...]:
        return self.mend_button, self.care_button, self.further_button, self.tasks_button, self.copy_button

    def _connect(self) -> None:
        self.mend_button.setToolTip(tooltip("Mend what this is about, after a preview; it can be taken back"))
        self.tasks_button.setToolTip(tooltip("Go to the tasks, filtered to those that this is about"))
        self.tasks_button.clicked.connect(self.tasks_wanted)
        self.mend_button.clicked.connect(self.mend_wanted)
        self.care_button.clicked.connect(self._care)
        self.further_button.clicked.connect(self.further_wanted)
        self.copy_button.clicked.connect(self._copy)
        for id in ("vacuum", *words.CARE.values()):
            self._actions[id].changed.connect(self.show_refusal)
        self._theme.changed.connect(self._paint_icon)

    # -- what is shown

    def show_finding(self, finding: Finding | None, extent: Extent) -> None:
        """Show one; ``extent`` is how far was looked."""
        self.finding = finding
        self.area.setVisible(finding is not None)
        self.hint.setVisible(finding is None)
        if finding is None:
            return
        self.title.setText(visible(finding.sentence))
        self.details.setText(visible(words.details(finding)))
        self.details.setVisible(bool(finding.details))
        told = (finding.meaning, finding.cost, words.advice(finding))
        for (name, text), value in zip(self.parts.values(), told, strict=True):
            text.setText(visible(value))
            name.setVisible(bool(value))
            text.setVisible(bool(value))
        for at, button in enumerate(self.id_buttons):
            is_shown = at < len(finding.sample_ids)
            button.setVisible(is_shown)
            if is_shown:
                button.setText(f"#{finding.sample_ids[at]}")
                button.setAccessibleName(f"Show task {finding.sample_ids[at]}")
        self.ids_title.setVisible(bool(finding.sample_ids))
        more = finding.at_least or finding.count > len(finding.sample_ids) or len(finding.sample_ids) == MOST_IDS
        self.ids_title.setText("Some of the tasks" if more else "Tasks")
        care = words.CARE.get(finding.code, "")
        self.care_button.setText(self._actions[care].text() if care else "")
        self.care_button.setVisible(bool(care))
        self.mend_button.setVisible(finding.fix in FIXES)
        self.tasks_button.setVisible(bool(finding.filter))
        self.further_button.setVisible(words.may_look_further(finding, extent))
        self.show_refusal()
        self._paint_icon()

    def show_refusal(self) -> None:
        """Switch what would write off with the reason, or on."""
        finding = self.finding
        if finding is None:
            return
        care = words.CARE.get(finding.code, "")
        refusal = self._actions.reason(care or "vacuum") if care or finding.fix in FIXES else ""
        self.mend_button.setEnabled(not refusal)
        self.care_button.setEnabled(not refusal)
        self.refusal.setText(visible(f"Off: {refusal}" if refusal else ""))
        self.refusal.setVisible(bool(refusal))

    def _paint_icon(self) -> None:
        if self.finding is not None:
            _word, icon, colour = words.SEVERITIES[self.finding.severity]
            self._icon.setPixmap(self._theme.pixmap(icon, colour, self._theme.icon_size(), self))

    def _care(self) -> None:
        if self.finding is not None and (care := words.CARE.get(self.finding.code)):
            self._actions[care].trigger()

    def _copy(self) -> None:
        if self.finding is not None:
            QGuiApplication.clipboard().setText(visible(words.as_text(self.finding)))

    def focus_order(self) -> list[QWidget]:
        """Return what the keyboard reaches, in order."""
        return [*self._buttons(), *self.id_buttons]

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return room for some lines: the rest is scrolled to."""
        return QSize(self._theme.space(75), self._theme.space(40))
