"""What is counted of each group of failures, kept up as tasks come and go.

Owns the groups and their limits, and the rule of the trend. Pure bookkeeping: no file, no clock of its own.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prismq_gui.insight.failure_messages import OTHERS, FailureGroup, Share, Trend
from prismq_gui.insight.failure_store import Entry, PairStore
from prismq_gui.insight.signatures import group_key
from prismq_gui.insight.trait_statistics import wilson

MAX_GROUPS = 1_000
MAX_WORKERS = 10_000
SAMPLE_IDS = 20
SHARES = 50  # of types and workers, told of a group
NO_WORKER = 0  # in entries: not known, or not looked for
_OTHERS_SLOT = 0
_OTHER_WORKERS = 1
_EPOCH = datetime(1970, 1, 1)
_LEAST_SHARE = 0.6
_FINE = 4  # slots a bucket: they stand still while the buckets end now, so a bucket is a quarter off at most


def trend_of(buckets: Sequence[int]) -> Trend:
    """Return how counts go: the later half of the window against the earlier.

    If nothing changes, a failure falls into either half with the same chance. Rising: the later half has at least
    60 % of them, and so many that the 95 % Wilson interval of its share lies above a half. Falling: the same of the
    earlier half. Quiet: nothing at all. Everything else is steady.
    """
    total = sum(buckets)
    if not total:
        return Trend.QUIET
    later = sum(buckets[len(buckets) // 2 :])
    low, high = wilson(later, total)
    if low > 0.5 and later / total >= _LEAST_SHARE:
        return Trend.RISING
    if high < 0.5 and later / total <= 1 - _LEAST_SHARE:
        return Trend.FALLING
    return Trend.STEADY


def seconds_of(moment: datetime | None) -> int:
    """Return seconds since 1970 as entries hold them: at least 1, 0 where there is no moment."""
    if moment is None:
        return 0
    return min(max(1, int((moment - _EPOCH).total_seconds())), 2**32 - 1)


def moment_of(time_s: int) -> datetime | None:
    """Return the moment of an entry, None where it has none."""
    return _EPOCH + timedelta(seconds=time_s) if time_s else None


@dataclass(slots=True)
class _Group:
    signature: str
    text: str
    count: int = 0
    pairs: Counter[int] = field(default_factory=Counter)
    workers: Counter[int] = field(default_factory=Counter)
    slots: Counter[int] = field(default_factory=Counter)
    first_s: int = 0
    last_s: int = 0
    sample: list[int] = field(default_factory=list)  # ascending
    looked_up: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a pair's tasks are, as shown."""

    type: str
    status: str


