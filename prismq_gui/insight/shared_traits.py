"""What the failed tasks of one cause share that passed tasks of the same types do not.

Owns the counting of traits on both sides and the choice of those that jump out: measures in
:mod:`~prismq_gui.insight.trait_statistics`, samples in :mod:`~prismq_gui.insight.trait_sampling`. docs/failures.md
says how to read the result. Usable in any thread, by the failure reader of that thread.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from prismq_gui.insight.failure_messages import FailureGroup, ReadingProgress
from prismq_gui.insight.failure_reading import FailureStatements
from prismq_gui.insight.failures import FailureReader, OnProgress, ShouldStop
from prismq_gui.insight.trait_extraction import Family, SampledTask, TraitKey, traits_of
from prismq_gui.insight.trait_sampling import FAILED_SAMPLE, MAX_TYPES, Sampler, TypedIds
from prismq_gui.insight.trait_statistics import Table, newcombe, p_value, q_values, wilson

MAX_Q = 0.01  # of a hundred traits told, one is by chance at most
LEAST_DIFFERENCE = 0.05  # surely; less is of no use to the person, however sure it is
LEAST_TASKS = 3  # with and without a trait, on both sides together; fewer could never be told from chance
MAX_TOLD = 50
MAX_COUNTED = 200_000  # distinct traits; both sides are counted by turns, so that neither has an advantage
_BY_NATURE = frozenset({"attempts"})
_STOPPED = "It was stopped before all was read."
_GONE = "None of the group's tasks is there any more."
_NONE_PASSED = "No task of the same types has passed: there is nothing to compare with."


@dataclass(frozen=True, slots=True)
class SharedTrait:
    """One trait that is more, or less, frequent among the failed tasks than chance explains.

    ``failed`` of ``failed_of`` failed tasks have it, ``passed`` of ``passed_of`` passed ones; those where it cannot be
    read are in neither. ``passed_share`` is weighted to the group's mix of types. ``lift`` is the ratio of the shares
    (infinite where no passed task has it), ``lift_low`` what it surely is; the interval of the difference is of 95 %.
    ``also`` are other traits of exactly the same tasks. ``by_nature``: failing itself brings it (attempts).
    """

    trait: TraitKey
    failed: int
    failed_of: int
    passed: int
    passed_of: int
    passed_share: float
    lift: float
    lift_low: float
    difference: float
    difference_low: float
    difference_high: float
    p_value: float
    q_value: float
    also: tuple[TraitKey, ...] = ()
    by_nature: bool = False

    @property
    def sure_difference(self) -> float:
        """How far apart the shares surely are, 0 where they may be the same."""
        return max(0.0, self.difference_low, -self.difference_high)

    @property
    def is_excess(self) -> bool:
        """Whether the failed tasks have it more often; else they lack it."""
        return self.difference > 0


@dataclass(frozen=True, slots=True)
class SharedTraits:
    """The traits that jump out, the surest difference first; what it stands on, and sentences for the person."""

    signature: str
    traits: tuple[SharedTrait, ...] = ()
    failed_sample: int = 0
    passed_sample: int = 0
    tested: int = 0
    types: tuple[str, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()


def shared_traits(
    reader: FailureReader,
    group: FailureGroup,
    *,
    should_stop: ShouldStop = lambda: False,
    on_progress: OnProgress = lambda _progress: None,
) -> SharedTraits:
    """Compare a group's newest tasks with passed ones of the same types and time.

    Raises:
        ProblemError: What a statement met.
    """
    ids = reader.ids_of(group)
    sampler = Sampler(reader.connection, reader.layout)
    kinds = sampler.by_type(ids[:FAILED_SAMPLE])
    if not kinds:
        return SharedTraits(group.signature, notes=(_GONE,))
    passed = []
    for kind in kinds[:MAX_TYPES]:
        if should_stop():
            return SharedTraits(group.signature, complete=False, notes=(_STOPPED,))
        passed.append(sampler.passed(kind))
    compared = [(kind, each) for kind, each in zip(kinds, passed, strict=False) if each]
    notes = _notes(kinds, compared, len(ids))
    if not compared:
        return SharedTraits(group.signature, notes=(*notes, _NONE_PASSED))
    wanted = [each for kind, _ in compared for each in kind.ids], [each for _, part in compared for each in part]
    total, done = sum(map(len, wanted)), 0

    def step(count: int) -> bool:
        nonlocal done
        on_progress(ReadingProgress(done, total))
        done += count
        return should_stop()

    statements = FailureStatements(reader.connection, reader.layout)
    sides = [sampler.read(each, statements, step) for each in wanted]
    if sides[0] is None or sides[1] is None:
        return SharedTraits(group.signature, complete=False, notes=(*notes, _STOPPED))
    traits, tested = compare(sides[0], sides[1])
    types = tuple(kind.text for kind, _ in compared)
    notes += _worker_note(sides[0], sides[1])
    return SharedTraits(group.signature, traits, len(sides[0]), len(sides[1]), tested, types, notes=notes)


def _worker_note(failed: Sequence[SampledTask], passed: Sequence[SampledTask]) -> tuple[str, ...]:
    """Say of how few tasks the worker is known: which ones those are need not be chance."""
    known = [sum(bool(task.worker) for task in side) for side in (failed, passed)]
    if 2 * known[0] >= len(failed) and 2 * known[1] >= len(passed):
        return ()
    return (
        f"The worker is known of {known[0]:,} of {len(failed):,} failed and of {known[1]:,} of {len(passed):,} passed "
        "tasks alone: take what is told of workers with care.",
    )


def _notes(kinds: Sequence[TypedIds], compared: Sequence[tuple[TypedIds, list[int]]], failed: int) -> tuple[str, ...]:
    notes = []
    if failed > FAILED_SAMPLE:
        notes.append(f"Of {failed:,} failed tasks the newest {FAILED_SAMPLE:,} are compared.")
    if len(kinds) > MAX_TYPES:
        notes.append(f"Of {len(kinds):,} types the {MAX_TYPES} most frequent are compared.")
    without = [kind.text for kind in kinds[:MAX_TYPES] if kind not in [each for each, _ in compared]]
    if without and compared:
        names = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
        notes.append(f"Left out, since no task of the type has passed: {names}.")
    return tuple(notes)


@dataclass(slots=True)
class _Counts:
    """How many tasks have one trait, by type and side; a fingerprint of which tasks those are."""

    by_type: dict[str, list[int]] = field(default_factory=dict)
    tasks: int = 0
    fingerprint: int = 0


class _Counting:
    """Counts traits of both sides; a type is a stratum, so that types of different habits are not mixed."""

    def __init__(self) -> None:
        self.counts: dict[TraitKey, _Counts] = {}
        self.known: dict[tuple[Family, str], list[int]] = {}
        self._marks = random.Random(1)  # noqa: S311 - names tasks, keeps no secret

    def add(self, task: SampledTask, side: int) -> None:
        """Count a task: side 0 failed, 1 passed."""
        traits, families = traits_of(task)
        mark = self._marks.getrandbits(64)
        for family in families:
            self.known.setdefault((family, task.type), [0, 0])[side] += 1
        for trait in traits:
            counts = self.counts.get(trait)
            if counts is None:
                if len(self.counts) >= MAX_COUNTED:
                    continue
                counts = self.counts[trait] = _Counts()
            counts.by_type.setdefault(task.type, [0, 0])[side] += 1
            counts.tasks += 1
            counts.fingerprint ^= mark

    def tables(self, trait: TraitKey) -> list[Table]:
        """Return the counts of a trait, a table a type."""
        having = self.counts[trait].by_type
        found = []
        for (family, name), (failed, passed) in self.known.items():
            if family is trait.family and failed and passed:
                with_failed, with_passed = having.get(name, (0, 0))
                found.append(Table(with_failed, failed, with_passed, passed))
        return found


def compare(failed: Sequence[SampledTask], passed: Sequence[SampledTask]) -> tuple[tuple[SharedTrait, ...], int]:
    """Return the traits that jump out, and how many were tested; pure, the samples are all it knows."""
    counting = _Counting()
    for task, side in _by_turns(failed, passed):
        counting.add(task, side)
    candidates = _distinct(counting)
    measured = [
        _measured(trait, also, counting.tables(trait)) for trait, also in candidates if _is_testable(counting, trait)
    ]
    adjusted = q_values([each.p_value for each in measured])
    sure = [
        replace(each, q_value=q)
        for each, q in zip(measured, adjusted, strict=True)
        if q <= MAX_Q and each.sure_difference >= LEAST_DIFFERENCE
    ]
    return tuple(_told(sure)), len(measured)


def _by_turns(failed: Sequence[SampledTask], passed: Sequence[SampledTask]) -> Iterable[tuple[SampledTask, int]]:
    for at in range(max(len(failed), len(passed))):
        for side, tasks in enumerate((failed, passed)):
            if at < len(tasks):
                yield tasks[at], side


def _is_testable(counting: _Counting, trait: TraitKey) -> bool:
    """Whether a trait could be told from chance at all. Looks at both sides together, which leaves the test fair."""
    tables = counting.tables(trait)
    having = sum(table.failed_with + table.passed_with for table in tables)
    total = sum(table.failed + table.passed for table in tables)
    return having >= LEAST_TASKS and total - having >= LEAST_TASKS


def _distinct(counting: _Counting) -> list[tuple[TraitKey, tuple[TraitKey, ...]]]:
    """Return the traits, those of exactly the same tasks together: first one with a value and a short name."""
    same: dict[tuple[int, int, Family], list[TraitKey]] = {}
    for trait, counts in counting.counts.items():
        if counts.tasks >= LEAST_TASKS:
            same.setdefault((counts.fingerprint, counts.tasks, trait.family), []).append(trait)
    found = []
    for traits in same.values():
        first, *also = sorted(traits, key=lambda t: (t.value.startswith("("), len(t.name), t.name, t.value))
        found.append((first, tuple(also[:10])))
    return found


def _measured(trait: TraitKey, also: tuple[TraitKey, ...], tables: Sequence[Table]) -> SharedTrait:
    failed, passed = sum(t.failed for t in tables), sum(t.passed for t in tables)
    failed_with, passed_with = sum(t.failed_with for t in tables), sum(t.passed_with for t in tables)
    weights = [table.failed / failed for table in tables]
    other = sum(w * t.passed_with / t.passed for w, t in zip(weights, tables, strict=True))
    effective = 1 / sum(w * w / t.passed for w, t in zip(weights, tables, strict=True))
    share = failed_with / failed
    own, others = wilson(failed_with, failed), wilson(other * effective, effective)
    low, high = newcombe(share, own, other, others)
    return SharedTrait(
        trait=trait,
        failed=failed_with,
        failed_of=failed,
        passed=passed_with,
        passed_of=passed,
        passed_share=other,
        lift=share / other if other else math.inf,
        lift_low=own[0] / others[1],
        difference=share - other,
        difference_low=low,
        difference_high=high,
        p_value=p_value(tables),
        q_value=1.0,
        also=also,
        by_nature=trait.name in _BY_NATURE,
    )


def _told(sure: Sequence[SharedTrait]) -> list[SharedTrait]:
    """Order the findings; that they lack a value is not told where it is told which one they have instead."""
    excess = {(each.trait.family, each.trait.name) for each in sure if each.is_excess}
    kept = [each for each in sure if each.is_excess or (each.trait.family, each.trait.name) not in excess]
    return sorted(kept, key=lambda each: (each.by_nature, -each.sure_difference, each.p_value, each.trait.name))[
        :MAX_TOLD
    ]
