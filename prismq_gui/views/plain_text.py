"""Text from the queue file as text: never markup, never a mnemonic, nothing invisible.

Qt guesses HTML in labels and tooltips and loads the images it names; all widgets take their text
through here.
"""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from prismq_gui.models import text as texts
from prismq_gui.models.text import visible
from prismq_gui.theme import set_role

MAX_TOOLTIP = 2_000
MAX_LINE = 10_000  # characters; a label is never longer

__all__ = ["label", "no_mnemonic", "one_line", "tooltip", "visible"]


def one_line(text: str) -> str:
    """Return the text on one line, nothing in it invisible."""
    return texts.one_line(text, MAX_LINE)


def tooltip(text: str) -> str:
    """Return a tooltip that shows the text literally; Qt would take some texts for HTML."""
    if not text:
        return ""
    cut = text if len(text) <= MAX_TOOLTIP else f"{text[:MAX_TOOLTIP]}…"
    return f'<p style="white-space:pre-wrap">{html.escape(visible(cut))}</p>'


def no_mnemonic(text: str) -> str:
    """Return the text with ``&`` doubled, for buttons, menus and tabs."""
    return text.replace("&", "&&")


def label(text: str = "", role: str = "", parent: QWidget | None = None, *, wrap: bool = False) -> QLabel:
    """Return a label that shows its text literally, in one of the stylesheet's roles."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if wrap:
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    if role:
        set_role(made, role)
    return made
