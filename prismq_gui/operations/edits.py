"""Editing what a task asks for: its payload, its compatibility, how often it may be tried.

Owns what may be wished, by the queue's own rules for new tasks, and what an edit makes of one task's cells. A whole
text replaces another one, readable or not; a place in JSON is put in or taken out letter by letter. Reads and writes
nothing itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.payload_columns import PayloadColumn
from prismq_gui.operations.cells import RawText
from prismq_gui.operations.json_diff import changes_between, shortened
from prismq_gui.operations.json_splice import NoSuchPlaceError, with_value, without_value
from prismq_gui.operations.messages import FieldChange, OperationKind, TaskChange, Wish
from prismq_gui.queue.payloads import (
    LONGEST_COMPATIBILITY_BYTES,
    LONGEST_PAYLOAD_BYTES,
    TaskRules,
    check_integer,
    check_json,
)

EDITED = ("payload", "compatibility", "max_attempts")
"""The columns that an edit may write, and by whose content as it was seen it is guarded."""

MOST_PLACES = 100
AS_WANTED = "is as wanted already"
CHANGED_MEANWHILE = "has another payload, compatibility or limit of attempts than was seen"
_LIMITS = {"payload": LONGEST_PAYLOAD_BYTES, "compatibility": LONGEST_COMPATIBILITY_BYTES}


@dataclass(frozen=True, slots=True)
class Place:
    """A value to be put at a place in JSON, as JSON text, or (None) what stands there to be taken out."""

    column: str
    path: tuple[str | int, ...]
    value: str | None

    @property
    def name(self) -> str:
        """The place, as the filter language writes it."""
        return PayloadColumn(self.path, self.column).name


@dataclass(frozen=True, slots=True)
class Edited:
    """What becomes of a task: the cells of :data:`EDITED`, and what its log line says."""

    cells: tuple[Cell, Cell, Cell]
    said: str


def edit(
    *,
    payload: str | None = None,
    compatibility: str | None = None,
    max_attempts: int | None = None,
    places: Sequence[Place] = (),
    even_if_running: bool = False,
    seen: str = "",
) -> Wish:
    """Wish that tasks ask for something else; what is None stays.

    Args:
        payload: The whole new text, JSON.
        compatibility: The whole new text, a JSON object.
        max_attempts: How often each may be tried.
        places: Single values in the JSON, made one after the other; not beside the whole text of the same column.
        even_if_running: Running tasks too, whose workers have the old text already.
        seen: The :func:`digest` of what the person looked at, of one task; '' where the plan alone shows it.

    Raises:
        ValueError: The queue would not take it, or nothing is to be changed; says what is allowed.
    """
    texts = {"payload": payload, "compatibility": compatibility}
    values: list[tuple[str, Cell]] = []
    for column, text in texts.items():
        if text is not None:
            values.append((column, _checked(column, text)))
    if max_attempts is not None:
        values.append(("max_attempts", check_integer("max_attempts", max_attempts, 1)))
    if places:
        _check_places(places, texts)
        values.append(("places", json.dumps([[each.column, each.path, each.value] for each in places])))
    if not values:
        raise ValueError("nothing is to be edited: give a payload, a compatibility, max_attempts or a place")
    if even_if_running:
        values.append(("even_if_running", 1))
    if seen:
        values.append(("seen", seen))
    return Wish(OperationKind.EDIT, tuple(values))


def _checked(column: str, text: str) -> str:
    if column == "compatibility":
        # The queue's own rule for a whole new task: it must be an object.
        return TaskRules().row("t", None, 0, None, 1, text, None, "now")[3]
    return check_json(column, text, LONGEST_PAYLOAD_BYTES)


def _check_places(places: Sequence[Place], texts: dict[str, str | None]) -> None:
    if len(places) > MOST_PLACES:
        raise ValueError(f"at most {MOST_PLACES} places can be edited at once")
    for each in places:
        if each.column not in _LIMITS or not each.path:
            raise ValueError(f"{each.name} is no place in a payload or compatibility")
        if texts[each.column] is not None:
            raise ValueError(f"{each.column} is to be replaced as a whole: no place in it can be edited beside that")
        if each.value is not None:
            check_value(each.name, each.value)


def check_value(name: str, text: str) -> str:
    """Return the JSON text of a single value.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        json.loads(text)
        check_json(name, f"[{text}]", LONGEST_PAYLOAD_BYTES)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{name} must be JSON, such as "eu", 12, true or null ({error})') from None
    return text


