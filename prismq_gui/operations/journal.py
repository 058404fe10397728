"""The journal of operations: what was done to which rows, kept so that it can be told, finished and taken back.

Owns the file in the person's own folder. Each batch of rows is on the disk before the first of them is
changed in the queue; which of them were changed is noted with the next batch. So after a kill one batch at
most is open, and the queue itself tells what became of it (:mod:`~prismq_gui.operations.recovery`).
Must not read or write a queue.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.sqlite_errors import READ_ERRORS
from prismq_gui.operations.cells import pack, unpack
from prismq_gui.operations.images import Batch, restore
from prismq_gui.operations.journal_file import JournalFile
from prismq_gui.operations.journal_records import Entry, Keeping, Operation, State, file_name
from prismq_gui.operations.live import LiveLock, sweep
from prismq_gui.operations.messages import OperationKind, Skip
from prismq_gui.operations.recording import Recording
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


class Outline(NamedTuple):
    """A batch without its rows: how many units it has, and those that were not changed, None where it is not known."""

    place: int
    units: int
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
        where, params = ("WHERE path = ?", (file_name(path),)) if path is not None else ("", ())
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
        try:
            return tuple(self._told(row) for row in rows)
        except (ValueError, KeyError, TypeError):
            raise ProblemError(file.problem("The journal holds an operation that cannot be read")) from None

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

    def outline(self, operation: Operation) -> tuple[Outline, ...]:
        """Return how many units each batch of an operation has and which were not changed, without the rows."""
        with closing(JournalFile(self.folder)) as file:
            if not file.open(write=False):
                return ()
            sql = "SELECT place, units, settled FROM batches WHERE operation = ? ORDER BY place"
            try:
                return tuple(
                    Outline(_int(place), _int(units), _unapplied(settled))
                    for place, units, settled in file.stream(sql, (operation.number,))
                )
            except (*READ_ERRORS, ValueError) as error:
                raise ProblemError(file.translated(error)) from None

    def batch(self, operation: Operation, place: int) -> Batch:
        """Return one batch of an operation."""
        with closing(JournalFile(self.folder)) as file:
            file.open()
            sql = "SELECT place, settled, images FROM batches WHERE operation = ? AND place = ?"
            try:
                return _stored(file.rows(sql, (operation.number, place))[0]).batch
            except (*READ_ERRORS, ValueError, IndexError) as error:
                raise ProblemError(file.translated(error)) from None

    def settle(
        self, operation: Operation, found: Sequence[tuple[int, Collection[int]]], changed: int, sentence: str
    ) -> None:
        """Note of open batches which units were not changed, and how many were in all: an interrupted operation."""
        with closing(JournalFile(self.folder)) as file:
            file.open()
            with file.transaction():
                for place, unapplied in found:
                    sql = "UPDATE batches SET settled = ? WHERE operation = ? AND place = ? AND settled IS NULL"
                    file.rows(sql, (pack(sorted(unapplied)), operation.number, place))
                sql = "UPDATE operations SET state = ?, changed = ?, sentence = ?, ended_utc = ? WHERE number = ?"
                state, ended = State.INTERRUPTED.value, operation.ended_utc or _now()
                file.rows(sql, (state, changed, sentence, ended, operation.number))
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
        recording = Recording(self.folder, entry.id)
        try:
            recording.open()
            recording.record(entry, targets)
        except BaseException:
            recording.close()
            raise
        return recording

    def resume(self, operation: Operation) -> Recording | None:
        """Go on with an operation that ended before its end; None where somebody runs it now."""
        recording = Recording(self.folder, operation.id)
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
        now = now_utc()
        images_since, history_since = utc_text(now - self.keeping.images), utc_text(now - self.keeping.history)
        with closing(JournalFile(self.folder)) as file:
            file.open()
            held = 0
            rows = file.rows("SELECT number, id, bytes, started_utc FROM operations WHERE kept ORDER BY number DESC")
            for rank, (number, operation_id, size, started) in enumerate(rows):
                held += _int(size)
                is_too_much = rank > 0 and held > self.keeping.images_bytes
                is_old = str(started) < images_since
                if (is_too_much or is_old) and not LiveLock(self.folder, str(operation_id)).is_held():
                    self._drop_images(file, _int(number))
            with file.transaction():
                file.rows("DELETE FROM operations WHERE NOT kept AND started_utc < ?", (history_since,))

    def _drop_images(self, file: JournalFile, number: int) -> None:
        with file.transaction():  # first: half of an operation cannot be undone
            file.rows("UPDATE operations SET kept = 0, bytes = 0 WHERE number = ?", (number,))
        for table in ("targets", "batches"):
            sql = f"SELECT place FROM {table} WHERE operation = ? ORDER BY place LIMIT {_AT_ONCE}"
            while places := file.rows(sql, (number,)):
                with file.transaction():
                    for (place,) in places:
                        file.rows(f"DELETE FROM {table} WHERE operation = ? AND place = ?", (number, place))
        file.give_back()


def _stored(row: Row) -> Stored:
    place, settled, images = row
    if not isinstance(images, bytes):
        raise ValueError("the stored rows are no bytes")
    return Stored(_int(place), restore(images), _unapplied(settled))


def _unapplied(settled: Cell) -> frozenset[int] | None:
    return frozenset(unpack(settled)) if isinstance(settled, bytes) else None


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _now() -> str:
    return utc_text(now_utc())
