"""Which SQLite this program reads with, and what is known against it."""

from __future__ import annotations

import sqlite3

from prismq_gui.insight.layout import has_wal_reset_bug


def sqlite_version() -> str:
    """Return the version of the SQLite in use."""
    return sqlite3.sqlite_version


def sqlite_note() -> str:
    """Return a sentence on a known fault of that version, '' without one."""
    if not has_wal_reset_bug(sqlite3.sqlite_version_info):
        return ""
    return (
        f"SQLite {sqlite3.sqlite_version} has a known fault in checkpoints (the WAL-reset bug): on rare occasions two "
        "programs that write at the same moment can damage an index. Version 3.51.3 has it mended."
    )
