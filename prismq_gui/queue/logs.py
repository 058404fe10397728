"""Writing log lines of a task, alone or in batches, and cutting texts that are too long to keep."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.timestamps import now_utc, utc_text

LONGEST_TEXT_BYTES = 64 * 1024
CANCEL_LEVEL = "CANCEL"  # asks the task's worker to end it, see cancelling; a handler's own line never has it
MOST_WAITING = 1000  # lines held back at most
_INSERT = "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (?, ?, ?, ?, ?)"


def write_log(
    db: QueueDatabase,
    task_id: int,
    level: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    *,
    now: str | None = None,
) -> None:
    """Add a line to a task's log, within whatever transaction is open on the database.

    Details become JSON; what JSON has no form for is written as its ``repr``.
    """
    text = None if details is None else as_json(details)
    db.execute(_INSERT, (task_id, now or utc_text(now_utc()), shorten(str(level)), shorten(str(message)), text))


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for a task's log, not written yet; ``at_utc`` is the file's text of a moment."""

    at_utc: str
    level: str
    message: str
    details: Mapping[str, Any]


def write_lines(db: QueueDatabase, task_id: int, lines: Sequence[LogLine]) -> None:
    """Add a handler's lines to its task's log in one transaction of their own."""
    with db.transaction():
        for line in lines:
            level = "INFO" if line.level == CANCEL_LEVEL else line.level
            write_log(db, task_id, level, line.message, line.details or None, now=line.at_utc)


class LogBuffer:
    """Lines of one running task, in order; the handler's threads add, they and the keeper flush.

    Args:
        write: Writes lines; must not raise.
    """

    def __init__(self, write: Callable[[Sequence[LogLine]], None]) -> None:
        self._write = write
        self._lines: list[LogLine] = []
        self._guard = threading.Lock()
        self._order = threading.RLock()

    def add(self, line: LogLine, *, wait_for: int = 1) -> None:
        """Add a line; write all once so many are waiting."""
        with self._guard:
            self._lines.append(line)
            due = len(self._lines) >= min(wait_for, MOST_WAITING)
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        with self._order:
            with self._guard:
                lines, self._lines = self._lines, []
            if lines:
                self._write(lines)


def as_json(details: Mapping[str, Any]) -> str:
    """Return details as a JSON object of at most 64 KiB, whatever a handler put into them; never raises.

    Too long a value is cut with a mark; the text stays JSON.
    """
    try:
        text = _dump(dict(details))
    except Exception:  # noqa: BLE001 (keys that are no text, NaN, circles, depth, a repr that raises)
        text = _dump({str(key): _plain(value) for key, value in details.items()})
    if len(text) <= LONGEST_TEXT_BYTES // 4 or len(text.encode("utf-8")) <= LONGEST_TEXT_BYTES:
        return text
    each = LONGEST_TEXT_BYTES // (8 * max(1, len(details)))
    short = {shorten(str(key), 200): shorten(_plain(value), max(each, 40)) for key, value in details.items()}
    text = _dump(short)
    return (
        text
        if len(text.encode("utf-8")) <= LONGEST_TEXT_BYTES
        else _dump({"cut": f"{len(details)} values, too long to keep"})
    )


def _dump(value: object) -> str:
    # Lone surrogates, which UTF-8 has no form for, stay \\uXXXX escapes.
    text = json.dumps(value, default=repr, ensure_ascii=False, allow_nan=False)
    return text if _is_utf8(text) else json.dumps(value, default=repr, allow_nan=False)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    for written in (_dump, repr):
        try:
            return written(value)
        except Exception:  # noqa: BLE001, S112 (a handler's object may not even tell itself)
            continue
    return f"an object of {type(value).__name__}"


def shorten(text: str, limit_bytes: int = LONGEST_TEXT_BYTES) -> str:
    r"""Return the text cut to so many bytes of UTF-8, with a mark that tells the whole size.

    Lone surrogates, which UTF-8 has no form for, become ``\udXXX`` escapes.
    """
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit_bytes:
        return data.decode("utf-8")
    mark = f"… [cut: {len(data)} bytes in all]"
    return data[: limit_bytes - len(mark.encode("utf-8"))].decode("utf-8", "ignore") + mark
