"""A mending agrees with its plan and is taken back whole, for any rows; and beside a worker no task is done twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.operations.journal import Journal
from prismq_gui.operations.mending import mend
from prismq_gui.operations.mending_rows import REMEDIES
from prismq_gui.operations.messages import OperationKind, Recorded
from prismq_gui.operations.operator import Operator
from prismq_gui.queue.transitions import RUNNING, TERMINAL
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import WHO, exact_rows, integrity

TIMES = st.sampled_from(
    ["2026-01-01 10:00:00", "2026-01-01T10:00:00.5Z", "2026-01-01 10:00:00+02:00", "2999-01-01T00:00:00+00:00", "soon",
     "2020-01-01 00:00:00", "", b"\xff", 7]
)  # fmt: skip
OPTIONAL = st.one_of(st.none(), TIMES)
WORKERS = st.sampled_from([None, "alive", "gone", "nobody", b"gone", 5])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["queued", *RUNNING, *TERMINAL, "parked"]), st.sampled_from([0, 1, 5, "x"]), TIMES, OPTIONAL,
        OPTIONAL, WORKERS,
    ),
    max_size=12,
)  # fmt: skip
INSERT = (
    "INSERT INTO task_queue (type, payload, status, attempts, run_after_utc, lease_until_utc, finished_at_utc, "
    "locked_by) VALUES ('t', '{}', ?, ?, ?, ?, ?, ?)"
)


@examples(25)
@given(rows=ROWS, code=st.sampled_from(sorted(REMEDIES)))
def test_a_plan_agrees_with_what_is_mended_and_undo_with_what_was(rows, code):
    with tempfile.TemporaryDirectory() as folder:
        path = make_foreign_queue(Path(folder) / "q.db")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(INSERT, rows)
            connection.execute("INSERT INTO workers VALUES ('alive', '{}', datetime('now', '+1 hour'))")
            connection.execute("INSERT INTO workers VALUES ('gone', '{}', '2020-01-01 00:00:00')")
            connection.execute("INSERT INTO workers VALUES ('idle', '{}', '2020-01-01T00:00:00Z')")
            connection.execute("INSERT INTO task_logs (task_id, level) VALUES (77, 'INFO')")
        operator = Operator(path, who=WHO, journal=Journal(Path(folder) / "journal"))
        before = [exact_rows(path, table) for table in ("task_queue", "workers")]
        plan = operator.plan(mend(code), None)
        report = operator.apply(plan)
        assert (report.changed, report.skips, report.problem) == (plan.eligible, (), None)
        assert operator.plan(mend(code), None).eligible == 0
        changed = sum(old != new for old, new in zip(before[0], exact_rows(path, "task_queue"), strict=True))
        assert changed == (plan.eligible if REMEDIES[code].table == "task_queue" else 0)
        if plan.eligible:
            undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
            assert (undone.changed, undone.skips, undone.problem) == (plan.eligible, (), None)
        after = [exact_rows(path, table) for table in ("task_queue", "workers")]
        assert [sorted(rows, key=str) for rows in after] == [sorted(rows, key=str) for rows in before]
        assert run_sql(path, "SELECT count(*) FROM task_logs WHERE task_id = 77") == [(1,)]
        assert integrity(path) == "ok"


WORKER = """
import sys
from pathlib import Path
from prismq_gui.queue import HandlerRegistry, QueueWorker
registry = HandlerRegistry()
registry.add("job", lambda context: None)
worker = QueueWorker(Path(sys.argv[1]), registry, worker_id="w", poll_interval_s=0.01)
print("ready", flush=True)
print(worker.run(until_empty=True))
"""


def test_beside_a_worker_no_task_is_lost_or_done_twice(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", 1_500)
    run_sql(
        path, "UPDATE task_queue SET run_after_utc = '2026-01-01T00:00:00.5Z', created_at_utc = '2026-01-01T00:00:00Z'"
    )
    operator = Operator(path, who=WHO, journal=Journal(tmp_path / "journal"))
    with subprocess.Popen([sys.executable, "-c", WORKER, path], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        reports = [operator.apply(operator.plan(mend(code), None)) for code in ("time-iso", "time-iso-elsewhere") * 3]
        assert worker.stdout.read().split() == ["1500"]
    assert worker.returncode == 0
    assert all(report.problem is None for report in reports)
    assert run_sql(path, "SELECT status, attempts, count(*) FROM task_queue GROUP BY 1, 2") == [("completed", 1, 1_500)]
    assert operator.plan(mend("time-iso"), None).eligible == 0