class Tally:
    """Groups by signature, at most so many; what is past the limit is counted among the others."""

    def __init__(self, window: timedelta, buckets: int, most: int = MAX_GROUPS) -> None:
        self.window = window
        self._slots = buckets * _FINE
        self._slot_s = max(1.0, window.total_seconds() / self._slots)
        self._most = most
        self._groups: list[_Group | None] = [_Group(OTHERS, "")]
        self._by_signature: dict[str, int] = {}
        self._free: list[int] = []
        self._workers: list[tuple[str, bool]] = [("", False), ("(other workers)", False)]
        self._worker_numbers: dict[tuple[str, bool], int] = {}
        self._stale: set[int] = set()

    def group(self, signature: str, text: str) -> int:
        """Return the number of a signature's group; it is made where there is room."""
        number = self._by_signature.get(signature)
        if number is not None:
            return number
        if len(self._by_signature) >= self._most:
            others = self._groups[_OTHERS_SLOT]
            assert others is not None
            others.text = others.text or text
            return _OTHERS_SLOT
        number = self._free.pop() if self._free else len(self._groups)
        if number == len(self._groups):
            self._groups.append(None)
        self._groups[number] = _Group(signature, text)
        self._by_signature[signature] = number
        return number

    def number_of(self, signature: str) -> int | None:
        """Return the number of a group that has tasks, None where there is none."""
        return _OTHERS_SLOT if signature == OTHERS else self._by_signature.get(signature)

    def worker(self, name: str, *, inferred: bool) -> int:
        """Return the number of a worker, by where its name was found."""
        if not name:
            return NO_WORKER
        number = self._worker_numbers.get((name, inferred))
        if number is None:
            if len(self._workers) >= MAX_WORKERS:
                return _OTHER_WORKERS
            number = len(self._workers)
            self._workers.append((name, inferred))
            self._worker_numbers[name, inferred] = number
        return number

    def may_look_up(self, number: int, most: int) -> bool:
        """Whether one more task of a group may have its worker looked for in the log; counts it."""
        group = self._known(number)
        group.looked_up += 1
        return group.looked_up <= most

    def add(self, pair: int, task_id: int, entry: Entry, now: datetime) -> None:
        """Count a task."""
        group = self._known(entry.group)
        group.count += 1
        group.pairs[pair] += 1
        if entry.worker != NO_WORKER:
            group.workers[entry.worker] += 1
        if entry.time_s:
            group.first_s = min(group.first_s or entry.time_s, entry.time_s)
            group.last_s = max(group.last_s, entry.time_s)
            group.slots[self._slot(entry.time_s)] += 1
            if len(group.slots) > 2 * self._slots:
                self._prune(group, now)
        if len(group.sample) < SAMPLE_IDS or task_id > group.sample[0]:
            insort(group.sample, task_id)
            del group.sample[:-SAMPLE_IDS]

    def remove(self, pair: int, task_id: int, entry: Entry) -> None:
        """Count a task no longer; a group without tasks is gone."""
        group = self._known(entry.group)
        group.count -= 1
        if not group.count and entry.group != _OTHERS_SLOT:
            del self._by_signature[group.signature]
            self._groups[entry.group] = None
            self._free.append(entry.group)
            self._stale.discard(entry.group)
            return
        counters = [(group.pairs, pair), (group.slots, self._slot(entry.time_s))]
        counters += [(group.workers, entry.worker)] if entry.worker != NO_WORKER else []
        for counter, key in counters:
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]
        if task_id in group.sample or entry.time_s in (group.first_s, group.last_s):
            self._stale.add(entry.group)

    def freshen(self, stores: Sequence[PairStore]) -> None:
        """Look up again first, last and sample of the groups that lost a task which was one of them."""
        stale, self._stale = self._stale, set()
        if not stale:
            return
        for number in stale:
            group = self._known(number)
            group.first_s, group.last_s, group.sample = 0, 0, []
        for store in stores:
            for ids, groups, times in store.entries():
                for task_id, number, time_s in zip(ids, groups, times, strict=True):
                    if number in stale:
                        self._freshen(self._known(number), task_id, time_s)

    @staticmethod
    def _freshen(group: _Group, task_id: int, time_s: int) -> None:
        if time_s:
            group.first_s = min(group.first_s or time_s, time_s)
            group.last_s = max(group.last_s, time_s)
        if len(group.sample) < SAMPLE_IDS or task_id > group.sample[0]:
            insort(group.sample, task_id)
            del group.sample[:-SAMPLE_IDS]

    def groups(self, kinds: Sequence[Kind], now: datetime) -> tuple[FailureGroup, ...]:
        """Return the groups as they stand: the largest first, the others last."""
        found = [
            self._told(number, group, kinds, now)
            for number, group in enumerate(self._groups)
            if group is not None and group.count
        ]
        return tuple(sorted(found, key=lambda group: (group.is_others, -group.count, group.signature)))

    def _told(self, number: int, group: _Group, kinds: Sequence[Kind], now: datetime) -> FailureGroup:
        statuses: Counter[str] = Counter()
        types: Counter[str] = Counter()
        for pair, count in group.pairs.items():
            statuses[kinds[pair].status] += count
            types[kinds[pair].type] += count
        workers: Counter[str] = Counter()
        for worker, count in group.workers.items():
            workers[self._workers[worker][0]] += count
        self._prune(group, now)
        last = self._slot(seconds_of(now))
        starts = range(last - self._slots + 1, last + 1, _FINE)
        buckets = tuple(sum(group.slots.get(start + step, 0) for step in range(_FINE)) for start in starts)
        return FailureGroup(
            key=group_key(group.signature),
            signature=group.signature,
            count=group.count,
            statuses=_shares(statuses),
            types=_shares(types),
            workers=_shares(workers),
            workers_known=sum(workers.values()),
            workers_inferred=sum(count for worker, count in group.workers.items() if self._workers[worker][1]),
            first_seen=moment_of(group.first_s),
            last_seen=moment_of(group.last_s),
            trend=trend_of(buckets),
            buckets=buckets,
            sample_ids=tuple(reversed(group.sample)),
            sample_text=group.text,
            is_others=number == _OTHERS_SLOT,
        )

    def _known(self, number: int) -> _Group:
        group = self._groups[number]
        assert group is not None
        return group

    def _slot(self, time_s: int) -> int:
        return int(time_s // self._slot_s)

    def _prune(self, group: _Group, now: datetime) -> None:
        last = self._slot(seconds_of(now))
        for slot in [each for each in group.slots if not last - self._slots < each <= last + self._slots]:
            del group.slots[slot]


def _shares(counts: Counter[str]) -> tuple[Share, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Share(name, count) for name, count in ordered[:SHARES])
