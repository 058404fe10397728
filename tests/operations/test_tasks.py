"""Retry and cancel on real files: what is changed, what is not, and what is said of it."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.problems import ProblemKind
from prismq_gui.operations import running, writer
from prismq_gui.operations.messages import Matching, Progress
from prismq_gui.operations.operator import Operator
from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.database import QueueDatabase
from tests.helpers.files import FOREIGN_SCHEMA, make_foreign_queue, run_sql
from tests.operations.helping import (
    CANCEL,
    RETRY,
    WHO,
    all_rows,
    apply,
    integrity,
    open_outside,
    plan_ids,
    plan_status,
    statuses,
)

RETRY_CHANGES = {
    "status",
    "attempts",
    "run_after_utc",
    "lease_until_utc",
    "reserved_at_utc",
    "processing_started_utc",
    "finished_at_utc",
    "locked_by",
    "updated_at_utc",
}
CANCEL_CHANGES = {"status", "finished_at_utc", "updated_at_utc"}


def changed_columns(before: dict[str, object], after: dict[str, object]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_retry_makes_the_sample_s_failed_tasks_claimable_now_and_touches_nothing_else(sample_db: Path):
    before = all_rows(sample_db)
    failed = {task_id for task_id, row in before.items() if row["status"] == "failed"}
    report = apply(plan_status(sample_db, RETRY, "failed"))
    after = all_rows(sample_db)
    assert (report.changed, report.skips, report.problem) == (54, (), None)
    assert report.sentence == "54 tasks were queued again."
    assert after.keys() == before.keys()
    for task_id, row in before.items():
        touched = changed_columns(row, after[task_id])
        assert touched <= (RETRY_CHANGES if task_id in failed else set())
        if task_id in failed:
            assert (after[task_id]["status"], after[task_id]["attempts"]) == ("queued", 0)
            assert all(after[task_id][name] is None for name in RETRY_CHANGES if name.endswith(("until_utc", "_by")))
    due = "SELECT count(*) FROM task_queue WHERE status = 'queued' AND run_after_utc <= datetime('now') AND id IN ({})"
    assert run_sql(sample_db, due.format(", ".join(map(str, failed)))) == [(54,)]
    assert integrity(sample_db) == "ok"


def test_a_retried_task_is_claimed_by_a_worker(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 1, status="failed")
    run_sql(path, "UPDATE task_queue SET attempts = 5, run_after_utc = '2999-01-01 00:00:00', locked_by = 'w9'")
    apply(plan_ids(path, RETRY, 1))
    with closing(QueueDatabase(path)) as database:
        claimed = Claimer(database).claim("w1", {}, 60)
    assert claimed is not None
    assert run_sql(path, "SELECT status, locked_by FROM task_queue") == [("leased", "w1")]


def test_each_changed_task_gets_one_log_line_that_tells_who_and_from_what(sample_db: Path):
    (newest,) = run_sql(sample_db, "SELECT max(log_id) FROM task_logs")[0]
    run_sql(sample_db, "UPDATE task_queue SET attempts = 2, max_attempts = 5 WHERE status = 'failed'")
    report = apply(plan_status(sample_db, RETRY, "failed"))
    lines = run_sql(sample_db, "SELECT task_id, level, message, details FROM task_logs WHERE log_id > ?", (newest,))
    assert len({line[0] for line in lines}) == len(lines) == 54
    _task, level, message, details = lines[0]
    assert (level, message) == ("INFO", f"retried by {WHO} (was failed after 2 of 5 attempts)")
    assert json.loads(str(details)) == {
        "operation": report.operation_id,
        "by": WHO,
        "action": "retry",
        "from": {"status": "failed", "attempts": 2},
    }


def test_cancel_of_all_matching_queued_changes_three_columns_of_them_alone(sample_db: Path):
    before = all_rows(sample_db)
    plan = Operator(sample_db).plan(CANCEL, Matching(TaskFilter(statuses=("queued",))))
    assert plan.sentence == "294 queued tasks will be cancelled and will not run."
    report = apply(plan)
    assert report.changed == 294
    after = all_rows(sample_db)
    for task_id, row in before.items():
        expected = CANCEL_CHANGES if row["status"] == "queued" else set()
        assert changed_columns(row, after[task_id]) == expected
    assert statuses(sample_db)["cancelled"] == 294
    assert integrity(sample_db) == "ok"


def test_C1_a_task_claimed_meanwhile_is_left_alone_and_named(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    plan = plan_status(path, CANCEL, "queued")
    run_sql(path, "UPDATE task_queue SET status = 'leased', locked_by = 'w2', attempts = 1 WHERE id = 5")
    before = all_rows(path)[5]
    report = apply(plan)
    assert report.changed == 4
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [("is now leased by w2", (5,))]
    assert report.sentence == "4 tasks were cancelled; 1 was not: 1 is now leased by w2."
    assert all_rows(path)[5] == before
    assert run_sql(path, "SELECT count(*) FROM task_logs WHERE task_id = 5") == [(0,)]


def test_C1_a_task_that_failed_again_meanwhile_is_left_alone(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 1, status="failed")
    plan = plan_ids(path, RETRY, 1)
    run_sql(path, "UPDATE task_queue SET attempts = attempts + 1")
    report = apply(plan)
    assert (report.changed, report.skips[0].reason) == (0, "was tried again meanwhile")


def test_C2_a_task_deleted_meanwhile_no_longer_exists(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2, status="failed")
    plan = plan_ids(path, RETRY, 1, 2)
    run_sql(path, "DELETE FROM task_queue WHERE id = 1")
    report = apply(plan)
    assert (report.changed, report.skips[0].reason, report.skips[0].sample_ids) == (1, "no longer exists", (1,))


def test_C3_a_lock_held_too_long_is_told_as_busy_and_nothing_is_done(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(writer, "BUSY_DEADLINE_S", 0.1)
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    plan = plan_ids(path, RETRY, 1, 2, 3)
    with open_outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        report = apply(plan)
        assert report.problem is not None
        assert report.problem.kind is ProblemKind.BUSY
        assert report.problem.what == "Busy, not done"
        assert report.problem.unchanged == "Nothing was changed."
        assert "Try again" in report.problem.advice
        other.execute("ROLLBACK")
    assert statuses(path) == {"failed": 3}
    assert apply(plan).changed == 3


def test_C3_waiting_for_the_lock_can_be_stopped(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    plan = plan_ids(path, RETRY, 1, 2, 3)
    asked = []

    def stop_once_it_waits() -> bool:
        asked.append(1)
        return len(asked) > 2

    with open_outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        report = apply(plan, should_stop=stop_once_it_waits)
    assert (report.stopped, report.changed, report.problem) == (True, 0, None)


def test_C4_a_running_task_is_not_cancelled_nor_retried(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2, status="leased")
    run_sql(path, "UPDATE task_queue SET status = 'processing' WHERE id = 2")
    for kind in (CANCEL, RETRY):
        plan = plan_ids(path, kind, 1, 2)
        assert (plan.eligible, plan.skips[0].reason, plan.skips[0].count) == (0, "is running", 2)
        assert apply(plan).changed == 0
    assert statuses(path) == {"leased": 1, "processing": 1}


def test_C7_the_lock_is_free_between_chunks_of_at_most_500(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 20_000, status="failed")
    plan = plan_status(path, RETRY, "failed")
    told: list[Progress] = []
    with open_outside(path) as other:

        def commit_outside(progress: Progress) -> None:
            told.append(progress)
            other.execute("INSERT INTO task_queue (type, payload, status) VALUES ('other', '{}', 'completed')")

        report = apply(plan, on_progress=commit_outside)
    assert report.changed == 20_000
    steps = [after.done - before.done for before, after in pairwise(told)]
    assert max(steps) <= 500
    assert told[-1].text == "20,000 of 20,000 done"
    assert statuses(path) == {"queued": 20_000, "completed": len(told)}
    assert run_sql(path, "SELECT count(*), count(DISTINCT task_id) FROM task_logs") == [(20_000, 20_000)]


def test_C8_stop_leaves_whole_chunks_and_the_rest_can_be_done_later(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000, status="failed")
    plan = plan_status(path, RETRY, "failed")
    told: list[Progress] = []
    report = apply(plan, on_progress=told.append, should_stop=lambda: len(told) >= 3)
    assert report.stopped
    assert report.problem is None
    assert report.changed == told[-1].done < 2_000
    rest = 2_000 - report.changed
    assert report.sentence == f"{report.changed} tasks were queued again. Stopped: the other {rest:,} were not touched."
    assert statuses(path) == {"queued": report.changed, "failed": rest}
    again = apply(plan)
    assert (again.changed, again.skips[0].count) == (rest, report.changed)
    assert run_sql(path, "SELECT count(*), count(DISTINCT task_id) FROM task_logs") == [(2_000, 2_000)]


def test_C9_an_id_past_32_bits_is_acted_on_alone(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2, status="failed")
    big = 2**40 + 1
    run_sql(path, "UPDATE task_queue SET id = ? WHERE id = 2", (big,))
    assert apply(plan_ids(path, RETRY, big)).changed == 1
    assert run_sql(path, "SELECT id, status FROM task_queue ORDER BY id") == [(1, "failed"), (big, "queued")]


TRIGGER = (
    'CREATE TRIGGER "spy\'s trigger" AFTER UPDATE ON task_queue BEGIN '
    "INSERT INTO workers VALUES ('spy' || new.id, '{}', 'now'); END"
)


def test_C10_a_foreign_trigger_is_refused_by_name_in_the_plan(sample_db: Path):
    run_sql(sample_db, TRIGGER)
    plan = plan_status(sample_db, RETRY, "failed")
    assert plan.refusal is not None
    assert "spy's trigger" in plan.refusal.what
    assert apply(plan).problem == plan.refusal
    assert statuses(sample_db)["failed"] == 54


def test_C10_a_trigger_made_after_the_plan_is_refused_before_writing(sample_db: Path):
    plan = plan_status(sample_db, RETRY, "failed")
    run_sql(sample_db, TRIGGER)
    report = apply(plan)
    assert report.problem is not None
    assert "spy's trigger" in report.problem.what
    assert statuses(sample_db)["failed"] == 54
    assert run_sql(sample_db, "SELECT count(*) FROM workers WHERE worker_id LIKE 'spy%'") == [(0,)]


@pytest.mark.parametrize(
    "deed",
    [
        "INSERT INTO workers VALUES ('spy' || new.id, '{}', 'now')",
        "INSERT INTO task_logs (task_id, level, message) VALUES (new.id, 'INFO', 'spy')",
        "UPDATE task_queue SET payload = 'spy' WHERE id = new.id",
    ],
)
def test_C10_a_trigger_made_between_two_chunks_never_fires(tmp_path: Path, deed: str):
    path = make_foreign_queue(tmp_path / "q.db", 200, status="failed")
    plan = plan_status(path, RETRY, "failed")
    told: list[Progress] = []

    def make_trigger(progress: Progress) -> None:
        if not told:
            run_sql(path, f"CREATE TRIGGER spy AFTER UPDATE OF status ON task_queue BEGIN {deed}; END")
        told.append(progress)

    report = apply(plan, on_progress=make_trigger)
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.REFUSED
    assert report.changed == told[0].done
    assert f"{report.changed} of 200 tasks were queued again before" in report.problem.unchanged
    assert statuses(path) == {"queued": report.changed, "failed": 200 - report.changed}
    assert run_sql(path, "SELECT count(*) FROM workers") == [(0,)]
    assert run_sql(path, "SELECT count(*) FROM task_logs") == [(report.changed,)]
    assert run_sql(path, "SELECT count(*) FROM task_queue WHERE payload = 'spy'") == [(0,)]


def make_file_with_malformed_json(path: Path) -> Path:
    """As such files come to be: the generated columns were added when the bad rows were there already."""
    plain = FOREIGN_SCHEMA
    for name, source in (("region", "compatibility"), ("format", "payload")):
        plain = plain.replace(f"{name} TEXT GENERATED ALWAYS AS (json_extract({source}, '$.{name}')) VIRTUAL", "")
        plain = plain.replace(f"CREATE INDEX ix_task_{name} ON task_queue ({name});", "")
    plain = plain.replace("(datetime('now')),\n  ,\n  );", "(datetime('now')));")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(plain)
        connection.executemany(
            "INSERT INTO task_queue (type, payload, status, error_message) VALUES ('job', ?, 'failed', ?)",
            [("{bad", "x"), ('{"format": "mp4"}', "y"), ("{}", "z"), ("{}", "z")],
        )
        invalid = "UPDATE task_queue SET payload = CAST(? AS TEXT), error_message = CAST(x'ff' AS TEXT) WHERE id = ?"
        connection.execute(invalid, (b'{"a": "\xff"}', 3))
        connection.execute(invalid, (b"{\xff", 4))
        for name, source in (("region", "compatibility"), ("format", "payload")):
            connection.execute(
                f"ALTER TABLE task_queue ADD COLUMN {name} TEXT "
                f"GENERATED ALWAYS AS (json_extract({source}, '$.{name}')) VIRTUAL"
            )
    return path


def test_C11_tasks_with_malformed_json_or_invalid_text_can_be_retried_and_cancelled(tmp_path: Path):
    path = make_file_with_malformed_json(tmp_path / "q.db")
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):  # what SQLite alone would say
        run_sql(path, "UPDATE task_queue SET priority = 1 WHERE id = 1")
    report = apply(plan_status(path, RETRY, "failed"))
    assert (report.changed, report.problem) == (3, None)
    # Malformed and not UTF-8 at once: neither SQLite nor the stand-in can take it, and it is said.
    assert [(skip.sample_ids, skip.count) for skip in report.skips] == [((4,), 1)]
    assert "JSON that cannot be read" in report.skips[0].reason
    assert apply(plan_status(path, CANCEL, "queued")).changed == 3
    kept = run_sql(path, "SELECT hex(payload), hex(error_message) FROM task_queue ORDER BY id")
    assert kept == [
        ("7B626164", "78"),
        ("7B22666F726D6174223A20226D7034227D", "79"),
        ("7B2261223A2022FF227D", "FF"),
        ("7BFF", "FF"),
    ]
    assert run_sql(path, "SELECT format FROM task_queue WHERE id = 2") == [("mp4",)]
    assert run_sql(path, "SELECT count(*) FROM task_logs") == [(6,)]


def test_C13_a_full_disk_leaves_whole_chunks_and_says_how_many(tmp_path: Path, monkeypatch):
    path = make_foreign_queue(tmp_path / "q.db", 3_000, status="failed")
    (pages,) = run_sql(path, "PRAGMA page_count")[0]
    # The file may grow by 20 pages and no more: SQLite then says SQLITE_FULL as on a full disk.
    monkeypatch.setattr(writer, "_PRAGMAS", (*writer._PRAGMAS, f"max_page_count={int(str(pages)) + 20}"))
    report = apply(plan_status(path, RETRY, "failed"))
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.DISK_FULL
    assert 0 < report.changed < 3_000
    assert f"{report.changed:,} of 3,000 tasks were queued again before" in report.problem.unchanged
    assert statuses(path) == {"queued": report.changed, "failed": 3_000 - report.changed}
    assert run_sql(path, "SELECT count(*), count(DISTINCT task_id) FROM task_logs") == [(report.changed,) * 2]
    assert integrity(path) == "ok"
    monkeypatch.undo()
    assert apply(plan_status(path, RETRY, "failed")).changed == 3_000 - report.changed


def test_C15_a_task_with_an_idempotency_key_keeps_it(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2, status="failed")
    run_sql(path, "UPDATE task_queue SET idempotency_key = 'k' || id")
    assert apply(plan_ids(path, RETRY, 1, 2)).changed == 2
    assert run_sql(path, "SELECT idempotency_key FROM task_queue ORDER BY id") == [("k1",), ("k2",)]


def test_attempts_that_are_no_number_are_no_hindrance(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    run_sql(path, "UPDATE task_queue SET attempts = 'many' WHERE id = 1")
    run_sql(path, "UPDATE task_queue SET attempts = x'ff', max_attempts = x'00' WHERE id = 2")
    report = apply(plan_ids(path, RETRY, 1, 2, 3))
    assert (report.changed, report.problem) == (3, None)
    assert run_sql(path, "SELECT DISTINCT attempts FROM task_queue") == [(0,)]


def test_a_file_put_in_the_place_of_the_planned_one_is_not_touched(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    other = make_foreign_queue(tmp_path / "other.db", 3, status="failed")
    plan = plan_status(path, RETRY, "failed")
    other.replace(path)
    report = apply(plan)
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.REFUSED
    assert "Another file" in report.problem.what
    assert statuses(path) == {"failed": 3}


def test_B6_a_file_deleted_after_the_plan_is_not_made_anew(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    plan = plan_status(path, RETRY, "failed")
    path.unlink()
    report = apply(plan)
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.NOT_FOUND
    assert not path.exists()


def test_A6_a_name_full_of_special_characters_is_changed_itself(tmp_path: Path):
    name = "a?b#c%41 &ü'\".db" if sys.platform != "win32" else "ab#c%41 &ü'.db"  # which has no ? and " in names
    path = make_foreign_queue(tmp_path / name, 1, status="failed")
    names = sorted(each.name for each in tmp_path.iterdir())
    assert apply(plan_ids(path, RETRY, 1)).changed == 1
    assert statuses(path) == {"queued": 1}
    assert sorted(each.name for each in tmp_path.iterdir()) == names


def test_a_callback_that_raises_leaves_no_lock_behind(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 200, status="failed")

    def fail(_progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        apply(plan_status(path, RETRY, "failed"), on_progress=fail)
    run_sql(path, "DELETE FROM task_queue WHERE status = 'failed'")
    assert statuses(path) == {"queued": running.FIRST_CHUNK}


def test_the_wal_is_kept_short_where_sqlite_s_own_checkpoints_are_off(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(writer, "has_wal_reset_bug", lambda _version: True)
    monkeypatch.setattr(writer, "WAL_LIMIT_BYTES", 256 * 1024)
    path = make_foreign_queue(tmp_path / "q.db", 4_000, status="failed")
    sizes = []
    with open_outside(path) as other:  # stays open, so that closing does not remove the WAL
        other.execute("SELECT count(*) FROM task_queue").fetchall()
        apply(
            plan_status(path, RETRY, "failed"),
            on_progress=lambda _progress: sizes.append(Path(f"{path}-wal").stat().st_size),
        )
    assert any(after < before for before, after in pairwise(sizes)), sizes


def test_a_writer_refuses_all_but_its_own_two_tables(sample_db: Path):
    with writer.QueueWriter(sample_db) as opened:
        for sql in (
            "DELETE FROM task_queue",
            "UPDATE workers SET heartbeat_utc = ''",
            "INSERT INTO workers VALUES ('x', '{}', '')",
            "DROP TABLE task_logs",
            "ATTACH 'x.db' AS x",
            "PRAGMA journal_mode = DELETE",
            "CREATE TABLE t (x)",
        ):
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                opened.change(sql)


def test_our_own_workers_lock_file_is_used_and_never_made(tmp_path: Path):
    foreign = make_foreign_queue(tmp_path / "foreign.db", 1, status="failed")
    apply(plan_ids(foreign, RETRY, 1))
    assert not Path(f"{foreign}-lock").exists()
    own = tmp_path / "own.db"
    with closing(QueueDatabase(own)) as database:
        database.initialize_schema()
        database.execute("INSERT INTO task_queue (type, payload, status) VALUES ('job', '{}', 'failed')")
    assert Path(f"{own}-lock").exists()
    assert apply(plan_ids(own, RETRY, 1)).changed == 1
    assert statuses(own) == {"queued": 1}
