"""Importing modules that will be needed, in a thread of its own, so that the window does not wait for them.

Owns that thread. An import gives Python's lock away every 5 ms; in the window's thread the same would hold it for 80.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Sequence


class Warmer:
    """Imports modules one after another; ``is_done`` once all are. Made and asked in the window's thread."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self.is_done = False
        self._is_over = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, once."""
        if self._thread is None and not self._is_over:
            self._thread = threading.Thread(target=self._run, name="warming")
            self._thread.start()

    def stop(self) -> None:
        """End after the module that is being imported, some tens of milliseconds."""
        self._is_over = True
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        for module in self._modules:
            if self._is_over:
                return
            with contextlib.suppress(ImportError):  # whoever needs it meets it again, where it can be told
                importlib.import_module(module)
        self.is_done = True
