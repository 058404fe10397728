"""One rule says who is silent: the verdict, an explanation, a task's sentence and the lanes agree at every moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from prismq_gui.insight import workers
from prismq_gui.insight.explain import explain
from prismq_gui.insight.hearing import PLAIN, Gap, GapKind, Hearing
from prismq_gui.insight.lanes import read_lanes
from prismq_gui.insight.overview import OverviewReader
from prismq_gui.insight.signatures import signature
from prismq_gui.insight.states import state_sentence
from prismq_gui.insight.verdict import Code
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading

ASLEEP = datetime(2026, 3, 1, 2, 0, 0)
AWAKE = ASLEEP + timedelta(hours=8)
SLEPT = Hearing(gap=Gap(GapKind.SLEPT, ASLEEP, 8 * 3_600))


@pytest.fixture
def night(tmp_path):
    """A worker that runs a task until the machine sleeps, and one that waits in line."""
    path = make_foreign_queue(tmp_path / "Nacht ü.db", 2)
    run_sql(path, "UPDATE task_queue SET created_at_utc = '2026-03-01 01:00:00', run_after_utc = '2026-03-01 01:59:00'")
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', '2026-03-01 01:59:50')")
    run_sql(
        path, "UPDATE task_queue SET status = 'processing', locked_by = 'w', attempts = 1,"
        " lease_until_utc = '2026-03-01 02:04:00', reserved_at_utc = '2026-03-01 01:59:00' WHERE id = 1",
    )  # fmt: skip
    return path


def told(path, hearing: Hearing):
    """Return the codes of the verdict and its words, and whether each of the others calls the worker silent."""
    with reading(path) as reader:
        overview = OverviewReader(
            reader.connection, reader.layout(), signature=signature, clock=lambda: AWAKE, hear=lambda: hearing
        )
        verdict = overview.read_all().verdict
        lanes = reader.ask(lambda connection, layout: read_lanes(connection, layout, AWAKE, hearing=hearing))
        waiting, running = (explain(reader, id, AWAKE, hearing=hearing) for id in (2, 1))
        detail = reader.task_detail(1)
    sentence = state_sentence(detail.row, AWAKE, detail.worker, hearing)
    others = (
        lanes.lanes[0].state == "silent", "no worker is alive" in waiting.sentence,
        running.workers[0].state == "silent", "the worker is silent" in sentence,
    )  # fmt: skip
    return {reason.code for reason in verdict.reasons}, verdict, set(others)


def test_B14_after_sleep_all_wait_for_heartbeats_and_none_cries(night):
    codes, verdict, others = told(night, SLEPT)
    assert codes == set()
    assert verdict.sentence == "The computer slept for 8 h; waiting for heartbeats"
    assert not verdict.is_well
    assert others == {False}


def test_B14_who_does_not_beat_within_the_grace_is_silent_everywhere(night):
    codes, verdict, others = told(night, PLAIN)
    assert {Code.NOBODY_WORKS, Code.SILENT_WORKERS, Code.EXPIRED_LEASES, Code.WAITS_LONG} <= codes
    assert others == {True}
    assert "slept" not in verdict.sentence


def test_B14_a_heartbeat_after_sleep_ends_the_waiting(night):
    run_sql(night, "UPDATE workers SET heartbeat_utc = '2026-03-01 09:59:59'")
    codes, verdict, others = told(night, SLEPT)
    assert codes == set()
    assert verdict.awaited == ""
    assert others == {False}


def test_who_was_silent_before_sleep_is_named_while_others_are_awaited(night):
    run_sql(night, "INSERT INTO workers VALUES ('old', '{}', '2026-02-27 12:00:00')")
    run_sql(night, "UPDATE task_queue SET status = 'leased', locked_by = 'old' WHERE id = 2")
    codes, verdict, _ = told(night, SLEPT)
    assert Code.SILENT_WORKERS in codes
    reason = next(reason for reason in verdict.reasons if reason.code is Code.SILENT_WORKERS)
    assert reason.sentence.startswith("old silent for")
    assert reason.sentence.endswith("holding 1 task")
    assert verdict.awaited.startswith("the computer slept")


def test_a_threshold_of_ones_own_is_the_one_of_all(night):
    run_sql(night, "UPDATE workers SET heartbeat_utc = '2026-03-01 09:59:00'")
    assert told(night, Hearing(silent_after_s=90))[2] == {False}
    assert told(night, Hearing(silent_after_s=30))[2] == {True}


def test_a_beat_from_the_future_is_no_silence():
    assert not PLAIN.is_silent(AWAKE + timedelta(hours=1), AWAKE)
    assert PLAIN.is_silent(None, AWAKE)


def test_a_worker_that_may_hold_more_than_was_looked_at_is_said_to(tmp_path, monkeypatch):
    path = make_foreign_queue(tmp_path / "q.db", 7, status="leased")
    run_sql(path, "UPDATE task_queue SET locked_by = 'w'")
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', '2026-02-27 12:00:00')")
    with reading(path) as reader:
        (exact,) = reader.workers()
        monkeypatch.setattr(workers, "MAX_RUNNING", 5)
        (cut,) = reader.workers()
        overview = OverviewReader(reader.connection, reader.layout(), signature=signature, clock=lambda: AWAKE)
        verdict = overview.read_all().verdict
    assert (exact.held, exact.held_at_least) == (7, False)
    assert (cut.held, cut.held_at_least) == (5, True)
    assert "holding at least 5 tasks" in verdict.sentence
