"""Eight producers and eight workers that are killed again and again: what was promised holds, whoever dies when.

``PRISMQ_FIRE_ROUNDS`` sets how often some of them are killed; hundreds take some minutes.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.queue import CancelOutcome, Claimer, LeaseLost, QueueClient, QueueDatabase, settling
from tests.helpers.files import make_foreign_queue, run_sql
from tests.helpers.processes import wait_until
from tests.helpers.windows import under_wine
from tests.queue.fire_checks import Evidence, check
from tests.queue.fire_foreign import ForeignProgram
from tests.queue.fire_processes import ROOT, STOP, launch
from tests.queue.processes import begin_together

ROUNDS = int(os.environ.get("PRISMQ_FIRE_ROUNDS", "35"))
SEED = int(os.environ.get("PRISMQ_FIRE_SEED", "20251"))
NAMES = [f"{verb}-{number}" for number in range(8) for verb in ("produce", "work")]
INTEGRITY_EVERY = 10


class Fire:
    """The processes, and how they are killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.journals = folder / "journals"
        self.journals.mkdir()
        self.path = folder / "pfad mit ü" / "queue.db"
        with QueueDatabase(self.path) as db:
            db.initialize_schema()
        # One for all looks: Wine keeps each file that was opened here open while the workers hold locks in it, and
        # thousands of looks a minute reach the limit of its server.
        self.looking = sqlite3.connect(self.path, isolation_level=None, timeout=10)
        self.chance = random.Random(seed)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.kills = 0

    def start(self, name: str) -> None:
        verb = name.partition("-")[0]
        self.running[name] = launch(verb, self.path, self.journals, name, self.chance.randrange(2**32))

    def written(self, name: str) -> int:
        journal = self.journals / f"{name}.journal"
        return journal.stat().st_size if journal.exists() else 0

    def kill_some(self) -> None:
        """Kill a few, each at a point of its own: once it has written so and so much more."""
        victims = self.chance.sample(NAMES, self.chance.randint(1, 6))
        marks = {name: self.written(name) + self.chance.randint(1, 4_000) for name in victims}
        while marks:
            for name, mark in list(marks.items()):
                self.look_after(name)
                if self.written(name) >= mark or self.is_idle(name):
                    self.running[name].kill()  # TerminateProcess on Windows
                    self.running[name].wait()
                    del marks[name]
            threading.Event().wait(0.002)
        self.kills += len(victims)
        for name in victims:
            self.start(name)

    def is_idle(self, name: str) -> bool:
        """Whether a worker has nothing to write about: it may be killed while it looks for work."""
        waiting = "SELECT 1 FROM task_queue WHERE status = 'queued' LIMIT 1"
        return name.startswith("work") and self.looking.execute(waiting).fetchall() == []

    def look_after(self, name: str) -> None:
        assert self.running[name].poll() is None, f"{name} ended by itself:\n{self.errors()}"

    def errors(self) -> str:
        return "\n".join(
            path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.journals.glob("*.errors"))
        )

    def end(self) -> None:
        """Let the producers end and the workers finish what is left."""
        for verb in ("produce", "work"):
            (self.journals / f"{verb}.{STOP}").touch()
            for name, process in self.running.items():
                if name.startswith(verb):
                    wait_until(lambda process=process: process.poll() is not None, f"{name} ends")  # type: ignore[misc]
                    assert process.returncode == 0, f"{name}:\n{self.errors()}"

    def put_out(self) -> None:
        self.looking.close()
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout((150 + 6 * ROUNDS) * (4 if under_wine() else 1))  # there 100 s alone, and 360 beside others
def test_F1_sixteen_processes_killed_again_and_again_lose_no_task_and_run_none_twice(tmp_path: Path) -> None:
    fire = Fire(tmp_path, SEED)
    try:
        for name in NAMES:
            fire.start(name)
        for number in range(ROUNDS):
            fire.kill_some()
            if number % INTEGRITY_EVERY == 0:
                assert run_sql(fire.path, "PRAGMA quick_check") == [("ok",)]
        fire.end()
    finally:
        fire.put_out()
    assert fire.errors().strip() == ""
    evidence = Evidence.read(fire.path, fire.journals)
    print(f"\n{ROUNDS} rounds, {fire.kills} kills, seed {SEED}: {evidence}", file=sys.stderr)
    check(evidence)


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[ForeignProgram]:
    """Another program, on a file that it made."""
    program = ForeignProgram(make_foreign_queue(tmp_path / "andere ü" / "queue.db"), "foreign")
    yield program
    program.close()


