"""What a worker would take next, in order, under each strategy; by reading alone.

WEIGHTED_RANDOM has no order: what is given is one draw at a seed, made by the claim's own lottery while the file is
as it is now, and each task's chance of being the first.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prismq_gui.insight.claim_keys import Candidate, LevelText, candidate
from prismq_gui.insight.claim_view import ClaimView
from prismq_gui.insight.explanations import NextTasks, Offer, Upcoming
from prismq_gui.insight.line import total_weight
from prismq_gui.insight.reader import QueueReader
from prismq_gui.queue import claim_reading, claim_sql
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.claiming import USED_UP_A_CLAIM
from prismq_gui.queue.lottery import RACERS, Lottery
from prismq_gui.queue.timestamps import now_utc, parse_utc

LIMIT = 50
MOST_BURIED = 500  # shown among those that would run
_NO_LIMIT = 2**62
_RUN_AT_ONCE = 256

Stop = Callable[[], bool]
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is known of the next tasks after a short statement; ``looked_at`` counts entries of the index."""

    found: NextTasks
    looked_at: int


def next_steps(
    reader: QueueReader,
    offer: Offer | None = None,
    strategy: Strategy = Strategy.PRIORITY,
    *,
    limit: int = LIMIT,
    now: datetime | None = None,
    seed: int = 0,
    types: tuple[str, ...] = (),
) -> Iterator[NextStep]:
    """Yield what is found of the next ``limit`` tasks so far, after each statement; the last one is complete.

    Args:
        reader: An open one, in its thread.
        offer: The worker; None is one that would take every task that is due.
        strategy: The order.
        limit: How many that would run; those it would bury on the way come with them.
        now: Naive UTC.
        seed: Of the draw of WEIGHTED_RANDOM. Where no lease is over, its first is what a claimer with this seed takes.
        types: Without an offer: only those of these types (none named: all).
    """
    view = ClaimView(reader.connection, now or now_utc(), offer, types)
    if strategy is Strategy.WEIGHTED_RANDOM:
        yield from _draw_steps(view, limit, seed)
        return
    tasks: list[Upcoming] = []
    running = seen = 0
    for found in view.in_order(strategy):
        if found is not None:
            running += not found.used_up
            tasks.append(_upcoming(found))
            if running >= limit or len(tasks) - running >= MOST_BURIED:
                break
        if found is None or view.looked_at != seen:
            seen = view.looked_at
            yield NextStep(NextTasks(strategy, tuple(tasks), complete=False), seen)
    yield NextStep(NextTasks(strategy, tuple(tasks)), view.looked_at)


def next_tasks(
    reader: QueueReader,
    offer: Offer | None = None,
    strategy: Strategy = Strategy.PRIORITY,
    *,
    limit: int = LIMIT,
    now: datetime | None = None,
    seed: int = 0,
    types: tuple[str, ...] = (),
    should_stop: Stop = lambda: False,
    on_progress: Progress = lambda _looked_at: None,
) -> NextTasks:
    """Return the last of :func:`next_steps`, or what was known when it was stopped.

    Args:
        reader: As there.
        offer: As there.
        strategy: As there.
        limit: As there.
        now: As there.
        seed: As there.
        types: As there.
        should_stop: Asked after each short statement.
        on_progress: Told how many entries of the index were looked at.
    """
    found = NextTasks(strategy, (), complete=False)
    for step in next_steps(reader, offer, strategy, limit=limit, now=now, seed=seed, types=types):
        found = step.found
        on_progress(step.looked_at)
        if not found.complete and should_stop():
            break
    return found


def next_claim(
    reader: QueueReader, offer: Offer, strategy: Strategy, *, now: datetime | None = None
) -> Upcoming | None:
    """Return the task that the worker's next claim hands out, None where it hands out none.

    Not for WEIGHTED_RANDOM. A claim that meets too many whose attempts are used up ends without a task.
    """
    view = ClaimView(reader.connection, now or now_utc(), offer)
    buried = 0
    for found in view.in_order(strategy):
        if found is None:
            continue
        if not found.used_up:
            return _upcoming(found)
        buried += 1
        if buried >= USED_UP_A_CLAIM:
            break
    return None


def first_ahead(view: ClaimView, strategy: Strategy, count: int, steps: int) -> tuple[Upcoming, ...]:
    """Return the first few in line, looking at no more than so many stretches."""
    tasks: list[Upcoming] = []
    for number, found in enumerate(view.in_order(strategy)):
        if found is not None:
            tasks.append(_upcoming(found))
        if len(tasks) >= count or number >= steps:
            break
    return tuple(tasks)


