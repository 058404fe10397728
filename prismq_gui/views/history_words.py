"""What was done to a queue in words: the rows of the history, the details of one operation, what can be done about it.

Owns words alone.
"""

from __future__ import annotations

from prismq_gui.models.columns import Column
from prismq_gui.models.plain_table_model import PlainRow
from prismq_gui.models.text import cell_text, one_line
from prismq_gui.models.times import local_time, short_time
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.messages import OperationKind, Plan
from prismq_gui.views.plan_lines import Line, skip_lines
from prismq_gui.views.plan_words import state_words, value_words, words_of

COLUMNS = (
    Column("started", "When", 15),
    Column("what", "What", 30),
    Column("changed", "Changed", 8, numeric=True),
    Column("planned", "Planned", 8, numeric=True),
    Column("became", "State", 16),
    Column("who", "Who", 16),
)
MAX_TEXT = 300


def name_of(operation: Operation) -> str:
    """Return an operation in a few words: ``Retry, 24 Nov 10:02:11``."""
    return f"{words_of(operation.kind_name).noun}, {short_time(operation.started_utc)}"


def rows_of(operations: tuple[Operation, ...]) -> list[PlainRow]:
    """Return the rows of the history."""
    kinds = {each.id: each.kind_name for each in operations}
    return [PlainRow(each.id, _cells(each, kinds)) for each in operations]


def _cells(operation: Operation, kinds: dict[str, str]) -> tuple[str, ...]:
    what = words_of(operation.kind_name).noun
    values = value_words(operation.values)
    if operation.undoes:
        what += f" of {words_of(kinds.get(operation.undoes, 'an operation')).noun.lower()}"
    elif values:
        what += f" ({values})"
    return (
        short_time(operation.started_utc),
        what,
        f"{operation.changed:,}",
        f"{operation.planned:,}",
        state_words(operation.state.value)[0],
        one_line(operation.who[:MAX_TEXT]),
    )


def sections_of(operation: Operation, operations: tuple[Operation, ...]) -> list[tuple[str, list[Line]]]:
    """Return all that is known of an operation, by title."""
    about: list[Line] = [
        (f"Started {_time(operation.started_utc)}", ""),
        (f"Ended {_time(operation.ended_utc)}" if operation.ended_utc else "Its end was never noted", ""),
        (f"By {one_line(operation.who[:MAX_TEXT])}", ""),
    ]
    about += [(f"{_name(name)}: {one_line(cell_text(value)[:MAX_TEXT])}", "") for name, value in operation.values
              if name not in ("operation", "even_if_running")]  # fmt: skip
    if operation.wish_value("even_if_running") in (1, "1"):
        about.append(("Also those that were running", ""))
    undone = next((each for each in operations if each.id == operation.undoes), None)
    if undone is not None:
        about.append((f"Takes back: {name_of(undone)}", ""))
    about += [(f"Taken back by: {name_of(each)}", "") for each in operations if each.undoes == operation.id]
    about.append((f"Operation {operation.id}", ""))
    problem: list[Line] = [(one_line(operation.problem[:MAX_TEXT]), "")] if operation.problem else []
    return [("Not changed", skip_lines(operation.skips)), ("What ended it", problem), ("About it", about)]


def _name(name: str) -> str:
    return one_line(name.replace("_", " ").capitalize()[:60])


def _time(cell: str) -> str:
    local = local_time(cell)
    return f"{local:%Y-%m-%d %H:%M:%S} ({cell} UTC)" if local is not None else one_line(cell[:60])


def outcome_of(operation: Operation) -> str:
    """Return what became of an operation, in one sentence."""
    count = f"{operation.changed:,} of {operation.planned:,} tasks"
    match operation.state:
        case State.RUNNING:
            return f"It is being carried out: {count} so far."
        case State.INTERRUPTED:
            return f"The program ended in the middle of it: {count} were changed."
        case State.STAGED:
            return f"The first ones were done, {count}; the rest waits until you finish it or take it back."
        case State.UNDONE:
            return "It was taken back wholly."
        case State.PARTLY_UNDONE:
            return "It was taken back in part: what had moved on since was left as it is."
    return operation.sentence


def undo_refusal(operation: Operation) -> str:
    """Return why an operation cannot be taken back, '' where it can."""
    if operation.can_be_undone:
        return ""
    if operation.state is State.RUNNING:
        return "It is still being carried out."
    if operation.state is State.UNDONE:
        return "It was taken back already; to have it again, take back the undo."
    if not operation.is_kept:
        return "The rows that taking it back needs are no longer kept."
    return "It changed nothing that could be taken back."


def finish_refusal(operation: Operation) -> str:
    """Return why there is nothing to finish, '' where there is."""
    if operation.can_be_finished:
        return ""
    return (
        "It is still being carried out." if operation.state is State.RUNNING else "There is no rest of it to be done."
    )


def rest_of(operation: Operation) -> Plan:
    """Return the rest of an operation as a plan that is shown before it is done; only the operator can do it."""
    left = max(0, operation.planned - operation.changed)
    noun = "1 task" if left == 1 else f"{left:,} tasks"
    sentence = f"The rest of “{name_of(operation)}” will be done: up to {noun}, each of which is looked at anew."
    kind = operation.kind or OperationKind.UNDO  # of a newer program: it is refused, and the reason told
    facts = (
        ("Changed before", f"{operation.changed:,} of {operation.planned:,}"),
        ("Left", f"up to {left:,}"),
        ("Begun", _time(operation.started_utc)),
        ("By", one_line(operation.who[:MAX_TEXT])),
    )
    return Plan(kind, operation.path, left, (), (), (), sentence, values=operation.values, facts=facts)


def operation_text(operation: Operation, operations: tuple[Operation, ...]) -> str:
    """Return all that is known of an operation as plain text for the clipboard."""
    lines = [name_of(operation), f"State: {state_words(operation.state.value)[0]}", operation.sentence]
    for title, found in sections_of(operation, operations):
        lines += [title, *(f"  {figure} {what}".rstrip() for what, figure in found)] if found else []
    lines.append(f"File: {operation.path}")
    return "\n".join(one_line(line) for line in lines)
