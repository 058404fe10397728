"""The verb ``compare``: what differs between two queue files, such as a queue and its backup."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from prismq_gui.commands.arguments import count, file_argument, task_id
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import json_line, note, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.compare import Comparison, Difference, FileComparison, IdTally, is_same_moment
from prismq_gui.insight.compare_records import DifferenceKind, PairRow
from prismq_gui.insight.messages import TextPreview

EXPORT_CHARACTERS = 65_536  # of a value in a line of the export
_ROWS_A_READ = 64  # 4 MiB of each file, were every payload that long


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=file_argument, metavar="OLD", help="the older queue file")
    parser.add_argument("after", type=file_argument, metavar="NEW", help="the newer one")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="ids told of each kind; 0 is all")
    parser.add_argument("--task", type=task_id, metavar="ID", help="tell how this one task differs, and nothing else")
    parser.add_argument(
        "--ndjson", action="store_true", help="print each difference as a line of JSON, with old and new values"
    )


def _compare(options: argparse.Namespace) -> int:
    with closing(FileComparison(options.before, options.after)) as files:
        files.open()
        if options.task is not None:
            return _tell_pair(files.pair(options.task), options)
        with bar("compare") as show, stoppable() as should_stop:
            found = files.run(lambda at: show(at.done, 1.0, at.text), should_stop)
            if options.ndjson:
                return _export(files, found, should_stop)
    if options.json:
        say(json_line(_object(found, options.limit)))
    else:
        _print(found, options.limit)
    return _code(found)


def _code(found: Comparison) -> int:
    if found.stopped:
        return Exit.INTERRUPTED
    return Exit.NOTHING if found.is_same else Exit.OK


def _export(files: FileComparison, found: Comparison, should_stop: Callable[[], bool]) -> int:
    """Print each difference as a line, in groups that are read when they are printed."""
    for kind in DifferenceKind:
        tally = found.ids_of(kind)[0]
        for start in range(0, len(tally.ids), _ROWS_A_READ):
            if should_stop():
                return Exit.INTERRUPTED
            places = range(start, min(start + _ROWS_A_READ, len(tally.ids)))
            for row in files.rows([found.pair_at(kind, place) for place in places], EXPORT_CHARACTERS):
                say(json_line(_line_of(row, found.fields)))
        if tally.is_cut:
            note(f"{kind.value}: {tally.count - len(tally.ids):,} more are counted, but not told.")
    for text in found.notes:
        note(text)
    return _code(found)


def _line_of(row: PairRow, fields: tuple[str, ...]) -> dict[str, Any]:
    old, new = row.before, row.after
    told = range(len(fields)) if old is None or new is None else row.differing
    columns = []
    for place in told:
        values = [None if cells is None else cells[place] for cells in (old, new)]
        texts = [each if isinstance(each, str) else "" for each in values]
        columns.append(
            {
                "column": fields[place], "before": values[0], "after": values[1],
                "form_only": is_same_moment(fields[place], *texts),
                "cut": any(len(each) >= EXPORT_CHARACTERS for each in values if isinstance(each, (str, bytes))),
            }
        )  # fmt: skip
    pair = row.pair
    return {
        "kind": pair.kind, "before_id": None if old is None else pair.before_id,
        "after_id": None if new is None else pair.after_id, "columns": columns,
    }  # fmt: skip


def _tell_pair(pair: tuple[Difference, ...], options: argparse.Namespace) -> int:
    if options.json:
        columns = [
            {
                "column": each.column, "before": _value(each.before), "after": _value(each.after),
                "form_only": each.form_only, "cut": each.before.truncated or each.after.truncated,
            }
            for each in pair
        ]  # fmt: skip
        say(json_line({"task_id": options.task, "columns": columns}))
    elif not pair:
        note(f"Task {options.task} is the same in both files, or in neither.")
    else:
        for each in pair:
            form = "  (the same moment, written in another form)" if each.form_only else ""
            say(f"{each.column}:{form}\n  - {_line(each.before)}\n  + {_line(each.after)}")
    return Exit.OK if pair else Exit.NOTHING


def _value(preview: TextPreview) -> str | None:
    return None if preview.kind == "null" else preview.text


def _line(preview: TextPreview) -> str:
    if preview.kind == "null":
        return "–"
    more = f" … ({preview.size_bytes:,} bytes)" if preview.truncated else ""
    return visible_line(preview.text) + more


def _tallies(found: Comparison) -> list[tuple[str, str, IdTally]]:
    return [
        ("appeared", "only in the newer file", found.appeared), ("vanished", "only in the older file", found.vanished),
        ("changed", "changed", found.changed), ("reused", "other tasks under the same id", found.reused),
        ("unread", "with a value too large to be compared", found.unread),
    ]  # fmt: skip


def _object(found: Comparison, limit: int) -> dict[str, Any]:
    moved = None
    if found.moved_before is not None and found.moved_after is not None:
        pairs = zip(_some(found.moved_before, limit), _some(found.moved_after, limit), strict=True)
        moved = {"count": found.moved_before.count, "ids": [list(pair) for pair in pairs]}
    return {
        "before": found.before, "after": found.after, "same": found.same,
        **{name: {"count": tally.count, "ids": _some(tally, limit)} for name, _, tally in _tallies(found)},
        "columns": {each.column: each.count for each in found.columns},
        "keys": {"appeared": found.keys_appeared, "vanished": found.keys_vanished, "moved": moved},
        "not_compared": found.not_compared, "notes": found.notes, "stopped": found.stopped, "is_same": found.is_same,
        "elapsed_s": round(found.elapsed_s, 3),
    }  # fmt: skip


def _some(tally: IdTally, limit: int) -> list[int]:
    return tally.ids[: limit or None].tolist()


def _print(found: Comparison, limit: int) -> None:
    say(f"{found.same:>11,}  the same")
    for _name, words, tally in _tallies(found):
        if tally.count:
            say(f"{tally.count:>11,}  {words}: {_ids(tally, limit)}")
    for each in found.columns:
        say(f"{'':13}{each.count:,} differ in {each.column}")
    if found.keys_appeared or found.keys_vanished:
        say(f"Keys: {found.keys_appeared:,} only in the newer file, {found.keys_vanished:,} only in the older one.")
    if found.moved_before is not None and found.moved_after is not None and found.moved_before.count:
        pairs = zip(_some(found.moved_before, limit), _some(found.moved_after, limit), strict=True)
        say(f"Keys under another id: {found.moved_before.count:,} ({', '.join(f'#{a} → #{b}' for a, b in pairs)})")
    if found.is_same:
        say("No task differs.")
    for text in found.notes:
        note(text)
    if found.stopped:
        note("Stopped: the rest was not compared.")


def _ids(tally: IdTally, limit: int) -> str:
    shown = _some(tally, limit)
    more = ", …" if tally.count > len(shown) else ""
    return ", ".join(f"#{each}" for each in shown) + more


COMMANDS: Final = {
    "compare": Command(
        "Compare two queue files, such as a queue and its backup: tasks that appeared, vanished or changed, and in\n"
        "which columns; another task under the same id; idempotency keys that are new, gone or under another id. Both\n"
        "are only read, in short statements; a live file may be one of them. The exit code is 4 where none differs.\n"
        "--json prints one object; with --task one object {task_id, columns}; --ndjson a line each difference:\n"
        "{kind, before_id, after_id, columns: [{column, before, after, form_only, cut}]}.",
        _arguments, _compare,
    )
}  # fmt: skip
