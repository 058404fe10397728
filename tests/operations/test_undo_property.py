"""For any operations on any rows: undone in reverse order, the queue is as it was, byte for byte."""

from __future__ import annotations

import sqlite3
from array import array
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import OperationKind, Recorded, Report, Selected, delete, run_at, set_priority
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.undo import ONLY_ASKED
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import exact_rows, folder_in_memory, integrity

KNOWN = ["queued", "leased", "processing", "completed", "failed", "dead_letter", "cancelled"]
STATUSES = st.one_of(st.sampled_from(KNOWN), st.sampled_from(["on hold", "", 7, b"failed"]))
ODD = st.one_of(
    st.none(), st.text(max_size=5), st.binary(max_size=4), st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False), st.just("2025-11-05T10:00:00Z"), st.just("a\0b"),
)  # fmt: skip
SOON = utc_text(now_utc() + timedelta(days=1))
LEASES = st.sampled_from([None, SOON, "2020-01-01 00:00:00", "soon", b"\x00"])
RAW = st.one_of(st.none(), st.binary(max_size=6))  # text that need not be UTF-8
CELLS = st.tuples(ODD, LEASES, ODD, RAW, ODD)
# Of each known status one at least, so that no operation finds nothing to do.
TASKS = st.tuples(
    *(st.tuples(st.just(status), CELLS) for status in KNOWN),
    *(st.tuples(STATUSES, CELLS) for _ in range(3)),
)

WISHES = st.one_of(
    st.sampled_from(
        [
            OperationKind.RETRY, OperationKind.CANCEL, OperationKind.ASK_TO_CANCEL, OperationKind.FORCE_CANCEL,
            OperationKind.RELEASE, OperationKind.RUN_NOW,
        ]
    ),
    st.builds(set_priority, st.integers(-3, 3)),
    st.just(run_at(datetime(2030, 1, 1))),
    st.builds(delete, even_if_running=st.booleans()),
)  # fmt: skip
IDS = st.one_of(st.just(list(range(1, 11))), st.lists(st.integers(1, 11), min_size=1, max_size=8))
STEPS = st.lists(st.one_of(st.tuples(WISHES, IDS), st.just("undo")), min_size=2, max_size=6)


def make_queue(folder: Path, tasks: tuple[tuple[str, tuple[object, ...]], ...]) -> Path:
    path = make_foreign_queue(folder / "q.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        for status, (attempts, lease, due, raw, worker) in tasks:
            connection.execute(
                "INSERT INTO task_queue (type, payload, status, attempts, lease_until_utc, run_after_utc, "
                "error_message, locked_by) VALUES ('t', '{}', ?, ?, ?, ?, CAST(? AS TEXT), ?)",
                (status, 0 if attempts is None else attempts, lease, "now" if due is None else due, raw, worker),
            )
            connection.execute(
                "INSERT INTO task_logs (task_id, level, message, details) VALUES (last_insert_rowid(), 'INFO', "
                "CAST(? AS TEXT), ?)",
                (raw, due),
            )
    return path


def act(operator: Operator, steps: list[object]) -> list[Report]:
    done: list[Report] = []
    for step in steps:
        if step == "undo":
            if done:
                done.append(undo(operator, done[-1]))
        else:
            wish, ids = step
            report = operator.apply(operator.plan(wish, Selected(array("q", ids))))
            assert report.problem is None, report.problem
            done.append(report)
    return done


def undo(operator: Operator, report: Report) -> Report:
    plan = operator.plan(OperationKind.UNDO, Recorded(report.operation_id))
    if report.changed == 0:
        assert plan.refusal is not None
    undone = operator.apply(plan)
    assert (undone.changed, undone.skips) == (plan.eligible, plan.skips)
    assert undone.problem == plan.refusal
    return undone


@examples(40)
@given(tasks=TASKS, steps=STEPS)
def test_any_operations_undone_in_reverse_order_leave_the_queue_as_it_was(tasks, steps):
    with folder_in_memory() as name:
        folder = Path(name)
        path = make_queue(folder, tasks)
        before = exact_rows(path, "task_queue"), exact_rows(path, "task_logs")
        operator = Operator(path, journal=Journal(folder / "data"))
        done = act(operator, steps)
        for report in reversed(done):
            states = {each.id: each.can_be_undone for each in operator.history()}
            if report.changed and states[report.operation_id]:
                assert {skip.reason for skip in undo(operator, report).skips} <= {ONLY_ASKED}
        assert exact_rows(path, "task_queue") == before[0]
        assert exact_rows(path, "task_logs")[: len(before[1])] == before[1]
        assert integrity(path) == "ok"
        assert run_sql(path, "PRAGMA foreign_key_check") == []


MOVES = {
    "claimed": "UPDATE task_queue SET status = 'leased', locked_by = 'w9', attempts = 9 WHERE id = ?",
    "touched": "UPDATE task_queue SET updated_at_utc = '2031-01-01 00:00:00' WHERE id = ?",
    "given to another": "UPDATE task_queue SET locked_by = 'w8' WHERE id = ?",
    "put in its place": "INSERT OR IGNORE INTO task_queue (id, type, payload) VALUES (?, 'new', '{}')",
}
OTHERS = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(1, 10)), min_size=2, max_size=8)


@examples(40)
@given(tasks=TASKS, wish=WISHES, others=OTHERS)
def test_an_undo_never_changes_a_task_that_moved_on(tasks, wish, others):
    with folder_in_memory() as name:
        folder = Path(name)
        path = make_queue(folder, tasks)
        operator = Operator(path, journal=Journal(folder / "data"))
        before = rows(path)
        (report,) = act(operator, [(wish, range(1, 11))])
        left = rows(path)
        for move, task_id in others:
            run_sql(path, MOVES[move], (task_id,))
        moved = rows(path)
        if report.changed:
            undo(operator, report)
        after = rows(path)
        for task_id in before.keys() | left.keys() | moved.keys():
            has_moved = moved.get(task_id) != left.get(task_id)
            assert after.get(task_id) == (moved if has_moved else before).get(task_id)


def rows(path: Path) -> dict[object, object]:
    keys = run_sql(path, "SELECT id FROM task_queue ORDER BY rowid")
    return {key[0]: row for key, row in zip(keys, exact_rows(path, "task_queue"), strict=True)}
