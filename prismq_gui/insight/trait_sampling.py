"""The samples that a group is compared by: its newest tasks, and passed ones of the same types and the same time.

Owns the SQL of samples, in short statements. Passed tasks are drawn at random places between the oldest and the newest
failed id of a type: ids are given when a task is enqueued, so both sides are of the same time, and no regular order of
enqueueing can fall in step with the draw. The places come from a fixed seed: the same file gives the same answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.failure_reading import FailureStatements
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import Name, as_name, bound, shown
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.rows import cut
from prismq_gui.insight.trait_extraction import PAYLOAD_BYTES, SampledTask
from prismq_gui.insight.walking import MAX_INT, MIN_INT, is_about_size, padded
from prismq_gui.queue.timestamps import parse_utc

FAILED_SAMPLE = 2_000
PASSED_FACTOR = 2  # passed tasks a failed one
LEAST_PASSED = 200  # of each type, where there are so many
MAX_TYPES = 20  # of a group, the most frequent
_PLACES_A_STATEMENT = 64
_ROWS_A_STATEMENT = 64
_NAME_CHARACTERS = 200
_PASSED = "completed"

Step = Callable[[int], bool]
"""Told how many tasks were read; returns whether to stop."""


@dataclass(frozen=True, slots=True)
class TypedIds:
    """The failed tasks of one type in the sample, by id."""

    type: Name
    ids: tuple[int, ...]

    @property
    def text(self) -> str:
        """The type as it is shown."""
        return shown(self.type)[:_NAME_CHARACTERS]


class Sampler:
    """Draws and reads samples by one connection, in the thread of that."""

    def __init__(self, connection: ReadConnection, layout: Layout, *, seed: int = 1) -> None:
        self._connection = connection
        self._layout = layout
        self._random = random.Random(seed)  # noqa: S311 - a sample, no secret

    def by_type(self, ids: Sequence[int]) -> list[TypedIds]:
        """Return the tasks that still exist by type, the most frequent type first."""
        found: dict[Name, list[int]] = {}
        for at in range(0, len(ids), 512):
            params, marks = padded(ids[at : at + 512])
            sql = f"SELECT id, type, CAST(type AS BLOB) FROM task_queue WHERE id IN ({marks})"
            for task_id, kind, raw in self._connection.rows(sql, params, doing="read the sample"):
                if isinstance(task_id, int):
                    found.setdefault(as_name(kind, raw), []).append(task_id)
        groups = [TypedIds(name, tuple(sorted(each))) for name, each in found.items()]
        return sorted(groups, key=lambda group: (-len(group.ids), group.text))

    def passed(self, group: TypedIds) -> list[int]:
        """Return passed tasks of a type from the time of the failed ones; from around it where that had too few."""
        wanted = max(LEAST_PASSED, PASSED_FACTOR * len(group.ids))
        low, high = group.ids[0], group.ids[-1]
        few = self._ids(group.type, "id BETWEEN ? AND ? ORDER BY id LIMIT ?", (low, high, 2 * wanted + 1))
        if len(few) > 2 * wanted:
            found = self._at_random_places(group.type, low, high, wanted)
        else:
            found = set(few if len(few) <= wanted else self._random.sample(few, wanted))
        lacking = wanted - len(found)
        if lacking > 0 and low > MIN_INT and high < MAX_INT:
            before = self._ids(group.type, "id < ? ORDER BY id DESC LIMIT ?", (low, lacking))
            after = self._ids(group.type, "id > ? ORDER BY id LIMIT ?", (high, lacking))
            nearest = sorted(before + after, key=lambda each: low - each if each < low else each - high)
            found.update(nearest[:lacking])
        return sorted(found)

    def _ids(self, kind: Name, condition: str, params: tuple[Cell, ...]) -> list[int]:
        source, own = self._source(kind)
        sql = f"SELECT id FROM {source} AND {condition}"
        rows = self._connection.rows(sql, (*own, *params), doing="draw the sample")
        return [row[0] for row in rows if isinstance(row[0], int)]

    def _at_random_places(self, kind: Name, low: int, high: int, wanted: int) -> set[int]:
        source, own = self._source(kind)
        one = f"SELECT (SELECT id FROM {source} AND id >= ? ORDER BY id LIMIT 1)"
        found: set[int] = set()
        for _round in range(2 * wanted // _PLACES_A_STATEMENT + 1):
            places = [self._random.randint(low, high) for _ in range(_PLACES_A_STATEMENT)]
            params = [value for place in places for value in (*own, place)]
            sql = " UNION ALL ".join([one] * len(places))
            rows = self._connection.rows(sql, params, doing="draw the sample")
            found.update(row[0] for row in rows if isinstance(row[0], int) and row[0] <= high)
            if len(found) >= wanted:
                break
        ids = sorted(found)
        return set(ids if len(ids) <= wanted else self._random.sample(ids, wanted))

    def _source(self, kind: Name) -> tuple[str, tuple[Cell, ...]]:
        mark, param = bound(kind)
        index = "INDEXED BY ix_task_type_status" if self._layout.has_type_status_index else "NOT INDEXED"
        return f"task_queue {index} WHERE type IS {mark} AND status = ?", (param, _PASSED)

    def read(self, ids: Sequence[int], statements: FailureStatements, step: Step) -> list[SampledTask] | None:
        """Read tasks to compare, None where it was stopped. A task that is gone is left out."""
        found: list[SampledTask] = []
        for at in range(0, len(ids), _ROWS_A_STATEMENT):
            part = ids[at : at + _ROWS_A_STATEMENT]
            if step(len(part)):
                return None
            rows = list(self._rows(part))
            unnamed = [int(row[0]) for row in rows if isinstance(row[0], int) and not row[5]]
            told = statements.workers_of(unnamed)
            found += [self._task(row, told) for row in rows]
        return found

    def _rows(self, ids: Sequence[int]) -> Iterator[Row]:
        """Yield the rows but for their payloads; one that is too large to be read is left out."""
        params, marks = padded(ids)
        columns = ("priority", "attempts", "finished_at_utc", "updated_at_utc", "locked_by")
        expressions = [cut(name, _NAME_CHARACTERS) if name in self._layout.tasks else "NULL" for name in columns]
        compatibility = "NULL"
        if "compatibility" in self._layout.tasks:
            raw = "CAST(compatibility AS BLOB)"
            compatibility = f"CASE WHEN length({raw}) <= {PAYLOAD_BYTES} THEN {raw} END"
        sql = (
            f"SELECT id, {', '.join(expressions)}, {compatibility}, {cut('type', _NAME_CHARACTERS)} "
            f"FROM task_queue WHERE id IN ({marks})"
        )
        try:
            yield from self._connection.rows(sql, params, doing="read the sample")
        except ProblemError as error:
            if not is_about_size(error):
                raise
            if len(ids) > 1:
                half = len(ids) // 2
                yield from self._rows(ids[:half])
                yield from self._rows(ids[half:])

    def _task(self, row: Row, told: dict[int, str]) -> SampledTask:
        task_id, priority, attempts, finished, updated, owner, compatibility, kind = row
        assert isinstance(task_id, int)
        payload, size = self._payload(task_id)
        return SampledTask(
            id=task_id,
            type=shown(kind)[:_NAME_CHARACTERS],
            priority=priority,
            attempts=attempts,
            at=parse_utc(finished) or parse_utc(updated),
            worker=shown(owner) or told.get(task_id, ""),
            payload=payload,
            payload_bytes=size,
            compatibility=compatibility if isinstance(compatibility, bytes) else None,
        )

    def _payload(self, task_id: int) -> tuple[bytes | None, int]:
        """Return a payload of at most 16 KiB, and the size of any; of a larger one no more is read, where possible."""
        if "payload" not in self._layout.tasks:
            return None, 0
        found = self._connection.blob_preview("task_queue", "payload", task_id, PAYLOAD_BYTES)
        if found is None:
            raw = "CAST(payload AS BLOB)"
            sql = f"SELECT substr({raw}, 1, {PAYLOAD_BYTES}), length({raw}) FROM task_queue WHERE id = ?"
            try:
                rows = self._connection.rows(sql, (task_id,), doing="read the sample")
            except ProblemError as error:
                if not is_about_size(error) and error.problem.kind is not ProblemKind.CORRUPT:
                    raise
                return None, MAX_INT
            head, size = rows[0] if rows else (None, 0)
            found = (head if isinstance(head, bytes) else b"", size if isinstance(size, int) else 0)
        head, size = found
        return (head if size <= PAYLOAD_BYTES else None), size
