"""The real sample file, in its exact numbers."""

from __future__ import annotations

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from tests.insight.helping import log_ids, reading, task_ids

COUNTS = {"queued": 294, "leased": 19, "processing": 19, "completed": 209, "failed": 54, "dead_letter": 5}


def test_counts_by_status(sample_db):
    with reading(sample_db) as reader:
        assert {status: reader.count(status) for status in reader.statuses()} == COUNTS
        assert reader.count("no such status") == 0


def test_scans_find_as_many_as_the_counts(sample_db):
    with reading(sample_db) as reader:
        assert task_ids(reader) == list(range(600, 0, -1))
        for status, count in COUNTS.items():
            assert len(task_ids(reader, TaskFilter(statuses=(status,)))) == count
        by_type = [len(task_ids(reader, TaskFilter(types=(name,)))) for name in reader.types()]
        assert sum(by_type) == 600
        assert log_ids(reader) == list(range(1, 638))
        assert reader.newest_task_id() == 600
        assert reader.newest_log_id() == 637


def test_workers_and_what_they_hold(sample_db):
    with reading(sample_db) as reader:
        workers = reader.workers()
    assert [worker.worker_id for worker in workers] == [f"worker-0{n}" for n in range(6)]
    assert workers[5].heartbeat_utc == "2026-11-24 00:59:43"
    assert {worker.heartbeat_utc for worker in workers[:5]} == {"2026-11-24 02:57:37"}
    assert sum(worker.held for worker in workers) == 38
    assert workers[5].held_ids == (168, 207)
    assert all(worker.registered for worker in workers)


def test_rows_come_in_the_order_asked_and_the_absent_are_left_out(sample_db):
    with reading(sample_db) as reader:
        rows = reader.task_rows([600, 9_999, 1, 2**70, 3])
        assert list(rows) == [600, 1, 3]
        assert rows[600].locked_by == "worker-01"
        assert list(reader.log_rows([637, 5, 9_999])) == [637, 5]


def test_detail_of_a_task(sample_db):
    with reading(sample_db) as reader:
        detail = reader.task_detail(600)
        assert reader.task_detail(601) is None
    assert detail is not None
    assert detail.payload.text == '{"url": "https://example.org/v/885487", "title": "A quiet night"}'
    assert detail.payload.size_bytes == len(detail.payload.text)
    assert not detail.payload.truncated
    assert detail.region == "us-west"
    assert [line.log_id for line in detail.logs] == [4, 5, 132, 133]
    assert detail.worker is not None
    assert detail.worker.worker_id == "worker-01"


def test_newer_rows_than_the_last_seen(sample_db):
    with reading(sample_db) as reader:
        every = sorted(task_ids(reader, TaskFilter(statuses=("queued",))))
        newer = [each for each in every if each > 500]
        assert list(reader.tasks_after(TaskFilter(statuses=("queued",)), 500, 1_000)) == newer
        assert list(reader.tasks_after(TaskFilter(statuses=("queued",)), 500, 3)) == newer[:3]
        assert list(reader.tasks_after(TaskFilter(), 600, 10)) == []
        assert list(reader.logs_after(LogFilter(), 630, 3)) == [631, 632, 633]


def test_both_written_forms_of_a_time_sort_by_their_instant(sample_db):
    with reading(sample_db) as reader:
        ids = task_ids(reader, TaskFilter(statuses=("queued",)), TaskOrder(TaskColumn.RUN_AFTER, descending=False))
        rows = reader.task_rows(ids)
    times = [str(rows[each].run_after_utc).replace("T", " ")[:19] for each in ids]
    assert times == sorted(times)
    assert any("T" in str(row.run_after_utc) for row in rows.values())
