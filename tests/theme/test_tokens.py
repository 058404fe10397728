"""Every text colour can be read on every ground it stands on, and statuses differ without colour."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import combinations

import pytest
from PySide6.QtGui import QColor, QImage

from prismq_gui.theme import DARK, LIGHT, Palette, Severity, Status, contrast, status_of
from prismq_gui.theme.shapes import shape_pixmap

GROUNDS = ("window", "surface", "raised", "hover", "selection", "selection_idle")
STATUSES = tuple(status.value for status in Status)
TEXTS = ("text", "muted", "accent", "danger", "warning", "success", "info", *STATUSES)
both = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


def unreadable(palette: Palette) -> list[str]:
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [("on_accent", "accent"), ("on_accent", "accent_hover"), ("on_danger", "danger")]
    pairs += [("on_danger", "danger_hover")]
    pairs += [(text, f"{one.value}_ground") for one in Severity for text in ("text", "muted", one.value)]
    return [
        f"{text} on {ground}: {contrast(getattr(palette, text), getattr(palette, ground)):.2f}"
        for text, ground in pairs
        if contrast(getattr(palette, text), getattr(palette, ground)) < 4.5
    ]


@both
def test_every_text_is_readable_on_every_ground(palette: Palette):
    assert unreadable(palette) == []


def test_the_contrast_check_sees_a_pale_grey():
    assert unreadable(replace(LIGHT, muted="#9aa2af"))


@both
def test_edges_of_fields_are_visible(palette: Palette):
    for ground in ("window", "surface"):
        assert contrast(palette.border_strong, getattr(palette, ground)) >= 3


@both
def test_every_role_is_a_colour(palette: Palette):
    for role in fields(palette):
        if role.name != "dark":
            assert QColor(getattr(palette, role.name)).isValid(), role.name


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_stored_statuses_are_shown_as_what_they_mean():
    assert status_of("leased") is status_of("processing") is Status.RUNNING
    assert status_of("queued") is Status.WAITING
    assert status_of("dead_letter") is Status.DEAD
    for unknown in ("on hold", "", None, b"queued", 3):
        assert status_of(unknown) is Status.OTHER


def _coverage(image: QImage) -> list[bool]:
    return [image.pixelColor(x, y).alpha() > 100 for x in range(image.width()) for y in range(image.height())]


def test_status_shapes_differ_without_colour(qapp):
    drawn = {status: _coverage(shape_pixmap(status, 10, 2.0, "#000000").toImage()) for status in Status}
    for (one, first), (other, second) in combinations(drawn.items(), 2):
        differing = sum(a != b for a, b in zip(first, second, strict=True))
        assert differing >= 0.1 * len(first), f"{one} looks like {other}"


# Machado et al. 2009, severity 1: what a colour becomes for the three kinds of colour blindness.
_BLINDNESS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def _seen(colour: str, kind: str) -> tuple[float, ...]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(a * red + b * green + c * blue for a, b, c in _BLINDNESS[kind])


@both
@pytest.mark.parametrize("kind", _BLINDNESS)
def test_completed_failed_and_running_stay_apart_for_the_colour_blind(palette: Palette, kind: str):
    for one, other in combinations((Status.COMPLETED, Status.FAILED, Status.RUNNING), 2):
        first, second = _seen(palette.status(one), kind), _seen(palette.status(other), kind)
        distance = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5
        assert distance > 0.15, (one, other, distance)
