"""The failures of a real file, as the window hears of them: read, kept up, compared, stopped, ended in time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt

from prismq_gui.insight.failure_messages import FailureGroup
from prismq_gui.polling import threads
from prismq_gui.polling.engine import END_S, Engine
from prismq_gui.polling.failure_desk import FailureDesk
from prismq_gui.polling.failure_news import FailureNews, GroupIds, SharedNews
from prismq_gui.polling.messages import OpenRequest, Table
from tests.helpers.files import make_foreign_queue, run_sql

CAUSES = {
    "PermanentError: unsupported": 30,
    "TimeoutError: upstream": 10,
    "ValueError: bad codec <quoted>": 8,
    "ConnectionError: reset": 6,
}


class Ear(QObject):
    """Keeps what a desk says."""

    def __init__(self, desk: FailureDesk) -> None:
        super().__init__()
        self.desk = desk
        self.news: list[FailureNews | None] = []
        self.shared: list[SharedNews] = []
        self.ids: list[GroupIds] = []
        self.stopped = False
        desk.news.connect(self.news.append)
        desk.shared.connect(self.shared.append)
        desk.ids.connect(self.ids.append)

    @property
    def last(self) -> FailureNews:
        assert self.news
        assert self.news[-1] is not None
        return self.news[-1]

    @property
    def is_read(self) -> bool:
        return (
            bool(self.news)
            and self.news[-1] is not None
            and self.news[-1].progress is None
            and bool(self.news[-1].found)
        )

    def counts(self) -> dict[str, int]:
        return {group.signature: group.count for group in self.last.groups}

    def group(self, signature: str) -> FailureGroup:
        return next(group for group in self.last.groups if group.signature.startswith(signature))


@pytest.fixture
def desk(qapp) -> Iterator[FailureDesk]:
    made = FailureDesk()
    made.set_seen(True)
    yield made
    made.ask_to_end()
    assert made.end(time.monotonic() + END_S)
    made.deleteLater()


@pytest.fixture
def read(desk: FailureDesk, qtbot) -> Callable[[Path], Ear]:
    def open_it(path: Path) -> Ear:
        ear = Ear(desk)
        desk.open_file(path)
        qtbot.waitUntil(lambda: ear.is_read, timeout=10_000)
        return ear

    return open_it


def fail(path: Path, error: str, count: int = 1, **cells: object) -> None:
    values = {"type": "job", "payload": "{}", "status": "failed", "error_message": error} | cells
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO task_queue ({', '.join(values)}, finished_at_utc) "
            f"VALUES ({', '.join('?' * len(values))}, datetime('now'))",
            [tuple(values.values())] * count,
        )
        connection.execute("COMMIT")


def many_failures(path: Path, count: int = 20_000) -> Path:
    make_foreign_queue(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO task_queue (type, payload, status, error_message) "
            "SELECT 'job', '{}', 'failed', 'cause ' || char(97 + i % 26) FROM n",
            (count,),
        )
        connection.execute("COMMIT")
    return path


def test_the_sample_falls_into_its_five_causes(read, sample_db):
    ear = read(sample_db)
    assert len(ear.last.groups) == 5
    assert ear.last.found is not None
    assert ear.last.found.total == 59


def test_a_new_failure_and_a_retried_one_are_seen(read, sample_db, qtbot, desk):
    ear = read(sample_db)
    before = ear.counts()
    fail(sample_db, "KeyError: 'new'", 3)
    run_sql(sample_db, "UPDATE task_queue SET status = 'queued' WHERE status = 'failed' AND error_message LIKE 'Perm%'")
    desk.note_change()
    qtbot.waitUntil(lambda: ear.counts().get("KeyError: <quoted>") == 3, timeout=10_000)
    assert ear.counts()["PermanentError: unsupported"] == 1  # the dead one
    assert before["PermanentError: unsupported"] == 30
    assert ear.last.last_hour == 3


def test_a_group_is_compared_on_request_and_the_newest_request_wins(read, tmp_path, qtbot, desk):
    path = make_foreign_queue(tmp_path / "ü" / "q.db", 400, status="completed")
    fail(path, "boom", 40, payload='{"region": "eu"}')
    fail(path, "other", 40)
    ear = read(path)
    for _ in range(3):
        desk.compare(ear.group("other"))
    last = desk.compare(ear.group("boom"))
    qtbot.waitUntil(lambda: bool(ear.shared) and ear.shared[-1].result is not None, timeout=10_000)
    assert {news.sequence for news in ear.shared} == {last}
    found = ear.shared[-1].result
    assert found is not None
    region = next(each for each in found.traits if each.trait.name == "payload.region")
    assert (region.failed, region.failed_of, region.passed) == (40, 40, 0)


def test_nothing_is_heard_of_a_comparison_that_was_stopped(read, sample_db, qtbot, desk):
    ear = read(sample_db)
    desk.compare(ear.group("Perm"))
    desk.stop_comparing()
    desk.request_ids(ear.group("Perm"))  # answered after it
    qtbot.waitUntil(lambda: bool(ear.ids), timeout=10_000)
    assert ear.shared == []
    assert len(ear.ids[-1].ids) == 30
    assert list(ear.ids[-1].ids) == sorted(ear.ids[-1].ids, reverse=True)


def test_a_long_reading_tells_how_far_it_is_and_can_be_stopped_and_gone_on_with(desk, tmp_path, qtbot):
    ear = Ear(desk)

    def stop_at_once(news: FailureNews) -> None:
        if news.progress is not None and not ear.stopped:
            ear.stopped = True
            desk.stop_reading()

    # Called in the failures' thread, between the first slice and the second: the reading cannot run away meanwhile.
    desk._watch.news.connect(stop_at_once, Qt.ConnectionType.DirectConnection)
    desk.open_file(many_failures(tmp_path / "q.db", 40_000))
    qtbot.waitUntil(lambda: bool(ear.news) and ear.news[-1] is not None and ear.last.stopped, timeout=20_000)
    assert ear.last.found is not None
    assert 0 < ear.last.found.total < 40_000
    assert not ear.last.found.complete
    desk.go_on_reading()
    qtbot.waitUntil(lambda: ear.is_read, timeout=50_000)
    assert ear.last.found.total == 40_000


def test_a_reading_ends_within_a_second(tmp_path, qapp, qtbot):
    desk = FailureDesk()
    desk.set_seen(True)
    ear = Ear(desk)
    desk.open_file(many_failures(tmp_path / "q.db"))
    qtbot.waitUntil(lambda: any(news and news.progress for news in ear.news), timeout=10_000)
    desk.ask_to_end()
    heard = len(ear.news)
    assert desk.end(time.monotonic() + END_S)
    assert threads.alive() == []
    qapp.processEvents()
    assert len(ear.news) == heard
    desk.deleteLater()


def test_nothing_is_heard_of_the_file_before(desk, sample_db, tmp_path, qtbot):
    ear = Ear(desk)
    desk.open_file(sample_db)
    empty = make_foreign_queue(tmp_path / "other" / "q.db", 3)
    desk.open_file(empty)
    qtbot.waitUntil(lambda: ear.is_read, timeout=10_000)
    assert ear.last.groups == ()
    assert all(news is None or not news.groups for news in ear.news)
    desk.close_file()
    assert ear.news[-1] is None


def test_a_file_that_cannot_be_read_is_told_and_read_when_it_can_be(desk, tmp_path, qtbot, sample_db):
    path = tmp_path / "q.db"
    path.write_bytes(b"not a queue" * 500)
    ear = Ear(desk)
    desk.open_file(path)
    qtbot.waitUntil(
        lambda: bool(ear.news) and ear.news[-1] is not None and ear.last.problem is not None, timeout=10_000
    )
    assert ear.last.found is None
    path.write_bytes(sample_db.read_bytes())
    qtbot.waitUntil(lambda: ear.is_read, timeout=10_000)
    assert ear.last.problem is None


def test_while_paused_nothing_new_is_read(read, sample_db, qtbot, desk):
    ear = read(sample_db)
    desk.set_paused(True)
    fail(sample_db, "later")
    desk.note_change()
    desk.request_ids(ear.group("Perm"))
    qtbot.waitUntil(lambda: bool(ear.ids), timeout=10_000)
    qtbot.wait(900)
    assert "later" not in ear.counts()
    desk.set_paused(False)
    qtbot.waitUntil(lambda: ear.counts().get("later") == 1, timeout=10_000)


def test_the_engine_groups_the_file_it_has_open(qapp, sample_db, qtbot):
    engine = Engine(dict.fromkeys(Table, lambda row: row))
    ear = Ear(engine.failures)
    try:
        engine.open(OpenRequest(sample_db))
        qtbot.waitUntil(lambda: ear.is_read, timeout=10_000)
        fail(sample_db, "fresh one", 2)
        engine.failures.set_seen(True)
        qtbot.waitUntil(lambda: ear.counts().get("fresh one") == 2, timeout=10_000)
        engine.close_file()
        assert ear.news[-1] is None
    finally:
        engine.shutdown()
        engine.deleteLater()
    assert threads.alive() == []
