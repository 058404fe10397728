"""The filter language as SQL: one parameterised condition over the bare columns of a table.

Owns every SQL fragment of the language. Values are always parameters; columns come from the vocabulary alone.
Each fragment is 0 or 1, never NULL, for any type of cell: a cell that cannot be read as what is asked does not match.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from prismq_gui.insight.filters import Condition
from prismq_gui.insight.language_cost import cheapest_first
from prismq_gui.insight.language_fields import KEYS, SIGNATURE, TEXT_COLUMNS, Field, Kind, Table, field_named
from prismq_gui.insight.language_json import JsonValue
from prismq_gui.insight.language_match import (
    FOLDED,
    contained,
    escaped_patterns,
    fits,
    interval_of,
    name_patterns,
    variants,
)
from prismq_gui.insight.language_nodes import And, Compare, Exists, Node, Not, Op, Or, Query, Ref, Text
from prismq_gui.insight.language_times import moments_of
from prismq_gui.insight.language_values import (
    Clock,
    Interval,
    Number,
    Pattern,
    Piece,
    Range,
    Scalar,
    Value,
    Wild,
    bound_text,
    clock_now,
    micros,
)
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import Aliases, bound
from prismq_gui.insight.signature_sql import IS_FAILED, signature_sql
from prismq_gui.queue.timestamps import sql_normalised
from prismq_gui.queue.transitions import RUNNING

TOO_LARGE_BYTES: Final = 64 * 1024 * 1024 + 1
"""The size of a payload that is too large to be looked at."""
_LIKE_SPECIAL: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
_JSON_COLUMNS: Final = frozenset({"payload", "compatibility", "details"})
_COMPARING: Final = {Op.LESS: "<", Op.AT_MOST: "<=", Op.MORE: ">", Op.AT_LEAST: ">="}
_NEVER: Final = Condition("0")
_TWO_DAYS_US: Final = 2 * 86_400 * 1_000_000


def query_condition(
    query: Query,
    columns: Collection[str] | None = None,
    *,
    leave_out: Collection[str] = (),
    aliases: Aliases | None = None,
    clock: Clock | None = None,
) -> Condition:
    """Return a filter as a condition.

    Args:
        query: The parsed filter.
        columns: The columns the file has, None where it has all; nothing is found in one it lacks.
        leave_out: Columns too large to be looked at: nothing is found in them, and they count as large.
        aliases: The cells behind names of statuses and types that are not simply that text.
        clock: What time it is; now, where it is not given.
    """
    if query.root is None:
        return Condition("1")
    compiler = _Compiler(
        query.table, columns, frozenset(leave_out), aliases or {}, clock or clock_now(local=query.local)
    )
    return compiler.node(query.root)


def all_of(parts: Sequence[Condition], word: str = "AND") -> Condition:
    """Join conditions, as a balanced tree: SQLite nests only so deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = all_of(parts[:half], word), all_of(parts[half:], word)
    return Condition(f"({left.sql} {word} {right.sql})", (*left.params, *right.params))


def any_of(parts: Sequence[Condition]) -> Condition:
    """Join conditions of which one must be true; none is never true."""
    return all_of(parts, "OR") if parts else _NEVER


def fits_sql(expression: str, pattern: Pattern, *, fold: bool) -> Condition:
    """Return a condition: the text of an expression is what a pattern says. NULL where it is NULL.

    LIKE folds ASCII alone; a letter beyond it is looked for by GLOB with both cases.
    """
    if not fold:
        if pattern.literal is not None:
            return Condition(f"{expression} = ? COLLATE BINARY", (pattern.literal,))
        return Condition(f"{expression} GLOB ?", ("".join(map(_as_glob, pattern.pieces)),))
    if all(isinstance(piece, Wild) or all(len(variants(each)) < 2 or each.isascii() for each in piece)
           for piece in pattern.pieces):  # fmt: skip
        return Condition(f"{expression} LIKE ? ESCAPE '\\'", ("".join(map(_as_like, pattern.pieces)),))
    return Condition(f"{expression} GLOB ?", ("".join(map(_as_folded_glob, pattern.pieces)),))


def _as_like(piece: Piece) -> str:
    if isinstance(piece, Wild):
        return "%" if piece is Wild.MANY else "_"
    return piece.translate(_LIKE_SPECIAL)


def _as_glob(piece: Piece) -> str:
    if isinstance(piece, Wild):
        return piece.value
    return "".join(f"[{each}]" if each in "*?[" else each for each in piece)


def _as_folded_glob(piece: Piece) -> str:
    if isinstance(piece, Wild):
        return piece.value
    both = (sorted(variants(each)) for each in piece)
    return "".join(f"[{''.join(each)}]" if len(each) > 1 else _as_glob(each[0]) for each in both)


