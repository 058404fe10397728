"""Text from the queue file as text: never markup, never a mnemonic, nothing invisible.

Qt guesses HTML in labels and tooltips and loads the images it names; all widgets take their text
through here.
"""

from __future__ import annotations

import html
import unicodedata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from prismq_gui.theme import set_role

MAX_TOOLTIP = 2_000
_KEPT = {"\n", "\t"}
# Format characters that reorder or hide what stands round them.
_ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    """Return the text with control and reordering characters written out; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_plain(character) else _escape(character) for character in text)


def _is_plain(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in _ESCAPED_CATEGORIES


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␀ … ␟
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"[U+{code:04X}]"


def one_line(text: str) -> str:
    """Return the text on one line, with line breaks and tabs written out too."""
    text = visible(text)
    return text.replace("\n", "␊").replace("\t", "␉") if "\n" in text or "\t" in text else text


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
