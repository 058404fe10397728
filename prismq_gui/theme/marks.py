"""The colours a queue file can be marked with: a ground and the text on it, for light and for dark.

Owns the colours. Text on each reaches a contrast of 4.5; what a mark means is always said in words too.
"""

from __future__ import annotations

_LIGHT = {
    "green": ("#0b6b4a", "#ffffff"),
    "blue": ("#1f5fd0", "#ffffff"),
    "purple": ("#7a3ea8", "#ffffff"),
    "amber": ("#f2c14e", "#2b1d00"),
    "red": ("#b3261e", "#ffffff"),
    "grey": ("#545d6c", "#ffffff"),
}
_DARK = {
    "green": ("#6fd3a5", "#06281c"),
    "blue": ("#8ab0ff", "#0d1a33"),
    "purple": ("#d0a5f5", "#28103a"),
    "amber": ("#f2c14e", "#2b1d00"),
    "red": ("#ff9a8f", "#3a0b07"),
    "grey": ("#a9b1bf", "#15171c"),
}
MARK_COLOURS = tuple(_LIGHT)


def mark_colours(name: str, *, dark: bool) -> tuple[str, str]:
    """Return ground and text of a mark as ``#rrggbb``; a colour that is not known is grey."""
    known = _DARK if dark else _LIGHT
    return known.get(name, known["grey"])
