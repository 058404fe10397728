"""A snapshot of the whole file before an operation that is dangerous: offered by the plan, made before any change.

Owns when it is advised, what is told of its size, and its making by the queue's own online backup, whole and verified
or not there at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.messages import OperationKind, Plan, Progress
from prismq_gui.operations.wording import bytes_text
from prismq_gui.operations.writer import ShouldStop, Stopped
from prismq_gui.queue import disk_room
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.upkeep import MaintenanceCancelled, MaintenanceProgress

ADVISED_ABOVE = 10_000  # rows
FACT = "Snapshot beforehand"
_LOSES = frozenset({OperationKind.DELETE})
_KIND = "snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The wish for a snapshot; ``folder`` is None for ``backups`` beside the queue."""

    folder: Path | None = None


def is_advised(plan: Plan) -> bool:
    """Whether a snapshot is to be offered by default: tasks go, or very many are changed."""
    is_of_rows = plan.kind is not OperationKind.VACUUM and plan.refusal is None and plan.eligible > 0
    return is_of_rows and (plan.kind in _LOSES or plan.eligible > ADVISED_ABOVE)


def with_offer(plan: Plan) -> Plan:
    """Return a plan that names the snapshot's size and room, where one is advised."""
    return replace(plan, facts=(*plan.facts, (FACT, offer_text(plan.path)))) if is_advised(plan) else plan


def offer_text(path: Path, folder: Path | None = None) -> str:
    """Return how large a snapshot will be at most, where it will lie, and how much room is there."""
    from prismq_gui.queue.backup_files import backup_folder  # noqa: PLC0415 - few operations are dangerous

    folder = folder or backup_folder(path)
    size = sum(_size(Path(f"{os.path.realpath(path)}{end}")) for end in ("", "-wal"))
    try:
        free = disk_room.free_bytes(_existing(folder))
    except OSError:
        return f"advised: up to {bytes_text(size)} in {folder}"
    enough = "" if free > size else ", which is too little"
    return f"advised: up to {bytes_text(size)} in {folder}, where {bytes_text(free)} are free{enough}"


def _existing(folder: Path) -> Path:
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def take(
    path: Path, folder: Path | None, kind: OperationKind, on_progress: Callable[[Progress], None], stop: ShouldStop
) -> Path:
    """Make a snapshot with a name that bears the time, verified, and return it.

    Raises:
        Stopped: It was stopped; no file is left.
        ProblemError: It was not made; nothing was changed.
    """
    from prismq_gui.queue.backup import back_up  # noqa: PLC0415 - as above
    from prismq_gui.queue.backup_files import backup_folder, new_name  # noqa: PLC0415 - as above

    def tell(progress: MaintenanceProgress) -> None:
        text = f"snapshot: {progress.text.lower()}"
        on_progress(Progress(kind, progress.done, progress.total, text))

    folder = folder or backup_folder(path)
    if stop():
        raise Stopped
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = new_name(path, folder, kind=_KIND)
        return back_up(path, target, progress=tell, cancel=stop).path
    except MaintenanceCancelled:
        raise Stopped from None
    except QueueBusyError as error:
        raise ProblemError(_problem(str(error), path, ProblemKind.BUSY)) from None
    except (QueueDatabaseError, OSError) as error:
        raise ProblemError(_problem(str(error), path, ProblemKind.FAILED)) from None


def _problem(what: str, path: Path, kind: ProblemKind) -> Problem:
    advice = "Make room or choose another folder for it, or go on without a snapshot."
    return Problem(kind, f"The snapshot was not made: {what.rstrip('.')}", str(path), "Nothing was changed.", advice)
