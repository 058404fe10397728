"""The past of a queue is rebuilt from its timestamps and log lines; what they do not tell is a gap, never zero."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import history as history_module
from prismq_gui.insight import rebuilding
from prismq_gui.insight.history import Source
from prismq_gui.insight.history_points import Rebuilt, points
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.past import HOUR, START_S, Clock, add, by_start, keeping, log_end, rebuild, text, watch


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Daten ž"


def test_the_past_is_rebuilt_from_timestamps(folder: Path, queue: Path, clock: Clock):
    rng = random.Random(5)
    arrived: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    unfinished = 0
    for i in range(200):
        created = START_S - 3_000 + i * 10
        arrived[created // 60 * 60] += 1
        finished = created + rng.randrange(1, 2_000)
        if finished < START_S - 60:
            ended[finished // 60 * 60] += 1
            add(queue, created, "completed", finished)
        else:
            unfinished += 1
            add(queue, created)
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader, unfinished)
        found = by_start(history.points(START_S - 3_600, START_S, 60))
        late = by_start(history.points(START_S - 600, START_S, 60))
    assert late == {start: point for start, point in found.items() if start >= START_S - 600}
    for start, point in found.items():
        assert point.arrived_per_s == pytest.approx(arrived[start] / 60)
        assert point.completed_per_s == pytest.approx(ended[start] / 60)
        assert point.flow_source is Source.REBUILT
        depth = sum(n for at, n in arrived.items() if at <= start) - sum(n for at, n in ended.items() if at <= start)
        assert point.unfinished == depth
        assert point.waiting is None  # waiting and running cannot be told apart


def test_tasks_enqueued_long_ago_that_ended_lately_are_found_by_their_log_lines(
    folder: Path, queue: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rebuilding, "_FIRST_CHUNK", 16)
    monkeypatch.setattr(rebuilding, "_MOST_A_CHUNK", 16)
    for i in range(40):
        add(queue, START_S - 80 * HOUR + i, "completed", START_S - 79 * HOUR)
    old = [add(queue, START_S - 70 * HOUR, "queued") for _ in range(30)]
    for task_id in old:
        log_end(queue, task_id, START_S - 650)  # an attempt that failed; its line is in another chunk
    for task_id in old:
        log_end(queue, task_id, START_S - 600)
        run_sql(queue, "UPDATE task_queue SET status = 'completed', finished_at_utc = ? WHERE id = ?",
                (text(START_S - 600), task_id))  # fmt: skip
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader)
        found = by_start(history.points(START_S - 1_200, START_S, 60))
    assert found[(START_S - 600) // 60 * 60].completed_per_s == pytest.approx(30 / 60)
    assert sum(point.completed_per_s or 0 for point in found.values()) * 60 == pytest.approx(30)


def test_without_log_lines_what_ended_is_a_gap_and_not_zero(
    folder: Path, queue: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rebuilding, "_FIRST_CHUNK", 8)
    monkeypatch.setattr(rebuilding, "_MOST_A_CHUNK", 8)
    for i in range(40):
        add(queue, START_S - 80 * HOUR + i, "completed", START_S - 600, log=False)
    add(queue, START_S - 500)
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader, 1)
        found = history.points(START_S - 1_200, START_S, 60)
    assert all(point.completed_per_s is None and point.unfinished is None for point in found)
    assert sum(point.arrived_per_s or 0 for point in found) * 60 == pytest.approx(1)


def test_a_bound_on_what_is_read_leaves_a_gap_before_it(queue: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rebuilding, "_FIRST_CHUNK", 8)
    monkeypatch.setattr(rebuilding, "_MOST_A_CHUNK", 8)
    for i in range(100):
        add(queue, START_S - 6_000 + i * 60)
    with closing(QueueReader(queue)) as reader:
        reader.open()
        found = list(rebuilding.steps(reader.connection, reader.layout(), rebuilding.begin(START_S), most_tasks=20))
    last = found[-1].progress
    assert last.stage is rebuilding.Stage.DONE
    assert last.tasks_read == 24
    whole = Rebuilt(last.top_s, 100, last.arrived_from_s, last.finished_from_s, _together(found))
    past = points(START_S - 3_600, START_S, 60, {}, [whole])
    assert [point.arrived_per_s for point in past[:36]] == [None] * 36
    assert [point.arrived_per_s for point in past[-10:]] == [pytest.approx(1 / 60)] * 10


def _together(found: list[rebuilding.Step]) -> dict[int, rebuilding.Minute]:
    minutes: dict[int, rebuilding.Minute] = {}
    for step in found:
        for start, minute in step.minutes.items():
            minutes.setdefault(start, rebuilding.Minute()).add(minute)
    return minutes


def test_a_stopped_rebuilding_goes_on_and_counts_nothing_twice(
    folder: Path, queue: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rebuilding, "_FIRST_CHUNK", 16)
    monkeypatch.setattr(rebuilding, "_MOST_A_CHUNK", 16)
    monkeypatch.setattr(history_module, "_STORE_EVERY_S", 0.0)
    for i in range(300):
        add(queue, START_S - 3_000 + i * 9, "completed", START_S - 300 + i % 3)
    rounds = 0
    while True:
        with keeping(folder, queue, clock) as (history, reader):
            going = history.rebuild(reader.connection, reader.layout(), 0)
            if len([None for _ in zip(range(3), going, strict=False)]) < 3:
                break
            rounds += 1
    assert rounds > 3
    with keeping(folder, queue, clock) as (history, reader):
        found = history.points(START_S - 3_600, START_S, 60)
        assert sum(point.arrived_per_s or 0 for point in found) * 60 == pytest.approx(300)
        assert sum(point.completed_per_s or 0 for point in found) * 60 == pytest.approx(300)
        assert rebuild(history, reader) == 0  # it is fresh


def test_what_was_watched_comes_before_what_was_rebuilt(folder: Path, queue: Path, clock: Clock):
    for i in range(60):
        add(queue, START_S - 600 + i * 10)
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader, 60)
        watch(history, clock, 60)
        found = history.points(START_S - 300, START_S + 60, 60)
    assert [point.depth_source for point in found] == [Source.REBUILT] * 5 + [Source.WATCHED]
    assert found[-1].completed_per_s == pytest.approx(2)


def test_the_gap_while_the_program_was_closed_is_rebuilt_at_the_next_start(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, reader):
        add(queue, START_S - 60)
        rebuild(history, reader, 1)
    for i in range(30):
        add(queue, START_S + 600 + i)
    clock.now_s += HOUR
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader, 31)
        found = by_start(history.points(START_S - 120, START_S + HOUR, 60))
    assert found[START_S + 600].arrived_per_s == pytest.approx(30 / 60)
    assert found[START_S - 60].unfinished == 1
    assert found[START_S + 1_200].unfinished == 31


def test_H7_times_that_name_no_moment_are_passed_by(folder: Path, queue: Path, clock: Clock):
    for cell in ("2026-02-30 00:00:00", "soon", None, b"\xff", 17, "0001-01-01 00:00:00", "9999-12-31T23:59:59Z",
                 "x" * 100_000):  # fmt: skip
        add(queue, START_S - 90, "completed", START_S - 60)
        run_sql(queue, "UPDATE task_queue SET finished_at_utc = ?, created_at_utc = ? WHERE id = last_insert_rowid() "
                "OR id = (SELECT max(id) FROM task_queue)", (cell, cell or "never"))  # fmt: skip
    add(queue, START_S - 120, "completed", START_S - 90)
    run_sql(queue, "UPDATE task_queue SET finished_at_utc = '2026-03-01T11:58:30.5+00:00' WHERE id = 9")
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader)
        found = by_start(history.points(START_S - 600, START_S, 60))
    assert found[START_S - 120].completed_per_s == pytest.approx(1 / 60)
    assert sum(point.completed_per_s or 0 for point in found.values()) * 60 == pytest.approx(1)


def test_cancelled_tasks_that_other_programs_call_failed_are_cancelled(folder: Path, queue: Path, clock: Clock):
    add(queue, START_S - 200, "failed", START_S - 100, error="Cancelled by user")
    add(queue, START_S - 200, "dead_letter", START_S - 100, error="boom")
    with keeping(folder, queue, clock) as (history, reader):
        rebuild(history, reader)
        point = by_start(history.points(START_S - 600, START_S, 60))[START_S - 120]
    assert (point.failed_per_s, point.cancelled_per_s) == (pytest.approx(1 / 60), pytest.approx(1 / 60))


def test_a_file_without_times_has_no_past(folder: Path, tmp_path: Path, clock: Clock):
    bare = tmp_path / "bare.db"
    with closing(sqlite3.connect(bare)) as connection:
        connection.execute("CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT)")
    with closing(QueueReader(bare)) as reader:
        reader.open()
        (step,) = rebuilding.steps(reader.connection, reader.layout(), rebuilding.begin(START_S))
    assert step.progress.arrived_from_s is None
