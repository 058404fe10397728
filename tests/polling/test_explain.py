"""Looks in depth on real files: told in steps, the newest wish wins, nothing of a file that was left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.explanations import Verdict
from prismq_gui.insight.problems import ProblemKind
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.look_wishes import (
    LookKind,
    NextWish,
    RecentWork,
    TaskStory,
    TaskWish,
    Upcoming50,
    WorkWish,
)
from prismq_gui.polling.looking import LookDesk
from prismq_gui.polling.messages import OpenRequest
from prismq_gui.queue.claim_sql import Strategy
from tests.helpers.files import make_foreign_queue, run_sql

WAIT_MS = 20_000


class Asker:
    """Asks a desk and keeps what it tells."""

    def __init__(self, qtbot, desk: LookDesk) -> None:
        self.qtbot, self.desk = qtbot, desk
        self.looks: list = []
        self.failures: list = []
        desk.told.connect(self.looks.append)
        desk.failed.connect(self.failures.append)

    def finish(self, number: int) -> list:
        """Wait for the end of a wish and return its answers."""
        self.qtbot.waitUntil(
            lambda: (
                any(each.number == number for each in self.failures)
                or any(each.number == number and each.done for each in self.looks)
            ),
            timeout=WAIT_MS,
        )
        return [each.answer for each in self.looks if each.number == number and not each.done]

    def ask(self, wish) -> list:
        return self.finish(self.desk.ask(wish))


@pytest.fixture
def open_engine(qtbot):
    engines = []

    def make(path: Path) -> tuple[Engine, Asker]:
        engine = Engine({})
        engines.append(engine)
        with qtbot.waitSignal(engine.opened, timeout=WAIT_MS):
            engine.open(OpenRequest(path))
        return engine, Asker(qtbot, engine.looks)

    yield make
    for engine in engines:
        engine.shutdown()


def test_a_tasks_story_is_told_whole(open_engine, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 3))
    (story,) = asker.ask(TaskWish(3))
    assert isinstance(story, TaskStory)
    assert story.explanation.verdict is Verdict.NO_WORKER_MATCHES
    assert story.explanation.line(Strategy.PRIORITY).ahead == 2
    assert story.timeline.task_id == 3
    assert not story.counting


def test_a_task_that_is_gone_is_told_as_gone(open_engine, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 3))
    (story,) = asker.ask(TaskWish(99))
    assert (story.task_id, story.explanation, story.timeline) == (99, None, None)


def test_a_long_line_is_told_at_once_and_counted_on(open_engine, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 60_000)
    _, asker = open_engine(path)
    stories = asker.ask(TaskWish(60_000))
    assert len(stories) >= 2
    first, last = stories[0], stories[-1]
    assert first.counting
    assert not first.explanation.line(Strategy.PRIORITY).counted
    assert 0 < first.explanation.line(Strategy.PRIORITY).ahead < 59_999
    assert not last.counting
    assert [last.explanation.line(each).ahead for each in Strategy] == [59_999, 59_999, 0, 59_999]
    assert last.explanation.line(Strategy.PRIORITY).place == 60_000
    ahead = [story.explanation.line(Strategy.PRIORITY).ahead for story in stories]
    assert ahead == sorted(ahead)


def test_asked_again_only_the_end_of_a_count_is_told(open_engine, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 60_000))
    (story,) = asker.ask(TaskWish(60_000, again=True))
    assert story.explanation.line(Strategy.FIFO).place == 60_000


def test_the_newest_wish_wins(open_engine, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 60_000))
    numbers = [asker.desk.ask(TaskWish(id)) for id in range(60_000, 59_900, -1)]
    stories = asker.finish(numbers[-1])
    assert {story.task_id for story in stories} == {59_901}
    assert {look.number for look in asker.looks} == {numbers[-1]}


def test_a_count_under_way_ends_without_a_word_for_a_newer_wish(open_engine, qtbot, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 200_000))
    asker.desk.ask(TaskWish(200_000))
    qtbot.waitUntil(lambda: bool(asker.looks), timeout=WAIT_MS)
    asker.looks.clear()
    number = asker.desk.ask(TaskWish(3))
    assert {story.task_id for story in asker.finish(number)} == {3}
    assert {look.number for look in asker.looks} == {number}
    assert asker.failures == []


def test_the_next_are_told_in_order_and_for_one_worker(open_engine, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 80)
    run_sql(path, 'UPDATE task_queue SET compatibility = \'{"region": "eu"}\' WHERE id <= 10')
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('w-us', '{\"region\": \"us\"}')")
    _, asker = open_engine(path)
    last = asker.ask(NextWish())[-1]
    assert isinstance(last, Upcoming50)
    assert [each.task_id for each in last.tasks.tasks] == list(range(1, 51))
    last = asker.ask(NextWish("w-us"))[-1]
    assert [each.task_id for each in last.tasks.tasks] == list(range(11, 61))
    last = asker.ask(NextWish("w-us", Strategy.WEIGHTED_RANDOM, limit=5))[-1]
    assert last.tasks.drawn
    assert [each.chance for each in last.tasks.tasks] == [pytest.approx(1 / 70)] * 5


def test_the_next_are_told_for_some_types_of_any_worker_and_of_one(open_engine, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 9)
    run_sql(path, "UPDATE task_queue SET type = 'mail', compatibility = '{\"gpu\": 1}' WHERE id % 3 = 0")
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('cpu', '{}'), ('gpu', '{\"gpu\": 1}')")
    past, lock = "2026-01-01 00:00:00", "status = 'leased', locked_by = 'gone', lease_until_utc"
    run_sql(path, f"UPDATE task_queue SET {lock} = '{past}' WHERE id IN (1, 6)")  # over: given back first
    _, asker = open_engine(path)

    def found(worker: str, strategy: Strategy, types: tuple[str, ...]) -> set[int]:
        last = asker.ask(NextWish(worker, strategy, types))[-1]
        assert last.tasks.complete
        assert dict.fromkeys(last.types, types[0]) == dict(last.types)
        return {each.task_id for each in last.tasks.tasks}

    for strategy in Strategy:
        assert found("", strategy, ("mail",)) == {3, 6, 9}
        assert found("gpu", strategy, ("mail",)) == {3, 6, 9}
        assert found("cpu", strategy, ("mail",)) == set()
        assert found("cpu", strategy, ("job",)) == {1, 2, 4, 5, 7, 8}


def test_a_worker_that_is_not_registered_is_a_problem(open_engine, tmp_path):
    _, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 3))
    asker.ask(NextWish("nobody"))
    (failure,) = asker.failures
    assert (failure.kind, failure.problem.kind) == (LookKind.NEXT, ProblemKind.REFUSED)
    assert failure.problem.subject == "nobody"


def test_what_workers_did_is_told_with_its_cost(open_engine, sample_db):
    _, asker = open_engine(sample_db)
    (work,) = asker.ask(WorkWish(timedelta(minutes=10)))
    assert isinstance(work, RecentWork)
    silent = work.facts.silent(work.lanes.until)
    assert (len(silent), silent[0].worker_id) == (6, "worker-05")
    assert sum(len(lane.spans) for lane in work.lanes.lanes) == 38
    assert work.cost_s > 0


def test_a_file_that_was_left_tells_nothing_more(open_engine, qtbot, tmp_path):
    engine, asker = open_engine(make_foreign_queue(tmp_path / "q.db", 60_000))
    engine.looks.ask(TaskWish(60_000))
    engine.close_file()
    assert engine.looks.ask(TaskWish(1)) == 0
    with qtbot.waitSignal(engine.opened, timeout=WAIT_MS):
        engine.open(OpenRequest(make_foreign_queue(tmp_path / "other.db", 2)))
    (story,) = asker.ask(TaskWish(2))
    assert asker.looks[0].answer is story


def test_a_file_that_is_gone_is_a_problem_and_is_not_made(open_engine, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3, wal=False)
    engine, asker = open_engine(path)
    engine.looks.open_file(tmp_path / "nothing.db")
    asker.ask(TaskWish(1))
    assert asker.failures[0].problem.kind is ProblemKind.NOT_FOUND
    assert not (tmp_path / "nothing.db").exists()
