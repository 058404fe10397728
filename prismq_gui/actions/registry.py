"""All actions of the program, each told once: what it is called, where it stands, when it can be used.

Owns the records. Must not know widgets: ``handler`` names a method of whoever carries them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from prismq_gui.actions.context import (
    ActionContext,
    always,
    may_change_matching,
    may_change_selected,
    may_take,
    may_write,
    needs_chosen_file,
    needs_file,
    needs_recent,
    needs_rows,
    needs_selected,
    needs_tasks,
    needs_tasks_page,
    needs_view_page,
    needs_views,
)
from prismq_gui.actions.database_rules import may_read, may_restore
from prismq_gui.queue.transitions import Transition


class Place(Enum):
    """Where actions stand; the value is the title, a path of titles for a menu within a menu."""

    FILE = "&File"
    RECENT = "&File/Open &recent"
    EDIT = "E&dit"  # Alt+E is the Error tab's
    TASKS = "&Tasks"
    MATCHING = "&Tasks/All that &match"
    VIEW = "&View"
    VIEWS = "&View/Saved &views"
    THEME = "&View/The&me"
    DATABASE = "Data&base"
    HELP = "&Help"
    TOP_BAR = "top bar"
    CONTEXT = "context menu of the tasks"


MENUS = (Place.FILE, Place.RECENT, Place.EDIT, Place.TASKS, Place.MATCHING, Place.VIEW, Place.VIEWS, Place.THEME,
         Place.DATABASE, Place.HELP)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    ``enabled`` returns '' where it can be used, else the reason why not. ``handler`` is the method that does it
    (``id`` by default); a checkable one is handed its new state. Actions of one ``group`` exclude each other.
    ``starts_section`` puts a line above it in menus. ``short`` is its name on a button.
    """

    id: str
    title: str
    tooltip: str
    places: tuple[Place, ...]
    icon: str = ""
    shortcuts: tuple[str, ...] = ()
    enabled: Callable[[ActionContext], str] = always
    handler: str = ""
    dangerous: bool = False
    checkable: bool = False
    group: str = ""
    starts_section: bool = False
    short: str = ""

    @property
    def handler_name(self) -> str:
        """The method that carries it out."""
        return self.handler or self.id


_FILE = (
    Action("open_file", "&Open…", "Open a queue file", (Place.FILE, Place.TOP_BAR), "folder-open", ("Ctrl+O",),
           short="Open"),
    Action("open_read_only", "Open rea&d-only…", "Open a queue file that this window never writes", (Place.FILE,),
           "lock", ("Ctrl+Shift+O",)),
    Action("open_in_new_window", "Open in &new window…", "Open a queue file beside this one, in a window of its own",
           (Place.FILE,), "folder-open", ("Ctrl+Shift+N",)),
    Action("clear_recent", "&Clear this list", "Forget which files were open", (Place.RECENT,), "eraser",
           enabled=needs_recent, starts_section=True),
    Action("mark_file", "Mar&k this file…", "Say what this file is for: development, staging or production",
           (Place.FILE,), "flag", ("Ctrl+M",), enabled=needs_chosen_file, starts_section=True),
    Action("close_file", "&Close file", "Close the file and show the start page", (Place.FILE,), "x", ("Ctrl+W",),
           enabled=needs_chosen_file),
    Action("compare", "Co&mpare with…", "Find what differs between this file and another one, such as its backup",
           (Place.FILE,), "git-compare", ("Ctrl+Shift+D",), enabled=needs_chosen_file, starts_section=True),
    Action("export", "E&xport…", "Write tasks or log lines into a CSV, JSON or NDJSON file, or a queue file of its own",
           (Place.FILE,), "download", ("Ctrl+Shift+X",), enabled=needs_file),
    Action("quit", "&Quit", "Close the window", (Place.FILE,), "log-out", ("Ctrl+Q",), starts_section=True),
)  # fmt: skip

