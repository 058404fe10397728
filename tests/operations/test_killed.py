"""Operations and other processes: killed in the middle, each chunk is whole or not there; others commit on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import RETRY, apply, integrity, plan_status, statuses

ROOT = Path(__file__).parents[2]

APPLY = """
import sys
from pathlib import Path
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.messages import Matching, OperationKind
from prismq_gui.operations.operator import Operator
operator = Operator(Path(sys.argv[1]))
plan = operator.plan(OperationKind.RETRY, Matching(TaskFilter(statuses=("failed",))))
operator.apply(plan, on_progress=lambda progress: print(progress.done, flush=True))
"""


@pytest.mark.parametrize("chunks_before", [0, 2, 5])
def test_C8_killed_at_any_point_each_chunk_is_whole_and_the_rest_can_be_done(tmp_path: Path, chunks_before: int):
    path = make_foreign_queue(tmp_path / "q.db", 20_000, status="failed")
    process = subprocess.Popen(
        [sys.executable, "-c", APPLY, str(path)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        assert process.stdout is not None
        for _ in range(chunks_before + 1):
            assert process.stdout.readline()
        process.kill()
    found = statuses(path)
    changed = int(str(found.get("queued", 0)))
    assert 0 < changed < 20_000
    assert found == {"queued": changed, "failed": 20_000 - changed}
    assert run_sql(path, "SELECT count(*), count(DISTINCT task_id) FROM task_logs") == [(changed, changed)]
    assert integrity(path) == "ok"
    assert apply(plan_status(path, RETRY, "failed")).changed == 20_000 - changed
    assert run_sql(path, "SELECT count(*), count(DISTINCT task_id) FROM task_logs") == [(20_000, 20_000)]


COMMIT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
while True:
    connection.execute("INSERT INTO task_queue (type, payload, status) VALUES ('other', '{}', 'completed')")
    print("committed", flush=True)
"""


def test_C7_a_worker_commits_on_during_a_bulk_retry_and_nothing_is_lost(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 20_000, status="failed")
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT, str(path)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        # After each chunk the operation goes on only once another commit of the other process is told.
        report = apply(plan_status(path, RETRY, "failed"), on_progress=lambda _progress: process.stdout.readline())
        process.kill()
        committed = sum(1 for line in process.stdout if line.startswith("committed"))
    assert (report.changed, report.problem) == (20_000, None)
    assert statuses(path)["queued"] == 20_000
    assert int(str(statuses(path)["completed"])) >= committed
    assert integrity(path) == "ok"