def _upcoming(found: Candidate, chance: float | None = None) -> Upcoming:
    level = found.key.level
    priority = level.raw.decode("utf-8", "backslashreplace") if isinstance(level, LevelText) else level
    due = parse_utc(found.key.due.decode("utf-8", "replace"))
    return Upcoming(found.key.task_id, priority, due, found.used_up, found.given_back, chance)


# -- by lot


class _TooManyError(Exception):
    """All that wait would have to run the race in one statement."""


def _draw_steps(view: ClaimView, limit: int, seed: int) -> Iterator[NextStep]:
    chance = random.Random(seed)  # noqa: S311 - a lottery of tasks, not a secret
    strategy, whole = Strategy.WEIGHTED_RANDOM, 0.0
    found = _by_lottery(view, limit, chance) if view.offer is not None else None
    if found is None:
        nothing = NextTasks(strategy, (), complete=False, drawn=True)
        race = _Race(limit, chance)
        for runner in view.anyhow():
            if race.let_run(runner):
                yield NextStep(nothing, view.looked_at)
        found, whole = race.first(), race.whole
    else:
        drawn = NextTasks(strategy, tuple(map(_upcoming, found)), complete=False, drawn=True)
        for whole, looked_at in total_weight(view):  # noqa: B007 - it is the last one afterwards
            yield NextStep(drawn, looked_at)
    tasks = tuple(_upcoming(each, _share(each, whole)) for each in found)
    yield NextStep(NextTasks(strategy, tasks, drawn=True), view.looked_at)


def _share(found: Candidate, whole: float) -> float | None:
    own = claim_sql.weight(found.key.level)
    return None if found.used_up else min(1.0, own / max(whole, own))


def _by_lottery(view: ClaimView, limit: int, chance: random.Random) -> list[Candidate] | None:
    """Draw as a claim does; None where its quick ways find too little."""
    rescued = {each.key.task_id for each in view.given_back()}

    def ask(sql: str, parameters: dict[str, Any]) -> list[Any]:
        if rescued:
            sql = claim_reading.with_rescued(sql)
        return view.ask(sql, parameters | {"rescued": view.rescued_json})

    view.tools.begin(_NO_LIMIT, chance)
    race = claim_sql.find_all(view.drawing_shape)
    if ask(claim_sql.COUNT_WAITING, {"count": RACERS + 1})[0][0] <= RACERS:
        ids = [row[0] for row in ask(race, {**view.parameters, "count": limit})]
    else:
        ids = _thrown(ask, race, view, limit, chance)
        if len(ids) < limit:
            return None
    rows = {row[0]: row for row in view.rows_of(ids)}
    found = [candidate(rows[each], given_back=each in rescued) for each in ids if each in rows]
    return [each for each in found if each is not None]


def _thrown(
    ask: Callable[[str, dict[str, Any]], list[Any]], race: str, view: ClaimView, limit: int, chance: random.Random
) -> list[int]:
    """Draw one after another; to draw again what was drawn already is as if it had been taken away."""

    def quick(sql: str, parameters: dict[str, Any]) -> list[Any]:
        if sql == race:
            raise _TooManyError
        return ask(sql, parameters)

    lottery = Lottery(quick, view.drawing_shape, dict(view.parameters), chance)
    ids: dict[int, None] = {}
    try:
        for _ in range(4 * limit):
            ids |= dict.fromkeys(lottery.draw())
            if len(ids) >= limit:
                break
    except _TooManyError:
        return []
    return list(ids)


class _Race:
    """The exponential race of all that are in line, told one after another."""

    def __init__(self, limit: int, chance: random.Random) -> None:
        self.whole = 0.0  # the weight of all that would run
        self._limit = limit
        self._chance = chance
        self._ran = 0
        self._best: list[tuple[float, int, Candidate]] = []  # the smallest keys, negative: the worst of them is on top

    def let_run(self, found: Candidate | None) -> bool:
        """Let one run; return whether it is time for others to have a word."""
        if found is None:
            return True
        weight = claim_sql.weight(found.key.level)
        self.whole += 0.0 if found.used_up else weight
        entry = (math.log(1.0 - self._chance.random()) / weight, found.key.task_id, found)
        if len(self._best) < self._limit:
            heapq.heappush(self._best, entry)
        elif entry[:2] > self._best[0][:2]:
            heapq.heapreplace(self._best, entry)
        self._ran += 1
        return self._ran % _RUN_AT_ONCE == 0

    def first(self) -> list[Candidate]:
        """Return the first ones, in order."""
        return [found for _, _, found in sorted(self._best, key=lambda entry: entry[:2], reverse=True)]
