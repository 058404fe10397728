"""THE QUEUE: enqueue, claim, run and retry tasks in one SQLite file. Standard library only.

Programs import from here; the README beside this file is the guide. A name's module is imported when the name is first
asked for: a program that enqueues needs no worker, and a command that lists tasks needs neither (50 of its 110 ms).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismq_gui.queue.backup import BackupReport, back_up
    from prismq_gui.queue.backup_files import BackupFile, PruneReport, list_backups, prune_backups
    from prismq_gui.queue.cancelling import CancelOutcome, CancelResult, request_cancel
    from prismq_gui.queue.checking import CheckReport, foreign_key_check, integrity_check, quick_check
    from prismq_gui.queue.claim_sql import Strategy
    from prismq_gui.queue.claimed import ClaimedTask
    from prismq_gui.queue.claiming import Claimer
    from prismq_gui.queue.client import QueueClient
    from prismq_gui.queue.client_results import (
        EnqueueManyError,
        EnqueueManyResult,
        EnqueueResult,
        TaskNotFound,
        TaskOutcome,
        WaitTimeout,
    )
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
    from prismq_gui.queue.payloads import NewTask
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
    "EnqueueManyError",
    "EnqueueManyResult",
    "EnqueueResult",
    "HandlerRegistry",
    "LeaseLost",
    "MaintenanceCancelled",
    "MaintenanceProgress",
    "NewTask",
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
    "Strategy",
    "Task",
    "TaskCancelled",
    "TaskContext",
    "TaskLog",
    "TaskLogHandler",
    "TaskNotFound",
    "TaskOutcome",
    "TaskTimeout",
    "Transition",
    "VacuumReport",
    "Verification",
    "WaitTimeout",
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

# Each module with its public names; those above, for type checkers, are the same.
_HOMES = {
    "backup": "BackupReport back_up",
    "backup_files": "BackupFile PruneReport list_backups prune_backups",
    "cancelling": "CancelOutcome CancelResult request_cancel",
    "checking": "CheckReport foreign_key_check integrity_check quick_check",
    "claim_sql": "Strategy",
    "claimed": "ClaimedTask",
    "claiming": "Claimer",
    "client": "QueueClient",
    "client_results": "EnqueueManyError EnqueueManyResult EnqueueResult TaskNotFound TaskOutcome WaitTimeout",
    "database": "QueueDatabase",
    "exceptions": "LeaseLost PermanentError QueueBusyError QueueDatabaseError QueueSchemaError TaskCancelled "
    "TaskTimeout",
    "handlers": "HandlerRegistry TaskContext",
    "maintenance": "CheckpointMode CheckpointReport VacuumReport analyze checkpoint optimize vacuum",
    "models": "Task TaskLog Worker",
    "payloads": "NewTask",
    "restore": "RestoreReport restore_backup",
    "retention": "RetentionReport delete_finished",
    "retry": "RetryPolicy",
    "schema": "PRAGMAS SCHEMA_STATEMENTS default_db_path",
    "stale": "ReleaseReport WorkersReport release_expired remove_silent_workers",
    "task_logging": "TaskLogHandler",
    "transitions": "TRANSITIONS Rule Status Transition legal_sources",
    "upkeep": "MaintenanceCancelled MaintenanceProgress",
    "verifying": "Verification verify_backup",
    "worker": "QueueWorker install_signal_handlers",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name's module and return what it names."""
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
