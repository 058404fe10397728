"""When the care of a file can be used, and the reasons when it can't. Must not know widgets."""

from __future__ import annotations

from prismq_gui.actions.context import ActionContext, needs_chosen_file, needs_file
from prismq_gui.polling.messages import LinkState

_NOT_READABLE = {
    LinkState.MISSING: "The file is gone; there is nothing to read.",
    LinkState.CLOSED: "The file is not open at the moment.",
}
RUNS = "Another operation or its preview is open."


def may_read(context: ActionContext) -> str:
    """The file must be open and there, and no other operation under way; it may be one that must not be written."""
    return needs_file(context) or _NOT_READABLE.get(context.link, "") or (RUNS if context.operation_runs else "")


def may_restore(context: ActionContext) -> str:
    """A file must have been asked for, readable or not, and be one that may be written."""
    return needs_chosen_file(context) or context.write_refusal or (RUNS if context.operation_runs else "")
