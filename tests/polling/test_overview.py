"""The overview's thread tells the truth in time, keeps a history over starts and windows, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prismq_gui.insight.history_points import Source
from prismq_gui.insight.verdict import Code
from prismq_gui.polling import threads
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import OpenRequest, Table
from prismq_gui.polling.overview_messages import OverviewNews, Span
from tests.helpers.files import make_foreign_queue, run_sql

WAIT_MS = 10_000


class Watched:
    """An engine with a history, and the news it told."""

    def __init__(self, engine: Engine, qtbot) -> None:
        self.engine = engine
        self.qtbot = qtbot
        self.news: list[OverviewNews] = []
        engine.overview.connect(self.news.append)
        engine.start_overview()

    def open(self, path: Path, span: Span | None = Span.TEN_MINUTES) -> Watched:
        self.engine.show_past(span)
        self.engine.open(OpenRequest(path))
        return self

    def until(self, fulfilled: Callable[[OverviewNews], object]) -> OverviewNews:
        self.qtbot.waitUntil(lambda: bool(self.news) and bool(fulfilled(self.news[-1])), timeout=WAIT_MS)
        return self.news[-1]

    def next(self) -> OverviewNews:
        before = len(self.news)
        self.qtbot.waitUntil(lambda: len(self.news) > before, timeout=WAIT_MS)
        return self.news[-1]


@pytest.fixture
def watch(qapp, qtbot, tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Engines whose history lies in one folder (None: nowhere)."""
    made: list[Engine] = []

    def make(folder: Path | None = tmp_path / "Daten ü") -> Watched:
        engine = Engine(dict.fromkeys(Table, lambda row: row), history_folder=folder)
        made.append(engine)
        return Watched(engine, qtbot)

    yield make
    for engine in made:
        engine.shutdown()
        engine.deleteLater()
    assert threads.alive() == []


def is_whole(news: OverviewNews) -> bool:
    return not news.overview.verdict.unknown


def test_everything_is_told_soon_and_truly(watch, sample_db):
    news = watch().open(sample_db).until(is_whole)
    found = news.overview
    assert (found.waiting.value, found.running.value) == (294, 38)
    assert {Code.SILENT_WORKERS, Code.EXPIRED_LEASES} <= {reason.code for reason in found.verdict.reasons}
    assert found.forecast.value is not None
    assert news.problem is None


def test_nothing_is_zero_before_it_was_read(watch, sample_db):
    watched = watch().open(sample_db)
    watched.until(is_whole)
    for news in watched.news:
        for figure in (news.overview.waiting, news.overview.running):
            assert figure.value in (None, 294, 38)


def test_an_empty_queue_is_known_to_be_empty(watch, tmp_path):
    news = watch().open(make_foreign_queue(tmp_path / "empty.db")).until(is_whole)
    assert (news.overview.waiting.value, news.overview.running.value) == (0, 0)
    assert news.overview.verdict.is_well
    assert news.overview.forecast.value is not None
    assert news.overview.forecast.value.text == "nothing to do"


