"""The filter language by a second way: a row is looked at in plain Python, and what SQL answers must agree with it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from prismq_gui.insight.language_fields import TEXT_COLUMNS, Kind, Table, field_named
from prismq_gui.insight.language_nodes import And, Exists, Node, Not, Op, Or, Query, Text
from prismq_gui.insight.language_values import Amount, Clock, Moment, Number, Pattern, Range, Scalar, Wild
from prismq_gui.queue.timestamps import parse_utc

MISSING = object()
SYNONYMS = {
    "waiting": ["queued"],
    "pending": ["queued"],
    "running": ["leased", "processing"],
    "dead": ["dead_letter"],
    "done": ["completed"],
    "canceled": ["cancelled"],
}
UNITS = {
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 604_800,
    "B": 1,
    "kB": 1_000,
    "KiB": 1_024,
    "MB": 1e6,
    "MiB": 1_048_576,
    "GB": 1e9,
    "GiB": 1_073_741_824,
}


def matches(query: Query, row: dict[str, object], clock: Clock) -> bool:
    return query.root is None or _node(query.root, row, query.table, clock)


def _node(node: Node, row: dict[str, object], table: Table, clock: Clock) -> bool:
    if isinstance(node, And):
        return all(_node(part, row, table, clock) for part in node.parts)
    if isinstance(node, Or):
        return any(_node(part, row, table, clock) for part in node.parts)
    if isinstance(node, Not):
        return not _node(node.part, row, table, clock)
    if isinstance(node, Text):
        return _words(node.pattern, row, table)
    found = field_named(table, node.ref.name)
    path = node.ref.path or found.path
    if isinstance(node, Exists):
        return _exists(found, path, row, clock)
    answer = any(_one(found, path, node.op, value, row, clock) for value in node.values)
    return answer is not (node.op is Op.IS_NOT)


def as_text(cell: object) -> str | None:
    if cell is None:
        return None
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def same(character: str, other: str) -> bool:
    return character == other or (other in {each for each in (character.lower(), character.upper()) if len(each) == 1})


def like(pieces: tuple[object, ...], text: str, fold: bool) -> bool:
    """Match by plain recursion from the left."""
    flat: list[object] = []
    for piece in pieces:
        flat += [piece] if isinstance(piece, Wild) else list(piece)

    def at(i: int, j: int) -> bool:
        if i == len(flat):
            return j == len(text)
        if flat[i] is Wild.MANY:
            return any(at(i + 1, k) for k in range(j, len(text) + 1))
        if j == len(text):
            return False
        return (flat[i] is Wild.ONE or (same(flat[i], text[j]) if fold else flat[i] == text[j])) and at(i + 1, j + 1)

    return at(0, 0)


def whole(pattern: Pattern, text: str, fold: bool) -> bool:
    if not fold and pattern.literal is not None:
        return text == pattern.literal
    return like(pattern.pieces, text.split("\0", maxsplit=1)[0], fold)


def holds(pattern: Pattern, text: str, in_json: bool) -> bool:
    if pattern.literal == "":
        return text.split("\0", maxsplit=1)[0] == ""
    around = [(Wild.MANY, *pattern.pieces, Wild.MANY)]
    if in_json and not all(isinstance(piece, Wild) or piece.isascii() for piece in pattern.pieces):
        for change in (str, str.lower, str.upper):
            around.append(
                (
                    Wild.MANY,
                    *(p if isinstance(p, Wild) else json.dumps(change(p))[1:-1] for p in pattern.pieces),
                    Wild.MANY,
                )
            )
    return any(like(pieces, text.split("\0", maxsplit=1)[0], True) for pieces in around)


def _words(pattern: Pattern, row: dict[str, object], table: Table) -> bool:
    for column in TEXT_COLUMNS[table]:
        text = as_text(row[column])
        if text is not None and holds(pattern, text, column in ("payload", "details")):
            return True
    literal = pattern.literal or ""
    return table is Table.TASKS and literal.isascii() and literal.isdigit() and int(literal) == row["id"]


def _exists(found, path, row, clock) -> bool:
    if found.name in ("ran", "waited"):
        return _span(found.name, row, clock) is not None
    cell = row[found.column]
    if path:
        value = inside(cell, path)
        return value is not MISSING and value is not None
    if found.kind is Kind.SPAN:
        return parse_utc(cell) is not None
    return cell is not None and as_text(cell) != ""


def inside(cell: object, path: tuple[str | int, ...]) -> object:
    if not isinstance(cell, str):
        return MISSING
    try:
        value = json.loads(cell, object_pairs_hook=lambda pairs: dict(reversed(pairs)), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return MISSING
    for step in path:
        if (isinstance(step, str) and isinstance(value, dict) and step in value) or (
            isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value)
        ):
            value = value[step]
        else:
            return MISSING
    return value


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _one(found, path, op, value, row, clock) -> bool:
    if path:
        return _in_json(inside(row[found.column], path), op, value)
    if found.kind in (Kind.NAME, Kind.TEXT):
        text = as_text(row[found.column])
        if found.name == "status":
            patterns = [value, *(Pattern((n,)) for n in SYNONYMS.get((value.literal or "").lower(), []))]
            return any(whole(p, text or "", op is Op.HAS) for p in patterns)
        if found.name == "type":
            return whole(value, text or "", op is Op.HAS)
        if text is None:
            return False
        if found.kind is Kind.TEXT and op is Op.HAS:
            return holds(value, text, found.column in ("payload", "compatibility", "details"))
        return whole(value, text, op is Op.HAS)
    if found.kind is Kind.NUMBER:
        cell = row[found.column]
        return isinstance(cell, (int, float)) and _compared(cell, op, value)
    if found.kind is Kind.TIME:
        moment = parse_utc(row[found.column])
        return moment is not None and _at(moment, op, value, clock)
    if found.kind is Kind.SIZE:
        cell = row[found.column]
        size = None if cell is None else len(cell) if isinstance(cell, bytes) else len(str(cell).encode())
        return size is not None and _amount(size, op, value)
    if found.name == "age":
        created = parse_utc(row[found.column])
        span = None if created is None else clock.now - created
    else:
        span = _span(found.name, row, clock)
    return span is not None and _amount(span / timedelta(seconds=1), op, value)


def _span(name: str, row: dict[str, object], clock: Clock) -> timedelta | None:
    started = parse_utc(row["processing_started_utc"]) or parse_utc(row["reserved_at_utc"])
    if name == "ran":
        begin = started
        end = clock.now if row["status"] in ("leased", "processing") else parse_utc(row["finished_at_utc"])
    else:
        begin = parse_utc(row["run_after_utc"])
        end = clock.now if row["status"] == "queued" else started
    return None if begin is None or end is None or end < begin else end - begin


def _compared(cell, op, value) -> bool:
    if isinstance(value, Range):
        return (value.low is None or cell >= value.low.value) and (value.high is None or cell <= value.high.value)
    wanted = value.value if isinstance(value, Number) else value
    return {
        Op.LESS: cell < wanted,
        Op.AT_MOST: cell <= wanted,
        Op.MORE: cell > wanted,
        Op.AT_LEAST: cell >= wanted,
    }.get(op, cell == wanted)


def _amount(measured: float, op: Op, value: Amount | Range) -> bool:
    scale = lambda amount: amount.value / 1e6 if amount.unit in ("ms", "s", "m", "h", "d", "w") else amount.value  # noqa: E731
    if isinstance(value, Range):
        return (value.low is None or measured >= scale(value.low)) and (
            value.high is None or measured <= scale(value.high)
        )
    wanted = scale(value)
    if op in (Op.HAS, Op.IS, Op.IS_NOT):
        return wanted <= measured < wanted + UNITS[value.unit]
    return {Op.LESS: measured < wanted, Op.AT_MOST: measured <= wanted, Op.MORE: measured > wanted}.get(
        op, measured >= wanted
    )


def _at(moment: datetime, op: Op, value: Moment | Range, clock: Clock) -> bool:
    if isinstance(value, Range):
        return (value.low is None or moment >= period(value.low, clock)[0]) and (
            value.high is None or moment < period(value.high, clock)[1]
        )
    start, end = period(value, clock)
    if op in (Op.HAS, Op.IS, Op.IS_NOT):
        return start <= moment < end
    return {Op.LESS: moment < start, Op.AT_MOST: moment < end, Op.MORE: moment >= end}.get(op, moment >= start)


def period(moment: Moment, clock: Clock) -> tuple[datetime, datetime]:
    """Return from when to when a time is, of the forms that the tests write."""
    tick, shift = timedelta(microseconds=1), timedelta(microseconds=moment.shift_us)
    day = timedelta(days=1)
    midnight = datetime.combine(clock.now.date(), datetime.min.time())
    days = {"yesterday": midnight - day, "today": midnight, "tomorrow": midnight + day}
    if moment.base == "now":
        return clock.now + shift, clock.now + shift + tick
    if moment.base in days:
        start = days[moment.base]
        return (start + shift, start + shift + tick) if moment.shift_us else (start, start + day)
    base = moment.base.replace("Z", "")
    hours = 0
    if base[-6:-5] in ("+", "-") and "T" in base:
        hours = int(base[-6:-3])
        base = base[:-6]
    for form, length in (("%Y-%m-%dT%H:%M:%S", 1), ("%Y-%m-%dT%H:%M", 60), ("%Y-%m-%d", 86_400), ("%H:%M", 60)):
        try:
            start = datetime.strptime(base, form)
        except ValueError:
            continue
        if form == "%H:%M":
            start = datetime.combine(clock.now.date(), start.time())
        start -= timedelta(hours=hours)
        return start, start + timedelta(seconds=length)
    raise AssertionError(moment)


def _in_json(value: object, op: Op, wanted: Scalar | Range) -> bool:
    if isinstance(value, bool) or value is None:
        word = {True: "true", False: "false", None: "null"}[value]
        return isinstance(wanted, Scalar) and op in (Op.HAS, Op.IS, Op.IS_NOT) and wanted.word == word
    if isinstance(value, (int, float)):
        if isinstance(wanted, Range):
            return _compared(value, op, wanted)
        return wanted.number is not None and _compared(value, op, wanted.number)
    if not isinstance(value, str) or isinstance(wanted, Range):
        return False
    if op in (Op.HAS, Op.IS, Op.IS_NOT):
        return whole(wanted.pattern, value, op is Op.HAS)
    text = wanted.pattern.literal
    return wanted.number is None and text is not None and _compared(value, op, text)
