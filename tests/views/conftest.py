"""Fixtures for widgets: one theme, and a model of ids that needs no file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from prismq_gui.theme import Theme


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The light theme, applied."""
    made = Theme(qapp, "light")
    made.apply()
    yield made
    made.mode = "light"
