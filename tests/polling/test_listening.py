"""After sleep or a clock that was set, silence means nothing until workers have had time to beat."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from prismq_gui.insight.hearing import GapKind
from prismq_gui.polling.listening import GRACE_S, Listening

START = datetime(2026, 10, 25, 0, 30)  # in the night in which summer time ends


class Machine:
    """A wall clock and a steady one, as a test sets them."""

    def __init__(self) -> None:
        self.wall, self.clock = START, 5_000.0
        self.listening = Listening(lambda: self.wall, lambda: self.clock)
        self.listening.begin()

    def run(self, seconds: int) -> None:
        """Let time pass while the program looks once a second."""
        for _ in range(seconds):
            self.sleep(1)
            self.listening.look()

    def sleep(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.clock += seconds

    def is_silent(self, beat: datetime) -> bool:
        return self.listening.look().is_silent(beat, self.wall)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_without_a_gap_silence_is_what_the_clock_says(machine):
    machine.run(119)
    assert not machine.is_silent(START)
    machine.run(2)
    assert machine.is_silent(START)


@pytest.mark.parametrize(("kind", "set_by_s"), [(GapKind.SLEPT, 0), (GapKind.SET_FORWARD, 3_600)])
def test_B14_nobody_is_called_silent_before_the_grace_is_over(machine, kind, set_by_s):
    machine.run(60)
    silent_before = machine.wall - timedelta(minutes=10)
    alive_before = machine.wall - timedelta(seconds=10)
    if set_by_s:
        machine.wall += timedelta(seconds=set_by_s)
    else:
        machine.sleep(8 * 3_600)
    assert machine.listening.look().gap.kind is kind
    machine.run(int(GRACE_S) - 1)
    assert not machine.is_silent(alive_before)
    assert machine.listening.look().is_awaited(alive_before, machine.wall)
    assert machine.is_silent(silent_before), "what was known before is known still"
    machine.run(1)
    assert machine.is_silent(alive_before), "it had its time to beat"
    assert machine.listening.look().gap is None


def test_B14_a_machine_that_wakes_for_moments_does_not_lose_what_was_known_before(machine):
    beat = machine.wall
    for _ in range(5):
        machine.sleep(3_600)
        machine.run(3)
    machine.sleep(14)
    assert not machine.is_silent(beat)
    gap = machine.listening.look().gap
    assert gap.from_utc == START
    assert gap.sentence.startswith("the computer slept for 1 h"), "the longest is told"


def test_B14_a_clock_that_is_set_back_makes_nobody_silent_and_no_age_negative(machine):
    machine.run(60)
    beat = machine.wall
    machine.wall -= timedelta(hours=1)
    hearing = machine.listening.look()
    assert hearing.gap.kind is GapKind.SET_BACK
    assert hearing.gap.sentence == "the clock was set back by 1 h; waiting for heartbeats"
    assert hearing.judged_at(machine.wall) == machine.wall
    machine.run(100)
    assert not machine.is_silent(beat)


def test_B14_summer_time_and_a_moved_laptop_change_nothing(machine):
    """Both clocks know nothing of time zones: an hour that is told twice passes once."""
    for _ in range(3 * 60):
        machine.sleep(10)
        assert machine.listening.look().gap is None


def test_a_program_that_was_busy_for_seconds_has_not_slept(machine):
    machine.sleep(6)
    assert machine.listening.look().gap is None


def test_a_program_that_was_held_up_for_longer_does_not_claim_to_know_why(machine):
    machine.sleep(14)
    assert machine.listening.look().gap.sentence == "nothing could be heard for 14 s; waiting for heartbeats"


def test_opening_a_file_after_hours_without_one_is_no_sleep(machine):
    machine.sleep(7_200)
    machine.listening.begin()
    assert machine.listening.look().gap is None


def test_while_the_file_is_not_looked_at_and_until_it_is_read_again_nobody_becomes_silent(machine):
    beat, silent_before = machine.wall, machine.wall - timedelta(minutes=5)
    machine.run(5)
    machine.listening.set_looking(False)
    machine.run(3_600)
    machine.listening.set_looking(False)  # said again it is no other time
    assert not machine.is_silent(beat)
    assert machine.is_silent(silent_before)
    assert machine.listening.look().gap.sentence == "", "the person knows that it is paused"
    machine.listening.set_looking(True)
    machine.run(4)
    assert not machine.is_silent(beat)
    machine.run(2)
    assert machine.is_silent(beat)
    assert machine.listening.look().gap is None


def test_B14_sleep_in_a_pause_is_told_as_sleep(machine):
    machine.run(5)
    machine.listening.set_looking(False)
    machine.sleep(7_200)
    machine.listening.set_looking(True)
    gap = machine.listening.look().gap
    assert (gap.kind, gap.from_utc) == (GapKind.SLEPT, START + timedelta(seconds=5))


def test_a_threshold_is_used_from_now_on(machine):
    beat = machine.wall
    machine.run(20)
    assert not machine.is_silent(beat)
    machine.listening.set_silent_after(10)
    assert machine.is_silent(beat)
