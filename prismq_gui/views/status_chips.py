"""A chip for each status with its live count; chips choose which statuses are shown.

Owns the choice and how counts are told. Must not count, nor show a number before there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from prismq_gui.insight.messages import StatusCount
from prismq_gui.models.status_words import status_words
from prismq_gui.polling.messages import Total
from prismq_gui.theme import Theme, set_role, status_of
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import no_mnemonic, one_line, tooltip

UNKNOWN = "…"
MAX_OTHER = 30  # statuses of other programs that get a chip of their own
_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (status_words("queued"), ("queued",)),
    (status_words("processing"), ("leased", "processing")),
    (status_words("completed"), ("completed",)),
    (status_words("failed"), ("failed",)),
    (status_words("dead_letter"), ("dead_letter",)),
    (status_words("cancelled"), ("cancelled",)),
)


def thousands(number: int) -> str:
    """Return a number with a comma between its thousands, as everywhere in the program."""
    return f"{number:,}"


def about(number: int) -> str:
    """Return a number that may be a little wrong, marked as such."""
    return f"≈\u202f{thousands(number)}"


def ago(seconds: float) -> str:
    """Return how long ago something was, in words short enough for a tooltip."""
    if seconds < 1:
        return "just now"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds)} s ago"


class Chip(QToolButton):
    """One status, or several that mean the same, or all (no statuses)."""

    picked = Signal(object, bool)  # (self, whether added to what is chosen)

    def __init__(self, title: str, statuses: tuple[str, ...], theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.title = title
        self.statuses = statuses
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setIconSize(QSize(theme.space(3), theme.space(3)))
        set_role(self, "chip")
        self._told = ""
        self.show_count(None, None)

    def show_count(self, count: int | None, age_s: float | None, *, is_about: bool = False) -> None:
        """Show a count and in the tooltip how old it is; None where there is none yet."""
        number = UNKNOWN if count is None else about(count) if is_about else thousands(count)
        gap = " " if self.statuses else ""  # Qt sets the icon too close
        text = no_mnemonic(f"{gap}{one_line(self.title)}  {number}")
        if text != self.text():
            self.setText(text)
            self.updateGeometry()
        told = "not counted yet" if age_s is None else f"counted {ago(age_s)}"
        if (name := f"{one_line(self.title)}: {number}, {told}") == self._told:
            return  # a poll comes four times a second
        self._told = name
        stored = f"Stored as {' or '.join(self.statuses)}" if self.statuses else "Tasks of every status"
        self.setToolTip(tooltip(f"{stored}, {told}.\nCtrl+click to choose several."))
        self.setAccessibleName(name)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this status alone, with Ctrl beside the others."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.picked.emit(self, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Do nothing: the press has chosen."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose by Space or Enter; the arrows go to the neighbours."""
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.picked.emit(self, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        elif event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Down):
            self.focusNextChild()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self.focusPreviousChild()
        else:
            super().keyPressEvent(event)


