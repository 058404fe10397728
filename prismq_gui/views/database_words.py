"""What the page of the database says: the file's state in lines and sentences. Pure functions, no widgets.

Who can't be told of is said to be so; a figure that is not known is never worded as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from prismq_gui.insight.database_facts import AUTOCHECKPOINT_PAGES, DatabaseFacts
from prismq_gui.insight.wal_readers import LongReader
from prismq_gui.models.columns import Column
from prismq_gui.models.plain_table_model import PlainRow
from prismq_gui.models.times import short_time
from prismq_gui.queue.backup_files import BackupFile
from prismq_gui.queue.disk_room import bytes_text
from prismq_gui.theme import Severity
from prismq_gui.views.times import duration

Lines = list[tuple[str, str]]

BACKUP_COLUMNS = (
    Column("made", "Made", 16),
    Column("size", "Size", 10, numeric=True),
    Column("checked", "Checked", 22),
    Column("name", "Name", 48),
)
MOST_HOLDERS = 5


@dataclass(frozen=True, slots=True)
class WalWords:
    """How the WAL is: how loudly, the sentence, and what there is to know besides."""

    severity: Severity
    sentence: str
    details: tuple[str, ...] = ()


def head(facts: DatabaseFacts) -> str:
    """Return the file in one sentence."""
    words = f"{facts.path.name}: {bytes_text(facts.size_bytes)}"
    return f"{words}, WAL {bytes_text(facts.wal_bytes)}" if facts.is_wal else f"{words}, without a WAL"


def file_lines(facts: DatabaseFacts, now_s: float) -> Lines:
    """Return what is known of the file; ``now_s`` in seconds since 1970."""
    lines = [("Path", str(facts.path))]
    if facts.real_path != facts.path:
        lines.append(("Leads to", str(facts.real_path)))
    freed, plural = facts.free_pages * facts.page_size, "" if facts.free_pages == 1 else "s"
    share = f" ({facts.free_pages / facts.pages:.0%})" if facts.pages else ""
    free = bytes_text(facts.free_on_disk) if facts.free_on_disk is not None else "not known"
    return [
        *lines,
        ("Size", f"{bytes_text(facts.size_bytes)}: {facts.pages:,} pages of {facts.page_size:,} bytes"),
        ("A vacuum would free", f"{bytes_text(freed)}: {facts.free_pages:,} free page{plural}{share}"),
        ("Last written", f"{duration(max(0.0, now_s - facts.written_at))} ago"),
        ("Free on the disk", free),
    ]


def format_lines(facts: DatabaseFacts) -> Lines:
    """Return how the file is written, and by what it is read."""
    usual = bytes_text(AUTOCHECKPOINT_PAGES * facts.page_size)
    wal = f"{bytes_text(facts.wal_bytes)}; workers move it at {usual} ({AUTOCHECKPOINT_PAGES:,} pages)"
    return [
        ("Journal mode", facts.journal_mode.upper()),
        ("WAL", wal if facts.is_wal else "none"),
        ("Encoding", facts.encoding),
        ("Schema version", f"{facts.user_version}"),
        ("SQLite", facts.sqlite_note or f"{facts.sqlite_version}, without a known fault"),
        ("Largest", ", ".join(f"{table.name} {bytes_text(table.bytes)}" for table in facts.tables[:3]) or "not known"),
    ]


def wal_words(facts: DatabaseFacts) -> WalWords:
    """Return whether anything blocks a checkpoint, as far as looking can tell."""
    if not facts.is_wal:
        words = f"The file is not in WAL mode ({facts.journal_mode}): readers and workers can hold up each other."
        return WalWords(Severity.WARNING, words, _open_in(facts))
    wal = bytes_text(facts.wal_bytes)
    if facts.readers:
        told = "; ".join(_reader(each) for each in facts.readers)
        ours = () if any(each.is_ours for each in facts.readers) else ("It is not this program.",)
        words = f"A reader is active: {told}. What was written since waits in the WAL ({wal})."
        return WalWords(Severity.WARNING, words, (*ours, *_open_in(facts)))
    holds_none = "This program holds none between its looks."
    if facts.readers is None:
        words = f"Who reads old content is not told by this system before a checkpoint is tried. {holds_none}"
        loud = Severity.WARNING if facts.wal_bytes > facts.wal_limit_bytes else Severity.INFO
        return WalWords(loud, words, _open_in(facts))
    if facts.wal_bytes > facts.wal_limit_bytes:
        words = f"The WAL is larger than usual ({wal}), but nobody reads old content now: a checkpoint should cut it."
        return WalWords(Severity.WARNING, words, _open_in(facts))
    words = f"Nothing blocks a checkpoint: nobody reads old content for long. {holds_none}"
    return WalWords(Severity.SUCCESS, words, _open_in(facts))


def _reader(reader: LongReader) -> str:
    if reader.is_ours:
        return f"this program itself, for {duration(reader.for_s)}: a check, a backup or a long search"
    return f"process {reader.pid} ({reader.name or 'without a name'}) has read for {duration(reader.for_s)}"


def _open_in(facts: DatabaseFacts) -> tuple[str, ...]:
    if not facts.holders:
        return ("Who has the file open can't be told here.",)
    return (f"In use by: {', '.join(facts.holders[:MOST_HOLDERS])}.",)


def backup_rows(backups: Sequence[BackupFile], states: Mapping[Path, str]) -> list[PlainRow]:
    """Return a row a backup; ``states`` says what is known of some."""
    return [
        PlainRow(
            str(each.path),
            (
                short_time(each.made_at.strftime("%Y-%m-%d %H:%M:%S")),
                bytes_text(each.bytes),
                states.get(each.path, "not yet"),
                each.path.name,
            ),
        )
        for each in backups
    ]


def age_of_newest(backups: Sequence[BackupFile]) -> str:
    """Return how old the newest backup is, or that there is none."""
    if not backups:
        return "No backup of this file is in the folder."
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    seconds = (now - backups[0].made_at).total_seconds()
    count = f"{len(backups):,} backup{'s' if len(backups) != 1 else ''}"
    return f"{count}, the newest made {duration(seconds)} ago." if seconds >= 0 else f"{count}."
