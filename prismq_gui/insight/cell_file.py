"""Writing one cell of a task into a file of its own, byte for byte, however long it is.

Owns the pieces and the new file. Must not write the queue's file, nor any file of it. A cell of up to one piece is
read in one statement, so it is whole; of a longer one every piece is checked to be of the same cell.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind

# A snapshot is held for one piece: 35 ms in memory, and 32 more for each 100 MB before it, whose pages SQLite follows.
PIECE_BYTES = 32 * 1024 * 1024
COLUMNS = ("payload", "compatibility", "error_message")
_STAMPS = ("status", "attempts", "updated_at_utc", "finished_at_utc")  # change with whatever changes a task
_SIDES = ("", "-wal", "-shm", "-journal", "-lock", "-line")


@dataclass(frozen=True, slots=True)
class Saved:
    """How far it is; at the end ``done_bytes`` is ``total_bytes``, and the file is there."""

    done_bytes: int
    total_bytes: int
    target: Path


def save_cell(
    connection: ReadConnection, layout: Layout, task_id: int, column: str, target: Path
) -> Generator[Saved, None, None]:
    """Write a cell into ``target``, in place of what is there; yield after each piece.

    Left before its end it leaves no file, and what was there stays.

    Raises:
        ProblemError: The task or its cell is gone or has changed meanwhile; the file is one of the queue's own; it
            can't be written. Nothing was written then.
    """
    if column not in COLUMNS or column not in layout.tasks:
        raise ProblemError(_problem(f"There is no {column} to save", target, "Choose another part of the task."))
    refuse_own_file(connection.path, target)
    folder = target.parent
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".part", dir=folder)
    except OSError as error:
        raise ProblemError(_unwritable(target, error)) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            size = yield from _pieces(connection, layout, task_id, column, target, file)
        part.replace(target)
    except OSError as error:
        raise ProblemError(_unwritable(target, error)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    yield Saved(size, size, target)


def _pieces(
    connection: ReadConnection, layout: Layout, task_id: int, column: str, target: Path, file: BinaryIO
) -> Generator[Saved, None, int]:
    stamp = _stamp(connection, layout, task_id)
    done = 0
    total: int | None = None
    while total is None or done < total:
        piece, size = _piece(connection, column, task_id, done, target)
        is_other = total is not None and (size != total or not piece)
        if is_other or (done and _stamp(connection, layout, task_id) != stamp):
            what = f"Task {task_id} has changed while its {column} was being saved"
            raise ProblemError(_problem(what, target, "Save it again."))
        total = size
        file.write(piece)
        done += len(piece)
        if done < total:
            yield Saved(done, total, target)
    return total


def _piece(connection: ReadConnection, column: str, task_id: int, offset: int, target: Path) -> tuple[bytes, int]:
    found = connection.blob_piece("task_queue", column, task_id, offset, PIECE_BYTES)
    if found is not None:
        return found
    cell = f"CAST({column} AS BLOB)"
    rows = connection.rows(f"SELECT {cell}, {column} IS NULL FROM task_queue WHERE id = ?", (task_id,), doing="save it")
    if not rows or rows[0][1]:
        what = f"Task {task_id} has no {column}" if rows else f"There is no task {task_id} any more"
        raise ProblemError(_problem(what, target, "Look at the task again."))
    raw = rows[0][0]
    data = raw if isinstance(raw, bytes) else str(raw).encode("utf-8", "surrogateescape")
    return data[offset:], len(data)


def _stamp(connection: ReadConnection, layout: Layout, task_id: int) -> tuple[Cell, ...]:
    columns = ", ".join(name for name in _STAMPS if name in layout.tasks) or "id"
    rows = connection.rows(f"SELECT {columns} FROM task_queue WHERE id = ?", (task_id,), doing="save it")
    return rows[0] if rows else ()


def refuse_own_file(queue: Path, target: Path) -> None:
    """Refuse to write over a file of the queue.

    Raises:
        ProblemError: It is one.
    """
    for side in _SIDES:
        own = Path(f"{os.path.realpath(queue)}{side}")
        with contextlib.suppress(OSError):
            is_own = os.path.normcase(os.path.realpath(target)) == os.path.normcase(own)
            if is_own or (own.exists() and target.exists() and own.samefile(target)):
                raise ProblemError(_problem("That file belongs to the queue itself", target, "Choose another name."))


def _unwritable(target: Path, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return _problem(f"The file can't be written ({reason})", target, "Choose another folder, or make room.")


def _problem(what: str, target: Path, advice: str) -> Problem:
    return Problem(ProblemKind.FAILED, what, str(target), "No file was written; the queue was not changed.", advice)
