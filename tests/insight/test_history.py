"""The history shows what was, from what was watched and from timestamps; what nobody knows is a gap, never zero."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismq_gui.insight import history as history_module
from prismq_gui.insight import rebuilding
from prismq_gui.insight.forecast import Outlook, forecast
from prismq_gui.insight.history import History, Point, Sample, Source, Total, sample_of
from prismq_gui.insight.history_file import FILE_NAME, KEPT_S
from prismq_gui.insight.history_points import Bucket, Rebuilt, Watching, points
from prismq_gui.insight.messages import StatusCount
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql

START = datetime(2026, 3, 1, 12, 0, 0)
START_S = int((START - datetime(1970, 1, 1)).total_seconds())
HOUR = 3_600


@dataclass
class Clock:
    """A clock that a test sets."""

    now_s: float = START_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Daten ž"


@contextmanager
def keeping(folder: Path, queue: Path, clock: Callable[[], float]) -> Iterator[tuple[History, QueueReader]]:
    with ExitStack() as stack:
        reader = stack.enter_context(closing(QueueReader(queue)))
        reader.open()
        history = stack.enter_context(closing(History(folder, clock)))
        history.open(queue, reader.connection, reader.newest_task_id())
        yield history, reader


def text(second: float) -> str:
    return str(datetime(1970, 1, 1) + timedelta(seconds=int(second)))


def add(queue: Path, created_s: float, status: str = "queued", finished_s: float | None = None, *, log: bool = True,
        error: str | None = None) -> int:  # fmt: skip
    run_sql(
        queue, "INSERT INTO task_queue (type, payload, status, created_at_utc, finished_at_utc, error_message) "
        "VALUES ('job', '{}', ?, ?, ?, ?)",
        (status, text(created_s), None if finished_s is None else text(finished_s), error),
    )  # fmt: skip
    task_id = run_sql(queue, "SELECT max(id) FROM task_queue")[0][0]
    assert isinstance(task_id, int)
    if finished_s is not None and log:
        log_end(queue, task_id, finished_s)
    return task_id


def log_end(queue: Path, task_id: int, at_s: float) -> None:
    sql = "INSERT INTO task_logs (task_id, at_utc, level, message) VALUES (?, ?, 'INFO', 'done')"
    run_sql(queue, sql, (task_id, text(at_s)))


def watch(history: History, clock: Clock, seconds: int, *, per_s: int = 2, waiting: int = 10) -> None:
    """Look each second at a queue where tasks come and go evenly."""
    for _ in range(seconds):
        clock.now_s += 1
        done = int(clock.now_s - START_S) * per_s
        history.note(
            Sample(clock.now_s, waiting, 1, 1_000 + done, Total(done, clock.now_s), Total(0, clock.now_s),
                   Total(0, clock.now_s))
        )  # fmt: skip


def rebuild(history: History, reader: QueueReader, unfinished: int | None = 0) -> int:
    return len(list(history.rebuild(reader.connection, reader.layout(), unfinished)))


def by_start(found: tuple[Point, ...]) -> dict[int, Point]:
    return {point.start_s: point for point in found}


# -- watched


def test_what_was_watched_is_there_after_a_restart(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 120)
    with keeping(folder, queue, clock) as (history, _):
        found = history.points(START_S, START_S + 120, 60)
        assert [point.waiting for point in found] == [10, 10]
        assert [point.unfinished for point in found] == [11, 11]
        assert all(point.completed_per_s == pytest.approx(2) for point in found)
        assert all(point.arrived_per_s == pytest.approx(2) for point in found)
        assert {point.flow_source for point in found} == {Source.WATCHED}
        assert history.trouble == ""


def test_gaps_are_gaps_and_never_zero(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 60)
        clock.now_s += 1_200
        watch(history, clock, 60)
        found = history.points(START_S - 600, START_S + 1_320, 60)
    gaps = [point for point in found if point.is_gap]
    assert len(gaps) == 10 + 19  # the last look fell into the next minute
    assert all(point.waiting is None and point.completed_per_s is None for point in gaps)


def test_a_rate_is_of_the_time_that_was_watched(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 16, per_s=3)
        (point,) = history.points(START_S, START_S + 60, 60)
    assert point.completed_per_s == pytest.approx(3)


def test_a_count_that_fell_tells_nothing(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        for count in (1_000, 400):  # old tasks were deleted
            clock.now_s += 10
            history.note(Sample(clock.now_s, 5, 0, 1_000, Total(count, clock.now_s)))
        (point,) = history.points(START_S, START_S + 60, 60)
    assert point.completed_per_s is None
    assert point.arrived_per_s == 0  # that is known
    assert point.waiting == 5


def test_a_leap_of_ids_is_no_rush_of_tasks(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        for newest in (10, 2**62):
            clock.now_s += 10
            history.note(Sample(clock.now_s, 5, 0, newest))
        (point,) = history.points(START_S, START_S + 60, 60)
    assert point.arrived_per_s is None


def test_days_are_kept_by_the_hour_and_seconds_are_let_go(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 30)
        clock.now_s += 10 * 86_400
        watch(history, clock, 30)
        early = history.points(START_S, START_S + HOUR, HOUR)
    assert early[0].completed_per_s == pytest.approx(2)
    kept = dict(run_sql(folder / FILE_NAME, "SELECT width, min(start) FROM bucket GROUP BY width"))
    assert kept[1] >= clock.now_s - KEPT_S[1]
    assert kept[60] >= clock.now_s - KEPT_S[60]
    assert kept[3_600] == START_S


def test_more_points_than_can_be_shown_are_refused(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _), pytest.raises(ValueError, match="5,000"):
        history.points(0, START_S, 1)


def test_two_windows_do_not_count_twice(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (first, _), keeping(folder, queue, clock) as (second, _):
        for _ in range(40):
            clock.now_s += 1
            done = int(clock.now_s - START_S) * 2
            for history in (first, second):
                history.note(Sample(clock.now_s, 10, 1, done, Total(done, clock.now_s)))
        first.flush()
        second.flush()
        total = run_sql(folder / FILE_NAME, "SELECT sum(completed), sum(completed_s) FROM bucket WHERE width = 1")
        assert total[0][0] <= 80
        assert total[0][1] <= 40
        assert second.points(START_S, START_S + 30, 30)[0].completed_per_s == pytest.approx(2)


def test_another_window_goes_on_when_the_first_is_closed(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (second, _):
        with keeping(folder, queue, clock) as (first, _):
            watch(first, clock, 20)
        watch(second, clock, 20)
        second.flush()
    last = run_sql(folder / FILE_NAME, "SELECT max(start) FROM bucket WHERE width = 1")[0][0]
    assert last == START_S + 40


def test_B14_a_clock_set_back_does_not_stop_the_history(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        clock.now_s += 5 * HOUR
        history.note(Sample(clock.now_s, 9, 0))
        clock.now_s -= 5 * HOUR
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 30)
        history.flush()
        assert history.points(START_S, START_S + 30, 30)[0].waiting == 10


# -- which queue


def test_another_file_at_the_same_path_is_not_mixed_in(folder: Path, queue: Path, clock: Clock):
    add(queue, START_S)
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 60)
    for ending in ("", "-wal", "-shm"):
        Path(f"{queue}{ending}").unlink(missing_ok=True)
    make_foreign_queue(queue)
    add(queue, START_S + 5)  # the same id, another task
    with keeping(folder, queue, clock) as (history, _):
        assert all(point.is_gap for point in history.points(START_S, START_S + 60, 60))


def test_a_queue_whose_oldest_witness_was_deleted_is_the_same(folder: Path, queue: Path, clock: Clock):
    gone = add(queue, START_S)
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 60)
    add(queue, START_S + 9)
    run_sql(queue, "DELETE FROM task_queue WHERE id = ?", (gone,))
    with keeping(folder, queue, clock) as (history, _):
        assert history.points(START_S, START_S + 60, 60)[0].waiting == 10


# -- the side file


@pytest.mark.parametrize("rubbish", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4_096])
def test_a_damaged_history_is_set_aside_and_begun_anew(folder: Path, queue: Path, clock: Clock, rubbish: bytes):
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(rubbish)
    with keeping(folder, queue, clock) as (history, _):
        assert f"{FILE_NAME}.bad" in history.note_text
        watch(history, clock, 30)
        history.flush()
        assert history.trouble == ""
        assert history.points(START_S, START_S + 30, 30)[0].waiting == 10
    assert (folder / f"{FILE_NAME}.bad").read_bytes() == rubbish


def test_pages_damaged_in_the_middle_are_noticed(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 600)
    run_sql(folder / FILE_NAME, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((folder / FILE_NAME).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8_192] = random.Random(1).randbytes(8_192)
    (folder / FILE_NAME).write_bytes(data)
    with keeping(folder, queue, clock) as (history, _):
        assert "damaged" in history.note_text


def test_cells_of_a_strange_hand_do_not_stop_the_program(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 30)
    run_sql(folder / FILE_NAME, "UPDATE bucket SET waiting = 'many', completed = x'00'")
    with keeping(folder, queue, clock) as (history, _):
        assert all(point.waiting is None for point in history.points(START_S, START_S + 30, 30))
        assert "not kept" in history.trouble
        clock.now_s += 60
        watch(history, clock, 30)
        assert history.trouble == ""


def test_a_newer_history_is_left_alone(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 10)
    run_sql(folder / FILE_NAME, "PRAGMA user_version = 99")
    with keeping(folder, queue, clock) as (history, _):
        watch(history, clock, 30)
        assert "newer version" in history.trouble
        assert history.points(START_S + 10, START_S + 40, 30)[0].waiting == 10  # in memory
    assert run_sql(folder / FILE_NAME, "PRAGMA user_version") == [(99,)]


def test_a_folder_that_cannot_be_made_leaves_the_program_running(tmp_path: Path, queue: Path, clock: Clock):
    (tmp_path / "file").write_bytes(b"")
    with keeping(tmp_path / "file" / "data", queue, clock) as (history, _):
        watch(history, clock, 40)
        assert history.trouble
        assert history.points(START_S, START_S + 30, 30)[0].waiting == 10


KILLED = """
import sys
from pathlib import Path
from contextlib import closing
from prismq_gui.insight.history import History, Sample, Total
from prismq_gui.insight.reader import QueueReader
now = [float(sys.argv[3])]
with closing(QueueReader(Path(sys.argv[2]))) as reader:
    reader.open()
    history = History(Path(sys.argv[1]), lambda: now[0])
    history.open(Path(sys.argv[2]), reader.connection, 0)
    print("ready", flush=True)
    done = 0
    while True:
        now[0] += 1
        done += 2
        history.note(Sample(now[0], 10, 1, done, Total(done, now[0])))
