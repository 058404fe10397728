"""All that the command palette can do or go to, and which of it is meant by what was typed.

Owns the entries' words and their order. Must not know widgets of the palette.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

from prismq_gui.actions.context import NO_FILE
from prismq_gui.actions.registry import ACTIONS, MENUS, Action, Place
from prismq_gui.models.fuzzy import fit
from prismq_gui.models.text import one_line

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow

MOST_WORKERS = 200
MOST_RECENT = 8
SHOWN = 100  # rows; who wants more types another letter
_MAX_ID = 2**63 - 1
_TASK = re.compile(r"\s*(?:(?:(?:go\s+to|open|show)\s+)?task\s*#?|#)?\s*(\d{1,19})\s*", re.IGNORECASE | re.ASCII)
_LONGEST_TITLE = 120
_OFF = 2.0  # what cannot be used now stands behind what fits nearly as well
_BESIDE = 6.0  # a match of the words beside the title counts less
_RECENT = 1.5


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to do. ``reason`` says why it can't be done now; ``key`` is what it is remembered by, '' is not."""

    key: str
    title: str
    beside: str
    run: Callable[[], object]
    icon: str = ""
    shortcut: str = ""
    reason: str = ""
    told: str = ""
    is_on: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that is meant, and the letters of its title that were typed."""

    entry: Entry
    places: tuple[int, ...] = ()


def entries(window: MainWindow) -> list[Entry]:
    """Return all entries of the moment: actions, saved views, recent files, workers."""
    return [*_actions(window), *_views(window), *_files(window), *_workers(window)]


def _actions(window: MainWindow) -> Iterator[Entry]:
    for record in sorted(ACTIONS, key=lambda each: each.group != "page"):  # to go somewhere is wanted most
        if record.id == "palette":
            continue
        action = window.actions_[record.id]
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        title, menu = _title(record)
        yield Entry(
            record.id, title, menu, action.trigger, record.icon, keys, window.actions_.reason(record.id),
            record.tooltip, record.checkable and action.isChecked(),
        )  # fmt: skip


def _title(record: Action) -> tuple[str, str]:
    """Return an action's title, with the menu's where it stands in one within a menu, and the path of menus."""
    title = record.title.replace("&", "")
    path = next((place.value for place in MENUS if place in record.places), "").replace("&", "")
    if record.group == "page":
        return f"Go to {title}", path
    above, _, inner = path.rpartition("/")
    if Place.MATCHING in record.places:
        return title, path.replace("/", " › ")  # each says itself that it is about all that match
    return (f"{inner}: {title}", above) if above else (title, path)


def _views(window: MainWindow) -> Iterator[Entry]:
    saved = window.saved_views
    for view in saved.views:
        run = partial(saved.show_view, view)
        yield Entry(
            f"view:{view.page}:{view.name}", one_line(f"View: {view.name}", _LONGEST_TITLE), saved.words(view), run,
            "filter", "", "" if window.session.is_open else NO_FILE, "Show this saved view",
        )  # fmt: skip


def _files(window: MainWindow) -> Iterator[Entry]:
    for text in window.settings.recent_files:
        path = Path(text)
        title = one_line(f"Open {path.name}", _LONGEST_TITLE)
        told = one_line(f"Open {text} in place of the file that is open")
        yield Entry(f"file:{text}", title, one_line(str(path.parent)), partial(window.open_path, path), "database",
                    told=told)  # fmt: skip
        if window.session.path is not None and window.session.path != path:
            title = one_line(f"Compare with {path.name}", _LONGEST_TITLE)
            run = partial(window.commands.compare_files, path, window.session.path)
            yield Entry(f"compare:{text}", title, one_line(str(path.parent)), run, "git-compare",
                        told="Find what differs between that file and the one that is open")  # fmt: skip


def _workers(window: MainWindow) -> Iterator[Entry]:
    snapshot = window.session.snapshot
    for row in snapshot.workers[:MOST_WORKERS] if snapshot is not None else ():
        title = one_line(f"Open worker {row.worker_id}", _LONGEST_TITLE)
        run = partial(_open_worker, window, row.worker_id)
        yield Entry(f"worker:{row.worker_id}", title, "Workers", run, "users", told="Show this worker on its page")


def _open_worker(window: MainWindow, name: str) -> None:
    window.show_page("workers")
    window.workers_page.table.select_id(name)
    window.workers_page.table.setFocus()


# -- which are meant


def ranked(window: MainWindow, known: Sequence[Entry], typed: str, recent: Sequence[str]) -> list[Match]:
    """Return the entries that are meant, the likeliest first; without any letters all, the recent ones first."""
    places = {key: place for place, key in enumerate(recent[:MOST_RECENT])}
    if not typed.strip():
        used = sorted((each for each in known if each.key in places), key=lambda each: places[each.key])
        return [Match(each) for each in (*used, *(each for each in known if each.key not in places))]
    found: list[tuple[float, Match]] = []
    for each in known:
        scored = _fitted(typed, each)
        if scored is not None:
            bonus = (_RECENT if each.key in places else 0.0) - (_OFF if each.reason else 0.0)
            found.append((scored[0] + bonus, scored[1]))
    found.sort(key=lambda pair: -pair[0])
    first = [Match(each) for each in _typed_entries(window, typed)]
    return [*first, *(match for _score, match in found[:SHOWN]), *(Match(each) for each in _last_resort(window, typed))]


def _fitted(typed: str, entry: Entry) -> tuple[float, Match] | None:
    whole = fit(typed, entry.title)
    if whole is not None:
        return whole.score, Match(entry, whole.places)
    if not entry.beside:
        return None
    wide = fit(typed, f"{entry.title} {entry.beside}")
    if wide is None:
        return None
    return wide.score - _BESIDE, Match(entry, tuple(place for place in wide.places if place < len(entry.title)))


def _typed_entries(window: MainWindow, typed: str) -> Iterator[Entry]:
    """Yield what the typed text itself names."""
    number = _TASK.fullmatch(typed)
    if number is None or int(number[1]) > _MAX_ID:
        return
    task_id = int(number[1])
    yield Entry("", f"Go to task {task_id}", "Tasks", partial(window.show_task, task_id), "list-checks",
                reason="" if window.session.is_open else NO_FILE, told="Show this task on its page")  # fmt: skip


def _last_resort(window: MainWindow, typed: str) -> Iterator[Entry]:
    """Yield what can be done with any text."""
    text = typed.strip()
    yield Entry("", one_line(f"Search everything for “{text}”", _LONGEST_TITLE), "Search",
                partial(_search, window, text), "search", reason="" if window.session.is_open else NO_FILE,
                told="Look for this text in all tasks and all log lines")  # fmt: skip


def _search(window: MainWindow, text: str) -> None:
    window.show_page("search")
    window.search_page.line.setText(text)
    window.search_page.search_again()
    window.search_page.table.setFocus()
