"""The open file as the window knows it: which one, how it is, and whether it is being looked at.

Owns opening, closing and pausing, and the problems of the connection. Must not know pages.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.insight.versions import sqlite_version
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import Cautioned, FeedFailed, Link, LinkState, OpenRequest, Snapshot, Table
from prismq_gui.theme import Severity
from prismq_gui.views.notices import Notices, Source

_FILE_NOTES = "file"
_SOURCES = {Table.TASKS: Source.TASKS, Table.LOGS: Source.LOGS}


class Session(QObject):
    """One for a window; lives in the window's thread. ``changed`` tells that any of its properties may be new.

    ``opened`` carries the facts of a file that was opened or opened anew, ``snapshot_changed`` a Snapshot or None.
    """

    changed = Signal()
    opened = Signal(object)
    snapshot_changed = Signal(object)
    cautioned = Signal(object)
    """A file waits to be opened until the person has been asked (:class:`Cautioned`); then open or close_file."""

    def __init__(self, engine: Engine, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._notices = notices
        self._request: OpenRequest | None = None
        self._is_open = False
        self._wants_pause = False
        self._hidden = False
        self._told_pause = False
        self.link = Link(LinkState.CLOSED, 0)
        self.facts: FileFacts | None = None
        self.snapshot: Snapshot | None = None
        engine.opened.connect(self._on_engine_opened)
        engine.cautioned.connect(self._on_engine_cautioned)
        engine.link.connect(self._on_engine_link)
        engine.snapshot.connect(self._on_engine_snapshot)
        engine.feed_failed.connect(self._on_engine_feed_failed)
        notices.retry_requested.connect(self._on_notices_retry_requested)

    # -- what is

    @property
    def path(self) -> Path | None:
        """The file that is wanted, readable or not."""
        return self._request.path if self._request else None

    @property
    def read_only(self) -> bool:
        """Whether the person wants the file never to be written in this window."""
        return self._request is not None and self._request.read_only

    @property
    def is_open(self) -> bool:
        """Whether the file has been open; its last data stay in view when it goes away."""
        return self._is_open

    @property
    def paused(self) -> bool:
        """Whether the person wants a pause."""
        return self._wants_pause

    # -- wishes

    def open(self, path: Path, *, read_only: bool = False, confirmed: bool = False) -> None:
        """Open a file in place of the one before; ``confirmed`` where its cautions are known to the person."""
        self._request = OpenRequest(path, read_only, confirmed)
        self._forget()
        self._engine.open(self._request)
        self.changed.emit()

    def close_file(self) -> None:
        """Show no file."""
        self._request = None
        self._forget()
        self._engine.close_file()
        self.changed.emit()

    def let_go(self) -> None:
        """Close the file for a while, what is in view of it staying; ``open`` takes it up again."""
        self._engine.let_go()

    def refresh(self) -> None:
        """Read everything anew; a file that could not be opened is tried again."""
        if self._request is None:
            return
        if not self._is_open:
            again = self._request
            self.open(again.path, read_only=again.read_only, confirmed=again.confirmed)
            return
        for table in Table:
            self._engine.refresh(table)

    def set_paused(self, paused: bool) -> None:
        """Stop to look at the file until the person goes on."""
        self._wants_pause = paused
        self._tell_pause()
        self.changed.emit()

    def set_hidden(self, hidden: bool) -> None:
        """Pause by itself while nobody can see the window."""
        self._hidden = hidden
        self._tell_pause()

    def _tell_pause(self) -> None:
        wanted = self._wants_pause or self._hidden
        if wanted != self._told_pause:
            self._told_pause = wanted
            self._engine.set_paused(wanted)

    def _forget(self) -> None:
        self._is_open = False
        self.facts, self.snapshot = None, None
        self._notices.clear(Source.LINK, Source.OPERATION, Source.TASKS, Source.LOGS)
        self._notices.drop(_FILE_NOTES)
        self.snapshot_changed.emit(None)

    # -- signals of the engine

    def _on_engine_opened(self, facts: FileFacts) -> None:
        self._is_open = True
        self.facts = facts
        self._tell_notes(facts)
        self.opened.emit(facts)
        self.changed.emit()

    def _tell_notes(self, facts: FileFacts) -> None:
        """Tell why the file is not written, and what is not as it should be with it."""
        refusal = "" if self.read_only else facts.write_refusal
        # What is known against SQLite is told once, not with each file.
        notes = [note for note in facts.notes if not note.startswith(f"SQLite {sqlite_version()} ")]
        told = [each for each in (refusal, *notes) if each]
        if told:
            severity = Severity.WARNING if notes else Severity.INFO
            self._notices.keep(_FILE_NOTES, severity, f"About {facts.path.name}", " ".join(told))
        else:
            self._notices.drop(_FILE_NOTES)

    def _on_engine_cautioned(self, asked: Cautioned) -> None:
        if self._request == asked.request:
            self.cautioned.emit(asked)

    def _on_engine_link(self, link: Link) -> None:
        if self._request is None and link.state is not LinkState.CLOSED:
            return
        self.link = link
        if link.problem is not None:
            self._notices.tell(Source.LINK, link.problem)
        elif link.state in (LinkState.LIVE, LinkState.CLOSED):
            self._notices.clear(Source.LINK)
        if link.reopened:
            text = f"{self.path}. What was selected in the old one is not any more."
            self._notices.message(Severity.INFO, "The database was replaced and has been opened anew", text)
        self.changed.emit()

    def _on_engine_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot, self.facts = snapshot, snapshot.facts
        self.snapshot_changed.emit(snapshot)
        self.changed.emit()

    def _on_engine_feed_failed(self, failure: FeedFailed) -> None:
        if self._request is None:
            return
        if failure.problem.kind is ProblemKind.NOT_FOUND and self._is_open and not self.paused:
            return  # the poll is about to tell that the file is gone, and when it is back
        self._notices.tell(_SOURCES[failure.table], failure.problem)

    def tell_recovered(self, table: Table) -> None:
        """A table is read again."""
        self._notices.clear(_SOURCES[table])

    def _on_notices_retry_requested(self, _source: Source) -> None:
        self.refresh()

    def tell_crash(self, kind: str, log: Path | None) -> None:
        """Tell that a part of the program itself failed; the rest goes on."""
        advice = f"What you did last may not have worked. Details: {log}" if log else "What you did last may not work."
        what = "Something in this program went wrong"
        problem = Problem(ProblemKind.FAILED, what, "", "The file was not changed by it.", advice, kind)
        self._notices.tell(Source.PROGRAM, problem)
