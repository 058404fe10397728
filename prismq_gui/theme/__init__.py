"""The look of the program: palettes, type scale, spacing, icons and the one stylesheet.

Owns how roles look. Must not know views, files or threads.
"""

from prismq_gui.insight.states import StatusKind as Status
from prismq_gui.insight.states import status_kind as status_of
from prismq_gui.theme.theme import Mode, Theme, set_role
from prismq_gui.theme.tokens import DARK, LIGHT, Palette, Severity, contrast

__all__ = [
    "DARK",
    "LIGHT",
    "Mode",
    "Palette",
    "Severity",
    "Status",
    "Theme",
    "contrast",
    "set_role",
    "status_of",
]
