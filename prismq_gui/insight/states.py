"""The state of a task or a worker in words; pure functions, no file and no SQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from prismq_gui.insight.messages import Cell, TaskRow, WorkerRow

RUNNING = ("leased", "processing")
SILENT_AFTER_S = 120.0
_ERROR_CHARACTERS = 160
