"""What a person edits: the whole texts of one task, and what stands for them as they were seen.

Owns the reading of one task for a dialog; what comes of it is a wish of :mod:`~prismq_gui.operations.edits`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.walking import is_about_size
from prismq_gui.operations.cells import exact_text
from prismq_gui.operations.edits import EDITED, digest
from prismq_gui.queue.transitions import RUNNING

_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Editable:
    """The texts of a task as they stand in the file.

    ``seen`` goes into the wish, so that an edit is refused where the task has other texts by then. ``inexact`` names
    the columns whose texts are no UTF-8, or no text at all: they are shown in a readable form, and a text that is
    taken over from there replaces the odd bytes.
    """

    task_id: int
    status: str
    payload: str
    compatibility: str
    max_attempts: int | None
    seen: str
    inexact: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether a worker has the texts already."""
        return self.status in RUNNING


def load(path: Path, task_id: int) -> Editable:
    """Return what can be edited of a task.

    Raises:
        ProblemError: The file cannot be read, there is no such task, or it is too large to be edited here.
    """
    with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
        connection.open()
        sql = f"SELECT status, {', '.join(EDITED)} FROM task_queue WHERE id = ?"
        try:
            rows = connection.rows(sql, (task_id,), doing="read the task")
        except ProblemError as error:
            if is_about_size(error):
                raise ProblemError(_refused(f"Task {task_id} is too large to be edited here", path)) from None
            raise
    if not rows:
        raise ProblemError(_refused(f"Task {task_id} no longer exists", path))
    status, payload, compatibility, most = rows[0]
    inexact = tuple(
        name for name, cell in (("payload", payload), ("compatibility", compatibility)) if not _is_text(cell)
    )
    return Editable(
        task_id, _shown(status), _shown(payload), _shown(compatibility), most if isinstance(most, int) else None,
        digest((payload, compatibility, most)), inexact,
    )  # fmt: skip


def _is_text(cell: Cell) -> bool:
    return isinstance(cell, str)


def _shown(cell: Cell) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    return "" if cell is None else str(cell)


def _refused(what: str, path: Path) -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", "")
