"""How an export begins: which rows the page in view offers. Must not export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.theme import Theme
from prismq_gui.views.export_dialog import ExportChoice, ExportDialog
from prismq_gui.views.filter_note import whole_text
from prismq_gui.views.plain_text import one_line

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow

_MOST = 60  # characters of a filter on a button


def ask(window: MainWindow, theme: Theme) -> ExportDialog | None:
    """Show the dialog for the page in view, the log lines on Logs and else the tasks; an earlier one makes room."""
    path = window.session.path
    if path is None:
        return None
    for earlier in window.findChildren(ExportDialog):
        earlier.close()
    choices = _lines(window) if window.page == "logs" else _tasks(window)
    dialog = ExportDialog(theme, window.engine.exporting, path, choices, window)
    dialog.show()
    return dialog


def _tasks(window: MainWindow) -> tuple[ExportChoice, ...]:
    page = window.tasks_page
    page.filter_bar.search.settle()
    order, found = page.model.order, page.filter()
    choices = [ExportChoice("all tasks of the file", TaskFilter(), order)]
    if not found.is_empty and page.filter_bar.search.mistake is None:
        choices.insert(0, ExportChoice(f"all tasks that match {_short(whole_text(found))}", found, order))
    ids = page.selected().ids if window.page == "tasks" else range(0)
    if ids:  # one is nearly always selected: it is offered, but last, since it is seldom what is meant
        place = 0 if len(ids) > 1 else len(choices)
        choices.insert(place, ExportChoice(_selected_words(len(ids)), TaskFilter(), order, ids))
    return tuple(choices)


def _lines(window: MainWindow) -> tuple[ExportChoice, ...]:
    page = window.logs_page
    found = page.filter()
    choices = []
    if not found.is_empty:
        choices.append(ExportChoice(f"all lines that match {_short(whole_text(found))}", found, TaskOrder()))
    choices.append(ExportChoice("all log lines of the file", LogFilter(), TaskOrder()))
    return tuple(choices)


def _selected_words(count: int) -> str:
    return "the selected task alone" if count == 1 else f"the {count:,} selected tasks"


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"
