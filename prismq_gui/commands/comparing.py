"""The verb ``compare``: what differs between two queue files, such as a queue and its backup."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any, Final

from prismq_gui.commands.arguments import count, file_argument, task_id
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import json_line, note, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.compare import Comparison, Difference, FileComparison, IdTally
from prismq_gui.insight.messages import TextPreview


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=file_argument, metavar="OLD", help="the older queue file")
    parser.add_argument("after", type=file_argument, metavar="NEW", help="the newer one")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="ids told of each kind; 0 is all")
    parser.add_argument("--task", type=task_id, metavar="ID", help="tell how this one task differs, and nothing else")


def _compare(options: argparse.Namespace) -> int:
    with closing(FileComparison(options.before, options.after)) as files:
        files.open()
        if options.task is not None:
            return _tell_pair(files.pair(options.task), options)
        with bar("compare") as show, stoppable() as should_stop:
            found = files.run(lambda at: show(at.done, 1.0, at.text), should_stop)
    if options.json:
        say(json_line(_object(found, options.limit)))
    else:
        _print(found, options.limit)
    if found.stopped:
        return Exit.INTERRUPTED
    return Exit.NOTHING if found.is_same else Exit.OK


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
        "--json prints one object; with --task one object {task_id, columns}.",
        _arguments, _compare,
    )
}  # fmt: skip
