"""The newest wish of the window, as plain numbers that working threads look at before they begin.

Written in the window's thread only. Each is one attribute of a Python object, so reads and writes
are whole without a lock; what is older than its number is dropped unanswered.
"""

from __future__ import annotations

from prismq_gui.polling.messages import Table


class Latest:
    """Numbers that grow. Shared by the engine (writes) and its workers (read)."""

    __slots__ = ("detail", "opening", "queries", "rows")

    def __init__(self) -> None:
        self.opening = 0
        self.detail = 0
        self.queries: dict[Table, int] = dict.fromkeys(Table, 0)
        self.rows: dict[Table, int] = dict.fromkeys(Table, 0)
