"""Threads come and go without taking the window's thread with them."""

from __future__ import annotations

import gc

from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import Table


def test_an_engine_that_is_collected_leaves_the_windows_thread_alone(qapp: QApplication) -> None:
    home = QThread.currentThread()
    for _ in range(3):
        engine = Engine(dict.fromkeys(Table, lambda row: row))
        engine.shutdown()
        del engine
        gc.collect()
    assert isValid(home)
    assert QThread.currentThread().isRunning()
