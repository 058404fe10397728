"""Retention, expired leases and silent workers: what goes, what stays, and that nobody waits for it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from prismq_gui.queue import (
    MaintenanceProgress,
    QueueBusyError,
    QueueDatabase,
    QueueDatabaseError,
    QueueSchemaError,
    delete_finished,
    release_expired,
    remove_silent_workers,
)
from prismq_gui.queue.retention import CHUNK_ROWS, count_finished
from prismq_gui.queue.stale import KeptWorker
from prismq_gui.queue.timestamps import utc_text
from tests.helpers.files import run_sql
from tests.queue.helping_upkeep import LONG_AGO, fill, kill_points, malformed_queue, outside, small_disk, sound
from tests.queue.upkeep_processes import finish, kill_after_steps, running

NOW = datetime(2026, 1, 31, 12, 0, 0)
FORMS = ["2026-01-01 12:00:00", "2026-01-01T12:00:00+00:00", "2026-01-01T12:00:00.000000Z", "2026-01-01T14:00:00+02:00"]
LATER_FORMS = ["2026-01-01 12:00:01", "2026-01-01T12:00:01+00:00", "2026-01-01T12:00:01Z", "2026-01-01T14:00:01+0200"]


def add(db: QueueDatabase, status: str, ended: object, *, logs: int = 1, updated: str = "2026-01-31 00:00:00") -> int:
    """Add one task with so many log lines; return its id."""
    sql = (
        "INSERT INTO task_queue (type, payload, status, finished_at_utc, updated_at_utc) VALUES ('job', '{}', ?, ?, ?)"
    )
    task_id = db.execute(sql, (status, ended, updated)).lastrowid
    assert task_id is not None
    db.execute_many("INSERT INTO task_logs (task_id, level, message) VALUES (?, 'INFO', 'm')", [(task_id,)] * logs)
    return task_id


def ids(db: QueueDatabase) -> list[int]:
    return [row[0] for row in run_sql(db.db_path, "SELECT id FROM task_queue ORDER BY id")]  # type: ignore[misc]


def count_changes(db: QueueDatabase) -> list[int]:
    """Return the list that will hold how many rows each transaction changed."""
    changes: list[int] = []
    connection = db.get_connection()
    at = connection.total_changes

    def look(sql: str) -> None:
        nonlocal at
        if sql == "COMMIT":
            changes.append(connection.total_changes - at)
        if sql in ("COMMIT", "BEGIN IMMEDIATE"):
            at = connection.total_changes

    connection.set_trace_callback(look)
    return changes


def test_both_forms_of_times_are_honoured_to_the_second(db: QueueDatabase) -> None:
    old = [add(db, "completed", form) for form in FORMS]
    young = [add(db, "completed", form) for form in LATER_FORMS]
    report = delete_finished(db, LONG_AGO, now=NOW)
    assert (report.tasks, report.logs, report.stopped, report.refused) == (len(old), len(old), False, ())
    assert ids(db) == young
    assert run_sql(db.db_path, "SELECT count(*) FROM task_logs") == [(len(young),)]


def test_an_aware_time_in_another_zone_is_taken_as_that_moment(db: QueueDatabase) -> None:
    add(db, "completed", FORMS[0])
    aware = NOW.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=9)))
    assert delete_finished(db, LONG_AGO + timedelta(seconds=1), now=aware).tasks == 0
    assert delete_finished(db, LONG_AGO, now=aware).tasks == 1


def test_only_the_chosen_statuses_go(db: QueueDatabase) -> None:
    every = {
        status: add(db, status, FORMS[0])
        for status in ("completed", "failed", "dead_letter", "cancelled", "queued", "leased", "processing", "strange")
    }
    assert delete_finished(db, LONG_AGO, now=NOW).tasks == 1
    assert delete_finished(db, LONG_AGO, statuses=("failed", "cancelled"), now=NOW).tasks == 2
    assert ids(db) == [every[name] for name in ("dead_letter", "queued", "leased", "processing", "strange")]


@pytest.mark.parametrize("status", ["queued", "leased", "processing", "strange", ""])
def test_C16_what_is_not_finished_or_unknown_is_refused(db: QueueDatabase, status: str) -> None:
    add(db, status, FORMS[0])
    with pytest.raises(ValueError, match="only finished tasks"):
        delete_finished(db, LONG_AGO, statuses=("completed", status), now=NOW)
    with pytest.raises(ValueError, match="negative"):
        delete_finished(db, timedelta(seconds=-1))
    assert len(ids(db)) == 1


def test_F15_what_has_no_readable_time_is_kept_and_counted(db: QueueDatabase) -> None:
    kept = [add(db, "completed", ended) for ended in ("garbage", "", 17, b"2020", "2025-02-30 10:00:00")]
    kept.append(add(db, "completed", None))  # changed a few hours ago
    kept.append(add(db, "completed", None, updated="?"))
    add(db, "completed", None, updated="2025-01-01T00:00:00Z")
    add(db, "failed", "garbage")
    report = delete_finished(db, LONG_AGO, now=NOW)
    assert (report.tasks, report.without_time) == (1, 6)
    assert ids(db)[:-1] == kept


def test_C6_logs_go_with_their_task_and_no_other(db: QueueDatabase) -> None:
    add(db, "completed", FORMS[0], logs=3)
    stays = add(db, "completed", LATER_FORMS[0], logs=4)
    report = delete_finished(db, LONG_AGO, now=NOW)
    assert (report.tasks, report.logs) == (1, 3)
    assert run_sql(db.db_path, "SELECT DISTINCT task_id FROM task_logs") == [(stays,)]
    assert sound(db.db_path)


def test_C7_no_transaction_changes_more_than_500_rows(db: QueueDatabase) -> None:
    fill(db, 1_300)
    add(db, "completed", FORMS[0], logs=1_700)
    add(db, "completed", FORMS[0], logs=CHUNK_ROWS - 1)
    add(db, "completed", FORMS[0], logs=CHUNK_ROWS)
    add(db, "completed", FORMS[0], logs=0)
    changes = count_changes(db)
    report = delete_finished(db, LONG_AGO, now=NOW)
    assert (report.tasks, report.logs) == (1_304, 1_300 + 1_700 + 2 * CHUNK_ROWS - 1)
    assert sum(changes) == report.tasks + report.logs
    assert max(changes) == CHUNK_ROWS
    assert ids(db) == []
    assert sound(db.db_path)


def test_C7_writers_go_on_meanwhile_and_lose_nothing(db: QueueDatabase) -> None:
    fill(db, 5_000)
    told: list[MaintenanceProgress] = []
    with running("write_on", db.db_path) as process:
        report = delete_finished(db, LONG_AGO, progress=told.append)
        written = int(finish(process))
    assert report.tasks == 5_000
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue WHERE type = 'written'") == [(written,)]
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert told[-1].done == told[-1].total
    assert told[-1].text == "5,000 tasks and 5,000 log lines deleted"


def test_C8_a_stop_leaves_whole_chunks_and_the_rest_can_be_done_later(db: QueueDatabase) -> None:
    fill(db, 3_000)
    over = threading.Event()
    seen: list[int] = []

    def after_two_chunks() -> bool:
        seen.append(1)
        return len(seen) > 2

    report = delete_finished(db, LONG_AGO, cancel=after_two_chunks)
    assert report.stopped
    assert report.tasks == report.logs == 500
    assert len(ids(db)) == 2_500
    assert sound(db.db_path)
    over.set()
    assert delete_finished(db, LONG_AGO, cancel=over).tasks == 0
    assert delete_finished(db, LONG_AGO, cancel=threading.Event()).tasks == 2_500


def test_C8_a_stop_within_a_very_long_log_keeps_the_task_with_its_newest_lines(db: QueueDatabase) -> None:
    task_id = add(db, "completed", FORMS[0], logs=2_000)
    newest = run_sql(db.db_path, "SELECT max(log_id) FROM task_logs")
    seen: list[int] = []

    def within() -> bool:
        seen.append(1)
        return len(seen) > 3

    report = delete_finished(db, LONG_AGO, now=NOW, cancel=within)
    assert report.stopped
    assert (report.tasks, report.logs) == (0, 1_000)
    assert ids(db) == [task_id]
    assert run_sql(db.db_path, "SELECT max(log_id), count(*) FROM task_logs") == [(*newest[0], 1_000)]
    assert delete_finished(db, LONG_AGO, now=NOW).logs == 1_000


@pytest.mark.parametrize("steps", kill_points(2, 3, 5, 7, everywhere=(2, 5)))
def test_C8_retention_that_is_killed_leaves_each_chunk_whole(db: QueueDatabase, steps: int) -> None:
    fill(db, 3_000)
    db.close()
    assert kill_after_steps("retain", steps, db.db_path)
    counts = "SELECT (SELECT count(*) FROM task_queue), (SELECT count(*) FROM task_logs)"
    ((tasks, logs),) = run_sql(db.db_path, counts)
    assert tasks == logs
    assert int(str(tasks)) % (CHUNK_ROWS // 2) == 0
    assert sound(db.db_path)
    assert delete_finished(db, LONG_AGO).tasks == tasks


def test_C1_a_task_that_is_retried_meanwhile_stays_with_its_logs(db: QueueDatabase) -> None:
    fill(db, 300, status="failed")
    path = db.db_path

    def retry_the_last() -> bool:
        run_sql(path, "UPDATE task_queue SET status = 'queued' WHERE id > 290")
        return False

    report = delete_finished(db, LONG_AGO, statuses=["failed"], cancel=retry_the_last)
    assert (report.tasks, report.logs) == (290, 290)
    assert ids(db) == list(range(291, 301))
    assert run_sql(path, "SELECT count(*) FROM task_logs") == [(10,)]


def test_C3_a_lock_that_is_held_is_told_with_what_was_done_before(db: QueueDatabase) -> None:
    fill(db, 600)
    db.get_connection().execute("PRAGMA busy_timeout = 20")
    seen: list[int] = []
    with outside(db.db_path) as other:

        def lock_after_one_chunk() -> bool:
            seen.append(1)
            if len(seen) == 2:
                other.execute("BEGIN IMMEDIATE")
            return False

        with pytest.raises(QueueBusyError, match=r"250 tasks and 250 log lines were deleted before that, for good"):
            delete_finished(db, LONG_AGO, cancel=lock_after_one_chunk)
        other.execute("ROLLBACK")
    assert len(ids(db)) == 350
    assert sound(db.db_path)


def test_C10_a_strangers_trigger_is_named_and_does_not_run(db: QueueDatabase) -> None:
    add(db, "completed", FORMS[0])
    db.execute("INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES ('w', '{}', '2025-01-01 00:00:00')")
    run_sql(db.db_path, "CREATE TRIGGER spy AFTER DELETE ON Task_Queue BEGIN DELETE FROM workers; END")
    with pytest.raises(QueueDatabaseError, match=r"trigger 'spy' on Task_Queue.*Nothing was changed"):
        delete_finished(db, LONG_AGO, now=NOW)
    for work in (lambda: release_expired(db), lambda: remove_silent_workers(db, timedelta(0))):
        with pytest.raises(QueueDatabaseError, match="spy"):
            work()
    assert len(ids(db)) == 1
    assert run_sql(db.db_path, "SELECT count(*) FROM workers") == [(1,)]


def test_C11_tasks_with_malformed_json_or_invalid_text_go_too(tmp_path: Path) -> None:
    path = malformed_queue(tmp_path / "queue.db")
    run_sql(path, "UPDATE task_queue SET error_message = CAST(x'ff' AS TEXT) WHERE id = 2")
    with QueueDatabase(path) as db:
        assert delete_finished(db, LONG_AGO).tasks == 2


def test_a_task_that_another_programs_table_refers_to_is_refused_alone(db: QueueDatabase) -> None:
    fill(db, 40)
    run_sql(db.db_path, "CREATE TABLE theirs (task INTEGER REFERENCES task_queue (id))")
    run_sql(db.db_path, "INSERT INTO theirs VALUES (7), (31)")
    report = delete_finished(db, LONG_AGO)
    assert (report.tasks, report.logs, report.refused) == (38, 38, (7, 31))
    assert ids(db) == [7, 31]
    assert sound(db.db_path)


def test_C13_a_full_disk_is_told_and_retention_goes_on_later(tmp_path: Path) -> None:
    with small_disk(tmp_path, 8 * 1024) as disk, QueueDatabase(disk / "queue.db") as db:
        db.initialize_schema()
        fill(db, 2_000)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        filler = disk / "other"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)
        with pytest.raises(QueueDatabaseError, match="disk is full"):
            delete_finished(db, LONG_AGO)
        filler.unlink()
        left = len(ids(db))
        assert delete_finished(db, LONG_AGO).tasks == left
        assert sound(db.db_path)


def test_a_file_without_the_index_of_logs_is_refused_with_what_to_do(db: QueueDatabase) -> None:
    add(db, "completed", FORMS[0])
    run_sql(db.db_path, "DROP INDEX ix_logs_task")
    with pytest.raises(QueueSchemaError, match=r"ix_logs_task.*Nothing was changed"):
        delete_finished(db, LONG_AGO, now=NOW)
    db.initialize_schema()
    assert delete_finished(db, LONG_AGO, now=NOW).tasks == 1


def test_C9_ids_past_32_bits_are_meant_as_they_are(db: QueueDatabase) -> None:
    for task_id in (-5, 0, 2**31 + 7, 2**62):
        added = add(db, "completed", FORMS[0], logs=0)
        db.execute("UPDATE task_queue SET id = ? WHERE id = ?", (task_id, added))
    young = add(db, "completed", LATER_FORMS[0])
    assert delete_finished(db, LONG_AGO, now=NOW).tasks == 4
    assert ids(db) == [young]


def test_an_empty_queue_has_nothing_to_delete(db: QueueDatabase) -> None:
    assert delete_finished(db, LONG_AGO).tasks == 0


def lease(db: QueueDatabase, count: int, until: str, *, worker: str = "gone", attempts: int = 1) -> None:
    sql = (
        "INSERT INTO task_queue (type, payload, status, locked_by, lease_until_utc, attempts, max_attempts) "
        "VALUES ('job', '{}', 'leased', ?, ?, ?, 3)"
    )
    db.execute_many(sql, [(worker, until, attempts)] * count)


def test_all_expired_leases_are_given_back_and_the_running_ones_left(db: QueueDatabase) -> None:
    lease(db, 1_100, "2025-01-01 00:00:00")
    lease(db, 5, "2025-01-01T00:00:00+00:00", attempts=3)
    lease(db, 2, "2999-01-01 00:00:00")
    told: list[MaintenanceProgress] = []
    report = release_expired(db, progress=told.append)
    assert (report.released, report.stopped) == (1_105, False)
    assert [progress.done for progress in told] == [500, 1_000, 1_105]
    found = run_sql(db.db_path, "SELECT status, count(*) FROM task_queue GROUP BY status ORDER BY status")
    assert found == [("dead_letter", 5), ("leased", 2), ("queued", 1_100)]


def test_releasing_can_be_stopped(db: QueueDatabase) -> None:
    lease(db, 700, "2025-01-01 00:00:00")
    over = threading.Event()
    report = release_expired(db, progress=lambda _: over.set(), cancel=over)
    assert (report.released, report.stopped) == (500, True)
    assert release_expired(db).released == 200


def beat(db: QueueDatabase, worker: object, at: object) -> None:
    db.execute("INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES (?, '{}', ?)", (worker, at))


def test_silent_workers_go_and_those_that_hold_tasks_stay_unless_told(db: QueueDatabase) -> None:
    for number, form in enumerate(FORMS):
        beat(db, f"old {number}", form)
    for number, form in enumerate(LATER_FORMS):
        beat(db, f"young {number}", form)
    beat(db, "holding", FORMS[0])
    beat(db, "unreadable", "yesterday")
    lease(db, 2, "2999-01-01 00:00:00", worker="holding")
    db.execute("INSERT INTO task_queue (type, payload, status, locked_by) VALUES ('job', '{}', 'completed', 'old 0')")
    report = remove_silent_workers(db, LONG_AGO, now=NOW)
    assert report.removed == tuple(f"old {number}" for number in range(4))
    assert report.kept == (KeptWorker("holding", 2),)
    assert (report.without_time, report.stopped) == (1, False)
    report = remove_silent_workers(db, LONG_AGO, even_if_holding=True, now=NOW)
    assert (report.removed, report.kept) == (("holding",), ())
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue WHERE locked_by = 'holding'") == [(2,)]
    names = [name for (name,) in run_sql(db.db_path, "SELECT worker_id FROM workers ORDER BY worker_id")]
    assert names == ["unreadable", *(f"young {number}" for number in range(4))]


def test_more_silent_workers_than_fit_into_one_transaction(db: QueueDatabase) -> None:
    at = utc_text(NOW - LONG_AGO)
    sql = "INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES (?, '{}', ?)"
    db.execute_many(sql, [(f"w{number}", at) for number in range(1_234)])
    beat(db, b"\xff", at)
    db.execute("UPDATE workers SET worker_id = CAST(worker_id AS TEXT) WHERE typeof(worker_id) = 'blob'")
    changes = count_changes(db)
    report = remove_silent_workers(db, LONG_AGO, now=NOW)
    assert len(report.removed) == 1_235
    assert report.removed[-1] == "\\xff"
    assert max(changes) <= CHUNK_ROWS
    with pytest.raises(ValueError, match="negative"):
        remove_silent_workers(db, timedelta(seconds=-1))


def test_a_worker_that_beats_again_in_the_last_moment_stays(db: QueueDatabase) -> None:
    beat(db, "woken", FORMS[0])

    def beat_again(sql: str) -> None:
        if sql == "BEGIN IMMEDIATE":
            run_sql(db.db_path, "UPDATE workers SET heartbeat_utc = ?", (LATER_FORMS[0],))

    db.get_connection().set_trace_callback(beat_again)
    assert remove_silent_workers(db, LONG_AGO, now=NOW).removed == ()
    assert run_sql(db.db_path, "SELECT count(*) FROM workers") == [(1,)]


def test_a_removal_that_is_stopped_says_so(db: QueueDatabase) -> None:
    beat(db, "old", FORMS[0])
    over = threading.Event()
    over.set()
    assert remove_silent_workers(db, LONG_AGO, cancel=over).stopped
    assert run_sql(db.db_path, "SELECT count(*) FROM workers") == [(1,)]


def test_nothing_is_made_where_no_file_is(tmp_path: Path) -> None:
    db = QueueDatabase(tmp_path / "none.db")
    for work in (delete_finished, remove_silent_workers):
        with pytest.raises(QueueDatabaseError, match="no queue file"):
            work(db, LONG_AGO)
    with pytest.raises(QueueDatabaseError, match="no queue file"):
        release_expired(db)
    assert list(tmp_path.iterdir()) == []


def test_what_is_counted_beforehand_is_what_goes(db: QueueDatabase) -> None:
    for status in ("completed", "failed", "queued"):
        for ended in (*FORMS, *LATER_FORMS, None, "yesterday", 5):
            add(db, status, ended, logs=3)
    chosen = ("completed", "failed")
    counted = count_finished(db, LONG_AGO, statuses=chosen, now=NOW)
    report = delete_finished(db, LONG_AGO, statuses=chosen, now=NOW)
    assert (counted.total, counted.logs, counted.without_time) == (report.tasks, report.logs, report.without_time)
    assert dict(counted.tasks) == {"completed": report.tasks // 2, "failed": report.tasks // 2}
    assert report.tasks > 0
    with pytest.raises(ValueError, match="only finished tasks"):
        count_finished(db, LONG_AGO, statuses=("queued",))


def test_counting_can_be_stopped_and_says_so(db: QueueDatabase) -> None:
    fill(db, 3_000)
    told: list[MaintenanceProgress] = []
    counted = count_finished(db, LONG_AGO, progress=told.append, cancel=lambda: len(told) == 1)
    assert counted.stopped
    assert 0 < counted.total < 3_000
