"""The search over everything in its thread, and the index in its own: newest wins, Stop, limits, ends at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.search_index import IndexState, IndexStatus
from prismq_gui.insight.search_scan import SearchKind
from prismq_gui.polling.search_desk import SearchDesk
from prismq_gui.polling.searching import FoundRow, SearchFailed, SearchStep
from prismq_gui.polling.threads import alive
from tests.helpers.files import make_foreign_queue, run_sql


class Ear:
    """Hears a desk."""

    def __init__(self, desk: SearchDesk) -> None:
        self.steps: list[SearchStep] = []
        self.failures: list[SearchFailed] = []
        self.index: list[IndexStatus | None] = []
        desk.stepped.connect(self.steps.append)
        desk.failed.connect(self.failures.append)
        desk.index_told.connect(self.index.append)

    def of(self, number: int) -> list[SearchStep]:
        return [step for step in self.steps if step.number == number]

    def is_done(self, number: int) -> bool:
        return any(step.done for step in self.of(number))

    def rows(self, number: int) -> list[FoundRow]:
        return [row for step in self.of(number) for row in (*step.rows, *step.late)]

    def found(self, number: int) -> set[tuple[SearchKind, int]]:
        return {(row.hit.kind, row.hit.id) for row in self.rows(number)}


@pytest.fixture
def desk(qapp) -> Iterator[SearchDesk]:
    made = SearchDesk()
    yield made
    made.ask_to_end()
    made.end(time.monotonic() + 2.0)
    made.deleteLater()
    assert alive() == []


@pytest.fixture
def ear(desk: SearchDesk) -> Ear:
    return Ear(desk)


def fill(path: Path, tasks: int, *, lines: int = 0) -> Path:
    make_foreign_queue(path, tasks)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO task_logs (task_id, level, message, at_utc) VALUES (1, 'INFO', ?, '2026-01-02 03:04:05')",
            [(f"needle of line {number}",) for number in range(lines)],
        )
        connection.execute("COMMIT")
    return path


def test_hits_of_tasks_and_lines_come_with_their_times(desk, ear, tmp_path, qtbot):
    path = fill(tmp_path / "q.db", 3, lines=2)
    run_sql(
        path, "UPDATE task_queue SET error_message = 'a Needle', created_at_utc = '2026-01-01 00:00:00' WHERE id = 2"
    )
    desk.open_file(path)
    number = desk.search("needle")
    qtbot.waitUntil(lambda: ear.is_done(number), timeout=10_000)
    assert ear.found(number) == {(SearchKind.TASKS, 2), (SearchKind.LOGS, 1), (SearchKind.LOGS, 2)}
    task = next(row for row in ear.rows(number) if row.hit.kind is SearchKind.TASKS)
    line = next(row for row in ear.rows(number) if row.hit.kind is SearchKind.LOGS)
    assert (task.at_utc, task.hit.column) == ("2026-01-01 00:00:00", "error_message")
    assert (line.at_utc, line.task_id) == ("2026-01-02 03:04:05", 1)
    assert not ear.failures


def test_the_newest_search_wins_and_nothing_is_heard_of_older_ones(desk, ear, tmp_path, qtbot):
    desk.open_file(fill(tmp_path / "q.db", 20_000, lines=50))
    first = desk.search("nowhere to be found")
    second = desk.search("needle of line 7")
    qtbot.waitUntil(lambda: ear.is_done(second), timeout=20_000)
    assert not ear.of(first)
    assert ear.found(second) == {(SearchKind.LOGS, 8)}


def test_very_many_hits_wait_until_the_person_goes_on(desk, ear, tmp_path, qtbot):
    desk._searcher._pause_at = 500
    desk.open_file(fill(tmp_path / "q.db", 3, lines=3_000))
    number = desk.search("needle")
    qtbot.waitUntil(lambda: any(step.waits for step in ear.of(number)), timeout=10_000)
    assert not ear.is_done(number)
    assert 500 <= len(ear.found(number)) < 3_000
    while not ear.is_done(number):
        heard = len(ear.of(number))
        desk.go_on()
        qtbot.waitUntil(lambda heard=heard: len(ear.of(number)) > heard, timeout=10_000)
        qtbot.waitUntil(lambda: ear.of(number)[-1].waits or ear.of(number)[-1].done, timeout=10_000)
    assert len(ear.found(number)) == len(ear.rows(number)) == 3_000


def test_a_search_that_waits_can_be_stopped(desk, ear, tmp_path, qtbot):
    desk._searcher._pause_at = 500
    desk.open_file(fill(tmp_path / "q.db", 3, lines=3_000))
    number = desk.search("needle")
    qtbot.waitUntil(lambda: any(step.waits for step in ear.of(number)), timeout=10_000)
    desk.stop()
    qtbot.waitUntil(lambda: ear.is_done(number), timeout=5_000)
    assert ear.of(number)[-1].was_stopped
    again = desk.search("needle of line 12")
    qtbot.waitUntil(lambda: ear.is_done(again), timeout=10_000)
    assert ear.found(again)


def test_a_file_that_cannot_be_read_ends_the_search_with_the_reason(desk, ear, tmp_path, qtbot):
    path = fill(tmp_path / "q.db", 3)
    desk.open_file(path)
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    desk.search("needle")
    qtbot.waitUntil(lambda: bool(ear.failures), timeout=5_000)
    assert "not found" in ear.failures[0].problem.sentence().lower()
    assert not path.exists()


def test_without_a_file_there_is_no_search(desk, ear):
    assert desk.search("needle") == 0
    assert not desk._search_thread.isRunning()


def test_B16_ending_during_a_search_takes_no_second(desk, ear, tmp_path, qtbot):
    desk.open_file(fill(tmp_path / "q.db", 300_000))
    number = desk.search("nowhere to be found at all")
    qtbot.waitUntil(lambda: bool(ear.of(number)), timeout=10_000)
    assert not ear.is_done(number)
    desk.ask_to_end()
    desk.end(time.monotonic() + 1.0)
    assert alive() == []


# -- the index


def side_files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


def test_no_index_is_made_unless_it_is_asked_for(desk, ear, tmp_path, qtbot):
    desk.index_folder = tmp_path / "cache"
    desk.open_file(fill(tmp_path / "q.db", 300))
    number = desk.search("needle")
    qtbot.waitUntil(lambda: ear.is_done(number), timeout=10_000)
    assert not desk._index_thread.isRunning()
    assert not (tmp_path / "cache").exists()


def complete(ear: Ear) -> bool:
    last = ear.index[-1] if ear.index else None
    return last is not None and last.state is IndexState.COMPLETE


def test_the_index_is_built_while_a_file_is_open_and_deleted_by_the_switch(desk, ear, tmp_path, qtbot):
    folder = tmp_path / "cache"
    desk.index_folder = folder
    desk.set_index_on(True)
    desk.open_file(fill(tmp_path / "q.db", 6_000, lines=20))
    qtbot.waitUntil(lambda: complete(ear), timeout=40_000)
    status = ear.index[-1]
    assert status is not None
    assert status.size_bytes > 0
    number = desk.search("needle of line 3")
    qtbot.waitUntil(lambda: ear.is_done(number), timeout=10_000)
    assert ear.found(number) == {(SearchKind.LOGS, 4)}

    desk.set_index_on(False)
    qtbot.waitUntil(lambda: ear.index[-1] is not None and ear.index[-1].state is IndexState.OFF, timeout=10_000)
    assert not [name for name in side_files(folder) if ".db" in name]


def test_ending_while_the_index_is_built_takes_no_second_and_leaves_it_usable(desk, ear, tmp_path, qtbot):
    desk.index_folder = tmp_path / "cache"
    desk.set_index_on(True)
    path = fill(tmp_path / "q.db", 200_000)
    desk.open_file(path)
    qtbot.waitUntil(lambda: any(each is not None for each in ear.index), timeout=20_000)
    assert not complete(ear)
    desk.ask_to_end()
    desk.end(time.monotonic() + 1.0)
    assert alive() == []
    again = SearchDesk()
    try:
        told = Ear(again)
        again.index_folder = tmp_path / "cache"
        again.set_index_on(True)
        again.open_file(path)
        qtbot.waitUntil(lambda: any(each is not None for each in told.index), timeout=20_000)
        assert told.index[-1] is not None
        assert told.index[-1].state is IndexState.BUILDING
    finally:
        again.ask_to_end()
        again.end(time.monotonic() + 1.0)
        again.deleteLater()


def test_another_file_ends_the_index_of_the_one_before(desk, ear, tmp_path, qtbot):
    desk.index_folder = tmp_path / "cache"
    desk.set_index_on(True)
    desk.open_file(fill(tmp_path / "one.db", 200_000))
    qtbot.waitUntil(lambda: any(each is not None for each in ear.index), timeout=20_000)
    ear.index.clear()
    desk.open_file(fill(tmp_path / "two.db", 5_000))
    qtbot.waitUntil(lambda: complete(ear), timeout=40_000)
    paths = {each.path for each in ear.index if each is not None}
    assert len(paths) == 1


def test_a_second_window_on_the_file_uses_the_first_ones_index(desk, ear, tmp_path, qtbot):
    desk.index_folder = tmp_path / "cache"
    desk.set_index_on(True)
    path = fill(tmp_path / "q.db", 5_000)
    desk.open_file(path)
    qtbot.waitUntil(lambda: complete(ear), timeout=40_000)
    other = SearchDesk()
    try:
        told = Ear(other)
        other.index_folder = tmp_path / "cache"
        other.set_index_on(True)
        other.open_file(path)
        qtbot.waitUntil(
            lambda: any(each is not None and each.state is IndexState.ELSEWHERE for each in told.index), timeout=10_000
        )
    finally:
        other.ask_to_end()
        other.end(time.monotonic() + 1.0)
        other.deleteLater()
