"""The side file of the history: an SQLite database of the program's own, beside its settings.

Owns its schema, how it is opened, set aside when it is damaged, and shared by several windows: one of them records at a
time. Must never touch a queue file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prismq_gui.insight.history_points import FLOWS, Bucket, Rebuilt
from prismq_gui.insight.rebuilding import HORIZON_S, MINUTE_S, Minute, Progress, Stage, Step

FILE_NAME = "history.db"
KEPT_S: Mapping[int, float] = {1: 2 * 3_600.0, 60: 7 * 86_400.0, 3_600: 400 * 86_400.0}
VERSION = 1
RECORDER_S = 15.0  # a recorder that has not said so for that long is taken for gone
MOST_QUEUES = 20
_BUSY_S = 2.0
_APPLICATION_ID = 0x50514849  # PQHI
_SCHEMA = f"""
CREATE TABLE queue (id INTEGER PRIMARY KEY, place TEXT NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL,
  witness_id INTEGER, witness_created TEXT, seen_s REAL NOT NULL, recorder TEXT, recorder_until_s REAL);
CREATE TABLE bucket (queue INTEGER NOT NULL, width INTEGER NOT NULL, start INTEGER NOT NULL, samples INTEGER NOT NULL,
  waiting REAL NOT NULL, running REAL NOT NULL, {", ".join(f"{n} REAL NOT NULL, {n}_s REAL NOT NULL" for n in FLOWS)},
  PRIMARY KEY (queue, width, start)) WITHOUT ROWID;
CREATE TABLE run (id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, unfinished INTEGER, progress TEXT NOT NULL);
CREATE TABLE minute (run INTEGER NOT NULL, start INTEGER NOT NULL, arrived INTEGER NOT NULL, completed INTEGER NOT NULL,
  failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, PRIMARY KEY (run, start)) WITHOUT ROWID
"""
_COLUMNS = ("samples", "waiting", "running", *(each for name in FLOWS for each in (name, f"{name}_s")))
_ADD_BUCKET = (
    f"INSERT INTO bucket (queue, width, start, {', '.join(_COLUMNS)}) VALUES (?, ?, ?{', ?' * len(_COLUMNS)}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _COLUMNS)}"
)
_ADD_MINUTE = (
    "INSERT INTO minute VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET arrived = arrived + excluded.arrived, "
    "completed = completed + excluded.completed, failed = failed + excluded.failed, "
    "cancelled = cancelled + excluded.cancelled"
)


@dataclass(frozen=True, slots=True)
class QueueIdentity:
    """Which queue it is: where it lies, and which file that is (on Windows volume and file index)."""

    place: str
    device: str
    inode: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A task that this queue has, by which it is known again; ``created`` is its raw text."""

    task_id: int
    created: str


class HistoryFileError(Exception):
    """The side file cannot be used; the text says why, for the person."""


FILE_ERRORS = (sqlite3.Error, HistoryFileError, OSError, TypeError, ValueError)
"""What any use of the side file can raise: somebody else may have written into it."""


def identity_of(path: Path) -> QueueIdentity:
    """Return the identity of a queue file.

    Raises:
        OSError: It is not there.
    """
    real = os.path.realpath(path)
    found = os.stat(real)  # noqa: PTH116 - beside realpath
    return QueueIdentity(os.path.normcase(real), str(found.st_dev), str(found.st_ino))