_EDIT = (
    Action("undo_last", "&Undo the last operation…", "Take back what was done to tasks last, after a preview",
           (Place.EDIT,), "undo-2", ("Ctrl+Z",), enabled=may_write),
    Action("history", "&History of operations…",
           "Show what was done to tasks of this file, to take it back or to finish it", (Place.EDIT,), "history",
           ("Ctrl+H",), enabled=needs_chosen_file, short="History…"),
    Action("copy", "&Copy", "Copy what is selected as plain text", (Place.EDIT, Place.CONTEXT), "copy", ("Ctrl+C",),
           enabled=needs_file, starts_section=True),
    Action("select_all", "Select &all", "Select all rows", (Place.EDIT, Place.CONTEXT), "list-checks", ("Ctrl+A",),
           enabled=needs_rows),
    Action("save_value", "&Save value to a file…", "Save the payload, compatibility or error in view, however long",
           (Place.EDIT, Place.CONTEXT), "download", ("Ctrl+Alt+S",), enabled=needs_selected),
    Action("find", "&Find", "Go to the search line", (Place.EDIT,), "search", ("Ctrl+F",), enabled=needs_file,
           starts_section=True),
    Action("clear_filter", "Clear the f&ilter", "Show all rows again", (Place.EDIT,), "filter", ("Ctrl+Shift+L",),
           enabled=needs_file),
)  # fmt: skip

_TASKS = (
    Action("retry", "&Retry…", "Queue the selected tasks again, after a preview",
           (Place.TASKS, Place.TOP_BAR, Place.CONTEXT), "rotate-ccw", ("Ctrl+R",),
           enabled=may_take(Transition.OPERATOR_RETRY), starts_section=True, short="Retry"),
    Action("cancel", "&Cancel…", "Cancel the selected tasks that wait, after a preview",
           (Place.TASKS, Place.TOP_BAR, Place.CONTEXT), "ban", ("Ctrl+E",),
           enabled=may_take(Transition.OPERATOR_CANCEL), dangerous=True, short="Cancel"),
    Action("ask_to_cancel", "&Ask to cancel…", "Ask the workers of the selected running tasks to end them",
           (Place.TASKS, Place.CONTEXT), "circle-stop", ("Ctrl+Shift+K",),
           enabled=may_take(Transition.OPERATOR_ASK_TO_CANCEL), starts_section=True),
    Action("force_cancel", "Cancel by &force…", "Take the selected running tasks from their workers and cancel them",
           (Place.TASKS, Place.CONTEXT), "octagon-minus", enabled=may_take(Transition.OPERATOR_FORCE_CANCEL),
           dangerous=True),
    Action("release", "Relea&se…", "Take the selected running tasks from their workers and queue them again",
           (Place.TASKS, Place.CONTEXT), "hand", ("Ctrl+L",), enabled=may_take(Transition.OPERATOR_RELEASE),
           dangerous=True),
    Action("run_now", "Run n&ow…", "Make the selected waiting tasks due at once", (Place.TASKS, Place.CONTEXT), "zap",
           ("Ctrl+J",), enabled=may_take(Transition.OPERATOR_SCHEDULE), starts_section=True),
    Action("run_at", "Run &later…", "Put the selected waiting tasks off until a moment", (Place.TASKS, Place.CONTEXT),
           "calendar-clock", ("Ctrl+Shift+J",), enabled=may_take(Transition.OPERATOR_SCHEDULE)),
    Action("set_priority", "Change pr&iority…", "Give the selected tasks another priority; lower runs first",
           (Place.TASKS, Place.CONTEXT), "arrow-up-1-0", ("Ctrl+G",), enabled=may_take(Transition.OPERATOR_PRIORITY)),
    Action("edit", "Edi&t…", "Edit payload, compatibility and most attempts of the selected tasks",
           (Place.TASKS, Place.CONTEXT), "square-pen", ("F2",), enabled=may_take(Transition.OPERATOR_EDIT),
           starts_section=True),
    Action("duplicate", "Duplicat&e…", "Put in new tasks like the selected ones", (Place.TASKS, Place.CONTEXT),
           "copy-plus", ("Ctrl+U",), enabled=may_change_selected),
    Action("enqueue", "En&queue a task…", "Put in a new task", (Place.TASKS,), "plus", ("Ctrl+Shift+Q",),
           enabled=may_write),
    Action("delete", "&Delete…", "Delete the selected tasks with their log lines, after a preview",
           (Place.TASKS, Place.CONTEXT), "trash-2", ("Del",), enabled=may_take(Transition.OPERATOR_DELETE),
           dangerous=True, starts_section=True),
    Action("previous_task", "&Previous task", "Go to the task above", (Place.TASKS,), "chevron-up", ("Alt+Up",),
           enabled=needs_tasks, starts_section=True),
    Action("next_task", "&Next task", "Go to the task below", (Place.TASKS,), "chevron-down", ("Alt+Down",),
           enabled=needs_tasks),
    Action("next_tasks", "What comes ne&xt…", "Show the next 50 tasks that a worker would take, under each strategy",
           (Place.TASKS,), "play", ("Ctrl+N",), enabled=needs_file, starts_section=True),
)  # fmt: skip

