"""A plan agrees with its application when nothing else runs, for any file and any selection."""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.messages import Matching, Selected
from prismq_gui.operations.operator import Operator
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue
from tests.operations.helping import CANCEL, RETRY, all_rows, integrity

KNOWN = ["queued", "leased", "processing", "completed", "failed", "dead_letter", "cancelled"]
STATUSES = st.sampled_from([*KNOWN, "Failed", "on hold", "", 7, b"failed"])
ATTEMPTS = st.sampled_from([0, 1, 5, -3, 2**62, 2.5, "three", b"\x01"])
TASKS = st.lists(st.tuples(STATUSES, ATTEMPTS, st.sampled_from(["a", "b", "ü'\""])), max_size=25)
TARGETS = st.one_of(
    st.lists(st.integers(-2, 30), max_size=30).map(lambda ids: Selected(array("q", ids))),
    st.integers(0, 30).map(lambda end: Selected(range(end, 0, -1))),
    st.lists(st.sampled_from(KNOWN), max_size=3).map(lambda names: Matching(TaskFilter(tuple(names)), all_tasks=True)),
    st.sampled_from(["a", "b"]).map(lambda name: Matching(TaskFilter(types=(name,)))),
)


@examples(40)
@given(rows=TASKS, target=TARGETS, kind=st.sampled_from([RETRY, CANCEL]))
def test_plan_agrees_with_apply(rows, target, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = make_foreign_queue(Path(folder) / "q.db")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO task_queue (payload, status, attempts, type) VALUES ('{}', ?, ?, ?)", rows
            )
        before = all_rows(path)
        operator = Operator(path)
        plan = operator.plan(kind, target)
        assert all_rows(path) == before
        report = operator.apply(plan)
        after = all_rows(path)
        changed = {task_id for task_id, row in after.items() if row != before[task_id]}
        assert report.changed == plan.eligible == len(changed) == sum(group.count for group in plan.groups)
        assert (report.skips, report.problem, report.stopped) == ((), None, False)
        assert {after[task_id]["status"] for task_id in changed} <= {"queued" if kind is RETRY else "cancelled"}
        legal = {"failed", "dead_letter", "cancelled"} if kind is RETRY else {"queued"}
        assert {before[task_id]["status"] for task_id in changed} <= legal
        if isinstance(target, Selected):
            assert plan.eligible + sum(skip.count for skip in plan.skips) == len(set(target.ids))
            assert changed <= set(target.ids)
        assert [row.id for row in plan.sample] == sorted(changed)[:10]
        assert operator.plan(kind, target).eligible == 0  # what was changed is no longer eligible
        assert integrity(path) == "ok"
