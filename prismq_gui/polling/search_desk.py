"""What the window asks of the search over everything, and of its index, without ever waiting.

Owns two threads, each started when it is first needed: one that searches, one that builds the index. A file that is
left ends both kinds of work at once.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.search_index import IndexStatus
from prismq_gui.insight.search_scan import ALL_KINDS, SearchKind
from prismq_gui.polling.indexing import DropRequest, Indexer, IndexRequest
from prismq_gui.polling.searching import Searcher, SearchRequest
from prismq_gui.polling.threads import WorkerThread


class SearchDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``stepped`` carries SearchStep and ``failed`` SearchFailed, of the newest search alone; ``index_told`` an
    IndexStatus, or None where the index is of no concern: no file, or switched off.
    """

    stepped = Signal(object)
    failed = Signal(object)
    index_told = Signal(object)

    _search_wanted = Signal(object)
    _more_wanted = Signal(object)
    _end_wanted = Signal()
    _index_wanted = Signal(object)
    _drop_wanted = Signal(object)
    _rest_wanted = Signal()

    def __init__(self, breath: Breath | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index_folder: Path | None = None  # where indexes lie; without one there are none
        self._path: Path | None = None
        self._index_on = False
        self._searcher = Searcher(breath)
        self._indexer = Indexer(breath)
        self._search_thread = WorkerThread("search", self._searcher)
        self._index_thread = WorkerThread("index", self._indexer)
        self._is_over = False
        self._search_wanted.connect(self._searcher.start)
        self._more_wanted.connect(self._searcher.go_on)
        self._end_wanted.connect(self._searcher.end)
        self._searcher.stepped.connect(self._on_searcher_stepped)
        self._searcher.failed.connect(self._on_searcher_failed)
        self._index_wanted.connect(self._indexer.keep)
        self._drop_wanted.connect(self._indexer.drop)
        self._rest_wanted.connect(self._indexer.rest)
        self._indexer.told.connect(self._on_indexer_told)

    # -- the file

    def open_file(self, path: Path) -> None:
        """Search in this file from now on, and keep up its index where that is on."""
        self.close_file()
        self._path = path
        self._keep_index()

    def close_file(self) -> None:
        """Search in no file."""
        self._path = None
        self._void_search()
        self._void_index()
        if self._index_thread.isRunning():
            self._rest_wanted.emit()
        self.index_told.emit(None)

    # -- searching

    @property
    def number(self) -> int:
        """The number of the newest search."""
        return self._searcher.newest

    def search(self, text: str, kinds: tuple[SearchKind, ...] = ALL_KINDS) -> int:
        """Look for a text in place of the search before; return its number, 0 where no file is open."""
        self._void_search()
        if self._path is None or self._is_over:
            return 0
        self._start(self._search_thread)
        self._search_wanted.emit(SearchRequest(self.number, self._path, text, kinds, self.index_folder))
        return self.number

    def stop(self) -> None:
        """Stop the search; what it found stays."""
        self._searcher.stop_up_to = self.number
        self._searcher.interrupt()
        self._end_wanted.emit()

    def go_on(self) -> None:
        """Go on with a search that waits."""
        self._more_wanted.emit(self.number)

    def _void_search(self) -> None:
        self._searcher.newest += 1  # first, so that what is ended knows it is void
        if self._search_thread.isRunning():
            self._searcher.interrupt()
            self._end_wanted.emit()

    def _on_searcher_stepped(self, step: object) -> None:
        if getattr(step, "number", 0) == self.number:
            self.stepped.emit(step)

    def _on_searcher_failed(self, failure: object) -> None:
        if getattr(failure, "number", 0) == self.number:
            self.failed.emit(failure)

    # -- the index

    @property
    def index_on(self) -> bool:
        """Whether indexes are kept."""
        return self._index_on

    def set_index_on(self, on: bool, *, drop: bool = True) -> None:
        """Keep an index of each file while it is open; or keep none, and delete what there is."""
        if on == self._index_on or self._is_over:
            return
        self._index_on = on
        self._void_index()
        if on:
            self._keep_index()
        elif drop and self.index_folder is not None:
            self._start(self._index_thread)
            self._drop_wanted.emit(DropRequest(self._indexer.wanted, self.index_folder))

    def _keep_index(self) -> None:
        if self._index_on and self._path is not None and self.index_folder is not None and not self._is_over:
            self._start(self._index_thread)
            self._index_wanted.emit(IndexRequest(self._indexer.wanted, self._path, self.index_folder))

    def _void_index(self) -> None:
        self._indexer.wanted += 1
        self._indexer.interrupt()

    def _on_indexer_told(self, number: int, status: IndexStatus) -> None:
        if number == self._indexer.wanted:
            self.index_told.emit(status)

    # -- the threads

    def _start(self, thread: WorkerThread) -> None:
        if not thread.isRunning():
            thread.start(QThread.Priority.LowPriority)  # the window and the tables come first

    def ask_to_end(self) -> None:
        """Have both threads end after what they are at; nothing is heard of them afterwards."""
        self._is_over = True
        self.blockSignals(True)
        self._searcher.newest += 1
        self._indexer.wanted += 1
        for thread in (self._search_thread, self._index_thread):
            thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until both have ended; ``deadline`` in ``time.monotonic()`` seconds."""
        for thread in (self._search_thread, self._index_thread):
            if thread.isRunning():
                thread.end(deadline)
