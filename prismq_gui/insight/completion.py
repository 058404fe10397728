"""What may come next in a filter that is being typed: fields, operators, and the values that occur.

Owns the look at the text around the cursor, which may be unfinished, and the short reads that find values.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.language_fields import FIELDS, STATUS_SYNONYMS, Field, Kind, Table, field_named
from prismq_gui.insight.language_nodes import KEYWORDS, Path, format_path, format_pattern
from prismq_gui.insight.language_values import Pattern
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.names import shown
from prismq_gui.queue.transitions import Status

_T = TypeVar("_T")

MAX_OFFERED: Final = 50
SAMPLED_TASKS: Final = 100  # the newest, whose payloads are looked into for keys: one statement of 1 to 3 ms
SAMPLED_BYTES: Final = 16 * 1024
_SAMPLED_DEPTH: Final = 4
_MAX_PATHS: Final = 200
_TOKEN = re.compile(r'-*((?:[A-Za-z_]\w*)(?:\.(?:[\w$@-]*|"[^"]*"?)|\[-?\d*\]?)*)(:?(?:!=|<=|>=|<|>|==?)|:)?')
_TIMES: Final = ("today", "yesterday", "now-1h", "now-1d")
_SPANS: Final = ("30s", "5m", "1h", "1d", "1w")
_SIZES: Final = ("1kB", "10kB", "1MiB")
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_EQUALS: Final = (":", "=", "!=")
_ORDERS: Final = (">=", "<=", ">", "<")


class CompletionKind(Enum):
    """What is offered."""

    FIELD = "field"
    OPERATOR = "operator"
    VALUE = "value"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Completion:
    """One offer; ``insert`` takes the place of the text from ``replace_start`` to ``replace_end``."""

    insert: str
    label: str
    kind: CompletionKind
    replace_start: int
    replace_end: int
    help: str = ""


@dataclass(frozen=True, slots=True)
class KnownValues:
    """The values that occur in a file, the most telling first. ``paths`` are of payloads, without the field's name."""

    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    levels: tuple[str, ...] = _LEVELS
    paths: tuple[Path, ...] = ()


def complete(text: str, cursor: int, values: KnownValues, table: Table = Table.TASKS) -> list[Completion]:
    """Return what may stand at the cursor, the likeliest first, at most 50; nothing inside of quotes.

    An offer takes the place of the word, or of the one value, that the cursor is in.
    """
    cursor = max(0, min(cursor, len(text)))
    start, end = _word_around(text, cursor)
    if text[start:cursor].count('"') % 2:
        return []
    match = _TOKEN.match(text, start, end)
    if match is None or match.start(1) > cursor:
        begin = start + len(text[start:cursor]) - len(text[start:cursor].lstrip("-"))
        return _offers_of_names(text[begin:cursor], begin, end, table, values) if cursor == begin else []
    if match[2] and cursor >= match.end():
        return _offers_of_values(text, cursor, end, match, table, values)
    begin = match.start(1)
    end = match.end(1) if match[2] else end
    return _offers_of_names(text[begin:cursor], begin, end, table, values, has_operator=bool(match[2]))


def _word_around(text: str, cursor: int) -> tuple[int, int]:
    """Return where the word at the cursor begins and ends: at a space or bracket outside of quotes."""
    start, is_quoted = 0, False
    for at, character in enumerate(text):
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted and (character.isspace() or character in "()"):
            if at >= cursor:
                return start, at
            start = at + 1
    return start, len(text)


def _offers_of_names(
    typed: str, start: int, end: int, table: Table, values: KnownValues, *, has_operator: bool = False
) -> list[Completion]:
    if "." in typed or "[" in typed:
        return _offers_of_paths(typed, start, end, table, values, has_operator=has_operator)
    exact = field_named(table, typed)
    found = []
    if exact is not None and not has_operator:
        operators = (*_EQUALS, *_ORDERS) if _has_order(exact.kind) else _EQUALS
        for operator in operators:
            shown = f"{exact.name}{operator}"
            found.append(Completion(shown, shown, CompletionKind.OPERATOR, start, end, exact.help))
    for each in _ranked(typed, FIELDS[table], lambda field: (field.name, *field.aliases)):
        if each is exact:
            continue
        insert = each.name if has_operator else f"{each.name}:"
        found.append(Completion(insert, each.name, CompletionKind.FIELD, start, end, each.help))
    if not has_operator:
        words = _ranked(typed, ("has:", *KEYWORDS), lambda word: (word,)) if typed else []
        for word in words:
            insert = word if word.endswith(":") else f"{word} "
            found.append(Completion(insert, word, CompletionKind.KEYWORD, start, end))
    return found[:MAX_OFFERED]


