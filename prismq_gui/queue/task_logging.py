"""Standard logging into a task's log: what a handler's thread logs while it runs a task.

Belongs to whichever thread logs. Must never fail the task, and never log through itself.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone
from typing import Any

from prismq_gui.queue.handlers import current_context
from prismq_gui.queue.logs import LogLine
from prismq_gui.queue.timestamps import utc_text


class TaskLogHandler(logging.Handler):
    """Carries log records into the log of the task that their thread runs; others are let go by.

    Add it once: ``logging.getLogger().addHandler(TaskLogHandler())``. For handlers in a process of their
    own, in the module that defines them. A formatter that is set is used for the message.

    Args:
        level: The least level it carries.
        batch: So many lines are written at once; what waits is written within about a second, with each
            line from WARNING on, and when the handler ends.
    """

    def __init__(self, level: int | str = logging.INFO, *, batch: int = 20) -> None:
        super().__init__(level)
        self._batch = batch
        self._inside = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Add the record to its task's log; an error in it is told by ``handleError``, as any handler's is."""
        context = current_context()
        if context is None or getattr(self._inside, "emitting", False):
            return
        self._inside.emitting = True
        try:
            wait_for = 1 if record.levelno >= logging.WARNING else self._batch
            context.lines.add(self._line(record), wait_for=wait_for)
        except Exception:  # noqa: BLE001 (a record that can't be told must not end the task)
            self.handleError(record)
        finally:
            self._inside.emitting = False

    def _line(self, record: logging.LogRecord) -> LogLine:
        details: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            details["traceback"] = logging.Formatter().formatException(record.exc_info)
        moment = datetime.fromtimestamp(record.created, timezone.utc).replace(tzinfo=None)
        message = record.getMessage() if self.formatter is None else self.format(record)
        return LogLine(utc_text(moment), record.levelname, message, details)
