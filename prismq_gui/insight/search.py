"""Search over everything: tasks and log lines that hold a text, the newest first, with or without the index.

The index only says where to look first. What it leaves out is looked at too, afterwards, unless the file is proven to
be as it was when it was indexed: so the answer is the same with it and without it, whatever programs changed the rows.
"""

from __future__ import annotations

import heapq
import sqlite3
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import checked_text
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.search_index import SHORTEST, WIDTHS, Covered, IndexView, parts_of
from prismq_gui.insight.search_scan import ALL_KINDS, MOST_IDS, Hit, Looker, SearchKind, Tempo, id_of, source_of
from prismq_gui.insight.walking import Bounds, read_bounds

_NEAR_BLOCKS = 4  # so many between two candidates are looked at with them: a statement costs as much
_LONG_STRETCH = 256  # ids; shorter ones are looked at by id, several in one statement
_LONGEST_STRETCH = 32_768
_FIRST_STRETCH = 1_024  # twice as much each time: where every block is named, the first hits come at once
_SOON = 8  # ends of stretches that are looked at at once: the first hits do not wait for a full statement
_MOST_CHANGED = 50_000  # tasks that the newest log lines name

__all__ = ["ALL_KINDS", "SHORTEST", "Hit", "HitChunk", "SearchKind", "search"]


@dataclass(frozen=True, slots=True)
class HitChunk:
    """A step of a search: hits of one kind, the newest first.

    ``progress`` is the share of all rows that were looked at or need not be. ``is_late`` marks hits out of order: rows
    that changed since they were indexed. The last chunk, and only it, is ``done``; ``was_stopped`` says that it was
    asked to, ``unchecked`` how many ids were left to the index alone, which a search that is not thorough does.
    """

    hits: tuple[Hit, ...] = ()
    progress: float = 0.0
    is_late: bool = False
    done: bool = False
    was_stopped: bool = False
    unchecked: int = 0


@dataclass(slots=True)
class _Step:
    hits: list[Hit]
    looked: int  # ids so far
    is_late: bool = False
    unchecked: int = 0


