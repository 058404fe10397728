from pathlib import Path

import pytest

from prismq_gui.insight import counting
from prismq_gui.insight.messages import Change
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.budget import MIN_INTERVAL_S, REST_FACTOR, Budget, rest_s
from prismq_gui.polling.figures import Figures
from tests.helpers.files import make_foreign_queue, run_sql


def test_a_poll_rests_a_quarter_second_or_twenty_times_its_cost():
    assert rest_s(0.0001) == MIN_INTERVAL_S
    assert rest_s(0.5) == 10.0


def test_a_job_waits_twenty_times_what_it_cost():
    budget = Budget()
    assert budget.due(["count"], 100.0) == ["count"]
    budget.spent("count", 100.0, 0.1)
    assert budget.due(["count"], 101.9) == []
    assert budget.due(["count"], 102.1) == ["count"]


def test_costly_jobs_together_take_a_twentieth_of_the_time():
    budget, now, busy = Budget(), 0.0, 0.0
    jobs = {"completed": 0.5, "queued": 0.05, "failed": 0.01}
    for _ in range(10_000):
        for job in budget.due(jobs, now)[:1]:
            now += jobs[job]
            busy += jobs[job]
            budget.spent(job, now, jobs[job])
        now += MIN_INTERVAL_S
    assert 0.01 < busy / now < 1.1 / REST_FACTOR


def test_what_waits_longest_is_next_and_new_jobs_come_first():
    budget = Budget()
    budget.spent("large", 0.0, 1.0)
    budget.spent("small", 1.0, 0.01)
    assert budget.due(["large", "small", "new"], 1_000.0) == ["new", "small", "large"]
    assert budget.is_new("new")
    assert not budget.is_new("small")


def test_what_the_person_asks_for_is_due_at_once():
    budget = Budget()
    budget.spent("count", 0.0, 10.0)
    budget.forgive()
    assert budget.due(["count"], 0.1) == ["count"]
    assert not budget.is_new("count")


@pytest.fixture
def reader(tmp_path: Path):
    made = QueueReader(make_foreign_queue(tmp_path / "q.db", 10))
    made.open()
    yield made
    made.close()


def looked_at(figures: Figures, reader: QueueReader, change: Change) -> None:
    figures.look(reader, change, 1.0, lambda facts: facts)
    assert figures.work(reader, lambda: False) is None


def test_counts_are_told_only_when_every_status_has_one(reader, tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "MOST_AT_ONE_MOMENT", 5)  # else all are counted in one statement
    run_sql(tmp_path / "q.db", "UPDATE task_queue SET status = 'failed' WHERE id < 4")
    figures = Figures()
    figures.look(reader, Change.CHANGED, 1.0, lambda facts: facts)
    looks = iter([False, False, True])  # the statuses and one count, then something else is wanted
    figures.work(reader, lambda: next(looks))
    assert figures.snapshot(1).counts == ()
    assert figures.has_new_work
    figures.work(reader, lambda: False)
    assert {count.status: count.count for count in figures.snapshot(1).counts} == {"queued": 7, "failed": 3}


def test_a_status_that_is_gone_has_no_count_any_more(reader, tmp_path):
    figures = Figures()
    looked_at(figures, reader, Change.CHANGED)
    run_sql(tmp_path / "q.db", "UPDATE task_queue SET status = 'half-done'")
    figures.forgive()
    looked_at(figures, reader, reader.check())
    assert [(count.status, count.count) for count in figures.snapshot(1).counts] == [("half-done", 10)]
