"""Rows whose payloads are looked into for columns: read a few at a time, so that large ones hold nothing else up.

Owns what of one request is read and what is not. Must not know threads or timers: it is stepped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from prismq_gui.insight.messages import LogRow, TaskRow
from prismq_gui.insight.payload_columns import PayloadValue
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.walking import TARGET_S
from prismq_gui.polling.messages import RowsRequest

STEP_S: Final = 0.02  # of reading before what was found is shown, and scans have their turn
_FIRST: Final = 8  # tasks of the first statement: each may be a payload of a megabyte
_MOST: Final = 64


class PayloadPage:
    """The tasks of one request, and how far their payloads have been looked into; in the feed thread."""

    def __init__(self, request: RowsRequest, rows: Mapping[int, TaskRow | LogRow]) -> None:
        self.request = request
        self._rows = rows
        self._left = list(rows)
        self._size = _FIRST

    @property
    def is_done(self) -> bool:
        """Whether all of them have been looked into."""
        return not self._left

    def step(self, reader: QueueReader) -> list[tuple[int, TaskRow | LogRow, tuple[PayloadValue, ...]]]:
        """Look into some more payloads and return id, row and values of those.

        Raises:
            ProblemError: What a statement met; what was found before it is lost with it.
        """
        found: list[tuple[int, TaskRow | LogRow, tuple[PayloadValue, ...]]] = []
        ends_at = time.monotonic() + STEP_S
        started = time.monotonic()
        while self._left and (not found or started < ends_at):
            part = self._left[: self._size]
            values = reader.payload_values(self.request.columns, part)
            now = time.monotonic()
            took_s, started = now - started, now
            self._size = max(1, self._size // 4) if took_s > TARGET_S else min(_MOST, self._size * 2)
            found += [(each, self._rows[each], values.get(each, ())) for each in part]
            del self._left[: len(part)]
        return found