"""


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_killed_program_leaves_a_sound_history(folder: Path, queue: Path, clock: Clock, lines: int):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(queue), str(START_S)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        kept = 0
        while kept < lines * 20:
            kept = run_sql(folder / FILE_NAME, "SELECT count(*) FROM bucket WHERE width = 1")[0][0]  # type: ignore[assignment]
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdout.close()
    clock.now_s += 10**6
    with keeping(folder, queue, clock) as (history, _):
        assert history.note_text == ""
        rates = [point.completed_per_s for point in history.points(START_S, START_S + 15, 1)]
    assert rates[2:] == pytest.approx([2] * 13)


# -- rebuilt


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


def test_a_forecast_can_be_made_from_what_was_watched(folder: Path, queue: Path, clock: Clock):
    with keeping(folder, queue, clock) as (history, _):
        for _ in range(300):
            clock.now_s += 1
            done = int(clock.now_s - START_S) * 4
            history.note(
                Sample(clock.now_s, 4_000 - done, 1, 10, Total(done, clock.now_s), Total(0, clock.now_s),
                       Total(0, clock.now_s))
            )  # fmt: skip
        found = forecast(2_800, history.flows())
    assert found.outlook is Outlook.DRAINS
    assert found.drains_in_s == pytest.approx(700, rel=0.05)


# -- arithmetic


def test_statuses_that_no_task_has_are_zero_only_where_all_were_counted():
    some = sample_of((StatusCount("queued", 7, 90.0), StatusCount("dead_letter", 2, 80.0)), 12, 1_000.0, 100.0)
    assert (some.waiting, some.running) == (7, 0)
    assert some.failed == Total(2, 980.0)
    assert some.completed == Total(0, 1_000.0)
    none = sample_of((), 12, 1_000.0, 100.0)
    assert none.waiting is None
    assert none.completed is None


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 400), st.integers(0, 500)), min_size=1, max_size=30))
def test_shared_out_counts_add_up(moves: list[tuple[float, int]]):
    """Whatever the rhythm of the counts: each width holds all that was counted, over the time it was counted in."""
    watching, at_s, total, expected, span = Watching(), float(START_S), 0, 0, 0.0
    watching.note(Sample(at_s, completed=Total(0, at_s)))
    for wait_s, more in moves:
        before, at_s, total = at_s, at_s + wait_s, total + more
        watching.note(Sample(at_s, completed=Total(total, at_s)))
        if at_s - before <= 300:
            expected, span = expected + more, span + (at_s - before)
    sums: dict[int, Bucket] = {}
    for (width, _), bucket in watching.take().items():
        sums.setdefault(width, Bucket()).add(bucket)
    for bucket in sums.values():
        assert bucket.counts[1] == pytest.approx(expected)
        assert bucket.seconds[1] == pytest.approx(span)


def test_no_history_at_all_is_all_gaps():
    assert [point.is_gap for point in points(START_S, START_S + 300, 60, {}, [])] == [True] * 5
