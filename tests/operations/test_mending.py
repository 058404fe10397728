"""Mending: the sample as it is quoted, each fix and its undo column by column, and what moves meanwhile."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.health import HealthCheck
from prismq_gui.insight.health_texts import TEXTS
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import State
from prismq_gui.operations.mending import FIXES, mend
from prismq_gui.operations.messages import OperationKind, Plan, Recorded, Report, Wish
from prismq_gui.operations.operator import Operator
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import WHO, exact_rows, integrity

TABLES = ("task_queue", "workers", "task_logs")
Image = dict[str, list[tuple[object, ...]]]


class Desk:
    """A queue with a journal, and what is done to it in one word."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.journal = Journal(folder)
        self.operator = Operator(path, who=WHO, journal=self.journal)

    def plan(self, wish: str | Wish) -> Plan:
        return self.operator.plan(mend(wish) if isinstance(wish, str) else wish, None)

    def do(self, wish: str | Wish) -> Report:
        report = self.operator.apply(self.plan(wish))
        assert report.problem is None, report.problem
        return report

    def undo(self, report: Report) -> Report:
        plan = self.operator.plan(OperationKind.UNDO, Recorded(report.operation_id))
        assert plan.refusal is None, plan.refusal
        done = self.operator.apply(plan)
        assert done.problem is None, done.problem
        assert (done.changed, done.skips) == (plan.eligible, ())
        return done

    def found(self) -> dict[str, int]:
        with closing(QueueReader(self.path)) as reader:
            reader.open()
            check = HealthCheck(reader)
            for _step in check.steps():
                pass
            return {each.code: each.count for each in check.findings}

    def image(self) -> Image:
        """Every cell of every row, and the schema; of the log, what no operation of ours has written."""
        image: Image = {table: exact_rows(self.path, table) for table in TABLES}
        ours = {row[0] for row in run_sql(self.path, f"SELECT log_id FROM task_logs WHERE message LIKE '%{WHO}%'")}
        ids = [row[0] for row in run_sql(self.path, "SELECT log_id FROM task_logs ORDER BY log_id")]
        image["task_logs"] = [row for number, row in zip(ids, image["task_logs"], strict=True) if number not in ours]
        image["workers"].sort(key=str)  # a row that comes back has another place; its cells are the same
        image["schema"] = run_sql(self.path, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
        return image


@pytest.fixture
def sample(sample_db: Path, tmp_path: Path) -> Desk:
    return Desk(sample_db, tmp_path / "my data")


@pytest.mark.parametrize(
    ("code", "found", "changed"),
    [
        ("time-iso", 293, 293),
        ("lease-expired", 38, 38),
        ("worker-silent", 6, 38),
        ("finished-names-worker", 268, 268),
    ],
)
def test_each_fix_of_the_sample_and_its_undo_column_by_column(
    sample: Desk, code: str, found: int, changed: int
) -> None:
    before = sample.image()
    assert sample.found()[code] == found
    plan = sample.plan(code)
    assert plan.eligible == changed
    assert sample.image() == before  # a plan only reads
    report = sample.do(code)
    assert report.changed == changed
    assert report.can_be_undone
    assert code not in sample.found()
    assert sample.image() != before
    undone = sample.undo(report)
    assert undone.changed == changed
    assert sample.image() == before
    assert sample.found()[code] == found
    again = sample.undo(undone)  # an undo can be undone
    assert again.changed == changed
    assert code not in sample.found()
    assert integrity(sample.path) == "ok"


def test_all_fixes_of_the_sample_one_after_another_and_back_in_reverse(sample: Desk) -> None:
    before = sample.image()
    assert sample.found()["worker-silent"] == 6
    done = [sample.do(code) for code in ("time-iso", "lease-expired", "worker-gone", "finished-names-worker")]
    assert [report.changed for report in done] == [293, 38, 6, 268]
    left = set(sample.found()) - {"sqlite-fault", "schema-plain-json", "wal-missing"}
    assert not left
    for report in reversed(done):
        sample.undo(report)
    assert sample.image() == before


def test_times_are_of_the_same_second_and_never_early(sample: Desk) -> None:
    sql = "SELECT id, run_after_utc FROM task_queue WHERE status = 'queued'"
    before = dict(run_sql(sample.path, sql))
    sample.do("time-iso")
    for task_id, cell in run_sql(sample.path, sql):
        then, now = parse_utc(before[task_id]), parse_utc(cell)
        assert then is not None
        assert now is not None
        assert timedelta(0) <= now - then < timedelta(seconds=1)
        assert cell == utc_text(now)


def test_a_plan_shows_what_becomes_of_times_and_who_holds_what(sample: Desk) -> None:
    (title, change), *_more = sample.plan("time-iso").facts
    assert title.endswith(" run_after")
    before, after = change.split(" → ")
    assert (before[10], after[10], len(after)) == ("T", " ", 19)
    held = dict(sample.plan("worker-silent").facts)
    assert len(held) == 6
    assert held["Worker worker-05"] == "holds 2, heard of last: 2026-11-24 00:59:43"


def test_given_back_as_the_queues_own_rescue_does(sample: Desk, tmp_path: Path) -> None:
    rescued = tmp_path / "rescued.db"
    with closing(sqlite3.connect(sample.path)) as source, closing(sqlite3.connect(rescued)) as target:
        source.execute("UPDATE task_queue SET attempts = max_attempts WHERE id % 2 AND locked_by IS NOT NULL")
        source.commit()
        source.backup(target)
    sample.do("lease-expired")
    script = (
        "import sys; from prismq_gui.queue import QueueDatabase; from prismq_gui.queue.stale import release_expired\n"
    )
    script += "with QueueDatabase(sys.argv[1]) as db: print(release_expired(db).released)"
    done = subprocess.run([sys.executable, "-c", script, rescued], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["38"]
    columns = "id, status, attempts, locked_by, lease_until_utc, reserved_at_utc, processing_started_utc, run_after_utc"
    columns += ", finished_at_utc IS NULL, error_message IS NULL"
    sql = f"SELECT {columns} FROM task_queue ORDER BY id"
    assert run_sql(sample.path, sql) == run_sql(rescued, sql)
    levels = "SELECT task_id, level FROM task_logs ORDER BY task_id, level"
    assert run_sql(sample.path, levels) == run_sql(rescued, levels)


SICK = {
    "lease-iso": "UPDATE task_queue SET status = 'leased', locked_by = 'w', lease_until_utc = '2999-01-01T00:00:00.5Z' "
    "WHERE id < 3",
    "time-iso-elsewhere": "UPDATE task_queue SET status = 'completed', "
    "created_at_utc = '2026-01-01T10:00:00.25+02:00', finished_at_utc = '2026-01-01 10:00:00Z', "
    "run_after_utc = '2026-01-01T10:00:00', updated_at_utc = 'never' "
    "WHERE id < 3",
    "worker-unknown": "UPDATE task_queue SET status = 'leased', locked_by = 'nobody', "
    "lease_until_utc = '2999-01-01 00:00:00' WHERE id < 3",
    "worker-gone": "INSERT INTO workers VALUES ('a', x'00ff', '2020-01-01T00:00:00Z'), "
    "('ü', CAST(x'ff' AS TEXT), 'never')",
    "log-orphan": "INSERT INTO task_logs (task_id, level, message) VALUES (99, 'INFO', CAST(x'ff' AS TEXT)), "
    "(98, 'X', '')",
    "finished-names-worker": "UPDATE task_queue SET status = 'failed', locked_by = CAST(x'ff' AS TEXT) WHERE id < 3",
    "time-iso": "UPDATE task_queue SET run_after_utc = '2026-01-01T23:59:59.999999-01:30' WHERE id < 3",
}


def sick(tmp_path: Path, code: str) -> Desk:
    path = make_foreign_queue(tmp_path / "Warteschlange ü.db", 5)
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'line' FROM task_queue")
    run_sql(path, SICK[code])
    return Desk(path, tmp_path / "my data")


@pytest.mark.parametrize("code", SICK)
def test_each_other_fix_and_its_undo_byte_for_byte(tmp_path: Path, code: str) -> None:
    desk = sick(tmp_path, code)
    before = desk.image()
    assert code in desk.found()
    report = desk.do(code)
    assert report.changed == 2
    assert code not in desk.found()
    undone = desk.undo(report)
    assert desk.image() == before
    desk.undo(desk.undo(undone))  # and once more forth and back
    assert desk.image() == before
    assert integrity(desk.path) == "ok"


def test_other_offsets_are_reckoned_to_utc(tmp_path: Path) -> None:
    desk = sick(tmp_path, "time-iso-elsewhere")
    desk.do("time-iso-elsewhere")
    sql = "SELECT created_at_utc, finished_at_utc, run_after_utc, updated_at_utc FROM task_queue WHERE id = 1"
    assert run_sql(desk.path, sql) == [("2026-01-01 08:00:00", "2026-01-01 10:00:00", "2026-01-01 10:00:00", "never")]


def test_after_mending_no_time_is_left_that_could_be(tmp_path: Path) -> None:
    """What counts and what mends judge alike, or a finding would never go away."""
    cells = [
        "2026-01-01T10:00", "2026-01-01t10:00:00z", "2026-01-01T10:00:00,5Z", "2026-01-01 10:00:00+00:00",
        "2026-01-01T10:00:00.123456789+0200", "2026-01-01T10:00:61", "2026-01-01T10:00:00xyz", "2026-02-30T10:00:00Z",
        "2026-01-01T10:00:00.1234567890Z", "2026-01-01T10:00:00Z ", "0001-01-01T00:00:00+14:00", "T", "2026-01-01T",
        "9999-12-31T23:59:59.5Z", "2026-01-01 10:00:00.25", "2026-01-01",
    ]  # fmt: skip
    desk = Desk(make_foreign_queue(tmp_path / "queue.db", 2 * len(cells)), tmp_path / "my data")
    for number, cell in enumerate(cells):
        run_sql(desk.path, "UPDATE task_queue SET run_after_utc = ? WHERE id = ?", (cell, number + 1))
        changed = "status = 'failed', finished_at_utc = ?"
        run_sql(desk.path, f"UPDATE task_queue SET {changed} WHERE id = ?", (cell, number + 1 + len(cells)))
    before = desk.image()
    found = desk.found()
    done = [desk.do("time-iso"), desk.do("time-iso-elsewhere")]
    assert [report.changed for report in done] == [found["time-iso"], found["time-iso-elsewhere"]] == [7, 7]
    left = desk.found()
    assert not {"time-iso", "time-iso-elsewhere"} & set(left)
    assert left["time-unreadable"] == left["time-unreadable-elsewhere"] == 8
    for report in reversed(done):
        desk.undo(report)
    assert desk.image() == before


def test_missing_indexes_are_made_and_taken_away_again(tmp_path: Path) -> None:
    desk = Desk(make_foreign_queue(tmp_path / "queue.db", 50), tmp_path / "my data")
    for name in ("ix_task_region", "uq_task_idempotency", "ix_logs_task"):
        run_sql(desk.path, f"DROP INDEX {name}")
    before = desk.image()
    plan = desk.plan("index-missing")
    assert plan.sentence == "3 indexes will be made: ix_task_region, uq_task_idempotency, ix_logs_task."
    report = desk.do("index-missing")
    assert report.changed == 3
    assert "index-missing" not in desk.found()
    assert "index-changed" not in desk.found()
    undone = desk.undo(report)
    assert desk.image() == before
    desk.undo(undone)
    assert "index-missing" not in desk.found()
    assert desk.plan("index-missing").eligible == 0


def test_an_index_that_cannot_be_made_is_told_and_the_others_stay(tmp_path: Path) -> None:
    desk = Desk(make_foreign_queue(tmp_path / "queue.db", 5), tmp_path / "my data")
    run_sql(desk.path, "DROP INDEX ix_task_type_status")
    run_sql(desk.path, "DROP INDEX uq_task_idempotency")
    run_sql(desk.path, "UPDATE task_queue SET idempotency_key = 'same' WHERE id < 3")
    report = desk.operator.apply(desk.plan("index-missing"))
    assert report.problem is not None
    assert "same idempotency key" in report.problem.what
    assert report.changed == 1
    operation = desk.journal.operation(report.operation_id)
    assert operation is not None
    assert operation.state is State.FAILED
    desk.undo(report)
    assert desk.found()["index-missing"] == 2


def test_an_index_of_another_program_under_our_name_is_left_alone(tmp_path: Path) -> None:
    desk = Desk(make_foreign_queue(tmp_path / "queue.db", 5), tmp_path / "my data")
    run_sql(desk.path, "DROP INDEX ix_task_region")
    run_sql(desk.path, "CREATE INDEX ix_task_region ON workers (heartbeat_utc)")
    before = desk.image()
    assert desk.plan("index-missing").eligible == 0
    assert desk.do("index-missing").changed == 0
    assert desk.image() == before


# -- what moves meanwhile


def test_C1_what_moved_since_the_plan_is_left_alone_and_told(sample: Desk) -> None:
    plan = sample.plan("worker-silent")
    run_sql(sample.path, "UPDATE workers SET heartbeat_utc = datetime('now') WHERE worker_id = 'worker-00'")
    run_sql(sample.path, "UPDATE task_queue SET status = 'completed' WHERE id = 168")
    run_sql(sample.path, "DELETE FROM task_logs WHERE task_id = 207")
    run_sql(sample.path, "DELETE FROM task_queue WHERE id = 207")
    report = sample.operator.apply(plan)
    assert report.problem is None
    assert report.changed == 38 - 9 - 2
    assert {(skip.reason, skip.count) for skip in report.skips} == {
        ("has a worker that gave a sign of life", 9),
        ("has nothing of it to be mended any more", 1),
        ("no longer exists", 1),
    }
    assert run_sql(sample.path, "SELECT status FROM task_queue WHERE id = 168") == [("completed",)]


def test_a_worker_that_beats_again_is_not_taken_off_the_list(tmp_path: Path) -> None:
    desk = sick(tmp_path, "worker-gone")
    plan = desk.plan("worker-gone")
    run_sql(desk.path, "UPDATE workers SET heartbeat_utc = datetime('now') WHERE worker_id = 'a'")
    report = desk.operator.apply(plan)
    assert (report.changed, [skip.count for skip in report.skips]) == (1, [1])
    assert run_sql(desk.path, "SELECT worker_id FROM workers") == [("a",)]


def test_a_worker_that_registered_itself_again_keeps_its_row_when_it_is_brought_back(tmp_path: Path) -> None:
    desk = sick(tmp_path, "worker-gone")
    report = desk.do("worker-gone")
    run_sql(desk.path, "INSERT INTO workers VALUES ('a', '{}', '2030-01-01 00:00:00')")
    plan = desk.operator.plan(OperationKind.UNDO, Recorded(report.operation_id))
    assert plan.sentence.startswith("1 silent worker will be as before")
    undone = desk.operator.apply(plan)
    assert (undone.changed, [skip.reason for skip in undone.skips]) == (1, ["is there again already"])
    beats = "SELECT worker_id, heartbeat_utc FROM workers ORDER BY worker_id"
    assert run_sql(desk.path, beats) == [("a", "2030-01-01 00:00:00"), ("ü", "never")]


def test_an_undo_leaves_alone_what_went_on(sample: Desk) -> None:
    report = sample.do("lease-expired")
    run_sql(
        sample.path, "UPDATE task_queue SET status = 'leased', locked_by = 'new', attempts = 9 WHERE id IN (15, 26)"
    )
    plan = sample.operator.plan(OperationKind.UNDO, Recorded(report.operation_id))
    undone = sample.operator.apply(plan)
    assert (plan.eligible, undone.changed) == (36, 36)
    assert [sorted(skip.sample_ids) for skip in undone.skips] == [[15, 26]]
    assert run_sql(sample.path, "SELECT locked_by FROM task_queue WHERE id = 15") == [("new",)]


def test_each_mended_task_has_a_line_that_tells_what_it_was(sample: Desk) -> None:
    report = sample.do("finished-names-worker")
    lines = run_sql(sample.path, f"SELECT message, details FROM task_logs WHERE message LIKE '%{WHO}%' ORDER BY log_id")
    assert len(lines) == 268
    message, details = lines[0]
    assert str(message).startswith("freed of the name of worker worker-0")
    told = json.loads(str(details))
    assert (told["operation"], told["finding"], told["by"]) == (report.operation_id, "finished-names-worker", WHO)
    assert str(told["worker"]).startswith("worker-0")


def test_the_threshold_of_silence_is_the_wish_s(sample: Desk) -> None:
    long = (now_utc() - parse_utc("2026-11-24 01:30:00")).total_seconds()  # type: ignore[operator]
    assert sample.plan(mend("worker-silent", silent_after_s=long)).eligible == 2  # worker-05 alone is silent so long


def test_C14_a_copy_is_not_mended(sample: Desk, tmp_path: Path) -> None:
    copy = sample.path.rename(sample.path.with_name("queue - Kopie.db"))
    plan = Operator(copy, journal=Journal(tmp_path / "other")).plan(mend("time-iso"), None)
    assert plan.refusal is not None
    assert plan.eligible == 0


def test_C10_foreign_triggers_forbid_mending(sample: Desk) -> None:
    run_sql(sample.path, "CREATE TRIGGER spy AFTER UPDATE ON task_queue BEGIN DELETE FROM workers; END")
    assert sample.plan("time-iso").refusal is not None


def test_C11_rows_with_unreadable_json_are_mended_where_the_file_lets_them(tmp_path: Path) -> None:
    desk = sick(tmp_path, "finished-names-worker")
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as connection:
        connection.create_function("json_extract", -1, lambda *_cells: None, deterministic=True)
        connection.execute("UPDATE task_queue SET payload = 'no json' WHERE id = 1")
    report = desk.operator.apply(desk.plan("finished-names-worker"))
    assert report.problem is None
    assert report.changed + sum(skip.count for skip in report.skips) == 2


KILLED = """
import os, sys
from pathlib import Path
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.mending import mend
from prismq_gui.operations.operator import Operator
operator = Operator(Path(sys.argv[1]), who=sys.argv[3], journal=Journal(Path(sys.argv[2])))
plan = operator.plan(mend(sys.argv[4]), None)
operator.apply(plan, on_progress=lambda progress: os._exit(9) if progress.done > 2_500 else None)
"""


@pytest.mark.parametrize(
    ("code", "make", "left"),
    [
        (
            "finished-names-worker",
            "UPDATE task_queue SET status = 'completed', locked_by = 'w'",
            "SELECT count(*) FROM task_queue WHERE locked_by IS NOT NULL",
        ),
        (
            "log-orphan",
            "INSERT INTO task_logs (task_id, level) SELECT id + 10000, 'INFO' FROM task_queue",
            "SELECT count(*) FROM task_logs WHERE task_id > 10000",
        ),
    ],
)
def test_C8_mending_killed_anywhere_is_told_truly_and_taken_back(
    tmp_path: Path, code: str, make: str, left: str
) -> None:
    desk = Desk(make_foreign_queue(tmp_path / "queue.db", 4_000), tmp_path / "my data")
    run_sql(desk.path, make)
    before = desk.image()
    done = subprocess.run([sys.executable, "-c", KILLED, desk.path, desk.journal.folder, WHO, code], check=False)
    assert done.returncode == 9
    (operation,) = desk.operator.unfinished()
    mended = 4_000 - int(str(run_sql(desk.path, left)[0][0]))
    assert operation.changed == mended
    assert 2_500 < mended < 4_000
    assert desk.operator.apply(desk.operator.plan(OperationKind.UNDO, Recorded(operation.id))).changed == mended
    assert desk.image() == before


@pytest.mark.parametrize("code", ["time-iso", "time-iso-elsewhere", "finished-names-worker", "log-orphan"])
def test_a_plan_walks_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """By the index of statuses each stretch would look at all tasks that wait."""
    desk = sick(tmp_path, code)
    asked: list[str] = []
    rows = ReadConnection.rows

    def noted(self: ReadConnection, sql: str, *more: object, **named: object) -> object:
        asked.append(sql)
        return rows(self, sql, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ReadConnection, "rows", noted)
    assert desk.plan(code).eligible == 2
    walks = [sql for sql in asked if "BETWEEN" in sql and "ORDER BY" in sql]
    assert walks
    for sql in walks:
        (_id, _parent, _unused, how), *_subqueries = run_sql(desk.path, f"EXPLAIN QUERY PLAN {sql}", (1, 9))
        assert "INTEGER PRIMARY KEY" in str(how)


def test_only_findings_that_say_so_have_a_fix() -> None:
    assert set(FIXES) | {"wal-large", "fragmented"} == {code for code, text in TEXTS.items() if text.fix}
    with pytest.raises(ValueError, match="no fix named json-payload"):
        mend("json-payload")
