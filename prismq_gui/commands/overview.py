"""``stats --overview``: the verdict on a queue and its reasons, as the window's first page has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prismq_gui.commands.command import Exit, UsageError
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say, visible_line
from prismq_gui.insight.overview import Figure, Overview, OverviewReader
from prismq_gui.insight.percentiles import Times, TypeTimes
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.signatures import signature
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.threshold_fields import changed
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.queue.metrics import Percentiles
from prismq_gui.settings import SettingsStore, default_folder

_DEADLINE_S = 30.0  # for one statement: only a file without its indexes needs more than milliseconds
_MOST_TYPES = 50
_LARGEST_FILE = 65_536  # bytes


def show_overview(path: Path, thresholds: Thresholds, *, as_json: bool) -> int:
    """Read the overview of a queue once, and print it.

    Raises:
        ProblemError: The file cannot be read.
    """
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        overview = OverviewReader(reader.connection, reader.layout(), signature=signature, thresholds=thresholds)
        overview.take_facts(facts)
        found = overview.read_all()
    if as_json:
        say(json_line({"path": path, **_as_object(found), "thresholds": thresholds.to_dict()}))
    else:
        _print(found)
    return Exit.OK


def thresholds_of(path: Path, folder: Path | None, file: Path | None, typed: Sequence[str]) -> Thresholds:
    """Return the thresholds to judge a queue by: those of a JSON file, else as the window has them; then what is typed.

    Args:
        path: The queue file, which may have thresholds of its own.
        folder: Of the window's settings; None: the system's usual one.
        file: JSON of some thresholds; those left out have their defaults.
        typed: ``NAME=VALUE`` each.

    Raises:
        UsageError: A name or a value is wrong, or the file cannot be read.
    """
    found = _kept(path, folder) if file is None else _from_file(file)
    pairs = dict(each.partition("=")[::2] for each in typed)
    try:
        return changed(found, pairs)
    except ValueError as error:
        raise UsageError(f"--threshold {error}") from None


def _kept(path: Path, folder: Path | None) -> Thresholds:
    loaded = SettingsStore(folder or default_folder()).load(set_aside=False)
    if loaded.note and folder is not None:
        note(f"warning: {loaded.note}")
    return loaded.settings.thresholds_of(path)


def _from_file(file: Path) -> Thresholds:
    try:
        with file.open("rb") as opened:
            value = json.loads(opened.read(_LARGEST_FILE).decode("utf-8"))
        if not isinstance(value, dict):
            raise UsageError(f"{file} does not hold a JSON object of thresholds")
        return Thresholds.from_dict(value)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} holds no thresholds: {error}") from None


def _as_object(found: Overview) -> dict[str, Any]:
    rates, times, outlook = found.rates.value, found.times.value, found.forecast.value
    oldest = found.oldest.value
    return {
        "at_utc": found.at_utc,
        "verdict": {
            "sentence": found.verdict.sentence, "severity": found.verdict.severity, "well": found.verdict.is_well,
            "unknown": found.verdict.unknown, "reasons": [fields_of(reason) for reason in found.verdict.reasons],
        },
        "waiting": found.waiting.value, "running": found.running.value,
        "oldest_waiting": None if oldest is None or oldest.oldest is None else fields_of(oldest.oldest),
        "completed_per_hour": None if rates is None else rates.completed_per_hour,
        "failed_per_hour": None if rates is None else rates.failed_per_hour,
        "forecast": None if outlook is None else {**fields_of(outlook), "text": outlook.text},
        "leases": None if found.leases.value is None else fields_of(found.leases.value),
        "times": None if times is None else _times_object(times),
    }  # fmt: skip


def _times_object(found: Times) -> dict[str, Any]:
    return {
        **fields_of(found), "all": _type_object(found.all), "types": [_type_object(each) for each in found.types],
    }  # fmt: skip


def _type_object(found: TypeTimes) -> dict[str, Any]:
    return {
        "type": found.type, "tasks": found.tasks,
        "waiting": None if found.waiting is None else fields_of(found.waiting),
        "running": None if found.running is None else fields_of(found.running),
    }  # fmt: skip


def _print(found: Overview) -> None:
    say(f"{visible_line(found.verdict.sentence)}.")
    for reason in found.verdict.reasons:
        say(f"  {reason.severity.value}: {visible_line(reason.sentence)}  [{reason.code.value}]")
        for detail in reason.details:
            if detail != reason.sentence:
                say(f"      {visible_line(detail)}")
    say()
    outlook = found.forecast.value
    say(
        f"{_number(found.waiting)} waiting, {_number(found.running)} running; "
        f"{'not known yet' if outlook is None else outlook.text}."
    )
    say(_oldest(found, found.at_utc))
    rates = found.rates.value
    if rates is not None:
        least = "at least " if rates.at_least else ""
        say(f"{least}{rates.completed_per_hour:,.0f} completed and {rates.failed_per_hour:,.0f} failed an hour.")
    if found.times.value is not None and found.times.value.types:
        _print_times(found.times.value)


def _number(figure: Figure[int]) -> str:
    return "–" if figure.value is None else f"{figure.value:,}"


def _oldest(found: Overview, now: datetime) -> str:
    oldest = found.oldest.value
    if oldest is None:
        return "Oldest waiting: –"
    if oldest.oldest is None:
        return "No task is due."
    due = duration_text(timedelta(seconds=oldest.waiting_s(now)))
    return f"Oldest waiting: #{oldest.oldest.task_id}, due for {due}."


def _print_times(found: Times) -> None:
    which = f"the newest {found.sampled:,}" if found.cut else f"all {found.sampled:,}"
    over = duration_text(timedelta(seconds=found.covered_s))
    say(f"Times of tasks that ended in the last {over}, among {which} finished ones:\n")
    rows = [_row("all", found.all), *(_row(cell(each.type), each) for each in found.types[:_MOST_TYPES])]
    titles = ("seconds", "tasks", "waiting p50", "p95", "p99", "running p50", "p95", "p99")
    print_table(titles, rows, right=range(1, 8))


def _row(title: str, found: TypeTimes) -> tuple[str, ...]:
    return (title[:40], f"{found.tasks:,}", *_three(found.waiting), *_three(found.running))


def _three(found: Percentiles | None) -> tuple[str, str, str]:
    if found is None:
        return ("–", "–", "–")
    return (f"{found.p50_s:,.2f}", f"{found.p95_s:,.2f}", f"{found.p99_s:,.2f}")
