"""One slice after the other of the work on the full-text index, on an open queue file and an open side file.

Owns the order of the work: rows that are new, rows that the log says changed, older rows down to the first, and then a
round over all that is indexed, which finds every changed row by the digest of its block, whether or not the program
that changed it touched ``updated_at_utc``. The newest rows are left out while they are new: they still change, and to
scan them is quick. The queue file is only read, in short statements.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from prismq_gui.insight import search_files as files
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.search_blocks import Block, BlockReader
from prismq_gui.insight.search_index import TOP, IndexState, IndexStatus, read_meta, status_of
from prismq_gui.insight.search_samples import Samples
from prismq_gui.insight.search_scan import ALL_KINDS, SearchKind, source_of
from prismq_gui.insight.walking import read_bounds

TAIL_ROWS: Final = 4_096  # the newest rows are scanned, not indexed: about 5 ms
_GROW_BLOCKS: Final = 64  # new ones are indexed together: many small batches would have to be merged
_BATCH: Final = 4  # statements of reading a transaction, for the same reason
_QUIET_S: Final = 2.0  # without a commit: then a round can prove that nothing changed
_ROUND_EVERY_S: Final = 600.0  # while others write
_DIRTY_EVERY_S: Final = 30.0  # a task that runs changes some times a minute: it is indexed once
_KNOW_EVERY_S: Final = 60.0
_LEAST_LIMIT_BYTES: Final = 4 * 1024 * 1024
_GROWTH_BYTES: Final = 16 * 1024 * 1024  # or a tenth: over the limit by so much, there is no room for new rows


class Gone(Exception):  # noqa: N818 - no error: somebody switched the index off
    """The side file was deleted, or is to be."""


class Anew(Exception):  # noqa: N818 - no error either
    """The index does not belong to this file (any more) and is begun anew."""


class NoRoomWithin(Exception):  # noqa: N818 - nor is this
    """New rows have no room within the limit: the index is begun anew, from the newest."""


class Unable(Exception):  # noqa: N818 - nor this
    """This queue file cannot be indexed; the text says why."""


class _Kind:
    """How far the index of one kind is. Blocks ``low`` to ``high`` are indexed, none where low is above high."""

    def __init__(self, kind: SearchKind, reader: BlockReader) -> None:
        self.kind = kind
        self.reader = reader
        self.low, self.high = 0, -1
        self.is_filled = False  # down to the first row
        self.is_begun = False
        self.proof = ""
        self.round_at = -1  # the next block that the round looks at, going down
        self.clean_top = -1  # blocks from low up to this were written since the file last changed
        self.round_ended = 0.0
        self.is_tainted = True  # somebody wrote since the round began

    @property
    def is_round_over(self) -> bool:
        """Whether every block was looked at since the file last changed."""
        return self.round_at <= self.clean_top

    def begin_round(self) -> None:
        """Take every block for one that may have changed."""
        self.round_at, self.clean_top = self.high, self.low - 1
        self.is_tainted = False


class Work:
    """The open queue file and side file, and one slice of work after the other."""

    def __init__(
        self,
        connection: ReadConnection,
        layout: Layout,
        side: sqlite3.Connection,
        path: Path,
        identity: str,
        limit_bytes: int,
        tail_rows: int,
    ) -> None:
        self.note = ""
        self.is_live_round = False
        self._connection = connection
        self._side = side
        self._path = path
        self._inode = path.stat().st_ino
        self._identity = identity
        self._limit_bytes = max(limit_bytes, _LEAST_LIMIT_BYTES)
        self._tail_rows = tail_rows
        self._signature = ""
        self._known_at = self._dirty_at = self._changed_at = time.monotonic()
        self._eager_rounds = 0
        self._turn = 0
        self._bounds: dict[SearchKind, tuple[int, int]] = {}
        sources = [source for kind in ALL_KINDS if (source := source_of(kind, layout)) is not None]
        self._kinds = [_Kind(source.kind, BlockReader(connection, layout, source)) for source in sources]
        self._samples = Samples(connection, side, has_created="created_at_utc" in layout.tasks)

    def is_logged(self) -> bool:
        """Whether writers use a write-ahead log, by which it can be told that nobody wrote."""
        return str(self._connection.value("PRAGMA journal_mode", doing="read the schema")).lower() == "wal"

    def begin(self, signature: str) -> None:
        """Take up the work where it was left.

        Raises:
            Anew: The index is of another file.
        """
        meta = read_meta(self._side)
        # A file of other columns is indexed anew.
        known = [f"{part.kind.value}.{name}" for part in self._kinds for name in part.reader.source.columns]
        schema = ",".join(known)
        if self._connection.value("SELECT length(CAST('aa' AS BLOB))", doing="read the schema") != 2:
            raise Unable("The file holds its text as UTF-16, which the index does not read")
        if not meta:
            self._save({"identity": self._identity, "schema": schema})
        elif meta.get("identity") != self._identity or meta.get("schema") != schema:
            raise Anew
        self._save({"limit": self._limit_bytes})
        self._signature = signature
        for part in self._kinds:
            low, high = meta.get(f"{part.kind.value}_low"), meta.get(f"{part.kind.value}_high")
            if isinstance(low, int) and isinstance(high, int):
                part.low, part.high, part.is_begun = low, high, True
                part.is_filled = meta.get(f"{part.kind.value}_filled") == 1
                part.proof = str(meta.get(f"{part.kind.value}_proof") or "")
                part.begin_round()
                if part.proof and part.proof == signature:
                    part.clean_top = part.high
        if not self._samples.know(self._readers()):
            raise Anew

    def check(self, queue: Path, signature: str) -> None:
        """Notice that the index was switched off, that the file is another one, or that somebody wrote.

        Raises:
            Gone: It was switched off.
            Anew: The queue file is another one.
        """
        try:
            if files.drop_mark(self._path).exists() or self._path.stat().st_ino != self._inode:
                raise Gone
        except FileNotFoundError:
            raise Gone from None
        with suppress(FileNotFoundError):
            if files.identify(queue).text() != self._identity:
                raise Anew
        if signature and signature == self._signature:
            return
        now = time.monotonic()
        self._signature, self._changed_at = signature, now
        for part in self._kinds:
            part.is_tainted = True
        if now - self._known_at >= _KNOW_EVERY_S:
            self._known_at = now
            if not self._samples.know(self._readers()):
                raise Anew

    def _readers(self) -> list[BlockReader]:
        return [part.reader for part in self._kinds]

    def slice(self, *, eager: bool) -> IndexState | None:
        """Do one piece of work; return the state where there was none to do.

        Raises:
            Anew: There is no room for new rows within the limit.
        """
        self.is_live_round = False
        self._turn += 1
        kinds = self._kinds[:: 1 if self._turn % 2 else -1]
        if any(self._grow(part, eager=eager) for part in kinds) or self._mend(eager=eager):
            return None
        size = self._size_bytes()
        is_full = size >= self._limit_bytes
        if size - self._limit_bytes >= max(_GROWTH_BYTES, self._limit_bytes // 10):
            raise NoRoomWithin
        if not is_full and any(self._fill(part) for part in kinds):
            return None
        if any(self._round(part, eager=eager) for part in kinds):
            self.is_live_round = not eager and time.monotonic() - self._changed_at < _QUIET_S
            return None
        if any(not part.is_filled for part in self._kinds):
            self.note = f"The index holds the newest rows; its limit of {self._limit_bytes:,} bytes is reached."
            return IndexState.FULL
        self.note = ""
        return IndexState.COMPLETE

    # -- the pieces of work

    def _size_bytes(self) -> int:
        """Return the size of the index without its log."""
        counts = [self._side.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
        return int(counts[0]) * int(counts[1])

    def _grow(self, part: _Kind, *, eager: bool) -> bool:
        """Index rows that came, but for the newest."""
        bounds = read_bounds(self._connection, part.reader.source.table, part.reader.source.key)
        if bounds is None:
            part.is_filled = part.is_begun = True
            return False
        self._bounds[part.kind] = (bounds.low, bounds.high)
        width = part.reader.width
        highest = min(bounds.high - self._tail_rows + 1, (TOP - 1) * width) // width - 1
        highest = max(-1, highest)  # the last whole block
        if not part.is_begun:
            part.low, part.high = highest + 1, highest
            part.is_begun, part.is_filled = True, False
            part.begin_round()
            return False
        if part.high >= highest or (not eager and highest - part.high < _GROW_BLOCKS):
            return False
        first = part.reader.next_block(part.high + 1, highest, upwards=True)
        if first is None:
            self._store(part, {}, high=highest)
            return True
        last, blocks = first - 1, {}
        for _ in range(_BATCH):
            if last >= highest:
                break
            begin, last = last + 1, min(highest, last + part.reader.blocks_at_once)
            blocks.update(part.reader.read(begin, last))
        self._store(part, blocks, high=last, is_new=True)
        return True

    def _fill(self, part: _Kind) -> bool:
        """Index older rows, the newest of them first."""
        if part.is_filled:
            return False
        blocks: dict[int, Block] = {}
        low = part.low
        for _ in range(_BATCH):
            last = part.reader.next_block(0, low - 1) if low > 0 else None
            if last is None:
                part.is_filled, low = True, 0
                break
            low = max(0, last - part.reader.blocks_at_once + 1)
            blocks.update(part.reader.read(low, last))
        self._store(part, blocks, low=low)
        return True

    def _mend(self, *, eager: bool) -> bool:
        """Index again what the log says changed."""
        now = time.monotonic()
        if not eager and now - self._dirty_at < _DIRTY_EVERY_S:
            return False
        for part in self._kinds:
            sql = "SELECT block FROM dirty WHERE kind = ? ORDER BY block DESC LIMIT 64"
            numbers = [row[0] for row in self._side.execute(sql, (part.kind.value,)).fetchall()]
            if numbers:
                blocks: dict[int, Block] = {}
                for number in numbers:
                    blocks.update(part.reader.read(number, number))
                self._store(part, self._changed(part, blocks, min(numbers), max(numbers)), done=numbers)
                return True
        self._dirty_at = now
        return False

    def _round(self, part: _Kind, *, eager: bool) -> bool:
        """Look whether blocks still are what was indexed; index again those that are not."""
        if part.is_tainted and self._may_begin_round(part, eager=eager):
            part.begin_round()
        if part.is_round_over:
            if self._signature and not part.is_tainted and part.proof != self._signature and part.is_begun:
                part.proof = self._signature
                self._save({f"{part.kind.value}_proof": part.proof})
            return False
        last = part.reader.next_block(max(0, part.clean_top + 1), part.round_at)
        if last is None:
            part.round_at, part.round_ended = part.clean_top, time.monotonic()
            return True
        first = max(part.clean_top + 1, last - part.reader.blocks_at_once + 1)
        blocks = self._changed(part, part.reader.read(first, last), first, last)
        if blocks:
            self._store(part, blocks)
        part.round_at = first - 1
        part.round_ended = time.monotonic()
        return True

    def _may_begin_round(self, part: _Kind, *, eager: bool) -> bool:
        """Whether a round makes sense that somebody's writing would take the proof from."""
        now = time.monotonic()
        if eager:
            self._eager_rounds += 1
            return self._eager_rounds <= 2 * len(self._kinds)
        is_quiet = bool(self._signature) and now - self._changed_at >= _QUIET_S
        return is_quiet or (part.is_round_over and now - part.round_ended >= _ROUND_EVERY_S)

    def _changed(self, part: _Kind, blocks: dict[int, Block], first: int, last: int) -> dict[int, Block]:
        sql = "SELECT block, digest FROM blocks WHERE kind = ? AND block BETWEEN ? AND ?"
        known = dict(self._side.execute(sql, (part.kind.value, first, last)).fetchall())
        return {number: block for number, block in blocks.items() if known.get(number) != block.digest}

    # -- writing

    def _store(
        self,
        part: _Kind,
        blocks: dict[int, Block],
        *,
        low: int | None = None,
        high: int | None = None,
        done: list[int] | None = None,
        is_new: bool = False,
    ) -> None:
        """Write blocks and how far the index reaches, whole or not at all."""
        kind = part.kind.value
        numbers = sorted(blocks, reverse=True)
        self._side.execute("BEGIN IMMEDIATE").close()
        try:
            self._many(
                f"INSERT INTO words_{kind} (rowid, text) VALUES (?, ?)", ((TOP - n, blocks[n].text) for n in numbers)
            )
            self._many("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", ((kind, n, blocks[n].digest) for n in numbers))
            self._many("DELETE FROM always WHERE kind = ? AND block = ?", ((kind, n) for n in numbers))
            self._many("INSERT INTO always VALUES (?, ?)", ((kind, n) for n in numbers if not blocks[n].is_whole))
            self._many("DELETE FROM dirty WHERE kind = ? AND block = ?", ((kind, n) for n in done or ()))
            if is_new and part.kind is SearchKind.LOGS:
                self._mark_dirty(blocks)
            if numbers:
                self._samples.add(part.reader, numbers[0])
            part.low = part.low if low is None else low
            part.high = part.high if high is None else high
            names = {"low": part.low, "high": part.high, "filled": int(part.is_filled)}
            rows = [(f"{kind}_{name}", value) for name, value in names.items()]
            self._many("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
            self._side.execute("COMMIT").close()
        except BaseException:
            with suppress(sqlite3.Error):
                self._side.execute("ROLLBACK").close()
            raise

    def _many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._side.executemany(sql, rows).close()

    def _save(self, values: dict[str, object]) -> None:
        self._many("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def _mark_dirty(self, blocks: dict[int, Block]) -> None:
        tasks = next(part for part in self._kinds if part.kind is SearchKind.TASKS)
        width = tasks.reader.width
        numbers = {task // width for block in blocks.values() for task in block.tasks}
        changed = sorted(n for n in numbers if tasks.low <= n <= tasks.high)
        self._many("INSERT OR IGNORE INTO dirty VALUES ('tasks', ?)", ((n,) for n in changed))

    def tell(self, state: IndexState) -> IndexStatus:
        """Write down how it stands, for those who only look, and return it."""
        values: dict[str, object] = {"state": state.value, "note": self.note}
        for kind, (oldest, newest) in self._bounds.items():
            values |= {f"{kind.value}_oldest": oldest, f"{kind.value}_newest": newest}
        with suppress(sqlite3.OperationalError):  # a full disk: what was written down before stays
            self._save(values)
        return replace(status_of(self._side, self._path), state=state, note=self.note)
