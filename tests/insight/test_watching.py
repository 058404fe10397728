"""Watching a file that others write, replace, lose and damage (faults B)."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.messages import Change
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside, other_process, reading, task_ids

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
SCANS = [
    (TaskFilter(), TaskOrder()),
    (TaskFilter(statuses=("queued", "failed")), TaskOrder()),
    (TaskFilter(text="job"), TaskOrder()),
    (TaskFilter(statuses=("queued",), text="job"), TaskOrder()),
    (TaskFilter(), TaskOrder(TaskColumn.STATUS)),
    (TaskFilter(), TaskOrder(TaskColumn.PRIORITY)),
    (TaskFilter(statuses=("queued",)), TaskOrder(TaskColumn.ATTEMPTS, descending=False)),
]


def test_a_look_tells_changed_only_after_a_commit_of_another(sample_db):
    with reading(sample_db) as reader:
        assert reader.check() is Change.UNCHANGED
        run_sql(sample_db, "UPDATE task_queue SET priority = 1 WHERE id = 1")
        assert reader.check() is Change.CHANGED
        assert reader.check() is Change.UNCHANGED
        assert reader.task_rows([1])[1].priority == 1


def test_B1_a_writer_killed_in_its_transaction_leaves_the_committed_state(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 100)
    script = (
        "c.execute('PRAGMA cache_size=5'); c.execute('BEGIN IMMEDIATE')\n"
        "c.execute(\"UPDATE task_queue SET status = 'failed', error_message = hex(zeroblob(2000))\")\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with reading(path) as reader:
        with other_process(path, script) as writer:
            assert reader.count("queued") == 100
            writer.kill()
            writer.wait(timeout=10)
        assert reader.check() in (Change.UNCHANGED, Change.CHANGED)
        assert reader.count("queued") == 100
        assert reader.count("failed") == 0


def test_B2_writers_that_come_and_go_never_make_it_busy(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 10)
    script = (
        "print('ready', flush=True)\n"
        "for n in range(100):\n"
        f"  w = sqlite3.connect({str(path)!r}, isolation_level=None, timeout=10)\n"
        "  w.execute('UPDATE task_queue SET priority = priority + 1'); w.close()\n"
        "print('done', flush=True)"
    )
    with reading(path) as reader, other_process(path, script + "") as writer:
        while writer.poll() is None:
            reader.check()
            assert reader.count("queued") == 10


@pytest.mark.parametrize(("wanted", "order"), SCANS)
def test_B3_no_scan_holds_a_checkpoint_up_at_any_step(tmp_path, wanted, order):
    path = make_foreign_queue(tmp_path / "q.db", 6_000)
    run_sql(path, "DELETE FROM task_queue WHERE id % 7 = 3")
    with reading(path) as reader:
        steps = 0
        for _chunk in reader.scan_tasks(wanted, order):
            run_sql(path, "UPDATE task_queue SET priority = priority + 1 WHERE id = 1")
            assert checkpoint_from_outside(path) == 0
            steps += 1
        assert steps > 1


def test_B3_nothing_asked_leaves_a_read_transaction(sample_db):
    with reading(sample_db) as reader:
        asked = (
            reader.statuses,
            reader.types,
            reader.workers,
            reader.newest_log_id,
            reader.check,
            lambda: reader.count("queued"),
            lambda: reader.task_rows([1, 2]),
            lambda: reader.log_rows([1, 2]),
            lambda: reader.task_detail(600),
            lambda: list(reader.scan_logs(LogFilter(task_id=600))),
            lambda: list(reader.scan_logs(LogFilter(text="attempt"))),
            lambda: reader.tasks_after(TaskFilter(text="video"), 1, 5),
        )
        for ask in asked:
            ask()
            run_sql(sample_db, "UPDATE workers SET capabilities = capabilities || ' '")
            assert checkpoint_from_outside(sample_db) == 0


def test_B3_the_wal_does_not_grow_while_it_is_watched(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 500)
    script = (
        "print('ready', flush=True)\n"
        "for n in range(3000): c.execute('UPDATE task_queue SET priority = ? WHERE id = ?', (n, n % 500 + 1))\n"
    )
    with reading(path) as reader, other_process(path, script) as writer:
        while writer.poll() is None:
            reader.check()
            assert len(task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.PRIORITY))) == 500
        assert reader.facts().wal_bytes <= 2 * 1000 * 4120 + 4096


def test_B4_a_vacuum_and_a_truncation_from_outside_show_at_the_next_look(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000)
    with reading(path) as reader:
        assert len(task_ids(reader)) == 2_000
        run_sql(path, "DELETE FROM task_queue WHERE id > 10")
        run_sql(path, "VACUUM")
        assert checkpoint_from_outside(path) == 0
        assert reader.check() is Change.CHANGED
        assert task_ids(reader) == list(range(10, 0, -1))


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses to replace an open file")
def test_B5_replaced_file_is_told_and_read_anew_after_reopening(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 5, wal=False)
    other = make_foreign_queue(tmp_path / "other.db", 7, wal=False)
    with reading(path) as reader:
        other.replace(path)
        assert reader.check() is Change.REPLACED
        assert reader.check() is Change.REPLACED
        reader.open()
        assert reader.check() is Change.UNCHANGED
        assert reader.newest_task_id() == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses to move an open file")
def test_B6_B7_a_file_that_is_gone_is_missing_never_recreated_and_comes_back(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 5, wal=False)
    with reading(path) as reader:
        moved = path.rename(tmp_path / "moved.db")
        assert [reader.check() for _ in range(3)] == [Change.MISSING] * 3
        assert not path.exists()
        with pytest.raises(ProblemError) as caught:
            reader.facts()
        assert caught.value.problem.kind is ProblemKind.MISSING
        moved.rename(path)
        assert reader.check() is Change.UNCHANGED
        assert task_ids(reader) == [5, 4, 3, 2, 1]
        path.unlink()
        assert reader.check() is Change.MISSING
        with pytest.raises(ProblemError):
            reader.open()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["garbage", "truncated", "emptied"])
def test_B9_damage_in_place_is_an_error_not_an_exit(tmp_path, damage):
    path = make_foreign_queue(tmp_path / "q.db", 3_000, wal=False)
    size = path.stat().st_size
    with reading(path) as reader:
        assert len(reader.task_rows(range(1, 100))) == 99
        with path.open("r+b") as file:
            if damage == "garbage":
                file.write(random.Random(1).randbytes(size))
            else:
                file.truncate(4096 * 3 if damage == "truncated" else 0)
        with pytest.raises(ProblemError) as caught:
            reader.check()
            list(reader.scan_tasks(TaskFilter(text="x"), TaskOrder()))
            reader.task_rows(range(1, 3_001))
    assert caught.value.problem.kind in (
        ProblemKind.CORRUPT,
        ProblemKind.NOT_A_DATABASE,
        ProblemKind.NOT_A_QUEUE,
    )


def test_B11_a_column_dropped_or_added_by_another_program_is_noticed(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2)
    with reading(path) as reader:
        run_sql(path, "ALTER TABLE task_queue DROP COLUMN finished_at_utc")
        assert reader.check() is Change.CHANGED
        assert reader.facts().missing_columns == ("task_queue.finished_at_utc",)
        row = reader.task_rows([1])[1]
        assert (row.finished_at_utc, row.locked_by, row.status) == (None, None, "queued")
        assert task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.FINISHED)) == [2, 1]


def test_B11_a_table_that_vanishes_is_told_and_its_return_noticed(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2)
    with reading(path) as reader:
        run_sql(path, "ALTER TABLE task_queue RENAME TO away")
        for ask in (reader.check, reader.check, reader.statuses):
            with pytest.raises(ProblemError) as caught:
                ask()
            assert caught.value.problem.kind is ProblemKind.NOT_A_QUEUE
        run_sql(path, "ALTER TABLE away RENAME TO task_queue")
        assert reader.check() is Change.CHANGED
        assert task_ids(reader) == [2, 1]


def test_B12_a_statement_past_its_deadline_is_ended_and_later_ones_work(sample_db):
    with closing(ReadConnection(sample_db, 0.05)) as connection:
        connection.open()
        with pytest.raises(ProblemError) as caught:
            connection.rows(ENDLESS, doing="count for ever")
        assert caught.value.problem.kind is ProblemKind.TOO_SLOW
        assert "took too long to count for ever" in caught.value.problem.what
        assert connection.value("SELECT count(*) FROM task_queue") == 600


def test_an_interrupt_from_another_thread_ends_the_statement_and_later_ones_work(sample_db):
    with closing(ReadConnection(sample_db, 60.0)) as connection:
        connection.open()
        ended = threading.Event()

        def interrupt() -> None:
            while not ended.wait(0.01):
                connection.interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            started = time.monotonic()
            with pytest.raises(ProblemError) as caught:
                connection.rows(ENDLESS)
            took_s = time.monotonic() - started
        finally:
            ended.set()
            thread.join()
        assert caught.value.problem.kind is ProblemKind.INTERRUPTED
        assert took_s < 30
        assert connection.value("SELECT count(*) FROM task_queue") == 600


def test_an_interrupt_after_closing_and_a_question_to_a_closed_reader_are_harmless(tmp_path):
    reader = QueueReader(make_foreign_queue(tmp_path / "q.db", 10_000))
    reader.interrupt()
    reader.open()
    scan = reader.scan_tasks(TaskFilter(), TaskOrder(TaskColumn.PRIORITY))
    next(scan)
    reader.close()
    reader.interrupt()
    with pytest.raises(ProblemError):
        list(scan)
    with pytest.raises(ProblemError) as caught:
        reader.count("queued")
    assert "closed" in caught.value.problem.what


def test_scans_stay_in_order_and_whole_while_a_process_writes(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3_000)
    run_sql(path, "DELETE FROM task_queue WHERE id % 10 = 0")
    settled = set(run_sql(path, "SELECT id FROM task_queue"))
    script = (
        "import random; r = random.Random(1); print('ready', flush=True)\n"
        "for n in range(2500):\n"
        "  c.execute('UPDATE task_queue SET status = ?, priority = ? WHERE id = ?',\n"
        "            (r.choice(['queued', 'leased', 'failed', 'completed']), r.randrange(9), r.randrange(1, 3001)))\n"
        "  c.execute(\"INSERT INTO task_queue (type, payload) VALUES ('new', '{}')\")\n"
    )
    statuses = TaskFilter(statuses=("queued", "leased", "failed", "completed"))
    with reading(path) as reader, other_process(path, script) as writer:
        while writer.poll() is None:
            for wanted in (TaskFilter(), statuses, TaskFilter(text="job")):
                ids = task_ids(reader, wanted)
                assert ids == sorted(set(ids), reverse=True)
                if wanted is not statuses:
                    assert {(each,) for each in ids} >= settled
            for column in (TaskColumn.STATUS, TaskColumn.PRIORITY):
                ids = task_ids(reader, TaskFilter(), TaskOrder(column))
                assert len(ids) == len(set(ids))
                assert column is TaskColumn.STATUS or len(ids) >= len(settled)
        assert writer.wait(timeout=30) == 0
        assert checkpoint_from_outside(path) == 0


def test_a_reader_never_makes_the_writers_wait_for_more_than_its_statement(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000)
    run_sql(path, "DELETE FROM task_queue WHERE id = 1000")
    with reading(path) as reader, closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as writer:
        for chunk in reader.scan_tasks(TaskFilter(text="job"), TaskOrder()):
            writer.execute("UPDATE task_queue SET priority = 5 WHERE id = 5").close()
            assert chunk.progress <= 1
