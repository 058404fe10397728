"""The journal: what it keeps and forgets, what it tells of other processes, and what its failures do not touch."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from array import array
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.operations import journal_file
from prismq_gui.operations.cells import RawText, exact_text, pack, unpack
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Keeping, State
from prismq_gui.operations.live import LiveLock
from prismq_gui.operations.messages import Matching, OperationKind, Recorded, Selected, delete
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.targets import Targets
from prismq_gui.operations.writer import Identity
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import RETRY, exact_rows, integrity, statuses

ROOT = Path(__file__).parents[2]
UNDO = OperationKind.UNDO
ALL = Matching(TaskFilter(), all_tasks=True)


def make(tmp_path: Path, tasks: int, **keeping: object) -> tuple[Path, Operator, Journal]:
    path = make_foreign_queue(tmp_path / "q.db", tasks, status="failed")
    journal = Journal(tmp_path / "data", Keeping(**keeping) if keeping else None)  # type: ignore[arg-type]
    return path, Operator(path, who="ann@desk", journal=journal), journal


def test_C13_a_journal_without_room_refuses_before_anything_is_changed(tmp_path: Path, monkeypatch):
    path, operator, _journal = make(tmp_path, 3)
    operator.apply(operator.plan(RETRY, Selected(array("q", (1,)))))
    monkeypatch.setattr(journal_file, "_PRAGMAS", (*journal_file._PRAGMAS, "max_page_count=1"))
    run_sql(path, "UPDATE task_queue SET type = hex(randomblob(20000)), status = 'odd ' || hex(randomblob(20000))")
    before = exact_rows(path, "task_queue")
    report = operator.apply(operator.plan(delete(), ALL))
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.DISK_FULL
    assert "journal" in report.problem.what
    assert report.problem.unchanged == "Nothing was changed."
    assert exact_rows(path, "task_queue") == before


def test_C13_a_journal_that_fills_up_leaves_whole_chunks_that_can_be_taken_back(tmp_path: Path, monkeypatch):
    path, operator, journal = make(tmp_path, 1_500)
    run_sql(path, "UPDATE task_queue SET error_message = hex(randomblob(500))")
    before = exact_rows(path, "task_queue")
    monkeypatch.setattr(journal_file, "_PRAGMAS", (*journal_file._PRAGMAS, "max_page_count=80"))
    report = operator.apply(operator.plan(delete(), ALL))
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.DISK_FULL
    assert 0 < report.changed < 1_500
    assert f"{report.changed:,} of 1,500 tasks were deleted before" in report.problem.unchanged
    assert run_sql(path, "SELECT count(*) FROM task_queue") == [(1_500 - report.changed,)]
    monkeypatch.undo()
    (operation,) = operator.unfinished() or journal.operations()
    assert operation.changed == report.changed
    assert operator.apply(operator.plan(UNDO, Recorded(report.operation_id))).changed == report.changed
    assert exact_rows(path, "task_queue") == before


@pytest.mark.parametrize("spoil", ["newer", "no database"])
def test_a_journal_that_is_not_ours_is_left_alone_and_nothing_is_changed(tmp_path: Path, spoil: str):
    path, operator, journal = make(tmp_path, 2)
    journal.folder.mkdir()
    if spoil == "newer":
        run_sql(journal.path, "PRAGMA user_version = 99")
    else:
        journal.path.write_bytes(b"a letter to somebody" * 100)
    content = journal.path.read_bytes()
    report = operator.apply(operator.plan(RETRY, ALL))
    assert report.problem is not None
    assert "journal" in report.problem.what
    assert "without undo" in report.problem.advice
    assert statuses(path) == {"failed": 2}
    assert journal.path.read_bytes() == content


def test_what_is_too_much_is_forgotten_the_oldest_first_and_said_when_asked_for(tmp_path: Path):
    path, operator, journal = make(tmp_path, 600, images_bytes=200_000)
    run_sql(path, "UPDATE task_queue SET error_message = hex(randomblob(500))")
    reports = [operator.apply(operator.plan(delete(), Selected(range(at, at + 200)))) for at in (1, 201, 401)]
    kept = {each.id: each.is_kept for each in journal.operations()}
    assert [kept[report.operation_id] for report in reports] == [False, False, True]
    plan = operator.plan(UNDO, Recorded(reports[0].operation_id))
    assert plan.refusal is not None
    assert "no longer kept" in plan.refusal.what
    assert operator.apply(operator.plan(UNDO, Recorded(reports[2].operation_id))).changed == 200


def test_what_is_too_old_is_forgotten_and_an_operation_that_runs_never(tmp_path: Path):
    _path, operator, journal = make(tmp_path, 3)
    old, running, new = (operator.apply(operator.plan(RETRY, Selected(array("q", (each,))))) for each in (1, 2, 3))
    for report, age in ((old, timedelta(days=31)), (running, timedelta(days=400))):
        begun = utc_text(now_utc() - age)
        run_sql(journal.path, "UPDATE operations SET started_utc = ? WHERE id = ?", (begun, report.operation_id))
    lock = LiveLock(journal.folder, running.operation_id)
    assert lock.take()
    journal.trim()
    assert [(each.id, each.is_kept) for each in journal.operations()] == [
        (new.operation_id, True),
        (running.operation_id, True),
        (old.operation_id, False),
    ]
    lock.leave()
    journal.trim()
    assert [each.id for each in journal.operations()] == [new.operation_id, old.operation_id]


def test_a_callback_that_raises_leaves_an_interrupted_operation_with_a_true_count(tmp_path: Path):
    path, operator, _journal = make(tmp_path, 700)

    def fail(_progress: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        operator.apply(operator.plan(RETRY, ALL), on_progress=fail)
    (operation,) = operator.unfinished()
    assert operation.state is State.INTERRUPTED
    assert operation.changed == statuses(path)["queued"] == 50
    assert operation.sentence == "50 of 700 tasks were queued again. Then the program ended; the rest was not touched."
    assert operator.unfinished() == (operation,)
    assert operator.finish(operation.id).changed == 650
    assert operator.unfinished() == ()
    (operation,) = operator.history()
    assert (operation.changed, operation.sentence) == (700, "700 tasks were queued again.")


HELD = """
import sys
from array import array
from pathlib import Path
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import OperationKind, Selected
from prismq_gui.operations.operator import Operator
operator = Operator(Path(sys.argv[1]), journal=Journal(Path(sys.argv[2])))
plan = operator.plan(OperationKind.RETRY, Selected(range(int(sys.argv[3]), int(sys.argv[4]))))
def tell(progress):
    print(progress.done, flush=True)
    if sys.argv[5] == "wait":
        sys.stdin.readline()
