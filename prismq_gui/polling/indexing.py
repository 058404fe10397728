"""The index thread: builds the full-text index of the open file, or deletes the indexes, while nobody waits for it.

Owns when the builder runs and when it is tried again. The pace is the builder's own: a tenth of a core. A stop ends a
pause at once and a slice of work in some tens of milliseconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight import search_index
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.problems import Problem, ProblemError
from prismq_gui.insight.search_index import IndexState, IndexStatus
from prismq_gui.polling.threads import Worker, guarded

AGAIN_S = 10.0  # after which a builder that could not go on is tried again


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """Keep up the index of a file. ``number`` grows with each wish; what belongs to an older one ends."""

    number: int
    path: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class DropRequest:
    """Delete all indexes in the program's folder; ``number`` as above."""

    number: int
    folder: Path


class Indexer(Worker):
    """Lives in the index thread. ``told`` carries (number, IndexStatus)."""

    told = Signal(object, object)

    def __init__(self, breath: Breath | None = None) -> None:
        super().__init__()
        self.wanted = 0  # written in the window's thread, before the wish is sent
        self._breath = breath
        self._wake = threading.Event()
        self._request: IndexRequest | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)

    def interrupt(self) -> None:
        """End a pause; callable from any thread, after ``wanted`` or ``stopping`` was set."""
        self._wake.set()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that the index is not kept up, and try again later."""
        if self._request is not None:
            self._tell_trouble(self._request, problem.sentence())

    def close(self) -> None:
        """Build nothing more; in the index thread."""
        self._timer.stop()
        self._request = None

    @Slot(object)
    @guarded
    def keep(self, request: IndexRequest) -> None:
        """Build until another wish comes; the thread's loop stands still meanwhile."""
        self.close()
        if not self._is_over(request.number):
            self._request = request
            self._build(request)

    @Slot(object)
    @guarded
    def drop(self, request: DropRequest) -> None:
        """Delete the indexes. Those another window holds are deleted by that one."""
        self.close()
        search_index.drop_all(request.folder)
        if not self._is_over(request.number):
            size = search_index.folder_bytes(request.folder)
            note = "Another window still uses it, and deletes it when it sees this." if size else ""
            self.told.emit(request.number, IndexStatus(IndexState.OFF, request.folder, size, note=note))

    @Slot()
    def rest(self) -> None:
        """Build for no file."""
        self.close()

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        request = self._request
        if request is not None and not self._is_over(request.number):
            self._build(request)

    def _is_over(self, number: int) -> bool:
        return self.stopping or number != self.wanted

    def _build(self, request: IndexRequest) -> None:
        self._wake.clear()
        if self._is_over(request.number):  # it was woken between the wish and here
            return
        from prismq_gui.insight.search_build import IndexBuilder  # noqa: PLC0415 - of no use at the window's start

        try:
            status = IndexBuilder(request.path, request.folder, breath=self._breath).run(
                should_stop=lambda: self._is_over(request.number),
                wait=self._wake.wait,
                on_status=lambda status: self.told.emit(request.number, status),
            )
        except ProblemError as error:
            self._tell_trouble(request, error.problem.sentence())
            return
        if self._is_over(request.number):
            return
        if status.state is IndexState.ELSEWHERE:
            shown = search_index.status(request.path, request.folder)
            status = replace(shown, state=IndexState.ELSEWHERE, note=status.note)
        self.told.emit(request.number, status)
        self._timer.start(round(AGAIN_S * 1000))

    def _tell_trouble(self, request: IndexRequest, note: str) -> None:
        if not self._is_over(request.number):
            status = search_index.status(request.path, request.folder)
            self.told.emit(request.number, replace(status, state=IndexState.UNAVAILABLE, note=note))
            self._timer.start(round(AGAIN_S * 1000))
