"""A worker as a process of its own: loads the handlers, runs tasks, and stops politely.

Owns signals, the watch on the parent and the exit code. Must not import Qt; what a task does is its handler's business.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prismq_gui.queue import HandlerRegistry, QueueWorker, install_signal_handlers
from prismq_gui.queue.handlers import Isolation
from prismq_gui.queue.signals import EndNow, Stopping
from prismq_gui.queue.worker import GRACE_S
from prismq_gui.stdin_watch import stop_when_stdin_closes

ORPHAN_GRACE_S: Final = 8.0  # more than HARD_END_S, so that what is held is given back before the hard end
HARD_END_S: Final = 4.0  # from the wish to have tasks given back to the end of the process
_LOOK_S: Final = 0.2  # how often the main thread looks; on Windows a signal is handled then


class WorkerUsageError(ValueError):
    """The command line does not name what can be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the command line asks for; None stands for the worker's own default."""

    path: Path | None
    handlers: str
    worker_id: str | None = None
    capabilities: str | None = None
    lease_seconds: float = 60.0
    until_stdin_closes: bool = False
    concurrency: int = 1
    isolation: Isolation = "thread"
    grace_s: float = GRACE_S
    strategy: str = "priority"
    log_lines: bool = True
    durable: bool = False


def run_worker(options: WorkerOptions) -> int:
    """Run tasks until told to stop. Returns the exit code: 0, or 1 where a handler would not end.

    The first signal claims nothing more and lets running tasks end within the grace time, then they are given back;
    the second one gives them back at once; the third one ends the process, and they are claimed again when their
    leases run out.

    Raises:
        WorkerUsageError: the handlers, the capabilities or a number can't be used.
    """
    registry = load_registry(options.handlers)
    try:
        worker = QueueWorker(
            options.path, registry, worker_id=options.worker_id,
            capabilities=read_capabilities(options.capabilities), lease_seconds=options.lease_seconds,
            concurrency=options.concurrency, isolation=options.isolation, grace_s=options.grace_s,
            strategy=options.strategy, log_lines=options.log_lines,
            synchronous="FULL" if options.durable else None,
        )  # fmt: skip
    except WorkerUsageError:
        raise
    except ValueError as error:
        raise WorkerUsageError(str(error)) from error
    stop, at_once = threading.Event(), threading.Event()
    install_signal_handlers(stop, at_once)
    if options.until_stdin_closes:
        stop_when_stdin_closes(stop, at_once, grace_s=ORPHAN_GRACE_S)
    return _run_beside(worker, Stopping(stop, at_once, options.grace_s))


def _run_beside(worker: QueueWorker, stopping: Stopping) -> int:
    """Run the worker in a thread of its own, so that the main thread is free for signals whatever a handler does."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            worker.run(stopping.stop, at_once=stopping.at_once)
        except BaseException as error:  # noqa: BLE001 (raised again in the main thread)
            errors.append(error)

    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    over_s = 0.0  # counted in looks: a process that got no time meanwhile, or slept with its machine, is not stuck
    try:
        while thread.is_alive():
            thread.join(_LOOK_S)
            if stopping.is_over():
                over_s += _LOOK_S
                if over_s > HARD_END_S:
                    _end_hard(worker)
    except EndNow as error:
        sys.stderr.flush()
        os._exit(int(error.code or 1))  # the handler's thread can't be ended by anything else
    if errors:
        raise errors[0]
    return 0


def _end_hard(worker: QueueWorker) -> None:
    """Give back what handlers that don't end still hold, and end the process with them."""
    print(f"{worker.worker_id}: a handler did not end in time; its task is given back.", file=sys.stderr, flush=True)
    worker.give_back()
    os._exit(1)


def load_registry(text: str) -> HandlerRegistry:
    """Return the registry that ``module:name`` names. The working folder is looked at last.

    Raises:
        WorkerUsageError: the module can't be imported, or the name is not a registry.
    """
    module_name, _, name = text.partition(":")
    if not module_name or not name:
        raise WorkerUsageError(f"--handlers needs MODULE:NAME, not '{text}'")
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds text
        sys.path.append(os.getcwd())  # noqa: PTH109
    try:
        registry = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise WorkerUsageError(f"the handlers '{text}' were not found: {error}") from error
    if not isinstance(registry, HandlerRegistry):
        raise WorkerUsageError(f"'{text}' is a {type(registry).__name__}, not a HandlerRegistry")
    return registry


def read_capabilities(text: str | None) -> dict[str, Any] | None:
    """Return the capabilities, a JSON object.

    Raises:
        WorkerUsageError: it is something else.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise WorkerUsageError(f"--capabilities is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WorkerUsageError("--capabilities must be a JSON object")
    return value
