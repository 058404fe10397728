"""What a model asks of the engine: a few calls down, a few signals up. Tests hand in one that counts."""

from __future__ import annotations

from typing import Any, Protocol

from prismq_gui.polling.messages import PauseWish, Query, RowsRequest


class Source(Protocol):
    """Answers queries by signals, later; nothing here waits. :class:`~prismq_gui.polling.engine.Engine` is one."""

    opened: Any
    link: Any
    snapshot: Any
    ids_appended: Any
    ids_patched: Any
    rows_loaded: Any
    feed_failed: Any

    def query(self, query: Query) -> None:
        """Start to answer a query; it replaces the table's one before."""

    def request_rows(self, request: RowsRequest) -> None:
        """Have rows read and rendered."""

    def pause_query(self, wish: PauseWish) -> None:
        """Stop to answer a query, or go on with it."""
