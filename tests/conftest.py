"""Fixtures for all tests: real files, and a check that no test leaves a thread behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports Qt: tests never open a real window unless asked to.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.helpers.files import copy_sample


@pytest.fixture
def sample_db(tmp_path: Path) -> Path:
    """A copy of the sample queue file."""
    return copy_sample(tmp_path)


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:
    """Fail the test that leaves a Python thread running."""
    before = set(threading.enumerate())
    yield
    leaked = []
    for thread in set(threading.enumerate()) - before:
        if thread.__class__.__name__ == "_DummyThread":  # a Qt thread seen once by Python
            continue
        thread.join(timeout=2)
        if thread.is_alive():
            leaked.append(thread.name)
    assert not leaked, f"threads left running: {leaked}"
