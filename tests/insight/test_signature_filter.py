"""A filter by signature finds the tasks of a group of failures: those, all of them, and no others."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import format, parse
from prismq_gui.insight.language_nodes import quoted
from prismq_gui.insight.reader import QueueReader
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading, task_ids
from tests.insight.test_failures import add, failures_of
from tests.insight.test_signatures import CAUSES

_WORDS = (
    "TimeoutError: no answer after 30 s", "HTTP 503", "C:\\Users\\Jörg X\\v.mp4", "it's 'odd'", "“”", '"', "x265", "Ü",
    "Traceback (most recent call last):", '  File "a.py", line 3', "*", "?", "<n>", "…", "\u200b", "\0", "\ud800",
)  # fmt: skip
_PARTS = st.lists(st.sampled_from(_WORDS) | st.text(max_size=8), min_size=1, max_size=6)
MESSAGES = (_PARTS.map("\n".join) | _PARTS.map(" ".join)).map(lambda text: text.encode("utf-8", "surrogatepass"))
CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=20),
    MESSAGES,
    MESSAGES.map(lambda raw: (raw * 1_000)[:9_000]),
)


def found(reader: QueueReader, text: str, order: TaskOrder | None = None) -> list[int]:
    return task_ids(reader, TaskFilter(query=parse(text)), order)


def test_of_each_cause_of_the_sample_the_filter_finds_as_many_as_the_group_counts(sample_db: Path) -> None:
    with reading(sample_db) as reader, failures_of(sample_db) as failures:
        assert failures.refresh()
        groups = {group.signature: group for group in failures.snapshot().groups}
        assert set(groups) == set(CAUSES)
        for cause, group in groups.items():
            text = f"signature={quoted(cause)}"
            assert found(reader, text) == list(failures.ids_of(group)), cause
            assert len(found(reader, text, TaskOrder(TaskColumn.ATTEMPTS))) == CAUSES[cause]
        assert len(found(reader, "has:signature")) == sum(CAUSES.values())


def test_a_task_that_is_retried_leaves_its_cause_and_is_what_others_are_not(tmp_path: Path) -> None:
    queue = make_foreign_queue(tmp_path / "q.db")
    dead = add(queue, "HTTP 503", status="dead_letter")
    failed = add(queue, "HTTP 17")
    waiting = add(queue, "HTTP 500", status="queued")
    with reading(queue) as reader:
        assert found(reader, 'cause:"http <N>"') == [failed, dead]
        assert found(reader, 'cause="http <N>"') == []
        assert found(reader, "cause:HTTP*") == [failed, dead]
        assert found(reader, 'signature!="HTTP <n>"') == [waiting]
        assert found(reader, "-has:signature") == [waiting]
        assert found(reader, 'signature:"HTTP <n>" status:dead or id:3') == [waiting, dead]


@pytest.mark.parametrize("column", ["error_message", "ix_task_type_status"])
def test_it_holds_where_the_file_lacks_a_column_or_the_index(tmp_path: Path, column: str) -> None:
    queue = make_foreign_queue(tmp_path / "q.db")
    failed = [add(queue, "HTTP 503"), add(queue, "HTTP 17")]
    run_sql(queue, "DROP INDEX IF EXISTS ix_task_type_status")
    if column == "error_message":
        run_sql(queue, "ALTER TABLE task_queue DROP COLUMN error_message")
    with reading(queue) as reader:
        cause = "(no error text)" if column == "error_message" else "HTTP <n>"
        assert found(reader, f"signature={quoted(cause)}") == failed[::-1]


@given(st.lists(st.tuples(CELLS, st.sampled_from(["failed", "dead_letter", "queued", "completed"])), max_size=12))
@examples(40)
def test_group_and_filter_agree_on_any_errors(cells: list[tuple[object, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        queue = make_foreign_queue(Path(folder) / "q.db")
        with closing(sqlite3.connect(queue, isolation_level=None)) as file:
            for cell, status in cells:
                # Bytes as text: so it stands in files of careless writers, whatever the encoding.
                mark = "CAST(? AS TEXT)" if isinstance(cell, bytes) else "?"
                sql = f"INSERT INTO task_queue (type, payload, status, error_message) VALUES ('job', '{{}}', ?, {mark})"
                file.execute(sql, (status, cell)).close()
        with reading(queue) as reader, failures_of(queue) as failures:
            assert failures.refresh()
            groups = failures.snapshot().groups
            assert sum(group.count for group in groups) == sum(s in ("failed", "dead_letter") for _c, s in cells)
            for group in groups:
                query = parse(f"signature={quoted(group.signature)}")
                assert found(reader, query.text) == list(failures.ids_of(group)), json.dumps(group.signature)
                assert parse(format(query)) == query
