"""Alerts as a state machine over figures: what becomes bad is told once, and once when it is over.

Owns the states, the hysteresis and the times they must hold. Pure: figures and times are handed in, nothing is read and
nobody is told. A figure that is not known neither raises nor ends anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from prismq_gui.insight.alert_rules import AlertRules, Rule, RuleKind

MOST_GAP_S = 150.0
"""After so long without a look nothing is taken to have held meanwhile; the rarest looks are 60 s apart."""
MOST_SUBJECTS = 1_000


class AlertState(Enum):
    """How it stands with a rule."""

    OK = "ok"
    PENDING = "pending"  # bad, not yet for long enough
    RAISED = "raised"
    CLEARING = "clearing"  # good again, not yet for long enough

    @property
    def is_raised(self) -> bool:
        """Whether it was told and is not over."""
        return self in (AlertState.RAISED, AlertState.CLEARING)


class AlertChange(Enum):
    """What is told."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a rule's value is now, in the unit of its kind; None: not known.

    ``subject`` is the worker's name where each has an alert of its own. ``eased`` is the value by which it is judged
    whether an alert that is raised is over, where that is another.
    """

    kind: RuleKind
    value: float | None
    subject: str = ""
    eased: float | None = None


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """One look. ``at_s`` is of a clock that nobody sets; ``at_utc`` is naive.

    Of kinds in ``complete`` every subject is named: one that is not is well. ``read_at_utc`` says when the figures of a
    kind were read: older ones than were judged before say nothing, for looks come from two threads.
    """

    at_utc: datetime
    at_s: float
    measures: tuple[Measure, ...]
    complete: frozenset[RuleKind] = frozenset()
    read_at_utc: tuple[tuple[RuleKind, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """A change of state. ``value`` is None where a rule was switched off.

    ``quiet``: it was so already when the file was first looked at, or nobody saw it change: to be written down only.
    """

    change: AlertChange
    kind: RuleKind
    subject: str
    value: float | None
    threshold: float
    at_utc: datetime
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class _Track:
    state: AlertState = AlertState.OK
    since_s: float = 0.0  # of PENDING and CLEARING
    seen_s: float | None = None  # when a value was last known


class _Level(Enum):
    BAD = "bad"
    BAND = "between"
    GOOD = "good"


class AlertMachine:
    """The rules of one open file. Any one thread."""

    def __init__(self, rules: AlertRules | None = None) -> None:
        self.rules = rules or AlertRules()
        self._tracks: dict[tuple[RuleKind, str], _Track] = {}
        self._looked: set[RuleKind] = set()
        self._read_at: dict[RuleKind, datetime] = {}

    def restore(self, raised: Iterable[tuple[RuleKind, str]]) -> None:
        """Take these for raised: they were when the file was last watched."""
        for kind, subject in raised:
            if self.rules[kind].on:
                self._tracks[kind, subject] = _Track(AlertState.RAISED)

    def set_rules(self, rules: AlertRules, at_utc: datetime) -> tuple[AlertEvent, ...]:
        """Judge by these from the next look on; what is raised by a rule that is off now is over."""
        self.rules = rules
        told = []
        for (kind, subject), track in sorted(self._tracks.items(), key=_by_name):
            if rules[kind].on:
                continue
            del self._tracks[kind, subject]
            self._looked.discard(kind)
            if track.state.is_raised:
                told.append(_event(AlertChange.CLEARED, kind, subject, None, rules[kind], at_utc, quiet=True))
        return tuple(told)

    def state(self, kind: RuleKind, subject: str = "") -> AlertState:
        """Return how it stands with a rule."""
        return self._tracks.get((kind, subject), _Track()).state

    def raised(self) -> tuple[tuple[RuleKind, str], ...]:
        """Return what was told and is not over, in the order of the kinds."""
        return tuple(key for key, track in sorted(self._tracks.items(), key=_by_name) if track.state.is_raised)

    def take(self, figures: AlertFigures) -> tuple[AlertEvent, ...]:
        """Judge a look, and return what has changed by it."""
        told: list[AlertEvent] = []
        late = {kind for kind, read_at in figures.read_at_utc if self._is_late(kind, read_at)}
        named = {(each.kind, each.subject) for each in figures.measures}
        gone = [
            Measure(kind, 0.0, subject)
            for kind, subject in sorted(self._tracks, key=lambda key: (key[0].value, key[1]))
            if kind in figures.complete - late and (kind, subject) not in named
        ]
        known = set()
        for measure in (*figures.measures, *gone):
            if measure.value is None or measure.kind in late or not self.rules[measure.kind].on:
                continue
            known.add(measure.kind)
            told += self._judge(measure, figures)
        self._looked |= known
        return tuple(told)

    def _is_late(self, kind: RuleKind, read_at: datetime) -> bool:
        """Whether newer figures of a kind were judged already; much newer ones are of before the clock was set back."""
        before = self._read_at.get(kind)
        if before is not None and 0 < (before - read_at).total_seconds() <= MOST_GAP_S:
            return True
        self._read_at[kind] = read_at
        return False

    def _judge(self, measure: Measure, figures: AlertFigures) -> list[AlertEvent]:
        assert measure.value is not None
        key, rule = (measure.kind, measure.subject), self.rules[measure.kind]
        before = self._tracks.get(key, _Track())
        value = measure.value
        if before.state.is_raised and measure.eased is not None:
            value = measure.eased
        first = measure.kind not in self._looked
        after = _step(before, _level(measure.kind, rule, value), 0.0 if first else rule.hold_s, figures.at_s)
        if after.state is AlertState.OK and key[1]:
            self._tracks.pop(key, None)  # workers come and go
        elif key in self._tracks or len(self._tracks) < MOST_SUBJECTS:
            self._tracks[key] = after
        else:
            return []
        if after.state.is_raised == before.state.is_raised:
            return []
        change = AlertChange.RAISED if after.state.is_raised else AlertChange.CLEARED
        return [_event(change, *key, measure.value, rule, figures.at_utc, quiet=first)]


def _by_name(item: tuple[tuple[RuleKind, str], _Track]) -> tuple[int, str]:
    return _ORDER[item[0][0]], item[0][1]


_ORDER = {kind: place for place, kind in enumerate(RuleKind)}


def _event(
    change: AlertChange, kind: RuleKind, subject: str, value: float | None, rule: Rule, at_utc: datetime, *, quiet: bool
) -> AlertEvent:
    threshold = rule.raise_at if change is AlertChange.RAISED else rule.clear_at
    return AlertEvent(change, kind, subject, value, threshold, at_utc, quiet)


def _level(kind: RuleKind, rule: Rule, value: float) -> _Level:
    is_bad = value < rule.raise_at if kind.is_low_bad else value >= rule.raise_at
    if is_bad:
        return _Level.BAD
    is_good = value >= rule.clear_at if kind.is_low_bad else value < rule.clear_at
    return _Level.GOOD if is_good else _Level.BAND


def _step(before: _Track, level: _Level, hold_s: float, at_s: float) -> _Track:
    """Return what a look at a value makes of a state."""
    calm, waiting, leaves = AlertState.OK, AlertState.PENDING, _Level.BAD
    if before.state.is_raised:
        calm, waiting, leaves = AlertState.RAISED, AlertState.CLEARING, _Level.GOOD
    if level is not leaves:
        return _Track(calm, 0.0, at_s)
    watched = before.seen_s is not None and 0 <= at_s - before.seen_s <= MOST_GAP_S
    since_s = before.since_s if before.state is waiting and watched else at_s
    if at_s - since_s < hold_s:
        return replace(before, state=waiting, since_s=since_s, seen_s=at_s)
    return _Track(AlertState.OK if before.state.is_raised else AlertState.RAISED, 0.0, at_s)
