"""The demo's processes: workers and the producer, started and surely ended.

Owns the processes. Each child reads its stdin, a pipe from here, and stops when it ends: so it ends by itself even
when this process is killed, on Windows too, where no signal tells a child that its parent is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import prismq_gui

GRACE_S: Final = 3.0


def program_command() -> list[str]:
    """Return the command that starts this program again: frozen, or by the same Python."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "prismq_gui"]


def child_environment() -> dict[str, str]:
    """Return an environment in which a child finds the package, wherever it is started from."""
    environment = dict(os.environ)
    home = Path(prismq_gui.__file__).resolve().parents[1]
    if home.name not in ("site-packages", "dist-packages"):
        others = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(home), *others]))
    return environment


class Crew:
    """Processes that end together. Used by the thread that made it."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start the program with these arguments; what it prints goes to ``<name>.log`` in the log folder."""
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        with (self._log_folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(  # noqa: S603 - our own program
                [*program_command(), *arguments], stdin=subprocess.PIPE, stdout=log, stderr=log,
                env=child_environment(), creationflags=flags, start_new_session=sys.platform != "win32",
            )  # fmt: skip

    def pids(self) -> dict[str, int]:
        """Return the process ids by name."""
        return {name: child.pid for name, child in self._children.items()}

    def failures(self) -> list[str]:
        """Return what is wrong with children that ended by themselves: name, exit code, last line of the log."""
        wrong = []
        for name, child in self._children.items():
            code = child.poll()
            if code is not None:
                lines = (self._log_folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").split("\n")
                last = next((line for line in reversed(lines) if line.strip()), "it printed nothing")
                wrong.append(f"{name} ended with {code}: {last.strip()[:200]}")
        return wrong

    def end(self) -> None:
        """End all: stdin closes, then they are asked, then killed. Takes at most three times the grace; idempotent."""
        children = list(self._children.values())
        for child in children:
            if child.stdin is not None:
                with suppress(OSError):  # it is gone already
                    child.stdin.close()
        for ask in (subprocess.Popen.poll, subprocess.Popen.terminate, subprocess.Popen.kill):
            waiting = [child for child in children if child.poll() is None]
            for child in waiting:
                with suppress(OSError):
                    ask(child)
            deadline = time.monotonic() + GRACE_S
            for child in waiting:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=max(0.01, deadline - time.monotonic()))
        self._children.clear()
