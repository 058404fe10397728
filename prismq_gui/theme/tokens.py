"""The colours of the program by the role they play, for light and for dark, and their arithmetic.

Owns the palettes and the contrast formula. Must not know widgets: what a role looks like on one is
said in :mod:`prismq_gui.theme.stylesheet`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from prismq_gui.insight.states import StatusKind as Status


class Severity(Enum):
    """How loudly a bar or mark speaks."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Palette:
    """One colour a role, as ``#rrggbb``. Text roles reach a contrast of 4.5 on every ground they stand on."""

    dark: bool
    window: str  # ground of the window, rail, bars
    surface: str  # ground of tables, fields, cards
    raised: str  # menus, tooltips, hovered buttons
    hover: str  # row or item under the mouse
    selection: str  # selected rows while the view has the focus
    selection_idle: str  # selected rows without the focus
    border: str  # hairlines between areas
    border_strong: str  # edge of fields and buttons (3:1 on the ground)
    text: str
    muted: str  # second-rank text
    disabled: str  # what cannot be used; no contrast asked of it
    accent: str  # links, focus, the chosen page
    accent_hover: str
    on_accent: str  # text on accent
    danger: str
    danger_hover: str
    on_danger: str
    warning: str
    success: str
    info: str
    danger_ground: str
    warning_ground: str
    success_ground: str
    info_ground: str
    waiting: str
    running: str
    completed: str
    failed: str
    dead: str
    cancelled: str
    other: str

    def status(self, status: Status) -> str:
        """Return the colour of a status."""
        return str(getattr(self, status.value))

    def severity(self, severity: Severity) -> tuple[str, str]:
        """Return foreground and ground of a severity."""
        return str(getattr(self, severity.value)), str(getattr(self, f"{severity.value}_ground"))


# Status hues follow the blue / orange / purple / green split that stays apart for red-green and
# blue-yellow blindness; lightness differs too, and each has a shape of its own (theme.shapes).
LIGHT = Palette(
    dark=False,
    window="#f6f7f9",
    surface="#ffffff",
    raised="#ffffff",
    hover="#f0f3f8",
    selection="#d9e6fd",
    selection_idle="#e6e9ef",
    border="#dfe3e9",
    border_strong="#848d9d",
    text="#1a1e26",
    muted="#545d6c",
    disabled="#9aa2af",
    accent="#1f5fd0",
    accent_hover="#174ca9",
    on_accent="#ffffff",
    danger="#b3261e",
    danger_hover="#8f1d17",
    on_danger="#ffffff",
    warning="#7f5200",
    success="#0b6b4a",
    info="#1f5fd0",
    danger_ground="#fdecea",
    warning_ground="#fff3d6",
    success_ground="#e2f5ec",
    info_ground="#e8f0fe",
    waiting="#545d6c",
    running="#1d5fd6",
    completed="#0b5a33",
    failed="#b3400a",
    dead="#8b1a6b",
    cancelled="#675d52",
    other="#6b5600",
)

DARK = Palette(
    dark=True,
    window="#15171c",
    surface="#1b1e24",
    raised="#262a32",
    hover="#232730",
    selection="#2b4069",
    selection_idle="#2f343f",
    border="#2d323c",
    border_strong="#6f7888",
    text="#e7eaf0",
    muted="#a9b1bf",
    disabled="#666e7c",
    accent="#8ab0ff",
    accent_hover="#a9c5ff",
    on_accent="#0d1a33",
    danger="#ff9a8f",
    danger_hover="#ffb8b0",
    on_danger="#3a0b07",
    warning="#f2c14e",
    success="#6fd3a5",
    info="#8ab0ff",
    danger_ground="#3b2020",
    warning_ground="#352b14",
    success_ground="#16302a",
    info_ground="#1d2a45",
    waiting="#a9b1bf",
    running="#8aaeff",
    completed="#8fe3b4",
    failed="#ffa26b",
    dead="#f09bd8",
    cancelled="#beb3a6",
    other="#e6cf7a",
)


def _luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` by WCAG 2.1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast of two ``#rrggbb`` colours by WCAG 2.1, from 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
