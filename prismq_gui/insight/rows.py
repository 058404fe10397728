"""Rows by id: tasks and log lines as lists show them, and all of one task for the detail panel.

Must never select a payload into a list, nor the generated columns ``region`` and ``format``: one
row of malformed JSON would fail the whole statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prismq_gui.insight.connection import ReadConnection, Row, decode_text
from prismq_gui.insight.layout import TASK_COLUMNS, Layout
from prismq_gui.insight.messages import Cell, LogRow, TaskDetail, TaskRow, TextPreview, WorkerRow
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.walking import MAX_INT, MIN_INT, is_about_size, padded

ERROR_CHARACTERS = 300
CELL_CHARACTERS = 1_000  # of any other text in a list
LOG_CHARACTERS = 2_000
PREVIEW_BYTES = 64 * 1024
DETAIL_LOGS = 500
_JSON_BYTES = 1024 * 1024  # larger JSON is not parsed for region and format
_IDS_A_STATEMENT = 256
TOO_LARGE = "(larger than this program reads: over 64 MiB)"


def cut(name: str, characters: int) -> str:
    """Return the expression of a cell, cut where it is long; its type stays, and a NUL does not end it."""
    is_long = f"typeof({name}) IN ('text', 'blob') AND length(CAST({name} AS BLOB)) > {characters}"
    return f"CASE WHEN {is_long} THEN substr({name}, 1, {characters}) ELSE {name} END"


_TEXT_LENGTHS = {
    "type": CELL_CHARACTERS,
    "status": CELL_CHARACTERS,
    "locked_by": CELL_CHARACTERS,
    "error_message": ERROR_CHARACTERS,
    "idempotency_key": CELL_CHARACTERS,
}


def _task_expressions(layout: Layout) -> list[str]:
    parts = ["id"]
    for name in TASK_COLUMNS[1:]:
        parts.append(cut(name, _TEXT_LENGTHS.get(name, 100)) if name in layout.tasks else "NULL")
    return parts


def _log_expressions(layout: Layout) -> list[str]:
    parts = ["log_id"]
    for name, length in (("task_id", 100), ("at_utc", 100), ("level", 100)):
        parts.append(cut(name, length) if name in layout.logs else "NULL")
    for name in ("message", "details"):
        parts.append(cut(name, LOG_CHARACTERS) if name in layout.logs else "NULL")
    for name in ("message", "details"):
        parts.append(f"length(CAST({name} AS BLOB)) > {LOG_CHARACTERS}" if name in layout.logs else "0")
    return parts


def _known_ids(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield the ids that SQLite can hold, in groups for one statement each."""
    known = [each for each in dict.fromkeys(ids) if MIN_INT <= each <= MAX_INT]
    for at in range(0, len(known), _IDS_A_STATEMENT):
        yield known[at : at + _IDS_A_STATEMENT]


def _by_id(connection: ReadConnection, expressions: list[str], table: str, key: str, ids: Sequence[int]) -> list[Row]:
    """Read rows by id; where one of them is too large to be read, the others still are."""
    params, marks = padded(ids)
    sql = f"SELECT {', '.join(expressions)} FROM {table} WHERE {key} IN ({marks})"
    try:
        return connection.rows(sql, params, doing="read the rows")
    except ProblemError as error:
        if not is_about_size(error):
            raise
        if len(ids) == 1:
            return [_cell_by_cell(connection, expressions, f"{table} WHERE {key} = ?", ids[0])]
        half = len(ids) // 2
        return _by_id(connection, expressions, table, key, ids[:half]) + _by_id(
            connection, expressions, table, key, ids[half:]
        )


def _cell_by_cell(connection: ReadConnection, expressions: list[str], source: str, row_id: int) -> Row:
    """Read one row, a statement a cell; what is too large is said to be."""
    cells: list[Cell] = [row_id]
    for expression in expressions[1:]:
        try:
            cells.append(connection.value(f"SELECT {expression} FROM {source}", (row_id,), doing="read the rows"))
        except ProblemError as error:
            if not is_about_size(error):
                raise
            cells.append(TOO_LARGE)
    return tuple(cells)


def task_rows(connection: ReadConnection, layout: Layout, ids: Sequence[int]) -> dict[int, TaskRow]:
    """Return the tasks that exist, by id, in the order of the ids."""
    expressions = _task_expressions(layout)
    found: dict[int, TaskRow] = {}
    for group in _known_ids(ids):
        for row in _by_id(connection, expressions, "task_queue", "id", group):
            task = TaskRow(*row)  # type: ignore[arg-type]
            found[task.id] = task
    return {each: found[each] for each in ids if each in found}


def cells_by_id(
    connection: ReadConnection, layout: Layout, ids: Sequence[int], columns: Sequence[str], characters: int
) -> dict[int, tuple[Cell, ...]]:
    """Return these columns of the tasks that exist, by id; long texts are cut at so many characters."""
    expressions = ["id", *(cut(name, characters) if name in layout.tasks else "NULL" for name in columns)]
    found: dict[int, tuple[Cell, ...]] = {}
    for group in _known_ids(ids):
        for row in _by_id(connection, expressions, "task_queue", "id", group):
            if isinstance(row[0], int):
                found[row[0]] = row[1:]
    return found


