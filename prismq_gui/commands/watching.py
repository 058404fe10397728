"""The verb ``workers``: who is alive, what each holds and can, and how much it ended."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, database_path
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say
from prismq_gui.commands.silence import add_silence, hearing_of
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.worker_facts import AllWorkers, Holding, WorkerFacts, read_worker_facts
from prismq_gui.queue.timestamps import now_utc

_TITLES = ("worker", "state", "heard of", "holds", "done/h", "failed/h", "can")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    add_silence(parser)


def _workers(options: argparse.Namespace) -> int:
    now, path = now_utc(), database_path(options)
    hearing = hearing_of(options, path)
    with closing(QueueReader(path)) as reader:
        reader.open()
        found = reader.ask(lambda connection, layout: read_worker_facts(connection, layout, now))
    if options.json:
        workers = [_object(worker, now, hearing) for worker in found.workers]
        say(json_line({"workers": workers, "unassigned": found.unassigned, "notes": found.notes, "at_utc": now}))
    else:
        _print(found, now, hearing)
    return Exit.OK if found.workers else Exit.NOTHING


def _object(worker: WorkerFacts, now: datetime, hearing: Hearing) -> dict[str, Any]:
    rates = fields_of(worker.rates)
    rates |= {"done_per_hour": worker.rates.done_per_hour, "failed_per_hour": worker.rates.failed_per_hour}
    return fields_of(worker) | {
        "state": worker.state(now, hearing), "heartbeat_age_s": worker.heartbeat_age_s(now),
        "capabilities": {each.name: each.value for each in worker.capabilities},
        "holdings": [
            fields_of(each) | {"held_s": each.held_s(now), "lease_over": each.is_lease_over(now)}
            for each in worker.holdings
        ],
        "rates": rates,
    }  # fmt: skip


def _print(found: AllWorkers, now: datetime, hearing: Hearing) -> None:
    if not found.workers:
        note("No worker is known.")
        return
    print_table(_TITLES, [_row(worker, now, hearing) for worker in found.workers], right=(3, 4, 5))
    for worker in found.workers:
        if worker.held:
            say(f"\n{cell(worker.worker_id)} holds:")
        for holding in worker.holdings:
            say(f"  #{holding.task_id}  {cell(holding.type)}  {_held(holding, now)}")
        if worker.held > len(worker.holdings):
            say(f"  and {worker.held - len(worker.holdings):,} more")
    for text in found.notes:
        note(text)
    if found.unassigned:
        note(f"{found.unassigned:,} runs of the last hour name no worker.")


def _row(worker: WorkerFacts, now: datetime, hearing: Hearing) -> tuple[str, ...]:
    age_s = worker.heartbeat_age_s(now)
    heard = "never" if worker.raw_heartbeat is None else f"at {cell(worker.raw_heartbeat)}"
    if age_s is not None:
        heard = "in the future" if worker.is_ahead(now) else f"{_span(age_s)} ago"
    can = ", ".join(f"{each.name}={each.value}" for each in worker.capabilities) or worker.capabilities_problem
    rates = (worker.rates.done_per_hour, worker.rates.failed_per_hour)
    figures = ["–" if rate is None else f"{rate:,.0f}" for rate in rates]
    return cell(worker.worker_id), worker.state(now, hearing), heard, f"{worker.held:,}", *figures, cell(can)


def _held(holding: Holding, now: datetime) -> str:
    held_s = holding.held_s(now)
    since = "since when is not known" if held_s is None else f"for {_span(held_s)}"
    if holding.lease_until is None:
        return f"{since}, without a readable lease"
    if holding.is_lease_over(now):
        return f"{since}, its lease expired {_span((now - holding.lease_until).total_seconds())} ago"
    return f"{since}, its lease lasts {_span((holding.lease_until - now).total_seconds())} more"


def _span(seconds: float) -> str:
    return duration_text(timedelta(seconds=seconds))


COMMANDS: Final = {
    "workers": Command(
        "Show the workers: state, last heartbeat, what each holds and since when, what it can, tasks done and\n"
        "attempts failed an hour (of the last hour, as far as the log tells). Nothing is changed.\n"
        "--json prints one object {workers, unassigned, notes}.",
        _arguments, _workers,
    )
}  # fmt: skip
