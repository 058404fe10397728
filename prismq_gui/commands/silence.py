"""From when on a worker counts as silent, for the verbs that tell of workers: as in the window, unless told else."""

from __future__ import annotations

import argparse
from pathlib import Path

from prismq_gui.commands.arguments import file_argument, span
from prismq_gui.commands.output import note
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.thresholds import LIMITS, Thresholds


def add_silence(parser: argparse.ArgumentParser) -> None:
    """Add --silent-after and --settings."""
    parser.add_argument(
        "--silent-after", type=silent_after, metavar="SPAN",
        help="a worker counts as silent without a heartbeat for so long (90s, 5m, 2h); default: as set in the window",
    )  # fmt: skip
    parser.add_argument(
        "--settings", type=file_argument, metavar="DIR", help="take the window's settings from here (its --data-dir)"
    )


def silent_after(text: str) -> float:
    """Turn an argument into the seconds after which a worker is silent."""
    seconds = span(text).total_seconds()
    low, high = LIMITS["silent_after_s"]
    if not low <= seconds <= high:
        raise argparse.ArgumentTypeError("a span from 1s to 30d is expected")
    return seconds


def limits_of(options: argparse.Namespace, path: Path) -> Thresholds:
    """Return the thresholds that the window has for a file."""
    from prismq_gui.settings import SettingsStore, default_folder  # noqa: PLC0415 - not where all is told by options

    loaded = SettingsStore(options.settings or default_folder()).load(set_aside=False)
    if loaded.note and options.settings is not None:
        note(f"warning: {loaded.note}")
    return loaded.settings.thresholds_of(path)


def hearing_of(options: argparse.Namespace, path: Path) -> Hearing:
    """Return how silence is judged: by --silent-after, else as the window judges this file."""
    if options.silent_after is not None:
        return Hearing(options.silent_after)
    return Hearing(limits_of(options, path).silent_after_s)
