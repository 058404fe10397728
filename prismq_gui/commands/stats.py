"""The verb ``stats``: the figures of :mod:`prismq_gui.queue.metrics` for the eye and for scripts."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, count, database_path, file_argument, span
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import duration_text
from prismq_gui.queue import metrics
from prismq_gui.queue.timestamps import now_utc

_DEADLINE_S = 30.0  # for one statement: only a file without its indexes needs more than milliseconds


@dataclass(frozen=True, slots=True)
class _Stats:
    """All figures of one look."""

    facts: FileFacts
    at_utc: datetime
    depth: metrics.Depth
    oldest: metrics.OldestWaiting | None
    sample: metrics.FinishedSample
    throughput: metrics.Throughput
    workers: metrics.Workers


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    parser.add_argument("--window", type=span, default=timedelta(hours=1), metavar="SPAN", help="for the rates; 1h")
    parser.add_argument(
        "--sample", type=count, default=metrics.SAMPLE, metavar="N",
        help=f"rates and times are of the newest N finished tasks by id; default {metrics.SAMPLE:,}",
    )  # fmt: skip

    parser.add_argument(
        "--overview", action="store_true",
        help="the verdict with its reasons, what clears when, and times by type, instead of all figures",
    )  # fmt: skip
    judged = parser.add_argument_group("with --overview")
    judged.add_argument(
        "--threshold", action="append", default=[], metavar="NAME=VALUE",
        help="judge by this one, such as silent-after=5min, error-rate=20%% or wal=1GiB; may be repeated",
    )  # fmt: skip
    judged.add_argument(
        "--thresholds", type=file_argument, metavar="FILE",
        help="judge by those in a JSON file, {\"dead_letters\": 5, …}; default: as they are set in the window",
    )  # fmt: skip
    judged.add_argument(
        "--settings", type=file_argument, metavar="DIR", help="take the window's settings from here (its --data-dir)"
    )


def _stats(options: argparse.Namespace) -> int:
    if options.overview:
        from prismq_gui.commands.overview import show_overview, thresholds_of  # noqa: PLC0415 - only when asked for

        path = database_path(options)
        thresholds = thresholds_of(path, options.settings, options.thresholds, options.threshold)
        return show_overview(path, thresholds, as_json=options.json)
    if options.threshold or options.thresholds or options.settings:
        raise UsageError("--threshold, --thresholds and --settings say how to judge: add --overview")
    path = database_path(options)
    with closing(QueueReader(path)) as reader:
        facts = reader.open()
    with closing(ReadConnection(path, _DEADLINE_S)) as source:
        source.open()
        now = now_utc()
        sample = metrics.finished_sample(source, options.sample)
        found = _Stats(
            facts, now, metrics.depth(source), metrics.oldest_waiting(source, now), sample,
            metrics.throughput(sample, options.window, now), metrics.workers(source, now),
        )  # fmt: skip
    if options.json:
        say(json_line(_as_object(found, options.window)))
    else:
        _print(found)
    return Exit.OK


def _as_object(found: _Stats, window: timedelta) -> dict[str, Any]:
    rates = fields_of(found.throughput)
    rates["completed_per_hour"] = found.throughput.completed_per_hour
    rates["failed_per_hour"] = found.throughput.failed_per_hour
    return {
        "path": found.facts.path, "size_bytes": found.facts.size_bytes, "wal_bytes": found.facts.wal_bytes,
        "at_utc": found.at_utc, "window_s": window.total_seconds(),
        "depth": {
            "total": found.depth.total(), "complete": found.depth.complete, "by_status": found.depth.by_status(),
            "by_type": [fields_of(entry) for entry in found.depth.entries],
        },
        "oldest_waiting": None if found.oldest is None else fields_of(found.oldest),
        "sample": {"tasks": len(found.sample.tasks), "cut": found.sample.cut},
        "throughput": rates, "success_rate": metrics.success_rate(found.sample),
        "retries": fields_of(metrics.retries(found.sample)),
        "waiting": _times(metrics.waiting_times(found.sample)),
        "running": _times(metrics.running_times(found.sample)),
        "types": {
            kind: {
                "waiting": _times(metrics.waiting_times(found.sample, kind)),
                "running": _times(metrics.running_times(found.sample, kind)),
            }
            for kind in _types(found.sample)
        },
        "workers": {
            "active": found.workers.active, "silent": found.workers.silent, "complete": found.workers.complete,
            "all": [fields_of(worker) for worker in found.workers.workers],
        },
    }  # fmt: skip


def _times(found: metrics.Percentiles | None) -> dict[str, Any] | None:
    return None if found is None else fields_of(found)


def _types(sample: metrics.FinishedSample) -> list[str]:
    return sorted({task.type for task in sample.tasks})


def _print(found: _Stats) -> None:
    least = "at least " if found.throughput.at_least else ""
    say(f"{found.depth.total():,} tasks{'' if found.depth.complete else ' in the first 1,000 kinds'}")
    statuses = sorted(found.depth.by_status().items(), key=lambda item: -item[1])
    for status, number in statuses:
        say(f"  {number:>11,}  {cell(status) or '(no status)'}")
    if found.oldest is None:
        say("No task is due.")
    else:
        waits = duration_text(timedelta(seconds=found.oldest.waiting_s))
        surely = "" if found.oldest.complete else " (not all could be compared)"
        say(f"Oldest waiting: #{found.oldest.task_id}, due for {waits}{surely}.")
    over = duration_text(timedelta(seconds=found.throughput.covered_s))
    rates = found.throughput
    say(
        f"Last {over}: {least}{rates.completed:,} completed ({rates.completed_per_hour:,.0f}/h), "
        f"{rates.failed:,} failed ({rates.failed_per_hour:,.0f}/h), {rates.cancelled:,} cancelled."
    )
    _print_sample(found.sample)
    say(f"Workers: {found.workers.active} active, {found.workers.silent} silent.")
    for worker in found.workers.workers:
        if worker.silent and worker.held:
            note(f"warning: {worker.worker_id} is silent and holds {worker.held:,} tasks")


def _print_sample(sample: metrics.FinishedSample) -> None:
    rate, tried = metrics.success_rate(sample), metrics.retries(sample)
    if rate is None:
        say("No task has completed or failed yet.")
        return
    which = f"the newest {len(sample.tasks):,}" if sample.cut else f"all {len(sample.tasks):,}"
    say(f"Of {which} finished: {rate:.1%} succeeded, {tried.retried:,} were retried.\n")
    rows = [_row("all", sample, None)] + [_row(cell(kind), sample, kind) for kind in _types(sample)[:50]]
    titles = ("seconds", "waiting p50", "p95", "p99", "running p50", "p95", "p99")
    print_table(titles, rows, right=range(1, 7))
    say()


def _row(title: str, sample: metrics.FinishedSample, kind: str | None) -> tuple[str, ...]:
    cells = [title[:40]]
    for times in (metrics.waiting_times(sample, kind), metrics.running_times(sample, kind)):
        values = (None,) * 3 if times is None else (times.p50_s, times.p95_s, times.p99_s)
        cells += ["–" if value is None else f"{value:,.2f}" for value in values]
    return tuple(cells)


COMMANDS: Final = {
    "stats": Command(
        "Show the queue's figures: depth, oldest waiting, rates within a window, success, retries, percentiles of\n"
        "waiting and running, workers. At 1 M tasks it reads for 0.3 s, in statements of milliseconds.\n"
        "--json prints one object; times are in seconds, an unknown figure is null. --overview says in a sentence\n"
        "what is wrong, and why; the exit code stays 0 (the doctor's tells).",
        _arguments, _stats,
    )
}  # fmt: skip
