"""Progress of long work, and stopping it.

Owns the bar (rich, on stderr, only where that is a terminal) and the first Ctrl-C, which asks the work to stop at the
next safe moment; the second one ends it at once. rich is imported when a bar is first shown: it takes 50 ms.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


class Bar:
    """Shows how far one piece of work is; does nothing where there is no terminal, or no need yet."""

    def __init__(self, title: str, *, shown: bool) -> None:
        self._title = title
        self._shown = shown
        self._rich: RichProgress | None = None
        self._task: Any = None

    def __call__(self, done: float, total: float, text: str = "") -> None:
        """Show so much of a total, 0 where that is not known."""
        if not self._shown:
            return
        if self._rich is None:
            self._start()
        if self._rich is not None:
            self._rich.update(self._task, completed=done, total=total or None, text=text)

    def _start(self) -> None:
        try:
            from rich.console import Console  # noqa: PLC0415 - see above
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        except ImportError:  # without rich there is no bar; the work is the same
            self._shown = False
            return
        console = Console(file=sys.stderr, markup=False, highlight=False, emoji=False)
        plain = TextColumn("{task.description}", markup=False)
        self._rich = Progress(
            plain, BarColumn(), TextColumn("{task.fields[text]}", markup=False), TimeElapsedColumn(),
            console=console, transient=True, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._task = self._rich.add_task(self._title, total=None, text="")
        self._rich.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._rich is not None:
            self._rich.stop()


@contextmanager
def bar(title: str) -> Iterator[Bar]:
    """Give the block a bar."""
    shown = Bar(title, shown=sys.stderr.isatty())
    try:
        yield shown
    finally:
        shown.close()


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Give the block a question whether to stop: yes after the first Ctrl-C or SIGTERM; the second one raises."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop.is_set
        return
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
