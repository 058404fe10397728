"""Run the demo: make the queue, start the crew, show the window, and clear everything away.

Owns the demo's folder. Imports Qt only when the window opens.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prismq_gui.demo.crew import Crew
from prismq_gui.demo.orders import REGIONS
from prismq_gui.demo.summary import summarise
from prismq_gui.queue import QueueDatabase

if TYPE_CHECKING:
    from prismq_gui.demo.observer import Seen

HANDLERS: Final = "prismq_gui.demo.handlers:registry"
LEASE_S: Final = 15
REMOVE_TRIES: Final = 20
REMOVE_WAIT_S: Final = 0.1  # a virus scanner holds files for some tens of ms on Windows


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for; ``seconds`` None lets the person close the window."""

    seconds: float | None = None
    screenshot: Path | None = None
    summary: Path | None = None
    workers: int = 4
    keep: bool = False


@dataclass(slots=True)
class Demo:
    """A running demo: its folder, its queue file and its processes."""

    folder: Path
    database: Path
    crew: Crew = field(repr=False)


@contextmanager
def running_demo(workers: int, *, keep: bool = False) -> Iterator[Demo]:
    """Start a demo without a window; on leaving its processes have ended and its folder is gone (unless kept)."""
    folder = Path(tempfile.mkdtemp(prefix="PrismQ demo "))
    database = folder / "queue.db"
    crew = Crew(folder)
    try:
        with closing(QueueDatabase(database)) as queue:
            queue.initialize_schema()
        for number in range(workers):
            region = REGIONS[number % len(REGIONS)]
            crew.start(
                f"{region}-{number + 1}",
                ["worker", "--db", str(database), "--handlers", HANDLERS, "--id", f"{region}-{number + 1}",
                 "--capabilities", json.dumps({"region": region}), "--lease", str(LEASE_S), "--until-stdin-closes"],
            )  # fmt: skip
        crew.start("producer", ["demo-producer", str(folder)])
        yield Demo(folder, database, crew)
    finally:
        crew.end()
        if not keep:
            _remove(folder)


def run_demo(options: DemoOptions) -> int:
    """Show the demo until the window closes. Returns the exit code: 1 where a process of it failed."""
    from prismq_gui.app import run_window
    from prismq_gui.demo.observer import Observer

    observer = Observer(options.seconds, options.screenshot)
    with observer.ended_by_signals(), running_demo(options.workers, keep=options.keep) as demo:
        if options.keep:
            print(f"The demo's folder: {demo.folder}", flush=True)
        # Settings of its own: the demo's file is gone afterwards and must not stand among the recent ones.
        code = run_window(demo.database, data_dir=demo.folder / "settings", on_shown=observer.watch)
        wrong = demo.crew.failures()
        if options.summary is not None:
            _write_summary(options.summary, demo, observer.seen, wrong)
    for line in wrong:
        print(f"prismq-gui demo: {line}", file=sys.stderr, flush=True)
    return code or (1 if wrong else 0)


def _write_summary(path: Path, demo: Demo, seen: Seen | None, wrong: list[str]) -> None:
    text = summarise(demo.database, seen, wrong)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _remove(folder: Path) -> None:
    """Remove the folder; what another program holds on Windows is tried again, then left in the temporary folder."""
    for _ in range(REMOVE_TRIES):
        with suppress(OSError):
            shutil.rmtree(folder)
        if not folder.exists():
            return
        time.sleep(REMOVE_WAIT_S)  # Windows tells nobody when a file is let go
    print(f"prismq-gui demo: this folder could not be removed: {folder}", file=sys.stderr, flush=True)
