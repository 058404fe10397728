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
from prismq_gui.stdin_watch import stop_when_stdin_closes

ORPHAN_GRACE_S: Final = 5.0


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


def run_worker(options: WorkerOptions) -> int:
    """Run tasks until told to stop. Returns the exit code.

    The first signal lets the running task end; the second one ends the process at once, and the task is claimed
    again when its lease runs out.

    Raises:
        WorkerUsageError: the handlers or the capabilities can't be used.
    """
    registry = load_registry(options.handlers)
    worker = QueueWorker(
        options.path, registry, worker_id=options.worker_id,
        capabilities=read_capabilities(options.capabilities), lease_seconds=options.lease_seconds,
    )  # fmt: skip
    stop = threading.Event()
    install_signal_handlers(stop)
    if options.until_stdin_closes:
        stop_when_stdin_closes(stop, grace_s=ORPHAN_GRACE_S)
    worker.run(stop)
    return 0


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
