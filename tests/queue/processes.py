"""What the many-process tests run in processes of their own: ``python -m tests.queue.processes VERB FILE …``.

Each waits for a line on its standard input before it starts, so that all start together, and
prints its result as one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

from prismq_gui.queue import (
    Claimer,
    HandlerRegistry,
    QueueBusyError,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    TaskContext,
    install_signal_handlers,
)
from tests.helpers.windows import hear_ctrl_break

ROOT = Path(__file__).parents[2]


def launch(verb: str, *arguments: object) -> subprocess.Popen[str]:
    """Start one process; it is ready once it has printed ``ready``."""
    command = [sys.executable, "-m", "tests.queue.processes", verb, *map(str, arguments)]
    # On Windows only a process group of its own can be sent Ctrl-Break without ending the tests too.
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        creationflags=flags,
    )  # fmt: skip


def run_together(count: int, verb: str, *arguments: object) -> list[object]:
    """Start so many processes at once and return what each printed."""
    return begin_together([launch(verb, *arguments, number) for number in range(count)])


def begin_together(processes: list[subprocess.Popen[str]]) -> list[object]:
    """Let processes begin once all have printed "ready", and return what each printed at its end."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = []
    for process in processes:
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        results.append(json.loads(output))
    return results


def _initialise(path: str, _number: str) -> object:
    with QueueDatabase(path) as db:
        db.initialize_schema()
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def _claim_all(path: str, number: str) -> object:
    ids = []
    with QueueDatabase(path) as db:
        claimer = Claimer(db)
        while (task := claimer.claim(f"w{number}", lease_seconds=600)) is not None:
            ids.append(task.id)
    return ids


def _claim_beside_others(path: str, number: str) -> object:
    """As the worker does: another program's tight loop may keep SQLite's lock from us for longer than we wait."""
    ids: list[int] = []
    with closing(QueueDatabase(path)) as db:
        claimer, is_done = Claimer(db), False
        while not is_done:
            with suppress(QueueBusyError):
                while (task := claimer.claim(f"w{number}", lease_seconds=600)) is not None:
                    ids.append(task.id)
                is_done = True
    return ids


def _claim_many(path: str, number: str) -> object:
    ids = []
    with QueueDatabase(path) as db:
        claimer = Claimer(db)
        while tasks := claimer.claim_many(f"w{number}", 7, lease_seconds=600):
            ids += [task.id for task in tasks]
    return ids


def _enqueue_same(path: str, _number: str) -> object:
    with QueueClient(path) as client:
        results = [client.enqueue("job", idempotency_key=f"key {index}") for index in range(50)]
    return [[result.task_id, result.created] for result in results]


def _churn(path: str, number: str) -> object:
    with QueueDatabase(path) as db:
        client, claimer = QueueClient(db), Claimer(db)
        claimed = 0
        for index in range(150):
            client.enqueue("job", {"n": index})
            claimed += claimer.claim(f"w{number}") is not None
    return claimed


def _hang(path: str, lease_seconds: str) -> object:
    """Claim the one task and hang in its handler until killed."""
    registry = HandlerRegistry()

    @registry.task("job")
    def hang(context: TaskContext) -> None:
        print("started", flush=True)
        context.wait(3600)

    return QueueWorker(path, registry, worker_id="victim", lease_seconds=float(lease_seconds)).run_once()


def _serve(path: str) -> object:
    """Work until told to stop by a signal."""
    registry, stop = HandlerRegistry(), threading.Event()

    @registry.task("job")
    def wait(context: TaskContext) -> None:
        print("started", flush=True)
        context.wait(3600)

    install_signal_handlers(stop)
    return QueueWorker(path, registry, worker_id="served").run(stop)


VERBS = {
    "serve": _serve,
    "initialise": _initialise,
    "claim_all": _claim_all,
    "claim_beside_others": _claim_beside_others,
    "claim_many": _claim_many,
    "enqueue_same": _enqueue_same,
    "churn": _churn,
    "hang": _hang,
}

if __name__ == "__main__":
    hear_ctrl_break()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
