"""What the tests of maintenance run in processes of their own: ``python -m tests.queue.upkeep_processes VERB FILE …``.

Each prints ``ready``; those that hold something go on until a line comes on their standard input.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from prismq_gui.queue import back_up, delete_finished, restore_backup, vacuum
from prismq_gui.queue.database import QueueDatabase

ROOT = Path(__file__).parents[2]
LONG_AGO = timedelta(days=30)
PAGES_A_STEP = 8
HALT_AT = "PRISMQ_TEST_HALT_AT"


@contextlib.contextmanager
def running(verb: str, *arguments: object, halt_at: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Run one for the block; it is ready when the block begins, and ended after it. It may halt at a step."""
    command = [sys.executable, "-m", "tests.queue.upkeep_processes", verb, *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {HALT_AT: str(halt_at)},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> str:
    """Let it come to its end, and return what it printed."""
    output, _ = process.communicate("go\n", timeout=60)
    assert process.returncode == 0
    return output.strip()


def kill_after_steps(verb: str, steps: int, *arguments: object) -> bool:
    """Kill it once it has told so many steps, before the one after the next; False where it came to its end before."""
    with running(verb, *arguments, halt_at=steps + 1) as process:
        assert process.stdout is not None
        for _ in range(steps):
            if process.stdout.readline() != "step\n":
                return False
        process.kill()
    return True


_steps = itertools.count(1)


def _step(*_: object) -> bool:
    print("step", flush=True)
    if next(_steps) == int(os.environ[HALT_AT]):  # where files are in memory, all may be done before the kill comes
        sys.stdin.readline()
    return False


def _vacuum(path: str) -> None:
    vacuum(path, cancel=_step)


def _back_up(path: str, target: str) -> None:
    back_up(path, target, pages_a_step=PAGES_A_STEP, progress=_step)


def _restore(path: str, source: str) -> None:
    restore_backup(path, source, pages_a_step=PAGES_A_STEP, progress=_step)


def _retain(path: str) -> None:
    with QueueDatabase(path) as db:
        delete_finished(db, LONG_AGO, cancel=_step)


def _hold_open(path: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM task_queue").fetchall()
        print("ready", flush=True)
        sys.stdin.readline()


def _write_on(path: str) -> None:
    """Write as another program does, without our lock file, until told to stop; print how often."""
    over = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        over.set()

    thread = threading.Thread(target=listen)
    thread.start()
    count = 0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        while not over.wait(0.002):
            connection.execute("INSERT INTO task_queue (type, payload) VALUES ('written', '{}')")
            count += 1
            if count == 1:
                print("ready", flush=True)
    thread.join()
    print(count)


VERBS = {
    "vacuum": _vacuum,
    "back_up": _back_up,
    "restore": _restore,
    "retain": _retain,
    "hold_open": _hold_open,
    "write_on": _write_on,
}

if __name__ == "__main__":
    if sys.argv[1] in ("vacuum", "back_up", "restore", "retain"):
        print("ready", flush=True)
    VERBS[sys.argv[1]](*sys.argv[2:])