class StatusChips(QWidget):
    """All chips. ``selection_changed`` carries the chosen statuses, an empty tuple for all. GUI thread."""

    selection_changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._counts: dict[str, StatusCount] = {}
        self._is_empty = False
        self._total: Total | None = None
        self._chosen: tuple[str, ...] = ()
        self._layout = FlowLayout(self, theme.space(1.5))
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Statuses")
        self._chips = [self._add("All", ()), *(self._add(title, statuses) for title, statuses in _KNOWN)]
        self._show_chosen()
        theme.changed.connect(self._on_theme_changed)

    def _add(self, title: str, statuses: tuple[str, ...]) -> Chip:
        chip = Chip(title, statuses, self._theme, self)
        chip.picked.connect(self._on_chip_picked)
        if statuses:
            chip.setIcon(self._theme.status_icon(status_of(statuses[0])))
        self._layout.addWidget(chip)
        return chip

    # -- counts

    def set_counts(
        self,
        counts: Sequence[StatusCount],
        now_monotonic: float,
        *,
        is_empty: bool = False,
        total: Total | None = None,
    ) -> None:
        """Show counts as of ``time.monotonic()``; a status that is not among them has none yet or no more.

        With no counts at all every chip shows that nothing is known, unless the queue is known to be empty.
        ``total`` is what the first chip shows, where the sum of the counts need not be true.
        """
        self._is_empty = is_empty
        self._total = total
        self._counts = {count.status: count for count in counts}
        known = {status for _, statuses in _KNOWN for status in statuses}
        others = [status for status in self._counts if status not in known]
        self._set_others(sorted(others)[:MAX_OTHER])
        for chip in self._chips:
            self._show_count(chip, now_monotonic)

    def _show_count(self, chip: Chip, now: float) -> None:
        if not self._counts:
            known = (0, 0.0) if self._is_empty else (None, None)
            chip.show_count(*known)
            return
        parts = [self._counts[status] for status in chip.statuses or self._counts if status in self._counts]
        if not parts:  # others were counted and this one does not occur
            oldest = min(count.counted_at for count in self._counts.values())
            chip.show_count(0, max(0.0, now - oldest))
            return
        oldest = min(part.counted_at for part in parts)
        if not chip.statuses and self._total is not None:
            chip.show_count(self._total.count, max(0.0, now - oldest), is_about=not self._total.is_exact)
            return
        chip.show_count(sum(part.count for part in parts), max(0.0, now - oldest))

    def _set_others(self, statuses: Sequence[str]) -> None:
        """Have a chip for each status that is not ours, and for each that is chosen, gone or not."""
        known = len(_KNOWN) + 1
        ours = {status for _, names in _KNOWN for status in names}
        wanted = [*statuses, *(name for name in self._chosen if name not in ours and name not in statuses)]
        for chip in self._chips[known:]:
            if chip.title not in wanted:
                self._chips.remove(chip)
                self._layout.removeWidget(chip)
                chip.deleteLater()
        shown = {chip.title for chip in self._chips[known:]}
        for name in wanted:
            if name not in shown:
                self._chips.append(self._add(name, (name,)))
        self._show_chosen()

    # -- choice

    def selected_statuses(self) -> tuple[str, ...]:
        """Return the chosen statuses as stored; empty for all."""
        return self._chosen

    def set_selected_statuses(self, statuses: Iterable[str]) -> None:
        """Choose statuses; tells ``selection_changed`` where that is a change."""
        chosen = tuple(dict.fromkeys(statuses))
        if set(chosen) == set(self._chosen):
            return
        self._chosen = chosen
        ours = {status for _, names in _KNOWN for status in names}
        self._set_others(sorted(status for status in self._counts if status not in ours)[:MAX_OTHER])
        self.selection_changed.emit(self._chosen)

    def _on_chip_picked(self, chip: Chip, added: bool) -> None:
        if not chip.statuses:
            self.set_selected_statuses(())
        elif not added:
            alone = set(self._chosen) == set(chip.statuses)
            self.set_selected_statuses(() if alone else chip.statuses)
        elif set(chip.statuses) <= set(self._chosen):
            self.set_selected_statuses(status for status in self._chosen if status not in chip.statuses)
        else:
            self.set_selected_statuses((*self._chosen, *chip.statuses))
        self._show_chosen()

    def _show_chosen(self) -> None:
        chosen = set(self._chosen)
        for chip in self._chips:
            chip.setChecked(bool(chosen & set(chip.statuses)) if chip.statuses else not chosen)

    # -- looks

    def chips(self) -> tuple[Chip, ...]:
        """Return the chips from left to right."""
        return tuple(self._chips)

    def _on_theme_changed(self) -> None:
        for chip in self._chips:
            if chip.statuses:
                chip.setIcon(self._theme.status_icon(status_of(chip.statuses[0])))

    def changeEvent(self, event: QEvent) -> None:
        """Lay out anew when the font changes."""
        if event.type() == QEvent.Type.FontChange:
            self._layout.invalidate()
        super().changeEvent(event)
