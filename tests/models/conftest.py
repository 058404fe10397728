"""A source of rows in memory that answers when told to, and counts what it is asked."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.messages import FileFacts, IdSpan, TaskRow
from prismq_gui.insight.payload_columns import Found, PayloadValue
from prismq_gui.models.render import render_task
from prismq_gui.models.task_table_model import TaskTableModel
from prismq_gui.polling.messages import (
    IdsAppended,
    IdsPatched,
    PauseWish,
    Query,
    RowsLoaded,
    RowsRequest,
    Snapshot,
    Span,
    Table,
)

FACTS = FileFacts(Path("queue.db"), 1, 0, "wal", 0)


def task(id: int, **cells) -> TaskRow:
    row = dict.fromkeys(TaskRow.__dataclass_fields__)
    return TaskRow(**{**row, "type": "job", "status": "queued", "attempts": 0, "max_attempts": 5, **cells, "id": id})


class FakeSource(QObject):
    """The engine as a model sees it. Nothing is answered before ``answer`` or ``load`` is called."""

    opened = Signal(object)
    link = Signal(object)
    snapshot = Signal(object)
    ids_appended = Signal(object)
    ids_patched = Signal(object)
    rows_loaded = Signal(object)
    feed_failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[Query] = []
        self.pauses: list[PauseWish] = []
        self.requests: list[RowsRequest] = []
        self.statuses: dict[int, str] = {}
        self.gone: set[int] = set()
        self._data_generation = 0

    def query(self, query: Query) -> None:
        self.queries.append(query)

    def request_rows(self, request: RowsRequest) -> None:
        self.requests.append(request)

    def pause_query(self, wish: PauseWish) -> None:
        self.pauses.append(wish)

    def answer(
        self, ids: IdSpan, *, done: bool = True, progress: float = 1.0, leading: IdSpan | None = None,
        stopped: bool = False,
    ) -> None:  # fmt: skip
        query = self.queries[-1]
        message = IdsAppended(query.table, query.generation, ids, progress, done, leading, stopped)
        self.ids_appended.emit(message)

    def patch(self, removed: Sequence[tuple[int, int]] = (), inserted: Sequence[tuple[int, list[int]]] = ()) -> None:
        query = self.queries[-1]
        spans = tuple(Span(row, len(ids), array("q", ids)) for row, ids in inserted)
        gone = tuple(Span(row, count) for row, count in removed)
        self.ids_patched.emit(IdsPatched(query.table, query.generation, gone, spans))

    def replace(self, ids: Sequence[int]) -> None:
        query = self.queries[-1]
        self.ids_patched.emit(IdsPatched(query.table, query.generation, replacement=array("q", ids)))

    def load(self) -> None:
        """Answer the newest request."""
        request = self.requests[-1]
        self.load_request(request)

    def load_request(self, request: RowsRequest) -> None:
        """Answer a request, which may not be the newest; each value of a payload is the task's id and the path."""
        rows = [
            (
                each,
                render_task(task(each, status=self.statuses.get(each, "queued")), values=self._values(request, each)),
            )
            for each in request.ids
            if each not in self.gone
        ]
        gone = tuple(each for each in request.ids if each in self.gone)
        self.rows_loaded.emit(RowsLoaded(request.table, request.generation, tuple(rows), gone, request.columns))

    @staticmethod
    def _values(request: RowsRequest, id: int) -> tuple[PayloadValue, ...]:
        return tuple(PayloadValue(Found.VALUE, f"{id} {column.name}") for column in request.columns)

    def change(self) -> None:
        """Tell that the data have changed."""
        self._data_generation += 1
        self.snapshot.emit(Snapshot(1, FACTS, self._data_generation, 0.0, (), (), False, (), False, 0, 0))


@pytest.fixture
def source(qapp) -> FakeSource:
    return FakeSource()


@pytest.fixture
def model(source: FakeSource) -> TaskTableModel:
    """A model of tasks on a file that was just opened; its first query is not answered yet."""
    made = TaskTableModel(source)
    source.opened.emit(FACTS)
    source.change()
    assert source.queries[-1].table is Table.TASKS
    return made
