"""The history shows what was watched, whatever becomes of its side file; what nobody knows is a gap, never zero."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.forecast import Outlook, forecast
from prismq_gui.insight.history import Sample, Source, Total, sample_of
from prismq_gui.insight.history_file import FILE_NAME, KEPT_S
from prismq_gui.insight.history_points import Bucket, Watching, points
from prismq_gui.insight.messages import StatusCount
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.past import HOUR, START_S, Clock, add, keeping, watch


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Daten ž"


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


@examples(60)
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
