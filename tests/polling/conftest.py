"""An engine on real files that is always shut down, and a record of what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject

from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import IdsAppended, IdsPatched, Link, LinkState, OpenRequest, Query, Snapshot, Table

SIGNALS = (
    "snapshot",
    "link",
    "opened",
    "ids_appended",
    "ids_patched",
    "rows_loaded",
    "feed_failed",
    "detail_loaded",
    "planned",
    "progressed",
    "reported",
    "operation_failed",
)


class Listener(QObject):
    """Hears an engine and keeps all of it in order, and the list of ids as a model would hold it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.heard: list[tuple[str, object]] = []
        self.ids: dict[Table, IdList] = {table: IdList() for table in Table}
        self.done: dict[Table, int] = {}
        self.generations: dict[Table, int] = dict.fromkeys(Table, 0)
        for name in SIGNALS:
            getattr(engine, name).connect(lambda *args, name=name: self._hear(name, args))

    def _hear(self, name: str, args: tuple[object, ...]) -> None:
        message = args[0] if len(args) == 1 else args
        self.heard.append((name, message))
        if isinstance(message, IdsAppended) and message.generation == self.generations[message.table]:
            self.ids[message.table].append(message.ids)
            if message.done:
                self.done[message.table] = message.generation
        if isinstance(message, IdsPatched) and message.generation == self.generations[message.table]:
            self._patch(message)

    def _patch(self, message: IdsPatched) -> None:
        ids = self.ids[message.table]
        if message.replacement is not None:
            self.ids[message.table] = IdList([message.replacement])
            return
        for span in message.removed:
            ids.remove(span.row, span.count)
        for span in message.inserted:
            assert span.ids is not None
            ids.insert(span.row, span.ids)

    def all(self, name: str) -> list:
        return [message for heard, message in self.heard if heard == name]

    def links(self) -> list[LinkState]:
        return [link.state for link in self.all("link")]

    @property
    def link(self) -> Link:
        return self.all("link")[-1]

    @property
    def snapshot(self) -> Snapshot:
        return self.all("snapshot")[-1]

    def ask(
        self,
        table: Table = Table.TASKS,
        filter: TaskFilter | LogFilter | None = None,
        order: TaskOrder | None = None,
    ) -> Query:
        """Send a query as a model does."""
        self.generations[table] += 1
        self.ids[table] = IdList()
        if filter is None:
            filter = TaskFilter() if table is Table.TASKS else LogFilter()
        query = Query(table, self.generations[table], filter, order or TaskOrder())
        self.engine.query(query)
        return query

    def is_answered(self, table: Table = Table.TASKS) -> bool:
        return self.done.get(table) == self.generations[table]

    def shown(self, table: Table = Table.TASKS) -> list[int]:
        return list(self.ids[table])


@pytest.fixture
def engine(qapp) -> Iterator[Engine]:
    """An engine that hands rows on as they are."""
    made = Engine(dict.fromkeys(Table, lambda row: row))
    yield made
    made.shutdown()
    made.deleteLater()


@pytest.fixture
def listener(engine: Engine) -> Listener:
    return Listener(engine)


@pytest.fixture
def opened(engine: Engine, listener: Listener, qtbot) -> Callable[[Path], Listener]:
    """Open a file and wait until its figures are there."""

    def open_it(path: Path, **wishes) -> Listener:
        engine.open(OpenRequest(path, **wishes))
        qtbot.waitUntil(lambda: bool(listener.all("snapshot")) and bool(listener.snapshot.types), timeout=5_000)
        return listener

    return open_it
