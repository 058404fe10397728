"""What is said of a comparison of two files: its sentence, its notes, and the command that writes it down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from prismq_gui.insight.compare_records import Comparison, DifferenceKind

CHIP_WORDS = {
    None: "All",
    DifferenceKind.CHANGED: "Changed",
    DifferenceKind.APPEARED: "Appeared",
    DifferenceKind.VANISHED: "Vanished",
    DifferenceKind.REUSED: "Other task",
    DifferenceKind.MOVED: "Key moved",
    DifferenceKind.UNREAD: "Not readable",
}
CHIP_HELP = {
    None: "Everything that differs",
    DifferenceKind.CHANGED: "The same task with other values",
    DifferenceKind.APPEARED: "Tasks that only the newer file has",
    DifferenceKind.VANISHED: "Tasks that only the older file has",
    DifferenceKind.REUSED: "The same id, but another task: made at another moment, of another key or type",
    DifferenceKind.MOVED: "The same idempotency key names another id in the newer file",
    DifferenceKind.UNREAD: "A value is too large to be compared; the rest of the task is the same",
}


def count_words(count: int, one: str = "task") -> str:
    """Return "1 task", "2 tasks"."""
    return f"{count:,} {one}{'s' if count != 1 else ''}"


def sentence(found: Comparison) -> str:
    """Return what a comparison found, in one or two sentences."""
    if found.stopped:
        return f"Stopped: of the {count_words(found.total)} compared so far, {found.same:,} are the same."
    if not found.total:
        return "Both files are queues without any task."
    if found.is_same:
        return f"No task differs: {'the one task is' if found.total == 1 else f'all {found.total:,} are'} the same."
    for kind, empty in ((DifferenceKind.APPEARED, "older"), (DifferenceKind.VANISHED, "newer")):
        if found.ids_of(kind)[0].count == found.total:
            return f"The {empty} file holds no task; the other one {count_words(found.total)}."
    words = f"{found.same:,} of {count_words(found.total)} are the same."
    keys = key_words(found)
    return f"{words} {keys}" if keys else words


def key_words(found: Comparison) -> str:
    """Return what became of the idempotency keys, '' where nothing did or they were not compared."""
    parts = []
    if found.keys_appeared:
        parts.append(f"{found.keys_appeared:,} only in the newer file")
    if found.keys_vanished:
        parts.append(f"{found.keys_vanished:,} only in the older one")
    if found.moved_before is not None and found.moved_before.count:
        parts.append(f"{found.moved_before.count:,} under another id")
    return f"Idempotency keys: {', '.join(parts)}." if parts else ""


def notes(found: Comparison) -> str:
    """Return what is to be known of a comparison, '' where there is nothing."""
    told = list(found.notes)
    for kind in DifferenceKind:
        tally = found.ids_of(kind)[0]
        if tally.is_cut:
            more = tally.count - len(tally.ids)
            told.append(
                f"{CHIP_WORDS[kind]}: the list has the first {len(tally.ids):,}, and {more:,} more are counted."
            )
    return " ".join(told)


def export_command(before: Path, after: Path) -> str:
    """Return the command line that writes all differences to a file, quoted for this system's shell."""
    words = ["prismq-gui", "compare", str(before), str(after), "--ndjson"]
    if os.name == "nt":
        return f"{subprocess.list2cmdline(words)} > differences.ndjson"
    import shlex  # noqa: PLC0415 - of no use on Windows

    return f"{shlex.join(words)} > differences.ndjson"
