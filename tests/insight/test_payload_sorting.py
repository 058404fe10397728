"""Tasks sorted by a value of their payload, as a table shows it, whatever the payloads are."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.filters import TaskFilter, TaskOrder
from prismq_gui.insight.language import parse
from prismq_gui.insight.payload_columns import Found, PayloadColumn, column_at, payload_column
from tests.helpers.files import make_foreign_queue
from tests.insight.helping import reading, task_ids

DEEP = "[" * 5_000 + "]" * 5_000
PAYLOADS = [
    '{"v": "b"}', '{"v": 10}', '{"v": -9.5}', "{}", '{"v": null}', '{"v": true}', "no json", "", b"\x00\xff",
    '{"v": {"a": 1}}', '{"v": "B"}', DEEP, '{"v": "ü"}', '{"v": "' + "x" * 1_100_000 + '"}', "[1]", '{"v": "it\'s"}',
]  # fmt: skip


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = make_foreign_queue(tmp_path / "q.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("DROP INDEX ix_task_format").close()
        file.execute("ALTER TABLE task_queue DROP COLUMN format").close()  # else nobody could write what is no JSON
        for payload in PAYLOADS:
            file.execute("INSERT INTO task_queue (type, payload) VALUES ('job', ?)", (payload,)).close()
    return path


def ordered(path: Path, name: str, *, descending: bool = False, text: str = "") -> list[int]:
    with reading(path) as reader:
        order = TaskOrder(descending=descending, payload=payload_column(name))
        return task_ids(reader, TaskFilter(query=parse(text)), order)


def test_tasks_are_in_the_order_of_what_is_shown(queue: Path) -> None:
    by_text = sorted([10, 1, 11, 13, 6, 16], key=lambda id: _shown(PAYLOADS[id - 1]))
    expected = [4, 5, 7, 8, 9, 12, 14, 15, 3, 2, *by_text]
    assert ordered(queue, "payload.v") == expected
    assert ordered(queue, "payload.v", descending=True) == expected[::-1]
    assert ordered(queue, "payload.v", text="id:1,2,3,7") == [7, 3, 2, 1]
    assert ordered(queue, "payload.v", text="type:job status:queued -id:1") == [each for each in expected if each != 1]
    assert ordered(queue, "payload[0]")[-1] == 15
    assert ordered(queue, 'payload."it\'s; DROP TABLE task_queue"') == list(range(1, 17))


def _shown(payload: object) -> str:
    value = json.loads(str(payload))["v"]
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("text", ["", "type:job status:queued"])
def test_a_payload_past_the_limit_of_a_cell_is_sorted_as_one_without_the_value(queue: Path, text: str) -> None:
    with closing(sqlite3.connect(queue, isolation_level=None)) as file:
        payload = '{"v": "' + "x" * 68_000_000 + '"}'
        file.execute("INSERT INTO task_queue (type, payload) VALUES ('job', ?)", (payload,)).close()
    assert ordered(queue, "payload.v", text=text).index(17) == 8  # after the others without one
    with reading(queue) as reader:
        values = reader.payload_values([payload_column("payload.v")], [1, 17])
    assert [value[0].found for value in values.values()] == [Found.VALUE, Found.TOO_LARGE]
    assert sys.version_info < (3, 11) or queue.stat().st_size > 2**26


def test_a_path_that_the_language_cannot_write_is_no_column() -> None:
    assert column_at(("a", 0, "b c")) == PayloadColumn(("a", 0, "b c"))
    assert column_at(("gpu",), "compatibility") == PayloadColumn(("gpu",), "compatibility")
    assert column_at(('with "quotes"',)) is None
    assert column_at(()) is None
    assert column_at(("a\0b",)) is None
