"""Cells that hold what no column should (faults H)."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import translate
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import log_ids, reading, refusal_of, task_ids

LOOSE_SCHEMA = """
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT, priority INTEGER, payload TEXT, compatibility TEXT, status TEXT,
  attempts INTEGER, max_attempts INTEGER, run_after_utc DATETIME, lease_until_utc DATETIME, reserved_at_utc DATETIME,
  processing_started_utc DATETIME, finished_at_utc DATETIME, locked_by TEXT, error_message TEXT, idempotency_key TEXT,
  created_at_utc DATETIME, updated_at_utc DATETIME);
CREATE TABLE workers (worker_id TEXT PRIMARY KEY, capabilities TEXT, heartbeat_utc DATETIME);
CREATE TABLE task_logs (log_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER, at_utc DATETIME, level TEXT,
  message TEXT, details TEXT);
CREATE INDEX ix_task_status_prio_time ON task_queue (status, priority, run_after_utc, id);
CREATE INDEX ix_task_type_status ON task_queue (type, status);
CREATE INDEX ix_logs_task ON task_logs (task_id, at_utc);
"""


def make_loose_queue(path: Path) -> Path:
    """Make a queue without NOT NULL and without the JSON indexes, so that any cell can be put in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(LOOSE_SCHEMA)
    return path


def add(path: Path, **cells: object) -> None:
    run_sql(
        path,
        f"INSERT INTO task_queue ({', '.join(cells)}) VALUES ({', '.join('?' * len(cells))})",
        tuple(cells.values()),
    )


def test_H1_text_that_is_not_utf8_shows_as_escapes_and_hides_no_row(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    for number, column in enumerate(("type", "status", "locked_by", "error_message", "payload", "run_after_utc"), 1):
        add(path, type="t", status="queued")
        run_sql(path, f"UPDATE task_queue SET {column} = CAST(x'61ff62' AS TEXT) WHERE id = ?", (number,))
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', CAST(x'ff' AS TEXT))")
    with reading(path) as reader:
        ids = task_ids(reader)
        rows = reader.task_rows(ids)
        assert ids == [6, 5, 4, 3, 2, 1]
        assert rows[1].type == rows[2].status == rows[3].locked_by == rows[4].error_message == r"a\xffb"
        assert rows[6].run_after_utc == r"a\xffb"
        assert r"a\xffb" in reader.statuses()
        assert reader.count(r"a\xffb") == 1
        assert task_ids(reader, TaskFilter(statuses=(r"a\xffb",))) == [2]
        assert task_ids(reader, TaskFilter(types=(r"a\xffb",), statuses=("queued",))) == [1]
        detail = reader.task_detail(5)
        assert detail is not None
        assert detail.payload.text == r"a\xffb"
        assert reader.log_rows([1])[1].message == r"\xff"
        for column in TaskColumn:
            assert sorted(task_ids(reader, TaskFilter(), TaskOrder(column))) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"secret \xff", 7, 8, "bad"), OverflowError("secret"), MemoryError("secret")]
)
def test_H2_errors_of_python_are_told_without_cell_content(error):
    problem = translate(error, "q.db", doing="read the tasks")
    assert "read the tasks" in problem.what
    assert "secret" not in problem.sentence()


def test_H2_sqlite_texts_that_quote_cells_are_not_repeated():
    error = sqlite3.OperationalError("Could not decode to UTF-8 column 'payload' with text 'my secret \udcff'")
    assert "secret" not in translate(error, "q.db", doing="read").sentence()


