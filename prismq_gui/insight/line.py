"""The place in line: how many tasks a claim would come to before this one, counted in short statements.

Owns the count under each strategy, which can be stopped after any step and says what it knows by then.
"""

from __future__ import annotations

from collections.abc import Iterator

from prismq_gui.insight.claim_keys import Key, Level, level_order
from prismq_gui.insight.claim_view import ClaimView
from prismq_gui.insight.explanations import Line
from prismq_gui.queue import claim_sql
from prismq_gui.queue.claim_sql import Strategy


def line_steps(view: ClaimView, key: Key, strategy: Strategy) -> Iterator[Line]:
    """Yield what is known of a task's place after each short statement; the last one is counted.

    Args:
        view: The moment, and the worker or none.
        key: Of the task, which is in line itself.
        strategy: The order.
    """
    if strategy is Strategy.WEIGHTED_RANDOM:
        yield from _draw_steps(view, key)
        return
    ahead = looked_at = 0
    for level, side in _levels_ahead(view, key, strategy):
        for seen, hits in view.count(level, key, side):
            ahead, looked_at = ahead + hits, looked_at + seen
            yield Line(strategy, ahead, False, looked_at)
    yield Line(strategy, ahead, True, looked_at)


def _levels_ahead(view: ClaimView, key: Key, strategy: Strategy) -> Iterator[tuple[Level, str]]:
    """Yield the priorities in which tasks may be ahead, and on which side of its due time."""
    own = level_order(key.level)
    for level in view.levels():
        if strategy is not Strategy.PRIORITY:
            yield level, ">" if strategy is Strategy.LIFO else "<"
        elif level_order(level) < own:
            yield level, ""
        else:
            if level == key.level:
                yield level, "<"
            return


def _draw_steps(view: ClaimView, key: Key) -> Iterator[Line]:
    own = claim_sql.weight(key.level)
    tasks, weight, looked_at = 0, 0.0, 0
    for level in view.levels():
        for seen, hits in view.count(level):
            tasks, weight, looked_at = tasks + hits, weight + hits * claim_sql.weight(level), looked_at + seen
            others = max(0, tasks - 1)
            yield Line(Strategy.WEIGHTED_RANDOM, others, False, looked_at, min(1.0, own / max(weight, own)))
    yield Line(Strategy.WEIGHTED_RANDOM, max(0, tasks - 1), True, looked_at, min(1.0, own / max(weight, own)))


def total_weight(view: ClaimView) -> Iterator[tuple[float, int]]:
    """Yield the weight of all that are in the draw so far and how many entries were looked at; the last is whole."""
    weight, looked_at = 0.0, 0
    yield weight, looked_at
    for level in view.levels():
        for seen, hits in view.count(level):
            weight, looked_at = weight + hits * claim_sql.weight(level), looked_at + seen
            yield weight, looked_at


def line_within(view: ClaimView, key: Key, strategy: Strategy, most: int | None) -> Line:
    """Return the place, looking at about ``most`` entries of the index; None counts to the end."""
    line = Line(strategy, 0, False)
    for line in line_steps(view, key, strategy):
        if most is not None and line.looked_at >= most:
            break
    return line
