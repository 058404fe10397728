"""Lanes and facts of workers: who ran what, who is silent and holds what; bounded, and never made up."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from prismq_gui.insight.lanes import read_lanes
from prismq_gui.insight.neighbours import family_of, read_neighbours
from prismq_gui.insight.timeline import Outcome, Source
from prismq_gui.insight.worker_facts import read_capabilities, read_worker_facts
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading

LATER = datetime(2026, 11, 24, 17)
THEN = datetime(2026, 11, 24, 3)


def lanes_of(path, now=THEN, window=timedelta(minutes=10), **bounds):
    with reading(path) as reader:
        return reader.ask(lambda c, layout: read_lanes(c, layout, now, window, **bounds))


def workers_of(path, now=LATER):
    with reading(path) as reader:
        return reader.ask(lambda c, layout: read_worker_facts(c, layout, now))


def test_the_samples_six_workers_are_silent_the_fifth_longest_with_what_each_holds(sample_db):
    found = workers_of(sample_db)
    silent = found.silent(LATER)
    assert [each.worker_id for each in silent] == ["worker-05", *(f"worker-0{n}" for n in range(5))]
    assert [each.held for each in silent] == [2, 9, 6, 8, 5, 8]
    assert [holding.task_id for holding in silent[0].holdings] == [168, 207]
    holdings = [holding for each in silent for holding in each.holdings]
    assert len(holdings) == 38
    assert all(holding.is_lease_over(LATER) and holding.held_s(LATER) > 0 for holding in holdings)
    assert {each.name for each in silent[0].capabilities} == {"gpu", "region"}


def test_B14_ages_and_states_move_with_the_moment_asked_for_and_are_never_negative(sample_db):
    worker = workers_of(sample_db).workers[0]
    beat = worker.heartbeat
    assert worker.heartbeat_age_s(beat + timedelta(seconds=90)) == 90
    assert [worker.state(beat + timedelta(seconds=s)) for s in (0, 119, 121)] == ["busy", "busy", "silent"]
    assert worker.heartbeat_age_s(beat - timedelta(hours=1)) == 0
    assert worker.is_ahead(beat - timedelta(hours=1))
    assert worker.holdings[0].held_s(beat - timedelta(days=1)) is None


def test_the_samples_lanes_show_each_run_with_its_worker(sample_db):
    found = lanes_of(sample_db)
    assert [lane.worker for lane in found.lanes] == [f"worker-0{n}" for n in range(6)]
    spans = [span for lane in found.lanes for span in lane.spans]
    outcomes = [span.outcome for span in spans]
    assert outcomes.count(Outcome.RUNNING) == 38
    assert outcomes.count(Outcome.COMPLETED) == 209
    assert all(span.end is None for span in spans if span.outcome is Outcome.RUNNING)
    assert all(span.type and span.start is not None for span in spans)
    assert found.covered_from == found.since


def test_long_after_only_what_runs_is_left_and_gaps_stay_empty(sample_db):
    found = lanes_of(sample_db, LATER)
    spans = [span for lane in found.lanes for span in lane.spans]
    assert {span.outcome for span in spans} == {Outcome.RUNNING}
    assert len(spans) == 38
    assert all(span.lease_until < LATER for span in spans)


def test_a_bound_on_lines_is_told_and_what_lies_before_is_not_called_idle(sample_db):
    found = lanes_of(sample_db, most_lines=20)
    assert found.covered_from > found.since
    assert any("newest 20 log lines" in note for note in found.notes)


def test_runs_without_log_lines_come_from_the_columns(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3)
    run_sql(
        path, "UPDATE task_queue SET status = 'completed', processing_started_utc = '2026-11-24 02:59:00', "
        "finished_at_utc = '2026-11-24 02:59:30' WHERE id = 1",
    )  # fmt: skip
    run_sql(
        path, "UPDATE task_queue SET status = 'processing', locked_by = 'w', "
        "reserved_at_utc = '2026-11-24T02:58:00Z' WHERE id = 2",
    )  # fmt: skip
    found = lanes_of(path)
    assert [lane.worker for lane in found.lanes] == ["w", ""]
    running, done = found.lanes[0].spans[0], found.lanes[1].spans[0]
    assert (running.task_id, running.outcome, running.start) == (2, Outcome.RUNNING, datetime(2026, 11, 24, 2, 58))
    assert (done.task_id, done.end_source, done.end - done.start) == (1, Source.COLUMN, timedelta(seconds=30))
    assert any("not recorded" in note for note in found.notes)


def test_rates_are_unknown_where_no_worker_is_recorded(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', '2026-11-24 02:59:59')")
    run_sql(
        path, "UPDATE task_queue SET status = 'completed', processing_started_utc = '2026-11-24 02:59:00', "
        "finished_at_utc = '2026-11-24 02:59:30'",
    )  # fmt: skip
    found = workers_of(path, THEN)
    assert found.workers[0].rates.done_per_hour is None
    assert "no lines of starts" in found.workers[0].rates.why_unknown
    assert found.unassigned == 1


def test_rates_count_what_each_worker_ended_in_the_last_hour(sample_db):
    rates = {each.worker_id: each.rates for each in workers_of(sample_db, THEN).workers}
    assert sum(each.done for each in rates.values()) == 209
    assert rates["worker-00"].done_per_hour == rates["worker-00"].done


@pytest.mark.parametrize("cell", [None, "", "{", "[1]", b"\x00", 7, '{"a":' * 3000, '{"a": NaN, "b": [1, {"c": 2}]}'])
def test_capabilities_of_any_kind_are_read_or_told(cell):
    found, problem = read_capabilities(cell)
    assert found or problem or cell is None


def test_neighbours_of_type_and_of_key(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 9)
    run_sql(path, "UPDATE task_queue SET type = 'other' WHERE id IN (4, 6)")
    run_sql(path, "UPDATE task_queue SET status = 'failed' WHERE id = 3")
    for task_id, key in ((5, "report-2026-01-30"), (2, "report-2026-01-31"), (8, "report-2026-02-01"), (9, "reporu-1")):
        run_sql(path, "UPDATE task_queue SET idempotency_key = ? WHERE id = ?", (key, task_id))
    with reading(path) as reader:
        middle, last, nobody = (reader.ask(lambda c, layout, i=i: read_neighbours(c, layout, i)) for i in (2, 5, 77))
    assert (middle.previous_of_type, middle.next_of_type) == (1, 3)
    assert (middle.family, middle.previous_of_family, middle.next_of_family) == ("report-", 5, 8)
    assert (last.previous_of_type, last.next_of_type, last.previous_of_family) == (3, 7, None)
    assert nobody is None


@pytest.mark.parametrize(("key", "family"), [("a", ""), ("17", ""), ("job-17", "job-"), ("a-2026-01-31T10:00-b", "a-")])
def test_a_family_is_what_stands_before_the_number(key, family):
    assert family_of(key) == family