def test_H3_control_characters_and_nul_arrive_as_they_are(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    nasty = "a\0b\x1b[31m\u202egnp.exe\r\n"
    add(path, type=nasty, status="queued", error_message=nasty, payload='{"x": 1}')
    with reading(path) as reader:
        row = reader.task_rows([1])[1]
        assert row.type == row.error_message == nasty
        assert reader.types() == (nasty,)
        assert task_ids(reader, TaskFilter(types=(nasty,))) == [1]


def test_H4_a_payload_of_70_mb_hurts_no_list_and_shows_its_beginning(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    size = 70_000_000
    add(path, type="big", status="queued", payload="ä" * (size // 2))
    add(path, type="small", status="queued", payload='{"format": "mp4"}')
    with reading(path) as reader:
        assert task_ids(reader) == [2, 1]
        assert set(reader.task_rows([1, 2])) == {1, 2}
        detail = reader.task_detail(1)
        assert detail is not None
        assert detail.payload.truncated
        if sys.version_info >= (3, 11):
            assert detail.payload.size_bytes == size
            assert detail.payload.text == "ä" * 32_768
        small = reader.task_detail(2)
        assert small is not None
        assert small.format == "mp4"
        assert task_ids(reader, TaskFilter(text="mp4")) == [2]
        assert task_ids(reader, TaskFilter(text="big")) == [1]
        assert task_ids(reader, TaskFilter(text="big", statuses=("queued",))) == [1]
        assert list(reader.tasks_after(TaskFilter(text="mp4"), 0, 5)) == [2]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no limit on a cell before Python 3.11")
def test_H4_an_error_of_70_mb_is_said_to_be_too_large_and_the_other_rows_are_read(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    add(path, type="big", status="failed", error_message="e" * 70_000_000)
    add(path, type="small", status="failed", error_message="why")
    with reading(path) as reader:
        rows = reader.task_rows([1, 2])
        assert "larger than" in str(rows[1].error_message)
        assert (rows[1].type, rows[1].status) == ("big", "failed")
        assert rows[2].error_message == "why"
        assert len(task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.TYPE))) == 2


def test_H5_long_texts_are_cut_in_lists(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    add(path, type="t" * 1_000_000, status="failed", error_message="ü" * 1_000_000, payload="{}")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', ?)", ("m" * 100_000,))
    with reading(path) as reader:
        row = reader.task_rows([1])[1]
        assert row.error_message == "ü" * 300
        assert len(str(row.type)) == 1_000
        line = reader.log_rows([1])[1]
        assert line.message == "m" * 2_000
        assert line.truncated
        detail = reader.task_detail(1)
    assert detail is not None
    assert detail.error.text == "ü" * 32_768
    assert detail.error.size_bytes == 2_000_000


def test_H6_cells_of_the_wrong_type_are_handed_on_and_sorted_stably(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    for priority in (None, 5, b"\x00\xff", "high", 1, 2.5, None):
        add(path, type="t", status="queued", priority=priority, run_after_utc=priority)
    with reading(path) as reader:
        rows = reader.task_rows(range(1, 8))
        assert [rows[each].priority for each in range(1, 8)] == [None, 5, b"\x00\xff", "high", 1, 2.5, None]
        assert task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.PRIORITY, descending=False)) == [1, 7, 5, 6, 2, 4, 3]
        assert task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.PRIORITY)) == [3, 4, 2, 6, 5, 7, 1]


def test_H6_a_task_without_status_or_type_is_shown_counted_and_sorted(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    add(path, type=None, status=None)
    add(path, type=b"\xfe", status=b"odd")
    add(path, type="t", status="queued")
    with reading(path) as reader:
        assert {name: reader.count(name) for name in reader.statuses()} == {"": 1, "queued": 1, "odd": 1}
        assert len(reader.types()) == 3
        assert task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.STATUS)) == [2, 3, 1]
        assert [task_ids(reader, TaskFilter(statuses=(name,))) for name in ("", "odd")] == [[1], [2]]
        assert list(reader.tasks_after(TaskFilter(statuses=("odd", "")), 0, 9)) == [1, 2]
        assert task_ids(reader, TaskFilter(statuses=("queued",))) == [3]


TIMES = [
    "0001-01-01 00:00:00",
    "2025-11-05 10:00:00",
    "2025-11-05T10:00:00.5Z",
    "2025-11-05T12:00:01+02:00",
    "9999-12-31 23:59:59.999999",
]


