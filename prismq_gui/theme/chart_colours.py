"""The colours of lines in charts: after the set by Okabe and Ito, told apart by the colour-blind.

Owns the colours only. Each reaches 3:1 on the ground of a card; on light grounds the set's yellow and sky blue would
not, so darker ones of the same hue stand for them.
"""

from __future__ import annotations

from prismq_gui.theme.tokens import Palette

_LIGHT = ("#0072b2", "#a86400", "#b0457f", "#007a5c")
_DARK = ("#56b4e9", "#e69f00", "#e08cbb", "#35c79b")


def chart_colours(palette: Palette) -> tuple[str, ...]:
    """Return four colours as ``#rrggbb``, for the first to the fourth line."""
    return _DARK if palette.dark else _LIGHT
