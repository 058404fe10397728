"""The files that an export writes: CSV, JSON, NDJSON and a queue file of its own. Owns their forms; reads no queue.

CSV is for spreadsheets: UTF-8 with a byte order mark, CRLF, all texts quoted (RFC 4180), and a text that a spreadsheet
would take for a formula has an apostrophe before it, as OWASP's page on CSV injection advises. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.cells import RawText, bound, mark
from prismq_gui.operations.export_records import ExportFormat
from prismq_gui.queue.schema import SCHEMA_STATEMENTS

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # fullwidth ones too


class Sheet(Protocol):
    """A file in the making."""

    refused: int

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows of a table; a file that is one table takes rows of that one alone."""

    def finish(self) -> None:
        """Write what stands at the end, and close."""

    def close(self) -> None:
        """Close without an end. Idempotent."""


def neutral_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def plain_cell(cell: Cell) -> str | int | float | None:
    """Return a cell as JSON and CSV can hold it: text that is not UTF-8 with escapes, a blob as SQL writes one."""
    if isinstance(cell, RawText):
        return bytes(cell).decode("utf-8", "backslashreplace")
    if isinstance(cell, bytes):
        return f"x'{cell.hex()}'"
    return cell


class CsvSheet:
    """Comma separated values."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.refused = 0
        self._file = path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        self._writer.writerow(columns)

    def add(self, _table: str, _columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows."""
        self._writer.writerows([_csv_cell(cell) for cell in row] for row in rows)

    def finish(self) -> None:
        """Write what is buffered, and close."""
        self._file.close()

    def close(self) -> None:
        """Close."""
        _let_go(self._file)


def _csv_cell(cell: Cell) -> str | int | float:
    shown = plain_cell(cell)
    if shown is None:
        return ""
    if isinstance(shown, str):
        return neutral_text(shown).replace("\0", "\u2400")
    return shown


class JsonSheet:
    """An array of objects, or (``lines``) an object a line."""

    def __init__(self, path: Path, *, lines: bool) -> None:
        self.refused = 0
        self._lines = lines
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._is_first = True
        self._dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode
        if not lines:
            self._file.write("[")

    def add(self, _table: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows."""
        for row in rows:
            text = self._dumps({name: _json_cell(cell) for name, cell in zip(columns, row, strict=True)})
            if self._lines:
                self._file.write(f"{text}\n")
                continue
            self._file.write(f"\n{text}" if self._is_first else f",\n{text}")
            self._is_first = False

    def finish(self) -> None:
        """Write the end, and close."""
        if not self._lines:
            self._file.write("\n]\n")
        self._file.close()

    def close(self) -> None:
        """Close."""
        _let_go(self._file)


def _json_cell(cell: Cell) -> Any:  # noqa: ANN401 - what JSON can hold
    shown = plain_cell(cell)
    if isinstance(shown, float) and (shown != shown or shown in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        return str(shown)
    if isinstance(shown, str) and not shown.isascii():
        return shown.encode("utf-8", "backslashreplace").decode("utf-8")  # a lone surrogate has no form in UTF-8
    return shown


def _let_go(file: io.TextIOBase) -> None:
    with suppress(OSError):  # a full disk: what is buffered cannot be written, and the file goes anyway
        file.close()


class QueueSheet:
    """A queue file of its own, by the contract's schema: rows keep their ids and their exact values."""

    def __init__(self, path: Path) -> None:
        self.refused = 0
        self._connection: sqlite3.Connection | None = sqlite3.connect(path, isolation_level=None)
        try:
            # The file is nobody's until it is whole and named; then it is put on the disk.
            for pragma in ("page_size=4096", "journal_mode=OFF", "synchronous=OFF", "temp_store=MEMORY"):
                self._run(f"PRAGMA {pragma}")
            for statement in SCHEMA_STATEMENTS:
                self._run(statement)
            self._run("BEGIN")
        except BaseException:
            self.close()
            raise

    def _run(self, sql: str, params: Sequence[Cell] = ()) -> None:
        assert self._connection is not None
        self._connection.execute(sql, params).close()

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows; those that are there already stay as they are, those that the schema refuses are counted."""
        head = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES "
        key = columns[0]
        for row in rows:
            try:
                self._run(f"{head}({', '.join(map(mark, row))})", bound(row))
            except (sqlite3.IntegrityError, sqlite3.OperationalError) as error:
                if isinstance(error, sqlite3.OperationalError) and "JSON" not in str(error):
                    raise
                self.refused += 1
                continue
            if not self._has(table, key, row[0]):  # OR IGNORE says nothing of a NULL where none may be
                self.refused += 1

    def _has(self, table: str, key: str, value: Cell) -> bool:
        assert self._connection is not None
        cursor = self._connection.execute(f"SELECT 1 FROM {table} WHERE {key} = ?", (value,))
        try:
            return cursor.fetchone() is not None
        finally:
            cursor.close()

    def finish(self) -> None:
        """End the transaction, and close."""
        self._run("COMMIT")
        self.close()

    def close(self) -> None:
        """Close."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def make_sheet(kind: ExportFormat, path: Path, columns: Sequence[str]) -> Sheet:
    """Begin a file.

    Raises:
        OSError: It cannot be made.
        sqlite3.Error: It cannot be made.
    """
    if kind is ExportFormat.CSV:
        return CsvSheet(path, columns)
    if kind is ExportFormat.SQLITE:
        return QueueSheet(path)
    return JsonSheet(path, lines=kind is ExportFormat.NDJSON)
