"""The total of a file while its tasks go from one status to another."""

import time
from contextlib import closing
from dataclasses import dataclass

import pytest

from prismq_gui.insight import counting
from prismq_gui.insight.messages import Change
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling import figures
from prismq_gui.polling.messages import Total
from tests.helpers.files import run_sql


@dataclass
class _Poller:
    """Figures and the reader that they are read with, poll by poll."""

    figures: figures.Figures
    reader: QueueReader

    def poll(self, change: Change) -> None:
        self.figures.look(self.reader, change, time.monotonic(), lambda facts: facts)
        self.figures.work(self.reader, lambda: False)

    @property
    def total(self) -> Total | None:
        return self.figures.snapshot(1).total

    @property
    def sum(self) -> int:
        return sum(count.count for count in self.figures.snapshot(1).counts)


@pytest.fixture
def polled(sample_db):
    with closing(QueueReader(sample_db)) as reader:
        reader.open()
        found = _Poller(figures.Figures(), reader)
        yield found


def _count_one_then_move_the_rest(polled, sample_db) -> None:
    """Have the failed tasks counted, make them queued ones, and have these counted."""
    run_sql(sample_db, "UPDATE task_queue SET status = 'queued' WHERE status = 'failed'")
    outdated = polled.figures._outdated
    polled.figures._outdated = lambda: [job for job in outdated() if job == figures._Count("queued")]
    polled.figures.forgive()
    polled.poll(Change.CHANGED)
    polled.figures._outdated = outdated


def test_few_tasks_are_counted_at_one_moment(polled, sample_db):
    polled.poll(Change.CHANGED)
    assert polled.total == Total(600, is_exact=True)
    _count_one_then_move_the_rest(polled, sample_db)
    assert polled.total == Total(600, is_exact=True)
    assert polled.sum == 600


def test_many_tasks_that_moved_while_they_were_counted_are_not_told_twice(polled, sample_db, monkeypatch):
    monkeypatch.setattr(counting, "MOST_AT_ONE_MOMENT", 100)
    polled.poll(Change.CHANGED)
    assert polled.total == Total(600, is_exact=False)  # whether anything changed meanwhile tells the next poll
    polled.poll(Change.UNCHANGED)
    assert polled.total == Total(600, is_exact=True)
    _count_one_then_move_the_rest(polled, sample_db)
    assert polled.sum == 654  # the failed ones are in both counts
    assert polled.total == Total(600, is_exact=False)
    polled.figures.forgive()
    polled.poll(Change.CHANGED)
    polled.poll(Change.UNCHANGED)
    assert polled.total == Total(600, is_exact=True)


def test_what_is_put_in_is_in_the_total_before_all_is_counted_anew(polled, sample_db, monkeypatch):
    monkeypatch.setattr(counting, "MOST_AT_ONE_MOMENT", 100)
    polled.poll(Change.CHANGED)
    polled.poll(Change.UNCHANGED)
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('a', '{}'), ('b', '{}')")
    polled.figures.look(polled.reader, Change.CHANGED, time.monotonic(), lambda facts: facts)
    assert polled.total == Total(602, is_exact=False)