@dataclass(slots=True)
class _Compiler:
    table: Table
    columns: Collection[str] | None
    leave_out: frozenset[str]
    aliases: Aliases
    clock: Clock
    json: JsonValue = field(default_factory=JsonValue)

    def node(self, node: Node) -> Condition:
        if isinstance(node, (And, Or)):
            parts = cheapest_first(node.parts, self.table)
            return all_of([self.node(part) for part in parts], "AND" if isinstance(node, And) else "OR")
        if isinstance(node, Not):
            part = self.node(node.part)
            return Condition(f"(NOT {part.sql})", part.params)
        if isinstance(node, Text):
            return self._words(node.pattern)
        found = self._field(node.ref)
        if isinstance(node, Exists):
            return self._exists(found, node.ref)
        one = any_of([self._one(found, node, value) for value in self._values(found, node)])
        return Condition(f"(NOT {one.sql})", one.params) if node.op is Op.IS_NOT else one

    def _field(self, ref: Ref) -> Field:
        found = field_named(self.table, ref.name)
        assert found is not None
        return found

    def _has(self, column: str) -> bool:
        return (self.columns is None or column in self.columns) and column not in self.leave_out

    @staticmethod
    def _values(found: Field, node: Compare) -> Sequence[Value]:
        return name_patterns(node) if found.kind is Kind.NAME else node.values

    def _words(self, pattern: Pattern) -> Condition:
        wanted = contained(pattern)
        parts = [self._text(column, wanted) for column in TEXT_COLUMNS[self.table] if self._has(column)]
        text = pattern.literal
        if self.table is Table.TASKS and text and text.isascii() and text.isdigit() and len(text) <= 18:
            parts.append(Condition(f"({KEYS[self.table]} = ?)", (int(text),)))
        return any_of(parts)

    def _text(self, column: str, wanted: Pattern, *, fold: bool = True) -> Condition:
        r"""Return whether a column's text fits; in JSON also as ``\u00fc`` writes what is beyond ASCII."""
        patterns = [wanted, *(escaped_patterns(wanted) if fold and column in _JSON_COLUMNS else ())]
        return any_of([_true(fits_sql(f"CAST({column} AS TEXT)", each, fold=fold)) for each in patterns])

    def _one(self, found: Field, node: Compare, value: Value) -> Condition:
        path = node.ref.path or found.path
        if path:
            return self._in_json(found.column, path, node.op, value)
        if found.kind in (Kind.SPAN, Kind.SIZE, Kind.TIME):
            return self._measured(found, interval_of(node.op, value, found.kind, self.clock))
        if not self._has(found.column) and found.name != SIGNATURE:
            return _NEVER
        if found.kind is Kind.NUMBER:
            return _number(found.column, node.op, value)
        assert isinstance(value, Pattern)
        fold = node.op in FOLDED
        if found.kind is Kind.TEXT:
            return self._text(found.column, contained(value) if fold else value, fold=fold)
        cell = self._signature() if found.name == SIGNATURE else f"CAST({found.column} AS TEXT)"
        return any_of([_true(fits_sql(cell, value, fold=fold)), *self._odd(found, value, fold)])

    def _odd(self, found: Field, value: Pattern, fold: bool) -> list[Condition]:
        """Return the cells that are shown as a name that fits, but are not text of that name."""
        parts = []
        for name, cells in self.aliases.get(found.column, {}).items():
            if fits(value, name, fold=fold):
                pairs = [bound(cell) for cell in cells]
                parts += [Condition(f"({found.column} IS {mark})", (param,)) for mark, param in pairs]
        return parts

    def _signed(self) -> str:
        return f"CASE WHEN {IS_FAILED} THEN 1 END" if self._has("status") else "NULL"

    def _signature(self) -> str:
        if not self._has("status"):
            return "NULL"
        has_error = self.columns is None or "error_message" in self.columns
        return f"({signature_sql(has_error=has_error, readable='error_message' not in self.leave_out)})"

    def _measured(self, found: Field, wanted: Interval) -> Condition:
        if found.kind is Kind.SIZE:
            if found.column in self.leave_out:
                return _between(str(TOO_LARGE_BYTES), wanted, lambda bytes: bytes)
            return _between(_size(found.column), wanted, lambda bytes: bytes) if self._has(found.column) else _NEVER
        if found.name in ("ran", "waited"):
            return _between(self._span(found.name), wanted, lambda us: us)
        if not self._has(found.column):
            return _NEVER
        wanted = moments_of(found, wanted, self.clock)
        return all_of([*_days(found.column, wanted), _between(sql_normalised(found.column), wanted, bound_text)])

    def _micros(self, column: str) -> str:
        """Return a time in microseconds since 1970, NULL where it cannot be read."""
        if not self._has(column):
            return "NULL"
        return (
            "(SELECT CAST(strftime('%s', substr(n, 1, 19)) AS INTEGER) * 1000000 "
            "+ CAST(substr(substr(n, 21) || '000000', 1, 6) AS INTEGER) "
            f"FROM (SELECT {sql_normalised(column)} AS n) WHERE n IS NOT NULL)"
        )

    def _span(self, name: str) -> str:
        """Return how long a task ran or waited, by now where it still does; NULL where that cannot be said."""
        started = f"coalesce({self._micros('processing_started_utc')}, {self._micros('reserved_at_utc')})"
        now = str(micros(self.clock.now))
        if name == "ran":
            running = ", ".join(f"'{status}'" for status in RUNNING)
            ended = f"CASE WHEN status IN ({running}) THEN {now} ELSE {self._micros('finished_at_utc')} END"
            span = f"({ended}) - {started}"
        else:
            span = f"(CASE WHEN status = 'queued' THEN {now} ELSE {started} END) - {self._micros('run_after_utc')}"
        return f"(SELECT CASE WHEN s >= 0 THEN s END FROM (SELECT {span} AS s))"

    def _in_json(self, column: str, path: Sequence[str | int], op: Op, value: Value) -> Condition:
        if not self._has(column):
            return _NEVER
        kind, cell = self.json.kind(column, path), self.json.cell(column, path)
        parts = []
        if isinstance(value, Range) or (isinstance(value, Scalar) and value.number is not None):
            wanted = Number(value.number) if isinstance(value, Scalar) and value.number is not None else value
            inside = _number_parts(cell.sql, cell.params, op, wanted)
            parts.append(all_of([Condition(f"{kind.sql} IN ('integer', 'real')", kind.params), inside]))
        if isinstance(value, Scalar):
            if value.word and op not in _COMPARING:
                parts.append(Condition(f"{kind.sql} = ?", (*kind.params, value.word)))
            if op not in _COMPARING:
                text = fits_sql(cell.sql, value.pattern, fold=op in FOLDED)
            elif value.number is None and value.pattern.literal is not None:
                text = Condition(f"{cell.sql} {_COMPARING[op]} ?", (value.pattern.literal,))
            else:
                text = _NEVER
            if text is not _NEVER:
                text = Condition(text.sql, (*cell.params, *text.params))
                parts.append(all_of([Condition(f"{kind.sql} = 'text'", kind.params), text]))
        return self.json.guarded(column, any_of(parts))

    def _exists(self, found: Field, ref: Ref) -> Condition:
        path = ref.path or found.path
        if found.name in ("ran", "waited", SIGNATURE):
            found_sql = self._signed() if found.name == SIGNATURE else self._span(found.name)
            return Condition(f"({found_sql} IS NOT NULL)")
        if found.kind is Kind.SIZE and found.column in self.leave_out:
            return Condition("1")
        if not self._has(found.column):
            return _NEVER
        if path:
            kind = self.json.kind(found.column, path)
            return self.json.guarded(found.column, Condition(f"{kind.sql} <> 'null'", kind.params))
        if found.kind is Kind.SPAN:
            return Condition(f"({sql_normalised(found.column)} IS NOT NULL)")
        return Condition(f"(({found.column} IS NOT NULL) AND (CAST({found.column} AS TEXT) <> ''))")


