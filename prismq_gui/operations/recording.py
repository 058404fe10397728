"""The journal of one operation while it runs: its record, its batches, its end.

Owns the order of these writes; each is on the disk when it returns. Reads no queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.operations.cells import pack
from prismq_gui.operations.images import Batch
from prismq_gui.operations.journal_file import JournalFile
from prismq_gui.operations.journal_records import Entry, Operation, State, file_name
from prismq_gui.operations.live import LiveLock
from prismq_gui.operations.messages import Skip
from prismq_gui.queue.timestamps import now_utc, utc_text


class Recording:
    """The journal of one operation while it runs; opened, used and closed in the operation's thread."""

    def __init__(self, folder: Path, operation_id: str) -> None:
        self._file = JournalFile(folder)
        self._live = LiveLock(folder, operation_id)
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
                (entry.id, file_name(entry.path), str(entry.device), str(entry.inode), entry.who,
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
                size = "(SELECT coalesce(sum(length(data)), 0) FROM targets WHERE operation = number)"
                self._file.rows(f"UPDATE operations SET bytes = bytes - {size} WHERE number = ?", (self._number,))
                self._file.rows("DELETE FROM targets WHERE operation = ?", (self._number,))
            for other, became in others:
                self._file.rows("UPDATE operations SET state = ? WHERE id = ?", (became.value, other))
        self._unsettled = None

    def close(self) -> None:
        """Close, and let others know that nobody runs the operation any more. Idempotent."""
        self._file.close()
        self._live.leave()


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _now() -> str:
    return utc_text(now_utc())
