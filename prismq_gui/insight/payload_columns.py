"""Chosen values out of payloads, for lists that show them as columns.

Owns the record of such a column and the read of its values for some tasks. A payload that is too large to be looked
into, or is no JSON, is said to be so; it never costs more than its look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.language_fields import Kind, Table, field_named
from prismq_gui.insight.language_json import MAX_JSON_BYTES, json_guard, sql_paths
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.order_keys import KEY_CHARACTERS
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.walking import MAX_INT, MIN_INT, is_about_size, padded

if TYPE_CHECKING:  # a twentieth of what the window takes to start
    from prismq_gui.insight.language_nodes import Path

MAX_COLUMNS: Final = 16
VALUE_CHARACTERS: Final = 301  # one more than a cell shows, so that it ends in an ellipsis
_IDS_A_STATEMENT: Final = 64  # each may be a payload of a megabyte


@dataclass(frozen=True, slots=True)
class PayloadColumn:
    """A value in the JSON of each task; ``document`` is the column it is in (payload or compatibility)."""

    path: Path
    document: str = "payload"

    @property
    def name(self) -> str:
        """The stable name for settings and titles, as the filter language writes it."""
        from prismq_gui.insight.language_nodes import format_path  # noqa: PLC0415 - only where there are such columns

        return f"{self.document}{format_path(self.path)}"


class Found(Enum):
    """What a look into a payload gave."""

    VALUE = "value"
    NOTHING = "nothing"  # no such path, or JSON's null
    TOO_LARGE = "too large"  # over 1 MiB: not looked into
    NO_JSON = "no JSON"


@dataclass(frozen=True, slots=True)
class PayloadValue:
    """One value: a text, a number, ``true`` or ``false``, or the beginning of an object's or array's JSON."""

    found: Found
    cell: Cell = None


def payload_column(text: str) -> PayloadColumn:
    """Return the column that a text such as ``payload.video.codec`` names.

    Raises:
        FilterSyntaxError: It names no value in JSON; the error says what is expected.
    """
    from prismq_gui.insight.language import FilterSyntaxError, parse  # noqa: PLC0415 - only when one is chosen
    from prismq_gui.insight.language_nodes import Exists  # noqa: PLC0415 - as above

    text = text.strip()
    node = parse(f"has:{text}").root if text else None
    field = field_named(Table.TASKS, node.ref.name) if isinstance(node, Exists) else None
    if field is None or not isinstance(node, Exists) or not (node.ref.path or field.kind is Kind.JSON):
        hint = "Write for example payload.region, payload.video.codec or payload.files[0]."
        raise FilterSyntaxError("A path into the payload is expected.", 0, len(text), hint, text=text)
    return PayloadColumn(node.ref.path or field.path, field.column)


def column_at(path: Path, document: str = "payload") -> PayloadColumn | None:
    """Return the column of a path, None where the filter language cannot write it (a key that holds a quote)."""
    from prismq_gui.insight.language import FilterSyntaxError  # noqa: PLC0415 - only when one is chosen

    column = PayloadColumn(path, document)
    try:
        return column if path and payload_column(column.name) == column else None
    except FilterSyntaxError:
        return None


def payload_key_sql(column: PayloadColumn, columns: Collection[str]) -> str:
    """Return the expression to sort by a value: as it is shown, NULL where there is none or it is not looked into.

    Args:
        column: Which value.
        columns: The columns the file has.
    """
    if column.document not in columns:
        return "NULL"
    own = [_literal(each) for each in sql_paths(column.path)]
    kind, cell = (
        f"coalesce({', '.join(f'{function}({column.document}, {each})' for each in own)}, NULL)"
        for function in ("json_type", "json_extract")
    )
    is_long = f"length({cell}) > {KEY_CHARACTERS}"
    shown = f"CASE WHEN typeof({cell}) = 'text' AND {is_long} THEN substr({cell}, 1, {KEY_CHARACTERS}) ELSE {cell} END"
    return json_guard(column.document, f"CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE {shown} END", "NULL")


def _literal(text: str) -> str:
    """Return a text as SQL writes it: a walk has no places for parameters in what it reads."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def payload_values(
    connection: ReadConnection, layout: Layout, columns: Sequence[PayloadColumn], ids: Sequence[int]
) -> dict[int, tuple[PayloadValue, ...]]:
    """Return the values of at most 16 columns for the tasks that exist, by id.

    Statements of 64 tasks: 0.5 ms with payloads of 1 KB, and at most 64 payloads of 1 MiB are looked into in one.
    """
    columns = columns[:MAX_COLUMNS]
    known = [each for each in dict.fromkeys(ids) if MIN_INT <= each <= MAX_INT]
    found: dict[int, tuple[PayloadValue, ...]] = {}
    for at in range(0, len(known) if columns else 0, _IDS_A_STATEMENT):
        for row in _read(connection, layout, columns, known[at : at + _IDS_A_STATEMENT]):
            values = zip(row[1::2], row[2::2], strict=True)
            if isinstance(row[0], int):
                found[row[0]] = tuple(_value(kind, cell) for kind, cell in values)
    return {each: found[each] for each in known if each in found}


def _read(
    connection: ReadConnection, layout: Layout, columns: Sequence[PayloadColumn], ids: Sequence[int]
) -> list[Row]:
    parts: list[str] = []
    paths: list[str] = []
    for column in columns:
        if column.document not in layout.tasks:
            parts.append("NULL, NULL")
            continue
        own = sql_paths(column.path)
        for function in ("json_type", "json_extract"):
            calls = ", ".join(f"{function}({column.document}, ?)" for _ in own)
            parts.append(_looked_into(column.document, f"coalesce({calls}, NULL)", is_kind=function == "json_type"))
            paths += own
    params, marks = padded(ids)
    sql = f"SELECT id, {', '.join(parts)} FROM task_queue WHERE id IN ({marks})"
    try:
        return _shortened(connection.rows(sql, (*paths, *params), doing="read the payloads"))
    except ProblemError as error:
        if not is_about_size(error):
            raise
        if len(ids) > 1:
            half = len(ids) // 2
            return _read(connection, layout, columns, ids[:half]) + _read(connection, layout, columns, ids[half:])
        return [(ids[0], *(("large", None) * len(columns)))]


def _looked_into(document: str, expression: str, *, is_kind: bool) -> str:
    """Return an expression that is NULL, or says why, where the document is not looked into."""
    if not is_kind:
        return json_guard(document, expression, "NULL")
    return (
        f"CASE WHEN {document} IS NULL THEN NULL WHEN typeof({document}) <> 'text' THEN 'no json' "
        f"WHEN length(CAST({document} AS BLOB)) > {MAX_JSON_BYTES} THEN 'large' "
        f"WHEN NOT json_valid({document}) THEN 'no json' ELSE {expression} END"
    )


def _shortened(rows: list[Row]) -> list[Row]:
    return [tuple(cell[:VALUE_CHARACTERS] if isinstance(cell, str) else cell for cell in row) for row in rows]


def _value(kind: Cell, cell: Cell) -> PayloadValue:
    if kind in ("large", "no json"):
        return PayloadValue(Found.TOO_LARGE if kind == "large" else Found.NO_JSON)
    if kind in (None, "null"):
        return PayloadValue(Found.NOTHING)
    return PayloadValue(Found.VALUE, kind if kind in ("true", "false") else cell)