def _true(condition: Condition) -> Condition:
    return Condition(f"(({condition.sql}) IS TRUE)", condition.params)


def _days(column: str, wanted: Interval) -> list[Condition]:
    """Return a sieve for a time: its date as it is written, in whatever zone, is within two days of the wanted ones.

    To read a time in any written form takes longer than to go to its row; what is far off needs no reading.
    """
    parts = []
    if wanted.low is not None and (day := bound_text(wanted.low - _TWO_DAYS_US)[:10]):
        parts.append(Condition(f"({column} >= ?)", (day,)))
    if wanted.high is not None and len(day := bound_text(wanted.high + _TWO_DAYS_US)) >= 10:
        parts.append(Condition(f"({column} < ?)", (day[:10],)))
    return parts


def _size(column: str) -> str:
    return f"length(CAST({column} AS BLOB))"


def _between(expression: str, wanted: Interval, as_param: Callable[[int], Cell]) -> Condition:
    parts = []
    if wanted.low is not None:
        parts.append(Condition(f"({expression} >= ?)", (as_param(wanted.low),)))
    if wanted.high is not None:
        parts.append(Condition(f"({expression} < ?)", (as_param(wanted.high),)))
    return _true(all_of(parts))


def _number(column: str, op: Op, value: Value) -> Condition:
    inside = _number_parts(f"+{column}", (), op, value)
    return _true(all_of([Condition(f"typeof({column}) IN ('integer', 'real')"), inside]))


def _number_parts(expression: str, params: tuple[Cell, ...], op: Op, value: Value) -> Condition:
    if isinstance(value, Range):
        ends = ((Op.AT_LEAST, value.low), (Op.AT_MOST, value.high))
        return all_of([_number_parts(expression, params, each, end) for each, end in ends if end is not None])
    assert isinstance(value, Number)
    return Condition(f"({expression} {_COMPARING.get(op, '=')} ?)", (*params, value.value))
