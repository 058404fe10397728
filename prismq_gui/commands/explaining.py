"""The verbs ``explain`` and ``next``: why a task is not running, and what a worker would take. They read alone."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, count, database_path, names, task_id
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.commands.silence import add_silence, hearing_of
from prismq_gui.insight.explain import COUNTED_AT_ONCE, explain, line_of, with_lines
from prismq_gui.insight.explain_words import percent
from prismq_gui.insight.explanations import Explanation, NextTasks, Offer, Upcoming
from prismq_gui.insight.matching import offer_of
from prismq_gui.insight.messages import TaskRow
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.upcoming import LIMIT, next_tasks
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.timestamps import now_utc

_TITLES = ("place", "id", "type", "priority", "due (UTC)", "chance", "")


def _add_worker(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    parser.add_argument("--worker", metavar="ID", help="from the sight of this registered worker")
    parser.add_argument("--capabilities", metavar="JSON", help="from the sight of a worker that offers this object")
    parser.add_argument(
        "--types", action="append", default=[], metavar="NAME[,NAME…]", help="the types it takes; default: all"
    )


def _offer(options: argparse.Namespace, reader: QueueReader, *, any_of_types: bool = False) -> Offer | None:
    """Return the worker the arguments name, None where they name none; types alone only where that is allowed.

    Raises:
        UsageError: The capabilities are no JSON object, or two workers are named.
        ProblemError: No such worker is registered.
    """
    types = names(options.types)
    if options.worker is not None and options.capabilities is not None:
        raise UsageError("--worker and --capabilities are two workers; name one")
    if options.worker is not None:
        return offer_of(reader, options.worker, types)
    if options.capabilities is not None:
        return Offer(_capabilities(options.capabilities), types)
    if types and not any_of_types:
        raise UsageError("--types are those of a worker: name it by --worker ID or --capabilities JSON")
    return None


def _capabilities(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError('--capabilities must be a JSON object, such as \'{"region": "eu"}\'')
    return value


# -- explain


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=task_id, metavar="ID", help="the task's id")
    _add_worker(parser)
    add_silence(parser)
    parser.add_argument(
        "--quick", action="store_true", help=f"count a place only among the first {COUNTED_AT_ONCE:,} or so"
    )


def _explain(options: argparse.Namespace) -> int:
    now, path = now_utc(), database_path(options)
    hearing = hearing_of(options, path)
    with closing(QueueReader(path)) as reader:
        reader.open()
        offer = _offer(options, reader)
        found = explain(reader, options.id, now, offer=offer, hearing=hearing)
        if found is None:
            if not options.json:
                note(f"There is no task {options.id}.")
            return Exit.NOTHING
        unsure = [line.strategy for line in found.lines if not line.counted]
        if unsure and not options.quick:
            found = _counted(reader, found, unsure)
    if options.json:
        say(json_line(_as_object(found)))
    else:
        say(f"Task {found.task_id}: {visible_line(found.sentence)}")
        for detail in found.details:
            say(f"  {visible_line(detail)}")
    return Exit.OK


def _counted(reader: QueueReader, found: Explanation, unsure: list[Strategy]) -> Explanation:
    """Count on to the end, with a bar; the first Ctrl-C ends the counting and keeps what is known."""
    lines = {line.strategy: line for line in found.lines}
    now = now_utc()
    with bar("count") as show, stoppable() as should_stop:
        for strategy in unsure:
            for line in line_of(reader, found.task_id, strategy, now, found.offer):
                lines[strategy] = line
                show(line.looked_at, 0, f"{line.ahead:,} ahead")
                if should_stop():
                    break
            if should_stop():
                break
    return with_lines(found, tuple(lines.values()), now)


def _as_object(found: Explanation) -> dict[str, Any]:
    value = fields_of(found)
    value["due"] = None if found.due is None else fields_of(found.due)
    value["workers"] = [fields_of(worker) for worker in found.workers]
    value["lines"] = [fields_of(line) | {"place": line.place} for line in found.lines]
    value["first"] = [fields_of(each) for each in found.first]
    value["offer"] = None if found.offer is None else fields_of(found.offer)
    return value


# -- next


def _next_arguments(parser: argparse.ArgumentParser) -> None:
    _add_worker(parser)
    strategies = [each.value for each in Strategy]
    parser.add_argument("--strategy", choices=strategies, default="priority", help="the order; default priority")
    parser.add_argument("--limit", type=count, default=LIMIT, metavar="N", help=f"default {LIMIT}")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="of the draw of weighted_random; default 0")


def _next(options: argparse.Namespace) -> int:
    with closing(QueueReader(database_path(options))) as reader:
        reader.open()
        offer = _offer(options, reader, any_of_types=True)
        with bar("look") as show, stoppable() as should_stop:
            found = next_tasks(
                reader, offer, Strategy(options.strategy), limit=max(1, options.limit), seed=options.seed,
                types=() if offer else names(options.types),
                should_stop=should_stop, on_progress=lambda looked_at: show(looked_at, 0),
            )  # fmt: skip
        rows = reader.task_rows([each.task_id for each in found.tasks])
    if options.json:
        for place, each in enumerate(found.tasks, 1):
            row = rows.get(each.task_id)
            say(json_line({"place": place, **fields_of(each), "type": None if row is None else row.type}))
    else:
        print_table(_TITLES, [_cells(place, each, rows) for place, each in enumerate(found.tasks, 1)], right=(0, 1, 3))
        _tell(found, offer, options.seed)
    if not found.complete:
        return Exit.INTERRUPTED
    return Exit.OK if found.tasks else Exit.NOTHING


def _cells(place: int, each: Upcoming, rows: dict[int, TaskRow]) -> tuple[str, ...]:
    row = rows.get(each.task_id)
    due = "–" if each.due_utc is None else each.due_utc.isoformat(sep=" ", timespec="seconds")
    chance = "" if each.chance is None else percent(each.chance)
    remark = "dead letter: its attempts are used up" if each.buried else "given back first" if each.given_back else ""
    return (
        str(place),
        str(each.task_id),
        "–" if row is None else cell(row.type),
        cell(each.priority),
        due,
        chance,
        remark,
    )


def _tell(found: NextTasks, offer: Offer | None, seed: int) -> None:
    if not found.complete:
        note("Stopped: there may be more.")
    if not found.tasks:
        note("Nothing is due that this worker would take." if offer is not None else "Nothing is due.")
    elif found.drawn:
        note(f"One draw of many, with the seed {seed}; the chance is that of being drawn first.")


COMMANDS: Final = {
    "explain": Command(
        "Say why a task is not running: not due, in line, no worker that matches, held, a lease that is over,\n"
        "attempts used up, finished, or a cell that cannot be read; its place in line under each strategy; and which\n"
        "workers match. With --worker from the sight of one that is registered. --json prints one object.",
        _explain_arguments, _explain,
    ),
    "next": Command(
        "Show what a worker would take next, in order, without taking it; without a worker all that is due. By\n"
        "weighted_random it is one draw at a seed, and each task's chance of being the first.\n"
        "--json prints one object a task and line.",
        _next_arguments, _next,
    ),
}  # fmt: skip
