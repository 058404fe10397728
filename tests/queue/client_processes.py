"""What the tests of the client run in processes of their own: ``python -m tests.queue.client_processes VERB FILE …``.

Each prints ``ready``, waits for a line on its standard input, and prints its result as one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from prismq_gui.queue import Claimer, NewTask, QueueClient, QueueDatabase
from prismq_gui.queue.settling import complete

ROOT = Path(__file__).parents[2]


def launch(verb: str, *arguments: object) -> subprocess.Popen[str]:
    """Start one process and return once it is ready."""
    command = [sys.executable, "-m", "tests.queue.client_processes", verb, *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let a process that is ready begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> object:
    """Wait for a process and return what it printed last."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


def _same_keys(path: str) -> object:
    with QueueClient(path) as client:
        result = client.enqueue_many(
            (NewTask("job", idempotency_key=f"key {index}") for index in range(300)), chunk_size=50
        )
    return [[each.task_id, each.created] for each in result]


def _hang_in_batch(path: str) -> object:
    """Stop in the middle of a batch until killed."""

    def tasks() -> Iterator[NewTask]:
        for index in range(1000):
            if index == 500:
                print("half", flush=True)
                sys.stdin.readline()
            yield NewTask("job", {"n": index})

    with QueueClient(path) as client:
        return len(client.enqueue_many(tasks(), chunk_size=100))


def _complete_one(path: str) -> object:
    with QueueDatabase(path) as db:
        task = Claimer(db).claim("other process")
        assert task is not None
        complete(db, task, {"sum": 42, "word": "ž"})
        return task.id


VERBS = {"same_keys": _same_keys, "hang_in_batch": _hang_in_batch, "complete_one": _complete_one}

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
