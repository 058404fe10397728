"""Statuses and types as names, whatever type of cell the file holds them as.

A person sees and picks names; the file may hold a status as NULL, as a blob, or as text that is
not UTF-8, and several of those can look alike. Owns the way back from a name to its cells, so that
such tasks can still be counted and filtered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prismq_gui.insight.connection import ReadConnection, decode_text
from prismq_gui.insight.messages import Cell


@dataclass(frozen=True, slots=True)
class RawText:
    """A text cell that is not UTF-8, by its bytes: decoded with escapes it would not be found again."""

    raw: bytes


Name: TypeAlias = "Cell | RawText"
Aliases: TypeAlias = Mapping[str, Mapping[str, tuple[Name, ...]]]
"""By column, then by name: the cells behind a name that is not simply one text."""


def bound(name: Name) -> tuple[str, Cell]:
    """Return the placeholder and the parameter that stand for exactly this cell."""
    return ("CAST(? AS TEXT)", name.raw) if isinstance(name, RawText) else ("?", name)


def shown(name: Name) -> str:
    """Return the text a cell is shown as where a name is expected."""
    if isinstance(name, RawText):
        return decode_text(name.raw)
    if isinstance(name, bytes):
        return decode_text(name)
    return "" if name is None else str(name)


def as_name(cell: Cell, raw: Cell) -> Name:
    """Return a cell as read, or its bytes where it is text that does not survive decoding."""
    if isinstance(cell, str) and isinstance(raw, bytes) and cell.encode("utf-8", "replace") != raw:
        return RawText(raw)
    return cell


def aliases_of(names: Iterable[Name]) -> dict[str, tuple[Name, ...]]:
    """Return the cells behind each name that is not simply one text."""
    found: dict[str, tuple[Name, ...]] = {}
    for name in names:
        found[shown(name)] = (*found.get(shown(name), ()), name)
    return {text: cells for text, cells in found.items() if cells != (text,)}


def distinct(connection: ReadConnection, column: str, limit: int) -> list[Name]:
    """Return at most ``limit`` distinct cells of an indexed column, hopping from one to the next."""
    return hop(connection, f"SELECT {column}, CAST({column} AS BLOB) FROM task_queue WHERE 1", column, (), limit)


def hop(connection: ReadConnection, select: str, column: str, params: tuple[Cell, ...], limit: int) -> list[Name]:
    """Return the distinct cells of a column by one seek each; ``select`` reads cell and bytes and ends in a WHERE."""
    found: list[Name] = []
    tail = f" ORDER BY {column} LIMIT 1"
    rows = connection.rows(select + tail, params, doing="list the kinds")
    while rows and len(found) < limit:
        name = as_name(rows[0][0], rows[0][1])
        found.append(name)
        if name is None:
            rows = connection.rows(f"{select} AND {column} IS NOT NULL{tail}", params, doing="list the kinds")
        else:
            mark, param = bound(name)
            sql = f"{select} AND {column} > {mark}{tail}"
            rows = connection.rows(sql, (*params, param), doing="list the kinds")
    return found