def _offers_of_paths(
    typed: str, start: int, end: int, table: Table, values: KnownValues, *, has_operator: bool
) -> list[Completion]:
    name = re.split(r"[.\[]", typed, maxsplit=1)[0]
    field = field_named(table, name)
    if field is None or not field.has_paths or field.column != "payload":
        return []
    known = [f"{field.name}{format_path(path)}" for path in values.paths]
    wanted = f"{field.name}{typed[len(name) :]}"
    return [
        Completion(path if has_operator else f"{path}:", path, CompletionKind.FIELD, start, end)
        for path in _ranked(wanted, known, lambda path: (path, path.replace('"', "")))
    ][:MAX_OFFERED]


def _offers_of_values(
    text: str, cursor: int, end: int, match: re.Match[str], table: Table, values: KnownValues
) -> list[Completion]:
    start = match.end()
    comma = text.rfind(",", start, cursor)
    start = max(start, comma + 1)
    after = text.find(",", cursor, end)
    end = after if after >= 0 else end
    typed = text[start:cursor]
    if match[1].lower() == "has":
        fields = _ranked(typed, FIELDS[table], lambda each: (each.name,))
        return [Completion(each.name, each.name, CompletionKind.VALUE, start, end, each.help) for each in fields]
    field = field_named(table, re.split(r"[.\[]", match[1], maxsplit=1)[0])
    if field is None or match[1].lower() not in (field.name, *field.aliases):
        return []
    is_name = field.kind is Kind.NAME
    found = []
    for value in _ranked(typed, _values_of(field, values), lambda value: (value,)):
        insert = format_pattern(Pattern((value,))) if is_name else value
        found.append(Completion(insert, value, CompletionKind.VALUE, start, end))
    return found[:MAX_OFFERED]


def _values_of(field: Field, values: KnownValues) -> tuple[str, ...]:
    if field.name == "status":
        known = (*values.statuses, *(status.value for status in Status), *STATUS_SYNONYMS)
        return tuple(name for name in dict.fromkeys(known) if name)
    named = {"type": values.types, "worker": values.workers, "level": values.levels}.get(field.name)
    if named is not None:
        return tuple(name for name in named if name)
    return {Kind.TIME: _TIMES, Kind.SPAN: _SPANS, Kind.SIZE: _SIZES}.get(field.kind, ())


def _ranked(typed: str, choices: Iterable[_T], names: Callable[[_T], tuple[str, ...]]) -> list[_T]:
    """Return the choices that hold what is typed, those that begin with it first, else in their order."""
    low = typed.strip('"').lower()
    begins, holds = [], []
    for choice in choices:
        own = [name.lower() for name in names(choice)]
        if any(name.startswith(low) for name in own):
            begins.append(choice)
        elif any(low in name for name in own):
            holds.append(choice)
    return begins + holds


def _has_order(kind: Kind) -> bool:
    return kind not in (Kind.NAME, Kind.TEXT)


def payload_paths(connection: ReadConnection, layout: Layout) -> tuple[Path, ...]:
    """Return the paths to single values in the payloads of the newest tasks, the most frequent first.

    One short statement over 100 tasks; payloads over 16 KiB are left out.
    """
    if "payload" not in layout.tasks:
        return ()
    cell = f"typeof(payload) = 'text' AND length(CAST(payload AS BLOB)) <= {SAMPLED_BYTES}"
    sql = f"SELECT CASE WHEN {cell} THEN payload END FROM task_queue ORDER BY id DESC LIMIT ?"
    counts: Counter[Path] = Counter()
    for (text,) in connection.rows(sql, (SAMPLED_TASKS,), doing="look at the payloads"):
        if isinstance(text, str):
            counts.update(dict.fromkeys(_paths_in(text), 1))
    return tuple(path for path, _ in counts.most_common(_MAX_PATHS))


def recent_levels(connection: ReadConnection, layout: Layout) -> tuple[str, ...]:
    """Return the levels of the newest 500 log lines, and the usual ones; one short statement."""
    if "level" not in layout.logs:
        return _LEVELS
    sql = "SELECT DISTINCT substr(level, 1, 40) FROM (SELECT level FROM task_logs ORDER BY log_id DESC LIMIT 500)"
    found = [shown(row[0]) for row in connection.rows(sql, doing="look at the levels")]
    return tuple(dict.fromkeys([*_LEVELS, *sorted(name for name in found if name)]))[:MAX_OFFERED]


def _paths_in(text: str) -> list[Path]:
    try:
        return list(_walk(json.loads(text), ()))
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python goes
        return []


def _walk(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and len(path) < _SAMPLED_DEPTH:
        for key, inner in list(value.items())[:100]:
            if key and '"' not in key and len(key) <= 100:
                yield from _walk(inner, (*path, key))
    elif isinstance(value, list) and value and len(path) < _SAMPLED_DEPTH:
        yield from _walk(value[0], (*path, 0))
    elif path and not isinstance(value, (dict, list)):
        yield path