def test_what_changes_is_told(watch, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    watched = watch().open(path)
    watched.until(lambda news: news.overview.waiting.value == 5)
    run_sql(path, "INSERT INTO task_queue (type, payload) VALUES ('job', '{}')")
    watched.until(lambda news: news.overview.waiting.value == 6)


def test_what_is_watched_is_kept_for_the_next_start(watch, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 7)
    first = watch().open(path)
    first.until(lambda news: _watched(news) and 7 in _watched(news))
    first.engine.shutdown()
    second = watch().open(path)
    news = second.until(lambda news: news.past is not None)
    assert 7 in _watched(news), "the depth that the first window saw"


def test_a_quiet_queue_has_a_throughput_of_zero_and_no_gap(watch, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="completed")
    news = watch().open(path).until(_watched_completions)
    assert set(_watched_completions(news)) == {0}


def test_the_time_before_is_rebuilt_and_said_to_be(watch, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db")
    for minutes in range(2, 30):
        run_sql(
            path,
            "INSERT INTO task_queue (type, payload, status, attempts, created_at_utc, run_after_utc, finished_at_utc) "
            "VALUES ('job', '{}', 'completed', 1, datetime('now', ?1), datetime('now', ?1), datetime('now', ?1))",
            (f"-{30 - minutes} minutes",),
        )
    watched = watch().open(path, Span.HOUR)
    news = watched.until(lambda news: news.past is not None and _rebuilt(news))
    before = [each for each in watched.news if each.past is not None and not _rebuilt(each)]
    assert all(each.awaits_past for each in before)  # nobody is told that nothing is known before it was looked at
    watched.until(lambda news: not news.awaits_past)
    assert not news.rebuilding or _rebuilt(news)
    assert all(point.is_gap or point.completed_per_s is None or point.completed_per_s >= 0 for point in _points(news))


def test_two_windows_on_one_queue_share_the_history_and_the_second_takes_over(watch, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 4)
    first = watch().open(path)
    first.until(lambda news: 4 in _watched(news))
    second = watch().open(path)
    second.until(is_whole)
    first.engine.shutdown()  # it lets the recording go
    run_sql(path, "INSERT INTO task_queue (type, payload) SELECT type, payload FROM task_queue")
    news = second.until(lambda news: any(depth > 4 for depth in _watched(news)))
    assert news.trouble == ""


def test_without_a_folder_it_works_and_says_that_nothing_is_kept(watch, sample_db):
    news = watch(None).open(sample_db).until(is_whole)
    assert news.past is None
    assert "no history is kept" in news.trouble


def test_a_history_that_cannot_be_kept_is_told_and_stops_nothing(watch, sample_db, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    watched = watch(tmp_path / "file").open(sample_db)
    news = watched.until(lambda news: news.overview.waiting.value == 294 and news.overview.times.value is not None)
    assert "The history is not kept" in news.trouble
    assert news.overview.verdict.unknown == ("trend",), "too short a time was watched, and that is said"


def test_while_nobody_looks_the_verdict_alone_is_kept_up(watch, sample_db):
    watched = watch().open(sample_db, None)
    news = watched.until(is_whole)
    assert news.past is None
    watched.engine.show_past(Span.DAY)
    assert watched.until(lambda news: news.past is not None).past.span is Span.DAY


def test_a_pause_stops_it_and_going_on_goes_on(watch, sample_db, qtbot):
    watched = watch().open(sample_db)
    watched.until(is_whole)
    watched.engine.set_paused(True)
    qtbot.waitUntil(lambda: not watched.engine._watch._timer.isActive(), timeout=WAIT_MS)
    told = len(watched.news)
    watched.engine.set_paused(False)
    qtbot.waitUntil(lambda: len(watched.news) > told, timeout=WAIT_MS)


def test_another_file_is_told_and_nothing_of_the_one_before(watch, sample_db, tmp_path):
    watched = watch().open(sample_db)
    watched.until(is_whole)
    other = make_foreign_queue(tmp_path / "other.db", 2)
    watched.news.clear()
    watched.open(other)
    watched.until(is_whole)
    assert {news.overview.waiting.value for news in watched.news} <= {None, 2}


def test_a_file_that_is_replaced_is_watched_anew(watch, sample_db, tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3, wal=False)
    watched = watch().open(path)
    watched.until(lambda news: news.overview.waiting.value == 3)
    make_foreign_queue(tmp_path / "new.db", 8, wal=False).replace(path)
    watched.until(lambda news: news.overview.waiting.value == 8)


def test_a_file_that_goes_away_leaves_the_figures_with_their_age(watch, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 3, wal=False)
    watched = watch().open(path)
    news = watched.until(lambda news: news.overview.waiting.value == 3)
    path.rename(tmp_path / "away.db")
    watched.engine.refresh(Table.TASKS)
    assert news.overview.waiting.read_at_utc is not None
    (tmp_path / "away.db").rename(path)
    run_sql(path, "INSERT INTO task_queue (type, payload) VALUES ('job', '{}')")
    watched.until(lambda news: news.overview.waiting.value == 4)


@pytest.mark.parametrize("opens", [False, True])
def test_shutdown_at_any_moment_leaves_no_thread(watch, sample_db, opens):
    watched = watch()
    if opens:
        watched.open(sample_db)
    watched.engine.shutdown()
    assert threads.alive() == []
    assert all(thread.isFinished() for thread in watched.engine._threads)


def _points(news: OverviewNews):
    return news.past.points if news.past is not None else ()


def _watched(news: OverviewNews) -> list[float]:
    return [point.waiting for point in _points(news) if point.waiting is not None]


def _rebuilt(news: OverviewNews) -> bool:
    return any(point.flow_source is Source.REBUILT and point.completed_per_s for point in _points(news))


def _watched_completions(news: OverviewNews) -> list[float]:
    watched = [point for point in _points(news) if point.flow_source is Source.WATCHED]
    return [point.completed_per_s for point in watched if point.completed_per_s is not None]
