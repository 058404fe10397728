"""Fixtures for all tests: real files, and a check that no test leaves a thread behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Before anything imports Qt: tests never open a real window unless asked to.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.helpers.files import copy_sample

MOST_YOUNG_OBJECTS = 5_000

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell script starts what is behind a & so, and every program that a test starts and interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is; a test that hangs is ended by pytest's timeout.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")


@pytest.fixture(autouse=True, scope="session")
def _no_collection_in_other_threads() -> Iterator[None]:
    """Keep Python from collecting cycles in whichever thread allocates next, as the program itself does.

    A cycle that holds a running QTimer, destroyed in a worker's thread, leaves the timer behind in the window's thread;
    it fires into freed memory some tests later and ends the whole run.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _collected_between_tests(_no_collection_in_other_threads: None) -> Iterator[None]:
    """Collect in the main thread, after a test and before the next one starts threads."""
    yield
    if gc.get_count()[0] > MOST_YOUNG_OBJECTS:
        gc.collect()


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