_MATCHING = (
    Action("retry_matching", "&Retry all matching…", "Queue all tasks that match the filter again, after a preview",
           (Place.MATCHING,), "rotate-ccw", ("Ctrl+Shift+R",), enabled=may_change_matching),
    Action("cancel_matching", "&Cancel all matching…",
           "Cancel all waiting tasks that match the filter, after a preview",
           (Place.MATCHING,), "ban", ("Ctrl+Shift+E",), enabled=may_change_matching, dangerous=True),
    Action("ask_to_cancel_matching", "&Ask to cancel all matching…",
           "Ask the workers of all running tasks that match the filter to end them", (Place.MATCHING,), "circle-stop",
           enabled=may_change_matching, starts_section=True),
    Action("force_cancel_matching", "Cancel all matching by &force…",
           "Take all running tasks that match the filter from their workers and cancel them", (Place.MATCHING,),
           "octagon-minus", enabled=may_change_matching, dangerous=True),
    Action("release_matching", "Relea&se all matching…",
           "Take all running tasks that match the filter from their workers and queue them again", (Place.MATCHING,),
           "hand", enabled=may_change_matching, dangerous=True),
    Action("run_now_matching", "Run all matching n&ow…", "Make all waiting tasks that match the filter due at once",
           (Place.MATCHING,), "zap", enabled=may_change_matching, starts_section=True),
    Action("run_at_matching", "Run all matching &later…",
           "Put all waiting tasks that match the filter off until a moment", (Place.MATCHING,), "calendar-clock",
           enabled=may_change_matching),
    Action("set_priority_matching", "Change pr&iority of all matching…",
           "Give all tasks that match the filter another priority; lower runs first", (Place.MATCHING,),
           "arrow-up-1-0", enabled=may_change_matching),
    Action("edit_matching", "&Edit all matching…", "Edit a value in the JSON of all tasks that match the filter",
           (Place.MATCHING,), "square-pen", enabled=may_change_matching, starts_section=True),
    Action("delete_matching", "&Delete all matching…",
           "Delete all tasks that match the filter with their log lines, after a preview", (Place.MATCHING,),
           "trash-2", enabled=may_change_matching, dangerous=True, starts_section=True),
)  # fmt: skip

_VIEW = (
    Action("palette", "&Command palette…", "Find anything to do or to go to by a few letters of its name",
           (Place.VIEW,), "command", ("Ctrl+K", "Ctrl+Shift+P")),
    Action("show_overview", "&Overview", "Show whether the queue is well, and why not", (Place.VIEW,),
           "layout-dashboard", ("Ctrl+0",), group="page", checkable=True, enabled=needs_file, starts_section=True),
    Action("show_tasks", "&Tasks", "Show the tasks", (Place.VIEW,), "list-checks", ("Ctrl+1",), group="page",
           checkable=True, enabled=needs_file),
    Action("show_workers", "&Workers", "Show the workers", (Place.VIEW,), "users", ("Ctrl+2",), group="page",
           checkable=True, enabled=needs_file),
    Action("show_logs", "&Logs", "Show the log lines of all tasks", (Place.VIEW,), "scroll-text", ("Ctrl+3",),
           group="page", checkable=True, enabled=needs_file),
    Action("show_failures", "&Failures", "Show failed tasks by cause and what they share", (Place.VIEW,),
           "triangle-alert", ("Ctrl+4",), group="page", checkable=True, enabled=needs_file),
    Action("show_search", "&Search everything", "Search all tasks and all log lines", (Place.VIEW,), "search",
           ("Ctrl+Shift+F",), group="page", checkable=True, enabled=needs_file),
    Action("show_database", "&Database", "Show the file as a file: its size, its WAL, its care and its backups",
           (Place.VIEW,), "database", ("Ctrl+5",), group="page", checkable=True, enabled=needs_file),
    Action("show_alerts", "Al&erts", "Show what was raised by the rules of alerts, and when it was over", (Place.VIEW,),
           "bell", ("Ctrl+6",), group="page", checkable=True, enabled=needs_file),
    Action("refresh", "&Refresh", "Read everything anew now", (Place.VIEW, Place.TOP_BAR), "refresh-cw", ("F5",),
           enabled=needs_chosen_file, starts_section=True, short="Refresh"),
    Action("set_paused", "&Pause", "Stop to look at the file until you go on", (Place.VIEW,), "pause", ("Ctrl+P",),
           enabled=needs_chosen_file, checkable=True),
    Action("toggle_detail", "Task pa&nel", "Show or hide the panel with all of a task", (Place.VIEW,), "panel-right",
           ("Ctrl+D",), enabled=needs_tasks_page, checkable=True, starts_section=True),
    Action("choose_columns", "Choose col&umns…", "Choose which columns are shown, and values of payloads as columns",
           (Place.VIEW,), "columns-3", ("Ctrl+Shift+C",), enabled=needs_view_page),
    Action("set_thresholds", "T&hresholds…", "Say from when on something is a problem: silent workers, failures, waits",
           (Place.VIEW,), "settings", ("Ctrl+T",), starts_section=True),
    Action("set_alerts", "Set &alerts…", "Say what is an alert, when it is told, and which program hears of it",
           (Place.VIEW,), "bell", ("Ctrl+Shift+A",)),
    Action("save_view", "&Save this view…", "Save filter, sort and columns of the page under a name", (Place.VIEWS,),
           "filter", ("Ctrl+S",), enabled=needs_view_page),
    Action("manage_views", "&Manage views…", "Show, rename or delete saved views", (Place.VIEWS,), "list-checks",
           ("Ctrl+Shift+S",), enabled=needs_views),
    Action("theme_system", "As the &system", "Follow the system's light or dark", (Place.THEME,), "settings",
           group="theme", checkable=True),
    Action("theme_light", "&Light", "Always light", (Place.THEME,), "sun", group="theme", checkable=True),
    Action("theme_dark", "&Dark", "Always dark", (Place.THEME,), "moon", group="theme", checkable=True),
)  # fmt: skip

