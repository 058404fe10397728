"""SQL and plain Python give the same answer for any filter on any row, whatever its cells hold."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import Table, format, parse
from prismq_gui.insight.language_fields import Kind
from prismq_gui.insight.language_nodes import And, Compare, Exists, Op, Or, Query, Ref, Text, joined, negated
from prismq_gui.insight.language_sql import query_condition
from prismq_gui.insight.language_values import (
    Clock,
    Moment,
    Number,
    Range,
    Wild,
    make_pattern,
    read_amount,
    read_scalar,
)
from tests.helpers.examples import examples
from tests.insight.helping import log_ids, reading, task_ids
from tests.insight.language_oracle import matches

NOW = datetime(2025, 11, 6, 0, 30, 15, 250_000)
CLOCK = Clock(NOW)
SCHEMA = """
CREATE TABLE task_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, type, priority, payload, compatibility, status, attempts,
  max_attempts, run_after_utc, lease_until_utc, reserved_at_utc, processing_started_utc, finished_at_utc, locked_by,
  error_message, idempotency_key, created_at_utc, updated_at_utc);
CREATE TABLE task_logs (log_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id, at_utc, level, message, details);
CREATE INDEX ix_task_status_prio_time ON task_queue (status, priority, run_after_utc, id);
CREATE INDEX ix_task_type_status ON task_queue (type, status);
CREATE INDEX ix_logs_task ON task_logs (task_id, at_utc);
"""

texts = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "aB*",
        "100%_x",
        "C:\\a",
        "ü",
        "Ü",
        "straße",
        "a?b",
        "[x]",
        'q"q',
        "ſ",
        "a\0b",
        "or",
        "-x",
        "3",
        "true",
        "a..b",
        "日本",
    ]
)
names = st.sampled_from(
    ["queued", "leased", "failed", "done", "running", "", "Failed", "video.a", "video.b", "a*b", "ü"]
)
odd = st.sampled_from([None, 0, 3, -1, 2.5, 2**62, b"", b"a", "ü".encode()])
times = st.sampled_from(
    [
        "2025-11-05 23:59:59",
        "2025-11-06 00:00:00",
        "2025-11-06T00:00:00Z",
        "2025-11-06T01:00:00.000000+01:00",
        "2025-11-05 22:30:15.250000",
        "2025-11-05T22:30:15.250+00:00",
        "2025-11-05 22:30",
        "2025-11-07 12:00:00",
        "2024-02-29T10:00:00",
        "2025-02-30 10:00:00",
        "soon",
        "",
        None,
        5,
        b"2025-11-05 10:00:00",
        "2025-11-05 22:30:15.25",
        "2025-11-06 00:29:15.250000",
        "2025-11-06 00:29:15.250001",
    ]
)
documents = st.one_of(
    st.sampled_from(
        [
            "{",
            "",
            "null",
            "[1, 2]",
            '{"a": {"b": [1, "x", {"c": true}]}}',
            '{"a": NaN}',
            '{"ü": 1, "\\u00fc": 2}',
            '{"gr\\u00f6\\u00dfe": "\\u00dc"}',
            '{"größe": "ü"}',
            '{"a": 1, "a": 2}',
            '{"a": "x"} tail',
            '{"x y": {"a": 5}}',
        ]
    ),
    st.dictionaries(
        st.sampled_from(["a", "b", "region"]),
        st.one_of(
            texts,
            st.integers(-3, 6),
            st.floats(-3, 3, width=16),
            st.booleans(),
            st.none(),
            st.lists(st.integers(0, 3), max_size=3),
        ),
        max_size=3,
    ).map(json.dumps),
    odd,
)
cells = st.one_of(texts, odd)
TASK_COLUMNS = {
    "type": st.one_of(names, odd),
    "status": st.one_of(names, names, odd),
    "priority": cells,
    "attempts": odd,
    "payload": documents,
    "compatibility": documents,
    "locked_by": cells,
    "error_message": cells,
    "idempotency_key": cells,
    "run_after_utc": times,
    "reserved_at_utc": times,
    "processing_started_utc": times,
    "finished_at_utc": times,
    "created_at_utc": times,
    "lease_until_utc": times,
}
LOG_COLUMNS = {
    "task_id": st.sampled_from([1, 2, 3, None, "x"]),
    "at_utc": times,
    "level": st.one_of(names, odd),
    "message": cells,
    "details": documents,
}
rows = st.lists(st.fixed_dictionaries(TASK_COLUMNS), max_size=8)
lines = st.lists(st.fixed_dictionaries(LOG_COLUMNS), max_size=8)

wild = st.sampled_from([Wild.MANY, Wild.ONE])
patterns = st.lists(st.one_of(texts.filter(lambda text: "\0" not in text), names, wild), min_size=1, max_size=3).map(
    make_pattern
)
numbers = st.one_of(st.integers(-3, 6), st.sampled_from([2.5, 2**62, float(2**63), -0.5, 1e300])).map(Number)
spans = st.sampled_from(["0s", "60s", "1h30m", "2h", "1d", "500ms", "1.5h", "52w", "7200s"]).map(
    lambda each: read_amount(each, Kind.SPAN)
)
sizes = st.sampled_from(["0B", "1B", "10B", "13B", "1kB", "1KiB"]).map(lambda each: read_amount(each, Kind.SIZE))
moments = st.sampled_from(
    [
        Moment("today"),
        Moment("yesterday"),
        Moment("tomorrow"),
        Moment("now"),
        Moment("now", -7_200_000_000, "h"),
        Moment("today", -3_600_000_000, "h"),
        Moment("2025-11-05"),
        Moment("2025-11-05T22:30"),
        Moment("2025-11-05T22:30:15"),
        Moment("2025-11-06T01:00:00+01:00"),
        Moment("2025-11-06T00:00Z"),
        Moment("00:00"),
        Moment("00:29"),
    ]
)
orders = (Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST)
equals = (Op.HAS, Op.IS, Op.IS_NOT)


def comparisons(refs, values, ops=(*equals, *orders), ranges=True):
    ends = st.tuples(st.none() | values, st.none() | values).filter(lambda each: each != (None, None))
    either = values | ends.map(lambda each: Range(*each)) if ranges else values
    one = st.builds(
        lambda ref, op, value: Compare(Ref(ref), op, (value,)), st.sampled_from(refs), st.sampled_from(ops), values
    )
    many = st.builds(
        lambda ref, op, found: Compare(Ref(ref), op, tuple(found)),
        st.sampled_from(refs),
        st.sampled_from(equals),
        st.lists(either, min_size=1, max_size=3),
    )
    return one | many


def in_json(documents):
    paths = st.sampled_from(
        [("a",), ("b",), ("a", "b", 0), ("a", "b", -1, "c"), ("ü",), ("größe",), ("x y", "a"), (0,), ("no",)]
    )
    refs = st.builds(Ref, st.sampled_from(documents), paths)
    scalars = st.builds(
        lambda pattern, bare: read_scalar(pattern, bare=bare), patterns, st.booleans()
    ) | st.sampled_from(["1", "5", "0.5", "true", "FALSE", "null", "x", "ü"]).map(
        lambda text: read_scalar(make_pattern([text]), bare=True)
    )
    number_ranges = st.tuples(numbers, numbers).map(lambda each: Range(*each))
    return st.builds(
        lambda ref, op, value: Compare(ref, op, (value,)), refs, st.sampled_from((*equals, *orders)), scalars
    ) | st.builds(
        lambda ref, op, value: Compare(ref, op, tuple(value)),
        refs,
        st.sampled_from(equals),
        st.lists(scalars | number_ranges, min_size=1, max_size=2),
    )


def trees(leaf):
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(negated),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: joined(And, parts)),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: joined(Or, parts)),
        ),
        max_leaves=5,
    )


words = patterns.filter(lambda pattern: pattern.literal != "").map(Text)
task_leaves = st.one_of(
    words,
    comparisons(["status", "type"], patterns, equals, ranges=False),
    comparisons(["worker", "key", "error", "payload", "compatibility"], patterns, equals, ranges=False),
    comparisons(["id", "attempts", "priority"], numbers),
    comparisons(["created", "due", "finished", "lease"], moments),
    comparisons(["age", "ran", "waited"], spans),
    comparisons(["size"], sizes),
    in_json(["payload", "compatibility"]),
    st.sampled_from(
        ["status", "type", "error", "worker", "attempts", "created", "age", "ran", "waited", "size", "region"]
    ).map(lambda name: Exists(Ref(name))),
    st.sampled_from([("a",), ("a", "b", 1), ("ü",)]).map(lambda path: Exists(Ref("payload", path))),
)
log_leaves = st.one_of(
    words,
    comparisons(["level", "message", "details"], patterns, equals, ranges=False),
    comparisons(["id", "task"], numbers),
    comparisons(["at"], moments),
    comparisons(["age"], spans),
    in_json(["details"]),
    st.sampled_from(["level", "message", "at", "age", "task"]).map(lambda name: Exists(Ref(name))),
)
task_queries = trees(task_leaves).map(lambda root: Query(Table.TASKS, root))
log_queries = trees(log_leaves).map(lambda root: Query(Table.LOGS, root))


def fill(path: Path, table: str, found: list[dict[str, object]]) -> list[dict[str, object]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        for row in found:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


@examples(80)
@given(rows, task_queries)
def test_sql_agrees_with_python_on_every_task(found, query):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        held = fill(path, "task_queue", found)
        with reading(path) as reader:
            aliases = reader._known_aliases(TaskFilter(query=query))
            condition = query_condition(query, clock=CLOCK, aliases=aliases)
            answers = reader._connection.rows(
                f"SELECT id, {condition.sql} FROM task_queue ORDER BY id", condition.params
            )
        assert {answer for _, answer in answers} <= {0, 1}
        assert [row for row, answer in answers if answer] == [row["id"] for row in held if matches(query, row, CLOCK)]


@examples(60)
@given(lines, log_queries)
def test_sql_agrees_with_python_on_every_log_line(found, query):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        held = fill(path, "task_logs", found)
        with reading(path) as reader:
            condition = query_condition(query, clock=CLOCK)
            answers = reader._connection.rows(
                f"SELECT log_id, {condition.sql} FROM task_logs ORDER BY log_id", condition.params
            )
        expected = [{**row, "id": row["log_id"]} for row in held]
        assert [row for row, answer in answers if answer] == [
            row["log_id"] for row in expected if matches(query, row, CLOCK)
        ]


def timeless(query: Query) -> bool:
    return not any(word in format(query) for word in ("now", "day", "tomorrow", "age", "ran", "waited", "00:"))


@examples(40)
@given(rows, task_queries.filter(timeless), st.sampled_from(TaskColumn), st.booleans(), st.booleans())
def test_a_scan_by_any_way_gives_what_python_finds(found, query, column, descending, indexed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        held = fill(path, "task_queue", found)
        if not indexed:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("DROP INDEX ix_task_type_status")
        expected = [row["id"] for row in held if matches(query, row, CLOCK)]
        with reading(path) as reader:
            assert sorted(task_ids(reader, TaskFilter(query=query), TaskOrder(column, descending))) == expected
            assert task_ids(reader, TaskFilter(query=query), TaskOrder(TaskColumn.ID, descending)) == sorted(
                expected, reverse=descending
            )
            assert list(reader.tasks_after(TaskFilter(query=query), 2, 9)) == [each for each in expected if each > 2]
            both = TaskFilter(statuses=("failed",), query=query)
            assert set(task_ids(reader, both)) == set(expected) & set(
                task_ids(reader, TaskFilter(statuses=("failed",)))
            )


@examples(40)
@given(lines, log_queries.filter(timeless), st.sampled_from([None, None, 1]))
def test_a_log_scan_by_any_way_gives_what_python_finds(found, query, task_id):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        held = [{**row, "id": row["log_id"]} for row in fill(path, "task_logs", found)]
        expected = [
            row["id"] for row in held if matches(query, row, CLOCK) and (task_id is None or row["task_id"] == task_id)
        ]
        with reading(path) as reader:
            fill_task = LogFilter(query=query, task_id=task_id)
            assert log_ids(reader, fill_task) == expected
            assert list(reader.logs_after(fill_task, 1, 9)) == [each for each in expected if each > 1]


@examples(200)
@given(st.one_of(task_queries, log_queries))
def test_the_canonical_text_is_parsed_to_the_same_filter(query):
    text = format(query)
    again = parse(text, query.table)
    assert again == query
    assert format(again) == text
