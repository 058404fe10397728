"""The journal of operations: what was done to which rows, kept so that it can be told, finished and taken back.

Owns the file in the person's own folder. Each batch of rows is on the disk before the first of them is
changed in the queue; which of them were changed is noted with the next batch. So after a kill one batch at
most is open, and the queue itself tells what became of it (:mod:`~prismq_gui.operations.recovery`).
Must not read or write a queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.sqlite_errors import READ_ERRORS
from prismq_gui.operations.cells import pack, unpack
from prismq_gui.operations.images import Batch, restore
from prismq_gui.operations.journal_file import JournalFile
from prismq_gui.operations.journal_records import Entry, Keeping, Operation, State
from prismq_gui.operations.live import LiveLock, sweep
from prismq_gui.operations.messages import OperationKind, Skip
from prismq_gui.queue.timestamps import now_utc, utc_text

MAX_LISTED = 1_000
_COLUMNS = (
    "number, id, path, device, inode, who, kind, wish, state, planned, changed, skips, sentence, problem, undoes, "
    "started_utc, ended_utc, bytes, kept, EXISTS (SELECT 1 FROM targets AS t WHERE t.operation = number)"
)
_AT_ONCE = 32  # batches deleted in one transaction: other windows wait meanwhile


class Stored(NamedTuple):
    """A batch as the journal holds it. ``unapplied``: the units that were not changed, None where it is not known."""

    place: int
    batch: Batch
    unapplied: frozenset[int] | None


class Journal:
    """The journal in a folder; any thread, holds no connection between two calls.

    Raises:
        ProblemError: From any method: the file cannot be read or written, or a newer program made it.
    """

    def __init__(self, folder: Path, keeping: Keeping | None = None) -> None:
        self.folder = Path(folder)
        self.keeping = keeping or Keeping()

    @property
    def path(self) -> Path:
        """Its file."""
        return JournalFile(self.folder).path

    def operations(self, path: Path | None = None, *, limit: int = MAX_LISTED) -> tuple[Operation, ...]:
        """Return the last operations, the newest first, of one queue file or of all."""
        where, params = ("WHERE path = ?", (str(path.resolve()),)) if path is not None else ("", ())
        return self._listed(f"{where} ORDER BY number DESC LIMIT ?", (*params, limit))

    def operation(self, operation_id: str) -> Operation | None:
        """Return an operation by its id, or by as much of its beginning as is no other's."""
        found = self._listed("WHERE substr(id, 1, ?) = ? LIMIT 2", (len(operation_id), operation_id))
        exact = [each for each in found if each.id == operation_id]
        if exact:
            return exact[0]
        return found[0] if len(found) == 1 and operation_id else None

    def _listed(self, clause: str, params: Sequence[Cell]) -> tuple[Operation, ...]:
        with closing(JournalFile(self.folder)) as file:
            if not file.open(write=False):
                return ()
            try:
                rows = file.rows(f"SELECT {_COLUMNS} FROM operations {clause}", params)
            except READ_ERRORS as error:
                raise ProblemError(file.translated(error)) from None
        return tuple(self._told(row) for row in rows)

    def _told(self, row: Row) -> Operation:
        (number, operation_id, path, device, inode, who, kind, wish, state, planned, changed, skips, sentence,
         problem, undoes, started, ended, size, kept, has_targets) = row  # fmt: skip
        name = str(kind)
        known = next((each for each in OperationKind if each.value == name), None)
        told = next((each for each in State if each.value == state), State.FAILED)
        if told is State.RUNNING and not LiveLock(self.folder, str(operation_id)).is_held():
            told = State.INTERRUPTED
        return Operation(
            id=str(operation_id), number=_int(number), path=Path(str(path)), who=str(who), kind=known, kind_name=name,
            values=tuple((str(each), value) for each, value in json.loads(str(wish))), state=told,
            planned=_int(planned), changed=_int(changed),
            skips=tuple(
                Skip(each["reason"], each["count"], tuple(each["sample_ids"])) for each in json.loads(str(skips))
            ),
            sentence=str(sentence), problem=str(problem), undoes=str(undoes), started_utc=str(started),
            ended_utc=str(ended), bytes=_int(size), is_kept=bool(kept), has_targets=bool(has_targets),
            device=str(device), inode=str(inode),
        )  # fmt: skip

    def batches(self, operation: Operation, *, newest_first: bool = False) -> Iterator[Stored]:
        """Yield an operation's batches one by one; the journal is not held while one is looked at."""
        place = 2**62 if newest_first else -1
        before, order = ("<", "DESC") if newest_first else (">", "ASC")
        sql = (
            "SELECT place, settled, images FROM batches "
            f"WHERE operation = ? AND place {before} ? ORDER BY place {order} LIMIT 1"
        )
        with closing(JournalFile(self.folder)) as file:
            if not file.open(write=False):
                return
            while True:
                try:
                    rows = file.rows(sql, (operation.number, place))
                    if not rows:
                        return
                    place = _int(rows[0][0])
                    stored = _stored(rows[0])
                except (*READ_ERRORS, ValueError) as error:
                    raise ProblemError(file.translated(error)) from None
                yield stored

    def settle(self, operation: Operation, found: Sequence[tuple[int, Iterable[int]]], changed: int) -> None:
        """Note of open batches which units were not changed, and how many were in all: an interrupted operation."""
        with closing(JournalFile(self.folder)) as file:
            file.open()
            with file.transaction():
                for place, unapplied in found:
                    sql = "UPDATE batches SET settled = ? WHERE operation = ? AND place = ? AND settled IS NULL"
                    file.rows(sql, (pack(sorted(unapplied)), operation.number, place))
                sql = "UPDATE operations SET state = ?, changed = ?, ended_utc = ? WHERE number = ?"
                state = State.INTERRUPTED.value
                file.rows(sql, (state, changed, operation.ended_utc or _now(), operation.number))
                if operation.undoes and changed:
                    sql = "UPDATE operations SET state = ? WHERE id = ?"
                    file.rows(sql, (State.PARTLY_UNDONE.value, operation.undoes))

    def targets(self, operation: Operation) -> Iterator[bytes]:
        """Yield what was stored of the tasks that an operation was to change."""
        with closing(JournalFile(self.folder)) as file:
            if file.open(write=False):
                sql = "SELECT data FROM targets WHERE operation = ? ORDER BY place"
                try:
                    for (data,) in file.stream(sql, (operation.number,)):
                        yield data if isinstance(data, bytes) else b""
                except READ_ERRORS as error:
                    raise ProblemError(file.translated(error)) from None

    def begin(self, entry: Entry, targets: Iterable[bytes] = ()) -> Recording:
        """Record an operation before its first change.

        Raises:
            ProblemError: It cannot be written: nothing may be changed then.
        """
        recording = Recording(self, entry.id)
        try:
            recording.open()
            recording.record(entry, targets)
        except BaseException:
            recording.close()
            raise
        return recording

    def resume(self, operation: Operation) -> Recording | None:
        """Go on with an operation that ended before its end; None where somebody runs it now."""
        recording = Recording(self, operation.id)
        try:
            if not recording.open():
                return None
            recording.take_up(operation)
        except BaseException:
            recording.close()
            raise
        return recording

    def trim(self) -> None:
        """Forget what is too old or too much, the oldest first; operations that run are left alone."""
        sweep(self.folder)
        kept = [each for each in self.operations(limit=1_000_000) if each.state is not State.RUNNING]
        now, held = now_utc(), 0
        with closing(JournalFile(self.folder)) as file:
            file.open()
            for rank, each in enumerate(kept):
                held += each.bytes
                is_old = each.started_utc < utc_text(now - self.keeping.images)
                if each.is_kept and (is_old or (rank > 0 and held > self.keeping.images_bytes)):
                    self._drop_images(file, each)
                if each.started_utc < utc_text(now - self.keeping.history):
                    with file.transaction():
                        file.rows("DELETE FROM operations WHERE number = ?", (each.number,))

    def _drop_images(self, file: JournalFile, operation: Operation) -> None:
        with file.transaction():  # first: half of an operation cannot be undone
            sql = "UPDATE operations SET kept = 0, bytes = 0 WHERE number = ?"
            file.rows(sql, (operation.number,))
        for table in ("targets", "batches"):
            sql = f"SELECT place FROM {table} WHERE operation = ? ORDER BY place LIMIT {_AT_ONCE}"
            while places := file.rows(sql, (operation.number,)):
                with file.transaction():
                    for (place,) in places:
                        file.rows(f"DELETE FROM {table} WHERE operation = ? AND place = ?", (operation.number, place))
        with file.transaction():
            file.rows("PRAGMA incremental_vacuum(4096)")


