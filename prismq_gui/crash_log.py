"""The program's own log file, and what happens to an error that nothing expected.

Owns the rotating file and ``sys.excepthook``. Nothing of a queue's content may reach the log: an exception is
written by its type and its frames, never by its message, because SQLite quotes cells in some messages.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

MAX_BYTES = 1_000_000
KEPT_FILES = 5
MAX_MESSAGE = 200
FILE_NAME = "prismq-gui.log"

_LOG = logging.getLogger("prismq_gui.crash")
Tell = Callable[[str], None]


class ScrubbingFormatter(logging.Formatter):
    """Cuts messages, and tells exceptions by their frames alone."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, or more where there is an exception."""
        message = record.getMessage().replace("\n", "␊")[:MAX_MESSAGE]
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {message}"
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}\n{frames_of(record.exc_info[1])}"
        return line


def frames_of(error: BaseException) -> str:
    """Return an exception's type and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return "\n".join([f"  {type(error).__module__}.{type(error).__qualname__}", *lines])


@contextmanager
def logging_to(folder: Path | None) -> Iterator[Path | None]:
    """Write the program's log into a folder while the window is open; do without where that can't be."""
    path = folder / FILE_NAME if folder else None
    handler: logging.Handler = logging.NullHandler()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler = RotatingFileHandler(
                path,
                maxBytes=MAX_BYTES,
                backupCount=KEPT_FILES - 1,
                encoding="utf-8",
                delay=True,
                errors="backslashreplace",
            )
        except (OSError, ValueError):
            path = None
    handler.setFormatter(ScrubbingFormatter())
    logger = logging.getLogger("prismq_gui")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield path
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


@contextmanager
def crashes_told(tell: Tell) -> Iterator[None]:
    """Log what nobody caught, and have its type told to the person; the program goes on."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)  # to the console, where there is one
        if not issubclass(kind, KeyboardInterrupt):
            _LOG.error("unexpected error", exc_info=(kind, error, trace))
            tell(kind.__name__)

    def thread_hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            error = arguments.exc_value
            _LOG.error("unexpected error in a thread", exc_info=(type(error), error, error.__traceback__))

    before, before_threads = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = hook, thread_hook
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before, before_threads