class HistoryFile:
    """The open side file; used in the thread that opened it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._token = uuid.uuid4().hex

    def open(self) -> str:
        """Open it, made anew where it is missing or damaged; return a note for the person, or ''.

        Raises:
            HistoryFileError: It cannot be used.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connect()
        except sqlite3.DatabaseError as error:
            self.close()
            if not is_damage(error):
                raise HistoryFileError(_reason(error)) from error
            note = self._set_aside()
            try:
                self._connect()
            except (sqlite3.Error, OSError) as again:
                self.close()
                raise HistoryFileError(_reason(again)) from again
            return note
        except OSError as error:
            raise HistoryFileError(_reason(error)) from error
        return ""

    def _connect(self) -> None:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        self._connection = connection
        if self._value("PRAGMA quick_check(1)") != "ok":
            raise sqlite3.DatabaseError("malformed: the quick check found damage")
        version = self._value("PRAGMA user_version")
        if isinstance(version, int) and version > VERSION:
            raise HistoryFileError("it was written by a newer version of this program")
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}").close()
        if version != VERSION:
            with self.writing():
                if self._value("PRAGMA user_version") != VERSION:  # another window may have been quicker
                    self._make()

    def _make(self) -> None:
        assert self._connection is not None
        if self._value("SELECT count(*) FROM sqlite_master"):
            raise sqlite3.DatabaseError("malformed: it is no history of this program")
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement).close()
        self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}").close()
        self._connection.execute(f"PRAGMA user_version = {VERSION}").close()

    def close(self) -> None:
        """Close; idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _set_aside(self) -> str:
        """Rename the damaged file, with what belongs to it, so that nothing is lost.

        Raises:
            HistoryFileError: Another program holds it.
        """
        bad = self.path.with_name(f"{FILE_NAME}.bad")
        try:
            for ending in ("-wal", "-shm"):
                Path(f"{self.path}{ending}").unlink(missing_ok=True)
            self.path.replace(bad)
        except OSError as error:
            raise HistoryFileError(f"it is damaged and could not be set aside ({_reason(error)})") from error
        return f"The history was damaged; it is kept as {bad.name}, and a new one was begun."

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write in one transaction, whole or not at all."""
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE").close()
        try:
            yield
            connection.execute("COMMIT").close()
        except BaseException:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK").close()
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise HistoryFileError("it is closed")
        return self._connection

    def _rows(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with closing(self._open().execute(sql, params)) as cursor:
            return cursor.fetchall()

    def _value(self, sql: str, params: Sequence[object] = ()) -> object:
        rows = self._rows(sql, params)
        return rows[0][0] if rows else None

    def _do(self, sql: str, params: Sequence[object] = ()) -> int:
        with closing(self._open().execute(sql, params)) as cursor:
            return cursor.rowcount

    # -- queues

    def known(self, place: str) -> list[tuple[int, QueueIdentity, Witness | None]]:
        """Return the queues that were seen at a place, the latest first."""
        sql = "SELECT id, device, inode, witness_id, witness_created FROM queue WHERE place = ? ORDER BY seen_s DESC"
        found = []
        for number, device, inode, task_id, created in self._rows(sql, (place,)):
            assert isinstance(number, int)
            witness = Witness(task_id, created) if isinstance(task_id, int) and isinstance(created, str) else None
            found.append((number, QueueIdentity(place, str(device), str(inode)), witness))
        return found

    def add_queue(self, identity: QueueIdentity, now_s: float) -> int:
        """Begin the history of a queue and return its number; the longest unseen beyond 20 are forgotten."""
        with self.writing():
            sql = "INSERT INTO queue (place, device, inode, seen_s) VALUES (?, ?, ?, ?)"
            self._do(sql, (identity.place, identity.device, identity.inode, now_s))
            number = self._value("SELECT last_insert_rowid()")
            old = self._rows(f"SELECT id FROM queue ORDER BY seen_s DESC LIMIT -1 OFFSET {MOST_QUEUES}")
            for each in old:
                self._do("DELETE FROM minute WHERE run IN (SELECT id FROM run WHERE queue = ?)", each)
                for table, key in (("run", "queue"), ("bucket", "queue"), ("queue", "id")):
                    self._do(f"DELETE FROM {table} WHERE {key} = ?", each)
        assert isinstance(number, int)
        return number

    def see(self, queue: int, identity: QueueIdentity, witness: Witness | None, now_s: float) -> None:
        """Note that a queue was seen, and what it is known by."""
        self._do(
            "UPDATE queue SET seen_s = ?, device = ?, inode = ?, witness_id = coalesce(?, witness_id), "
            "witness_created = coalesce(?, witness_created) WHERE id = ?",
            (now_s, identity.device, identity.inode, witness and witness.task_id, witness and witness.created, queue),
        )

    def may_record(self, queue: int, now_s: float) -> bool:
        """Return whether this window is the one that records; it becomes it where no other is. Within a transaction."""
        until_s = now_s + RECORDER_S
        changed = self._do(
            "UPDATE queue SET recorder = ?, recorder_until_s = ?, seen_s = ? WHERE id = ? AND (recorder IS NULL "
            "OR recorder = ? OR recorder_until_s < ? OR recorder_until_s > ?)",  # the last: the clock was set back
            (self._token, until_s, now_s, queue, self._token, now_s, until_s),
        )
        return changed > 0

    def stop_recording(self, queue: int) -> None:
        """Let another window record."""
        self._do("UPDATE queue SET recorder = NULL WHERE id = ? AND recorder = ?", (queue, self._token))

    # -- what was watched

    def add_buckets(self, queue: int, buckets: Mapping[tuple[int, int], Bucket]) -> None:
        """Add sums to what is kept. Within a transaction."""
        rows = []
        for (width, start), bucket in buckets.items():
            flows = [each for pair in zip(bucket.counts, bucket.seconds, strict=True) for each in pair]
            rows.append((queue, width, start, bucket.samples, bucket.waiting, bucket.running, *flows))
        self._open().executemany(_ADD_BUCKET, rows).close()

    def buckets(self, queue: int, width: int, since_s: int, until_s: int) -> dict[int, Bucket]:
        """Return what is kept of a width, by start."""
        sql = f"SELECT start, {', '.join(_COLUMNS)} FROM bucket WHERE queue = ? AND width = ? AND start BETWEEN ? AND ?"
        found: dict[int, Bucket] = {}
        for start, samples, waiting, running, *flows in self._rows(sql, (queue, width, since_s, until_s - 1)):
            numbers = [float(each) for each in flows]
            found[int(start)] = Bucket(int(samples), float(waiting), float(running), numbers[::2], numbers[1::2])
        return found

    def prune(self, queue: int, now_s: float) -> None:
        """Forget what is older than is kept of its width. Within a transaction."""
        for width, kept_s in KEPT_S.items():
            self._do("DELETE FROM bucket WHERE queue = ? AND width = ? AND start < ?", (queue, width, now_s - kept_s))
        for number, progress in self._runs(queue):
            if progress.top_s < now_s - HORIZON_S:
                self._do("DELETE FROM minute WHERE run = ?", (number,))
                self._do("DELETE FROM run WHERE id = ?", (number,))

    # -- what was rebuilt

    def add_run(self, queue: int, progress: Progress, unfinished: int | None) -> int:
        """Begin a rebuilding and return its number."""
        sql = "INSERT INTO run (queue, unfinished, progress) VALUES (?, ?, ?)"
        self._do(sql, (queue, unfinished, _as_text(progress)))
        number = self._value("SELECT last_insert_rowid()")
        assert isinstance(number, int)
        return number

    def add_step(self, run: int, step: Step) -> None:
        """Add what a step found, together with how far it is, so that none is counted twice. Within a transaction."""
        rows = [
            (run, start, each.arrived, each.completed, each.failed, each.cancelled)
            for start, each in step.minutes.items()
        ]
        self._open().executemany(_ADD_MINUTE, rows).close()
        self._do("UPDATE run SET progress = ? WHERE id = ?", (_as_text(step.progress), run))

    def _runs(self, queue: int) -> list[tuple[int, Progress]]:
        rows = self._rows("SELECT id, progress FROM run WHERE queue = ? ORDER BY id DESC", (queue,))
        return [(number, _from_text(str(text))) for number, text in rows if isinstance(number, int)]

    def last_run(self, queue: int) -> tuple[int, Progress] | None:
        """Return the latest rebuilding, None where there is none."""
        runs = self._runs(queue)
        return runs[0] if runs else None

    def rebuilt(self, queue: int, since_s: int, until_s: int) -> list[Rebuilt]:
        """Return the rebuildings, the newest first, each whole from ``since_s`` on: a depth needs what follows it."""
        found = []
        for number, progress in self._runs(queue):
            if progress.top_s < since_s or progress.floor_s > until_s:
                continue
            rows = self._rows("SELECT * FROM minute WHERE run = ? AND start > ?", (number, since_s - 2 * MINUTE_S))
            minutes = {int(row[1]): Minute(*(int(each) for each in row[2:])) for row in rows}
            unfinished = self._value("SELECT unfinished FROM run WHERE id = ?", (number,))
            whole = unfinished if isinstance(unfinished, int) else None
            found.append(Rebuilt(progress.top_s, whole, progress.arrived_from_s, progress.finished_from_s, minutes))
        return found


def _as_text(progress: Progress) -> str:
    return json.dumps({**asdict(progress), "stage": progress.stage.value})


def _from_text(text: str) -> Progress:
    try:
        values = json.loads(text)
        return replace(Progress(**values), stage=Stage(values["stage"]))
    except (ValueError, TypeError, KeyError) as error:
        raise sqlite3.DatabaseError("malformed: a progress in the history cannot be read") from error


def is_damage(error: Exception) -> bool:
    """Return whether an error says that the side file is no sound database."""
    if isinstance(error, (TypeError, ValueError)):  # a cell holds what was never written there
        return True
    text = str(error).lower()
    return isinstance(error, sqlite3.DatabaseError) and any(
        part in text for part in ("malformed", "not a database", "no such table", "no such column", "disk image")
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or error.__class__.__name__)