def log_rows(connection: ReadConnection, layout: Layout, ids: Sequence[int]) -> dict[int, LogRow]:
    """Return the log lines that exist, by id, in the order of the ids."""
    if not layout.logs:
        return {}
    expressions = _log_expressions(layout)
    found: dict[int, LogRow] = {}
    for group in _known_ids(ids):
        for row in _by_id(connection, expressions, "task_logs", "log_id", group):
            line = _log_row(row)
            found[line.log_id] = line
    return {each: found[each] for each in ids if each in found}


def _log_row(row: Row) -> LogRow:
    log_id, task_id, at_utc, level, message, details, long_message, long_details = row
    assert isinstance(log_id, int)
    return LogRow(log_id, task_id, at_utc, level, message, details, bool(long_message or long_details))


def task_detail(
    connection: ReadConnection, layout: Layout, task_id: int, worker: WorkerRow | None
) -> TaskDetail | None:
    """Return all of one task, None where it does not exist. ``worker`` is handed through."""
    row = task_rows(connection, layout, (task_id,)).get(task_id)
    if row is None:
        return None
    logs = newest_logs_of(connection, layout, task_id, DETAIL_LOGS + 1)
    return TaskDetail(
        row=row,
        payload=preview(connection, layout, task_id, "payload"),
        compatibility=preview(connection, layout, task_id, "compatibility"),
        error=preview(connection, layout, task_id, "error_message"),
        region=_json_field(connection, layout, task_id, "compatibility", "$.region"),
        format=_json_field(connection, layout, task_id, "payload", "$.format"),
        logs=tuple(logs[-DETAIL_LOGS:]),
        logs_truncated=len(logs) > DETAIL_LOGS,
        worker=worker,
    )


def newest_logs_of(connection: ReadConnection, layout: Layout, task_id: int, limit: int) -> list[LogRow]:
    """Return a task's newest log lines, oldest of them first."""
    if not layout.logs or "task_id" not in layout.logs:
        return []
    newest = "+log_id" if layout.has_log_index else "log_id"
    sql = f"SELECT log_id FROM task_logs WHERE task_id = ? ORDER BY {newest} DESC LIMIT ?"
    rows = connection.rows(sql, (task_id, limit), doing="read the task's log")
    ids = [row[0] for row in reversed(rows) if isinstance(row[0], int)]
    return list(log_rows(connection, layout, ids).values())


def preview(connection: ReadConnection, layout: Layout, task_id: int, column: str) -> TextPreview:
    """Return the beginning of a long text, and its whole size."""
    if column not in layout.tasks:
        return TextPreview("", 0, False, "null")
    kind = connection.value(f"SELECT typeof({column}) FROM task_queue WHERE id = ?", (task_id,), doing="read the task")
    if kind is None or kind == "null":
        return TextPreview("", 0, False, "null")
    if kind not in ("text", "blob"):
        value = connection.value(f"SELECT {column} FROM task_queue WHERE id = ?", (task_id,), doing="read the task")
        return TextPreview(str(value), len(str(value)), False)
    found = connection.blob_preview("task_queue", column, task_id, PREVIEW_BYTES)
    if found is None:
        found = _preview_by_statement(connection, task_id, column)
    if found is None:
        return TextPreview(TOO_LARGE, 0, True, "text")
    raw, size = found
    truncated = size > len(raw)
    if kind == "blob":
        return TextPreview(raw.hex(" "), size, truncated, "blob")
    return TextPreview(decode_text(_whole_characters(raw) if truncated else raw), size, truncated)


def _preview_by_statement(connection: ReadConnection, task_id: int, column: str) -> tuple[bytes, int] | None:
    cell = f"CAST({column} AS BLOB)"
    sql = f"SELECT substr({cell}, 1, {PREVIEW_BYTES}), length({cell}) FROM task_queue WHERE id = ?"
    try:
        rows = connection.rows(sql, (task_id,), doing="read the task")
    except ProblemError as error:
        if not is_about_size(error) and error.problem.kind is not ProblemKind.FAILED:
            raise
        return None
    if not rows or not isinstance(rows[0][0], bytes) or not isinstance(rows[0][1], int):
        return b"", 0
    return rows[0][0], rows[0][1]


def _whole_characters(raw: bytes) -> bytes:
    """Return UTF-8 bytes without a character that was cut at the end."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte < 0x80:
            return raw
        if byte >= 0xC0:
            width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return raw if width <= back else raw[:-back]
    return raw


def _json_field(connection: ReadConnection, layout: Layout, task_id: int, column: str, path: str) -> str:
    """Return a field of a JSON text as text, '' where there is none or the JSON cannot be read."""
    if column not in layout.tasks:
        return ""
    guard = f"typeof({column}) = 'text' AND length(CAST({column} AS BLOB)) <= {_JSON_BYTES} AND json_valid({column})"
    sql = f"SELECT CASE WHEN {guard} THEN json_extract({column}, '{path}') END FROM task_queue WHERE id = ?"
    try:
        value: Cell = connection.value(sql, (task_id,), doing="read the task")
    except ProblemError as error:
        if error.problem.kind in (ProblemKind.CORRUPT, ProblemKind.FAILED, ProblemKind.TOO_SLOW):
            return ""
        raise
    if value is None:
        return ""
    return decode_text(value) if isinstance(value, bytes) else str(value)
