"""Writing log lines of a task, and cutting texts that are too long to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.timestamps import now_utc, utc_text

LONGEST_TEXT_BYTES = 64 * 1024
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