print(operator.apply(plan, on_progress=tell).sentence, flush=True)
"""


def start(path: Path, folder: Path, first: int, last: int, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HELD, os.fspath(path), os.fspath(folder), str(first), str(last), how]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")


def test_an_operation_of_another_process_is_told_as_running_until_that_is_killed(tmp_path: Path):
    path, operator, journal = make(tmp_path, 900)
    with start(path, journal.folder, 1, 901, "wait") as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == 50
        (operation,) = operator.history()
        assert operation.state is State.RUNNING
        assert operator.unfinished() == ()
        refusal = operator.plan(UNDO, Recorded(operation.id)).refusal
        assert refusal is not None
        assert "still running" in refusal.what
        problem = operator.finish(operation.id).problem
        assert problem is not None
        assert "another window" in problem.what
        process.kill()
    (operation,) = operator.unfinished()
    assert (operation.state, operation.changed) == (State.INTERRUPTED, statuses(path)["queued"])
    assert list(journal.folder.glob("operation-*.lock")) == []


def test_two_windows_act_on_one_queue_and_one_journal_at_once(tmp_path: Path):
    path, operator, journal = make(tmp_path, 4_000)
    before = exact_rows(path, "task_queue")
    with start(path, journal.folder, 1, 2_001, "go") as one, start(path, journal.folder, 2_001, 4_001, "go") as other:
        said = [each.communicate()[0].splitlines()[-1] for each in (one, other)]
    assert said == ["2,000 tasks were queued again."] * 2
    assert [(each.state, each.changed) for each in operator.history()] == [(State.FINISHED, 2_000)] * 2
    for operation in operator.history():
        assert operator.apply(operator.plan(UNDO, Recorded(operation.id))).changed == 2_000
    assert exact_rows(path, "task_queue") == before
    assert integrity(path) == "ok"
    assert integrity(journal.path) == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_A6_a_file_whose_name_is_no_text_has_a_history_too(tmp_path: Path):
    path = make_foreign_queue(Path(os.fsdecode(os.fsencode(tmp_path) + b"/q\xff.db")), 2, status="failed")
    operator = Operator(path, journal=Journal(tmp_path / "data"))
    report = operator.apply(operator.plan(RETRY, ALL))
    assert (report.changed, report.problem) == (2, None)
    assert [each.changed for each in operator.history()] == [2]


def test_a_line_of_the_journal_that_is_spoilt_is_told(tmp_path: Path):
    _path, operator, journal = make(tmp_path, 1)
    operator.apply(operator.plan(RETRY, ALL))
    run_sql(journal.path, "UPDATE operations SET wish = '[1'")
    with pytest.raises(ProblemError) as caught:
        operator.history()
    assert "cannot be read" in caught.value.problem.what


CELLS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=8),
    st.binary(max_size=8), st.binary(max_size=8).map(exact_text), st.just(RawText(b"\xff")),
)  # fmt: skip


@given(st.lists(CELLS, max_size=8))
def test_cells_of_every_kind_come_back_from_their_packed_form(cells):
    found = unpack(pack(cells))
    assert found == cells
    assert [type(cell) for cell in found] == [type(cell) for cell in cells]


@examples(50)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), CELLS, st.one_of(st.none(), st.integers(0, 9)), CELLS)))
def test_the_tasks_of_a_plan_come_back_from_their_stored_form(tasks):
    targets = Targets(Identity(1, 2))
    for task in tasks:
        assert targets.add(*task)
    again = Targets.restore(targets.identity, list(targets.store()))
    assert again.slice(0, len(tasks)) == targets.slice(0, len(tasks))


def test_a_text_that_is_no_utf_8_is_never_taken_for_a_blob():
    text, blob = RawText(b"\xff"), b"\xff"
    assert text != blob
    assert blob != text
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = exact_text
        assert connection.execute("SELECT CAST(x'ff' AS TEXT), x'ff', 'ü'").fetchone() == (
            RawText(b"\xff"), b"\xff", "ü",
        )  # fmt: skip
