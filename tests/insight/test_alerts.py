"""Alerts as a state machine: told when a state changes and only then, whatever the figures do."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.alert_rules import AlertRules, Rule, RuleKind
from prismq_gui.insight.alert_words import as_json, sentence
from prismq_gui.insight.alerts import (
    MOST_GAP_S,
    AlertChange,
    AlertEvent,
    AlertFigures,
    AlertMachine,
    AlertState,
    Measure,
)

START = datetime(2026, 3, 29, 0, 30)
WAITING = RuleKind.OLDEST_WAITING
SILENT = RuleKind.SILENT_WORKER
RULES = AlertRules(oldest_waiting=Rule(100.0, 50.0, 30.0), silent_worker=Rule(120.0, 60.0, 30.0))


class Watch:
    """A machine, a steady clock and a wall clock."""

    def __init__(self, rules: AlertRules = RULES) -> None:
        self.machine = AlertMachine(rules)
        self.at_s = 0.0
        self.told: list[AlertEvent] = []

    def look(self, *values: float | None, after: float = 10.0, kind: RuleKind = WAITING) -> list[AlertEvent]:
        """Look once for each value, ``after`` seconds one after another; return what was told."""
        told: list[AlertEvent] = []
        for value in values:
            self.at_s += after
            told += self.take(Measure(kind, value))
        return told

    def take(self, *measures: Measure, complete: frozenset[RuleKind] = frozenset()) -> list[AlertEvent]:
        at_utc = START + timedelta(seconds=self.at_s)
        told = list(self.machine.take(AlertFigures(at_utc, self.at_s, measures, complete)))
        self.told += told
        return told


def test_what_stays_bad_long_enough_is_told_once_and_once_when_it_is_over():
    watch = Watch()
    assert watch.look(0, 150, 150, 150) == []
    assert watch.machine.state(WAITING) is AlertState.PENDING
    (raised,) = watch.look(160)
    assert (raised.change, raised.value, raised.threshold, raised.quiet) == (AlertChange.RAISED, 160, 100.0, False)
    assert watch.look(200, 99, 60, 51, 200) == []  # below its threshold, and not below what ends it
    assert watch.look(10, 10, 10) == []
    assert watch.machine.state(WAITING) is AlertState.CLEARING
    (over,) = watch.look(10)
    assert (over.change, over.threshold) == (AlertChange.CLEARED, 50.0)
    assert watch.look(10, 99) == []


def test_a_short_peak_is_not_told():
    watch = Watch()
    assert watch.look(0, *([150, 150, 150, 99] * 20)) == []


def test_what_is_bad_at_the_first_look_is_told_at_once_and_quietly():
    watch = Watch()
    (raised,) = watch.look(500)
    assert raised.change is AlertChange.RAISED
    assert raised.quiet
    assert watch.look(500, 500) == []
    assert [each.quiet for each in watch.look(0, 0, 0, 0)] == [False]


def test_the_first_look_of_a_rule_is_the_first_with_a_value():
    watch = Watch()
    watch.take(Measure(RuleKind.WAL_SIZE, 0))
    assert watch.look(None, None) == []
    assert [each.quiet for each in watch.look(500)] == [True]


def test_unknown_figures_neither_raise_nor_end_anything():
    watch = Watch()
    watch.look(0, 150, 150)
    assert watch.look(None, None, None, None, None) == []
    assert watch.machine.state(WAITING) is AlertState.PENDING
    assert len(watch.look(150)) == 1
    assert watch.look(*[None] * 50) == []
    assert watch.machine.state(WAITING) is AlertState.RAISED


def test_a_time_in_which_nobody_looked_does_not_count():
    watch = Watch()
    watch.look(0, 150)
    assert watch.look(150, after=8 * 3_600.0) == []  # asleep: 8 h were not 8 h of waiting
    assert watch.machine.state(WAITING) is AlertState.PENDING
    assert watch.look(150, after=MOST_GAP_S) != []
    watch.look(0)
    assert watch.look(0, after=8 * 3_600.0) == []
    assert watch.machine.state(WAITING) is AlertState.CLEARING


def test_room_on_a_disk_is_bad_where_it_is_small():
    watch = Watch(AlertRules(disk_free=Rule(10 * 2**20, 20 * 2**20, 0.0)))
    look = lambda *values: [each.change for each in watch.look(*values, kind=RuleKind.DISK_FREE)]  # noqa: E731
    assert look(30 * 2**20, 10 * 2**20) == []
    assert look(10 * 2**20 - 1) == [AlertChange.RAISED]
    assert look(15 * 2**20, 0) == []
    assert look(20 * 2**20) == [AlertChange.CLEARED]


def test_each_worker_has_an_alert_of_its_own_and_one_that_is_gone_is_over():
    watch = Watch()
    whole = frozenset({SILENT})
    watch.take(Measure(SILENT, 0, "one"), Measure(SILENT, 0, "two"), complete=whole)
    told = []
    for _ in range(8):
        watch.at_s += 10
        told += watch.take(Measure(SILENT, 300, "one"), Measure(SILENT, 1, "two"), complete=whole)
    assert [(each.change, each.subject) for each in told] == [(AlertChange.RAISED, "one")]
    watch.at_s += 10
    assert watch.take(Measure(SILENT, 1, "two")) == []  # not all were looked at: nothing is known of "one"
    assert watch.machine.raised() == ((SILENT, "one"),)
    told = []
    for _ in range(4):
        watch.at_s += 10
        told += watch.take(Measure(SILENT, 1, "two"), complete=whole)
    assert [(each.change, each.subject) for each in told] == [(AlertChange.CLEARED, "one")]


def test_what_was_raised_when_it_was_last_watched_is_not_told_again():
    watch = Watch()
    watch.machine.restore([(WAITING, ""), (SILENT, "one")])
    assert watch.look(500) == []
    (over,) = watch.take(complete=frozenset({SILENT}))
    assert (over.change, over.subject, over.quiet) == (AlertChange.CLEARED, "one", True)


def test_a_rule_that_is_switched_off_ends_what_it_had_raised():
    watch = Watch()
    watch.look(500)
    off = AlertRules(oldest_waiting=Rule(100.0, 50.0, 30.0, on=False))
    (over,) = watch.machine.set_rules(off, START)
    assert (over.change, over.value, over.quiet) == (AlertChange.CLEARED, None, True)
    assert watch.look(500, 500, 500, 500, 500) == []
    assert watch.machine.set_rules(RULES, START) == ()
    assert [each.quiet for each in watch.look(500)] == [True]


def test_older_figures_than_were_judged_say_nothing_but_after_the_clock_was_set_back():
    watch = Watch(AlertRules(oldest_waiting=Rule(100.0, 50.0, 0.0)))
    read_at = START

    def take(value: float, later_s: float) -> list[AlertChange]:
        nonlocal read_at
        read_at += timedelta(seconds=later_s)
        watch.at_s += 1
        figures = AlertFigures(read_at, watch.at_s, (Measure(WAITING, value),), read_at_utc=((WAITING, read_at),))
        return [event.change for event in watch.machine.take(figures)]

    assert take(0, 0) == []
    assert take(500, 60) == [AlertChange.RAISED]
    assert take(0, -30) == []  # of another thread, read before
    assert take(0, 29) == []
    assert take(500, 2) == []
    assert take(0, -3_600) == [AlertChange.CLEARED]


KINDS = st.sampled_from([WAITING, SILENT, RuleKind.DISK_FREE])
VALUES = st.one_of(st.none(), st.floats(0, 300), st.sampled_from([49.9, 50.0, 99.9, 100.0]))
LOOKS = st.lists(st.tuples(st.floats(0.1, 400), KINDS, st.sampled_from(["", "one", "two"]), VALUES), max_size=60)
ANY_RULES = st.builds(
    lambda hold_s, band: AlertRules(
        oldest_waiting=Rule(100.0, 100.0 - band, hold_s), silent_worker=Rule(100.0, 100.0 - band, hold_s),
        disk_free=Rule(2**20, 2**20 + int(band), hold_s),
    ),
    st.sampled_from([0.0, 5.0, 60.0]), st.sampled_from([0.0, 20.0, 50.0]),
)  # fmt: skip


@given(ANY_RULES, LOOKS)
def test_a_state_is_never_told_twice_in_a_row_and_never_by_an_unknown_figure(rules, looks):
    watch = Watch(rules)
    last: dict[tuple[RuleKind, str], AlertChange] = {}
    for after, kind, subject, value in looks:
        watch.at_s += after
        told = watch.take(Measure(kind, value, subject))
        assert value is not None or told == []
        for event in told:
            before = last.get((event.kind, event.subject), AlertChange.CLEARED)
            assert event.change is not before
            last[event.kind, event.subject] = event.change
    raised = {key for key, change in last.items() if change is AlertChange.RAISED}
    assert set(watch.machine.raised()) == raised


@given(st.booleans(), st.lists(st.tuples(st.floats(0.1, 120), st.floats(50, 99.99)), max_size=50))
def test_within_the_band_nothing_changes(was_raised, looks):
    watch = Watch()
    watch.look(500 if was_raised else 0)
    for after, value in looks:
        assert watch.look(value, after=after) == []
    assert watch.machine.state(WAITING) is (AlertState.RAISED if was_raised else AlertState.OK)


@given(st.lists(st.tuples(st.floats(0.1, 29), st.floats(0, 300)), max_size=80))
def test_two_changes_are_never_nearer_than_the_time_a_state_must_hold(looks):
    watch = Watch()
    watch.look(0)
    for after, value in looks:
        watch.look(value, after=after)
    moments = [event.at_utc for event in watch.told]
    assert all((later - earlier).total_seconds() >= 29.999 for earlier, later in pairwise(moments))


@given(st.lists(st.tuples(st.floats(0.1, 60), st.sampled_from([8, 9, 10, 11])), max_size=60))
def test_a_share_of_few_failures_does_not_flap_about_the_least_number(looks):
    from prismq_gui.insight.alert_reading import _failed_rate
    from tests.insight.test_alert_reading import overview_of

    rules = AlertRules(failed_rate=Rule(0.5, 0.45, 0.0), failed_least=10)
    watch = Watch(rules)
    changes = Counter()
    for after, failed in looks:
        watch.at_s += after
        overview = overview_of(failed=failed, completed=1)
        for event in watch.take(_failed_rate(overview, rules, overview.at_utc)):
            changes[event.change] += 1
    if all(failed >= 9 for _, failed in looks):
        assert changes[AlertChange.CLEARED] == 0
    assert changes[AlertChange.RAISED] - changes[AlertChange.CLEARED] in (0, 1)


@pytest.mark.parametrize("kind", RuleKind)
@pytest.mark.parametrize("change", AlertChange)
@pytest.mark.parametrize("subject", ["", "w\x1b[2J\u202e<img src=//x>" * 20])
@pytest.mark.parametrize("value", [None, 0, 0.004, 1, 90_061, 2.0**40])
def test_J1_each_change_has_a_sentence_on_one_line_and_a_line_of_json(kind, change, subject, value):
    event = AlertEvent(change, kind, subject, value, 1, START)
    text = sentence(event)
    assert text.isprintable()
    assert text
    assert len(text) < 200
    line = as_json(event, "C:\\Prüfung\\queue.db")
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["file"] == "C:\\Prüfung\\queue.db"
    assert json.loads(line)["rule"] == kind.value


@pytest.mark.parametrize(
    "wrong",
    [
        {"oldest_waiting": {"raise_at": 10, "clear_at": 20}},
        {"disk_free": {"raise_at": 2**22, "clear_at": 2**21}},
        {"failed_rate": {"raise_at": 2.0, "clear_at": 0.1}},
        {"failed_rate": {"raise_at": float("nan"), "clear_at": 0.1}},
        {"dead_letters": {"raise_at": 1.5, "clear_at": 1}},
        {"dead_letters": {"raise_at": 1, "clear_at": 1, "on": 1}},
        {"dead_letters": {"raise_at": 1}},
        {"dead_letters": {"raise_at": 1, "clear_at": 1, "more": 1}},
        {"dead_letters": 5},
        {"failed_least": 0},
        {"nonsense": {}},
    ],
)
def test_J7_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_", maxsplit=1)[0]):
        AlertRules.from_dict(wrong)


def test_rules_come_back_from_json_as_they_were():
    rules = AlertRules(silent_worker=Rule(300, 120, 10, on=False), failed_least=3)
    assert AlertRules.from_dict(json.loads(json.dumps(rules.to_dict()))) == rules
