"""Handlers that tests run in processes of their own: found by name there, so they stand at the top of a module."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

from prismq_gui.queue import HandlerRegistry, PermanentError, TaskContext, TaskLogHandler
from tests.helpers.files import run_sql
from tests.helpers.windows import hear_ctrl_break

hear_ctrl_break()  # in each process that runs a handler, as a Ctrl-Break reaches all of a group
FOR_EVER_S = 3600.0
_logger = logging.getLogger("tests.queue.process_handlers")
_logger.setLevel(logging.INFO)
_logger.addHandler(TaskLogHandler())


def answer(context: TaskContext) -> object:
    context.log("half way", "DEBUG", n=context.payload["n"])
    _logger.info("from logging: %s", context.payload["n"])
    return {"double": context.payload["n"] * 2, "attempt": context.attempt, "pid": os.getpid()}


def fall_over(_context: TaskContext) -> None:
    raise ConnectionError("refused")


def give_up(_context: TaskContext) -> None:
    raise PermanentError("unsupported")


def not_there(_context: TaskContext) -> None:
    raise FileNotFoundError("gone")


def leave(_context: TaskContext) -> None:
    sys.exit(3)


def vanish(_context: TaskContext) -> None:
    os._exit(7)


def crash(_context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def odd_result(_context: TaskContext) -> object:
    return object


def deaf(context: TaskContext) -> None:
    """Never checks, and does not mind SIGTERM."""
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context.log("deaf", pid=os.getpid())
    threading.Event().wait(FOR_EVER_S)


def polite(context: TaskContext) -> None:
    """Checks all the time and tidies up."""
    context.log("waiting")
    try:
        context.wait(FOR_EVER_S)
    finally:
        context.log("tidied up")


def tidy(context: TaskContext) -> None:
    """Never checks, but has a finally block."""
    context.log("waiting")
    try:
        threading.Event().wait(FOR_EVER_S)
    finally:
        Path(context.payload["file"]).write_text("tidied up", encoding="utf-8")


def _start_program(context: TaskContext) -> subprocess.Popen[bytes]:
    """Start a program that would go on for ever."""
    command = [sys.executable, "-c", "import sys, threading; print(1, flush=True); threading.Event().wait(3600)"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert program.stdout is not None
    program.stdout.readline()
    context.log("started", pid=program.pid)
    return program


def parent(context: TaskContext) -> None:
    """Wait for a program that would go on for ever."""
    _start_program(context).wait()


def deserter(context: TaskContext) -> None:
    """Crash while a program goes on."""
    _start_program(context)
    vanish(context)


_left_running: list[subprocess.Popen[bytes]] = []


def leave_running(context: TaskContext) -> None:
    """Be done while a program goes on."""
    _left_running.append(_start_program(context))


def busy(context: TaskContext) -> None:
    """Never checks."""
    context.log("busy")
    threading.Event().wait(FOR_EVER_S)


def journaled(context: TaskContext) -> None:
    """Write down the lease under which it runs, say so, and take a moment."""
    sql = "SELECT reserved_at_utc, lease_until_utc, locked_by FROM task_queue WHERE id = ?"
    found = run_sql(Path(context.payload["db"]), sql, (context.task_id,))[0]
    line = json.dumps([context.task_id, context.attempt, context.worker_id, *found])
    # A file each: on Windows, processes that append to one overwrite each other's lines.
    (Path(context.payload["journal"]) / uuid.uuid4().hex).write_text(line, encoding="utf-8")
    os.write(1, b"started\n")  # in one piece: slots share it
    context.wait(random.uniform(0, 0.02))


_HANDLERS = (
    answer, fall_over, give_up, not_there, leave, vanish, crash, odd_result, deaf, polite, tidy, parent, busy,
    journaled, deserter, leave_running,
)  # fmt: skip


def make_registry(**options: object) -> HandlerRegistry:
    registry = HandlerRegistry()
    for handler in _HANDLERS:
        permanent = (FileNotFoundError,) if handler is not_there else ()
        registry.add(handler.__name__, handler, permanent=permanent, **options)  # type: ignore[arg-type]
    return registry


registry = make_registry()
