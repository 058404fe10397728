"""Long reading leaves the writers a moment to start their log over; nobody waits on a file that stands still."""

import time
from pathlib import Path

from prismq_gui.insight.breath import BURST_S, GAP_S, Breath
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql


def read_for(breath: Breath, seconds: float, *, changing: bool) -> None:
    with breath.turn(lambda: changing):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass


def test_a_pause_comes_after_reading_on_end_while_others_write():
    pauses: list[float] = []
    breath = Breath(pauses.append)
    read_for(breath, BURST_S, changing=True)
    assert pauses == []  # the first statement never waits
    read_for(breath, 0, changing=True)
    assert pauses == [GAP_S]


def test_no_pause_while_nobody_writes():
    pauses: list[float] = []
    breath = Breath(pauses.append)
    for _ in range(3):
        read_for(breath, BURST_S, changing=False)
    assert pauses == []


def test_a_gap_that_came_by_itself_begins_a_new_burst():
    pauses: list[float] = []
    breath = Breath(pauses.append)
    read_for(breath, BURST_S, changing=True)
    end = time.perf_counter() + GAP_S
    while time.perf_counter() < end:
        pass
    read_for(breath, 0, changing=True)
    assert pauses == []


def test_two_readers_of_a_file_pause_together(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 10)
    pauses: list[float] = []
    breath = Breath(pauses.append)
    one, other = QueueReader(path, breath=breath), QueueReader(path, breath=breath)
    one.open()
    other.open()
    try:
        with breath.turn(lambda: False):  # still on when the other one reads, however long the writing takes
            run_sql(path, "UPDATE task_queue SET priority = 7")
            end = time.perf_counter() + BURST_S
            while time.perf_counter() < end:
                pass
            one.newest_task_id()  # its connection sees the change, and waits for the burst of both
        assert pauses
        pauses.clear()
        one.newest_task_id()
        assert pauses == []  # nobody wrote since
    finally:
        one.close()
        other.close()