_DATABASE = (
    Action("back_up", "&Back up…", "Copy the queue to one file while it is used, and verify the copy",
           (Place.DATABASE,), "download", ("Ctrl+B",), enabled=may_read, short="Back up…"),
    Action("restore", "&Restore…", "Give the queue the content of a backup; the present one is kept beside it",
           (Place.DATABASE,), "rotate-ccw", enabled=may_restore, dangerous=True, short="Restore from a file…"),
    Action("checkpoint", "&Checkpoint…", "Move the WAL into the file and cut it, as far as readers let it",
           (Place.DATABASE,), "arrow-left-right", enabled=may_write, starts_section=True, short="Checkpoint…"),
    Action("vacuum", "&Vacuum…", "Give the file's free space back to the disk, after a preview", (Place.DATABASE,),
           "shrink", ("Ctrl+Shift+V",), enabled=may_write, dangerous=True, short="Vacuum…"),
    Action("optimize", "&Optimize…", "Renew those of SQLite's figures on the indexes that have grown stale",
           (Place.DATABASE,), "refresh-cw", enabled=may_write, short="Optimize…"),
    Action("analyze", "&Analyze…", "Renew all of SQLite's figures on the indexes", (Place.DATABASE,), "list-checks",
           enabled=may_write, short="Analyze…"),
    Action("check_integrity", "Check &integrity…", "Look for damage in all of the file; nothing is changed",
           (Place.DATABASE,), "circle-check", ("Ctrl+I",), enabled=may_read, starts_section=True,
           short="Check integrity…"),
    Action("check_log_lines", "Check &log lines…", "Look for log lines whose task is gone; nothing is changed",
           (Place.DATABASE,), "scroll-text", enabled=may_read, short="Check log lines…"),
    Action("check_health", "Look for &what is wrong…",
           "Look for expired leases, silent workers, unreadable times and the like; nothing is changed",
           (Place.DATABASE,), "circle-check", ("Ctrl+Shift+I",), enabled=needs_file, short="Look for what is wrong"),
    Action("delete_finished", "&Delete finished tasks…", "Delete tasks that ended long ago, with their log lines",
           (Place.DATABASE,), "eraser", enabled=may_write, dangerous=True, starts_section=True,
           short="Delete finished tasks…"),
    Action("release_leases", "&Give back leases…", "Queue tasks again whose lease is over, as workers do by themselves",
           (Place.DATABASE,), "play", enabled=may_write, short="Give back leases…"),
)  # fmt: skip

_HELP = (
    Action("shortcuts", "&Keyboard shortcuts…", "Show all keys, and choose others", (Place.HELP,), "keyboard", ("F1",)),
    Action("about", "&About PrismQ", "Versions and licences", (Place.HELP,), "info"),
)

ACTIONS: tuple[Action, ...] = (*_FILE, *_EDIT, *_TASKS, *_MATCHING, *_VIEW, *_DATABASE, *_HELP)


def action(id: str) -> Action:
    """Return the record of an action."""
    return next(each for each in ACTIONS if each.id == id)
