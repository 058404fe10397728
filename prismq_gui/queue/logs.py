"""Writing log lines of a task, and cutting texts that are too long to keep."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from prismq_gui.queue.timestamps import now_utc, utc_text

LONGEST_TEXT_BYTES = 64 * 1024
_INSERT = "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (?, ?, ?, ?, ?)"


def write_log(
    connection: sqlite3.Connection,
    task_id: int,
    level: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    *,
    now: str | None = None,
) -> None:
    """Add a line to a task's log, within whatever transaction is open on the connection.

    Details become JSON; what JSON has no form for is written as its ``repr``.
    """
    text = None if details is None else shorten(json.dumps(dict(details), default=repr, ensure_ascii=False))
    connection.execute(_INSERT, (task_id, now or utc_text(now_utc()), level, shorten(message), text))


def shorten(text: str, limit_bytes: int = LONGEST_TEXT_BYTES) -> str:
    r"""Return the text cut to so many bytes of UTF-8, with a mark that tells the whole size.

    Lone surrogates, which UTF-8 has no form for, become ``\udXXX`` escapes.
    """
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit_bytes:
        return data.decode("utf-8")
    mark = f"… [cut: {len(data)} bytes in all]"
    return data[: limit_bytes - len(mark.encode("utf-8"))].decode("utf-8", "ignore") + mark
