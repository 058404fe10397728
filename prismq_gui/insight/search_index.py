"""The full-text index as those who look see it: which blocks of rows may hold a text, how far it reaches, its state.

The index knows blocks of rows (16 tasks, 64 log lines) by the sequences of three characters in them, so it is small and
may name too many, never too few of what it knows. Whoever asks looks at the rows themselves. Owns reading the side
file and switching it off; building it is the work of ``search_build``. Nothing here raises for the side file's sake:
what cannot be read is as if it were not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from prismq_gui.insight import search_files as files
from prismq_gui.insight.search_scan import SearchKind

WIDTHS: Final = {SearchKind.TASKS: 16, SearchKind.LOGS: 64}
"""Rows a block. Measured on 256-byte payloads (1, 8, 16, 32 rows): the index takes 0.90, 0.42, 0.35, 0.25 of the text,
and is built from 8, 17, 20, 23 MB of it a second; a number of six digits is looked for in 1, 10, 46, 217 blocks."""
TOP: Final = 2**33  # an entry of the index is this less its block: ascending entries are the newest first
SHORTEST: Final = 3  # characters that the index can look for
MOST_PARTS: Final = 16  # of a text's sequences of three that are asked for together
MOST_EXTRA: Final = 200_000  # blocks to be looked at whatever the index says; past that a scan is as good
LIMIT_BYTES: Final = 1024 * 1024 * 1024
_UNSURE = frozenset("\0\ufffd\ufffe\uffff")  # SQLite takes other bytes of a damaged text for these


class IndexState(Enum):
    """How it stands with the index; the value is what the command line says."""

    OFF = "off"
    BUILDING = "being built"
    COMPLETE = "complete"
    FULL = "full"  # the newest part only: the limit of its size is reached
    NO_ROOM = "no room on the disk"
    ELSEWHERE = "being built by another window"
    UNAVAILABLE = "not available"


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index of one queue file. Shares are parts of all ids from 0 to 1; ``note`` is a sentence for the person."""

    state: IndexState
    path: Path
    size_bytes: int = 0
    limit_bytes: int = 0
    tasks_share: float = 0.0
    logs_share: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """The ids that the index knows. ``is_proven``: none of their rows changed since."""

    low: int
    high: int
    is_proven: bool


def status(queue: Path, folder: Path) -> IndexStatus:
    """Return how it stands with the index of a queue file, as its builder last wrote it down."""
    side = files.index_path(queue, folder)
    off = IndexStatus(IndexState.OFF, side)
    try:
        connection = files.connect(side)
        if connection is None:
            return off
        with closing(connection):
            return status_of(connection, side)
    except (sqlite3.Error, OSError):
        return off


