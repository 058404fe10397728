"""What a health check finds out about the file itself: where it lies, its mode, its WAL, its free pages, SQLite.

Reads no row of the queue. Damage is looked for by :mod:`prismq_gui.queue.checking`, which reads the whole file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from prismq_gui.insight.before_opening import is_copy
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.everything import as_int
from prismq_gui.insight.health_records import Finding
from prismq_gui.insight.health_texts import finding
from prismq_gui.insight.layout import Layout, has_wal_reset_bug, is_network_path, notes_for, syncing_service
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.insight.versions import sqlite_note

_FREE_SHARE = 0.25
_LEAST_FREE_BYTES = 4 * 1024 * 1024
_MIB = 1024 * 1024


def file_findings(facts: FileFacts, layout: Layout, limits: Thresholds) -> Iterator[Finding]:
    """Yield what the file's own state tells; asks the system alone."""
    if facts.write_refusal:
        yield finding("not-writable", facts.write_refusal)
    copy = is_copy(facts.path)
    if facts.journal_mode.lower() != "wal" and not copy:
        yield finding("not-wal", f"The file is not in WAL mode but in {facts.journal_mode}.")
    others = notes_for(facts.path, layout, facts.journal_mode, is_copy=copy)
    for note in facts.notes:
        if note not in others:  # what was seen at opening alone
            yield finding("wal-missing", note)
    if facts.wal_bytes > limits.wal_bytes:
        what = f"The WAL beside the file is large: {facts.wal_bytes // _MIB:,} MiB, over {limits.wal_bytes // _MIB:,}."
        yield finding("wal-large", what)
    yield from _place(facts)
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        yield finding("sqlite-fault", sqlite_note())


def _place(facts: FileFacts) -> Iterator[Finding]:
    links = facts.path.stat().st_nlink
    if links > 1:
        yield finding("hard-links", f"The file has {links} names (hard links).", links)
    real = os.path.realpath(facts.path)
    if os.path.islink(facts.path):  # noqa: PTH114 - as SQLite follows it
        yield finding("symlink", f"This is a link; the real file is {real}.")
    if is_network_path(real):
        yield finding("network-drive", "The file is on a network drive, where WAL is not safe.")
    service = syncing_service(real)
    if service:
        yield finding("synced-folder", f"The file lies in a folder that {service} copies.")


def page_findings(connection: ReadConnection) -> Iterator[Finding]:
    """Yield what the file's pages tell; three short statements."""
    pages, size, free = (
        as_int(connection.value(f"PRAGMA {name}", doing="look at the pages"))
        for name in ("page_count", "page_size", "freelist_count")
    )
    if pages and free / pages >= _FREE_SHARE and free * size >= _LEAST_FREE_BYTES:
        what = f"{free * 100 // pages} % of the file are free: {free * size // _MIB:,} of {pages * size // _MIB:,} MiB."
        yield finding("fragmented", what, free)
