"""THE QUEUE: enqueue, claim, run and retry tasks in one SQLite file. Standard library only.

Programs import from here; the README beside this file is the guide.
"""

from prismq_gui.queue.backup import BackupReport, back_up
from prismq_gui.queue.backup_files import BackupFile, PruneReport, list_backups, prune_backups
from prismq_gui.queue.cancelling import CancelOutcome, CancelResult, request_cancel
from prismq_gui.queue.checking import CheckReport, foreign_key_check, integrity_check, quick_check
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
from prismq_gui.queue.maintenance import (
    CheckpointMode,
    CheckpointReport,
    VacuumReport,
    analyze,
    checkpoint,
    optimize,
    vacuum,
)
from prismq_gui.queue.models import Task, TaskLog, Worker
from prismq_gui.queue.restore import RestoreReport, restore_backup
from prismq_gui.queue.retention import RetentionReport, delete_finished
from prismq_gui.queue.retry import RetryPolicy
from prismq_gui.queue.schema import PRAGMAS, SCHEMA_STATEMENTS, default_db_path
from prismq_gui.queue.stale import ReleaseReport, WorkersReport, release_expired, remove_silent_workers
from prismq_gui.queue.task_logging import TaskLogHandler
from prismq_gui.queue.transitions import TRANSITIONS, Rule, Status, Transition, legal_sources
from prismq_gui.queue.upkeep import MaintenanceCancelled, MaintenanceProgress
from prismq_gui.queue.verifying import Verification, verify_backup
from prismq_gui.queue.worker import QueueWorker, install_signal_handlers

__all__ = [
    "PRAGMAS",
    "SCHEMA_STATEMENTS",
    "TRANSITIONS",
    "BackupFile",
    "BackupReport",
    "CancelOutcome",
    "CancelResult",
    "CheckReport",
    "CheckpointMode",
    "CheckpointReport",
    "ClaimedTask",
    "Claimer",
    "EnqueueResult",
    "HandlerRegistry",
    "LeaseLost",
    "MaintenanceCancelled",
    "MaintenanceProgress",
    "PermanentError",
    "PruneReport",
    "QueueBusyError",
    "QueueClient",
    "QueueDatabase",
    "QueueDatabaseError",
    "QueueSchemaError",
    "QueueWorker",
    "ReleaseReport",
    "RestoreReport",
    "RetentionReport",
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
    "VacuumReport",
    "Verification",
    "Worker",
    "WorkersReport",
    "analyze",
    "back_up",
    "checkpoint",
    "default_db_path",
    "delete_finished",
    "foreign_key_check",
    "install_signal_handlers",
    "integrity_check",
    "legal_sources",
    "list_backups",
    "optimize",
    "prune_backups",
    "quick_check",
    "release_expired",
    "remove_silent_workers",
    "request_cancel",
    "restore_backup",
    "vacuum",
    "verify_backup",
]
