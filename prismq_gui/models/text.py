"""Cells of an untrusted file as text for the eye: nothing invisible, nothing reordered, one line, a bounded length.

Pure functions; must never raise, whatever the file holds.
"""

from __future__ import annotations

import unicodedata

from prismq_gui.insight.messages import Cell

MAX_CELL = 300
MAX_TOOLTIP = 2_000
# Control, format (which reorder and hide), surrogates, private, unassigned, line and paragraph separators.
_ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    """Return the text with control and reordering characters written out; line breaks and tabs stay."""
    if text.isprintable():  # which none of the escaped is, and of the others separators alone are not
        return text
    hidden = {each for each in set(text) if not (each.isprintable() or each in "\n\t" or _is_plain(each))}
    return "".join(_escaped(each) if each in hidden else each for each in text) if hidden else text


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in _ESCAPED_CATEGORIES


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures ␀ … ␟; the escape of ANSI sequences is ␛
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"[U+{code:04X}]"


def one_line(text: str, limit: int = MAX_CELL) -> str:
    """Return the text on one line of at most ``limit`` characters and an ellipsis; line breaks become ⏎."""
    cut = text[: limit + 1]
    if not cut.isprintable():
        cut = visible(cut.replace("\r\n", "\n").replace("\r", "\n")).replace("\n", "⏎").replace("\t", "␉")
    return cut if len(cut) <= limit and len(text) <= limit else f"{cut[:limit]}…"


def plain(cell: Cell) -> str:
    """Return a cell as text: '' for NULL, a blob by its size, a number in full."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    return f"blob {len(cell):,} B" if isinstance(cell, bytes) else str(cell)


def cell_text(cell: Cell) -> str:
    """Return a cell as one line for a table."""
    return one_line(plain(cell))


def cell_tooltip(title: str, cell: Cell) -> str:
    """Return a cell's text under its column's title.

    Plain text that Qt never takes for HTML: it guesses by the first line alone, which is ours.
    """
    text = plain(cell)
    if not text:
        return ""
    cut = text if len(text) <= MAX_TOOLTIP else f"{text[:MAX_TOOLTIP]}…"
    return f"{title}:\n{visible(cut)}"
