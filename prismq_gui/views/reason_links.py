"""Where a reason of the verdict leads: to a page of the window, and to the tasks that its filter lets through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.language import parse
from prismq_gui.insight.verdict import Page, Reason

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow


def follow(window: MainWindow, reason: Reason) -> None:
    """Show what a reason is about."""
    if reason.page is Page.TASKS and reason.filter:
        window.show_tasks_by(TaskFilter(query=parse(reason.filter)), f"{reason.filter}: {reason.sentence}.")
    else:
        window.show_page(reason.page.value)
