"""What decides whether an action can be used, and the reasons when it can't.

Owns the rules and their words. Must not know widgets, nor what an action does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prismq_gui.polling.messages import LinkState
from prismq_gui.queue.transitions import Transition, refusal

NO_FILE = "Open a queue file first."
_NOT_WRITABLE = {
    LinkState.CLOSED: NO_FILE,
    LinkState.OPENING: "The file is being opened.",
    LinkState.MISSING: "The file is gone; nothing can be changed in it.",
    LinkState.BROKEN: "The file can't be read at the moment; nothing can be changed in it.",
}


@dataclass(frozen=True, slots=True)
class ActionContext:
    """The state of the window as far as actions ask for it. ``page`` is the stable name of the page in view."""

    file_open: bool = False
    file_chosen: bool = False  # wanted, though it may not be open (any more)
    link: LinkState = LinkState.CLOSED
    write_refusal: str = ""
    page: str = ""
    selected: int = 0
    rows: int = 0
    filter_is_empty: bool = True
    operation_runs: bool = False
    recent_files: int = 0
    has_detail: bool = True
    saved_views: int = 0
    filter_is_mistaken: bool = False  # what is typed can't be read; the table shows the filter before
    statuses: frozenset[object] | None = None  # of the selected tasks, None where these are many or not read yet


def always(_context: ActionContext) -> str:
    """It can be used at any time."""
    return ""


def needs_file(context: ActionContext) -> str:
    """A file must be open."""
    return "" if context.file_open else NO_FILE


def needs_chosen_file(context: ActionContext) -> str:
    """A file must have been asked for, readable or not."""
    return "" if context.file_chosen else "No file is open."


def needs_recent(context: ActionContext) -> str:
    """Some file must be remembered."""
    return "" if context.recent_files else "No file is remembered."


def needs_view_page(context: ActionContext) -> str:
    """Tasks or log lines must be in view: they have a filter, sort and columns."""
    return needs_file(context) or ("" if context.page in ("tasks", "logs") else "Go to the Tasks or Logs page first.")


def needs_views(context: ActionContext) -> str:
    """A file must be open, and some view must be saved."""
    return needs_file(context) or ("" if context.saved_views else "No view is saved.")


def needs_rows(context: ActionContext) -> str:
    """There must be rows in view."""
    return needs_file(context) or ("" if context.rows else "There are no rows.")


def needs_tasks_page(context: ActionContext) -> str:
    """The tasks must be in view."""
    return needs_file(context) or ("" if context.page == "tasks" else "Go to the Tasks page first.")


def needs_tasks(context: ActionContext) -> str:
    """The tasks must be in view, and there must be some."""
    return needs_tasks_page(context) or ("" if context.rows else "There are no tasks.")


def may_write(context: ActionContext) -> str:
    """The file must be writable, and no other operation under way."""
    if not context.file_open:
        return NO_FILE
    if context.link in _NOT_WRITABLE:
        return _NOT_WRITABLE[context.link]
    if context.write_refusal:
        return context.write_refusal
    return "Another operation or its preview is open." if context.operation_runs else ""


def needs_selected(context: ActionContext) -> str:
    """A task must be selected."""
    return needs_tasks_page(context) or ("" if context.selected else "Select a task first.")


def may_change_selected(context: ActionContext) -> str:
    """Tasks must be selected, and the file writable."""
    refusal = may_write(context) or needs_tasks_page(context)
    return refusal or ("" if context.selected else "Select tasks first.")


def may_take(transition: Transition) -> Callable[[ActionContext], str]:
    """Return the rule of a change: tasks must be selected, and one of them in a state that allows it."""

    def rule(context: ActionContext) -> str:
        reasons = {refusal(transition, status) for status in context.statuses or ()}
        if may_change_selected(context) or not reasons or "" in reasons:
            return may_change_selected(context)
        if context.selected == 1:
            return f"The selected task {reasons.pop()}."
        return f"Each of the selected tasks {' or '.join(sorted(reasons))}."

    return rule


def may_change_matching(context: ActionContext) -> str:
    """A filter must choose the tasks: none at all would mean every task."""
    refusal = may_write(context) or needs_tasks_page(context)
    if refusal:
        return refusal
    if context.filter_is_mistaken:
        return "The filter can't be read: mend or empty it first."
    return "Filter the tasks first: without a filter it would be every task." if context.filter_is_empty else ""
