"""A fresh queue for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prismq_gui.queue import QueueDatabase


@pytest.fixture
def db(tmp_path: Path) -> Iterator[QueueDatabase]:
    """A new queue in a folder whose name has a space and an umlaut."""
    with QueueDatabase(tmp_path / "pfad mit ü" / "queue.db") as database:
        database.initialize_schema()
        yield database
