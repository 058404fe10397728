"""A long scan that is stopped and gone on with, on a real file, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismq_gui.insight import language_times, scan, walking
from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import parse
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling import batches, table_feed
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import IdsAppended, IdsPatched, Query, Table
from prismq_gui.polling.table_feed import TableFeed
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading

TASKS = 600


class Window:
    """The list as a window holds it, and all that it was told."""

    def __init__(self) -> None:
        self.told: list[IdsAppended | IdsPatched] = []
        self.list = IdList()

    def hear(self, message: IdsAppended | IdsPatched) -> None:
        self.told.append(message)
        if isinstance(message, IdsAppended):
            self.list.append(message.ids)
            return
        assert not message.removed
        for span in message.inserted:
            assert span.ids is not None
            self.list.insert(span.row, span.ids)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task a minute; statements are of at most 50 rows, so that a scan has many steps."""
    monkeypatch.setattr(walking, "MAX_CHUNK", 50)
    monkeypatch.setattr(language_times, "WORTH", 100)
    monkeypatch.setattr(language_times, "MARGIN", 5)
    path = make_foreign_queue(tmp_path / "q.db", tasks=TASKS, type="mail")
    run_sql(path, "UPDATE task_queue SET created_at_utc = datetime('2025-01-01', '+' || id || ' minutes')")
    run_sql(path, "UPDATE task_queue SET created_at_utc = '2025-01-01 00:00:30' WHERE id IN (580, 550)")
    return path


def begun(reader: QueueReader, text: str, order: TaskOrder, steps: int = 3) -> tuple[TableFeed, Window]:
    window = Window()
    feed = TableFeed(window.hear)
    feed.start(Query(Table.TASKS, 1, TaskFilter(query=parse(text)), order))
    for _ in range(steps):
        feed.step(reader)
    return feed, window


def finish(feed: TableFeed, reader: QueueReader) -> None:
    for _ in range(500):
        if feed.wait_s(0.0) != 0.0:
            return
        feed.step(reader)
    raise AssertionError("it never ends")


OLD = "created<2025-01-01T05:00Z"


@pytest.mark.parametrize("text", ["priority:100", OLD])
@pytest.mark.parametrize("descending", [True, False])
def test_what_was_found_stays_new_tasks_come_and_the_rest_follows_when_told(
    file: Path, text: str, descending: bool
) -> None:
    with reading(file) as reader:
        feed, window = begun(reader, text, TaskOrder(TaskColumn.ID, descending))
        feed.pause(stopped=True)
        stopped = window.told[-1]
        assert isinstance(stopped, IdsAppended)
        assert stopped.stopped
        assert not stopped.done
        assert 0 < stopped.progress < 1
        found = list(window.list)
        assert 0 < len(found) < 300
        run_sql(
            file, "INSERT INTO task_queue (type, payload, created_at_utc) VALUES ('mail', '{}', '2025-01-01 01:00:00')"
        )
        reader.check()
        feed.note_change()
        finish(feed, reader)
        new = [TASKS + 1] if descending else []  # in the other order it comes after what was not looked at
        assert list(window.list) == [*new, *found]
        feed.pause(stopped=False)
        finish(feed, reader)
        feed.note_change()
        finish(feed, reader)
        wanted = [each for each in range(1, TASKS + 2) if text != OLD or each < 300 or each in (550, 580, TASKS + 1)]
        assert list(window.list) == sorted(wanted, reverse=descending)
        assert [told.done for told in window.told if isinstance(told, IdsAppended)][-1]


def test_a_sort_tells_what_leads_once_and_again_only_where_that_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "INTERVAL_S", 0.0)
    monkeypatch.setattr(table_feed, "LEADING_INTERVAL_S", 0.0)
    monkeypatch.setattr(scan, "LEADING", 20)
    with reading(file) as reader:
        feed, window = begun(reader, "", TaskOrder(TaskColumn.CREATED, descending=True), steps=1)
        finish(feed, reader)
    led = [list(told.leading) for told in window.told if isinstance(told, IdsAppended) and told.leading is not None]
    assert led == [list(window.list)[:20]], "it was right from the first step on"
    assert len(window.list) == TASKS


def test_a_list_that_is_complete_cannot_be_stopped(file: Path) -> None:
    with reading(file) as reader:
        feed, window = begun(reader, "priority:100", TaskOrder())
        finish(feed, reader)
        told = len(window.told)
        feed.pause(stopped=True)
        assert len(window.told) == told
        run_sql(file, "UPDATE task_queue SET priority = 5 WHERE id = 7")
        feed.note_change(now=True)
        assert feed.wait_s(0.0) == 0.0