def status_of(connection: sqlite3.Connection, side: Path) -> IndexStatus:
    """Return the status from an open side file.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    meta = read_meta(connection)
    try:
        state = IndexState(meta.get("state"))
    except ValueError:
        state = IndexState.BUILDING
    tasks, logs = _share(meta, SearchKind.TASKS), _share(meta, SearchKind.LOGS)
    limit = meta.get("limit")
    size = files.size_bytes(side)
    return IndexStatus(
        state, side, size, limit if isinstance(limit, int) else 0, tasks, logs, str(meta.get("note") or "")
    )


def read_meta(connection: sqlite3.Connection) -> dict[str, object]:
    """Return what the builder wrote down of the whole."""
    return dict(connection.execute("SELECT name, value FROM meta").fetchall())


def _share(meta: dict[str, object], kind: SearchKind) -> float:
    names = ("low", "high", "oldest", "newest")
    low, high, oldest, newest = (meta.get(f"{kind.value}_{name}") for name in names)
    if not (isinstance(low, int) and isinstance(high, int) and isinstance(oldest, int) and isinstance(newest, int)):
        return 0.0
    if newest < oldest:
        return 1.0
    width = WIDTHS[kind]
    first, last = max(low * width, oldest), min(high * width + width - 1, newest)
    return min(1.0, max(0, last - first + 1) / (newest - oldest + 1))


def drop(queue: Path, folder: Path) -> bool:
    """Delete the index of a queue file; False where another window holds it, which deletes it when it sees that."""
    side = files.index_path(queue, folder)
    return _drop(side) if side.parent.is_dir() else True


def _drop(side: Path) -> bool:
    mark = files.drop_mark(side)
    with suppress(OSError):
        mark.touch(mode=0o600)
    if not files.delete(side):
        return False
    with suppress(OSError):
        mark.unlink(missing_ok=True)
        for end in ("-lock", "-line"):
            side.with_name(side.name + end).unlink(missing_ok=True)
    return True


def drop_all(folder: Path) -> bool:
    """Delete the indexes of all queue files; False where another window holds one, which deletes it then."""
    gone = True
    for side in sorted((folder / files.FOLDER).glob("*.db")):
        gone = _drop(side) and gone
    return gone


def folder_bytes(folder: Path) -> int:
    """Return how much room all indexes take on the disk."""
    return sum(files.size_bytes(side) for side in (folder / files.FOLDER).glob("*.db"))


def parts_of(text: str) -> list[str]:
    """Return the sequences of three that a text holds, spread over it, none where the index cannot look for it."""
    if len(text) < SHORTEST or not _UNSURE.isdisjoint(text):
        return []
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return []
    parts = list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2)))
    step = max(1, -(-len(parts) // MOST_PARTS))
    return parts[::step]


class IndexView:
    """One look at the index, for one search; used in the thread that opened it, closed after use."""

    def __init__(self, connection: sqlite3.Connection, meta: dict[str, object], signature: str) -> None:
        self._connection = connection
        self._meta = meta
        self._signature = signature

    @staticmethod
    def open(queue: Path, folder: Path) -> IndexView | None:
        """Open the index of a queue file; None where there is none, or none of this very file."""
        side = files.index_path(queue, folder)
        connection = None
        try:
            if files.drop_mark(side).exists():
                return None
            signature = files.signature(queue)  # before the proof is read: a commit after it is a new change
            connection = files.connect(side)
            if connection is None:
                return None
            meta = read_meta(connection)
            if meta.get("identity") == files.identify(queue).text():
                return IndexView(connection, meta, signature)
        except (sqlite3.Error, OSError, ValueError):
            pass
        if connection is not None:
            connection.close()
        return None

    def close(self) -> None:
        """Close; idempotent."""
        self._connection.close()

    def covered(self, kind: SearchKind) -> Covered | None:
        """Return which ids the index knows, None where it knows none."""
        low, high = self._meta.get(f"{kind.value}_low"), self._meta.get(f"{kind.value}_high")
        if not isinstance(low, int) or not isinstance(high, int) or low > high:
            return None
        width = WIDTHS[kind]
        proven = bool(self._signature) and self._meta.get(f"{kind.value}_proof") == self._signature
        return Covered(low * width, high * width + width - 1, proven)

    def always(self, kind: SearchKind) -> list[int]:
        """Return the blocks, the newest first, that must be looked at whatever the index says of them.

        Raises:
            sqlite3.Error: The side file cannot be read.
            OverflowError: There are too many.
        """
        sql = (
            "SELECT block FROM always WHERE kind = ? UNION SELECT block FROM dirty WHERE kind = ? "
            f"ORDER BY block DESC LIMIT {MOST_EXTRA + 1}"
        )
        rows = self._connection.execute(sql, (kind.value, kind.value)).fetchall()
        if len(rows) > MOST_EXTRA:
            raise OverflowError
        return [row[0] for row in rows]

    def candidates(self, kind: SearchKind, text: str) -> Iterator[int]:
        """Yield the blocks, the newest first, that may hold a text of at least three characters.

        Raises:
            sqlite3.Error: The side file cannot be read.
        """
        quoted = ('"' + part.replace('"', '""') + '"' for part in parts_of(text))
        match = " AND ".join(quoted)
        words = f"words_{kind.value}"
        sql = f"SELECT rowid FROM {words} WHERE {words} MATCH ? AND rowid > ? ORDER BY rowid LIMIT ?"
        last, size = 0, 64
        while True:
            rows = self._connection.execute(sql, (match, last, size)).fetchall()
            yield from (TOP - row[0] for row in rows)
            if len(rows) < size:
                return
            last, size = rows[-1][0], min(size * 4, 4_096)