@pytest.mark.parametrize("garbage", ["2026-02-30 00:00:00", "2025-01-01 24:00:00", "soon", "", "2025-11"])
def test_H7_mixed_time_forms_sort_by_instant_and_garbage_loses_no_row(tmp_path, garbage):
    path = make_loose_queue(tmp_path / "q.db")
    for time in (*reversed(TIMES), garbage):
        add(path, type="t", status="queued", finished_at_utc=time)
    with reading(path) as reader:
        ids = task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.FINISHED, descending=False))
        assert sorted(ids) == [1, 2, 3, 4, 5, 6]
        assert [each for each in ids if each != 6] == [5, 4, 3, 2, 1]
        assert reader.task_rows([6])[6].finished_at_utc == garbage


def test_one_row_of_malformed_json_breaks_nothing(tmp_path):
    path = make_loose_queue(tmp_path / "q.db")
    add(path, type="bad", status="queued", payload="{not json", compatibility="[")
    add(path, type="good", status="queued", payload='{"format": "mp4"}', compatibility='{"region": "eu"}')
    for name, source in (("region", "compatibility"), ("format", "payload")):
        extract = f"json_extract({source}, '$.{name}')"
        run_sql(path, f"ALTER TABLE task_queue ADD COLUMN {name} TEXT GENERATED ALWAYS AS ({extract}) VIRTUAL")
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        run_sql(path, "SELECT * FROM task_queue")
    with reading(path) as reader:
        for column in TaskColumn:
            assert sorted(task_ids(reader, TaskFilter(), TaskOrder(column))) == [1, 2]
        assert task_ids(reader, TaskFilter(text="not json")) == [1]
        bad, good = reader.task_detail(1), reader.task_detail(2)
    assert bad is not None
    assert good is not None
    assert (bad.region, bad.format, bad.payload.text) == ("", "", "{not json")
    assert (good.region, good.format) == ("eu", "mp4")


def test_H10_the_newest_500_lines_of_a_talkative_task_are_shown(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2)
    run_sql(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000) "
        "INSERT INTO task_logs (task_id, level, message) SELECT 1, 'INFO', i FROM n",
    )
    with reading(path) as reader:
        detail = reader.task_detail(1)
        assert detail is not None
        assert [line.log_id for line in detail.logs] == list(range(69_501, 70_001))
        assert detail.logs_truncated
        assert log_ids(reader, LogFilter(task_id=1)) == list(range(1, 70_001))
        assert log_ids(reader, LogFilter(task_id=2)) == []
        assert log_ids(reader, LogFilter(task_id=1, text="6999")) == [n for n in range(1, 70_001) if "6999" in str(n)]


@pytest.mark.parametrize(
    "text", ["100%", "a_b", "c\\d", "it's", 'say "x"', "%", "_", "\\", "'; DROP TABLE task_queue; --"]
)
def test_H11_search_text_is_matched_literally(tmp_path, text):
    path = make_loose_queue(tmp_path / "q.db")
    add(path, type="t", status="queued", error_message=f"before {text.upper()} after")
    add(path, type="t", status="queued", error_message="100 aXb cd its say x")
    add(path, type="t", status="queued", payload=f"{{{text}}}")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message, details) VALUES (1, 'INFO', ?, 'x')", (text,))
    run_sql(path, "INSERT INTO task_logs (task_id, level, message, details) VALUES (1, 'INFO', 'y', 'z')")
    with reading(path) as reader:
        assert task_ids(reader, TaskFilter(text=text)) == [3, 1]
        assert task_ids(reader, TaskFilter(text=text, statuses=("queued",))) == [3, 1]
        assert log_ids(reader, LogFilter(text=text)) == [1]


def test_H11_a_number_finds_the_task_of_that_id(sample_db):
    with reading(sample_db) as reader:
        run_sql(sample_db, "UPDATE task_queue SET payload = '{}', idempotency_key = NULL, error_message = NULL")
        assert task_ids(reader, TaskFilter(text=" 599 ")) == [599]


def test_H11_a_text_over_1000_characters_is_refused_in_words(sample_db):
    with reading(sample_db) as reader:
        assert task_ids(reader, TaskFilter(text="%" * 1_000)) == []
        for ask in (
            lambda: list(reader.scan_tasks(TaskFilter(text="x" * 1_001), TaskOrder())),
            lambda: list(reader.scan_logs(LogFilter(text="x" * 60_000))),
            lambda: reader.tasks_after(TaskFilter(text="x" * 1_001), 0, 1),
        ):
            with pytest.raises(ProblemError) as caught:
                ask()
            assert caught.value.problem.kind is ProblemKind.REFUSED
            assert "1,000" in caught.value.problem.what