class Recording:
    """The journal of one operation while it runs; opened, used and closed in the operation's thread."""

    def __init__(self, journal: Journal, operation_id: str) -> None:
        self._journal = journal
        self._file = JournalFile(journal.folder)
        self._live = LiveLock(journal.folder, operation_id)
        self._number = 0
        self._place = 0
        self._unsettled: tuple[int, list[int]] | None = None
        self.before = 0
        """How many units were changed before the operation was resumed."""

    def open(self) -> bool:
        """Open the file and take the operation's lock; return False where somebody else has it."""
        self._file.open()
        try:
            return self._live.take()
        except OSError as error:
            what = f"The journal's folder cannot be written ({error.strerror or error.__class__.__name__})"
            raise ProblemError(self._file.problem(what)) from None

    def record(self, entry: Entry, targets: Iterable[bytes]) -> None:
        """Write what the operation is, before anything is changed."""
        wish = json.dumps([[name, value] for name, value in entry.wish.values])
        with self._file.transaction():
            self._file.rows(
                "INSERT INTO operations (id, path, device, inode, who, kind, wish, state, planned, sentence, undoes, "
                "started_utc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (entry.id, str(entry.path.resolve()), str(entry.device), str(entry.inode), entry.who,
                 entry.wish.kind.value, wish, State.RUNNING.value, entry.planned, entry.sentence, entry.undoes, _now()),
            )  # fmt: skip
            self._number = _int(self._file.rows("SELECT last_insert_rowid()")[0][0])
            for place, data in enumerate(targets):
                self._file.rows("INSERT INTO targets VALUES (?, ?, ?)", (self._number, place, data))
                self._grow(len(data))

    def take_up(self, operation: Operation) -> None:
        """Mark an operation as running again."""
        self._number, self.before = operation.number, operation.changed
        with self._file.transaction():
            sql = "UPDATE operations SET state = ?, problem = '' WHERE number = ?"
            self._file.rows(sql, (State.RUNNING.value, self._number))
            last = self._file.rows("SELECT max(place) FROM batches WHERE operation = ?", (self._number,))[0][0]
            self._place = _int(last) + 1 if last is not None else 0

    def _grow(self, size: int) -> None:
        self._file.rows("UPDATE operations SET bytes = bytes + ? WHERE number = ?", (size, self._number))

    def add(self, batch: Batch, changed: int) -> None:
        """Write a batch, and what became of the one before it; on the disk when it returns."""
        images = batch.store()
        with self._file.transaction():
            self._write_settled()
            sql = "INSERT INTO batches (operation, place, units, images) VALUES (?, ?, ?, ?)"
            self._file.rows(sql, (self._number, self._place, len(batch.units), images))
            sql = "UPDATE operations SET bytes = bytes + ?, changed = ? WHERE number = ?"
            self._file.rows(sql, (len(images), self.before + changed, self._number))
        self._unsettled = None
        self._place += 1

    def settle(self, unapplied: list[int]) -> None:
        """Remember which units of the last batch were not changed, to be written with what comes next."""
        self._unsettled = (self._place - 1, unapplied)

    def _write_settled(self) -> None:
        if self._unsettled is not None:
            place, unapplied = self._unsettled
            sql = "UPDATE batches SET settled = ? WHERE operation = ? AND place = ?"
            self._file.rows(sql, (pack(unapplied), self._number, place))

    def finish(
        self,
        state: State,
        changed: int,
        skips: Sequence[Skip],
        sentence: str,
        problem: str,
        others: Sequence[tuple[str, State]] = (),
    ) -> None:
        """Write how the operation ended; ``others`` are operations that it changed the state of."""
        told = json.dumps([asdict(skip) for skip in skips])
        with self._file.transaction():
            self._write_settled()
            sql = (
                "UPDATE operations SET state = ?, changed = ?, skips = ?, sentence = ?, problem = ?, ended_utc = ? "
                "WHERE number = ?"
            )
            total = self.before + changed
            self._file.rows(sql, (state.value, total, told, sentence, problem, _now(), self._number))
            if state is State.FINISHED:
                self._file.rows("DELETE FROM targets WHERE operation = ?", (self._number,))
            for other, became in others:
                self._file.rows("UPDATE operations SET state = ? WHERE id = ?", (became.value, other))
        self._unsettled = None

    def close(self) -> None:
        """Close, and let others know that nobody runs the operation any more. Idempotent."""
        self._file.close()
        self._live.leave()


def _stored(row: Row) -> Stored:
    place, settled, images = row
    if not isinstance(images, bytes):
        raise ValueError("the stored rows are no bytes")
    unapplied = frozenset(unpack(settled)) if isinstance(settled, bytes) else None
    return Stored(_int(place), restore(images), unapplied)


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _now() -> str:
    return utc_text(now_utc())
