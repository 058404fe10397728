"""What it costs SQLite to look at a condition: the cheap ones are asked first, and mostly answer for the dear ones.

Owns the order of the parts of a filter. It changes no meaning: every part is true or false, and none fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from prismq_gui.insight.language_fields import SIGNATURE, Kind, Table, field_named
from prismq_gui.insight.language_nodes import And, Compare, Exists, Node, Not, Or, Text

# In ns a row of 1.1 kB beside the 480 that going to it costs (a million rows in memory, SQLite 3.40).
_NUMBER, _NAME, _TIME, _JSON, _SPAN, _TEXT, _SIGNATURE = 20, 130, 350, 1_000, 1_100, 1_200, 10_000
_BY_KIND = {Kind.NUMBER: _NUMBER, Kind.SIZE: _NUMBER, Kind.NAME: _NAME, Kind.TIME: _TIME, Kind.JSON: _JSON}


def cheapest_first(parts: Sequence[Node], table: Table) -> list[Node]:
    """Return the parts of an and, or of an or, in the order to look at them."""
    return sorted(parts, key=lambda part: cost_ns(part, table))


def cost_ns(node: Node, table: Table) -> int:
    """Return about what one row costs."""
    if isinstance(node, (And, Or)):
        return sum(cost_ns(part, table) for part in node.parts)
    if isinstance(node, Not):
        return cost_ns(node.part, table)
    return _TEXT if isinstance(node, Text) else _leaf_ns(node, table)


def _leaf_ns(node: Compare | Exists, table: Table) -> int:
    found = field_named(table, node.ref.name)
    if found is None or found.name == SIGNATURE:
        return _SIGNATURE
    is_large = found.column in ("payload", "details", "message")
    if node.ref.path or found.path:
        return _JSON if is_large else _TIME
    if found.kind is Kind.TEXT:
        return _TEXT if is_large else _NAME
    if found.kind is Kind.SPAN:
        return _TIME if found.column else _SPAN
    return _BY_KIND[found.kind]
