"""New tasks: duplicates, wholly new ones, those brought back from a backup; and workers that go."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import tempfile
from array import array
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.compare import FileComparison
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations import adding, snapshots
from prismq_gui.operations.bring_back import bring_back
from prismq_gui.operations.duplicates import duplicate, enqueue
from prismq_gui.operations.edits import CHANGED_MEANWHILE, Place, edit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import (
    Matching,
    OperationKind,
    Plan,
    Recorded,
    Report,
    Selected,
    Workers,
    delete,
)
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.removal import remove_workers
from prismq_gui.operations.snapshots import FACT, Snapshot
from prismq_gui.queue.backup import back_up
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import WHO, exact_rows, integrity


class Bench:
    """A queue with six failed tasks, keys and log lines, and an operator with a journal."""

    def __init__(self, folder: Path, tasks: int = 6) -> None:
        self.path = make_foreign_queue(folder / "Warteschlange ü.db", tasks, status="failed")
        run_sql(self.path, "UPDATE task_queue SET idempotency_key = 'k' || id, attempts = 3, locked_by = 'w1'")
        run_sql(
            self.path,
            "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'line ' || id FROM task_queue",
        )
        self.journal = Journal(folder / "my data")
        self.operator = Operator(self.path, who=WHO, journal=self.journal)

    def plan(self, wish, *ids: int) -> Plan:
        return self.operator.plan(wish, Selected(array("q", ids)))

    def do(self, wish, *ids: int) -> Report:
        report = self.operator.apply(self.plan(wish, *ids))
        assert report.problem is None, report.problem
        return report

    def undo(self, report: Report) -> Report:
        return self.operator.apply(self.operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))

    def image(self):
        return exact_rows(self.path, "task_queue"), exact_rows(self.path, "task_logs")

    def sql(self, sql: str, *params):
        return run_sql(self.path, sql, params)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# -- duplicates and new tasks


def test_a_duplicate_waits_without_attempts_and_key_and_goes_by_undo(bench: Bench):
    before = bench.image()
    plan = bench.plan(duplicate(), 2, 4)
    assert (plan.eligible, plan.sentence) == (
        2, "2 failed tasks will be duplicated: the new ones wait and can be claimed at once."
    )  # fmt: skip
    report = bench.operator.apply(plan)
    assert (report.changed, dict(report.facts)["Ids"]) == (2, "#7, #8")
    rows = bench.sql("SELECT id, payload, status, attempts, idempotency_key, locked_by FROM task_queue WHERE id > 6")
    assert rows == [(7, '{"n": 2}', "queued", 0, None, None), (8, '{"n": 4}', "queued", 0, None, None)]
    assert bench.sql("SELECT message FROM task_logs WHERE task_id = 8") == [(f"duplicated from task 4 by {WHO}",)]
    told = bench.operator.plan(OperationKind.UNDO, Recorded(report.operation_id)).sentence
    assert told.startswith("2 tasks that came by the duplicate of ")
    assert told.endswith(" will be removed again, with their log lines.")
    undone = bench.undo(report)
    assert (undone.changed, undone.skips) == (2, ())
    assert undone.sentence == "2 tasks were removed again."
    assert bench.image() == before


def test_a_duplicate_that_a_worker_took_is_not_taken_back(bench: Bench):
    report = bench.do(duplicate(), 1, 2)
    bench.sql("UPDATE task_queue SET status = 'leased', locked_by = 'w9' WHERE id = 7")
    undone = bench.undo(report)
    assert (undone.changed, [skip.reason for skip in undone.skips]) == (1, ["is now leased by w9"])
    assert bench.sql("SELECT id FROM task_queue WHERE id > 6") == [(7,)]


def test_a_duplicate_can_be_another_in_one_place_and_get_a_key(bench: Bench):
    wish = duplicate(key="mine", edits=edit(places=[Place("payload", ("n",), "99")]))
    plan = bench.plan(wish, 3)
    assert [(each.before, each.after) for each in plan.diffs[0].changes] == [("3", "99")]
    bench.operator.apply(plan)
    assert bench.sql("SELECT payload, idempotency_key FROM task_queue WHERE id = 7") == [('{"n": 99}', "mine")]
    assert bench.sql("SELECT payload FROM task_queue WHERE id = 3") == [('{"n": 3}',)]


def test_C15_a_key_that_a_task_has_is_refused_with_its_id(bench: Bench):
    refusal = bench.plan(duplicate(key="k5"), 3).refusal
    assert refusal is not None
    assert "has the idempotency key of task #5" in refusal.what
    refusal = bench.plan(duplicate(key="new"), 3, 4).refusal
    assert refusal is not None
    assert "2 would get it" in refusal.what
    refusal = bench.operator.plan(enqueue("job", key="k2"), None).refusal
    assert refusal is not None
    assert "has the idempotency key of task #2" in refusal.what
    # Taken between the plan and its application.
    plan = bench.operator.plan(enqueue("job", key="later"), None)
    bench.sql("UPDATE task_queue SET idempotency_key = 'later' WHERE id = 1")
    report = bench.operator.apply(plan)
    assert (report.changed, [skip.reason for skip in report.skips]) == (0, ["has the idempotency key of task #1"])


def test_a_source_that_changed_since_it_was_seen_is_not_duplicated(bench: Bench):
    plan = bench.plan(duplicate(), 1)
    bench.sql("UPDATE task_queue SET payload = '[]' WHERE id = 1")
    report = bench.operator.apply(plan)
    assert [skip.reason for skip in report.skips] == [CHANGED_MEANWHILE]


def test_a_new_task_is_put_in_and_goes_by_undo(bench: Bench):
    before = bench.image()
    plan = bench.operator.plan(enqueue("vidéo", '{"a" : 1.50}', priority=3, run_after=timedelta(hours=1)), None)
    assert plan.sentence.startswith("1 task of type vidéo will be put into the queue and not run before 20")
    report = bench.operator.apply(plan)
    assert report.sentence == "1 task was put into the queue."
    assert bench.sql(
        "SELECT type, payload, priority, status, max_attempts, compatibility FROM task_queue WHERE id = 7"
    ) == [("vidéo", '{"a" : 1.50}', 3, "queued", 5, "{}")]
    assert bench.undo(report).changed == 1
    assert bench.image() == before
    with pytest.raises(ValueError, match="payload must be JSON"):
        enqueue("x", "{")


def test_ids_that_others_take_meanwhile_are_left_to_them(bench: Bench, monkeypatch):
    # A producer that puts in a task each time between the choice of ids and the write lock.
    chosen = adding.last_id

    def then_taken(writer, table, key):
        found = chosen(writer, table, key)
        if table == "task_queue" and len(taken) < 3:
            taken.append(found)
            run_sql(bench.path, "INSERT INTO task_queue (type, payload) VALUES ('theirs', '{}')")
        return found

    taken: list[int] = []
    monkeypatch.setattr(adding, "last_id", then_taken)
    report = bench.do(duplicate(), 1, 2, 3)
    assert (report.changed, report.skips) == (3, ())
    assert bench.sql("SELECT count(*) FROM task_queue WHERE type = 'theirs'") == [(2,)]
    ours = bench.sql("SELECT payload FROM task_queue WHERE id > 6 AND type <> 'theirs' ORDER BY id")
    assert sorted(ours) == [('{"n": 1}',), ('{"n": 2}',), ('{"n": 3}',)]
    assert bench.undo(report).changed == 3
    assert integrity(bench.path) == "ok"


# -- from a backup


def test_chosen_tasks_come_back_with_their_lines_and_go_by_undo(bench: Bench, tmp_path: Path):
    backup = back_up(bench.path, tmp_path / "alt" / "gestern ü.db") if (tmp_path / "alt").mkdir() is None else None
    assert backup is not None
    whole = bench.image()
    bench.sql("DELETE FROM task_logs WHERE task_id IN (1, 2, 3, 4)")
    bench.sql("DELETE FROM task_queue WHERE id IN (1, 2, 3, 4)")
    bench.sql("INSERT INTO task_queue (id, type, payload) VALUES (1, 'another', '{}')")
    bench.sql("INSERT INTO task_queue (id, type, payload, idempotency_key) VALUES (20, 'another', '{}', 'k2')")
    before = bench.image()
    plan = bench.plan(bring_back(backup.path), 1, 2, 3, 4, 5, 99)
    assert plan.refusal is None
    assert plan.eligible == 3
    assert {skip.reason: skip.sample_ids for skip in plan.skips} == {
        "is in the queue already": (5,),
        "is not in the backup": (99,),
        "has the idempotency key of task #20": (2,),
    }
    assert dict(plan.facts) == {"Under their old ids": "2", "Under new ids, since others have theirs": "1"}
    report = bench.operator.apply(plan)
    assert (report.changed, report.skips, report.problem) == (3, (), None)
    assert [row for row in exact_rows(bench.path, "task_queue") if row in whole[0]][:2] == whole[0][2:4]
    assert bench.sql("SELECT id, payload, idempotency_key FROM task_queue WHERE id = 21") == [(21, '{"n": 1}', "k1")]
    lines = bench.sql("SELECT task_id, message FROM task_logs WHERE message LIKE 'line %' ORDER BY message")
    assert lines == [(21, "line 1"), (3, "line 3"), (4, "line 4"), (5, "line 5"), (6, "line 6")]
    undone = bench.undo(report)
    assert (undone.changed, undone.skips) == (3, ())
    assert bench.image() == before


def test_what_a_comparison_found_is_brought_back_or_what_a_filter_finds_in_the_backup(bench: Bench, tmp_path: Path):
    backup = back_up(bench.path, tmp_path / "b.db").path
    bench.do(delete(), 2, 4, 6)
    with closing(FileComparison(backup, bench.path)) as comparison:
        comparison.open()
        vanished = comparison.run().vanished.ids
    assert list(vanished) == [2, 4, 6]
    plan = bench.operator.plan(bring_back(backup), Selected(vanished))
    assert plan.eligible == 3
    assert bench.operator.apply(plan).changed == 3
    empty = bench.operator.plan(bring_back(backup), Matching(TaskFilter()))
    assert empty.refusal is not None
    every = bench.operator.plan(bring_back(backup), Matching(TaskFilter(statuses=("failed",))))
    assert (every.eligible, every.skips[0].count) == (0, 6)


def test_running_and_waiting_tasks_of_a_backup_are_warned_of(bench: Bench, tmp_path: Path):
    bench.sql("UPDATE task_queue SET status = 'queued' WHERE id = 1")
    bench.sql("UPDATE task_queue SET status = 'leased' WHERE id = 2")
    backup = back_up(bench.path, tmp_path / "b.db").path
    bench.do(delete(even_if_running=True), 1, 2)
    warnings = " ".join(bench.plan(bring_back(backup), 1, 2).warnings)
    assert "1 of them were waiting" in warnings
    assert "1 of them were running" in warnings


def test_a_backup_that_is_none_or_the_queue_itself_or_was_replaced_is_told(bench: Bench, tmp_path: Path):
    refusal = bench.plan(bring_back(bench.path), 1).refusal
    assert refusal is not None
    assert "the queue itself" in refusal.what
    with pytest.raises(Exception, match=r"b\.db"):
        bench.plan(bring_back(tmp_path / "b.db"), 1)
    backup = back_up(bench.path, tmp_path / "b.db").path
    bench.do(delete(), 1)
    plan = bench.plan(bring_back(backup), 1)
    other = back_up(bench.path, tmp_path / "c.db").path
    backup.unlink()
    other.rename(backup)
    report = bench.operator.apply(plan)
    assert report.problem is not None
    assert "backup's place" in report.problem.what
    assert report.changed == 0


CELLS = st.one_of(st.none(), st.text(max_size=4), st.binary(max_size=4), st.integers(-(2**63), 2**63 - 1))
TASKS = st.lists(
    st.tuples(CELLS, st.sampled_from(["queued", "failed", "leased", "odd"]), CELLS, st.integers(0, 2)),
    min_size=3, max_size=8, unique_by=lambda each: repr(each[0]),
)  # fmt: skip


@examples(10)
@given(tasks=TASKS, gone=st.sets(st.integers(1, 8), min_size=1), taken=st.sets(st.integers(1, 8)))
def test_what_is_brought_back_is_as_it_was_and_its_undo_too(tasks, gone, taken):
    with tempfile.TemporaryDirectory() as name:
        path = make_foreign_queue(Path(name) / "q.db")
        with closing(sqlite3.connect(path)) as connection, connection:
            for key, status, odd, lines in tasks:
                connection.execute(
                    "INSERT INTO task_queue (type, payload, status, error_message, idempotency_key) "
                    "VALUES ('t', '{}', ?, ?, ?)",
                    (status, odd, key),
                )
                for _ in range(lines):
                    connection.execute(
                        "INSERT INTO task_logs (task_id, level, message) SELECT max(id), 'I', ? FROM task_queue",
                        (odd,),
                    )
        backup = back_up(path, Path(name) / "b.db").path
        whole = dict(zip(range(1, 9), exact_rows(path, "task_queue"), strict=False))
        lines_before = {row[0]: row[1] for row in run_sql(path, "SELECT task_id, count(*) FROM task_logs GROUP BY 1")}
        marks = ", ".join(map(str, gone))
        run_sql(path, f"DELETE FROM task_logs WHERE task_id IN ({marks})")
        run_sql(path, f"DELETE FROM task_queue WHERE id IN ({marks})")
        for task_id in gone & taken:
            run_sql(path, "INSERT INTO task_queue (id, type, payload) VALUES (?, 'new', '{}')", (task_id,))
        before = exact_rows(path, "task_queue"), exact_rows(path, "task_logs")
        operator = Operator(path, who=WHO, journal=Journal(Path(name) / "data"))
        plan = operator.plan(bring_back(backup), Selected(range(1, 9)))
        report = operator.apply(plan)
        assert (report.changed, report.skips, report.problem) == (len(gone & whole.keys()), (), None)
        after = exact_rows(path, "task_queue")
        for task_id in (gone - taken) & whole.keys():
            assert whole[task_id] in after
            own = run_sql(path, "SELECT count(*) FROM task_logs WHERE task_id = ?", (task_id,))
            assert own == [(lines_before.get(task_id, 0) + 1,)]
        assert run_sql(path, "PRAGMA foreign_key_check") == []
        if report.changed:
            undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
            assert (undone.changed, undone.skips) == (report.changed, ())
        assert (exact_rows(path, "task_queue"), exact_rows(path, "task_logs")) == before


# -- workers


def test_a_silent_worker_goes_with_what_it_holds_named_and_comes_back(bench: Bench):
    old, new = utc_text(now_utc() - timedelta(hours=2)), utc_text(now_utc())
    for name, beat in (("w1", old), ("w2", new), ("w3", "never")):
        bench.sql("INSERT INTO workers VALUES (?, '{}', ?)", name, beat)
    bench.sql("UPDATE task_queue SET status = 'leased' WHERE id IN (2, 3)")
    before = exact_rows(bench.path, "workers")
    plan = bench.operator.plan(remove_workers(), Workers(("w1", "w2", "w3", "w9")))
    assert plan.eligible == 2
    assert re.sub(r"\d+ s ago", "just now", plan.sentence) == (
        "2 workers will be removed from the list: w1, w3; 2 cannot be: 1 gave a sign of life just now (w2), "
        "1 is in no row of the workers (w9)."
    )
    assert plan.warnings[0].startswith("w1 holds 2 tasks (#2, #3), which stay with it until their leases are over")
    bench.sql("UPDATE workers SET heartbeat_utc = ? WHERE worker_id = 'w3'", new)
    report = bench.operator.apply(plan)
    assert (report.changed, report.sentence.split(";")[0]) == (1, "1 worker was removed from the list")
    assert bench.sql("SELECT worker_id FROM workers ORDER BY 1") == [("w2",), ("w3",)]
    bench.sql("UPDATE workers SET heartbeat_utc = 'never' WHERE worker_id = 'w3'")
    assert bench.undo(report).changed == 1
    assert sorted(exact_rows(bench.path, "workers")) == sorted(before)


# -- a snapshot first


def test_a_snapshot_is_offered_and_made_before_tasks_are_deleted(bench: Bench, tmp_path: Path):
    plan = bench.plan(delete(), 1, 2)
    assert dict(plan.facts)[FACT].startswith("advised: up to ")
    assert FACT not in dict(bench.plan(OperationKind.RETRY, 1).facts)
    told = []
    report = bench.operator.apply(plan, snapshot=Snapshot(), on_progress=told.append)
    made = Path(dict(report.facts)["Snapshot"])
    assert (made.parent, report.changed) == (tmp_path / "backups", 2)
    assert run_sql(made, "SELECT count(*) FROM task_queue") == [(6,)]
    assert any(each.text.startswith("snapshot: ") for each in told)


def test_E14_a_snapshot_that_fails_stops_everything_before_any_change(bench: Bench, tmp_path: Path, monkeypatch):
    plan = bench.plan(delete(), 1, 2)
    monkeypatch.setattr(snapshots.disk_room, "free_bytes", lambda _folder: 10)
    report = bench.operator.apply(plan, snapshot=Snapshot(tmp_path / "else where"))
    assert report.problem is not None
    assert "The snapshot was not made" in report.problem.what
    assert (report.changed, report.problem.unchanged) == (0, "Nothing was changed.")
    assert bench.sql("SELECT count(*) FROM task_queue") == [(6,)]
    assert bench.operator.history() == ()
    monkeypatch.undo()
    stopped = bench.operator.apply(plan, snapshot=Snapshot(tmp_path / "else where"), should_stop=lambda: True)
    assert (stopped.stopped, stopped.changed) == (True, 0)
    assert list((tmp_path / "else where").iterdir()) == []


# -- killed


KILLED = (
    "import os, sys; from pathlib import Path\n"
    "from prismq_gui.operations.bring_back import bring_back; from prismq_gui.operations.duplicates import duplicate\n"
    "from prismq_gui.operations.journal import Journal; from prismq_gui.operations.messages import Selected\n"
    "from prismq_gui.operations.operator import Operator\n"
    "operator = Operator(Path(sys.argv[1]), who='x', journal=Journal(Path(sys.argv[2])))\n"
    "wish = bring_back(Path(sys.argv[3])) if sys.argv[3] else duplicate()\n"
    "plan = operator.plan(wish, Selected(range(1, 601)))\n"
    "operator.apply(plan, on_progress=lambda p: os._exit(9) if p.done > 100 else None)\n"
)


@pytest.mark.parametrize("comes_back", [False, True])
def test_C8_new_tasks_that_were_killed_half_way_are_counted_truly_finished_once_and_taken_back(
    tmp_path: Path, comes_back: bool
):
    bench = Bench(tmp_path, 600)
    backup = ""
    if comes_back:
        backup = str(back_up(bench.path, tmp_path / "b.db").path)
        bench.sql("DELETE FROM task_logs")
        bench.sql("DELETE FROM task_queue")
        # Half of the ids are others' by now: those tasks get new ones.
        bench.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 2 FROM n WHERE i < 599) "
                  "INSERT INTO task_queue (id, type, payload) SELECT i, 'theirs', '{}' FROM n")  # fmt: skip
    before = bench.image()
    ((there,),) = bench.sql("SELECT count(*) FROM task_queue")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, bench.path, bench.journal.folder, backup], check=False
    )  # fmt: skip
    assert done.returncode == 9
    (operation,) = bench.operator.unfinished()
    ((left,),) = bench.sql("SELECT count(*) FROM task_queue")
    assert 100 < operation.changed == left - there < 600
    report = bench.operator.finish(operation.id)
    assert (report.changed, report.skips, report.problem) == (600 - operation.changed, (), None)
    payloads = bench.sql("SELECT count(*), count(DISTINCT payload) FROM task_queue WHERE payload <> '{}'")
    assert payloads == [(600 if comes_back else 1_200, 600)]
    undone = bench.undo(report)
    assert (undone.changed, undone.skips) == (600, ())
    assert bench.image() == before


# -- beside others


BUSY = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n"
    "print('ready', flush=True)\n"
    "import threading; over = threading.Event()\n"
    "threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()\n"
    "made = 0\n"
    "while not over.is_set():\n"
    "    connection.execute(\"INSERT INTO task_queue (type, payload) VALUES ('theirs', '{}')\")\n"
    "    connection.execute(\"UPDATE task_queue SET status = 'leased', attempts = attempts + 1, locked_by = 'w9', \"\n"
    "  \"payload = '[9]' WHERE id = (SELECT max(id) FROM task_queue WHERE type = 'job' AND status = 'queued')\")\n"
    "    made += 1\n"
    "    over.wait(0.002)\n"
    "print(made, flush=True)\n"
)


def test_C15_beside_a_busy_producer_and_worker_each_duplicate_gets_its_own_id_and_edits_overwrite_nothing(
    tmp_path: Path,
):
    bench = Bench(tmp_path, 1_500)
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, bench.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        duplicated = bench.do(duplicate(), *range(1, 1_501))
        edited = bench.do(edit(places=[Place("payload", ("seen",), "true")]), *range(1, 1_501))
        undone = bench.undo(duplicated)
        process.stdin.close()
        made = int(process.stdout.readline())
    assert (duplicated.changed, duplicated.skips) == (1_500, ())
    assert bench.sql("SELECT count(*) FROM task_queue WHERE type = 'theirs'") == [(made,)]
    claimed = bench.sql("SELECT count(*) FROM task_queue WHERE type = 'job' AND status = 'leased' AND payload = '[9]'")
    assert undone.changed == 1_500 - int(str(claimed[0][0]))
    assert sum(skip.count for skip in undone.skips) == claimed[0][0]
    assert edited.changed == 1_500  # failed ones, which nobody takes
    assert integrity(bench.path) == "ok"