def search(
    connection: ReadConnection,
    layout: Layout,
    text: str,
    kinds: Iterable[SearchKind] = ALL_KINDS,
    *,
    index_folder: Path | None = None,
    thorough: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Generator[HitChunk, None, None]:
    """Yield the rows that hold a text, tasks and log lines by turns, each kind the newest first.

    The text is taken literally, without surrounding space; A to Z are the same as a to z, every other character is
    only itself. A text with nothing in it finds nothing.

    Args:
        connection: To the queue file, open.
        layout: What of the schema the file has.
        text: At most 1,000 characters.
        kinds: What to look through.
        index_folder: The program's folder for its own data, where the index may lie; None looks without one.
        thorough: Look at all rows that the index does not prove to be without the text. Without it those that
            changed since they were indexed, and left no line in the log, may be missed.
        should_stop: Asked before each statement.
        on_progress: Told the share of all rows.

    Raises:
        ProblemError: While iterated: REFUSED where the text is too long, or what a statement met.
    """
    text = checked_text(text)
    wanted = [kind for kind in ALL_KINDS if kind in set(kinds)] if text else []
    view = IndexView.open(connection.path, index_folder) if index_folder is not None and parts_of(text) else None
    try:
        parts = [part for kind in wanted if (part := _part(connection, layout, kind, text, view, thorough)) is not None]
        total = sum(part.total for part in parts)
        last = HitChunk(progress=1.0, done=True)
        for chunk in _by_turns(parts, max(1, total), should_stop):
            on_progress(chunk.progress)
            last = replace(last, unchecked=chunk.unchecked)
            if chunk.was_stopped:
                last = replace(chunk, done=True)
                break
            yield replace(chunk, unchecked=0)
        on_progress(last.progress)
        yield last
    finally:
        if view is not None:
            view.close()


def _part(
    connection: ReadConnection, layout: Layout, kind: SearchKind, text: str, view: IndexView | None, thorough: bool
) -> _Part | None:
    source = source_of(kind, layout)
    bounds = read_bounds(connection, source.table, source.key) if source is not None else None
    if source is None or bounds is None:
        return None
    looker = Looker(connection, source, text, Tempo(connection))
    return _Part(connection, layout, kind, text, looker, bounds, view, thorough)


def _by_turns(parts: list[_Part], total: int, should_stop: Callable[[], bool]) -> Iterator[HitChunk]:
    """Take a step of each in turn, so that neither kind waits for the other."""
    running = [(part, part.steps()) for part in parts]
    looked: dict[int, int] = {}
    unchecked: dict[int, int] = {}
    while running:
        for pair in list(running):
            part, steps = pair
            if should_stop():
                yield HitChunk(progress=min(1.0, sum(looked.values()) / total), was_stopped=True)
                return
            step = next(steps, None)
            if step is None:
                running.remove(pair)
                looked[id(part)] = part.total
            else:
                looked[id(part)] = min(part.total, step.looked)
                unchecked[id(part)] = step.unchecked
            share = min(1.0, sum(looked.values()) / total)
            hits, is_late = (tuple(step.hits), step.is_late) if step is not None else ((), False)
            yield HitChunk(hits, share, is_late, unchecked=sum(unchecked.values()))


class _Part:
    """The search through one kind: new rows, what the index names, what it does not reach, and the rest."""

    def __init__(
        self,
        connection: ReadConnection,
        layout: Layout,
        kind: SearchKind,
        text: str,
        looker: Looker,
        bounds: Bounds,
        view: IndexView | None,
        thorough: bool,
    ) -> None:
        self.total = bounds.high - bounds.low + 1
        self._connection = connection
        self._layout = layout
        self._kind = kind
        self._text = text
        self._looker = looker
        self._bounds = bounds
        self._view = view
        self._thorough = thorough
        self._looked = 0

    def steps(self) -> Iterator[_Step]:
        """Yield the search, a statement a step."""
        bounds, view = self._bounds, self._view
        covered = view.covered(self._kind) if view is not None else None
        if view is None or covered is None or covered.low > bounds.high or covered.high < bounds.low:
            yield from self._scan(bounds.low, bounds.high)
            return
        covered = replace(covered, low=max(covered.low, bounds.low), high=min(covered.high, bounds.high))
        yield from self._scan(covered.high + 1, bounds.high)
        seen: array[int] = array("q")  # pairs of high and low, descending
        yield from self._indexed(view, covered, seen)
        yield from self._scan(bounds.low, covered.low - 1)
        gaps = list(_gaps(covered, seen))
        left = sum(high - low + 1 for low, high in gaps)
        if covered.is_proven or not self._thorough:
            yield _Step([], self.total, unchecked=0 if covered.is_proven else left)
            return
        for low, high in gaps:
            for step in self._scan(low, high):
                step.is_late = True
                yield step

    def _scan(self, low: int, high: int) -> Iterator[_Step]:
        position = high + 1
        for hits, reached in self._looker.stretch(low, high) if low <= high else ():
            self._looked += position - reached
            position = reached
            yield _Step(hits, self._looked)

    def _indexed(self, view: IndexView, covered: Covered, seen: array[int]) -> Iterator[_Step]:
        """Look where the index says; where it fails, at all that is left."""
        batch: list[int] = []
        base, lowest = self._looked, covered.high + 1

        def look() -> Iterator[_Step]:
            if batch:
                ids = batch[:]
                batch.clear()
                yield self._look(ids, base, covered, lowest)

        try:
            for low, high in _stretches(self._blocks(view), WIDTHS[self._kind], covered):
                is_long = high - low >= _LONG_STRETCH
                if is_long or len(batch) + high - low >= MOST_IDS:
                    yield from look()
                seen.extend((high, low))
                lowest = low
                if is_long:
                    yield from self._scan(low, high)
                    continue
                batch.extend(range(high, low - 1, -1))
                if len(seen) <= _SOON:
                    yield from look()
        except (sqlite3.Error, OverflowError):
            yield from look()
            if lowest > covered.low:
                seen.extend((lowest - 1, covered.low))
                yield from self._scan(covered.low, lowest - 1)
            return
        yield from look()
        if covered.is_proven:
            self._looked = base + covered.high - covered.low + 1

    def _look(self, ids: list[int], base: int, covered: Covered, lowest: int) -> _Step:
        hits = self._looker.ids(ids)
        self._looked = base + covered.high - lowest + 1 if covered.is_proven else self._looked + len(ids)
        return _Step(hits, self._looked)

    def _blocks(self, view: IndexView) -> Iterator[int]:
        """Yield the blocks to look at, each once, the newest first."""
        before = None
        streams = (view.candidates(self._kind, self._text), view.always(self._kind), self._changed(), self._own_id())
        for block in heapq.merge(*streams, reverse=True):
            if block != before:
                yield block
            before = block

    def _own_id(self) -> list[int]:
        """Return the block of the task whose id the text is."""
        own_id = id_of(self._text) if self._kind is SearchKind.TASKS else None
        return [] if own_id is None else [own_id // WIDTHS[self._kind]]

    def _changed(self) -> list[int]:
        """Return the blocks of the tasks that the log lines name which the index does not know yet."""
        lines = self._view.covered(SearchKind.LOGS) if self._view is not None else None
        if self._kind is not SearchKind.TASKS or lines is None or "task_id" not in self._layout.logs:
            return []
        sql = f"SELECT task_id FROM task_logs WHERE log_id > ? ORDER BY log_id DESC LIMIT {_MOST_CHANGED}"
        rows = self._connection.rows(sql, (lines.high,), doing="search the file")
        width = WIDTHS[self._kind]
        return sorted({row[0] // width for row in rows if isinstance(row[0], int)}, reverse=True)


def _stretches(blocks: Iterable[int], width: int, covered: Covered) -> Iterator[tuple[int, int]]:
    """Yield stretches of ids, descending, that hold the blocks; near ones are one stretch."""
    low = high = 0
    is_begun, longest = False, _FIRST_STRETCH
    for block in blocks:
        bottom, top = max(block * width, covered.low), min(block * width + width - 1, covered.high)
        if bottom > top:
            continue
        if is_begun and low - top <= _NEAR_BLOCKS * width and high - bottom < longest:
            low = bottom
            continue
        if is_begun:
            yield low, high
            longest = min(_LONGEST_STRETCH, longest * 2)
            top = min(top, low - 1)
        low, high, is_begun = bottom, top, True
    if is_begun:
        yield low, high


def _gaps(covered: Covered, seen: array[int]) -> Iterator[tuple[int, int]]:
    """Yield what of the covered ids was not looked at, descending."""
    position = covered.high
    for at in range(0, len(seen), 2):
        high, low = seen[at], seen[at + 1]
        if high < position:
            yield high + 1, position
        position = min(position, low - 1)
    if position >= covered.low:
        yield covered.low, position