def edited(wish: Wish, payload: Cell, compatibility: Cell, max_attempts: Cell) -> Edited | str:
    """Return what an edit makes of a task, or the reason why it cannot be made."""
    seen = wish.value("seen")
    if seen and seen != digest((payload, compatibility, max_attempts)):
        return CHANGED_MEANWHILE
    before: dict[str, Cell] = {"payload": payload, "compatibility": compatibility}
    after = {name: cell if (new := wish.value(name)) is None else new for name, cell in before.items()}
    for place in _places(wish.value("places")):
        made = _with_place(after[place.column], place)
        if made is None:
            return f"has a {place.column} that is not JSON, so that no single place in it can be edited"
        if isinstance(made, NoSuchPlaceError):
            return f"has no such place ({made})"
        after[place.column] = made
    for name, cell in after.items():
        if wish.value(name) is None and cell is not before[name]:
            try:
                _checked(name, str(cell))
            except ValueError as error:
                return f"would have a {name} that is not allowed ({error})"
    limit = wish.value("max_attempts")
    cells = (after["payload"], after["compatibility"], max_attempts if limit is None else limit)
    if cells == (payload, compatibility, max_attempts):
        return AS_WANTED
    return Edited(cells, _said(wish))


def _with_place(cell: Cell, place: Place) -> str | NoSuchPlaceError | None:
    """Return the new text; None where the old one is no JSON."""
    if not isinstance(cell, str):
        return None
    try:
        json.loads(cell)
        if place.value is None:
            return without_value(cell, place.path)
        return with_value(cell, place.path, place.value)
    except NoSuchPlaceError as error:
        return error
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=4)
def _places(text: Cell) -> tuple[Place, ...]:
    if not isinstance(text, str):
        return ()
    return tuple(Place(str(column), tuple(path), value) for column, path, value in json.loads(text))


@lru_cache(maxsize=4)
def _said(wish: Wish) -> str:
    names = [name for name in EDITED if wish.value(name) is not None]
    names += [place.name for place in _places(wish.value("places"))]
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"edited ({', '.join(shortened(name)[:60] for name in names[:5])}{more})"


def digest(cells: Iterable[Cell]) -> str:
    """Return what stands for cells as they were seen: 16 hexadecimal digits, other ones for any other content."""
    made = hashlib.blake2b(digest_size=8)
    for cell in cells:
        raw = cell if isinstance(cell, bytes) else str(cell).encode("utf-8", "surrogatepass")
        kind = "text" if isinstance(cell, (str, RawText)) else type(cell).__name__
        made.update(f"{kind} {len(raw)} ".encode("ascii"))
        made.update(raw)
    return made.hexdigest()


def task_changes(task_id: int, before: Sequence[Cell], after: Sequence[Cell]) -> tuple[TaskChange, ...]:
    """Return what an edit changes in a task, a record a column that differs; both hold the cells of :data:`EDITED`."""
    found = []
    for column, old, new in zip(EDITED, before, after, strict=True):
        if column == "max_attempts":
            changes: tuple[FieldChange, ...] = (FieldChange("$", shortened(old), shortened(new)),) if old != new else ()
        else:
            changes = changes_between(old, new)
        if changes:
            found.append(TaskChange(task_id, column, changes))
    return tuple(found)
