"""Which rows to ask for: what the eye wants and a little more, one request a turn of the event loop.

Owns the cache of rendered rows and the requests on their way. Must not know columns or roles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain

from PySide6.QtCore import QObject, QTimer, Signal

from prismq_gui.models.render import Rendered
from prismq_gui.models.row_cache import RowCache
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import RowsLoaded

LOOK_AHEAD = 64  # rows read beyond what was asked, on either side: a page more than most screens show
REFRESH_MS = 50  # what changed in view may wait for what is new, so that both are read and painted once
MAX_ROWS = 512  # a request; reading and rendering them takes some 20 ms in the feed's thread


class RowFetcher(QObject):
    """Turns looks at rows into requests, and answers into ranges of rows to paint anew. GUI thread.

    ``wanted`` carries the ids of one request as a tuple; ``changed`` carries first and last row.
    """

    wanted = Signal(object)
    changed = Signal(int, int)

    def __init__(self, ids: Callable[[], IdList], gone: Callable[[int], Rendered], parent: QObject) -> None:
        super().__init__(parent)
        self._ids = ids
        self._gone = gone
        self.cache = RowCache()
        self._asked: set[int] = set()
        self._looked_at: deque[int] = deque(maxlen=MAX_ROWS)
        self._window = (0, -1)  # rows of the last request, without the look-ahead
        self._visible: tuple[int, int] | None = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._on_timer_timeout)

    def look(self, row: int) -> Rendered | None:
        """Return a row in hand, and ask for it where it is missing or stale."""
        wanted = self._ids().id_at(row)
        if wanted is None:
            return None
        if not self.cache.is_fresh(wanted) and wanted not in self._asked:
            self._looked_at.append(row)
            if not self._timer.isActive() or not self.cache.has(wanted):
                self._timer.start(0)
        return self.cache.get(wanted)

    def peek(self, row: int) -> Rendered | None:
        """Return a row in hand without asking for it."""
        wanted = self._ids().id_at(row)
        return None if wanted is None else self.cache.get(wanted)

    def set_visible_rows(self, first: int, last: int) -> None:
        """Say which rows the person sees; these are read again when the data change."""
        self._visible = (first, last)

    def refresh(self) -> None:
        """Have what is in view read again; the old text stays until then."""
        self.cache.mark_stale()
        self._asked.clear()
        if self._in_view()[1] >= 0:
            self._timer.start(REFRESH_MS)

    def restart(self, *, forget: bool) -> None:
        """Start over: what is on its way belongs to another query; ``forget`` drops the rows in hand as well."""
        self._asked.clear()
        self._looked_at.clear()
        if forget:
            self.cache.clear()
            self._window, self._visible = (0, -1), None
            self._timer.stop()

    def give_up(self) -> None:
        """Take it that the last request will not be answered; rows are asked for again when looked at."""
        self._asked.clear()

    def _in_view(self) -> tuple[int, int]:
        return self._visible if self._visible is not None else self._window

    def _on_timer_timeout(self) -> None:
        first, last = self._next_window()
        if last < first:
            return
        self._window = (first, last)
        ids = self._ids()
        if all(self.cache.is_fresh(each) for row in range(first, last + 1) if (each := ids.id_at(row)) is not None):
            return  # what lies around is read together with what is seen, never for its own sake
        low, high = max(0, first - LOOK_AHEAD), min(len(ids) - 1, last + LOOK_AHEAD)
        # What is in view comes first: where payloads are looked into, rows come in several answers.
        rows = chain(range(first, min(last, high) + 1), range(min(last, high) + 1, high + 1), range(low, first))
        around = [each for row in rows if (each := ids.id_at(row)) is not None]
        missing = tuple(each for each in around if not self.cache.is_fresh(each))
        # A newer request voids the one before: what that one lacked and is out of sight is wanted no more.
        if not self._asked.issuperset(missing):
            self._asked = set(missing)
            self.wanted.emit(missing)

    def _next_window(self) -> tuple[int, int]:
        """Return the rows to ask for: those looked at, joined with those in view where they are near."""
        count = len(self._ids())
        first, last = self._in_view()
        last = min(last, count - 1, first + MAX_ROWS)
        looked_at = [row for row in self._looked_at if row < count]
        self._looked_at.clear()
        if looked_at:
            low, high = min(looked_at), max(looked_at)
            if high - low >= MAX_ROWS:  # far apart (a copy of many rows): the newest look counts
                low, high = max(0, looked_at[-1] - MAX_ROWS // 2), looked_at[-1]
            near = max(last, high) - min(first, low) < MAX_ROWS
            first, last = (min(first, low), max(last, high)) if first <= last and near else (low, high)
        return first, last

    def take(self, loaded: RowsLoaded) -> None:
        """Take an answer and tell the one range of rows that look different now."""
        rows = [(each, row) for each, row in loaded.rows if hasattr(row, "cells")]
        rows += [(each, self.cache.get(each) or self._gone(each)) for each in loaded.gone]
        changed = set(self.cache.put(rows))  # type: ignore[arg-type]
        self._asked.difference_update(each for each, _row in rows)
        if not changed:
            return
        ids = self._ids()
        first, last = self._window
        around = range(max(0, first - LOOK_AHEAD), min(len(ids), last + 1 + LOOK_AHEAD))
        places = [row for row in around if ids.id_at(row) in changed]
        if places:
            self.changed.emit(places[0], places[-1])
