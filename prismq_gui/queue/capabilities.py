"""Whether a worker may run a task: what the task's compatibility asks for, what the worker offers.

The rule, for every key of the task's compatibility object:

- the worker must have the key;
- where either value is a list it stands for any of its elements, otherwise for itself; the two
  must have a value in common (equality; a task's ``"eu"`` is met by ``"eu"`` and by ``["eu", "us"]``);
- ``true`` is not ``1``; objects are equal as wholes.

``{}`` asks for nothing. A compatibility that can't be read, or is no object, is met by no worker.
"""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from typing import Any

SQL_FUNCTION = "prismq_meets"


def meets(needs: dict[str, Any], offers: dict[str, Any]) -> bool:
    """Whether a worker with these capabilities may run a task with these needs."""
    return not lacks(needs, offers)


def lacks(needs: dict[str, Any], offers: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of the needs that the capabilities don't meet."""
    return tuple(key for key, need in needs.items() if key not in offers or not _share(need, offers[key]))


def _share(need: object, offer: object) -> bool:
    wanted = need if isinstance(need, list) else [need]
    offered = offer if isinstance(offer, list) else [offer]
    return any(_same(one, other) for one in wanted for other in offered)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@lru_cache(maxsize=4096)
def _parse(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _meets_sql(compatibility: object, capabilities: str) -> int:
    if not isinstance(compatibility, bytes) or len(compatibility) > 65536:
        return 0
    needs, offers = _parse(compatibility), _parse(capabilities)
    return int(needs is not None and meets(needs, offers or {}))


def register(connection: sqlite3.Connection) -> None:
    """Teach a connection ``prismq_meets(compatibility as a blob, capabilities)`` → 1 or 0; it never raises."""
    connection.create_function(SQL_FUNCTION, 2, _meets_sql, deterministic=True)
