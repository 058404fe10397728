"""Any filter in any order finds what a plain look at every row finds."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from tests.helpers.examples import examples
from tests.insight.helping import log_ids, reading, task_ids
from tests.insight.test_bad_data import LOOSE_SCHEMA

WORDS = ["", "a", "A", "aB", "a%b", "a_b", "\\", "'", "ä", "Ä", "7", "x\0a", "\u202e", "🎬", "queued"]
words = st.sampled_from(WORDS)
cells = st.one_of(st.none(), words, st.sampled_from([b"", b"aB", b"7"]), st.integers(-3, 9))
numbers = st.one_of(st.integers(-2, 3), st.none(), words, st.sampled_from([0.5, 2.0, -1e300, 2**62]))
INSTANTS = [
    ("2025-11-05 10:00:00", "2025-11-05 10:00:00"),
    ("2025-11-05T10:00:00Z", "2025-11-05 10:00:00"),
    ("2025-11-05T12:00:00.250000+02:00", "2025-11-05 10:00:00.250000"),
    ("2025-11-05 09:59:59.999999", "2025-11-05 09:59:59.999999"),
    ("2025-11-04T23:00:00+00:00", "2025-11-04 23:00:00"),
    ("never", "never"),
    (None, None),
    (5, 5),
]
INSTANT_OF = dict(INSTANTS)
ids = st.lists(st.one_of(st.integers(1, 40), st.sampled_from([-9, 2**40, 2**63 - 1])), unique=True, max_size=30)
SHOWN = ("id", "type", "status", "priority", "finished_at_utc", "locked_by", "error_message", "payload")


@st.composite
def tables(draw) -> list[tuple[object, ...]]:
    times = st.sampled_from([written for written, _ in INSTANTS])
    row = st.tuples(st.one_of(words, cells), st.one_of(words, cells), numbers, times, cells, cells, cells)
    return [(each, *draw(row)) for each in draw(ids)]


filters = st.builds(
    TaskFilter,
    statuses=st.lists(words, max_size=2).map(tuple),
    types=st.lists(words, max_size=2).map(tuple),
    text=st.one_of(st.just(""), st.sampled_from([w for w in WORDS if "\0" not in w])),
)
orders = st.builds(
    TaskOrder,
    st.sampled_from(
        [
            TaskColumn.ID,
            TaskColumn.TYPE,
            TaskColumn.STATUS,
            TaskColumn.PRIORITY,
            TaskColumn.FINISHED,
            TaskColumn.WORKER,
            TaskColumn.ERROR,
        ]
    ),
    st.booleans(),
)


def make(path: Path, rows: list[tuple[object, ...]], *, indexed: bool) -> list[tuple[object, ...]]:
    """Write the rows, and return them as the file holds them (column affinities change some)."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(LOOSE_SCHEMA)
        if not indexed:
            connection.execute("DROP INDEX ix_task_type_status")
            connection.execute("DROP INDEX ix_task_status_prio_time")
        marks = ", ".join("?" * len(SHOWN))
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO task_queue ({', '.join(SHOWN)}) VALUES ({marks})", rows)
        connection.execute("COMMIT")
        return connection.execute(f"SELECT {', '.join(SHOWN)} FROM task_queue").fetchall()


def folded(cell: object) -> str:
    """Return a cell as a search sees it: as text up to a NUL, in ASCII lower case."""
    text = cell.decode() if isinstance(cell, bytes) else "" if cell is None else str(cell)
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text.split("\0")[0])


def name_of(cell: object) -> str:
    """Return a status or type as it is shown, and therefore picked."""
    return cell.decode() if isinstance(cell, bytes) else "" if cell is None else str(cell)


def rank(cell: object) -> tuple[int, object]:
    """Return a key that sorts as SQLite does: NULL, numbers, texts, blobs."""
    if cell is None:
        return (0, 0)
    if isinstance(cell, (int, float)):
        return (1, cell)
    return (2, cell.encode()) if isinstance(cell, str) else (3, cell)


