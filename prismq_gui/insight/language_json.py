"""Values in the JSON of a cell, in SQL that never raises, whatever the cell holds.

Owns the guard (a blob, a huge text or text that is no JSON is not looked into) and the form of a path.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from prismq_gui.insight.filters import Condition

MAX_JSON_BYTES: Final = 1024 * 1024
"""Larger JSON is not looked into: reading it takes 5 ms a megabyte."""


def sql_paths(path: Sequence[str | int]) -> tuple[str, ...]:
    r"""Return SQLite's form of a path, twice where a key may be written in JSON with escapes (``\u00fc``).

    Before 3.45 SQLite compares keys as they are written.
    """
    forms = []
    for escapes in (False, True):
        steps = []
        for step in path:
            if isinstance(step, int):
                steps.append(f"[{step}]" if step >= 0 else f"[#{step}]")
            else:
                steps.append(f'."{json.dumps(step)[1:-1] if escapes else step}"')
        forms.append("$" + "".join(steps))
    return tuple(dict.fromkeys(forms))


def json_guard(column: str, then: str, otherwise: str = "0") -> str:
    """Return an expression that is evaluated only where a cell is JSON that may be looked into."""
    return (
        f"CASE WHEN typeof({column}) <> 'text' THEN {otherwise} "
        f"WHEN length(CAST({column} AS BLOB)) > {MAX_JSON_BYTES} THEN {otherwise} "
        f"WHEN NOT json_valid({column}) THEN {otherwise} ELSE {then} END"
    )


class JsonValue:
    """Expressions for a value at a path. They may only stand inside of :meth:`guarded`."""

    def kind(self, column: str, path: Sequence[str | int]) -> Condition:
        """Return the type of the value, NULL where there is none."""
        return self._first("json_type", column, path)

    def cell(self, column: str, path: Sequence[str | int]) -> Condition:
        """Return the value itself, NULL where there is none."""
        return self._first("json_extract", column, path)

    def guarded(self, column: str, inside: Condition) -> Condition:
        """Return a condition that is 0 where the cell is no JSON that may be looked into."""
        return Condition(f"({json_guard(column, f'(({inside.sql}) IS TRUE)')})", inside.params)

    @staticmethod
    def _first(function: str, column: str, path: Sequence[str | int]) -> Condition:
        paths = sql_paths(path)
        calls = ", ".join(f"{function}({column}, ?)" for _ in paths)
        return Condition(f"coalesce({calls})" if len(paths) > 1 else calls, paths)
