"""Comparing two queue files: a queue and its backup, two copies, yesterday and today.

Owns the walk over both files side by side, by id and by idempotency key, in short statements on two hardened
read-only connections. Must never attach one file to the other's connection, nor hold a snapshot of a live file: what
changes while it is compared may appear as a difference, and that is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prismq_gui.insight.before_opening import lacks_wal, missing_wal_notes
from prismq_gui.insight.compare_keys import KeyComparison, compare_keys, has_key_index
from prismq_gui.insight.compare_records import (
    ColumnCount,
    CompareProgress,
    Comparison,
    Difference,
    IdTally,
    OnProgress,
    Pair,
    PairRow,
)
from prismq_gui.insight.compare_rows import SHORT_CHARACTERS, pair_rows
from prismq_gui.insight.compare_walk import Merge, long_equal
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import TASK_COLUMNS, Layout, read_layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.rows import preview
from prismq_gui.insight.sqlite_errors import translate
from prismq_gui.queue.timestamps import parse_utc

__all__ = ["ColumnCount", "CompareProgress", "Comparison", "Difference", "FileComparison", "IdTally"]

_SHARE_OF_IDS = 0.9  # of the progress; the keys are in an index and take the rest
_COMPUTED = frozenset({"region", "format"})
_KNOWN = (*TASK_COLUMNS, "payload", "compatibility")
ShouldStop = Callable[[], bool]


class FileComparison:
    """Compares two files; made, used and closed in one thread. Only :meth:`interrupt` may be called from another.

    Args:
        before: The older file.
        after: The newer one.
    """

    def __init__(self, before: Path, after: Path, *, deadline_s: float = 5.0) -> None:
        self._paths = (Path(before), Path(after))
        self._sides = tuple(ReadConnection(path, deadline_s) for path in self._paths)
        self._raw = tuple(ReadConnection(path, deadline_s, text_factory=bytes) for path in self._paths)
        self._layouts: tuple[Layout, ...] = ()
        self._wal_notes: tuple[str, ...] = ()

    def open(self) -> None:
        """Open both files read-only.

        Raises:
            ProblemError: One cannot be read or is no queue; REFUSED where both are the same file.
        """
        self.close()
        lacking = [lacks_wal(path) for path in self._paths]  # opening a file makes one
        try:
            for connection in (*self._sides, *self._raw):
                connection.open()
            _check_apart(*self._paths)
            self._layouts = tuple(read_layout(side) for side in self._sides)
            self._wal_notes = tuple(self._missing_wal(lacking))
        except OSError as error:
            self.close()
            raise ProblemError(translate(error, self._paths[1], doing="compare the files")) from None
        except ProblemError:
            self.close()
            raise

    def _missing_wal(self, lacking: Sequence[bool]) -> Iterator[str]:
        for side, layout, lacks in zip(self._sides, self._layouts, lacking, strict=True):
            if lacks:
                yield from (f"{side.path.name}: {note}" for note in missing_wal_notes(side, layout))

    def close(self) -> None:
        """Close both; idempotent."""
        for connection in (*self._sides, *self._raw):
            connection.close()

    def interrupt(self) -> None:
        """End the running statement, which raises INTERRUPTED; callable from any thread."""
        for connection in (*self._sides, *self._raw):
            connection.interrupt()

    def columns(self) -> tuple[str, ...]:
        """Return the columns that both files have."""
        before, after = self._layouts
        return tuple(name for name in _KNOWN if name in before.tasks and name in after.tasks)

    def run(
        self, on_progress: OnProgress = lambda _progress: None, should_stop: ShouldStop = lambda: False
    ) -> Comparison:
        """Compare all of both files, in stretches of at most 25 ms a file.

        Raises:
            ProblemError: A file cannot be read; INTERRUPTED after :meth:`interrupt`.
        """
        started = time.perf_counter()
        versions = self._versions()
        merge = Merge(self._raw, self.columns())
        stopped = False
        for done in merge.steps():
            on_progress(CompareProgress(done * _SHARE_OF_IDS, f"{merge.seen:,} tasks compared", merge.counts()))
            if should_stop():
                stopped = True
                break
        keys = None if stopped else self._keys(merge, on_progress, should_stop)
        stopped = stopped or (keys is not None and keys.stopped)
        notes = [*self._wal_notes, *self._layout_notes(), *(keys.notes if keys else ())]
        if keys is None and not stopped:
            notes.append("The idempotency keys were not compared: a file has no unique index of them.")
        notes += self._written_meanwhile(versions)
        on_progress(CompareProgress(1.0, "stopped" if stopped else "done", merge.counts()))
        return Comparison(
            *self._paths, merge.same, merge.appeared, merge.vanished, merge.changed, merge.reused,
            merge.column_counts(), keys.appeared if keys else None, keys.vanished if keys else None,
            keys.before if keys else None, keys.after if keys else None, self._not_compared(), merge.unread,
            tuple(notes), stopped, time.perf_counter() - started, self.columns()[1:], merge.changed_fields,
        )  # fmt: skip

    def _keys(self, merge: Merge, on_progress: OnProgress, should_stop: ShouldStop) -> KeyComparison | None:
        if "idempotency_key" not in self.columns() or not all(map(has_key_index, self._sides)):
            return None

        def tell(done: float) -> None:
            on_progress(CompareProgress(_SHARE_OF_IDS + done * (1 - _SHARE_OF_IDS), "idempotency keys", counts))

        counts = merge.counts()
        return compare_keys(self._raw, merge.seen, tell, should_stop)

    def _written_meanwhile(self, versions: list[Cell]) -> Iterator[str]:
        pairs = zip(self._paths, versions, self._versions(), strict=True)
        changed = [path.name for path, old, new in pairs if old != new]
        if changed:
            text = "was written while it was compared: what changed meanwhile may appear here"
            yield f"{' and '.join(changed)} {text}."

    def pair(self, before_id: int, after_id: int | None = None) -> tuple[Difference, ...]:
        """Return the columns in which two tasks differ; without ``after_id`` the same id in both files.

        A task that a file does not have is all NULL.
        """
        ids = (before_id, before_id if after_id is None else after_id)
        found = []
        for name in self.columns()[1:]:
            old, new = (
                preview(side, layout, task_id, name)
                for side, layout, task_id in zip(self._sides, self._layouts, ids, strict=True)
            )
            if old != new or (old.truncated and long_equal(self._sides, name, ids) is not True):
                found.append(Difference(name, old, new, is_same_moment(name, old.text, new.text)))
        return tuple(found)

    def rows(self, pairs: Sequence[Pair], characters: int = SHORT_CHARACTERS) -> tuple[PairRow, ...]:
        """Return the values of pairs, each cut at so many characters, in the order of the pairs; at most 256 a call."""
        return pair_rows(self._sides, self._layouts, self.columns()[1:], pairs, characters)

    def _versions(self) -> list[Cell]:
        return [side.value("PRAGMA data_version", doing="look for changes") for side in self._sides]

    def _not_compared(self) -> tuple[str, ...]:
        before, after = (layout.tasks - _COMPUTED for layout in self._layouts)
        alone = ((before - after, self._paths[0]), (after - before, self._paths[1]))
        return tuple(f"{name} (only in {path.name})" for names, path in alone for name in sorted(names))

    def _layout_notes(self) -> Iterator[str]:
        alone = self._not_compared()
        if alone:
            yield f"Columns that one file alone has were left out: {', '.join(alone[:20])}."
        both = self._layouts[0].tasks & self._layouts[1].tasks
        strange = sorted(both - _COMPUTED - frozenset(_KNOWN))
        if strange:
            yield f"Columns that this program does not know were left out: {', '.join(strange[:20])}."


def _check_apart(before: Path, after: Path) -> None:
    if before.samefile(after):
        what, advice = "Both names lead to the same file", "Choose another file to compare with."
        raise ProblemError(Problem(ProblemKind.REFUSED, what, str(after), "Nothing was compared.", advice))


def is_same_moment(name: str, old: str, new: str) -> bool:
    """Whether two texts of a column of times name the same moment."""
    moment = parse_utc(old) if name.endswith("_utc") else None
    return moment is not None and moment == parse_utc(new)
