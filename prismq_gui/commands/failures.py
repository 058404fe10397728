"""The verb ``failures``: failed and dead tasks by cause, and what those of one cause share. It reads alone."""

from __future__ import annotations

import argparse
import math
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, count, database_path, span
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say, visible_block, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.failure_messages import FailureGroup, Failures, Share
from prismq_gui.insight.failures import BUCKETS, WINDOW, FailureReader
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.shared_traits import SharedTrait, SharedTraits, shared_traits
from prismq_gui.insight.states import duration_text

_TITLES: Final = ("#", "key", "tasks", "trend", "last seen (UTC)", "types", "workers", "cause")
_SHARED_TITLES: Final = ("trait", "failed", "passed", "times as often", "surely apart")
_NAMES_SHOWN = 2
_LEAST_LIFT = 10  # from here on a ratio is told without a fraction


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    parser.add_argument(
        "--shared", metavar="GROUP", help="what the tasks of a group share: its number or key in the list, or its cause"
    )
    parser.add_argument("--window", type=span, default=WINDOW, metavar="SPAN", help="for the trend; default 24h")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="at most N groups; 0 is all; default 50")
    parser.add_argument("--ids", metavar="GROUP", help="print the ids of a group's tasks alone, the newest first")


def _failures(options: argparse.Namespace) -> int:
    path = database_path(options)
    with closing(FailureReader(path, window=options.window, buckets=BUCKETS)) as reader, stoppable() as should_stop:
        reader.open()
        with bar("failures") as show:
            done = reader.refresh(should_stop=should_stop, on_progress=lambda p: show(p.done, p.total))
        found = reader.snapshot()
        if not done:
            raise ProblemError(_stopped(path))
        wanted = options.ids or options.shared
        if wanted:
            group = found.find(wanted)
            if group is None:
                note(f"No group has the number, key or cause {wanted}.")
                return Exit.NOTHING
            if options.ids:
                return _print_ids(reader, group, as_json=options.json)
            with bar("compare") as show:
                shared = shared_traits(
                    reader, group, should_stop=should_stop, on_progress=lambda p: show(p.done, p.total)
                )
            if not shared.complete:
                raise ProblemError(_stopped(path))
            return _tell_shared(group, shared, as_json=options.json)
    return _tell_groups(found, options.limit, as_json=options.json)


def _stopped(path: Path) -> Problem:
    return Problem(ProblemKind.INTERRUPTED, "The reading was stopped", str(path), "Nothing was changed.", "")


def _print_ids(reader: FailureReader, group: FailureGroup, *, as_json: bool) -> int:
    ids = reader.ids_of(group)
    if as_json:
        say(json_line({"key": group.key, "ids": list(ids)}))
    else:
        for each in ids:
            say(str(each))
    return Exit.OK


def _tell_groups(found: Failures, limit: int, *, as_json: bool) -> int:
    groups = found.groups[: limit or None]
    if as_json:
        say(
            json_line(
                {
                    "total": found.total, "at_utc": found.at_utc, "window_s": found.window.total_seconds(),
                    "rules_version": found.rules_version, "groups_in_all": len(found.groups), "notes": found.notes,
                    "groups": [_group(group) for group in groups],
                }
            )
        )  # fmt: skip
    else:
        print_table(_TITLES, [_cells(number, group) for number, group in enumerate(groups, 1)], right=(0, 2))
        for text in found.notes:
            note(text)
    if not found.groups:
        if not as_json:
            note("No task has failed.")
        return Exit.NOTHING
    if not as_json:
        say(f"{found.total:,} tasks in {len(found.groups):,} groups; trend over {duration_text(found.window)}.")
        if len(groups) < len(found.groups):
            note(f"The first {len(groups):,}; --limit 0 shows all.")
    return Exit.OK


def _group(group: FailureGroup) -> dict[str, Any]:
    fields = fields_of(group)
    for name in ("statuses", "types", "workers"):
        fields[name] = {share.name: share.count for share in fields[name]}
    return fields


def _cells(number: int, group: FailureGroup) -> tuple[str, ...]:
    seen = "–" if group.last_seen is None else group.last_seen.isoformat(sep=" ", timespec="seconds")
    workers = _names(group.workers)
    if group.workers_known < group.count:
        workers = f"{workers} (of {group.workers_known:,})" if group.workers_known else "–"
    return (
        str(number), group.key, f"{group.count:,}", group.trend.value, seen, _names(group.types), workers,
        visible_line(group.signature),
    )  # fmt: skip


def _names(shares: tuple[Share, ...]) -> str:
    shown = [f"{cell(share.name)[:30]} {share.count:,}" for share in shares[:_NAMES_SHOWN]]
    return ", ".join(shown) + (f", +{len(shares) - _NAMES_SHOWN}" if len(shares) > _NAMES_SHOWN else "")


def _tell_shared(group: FailureGroup, shared: SharedTraits, *, as_json: bool) -> int:
    if as_json:
        fields = fields_of(shared) | {"key": group.key, "traits": [_trait(each) for each in shared.traits]}
        say(json_line(fields))
    else:
        say(f"{visible_line(group.signature)}  ({group.count:,} tasks)")
        say(visible_block(group.sample_text[:2_000]))
        say()
        print_table(_SHARED_TITLES, [_shared_cells(each) for each in shared.traits], right=(1, 2, 3, 4))
        if not shared.traits:
            say("Nothing jumps out: what they share, passed tasks share as well, or chance explains it.")
        say(
            f"Compared {shared.failed_sample:,} failed with {shared.passed_sample:,} passed tasks of the same types; "
            f"{shared.tested:,} traits tested."
        )
        for text in shared.notes:
            note(text)
    return Exit.OK if shared.traits else Exit.NOTHING


def _trait(shared: SharedTrait) -> dict[str, Any]:
    fields = fields_of(shared)
    fields["lift"] = shared.lift if math.isfinite(shared.lift) else None
    return fields | {
        "trait": _trait_fields(shared), "also": [{"name": each.name, "value": each.value} for each in shared.also],
        "sure_difference": shared.sure_difference,
    }  # fmt: skip


def _trait_fields(shared: SharedTrait) -> dict[str, str]:
    trait = shared.trait
    return {"family": trait.family.value, "name": trait.name, "value": trait.value}


def _shared_cells(shared: SharedTrait) -> tuple[str, ...]:
    label = f"{visible_line(shared.trait.name)} = {visible_line(shared.trait.value)}"
    if not shared.is_excess:
        label = f"seldom: {label}"
    if shared.by_nature:
        label = f"{label} (a result of failing)"
    lift = "none passed" if math.isinf(shared.lift) else f"{shared.lift:,.{0 if shared.lift >= _LEAST_LIFT else 1}f} ×"
    return (
        label, f"{shared.failed:,} of {shared.failed_of:,}", f"{shared.passed:,} of {shared.passed_of:,}", lift,
        f"{shared.sure_difference:.0%}",
    )  # fmt: skip


COMMANDS: Final = {
    "failures": Command(
        "Show failed and dead tasks by cause: the error text without numbers, ids, paths, addresses and quoted parts.\n"
        "With --shared what the tasks of one group have in common that passed tasks of the same types have not.\n"
        "--json prints one object. Nothing is changed.",
        _arguments, _failures,
    )
}  # fmt: skip
