"""A panel that shows a text from the file literally: fixed pitch, no wrapping, never too long.

A line of 200,000 characters takes 15.7 s to lay out when wrapped and 0.28 s without.
"""

from __future__ import annotations

from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import visible

MAX_CHARACTERS = 65_536
MAX_LINE = 20_000  # characters; what is longer is broken, not cut


class TextPanel(QPlainTextEdit):
    """Read-only text. GUI thread."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: str | None = None
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self.setAcceptDrops(False)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        set_role(self, "text-panel")
        theme.changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def show_text(self, text: str, note: str = "") -> None:
        """Show a text; the same one again keeps scroll and selection. ``note`` stands below it."""
        shown = prepare(text)
        if note:
            shown = f"{shown}\n\n[{note}]"
        if shown == self._shown:
            return
        same_place = self._shown is not None and shown.startswith(self._shown[:200])
        at = (self.verticalScrollBar().value(), self.horizontalScrollBar().value()) if same_place else (0, 0)
        self._shown = shown
        self.setPlainText(shown)
        self.verticalScrollBar().setValue(at[0])
        self.horizontalScrollBar().setValue(at[1])

    def _on_theme_changed(self) -> None:
        self.setFont(self._theme.font("mono"))
        self.document().setDocumentMargin(self._theme.space(2))


def prepare(text: str) -> str:
    """Return a text as it is shown: capped, control characters visible, endless lines broken."""
    cut = text[:MAX_CHARACTERS]
    lines: list[str] = []
    for line in visible(cut.replace("\r\n", "\n")).split("\n"):
        lines.extend(line[i : i + MAX_LINE] for i in range(0, max(1, len(line)), MAX_LINE))
    if len(text) > len(cut):
        lines.append(f"[{len(text) - len(cut):,} more characters are not shown]")
    return "\n".join(lines)
