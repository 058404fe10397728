"""The health check: what it finds in the sample, one finding for each thing amiss, and how it reads."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from prismq_gui.insight import language
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.health import Finding, HealthCheck, Severity
from prismq_gui.insight.health_texts import TEXTS
from prismq_gui.insight.hearing import Gap, GapKind, Hearing
from prismq_gui.insight.language_fields import Table
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.queue import QueueDatabase
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading, task_ids

NOW = datetime.now(timezone.utc).replace(tzinfo=None)
SAMPLE_NOW = datetime(2026, 11, 24, 12, 0)
RUNS = "status = 'processing', locked_by = 'alive', lease_until_utc = datetime('now', '+1 hour')"
ALIVE = "INSERT INTO workers VALUES ('alive', '{}', datetime('now'))"


def findings(path: Path, now: datetime = NOW, **more: object) -> dict[str, Finding]:
    """Check a file to the end, and return the findings by code."""
    with reading(path) as reader:
        check = HealthCheck(reader, now=now, **more)  # type: ignore[arg-type]
        for _step in check.steps():
            pass
        assert check.done
        found = check.findings
    assert len({each.code for each in found}) == len(found)
    return {each.code: each for each in found}


def test_the_sample_in_its_exact_numbers(sample_db):
    found = findings(sample_db, SAMPLE_NOW)
    counts = {code: each.count for code, each in found.items() if code not in ("sqlite-fault", "wal-missing")}
    assert counts == {
        "time-iso": 293, "lease-expired": 38, "worker-silent": 6, "finished-names-worker": 268,
        "never-processing": 19, "schema-plain-json": 1,
    }  # fmt: skip
    assert not any(each.at_least for each in found.values())
    held = [int(line.split("holds ")[1].split(":")[0]) for line in found["worker-silent"].details]
    assert held == [9, 6, 8, 5, 8, 2]
    assert found["worker-silent"].details[5].startswith("worker-05: heard of ")
    assert found["worker-silent"].details[5].endswith("holds 2: #168, #207")


def test_a_filter_shows_exactly_the_tasks_that_are_counted(sample_db):
    found = findings(sample_db, SAMPLE_NOW)
    with reading(sample_db) as reader:
        for code in ("finished-names-worker", "never-processing"):
            wanted = TaskFilter(query=language.parse(found[code].filter, Table.TASKS))
            assert len(task_ids(reader, wanted)) == found[code].count
        held = TaskFilter(query=language.parse(found["worker-silent"].filter, Table.TASKS))
        assert len(task_ids(reader, held)) == 38


SOUND = {"schema-plain-json", "sqlite-fault", "wal-missing"}  # of who made the file, and of how
SICK = {
    "index-missing": "DROP INDEX ix_task_region",
    "index-changed": "DROP INDEX ix_task_type_status; CREATE INDEX ix_task_type_status ON task_queue (status, type)",
    "index-unknown": "CREATE INDEX mine ON task_queue (updated_at_utc)",
    "column-unknown": "ALTER TABLE task_queue ADD COLUMN owner TEXT",
    "trigger-foreign": "CREATE TRIGGER spy AFTER UPDATE ON task_queue BEGIN SELECT 1; END",
    "ids-near-end": "INSERT INTO task_queue (id, type, payload) VALUES (9223372036854775807, 'x', '{}')",
    "lease-expired": f"UPDATE task_queue SET {RUNS}, lease_until_utc = '2020-01-01 00:00:00' WHERE id = 1",
    "lease-unreadable": f"UPDATE task_queue SET {RUNS}, lease_until_utc = 'soon' WHERE id = 1",
    "lease-iso": f"UPDATE task_queue SET {RUNS}, lease_until_utc = '2999-01-01T00:00:00Z' WHERE id = 1",
    "worker-silent": "INSERT INTO workers VALUES ('gone', '{}', '2020-01-01 00:00:00'); "
    f"UPDATE task_queue SET {RUNS}, locked_by = 'gone' WHERE id = 1",
    "worker-unknown": f"UPDATE task_queue SET {RUNS}, locked_by = 'nobody' WHERE id = 1",
    "worker-gone": "INSERT INTO workers VALUES ('gone', '{}', '2020-01-01 00:00:00')",
    "worker-clock": "INSERT INTO workers VALUES ('ahead', '{}', datetime('now', '+1 hour'))",
    "heartbeat-iso": "INSERT INTO workers VALUES ('w', '{}', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
    "never-processing": f"UPDATE task_queue SET {RUNS}, status = 'leased', "
    "processing_started_utc = datetime('now') WHERE id = 1",
    "time-iso": "UPDATE task_queue SET run_after_utc = '2026-01-01T00:00:00+00:00' WHERE id = 1",
    "time-iso-elsewhere": "UPDATE task_queue SET created_at_utc = '2026-01-01 00:00:00+02:00' WHERE id = 1",
    "time-unreadable": "UPDATE task_queue SET run_after_utc = '2026-02-30 00:00:00' WHERE id = 1",
    "time-unreadable-elsewhere": "UPDATE task_queue SET finished_at_utc = x'ff00' WHERE id = 1",
    "clock-ahead": "UPDATE task_queue SET created_at_utc = datetime('now', '+1 hour') WHERE id = 1",
    "time-backwards": "UPDATE task_queue SET processing_started_utc = '2026-01-02 00:00:00', "
    "finished_at_utc = '2026-01-01T23:59:59Z', status = 'completed' WHERE id = 1",
    "json-payload": "UPDATE task_queue SET payload = x'7b7d' WHERE id = 1",
    "json-compatibility": "UPDATE task_queue SET compatibility = 'gpu' WHERE id = 1",
    "finished-names-worker": "UPDATE task_queue SET status = 'cancelled', locked_by = 'alive' WHERE id = 1",
    "attempts-used-up": "UPDATE task_queue SET attempts = 5 WHERE id = 1",
    "status-unknown": "UPDATE task_queue SET status = 'parked' WHERE id = 1",
    "log-orphan": "INSERT INTO task_logs (task_id, level) VALUES (99, 'INFO')",
    "log-time-iso": "INSERT INTO task_logs (task_id, level, at_utc) VALUES (1, 'INFO', '2026-01-01T00:00:00Z')",
    "fragmented": "CREATE TABLE x (y); INSERT INTO x VALUES (zeroblob(6000000)); DROP TABLE x",
}
ALSO = {"time-backwards": {"time-iso-elsewhere"}}  # what the same change brings about


def queue_of_ours(path: Path, tasks: int) -> Path:
    """Make a queue whose generated columns let unreadable JSON be."""
    with QueueDatabase(path) as db:
        db.initialize_schema()
        db.execute_many(
            "INSERT INTO task_queue (id, type, payload) VALUES (?, 'x', '{}')", [(n + 1,) for n in range(tasks)]
        )
    return path


def sick_queue(folder: Path, code: str) -> Path:
    make = queue_of_ours if code.startswith("json-") else make_foreign_queue
    path = make(folder / "queue.db", tasks=5)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(ALIVE)
        connection.executescript(SICK[code])
    return path


@pytest.mark.parametrize("code", SICK)
def test_each_thing_amiss_is_one_finding(tmp_path, code):
    found = findings(sick_queue(tmp_path, code))
    assert set(found) - SOUND == {code} | ALSO.get(code, set())
    one = found[code]
    assert one.count >= 1
    assert not one.at_least
    assert one.severity is TEXTS[code].severity
    assert one.fix in ("", code)
    assert "1 " in one.sentence or one.count > 1 or code in ("ids-near-end",)
    if one.filter:
        with reading(tmp_path / "queue.db") as reader:
            assert task_ids(reader, TaskFilter(query=language.parse(one.filter, Table.TASKS))) == [1]
    if one.sample_ids:
        assert one.sample_ids in ((1,), (2**63 - 1,))


def test_a_sound_queue_of_ours_has_no_finding_but_of_sqlite(tmp_path):
    with QueueDatabase(tmp_path / "queue.db") as db:
        db.initialize_schema()
        db.execute("INSERT INTO task_queue (type, payload) VALUES ('x', '{}')")
        assert set(findings(tmp_path / "queue.db")) <= {"sqlite-fault"}


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("priority INTEGER NOT NULL DEFAULT 100", "priority TEXT NOT NULL DEFAULT 100", "type TEXT instead of INTEGER"),
        ("DEFAULT 'queued'", "DEFAULT 'new'", "default 'new' instead of 'queued'"),
        ("type TEXT NOT NULL", "type TEXT", "may be empty"),
        ("idempotency_key TEXT,", "idempotency_key TEXT NOT NULL DEFAULT '',", "may not be empty"),
        ("PRIMARY KEY AUTOINCREMENT, type", "PRIMARY KEY, type", "no AUTOINCREMENT"),
        ("worker_id TEXT PRIMARY KEY", "worker_id TEXT", "is not the key"),
    ],
)
def test_a_schema_that_differs_is_told_part_by_part(tmp_path, old, new, detail):
    path = make_foreign_queue(tmp_path / "queue.db")
    with closing(sqlite3.connect(path)) as connection:
        schema = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    assert sum(old in statement for statement in schema) == 1
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").close()
        for statement in schema:
            if "sqlite_sequence" not in statement:
                connection.execute(statement.replace(old, new)).close()
    found = findings(other)
    assert set(found) - SOUND == {"schema-drift"}
    assert detail in found["schema-drift"].details[0]


def test_A13_A17_G7_the_place_and_mode_of_a_file(tmp_path):
    path = make_foreign_queue(tmp_path / "OneDrive - Firma" / "queue.db", tasks=1, wal=False)
    os.link(path, tmp_path / "second name.db")
    assert set(findings(path)) - SOUND == {"not-wal", "hard-links", "synced-folder"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_told_with_the_real_file(tmp_path):
    path = make_foreign_queue(tmp_path / "real.db", tasks=1)
    (tmp_path / "link.db").symlink_to(path)
    assert str(path) in findings(tmp_path / "link.db")["symlink"].sentence


def test_D13_a_large_wal_by_the_threshold_that_is_set(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE x (y)").close()
        writer.execute("INSERT INTO x VALUES (zeroblob(2000000))").close()
        assert "wal-large" in findings(path, limits=Thresholds(wal_bytes=1024 * 1024))
        assert "wal-large" not in findings(path)


def test_A19_A20_a_file_of_another_time(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=1)
    run_sql(path, "PRAGMA user_version = 7")
    run_sql(path, "DROP TABLE workers")
    found = findings(path)
    assert {"not-writable", "parts-missing"} <= set(found)
    assert found["parts-missing"].sentence == "The file lacks workers."


def test_a_file_without_most_columns_is_looked_at_as_far_as_it_goes(tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type, status, payload)").close()
        connection.execute("INSERT INTO task_queue VALUES (1, 'x', 'queued', 'no json')").close()
    found = findings(path)
    assert found["json-payload"].sample_ids == (1,)
    assert found["parts-missing"].count > 10


def test_silence_is_judged_by_the_threshold_and_not_after_sleep(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=2)
    run_sql(path, "INSERT INTO workers VALUES ('quiet', '{}', datetime('now', '-5 minutes'))")
    run_sql(path, f"UPDATE task_queue SET {RUNS}, locked_by = 'quiet' WHERE id = 1")
    assert "worker-silent" in findings(path)
    assert "worker-silent" not in findings(path, hearing=Hearing(600.0))
    slept = Hearing(gap=Gap(GapKind.SLEPT, NOW - timedelta(minutes=5), 300.0))
    assert "worker-silent" not in findings(path, hearing=slept)


def test_counts_of_part_of_a_table_say_so(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=20_000)
    run_sql(path, "UPDATE task_queue SET status = 'completed', locked_by = 'w'")
    found = findings(path, budget_s=0.0)
    assert "finished-names-worker" not in found
    with reading(path) as reader:
        check = HealthCheck(reader, now=NOW)
        for step in check.steps():
            if step.text == "tasks":
                break
        part = {each.code: each for each in check.findings}
        assert part["finished-names-worker"].at_least
        assert part["finished-names-worker"].sentence.startswith("At least ")
        assert 0 < part["finished-names-worker"].count < 20_000
        assert "Only the newest " in part["part-checked"].sentence
        assert not check.done


def test_a_check_that_was_left_goes_on_where_it_was(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=20_000)
    run_sql(path, "UPDATE task_queue SET status = 'completed', locked_by = 'w' WHERE id % 2")
    with reading(path) as reader:
        check = HealthCheck(reader, now=NOW)
        steps = check.steps()
        for step in steps:
            if step.text == "tasks":
                break
        run_sql(path, "UPDATE task_queue SET type = 'other' WHERE id = 1")  # no snapshot is held meanwhile
        run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert not Path(f"{path}-wal").stat().st_size
        for _step in steps:
            pass
        found = {each.code: each for each in check.findings}
    assert found["finished-names-worker"].count == 10_000
    assert not found["finished-names-worker"].at_least
    assert len(found["finished-names-worker"].sample_ids) == 20


def test_H4_a_payload_too_large_to_look_at_is_left_out_and_told(tmp_path):
    if not hasattr(sqlite3.Connection, "setlimit"):
        pytest.skip("Python before 3.11 sets no limit")
    path = queue_of_ours(tmp_path / "queue.db", tasks=3)
    run_sql(
        path, "UPDATE task_queue SET payload = hex(zeroblob(35000000)), locked_by = 'w', status = 'failed' WHERE id = 2"
    )
    found = findings(path)
    assert found["json-too-large"].sample_ids == (2,)
    assert found["finished-names-worker"].sample_ids == (2,)
    assert not found["finished-names-worker"].at_least


def test_H6_any_type_in_any_cell(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=40)
    cells = ["x'ff'", "5", "2.5", "''", "CAST(x'ff' AS TEXT)", "1e999", "'9999-99-99T99:99:99Z'", "char(0)"]
    columns = ["run_after_utc", "lease_until_utc", "created_at_utc", "locked_by", "attempts", "max_attempts", "status"]
    for number, column in enumerate(columns):
        for cell in cells:
            run_sql(path, f"UPDATE task_queue SET {column} = {cell} WHERE id % 41 = {number * 5 + cells.index(cell)}")
    run_sql(path, "INSERT INTO workers VALUES (x'ff', x'ff', 5)")
    run_sql(path, f"UPDATE task_queue SET {RUNS}, locked_by = CAST(x'ff' AS TEXT) WHERE id = 40")
    found = findings(path)
    assert "time-unreadable-elsewhere" in found
    assert not [code for code in found if code.endswith("-unread")]


def test_B6_a_file_that_goes_away_ends_the_check(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", tasks=10)
    with closing(QueueReader(path)) as reader:
        reader.open()
        steps = HealthCheck(reader, now=NOW).steps()
        shutil.move(path, tmp_path / "moved.db") if sys.platform != "win32" else reader.close()
        with pytest.raises(ProblemError):
            for _step in steps:
                pass


def test_every_code_has_words_and_its_place_in_the_guide():
    guide = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
    tested = {
        "damage", "not-writable", "not-wal", "wal-missing", "wal-large", "hard-links", "symlink", "network-drive",
        "synced-folder", "sqlite-fault", "parts-missing", "part-checked", "schema-drift", "schema-plain-json",
        "json-too-large",
    }  # fmt: skip
    assert set(TEXTS) == tested | set(SICK)
    for code, text in TEXTS.items():
        assert f"`{code}`" in guide
        assert text.advice or text.severity is Severity.NOTE
        assert not text.fix or text.advice
