"""What conditions mean, in Python: intervals, patterns, and the choice among types and statuses.

Owns the meaning that :mod:`~prismq_gui.insight.language_sql` writes in SQL. Pure.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from prismq_gui.insight.language_fields import SIGNATURE, STATUS_SYNONYMS, Kind
from prismq_gui.insight.language_nodes import And, Compare, Exists, Node, Not, Op, Or, Text
from prismq_gui.insight.language_values import (
    UNITS,
    Amount,
    Bound,
    Clock,
    Interval,
    Moment,
    Number,
    Pattern,
    Piece,
    Range,
    Value,
    Wild,
    moment_interval,
)
from prismq_gui.insight.signature_sql import STATUSES

KINDS: Final = frozenset({"type", "status", SIGNATURE})
"""The fields of which the index by type and status tells something."""
FOLDED: Final = (Op.HAS,)
"""The operators that do not tell upper from lower case."""


def variants(character: str) -> frozenset[str]:
    """Return a character in both cases, where those are single characters."""
    return frozenset(each for each in (character, character.lower(), character.upper()) if len(each) == 1)


def fits(pattern: Pattern, text: str, *, fold: bool) -> bool:
    """Return whether a whole text is what a pattern says; wildcards and folding look up to the first NUL alone."""
    if not fold and pattern.literal is not None:
        return text == pattern.literal
    return _fits(pattern.pieces, text.partition("\0")[0], fold)


def _fits(pieces: tuple[Piece, ...], text: str, fold: bool) -> bool:
    tests: list[frozenset[str] | Wild] = []
    for piece in pieces:
        if isinstance(piece, Wild):
            tests.append(piece)
        else:
            tests += [variants(each) if fold else frozenset(each) for each in piece]
    reached = _past_stars(tests, {0})
    for character in text:
        after = set()
        for at in reached:
            if at == len(tests):
                continue
            test = tests[at]
            if test is Wild.MANY:
                after.add(at)
            elif test is Wild.ONE or (isinstance(test, frozenset) and character in test):
                after.add(at + 1)
        reached = _past_stars(tests, after)
    return len(tests) in reached


def _past_stars(tests: list[frozenset[str] | Wild], reached: set[int]) -> set[int]:
    for at in list(reached):
        step = at
        while step < len(tests) and tests[step] is Wild.MANY:
            step += 1
            reached.add(step)
    return reached


def contained(pattern: Pattern) -> Pattern:
    """Return the pattern of texts that hold a pattern somewhere; of nothing, the empty text."""
    if pattern.literal == "":
        return pattern
    pieces = list(pattern.pieces)
    if pieces[0] is not Wild.MANY:
        pieces.insert(0, Wild.MANY)
    if pieces[-1] is not Wild.MANY:
        pieces.append(Wild.MANY)
    return Pattern(tuple(pieces))


def escaped_patterns(pattern: Pattern) -> tuple[Pattern, ...]:
    """Return a pattern as JSON may write its letters beyond ASCII, in both cases; nothing where it has none."""
    if all(isinstance(piece, Wild) or piece.isascii() for piece in pattern.pieces):
        return ()
    made = []
    for change in (str, str.lower, str.upper):
        pieces = (piece if isinstance(piece, Wild) else json.dumps(change(piece))[1:-1] for piece in pattern.pieces)
        made.append(Pattern(tuple(pieces)))
    return tuple(dict.fromkeys(made))


def status_patterns(pattern: Pattern) -> tuple[Pattern, ...]:
    """Return the patterns that a status may fit: the one written, and what it is another name for."""
    others = STATUS_SYNONYMS.get((pattern.literal or "").lower(), ())
    return (pattern, *(Pattern((name,)) for name in others))


def name_patterns(node: Compare) -> tuple[Pattern, ...]:
    """Return the patterns that a name may fit."""
    patterns = [value for value in node.values if isinstance(value, Pattern)]
    if node.ref.name != "status":
        return tuple(patterns)
    return tuple(each for pattern in patterns for each in status_patterns(pattern))


def interval_of(op: Op, value: Value, kind: Kind, clock: Clock) -> Interval:
    """Return which times (µs since 1970), spans (µs) or sizes (bytes) fit; IS_NOT counts as IS."""
    if isinstance(value, Range):
        low = None if value.low is None else _ends(value.low, kind, clock, Op.AT_LEAST).low
        high = None if value.high is None else _ends(value.high, kind, clock, Op.AT_MOST).high
        return Interval(low, high)
    assert isinstance(value, (Amount, Moment))
    ends = _ends(value, kind, clock, op)
    return {
        Op.MORE: Interval(ends.high, None),
        Op.AT_LEAST: Interval(ends.low, None),
        Op.LESS: Interval(None, ends.low),
        Op.AT_MOST: Interval(None, ends.high),
    }.get(op, ends)


def _ends(value: Bound, kind: Kind, clock: Clock, op: Op) -> Interval:
    """Return where a value begins and ends: ``:2h`` is an hour long, ``>2h`` begins right after two hours."""
    if isinstance(value, Moment):
        return moment_interval(value, clock)
    assert isinstance(value, Amount)
    is_order = op in (Op.MORE, Op.AT_LEAST, Op.LESS, Op.AT_MOST)
    return Interval(value.value, value.value + (1 if is_order else UNITS[kind][value.unit]))


def number_fits(op: Op, value: int | float, wanted: int | float) -> bool:
    """Return whether a number is what is asked; IS_NOT counts as IS."""
    if op is Op.MORE:
        return value > wanted
    if op is Op.AT_LEAST:
        return value >= wanted
    if op is Op.LESS:
        return value < wanted
    return value <= wanted if op is Op.AT_MOST else value == wanted


def possible(node: Node | None, type_name: str, status: str) -> bool | None:
    """Return whether tasks of a type and status match: always, never, or None where the rest of them decides."""
    if node is None:
        return True
    if isinstance(node, (And, Or)):
        parts = {possible(part, type_name, status) for part in node.parts}
        decides = isinstance(node, Or)
        return decides if decides in parts else None if None in parts else not decides
    if isinstance(node, Not):
        part = possible(node.part, type_name, status)
        return None if part is None else not part
    return None if isinstance(node, Text) else _possible_leaf(node, type_name, status)


def _possible_leaf(node: Compare | Exists, type_name: str, status: str) -> bool | None:
    if node.ref.name == SIGNATURE and status not in STATUSES:  # only failed and dead tasks have one
        return isinstance(node, Compare) and node.op is Op.IS_NOT
    if node.ref.name not in ("type", "status"):
        return None
    name = type_name if node.ref.name == "type" else status
    if isinstance(node, Exists):
        return name != ""
    return _named(node, name) is not (node.op is Op.IS_NOT)


@lru_cache(maxsize=4_096)
def _named(node: Compare, name: str) -> bool:
    return any(fits(pattern, name, fold=node.op in FOLDED) for pattern in name_patterns(node))


def id_bounds(parts: tuple[Node, ...], field: str) -> tuple[int, int]:
    """Return between which whole numbers a field must be, by the conditions that must all be true."""
    low, high = -(2**63), 2**63 - 1
    for part in parts:
        if not isinstance(part, Compare) or part.ref.name != field or part.op is Op.IS_NOT:
            continue
        ends = [_number_ends(part.op, value) for value in part.values]
        low, high = max(low, min(end[0] for end in ends)), min(high, max(end[1] for end in ends))
    return low, high


def _number_ends(op: Op, value: Value) -> tuple[int, int]:
    low, high = -(2**63), 2**63 - 1
    if isinstance(value, Range):
        least = value.low.value if isinstance(value.low, Number) else low
        most = value.high.value if isinstance(value.high, Number) else high
    else:
        assert isinstance(value, Number)
        least = low if op in (Op.LESS, Op.AT_MOST) else value.value
        most = high if op in (Op.MORE, Op.AT_LEAST) else value.value
    return _clamp(int(least // 1)), _clamp(int(-(-most // 1)))


def _clamp(number: int) -> int:
    return max(-(2**63), min(2**63 - 1, number))


def id_list(parts: tuple[Node, ...], field: str) -> tuple[int, ...] | None:
    """Return the whole numbers that a field must be one of, None where it may be any."""
    for part in parts:
        is_list = isinstance(part, Compare) and part.ref.name == field and part.op in (Op.HAS, Op.IS)
        if is_list and isinstance(part, Compare) and all(isinstance(value, Number) for value in part.values):
            numbers = (value.value for value in part.values if isinstance(value, Number))
            return tuple(sorted({number for number in numbers if isinstance(number, int)}))
    return None