def naive(rows: list[tuple[object, ...]], wanted: TaskFilter, order: TaskOrder) -> list[int]:
    found = []
    needle = folded(wanted.text.strip())
    for row in rows:
        cell = dict(zip(SHOWN, row, strict=True))
        if wanted.statuses and name_of(cell["status"]) not in wanted.statuses:
            continue
        if wanted.types and name_of(cell["type"]) not in wanted.types:
            continue
        searched = ("type", "error_message", "locked_by", "payload")
        holds = any(cell[name] is not None and needle in folded(cell[name]) for name in searched)
        if needle and not (holds or needle == str(cell["id"])):
            continue
        key = cell[order.column.value]
        if order.column is TaskColumn.FINISHED:
            key = INSTANT_OF[key]
        found.append((rank(key), cell["id"]))
    return [row_id for _, row_id in sorted(found, reverse=order.descending)]


@examples(80)
@given(tables(), filters, orders, st.booleans())
def test_a_scan_equals_a_look_at_every_row(rows, wanted, order, indexed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        held = make(path, rows, indexed=indexed)
        with reading(path) as reader:
            assert task_ids(reader, wanted, order) == naive(held, wanted, order)
            newer = [each for each in naive(held, wanted, TaskOrder(TaskColumn.ID, False)) if each > 10]
            assert list(reader.tasks_after(wanted, 10, 5)) == newer[:5]


@examples(40)
@given(
    st.lists(st.tuples(st.integers(1, 3), words, cells, cells), max_size=20),
    st.lists(words, max_size=2).map(tuple),
    st.sampled_from(["", "a", "%", "7", "\\"]),
    st.sampled_from([None, 1, 2, 9]),
)
def test_a_log_scan_equals_a_look_at_every_line(lines, levels, text, task_id):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "q.db"
        make(path, [], indexed=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            sql = "INSERT INTO task_logs (task_id, level, message, details) VALUES (?, ?, ?, ?)"
            connection.executemany(sql, lines)
            connection.execute("DELETE FROM task_logs WHERE log_id = 3")
            held = connection.execute("SELECT log_id, task_id, level, message, details FROM task_logs").fetchall()
        expected = [
            log_id
            for log_id, owner, level, message, details in held
            if (not levels or level in levels)
            and (task_id is None or owner == task_id)
            and (not text or any(each is not None and text in folded(each) for each in (message, details)))
        ]
        with reading(path) as reader:
            wanted = LogFilter(levels, text, task_id)
            assert log_ids(reader, wanted) == expected
            assert list(reader.logs_after(wanted, 2, 4)) == [each for each in expected if each > 2][:4]


def test_a_stretch_without_gaps_comes_as_a_range(tmp_path):
    path = tmp_path / "q.db"
    make(
        path,
        [(each, "t", "queued", 1, None, None, None, None) for each in range(1, 5_001) if each != 2_500],
        indexed=True,
    )
    with reading(path) as reader:
        spans = [chunk.ids for chunk in reader.scan_tasks(TaskFilter(), TaskOrder()) if len(chunk.ids)]
    assert any(isinstance(span, range) for span in spans)
    assert [each for span in spans for each in span] == [each for each in range(5_000, 0, -1) if each != 2_500]


def test_many_types_fall_back_to_a_walk(tmp_path):
    path = tmp_path / "q.db"
    make(
        path, [(each, f"type {each:04}", "queued", 1, None, None, None, None) for each in range(1, 1_001)], indexed=True
    )
    with reading(path) as reader:
        assert len(reader.types()) == 200
        assert task_ids(reader, TaskFilter(statuses=("queued",))) == list(range(1_000, 0, -1))
        assert task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.TYPE)) == list(range(1_000, 0, -1))


def test_streams_of_unequal_length_are_merged_whole(tmp_path):
    path = tmp_path / "q.db"
    rare = {1, 2, 9_000, 19_999}
    rows = [
        (each, "rare" if each in rare else f"t{each // 7_000}", "failed" if each % 3 else "queued", 1, *[None] * 4)
        for each in range(1, 20_001)
    ]
    make(path, rows, indexed=True)
    expected = [row[0] for row in rows if row[2] == "failed"]
    with reading(path) as reader:
        wanted = TaskFilter(statuses=("failed",))
        assert task_ids(reader, wanted, TaskOrder(TaskColumn.ID, False)) == expected
        assert task_ids(reader, wanted) == expected[::-1]
        by_type = task_ids(reader, TaskFilter(), TaskOrder(TaskColumn.TYPE, False))
        assert by_type == sorted(range(1, 20_001), key=lambda each: (rows[each - 1][1], each))