def path_of(program: ForeignProgram) -> Path:
    return Path(program.connection.execute("PRAGMA database_list").fetchone()[2])


def test_a_file_used_in_turns_by_ours_and_another_program_stays_right_for_both(foreign: ForeignProgram) -> None:
    with QueueDatabase(path_of(foreign)) as db:
        client, claimer, past = QueueClient(db), Claimer(db), timedelta(minutes=-1)
        ours, theirs = client.enqueue("job", run_after=past).task_id, foreign.enqueue()
        # Each takes what the other put in, and neither what the other holds.
        assert foreign.claim() == ours
        task = claimer.claim("w", lease_seconds=60)
        assert task is not None
        assert task.id == theirs
        assert (foreign.claim(), claimer.claim("w")) == (None, None)
        settling.start(db, task)
        assert foreign.rescue() == 0  # the lease of ours, with its fraction, is no earlier than its own "now"
        settling.complete(db, task)
        assert foreign.end(ours, "completed") == 1
        rows = run_sql(db.db_path, "SELECT id, status, attempts FROM task_queue ORDER BY id")
        assert rows == [(ours, "completed", 1), (theirs, "completed", 1)]
        ended = client.get(ours)
        assert ended is not None
        assert (ended.locked_by, ended.finished_at_utc is not None) == ("foreign", True)
        # What it cancelled is failed, refused to be cancelled once more, and nobody runs it.
        cancelled = client.enqueue("job", run_after=past).task_id
        assert foreign.cancel(cancelled) == 1
        assert client.cancel(cancelled, "me").outcome is CancelOutcome.REFUSED
        assert claimer.claim("w") is None
        # What ours retries later and what it cancels is left alone by the other one.
        later, mine = client.enqueue("job", run_after=past).task_id, client.enqueue("job").task_id
        assert client.cancel(mine, "me").outcome is CancelOutcome.CANCELLED
        task = claimer.claim("w")
        assert task is not None
        assert task.id == later
        settling.retry_later(db, task, "not yet", timedelta(hours=1))
        assert foreign.claim() is None
    assert run_sql(path_of(foreign), "PRAGMA integrity_check") == [("ok",)]


def test_each_gives_back_what_the_other_left_behind_and_neither_ends_what_it_lost(foreign: ForeignProgram) -> None:
    with QueueDatabase(path_of(foreign)) as db:
        left_by_them = foreign.enqueue()
        assert foreign.claim("-5 seconds") == left_by_them  # silent since
        task = Claimer(db).claim("w", lease_seconds=60)
        assert task is not None
        assert (task.id, task.attempt) == (left_by_them, 2)
        assert foreign.end(left_by_them, "completed") == 0
        # Now ours goes silent; the other one's rescue knows neither fraction nor "processing".
        run_sql(db.db_path, "UPDATE task_queue SET lease_until_utc = '2020-01-01 00:00:00.500000'")
        assert foreign.rescue() == 1
        assert foreign.claim() == left_by_them
        with pytest.raises(LeaseLost):
            settling.complete(db, task)
        assert foreign.end(left_by_them, "completed") == 1
        assert run_sql(db.db_path, "SELECT status, attempts FROM task_queue") == [("completed", 3)]


def test_ours_and_another_program_at_once_share_the_tasks_and_run_none_twice(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 1_500)
    command = [sys.executable, "-m"]
    others = [[*command, "tests.queue.fire_foreign", str(path), f"foreign-{n}"] for n in range(2)]
    ours = [[*command, "tests.queue.processes", "claim_beside_others", str(path), str(n)] for n in range(2)]
    shares = [set(share) for share in talk([*others, *ours])]
    assert sum(map(len, shares)) == len(set().union(*shares)) == 1_500
    rows = dict(run_sql(path, "SELECT status, count(*) FROM task_queue GROUP BY status"))  # type: ignore[arg-type]
    expected = {"completed": len(shares[0]) + len(shares[1]), "leased": len(shares[2]) + len(shares[3])}
    assert Counter(rows) == Counter(expected)  # the other program may have come too late for any
    assert run_sql(path, "SELECT max(attempts), min(attempts) FROM task_queue") == [(1, 1)]
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]


def talk(commands: list[list[str]]) -> list[list[int]]:
    """Start processes, let them begin together once all are ready, and return what each printed."""
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(c, cwd=ROOT, stdin=pipe, stdout=pipe, encoding="utf-8") for c in commands]
    return begin_together(processes)  # type: ignore[return-value]
