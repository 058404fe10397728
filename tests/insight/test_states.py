"""The state of a task in a sentence."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from prismq_gui.insight.messages import TaskRow, WorkerRow
from prismq_gui.insight.states import duration_text, is_running, state_sentence, worker_state

NOW = datetime(2026, 11, 24, 9, 12, 0)


def task(**cells) -> TaskRow:
    row = dict.fromkeys(TaskRow.__slots__) | {"id": 7, "type": "t", "attempts": 0, "max_attempts": 5}
    return TaskRow(**(row | cells))


def worker(heartbeat, held=1) -> WorkerRow:
    return WorkerRow("worker-05", "{}", heartbeat, held)


LATE = worker("2026-11-24 07:00:00")
ALIVE = worker("2026-11-24T09:11:30+00:00")


@pytest.mark.parametrize(
    ("row", "owner", "sentence"),
    [
        (task(status="queued", run_after_utc="2026-11-24 06:12:00"), None, "Waiting: due since 06:12 UTC, 3 h ago."),
        (
            task(status="queued", run_after_utc="2026-11-25T06:12:00Z"),
            None,
            "Waiting: not due until 2026-11-25 06:12 UTC, in 21 h.",
        ),
        (
            task(status="queued", run_after_utc="2026-11-24 09:00:00", attempts=2, error_message="boom\nmore"),
            None,
            "Waiting: due since 09:00 UTC, 12 min ago. Tried 2 of 5 attempts so far; the last error was: boom",
        ),
        (task(status="queued", run_after_utc="soon"), None, "Waiting, but its due time “soon” cannot be read."),
        (task(status="queued", run_after_utc=None), None, "Waiting, but its due time “–” cannot be read."),
        (
            task(status="leased", locked_by="worker-05", lease_until_utc="2026-11-24 07:12:00"),
            LATE,
            "Running on worker-05; its lease expired 2 h ago and the worker is silent, so another worker may claim it.",
        ),
        (
            task(
                status="processing",
                locked_by="worker-05",
                processing_started_utc="2026-11-24 09:11:00",
                lease_until_utc="2026-11-24 09:12:30",
            ),
            ALIVE,
            "Running on worker-05 for 1 min; its lease lasts 30 s more.",
        ),
        (task(status="leased"), None, "Running, but no worker is named; it has no readable lease."),
        (
            task(
                status="failed", attempts=2, error_message="TimeoutError: slow", finished_at_utc="2026-11-24 09:11:48"
            ),
            None,
            "Failed 12 s ago after 2 of 5 attempts: TimeoutError: slow",
        ),
        (task(status="failed", error_message="Cancelled by user"), None, "Cancelled: Cancelled by user"),
        (task(status="dead_letter", attempts=5), None, "Given up after 5 of 5 attempts."),
        (task(status="cancelled", finished_at_utc="2026-11-21 09:12:00"), None, "Cancelled 3 days ago."),
        (
            task(
                status="completed",
                attempts=1,
                processing_started_utc="2026-11-24 08:00:00",
                finished_at_utc="2026-11-24 08:01:30",
            ),
            None,
            "Completed 1 h ago in 1 min, with 1 of 5 attempts.",
        ),
        (
            task(
                status="completed", processing_started_utc="2026-11-24 11:00:00", finished_at_utc="2026-11-24 10:00:00"
            ),
            None,
            "Completed at 10:00 UTC (in the future), with 0 of 5 attempts.",
        ),
        (task(status="<b>odd"), None, "It has the status “<b>odd”, which this program does not know."),
        (task(status=b"xy"), None, "It has the status “blob of 2 bytes”, which this program does not know."),
        (task(status=None), None, "It has no status, so no worker will take it."),
    ],
)
def test_state_of_a_task(row, owner, sentence):
    assert state_sentence(row, NOW, owner) == sentence


def test_a_long_error_is_cut_to_a_line():
    said = state_sentence(task(status="failed", attempts=1, error_message="e" * 5_000), NOW, None)
    assert len(said) < 250
    assert said.endswith("…")


def test_worker_states():
    assert worker_state("2026-11-24 09:10:00", NOW, held=1) == "busy"
    assert worker_state("2026-11-24T09:10:00Z", NOW) == "idle"
    assert worker_state("2026-11-24 09:09:59", NOW, held=1) == "silent"
    assert worker_state(None, NOW) == worker_state("never", NOW) == worker_state(b"", NOW) == "silent"


def test_leased_and_processing_both_run():
    assert [is_running(each) for each in ("leased", "processing", "queued", None, b"leased")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (-59, "59 s"), (3_599, "59 min"), (47 * 3_600, "47 h"), (10**8, "1,157 days")]
)
def test_durations(seconds, text):
    assert duration_text(timedelta(seconds=seconds)) == text
