"""What operations are called in the window: titles, buttons, states of what was done. Owns words alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prismq_gui.insight.messages import Cell
from prismq_gui.models.text import cell_text, one_line
from prismq_gui.operations.messages import OperationKind, Plan

MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class KindWords:
    """How one kind is spoken of: a dialog's ``title``, the ``verb`` on its button, the ``noun`` in the history."""

    title: str
    verb: str
    noun: str
    is_dangerous: bool = False
    is_of_tasks: bool = True


_WORDS: Mapping[str, KindWords] = {
    "retry": KindWords("Retry tasks", "&Retry", "Retry"),
    "cancel": KindWords("Cancel waiting tasks", "&Cancel", "Cancel", True),
    "ask-to-cancel": KindWords("Ask to cancel running tasks", "&Ask to cancel", "Ask to cancel"),
    "force-cancel": KindWords("Cancel running tasks by force", "Cancel by &force", "Cancel by force", True),
    "release": KindWords("Release running tasks", "&Release", "Release", True),
    "delete": KindWords("Delete tasks", "&Delete", "Delete", True),
    "priority": KindWords("Change priority", "&Change priority of", "Priority"),
    "run-now": KindWords("Run now", "&Make due", "Run now"),
    "run-at": KindWords("Run at", "&Put off", "Run at"),
    "edit": KindWords("Edit tasks", "&Edit", "Edit"),
    "duplicate": KindWords("Duplicate tasks", "&Duplicate", "Duplicate"),
    "enqueue": KindWords("Enqueue a task", "&Enqueue", "Enqueue"),
    "bring-back": KindWords("Bring tasks back", "&Bring back", "Bring back"),
    "remove-worker": KindWords("Remove workers", "&Remove", "Remove worker", is_of_tasks=False),
    "mend": KindWords("Mend what the health check found", "&Mend", "Mend"),
    "undo": KindWords("Undo", "&Take back", "Undo"),
    "vacuum": KindWords("Vacuum the file", "&Vacuum the file", "Vacuum", True, is_of_tasks=False),
}

_STATES: Mapping[str, tuple[str, str, str]] = {  # words, icon, colour
    "running": ("Running", "loader", "info"),
    "finished": ("Done", "circle-check", "success"),
    "stopped": ("Stopped", "octagon-x", "warning"),
    "failed": ("Failed", "circle-alert", "danger"),
    "staged": ("First ones done", "hourglass", "info"),
    "interrupted": ("Cut off", "triangle-alert", "danger"),
    "undone": ("Taken back", "undo-2", "muted"),
    "partly undone": ("Partly taken back", "undo-2", "warning"),
}


def words_of(kind: OperationKind | str) -> KindWords:
    """Return the words for a kind, also for one that only a newer program knows."""
    name = kind.value if isinstance(kind, OperationKind) else kind
    known = _WORDS.get(name)
    if known is not None:
        return known
    shown = one_line(name.replace("-", " ").capitalize(), 40)
    return KindWords(shown, f"&{shown}", shown)


def state_words(state: str) -> tuple[str, str, str]:
    """Return what a state is called, its icon and its colour, also of one that only a newer program knows."""
    return _STATES.get(state) or (one_line(state.capitalize(), 40), "info", "muted")


def confirm_words(plan: Plan) -> str:
    """Return what the button says: the verb and how many."""
    words = words_of(plan.kind)
    if plan.kind is OperationKind.VACUUM:
        return words.verb
    noun = "task" if words.is_of_tasks else "worker"
    if plan.kind is OperationKind.MEND:
        noun = _MENDED.get(str(plan.wish.value("finding")), noun)
    many = "indexes" if noun == "index" else f"{noun}s"
    whom = f"{plan.eligible:,} {noun if plan.eligible == 1 else many}"
    return f"Cancel {whom} by &force" if plan.kind is OperationKind.FORCE_CANCEL else f"{words.verb} {whom}"


_MENDED = {"worker-gone": "worker", "log-orphan": "log line", "index-missing": "index"}  # the others mend tasks


def value_words(values: tuple[tuple[str, Cell], ...]) -> str:
    """Return the values of a wish as the history tells them: ``at 2026-11-24 10:00:00``."""
    shown = [f"{name.replace('_', ' ')} {cell_text(value)[:60]}" for name, value in values if name not in _UNTOLD]
    return one_line(", ".join(shown)[:MOST_WORDS])


_UNTOLD = {"operation", "even_if_running"}