def test_a_text_that_no_file_can_hold_is_refused_in_words(sample_db):
    with reading(sample_db) as reader, pytest.raises(ProblemError) as caught:
        task_ids(reader, TaskFilter(text="lone \ud800"))
    assert caught.value.problem.kind is ProblemKind.REFUSED


def test_H12_an_empty_queue_answers_everything(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db")
    with reading(path) as reader:
        assert reader.statuses() == reader.types() == reader.workers() == ()
        assert reader.newest_task_id() == reader.newest_log_id() == reader.count("queued") == 0
        assert reader.task_rows([1]) == reader.log_rows([]) == {}
        assert reader.task_detail(1) is None
        for column in TaskColumn:
            assert task_ids(reader, TaskFilter(), TaskOrder(column)) == []
        assert task_ids(reader, TaskFilter(text="x", statuses=("queued",))) == []
        assert log_ids(reader) == log_ids(reader, LogFilter(task_id=1)) == []
        assert list(reader.tasks_after(TaskFilter(), 0, 10)) == list(reader.logs_after(LogFilter(), 0, 10)) == []


def test_ids_at_the_edges_of_64_bits(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db")
    edges = [-(2**63), -5, 0, 7, 2**40, 2**63 - 1]
    for each in edges:
        run_sql(path, "INSERT INTO task_queue (id, type, payload, status) VALUES (?, 't', '{}', 'queued')", (each,))
    with reading(path) as reader:
        for descending in (True, False):
            order = TaskOrder(TaskColumn.ID, descending)
            expected = sorted(edges, reverse=descending)
            for wanted in (TaskFilter(), TaskFilter(statuses=("queued",)), TaskFilter(text="t")):
                assert task_ids(reader, wanted, order) == expected
        assert list(reader.tasks_after(TaskFilter(), 7, 9)) == [2**40, 2**63 - 1]
        assert list(reader.tasks_after(TaskFilter(), 2**63 - 1, 9)) == []


def test_a_queue_without_any_index_is_read_all_the_same(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 50)
    for name in ("ix_task_status_prio_time", "ix_task_type_status", "ix_logs_task"):
        run_sql(path, f"DROP INDEX {name}")
    run_sql(path, "UPDATE task_queue SET status = 'failed', type = 'odd' WHERE id % 2")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', 'x'), (2, 'INFO', 'x')")
    with reading(path) as reader:
        assert sorted(reader.statuses()) == ["failed", "queued"]
        assert sorted(reader.types()) == ["job", "odd"]
        assert task_ids(reader, TaskFilter(statuses=("failed",))) == list(range(49, 0, -2))
        assert task_ids(reader, TaskFilter(types=("odd",)), TaskOrder(TaskColumn.STATUS, False)) == list(
            range(1, 50, 2)
        )
        assert log_ids(reader, LogFilter(task_id=2)) == [2]
        detail = reader.task_detail(1)
    assert detail is not None
    assert [line.log_id for line in detail.logs] == [1]


def test_a_worker_only_named_by_its_tasks_is_listed_as_unregistered(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 30, status="leased")
    run_sql(
        path, "UPDATE task_queue SET locked_by = 'ghost', status = CASE WHEN id % 2 THEN 'processing' ELSE status END"
    )
    run_sql(path, "UPDATE task_queue SET locked_by = 'w1' WHERE id = 30")
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE id = 29")
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('w1', '{}')")
    with reading(path) as reader:
        first, ghost = reader.workers()
        assert (first.worker_id, first.held, first.held_ids, first.registered) == ("w1", 1, (30,), True)
        assert (ghost.worker_id, ghost.held, ghost.held_ids) == ("ghost", 28, tuple(range(1, 21)))
        assert not ghost.registered
        assert ghost.heartbeat_utc is None
        assert len(reader.workers(limit=1)) == 1


def test_an_unreadable_wal_name_is_not_needed_for_a_plain_text_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello", encoding="utf-8")
    assert "<" not in refusal_of(path).sentence()
