"""THE QUEUE: enqueue, claim, run and retry tasks in one SQLite file. Standard library only.

Programs import from here; the README beside this file is the guide.
"""

from prismq_gui.queue.cancelling import CancelOutcome, CancelResult, request_cancel
from prismq_gui.queue.claiming import ClaimedTask, Claimer
from prismq_gui.queue.client import EnqueueResult, QueueClient
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import (
    LeaseLost,
    PermanentError,
    QueueBusyError,
    QueueDatabaseError,
    QueueSchemaError,
    TaskCancelled,
    TaskTimeout,
)
from prismq_gui.queue.handlers import HandlerRegistry, TaskContext
from prismq_gui.queue.models import Task, TaskLog, Worker
from prismq_gui.queue.retry import RetryPolicy
from prismq_gui.queue.schema import PRAGMAS, SCHEMA_STATEMENTS, default_db_path
from prismq_gui.queue.task_logging import TaskLogHandler
from prismq_gui.queue.transitions import TRANSITIONS, Rule, Status, Transition, legal_sources
from prismq_gui.queue.worker import QueueWorker, install_signal_handlers

__all__ = [
    "PRAGMAS",
    "SCHEMA_STATEMENTS",
    "TRANSITIONS",
    "CancelOutcome",
    "CancelResult",
    "ClaimedTask",
    "Claimer",
    "EnqueueResult",
    "HandlerRegistry",
    "LeaseLost",
    "PermanentError",
    "QueueBusyError",
    "QueueClient",
    "QueueDatabase",
    "QueueDatabaseError",
    "QueueSchemaError",
    "QueueWorker",
    "RetryPolicy",
    "Rule",
    "Status",
    "Task",
    "TaskCancelled",
    "TaskContext",
    "TaskLog",
    "TaskLogHandler",
    "TaskTimeout",
    "Transition",
    "Worker",
    "default_db_path",
    "install_signal_handlers",
    "legal_sources",
    "request_cancel",
]
