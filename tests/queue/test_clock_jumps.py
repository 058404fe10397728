"""A clock that jumps must not have everything run twice: who holds a task gets the time to renew its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, claiming, settling


@pytest.fixture
def db(tmp_path: Path) -> Iterator[QueueDatabase]:
    with QueueDatabase(tmp_path / "queue.db") as database:
        database.initialize_schema()
        yield database


def set_forward(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + int(seconds * 1e9))


def test_F20_a_clock_set_forward_takes_no_task_from_its_worker(
    db: QueueDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "RESCUE_INTERVAL_S", 0.0)  # each claim looks for leases that are over
    monkeypatch.setattr(claiming, "LOOK_INTERVAL_S", 0.0)
    QueueClient(db).enqueue("job")
    other = Claimer(db)
    held = Claimer(db).claim("holder", lease_seconds=60)
    assert held is not None
    assert other.claim("other") is None
    set_forward(monkeypatch, 600)
    assert other.claim("other") is None
    settling.renew(db, held, 60)
    monkeypatch.setattr(claiming, "AFTER_JUMP_S", 0.0)
    assert other.claim("other") is None
    settling.complete(db, held)


def test_F20_what_is_still_not_renewed_some_time_after_a_jump_is_given_back(
    db: QueueDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "RESCUE_INTERVAL_S", 0.0)
    monkeypatch.setattr(claiming, "LOOK_INTERVAL_S", 0.0)
    monkeypatch.setattr(claiming, "AFTER_JUMP_S", 0.05)
    QueueClient(db).enqueue("job")
    other = Claimer(db)
    assert Claimer(db).claim("dead", lease_seconds=60) is not None
    assert other.claim("other") is None
    set_forward(monkeypatch, 600)
    assert other.claim("other") is None
    deadline = time.monotonic() + 30
    while (task := other.claim("other")) is None:
        assert time.monotonic() < deadline
    assert task.attempt == 2
