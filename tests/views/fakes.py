"""A model of ids over plain strings, and records as the reader makes them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt

from prismq_gui.insight.messages import LogRow, TaskDetail, TaskRow, TextPreview

EVIL = '<b>bold</b> <img src="file:///etc/passwd"> <a href="file:///">x</a> & ampersand'
COLUMNS = ("id", "type", "status", "error_message")


class ListModel(QAbstractTableModel):
    """Rows by id, newest first, with the public names that the table asks for."""

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.ids: Sequence[int] = range(count, 0, -1) if count > 10_000 else list(range(count, 0, -1))
        self.holds: list[bool] = []
        self.missing: set[int] = set()
        self.text = "job"
        self.asked = 0

    def rowCount(self, parent=QModelIndex()):  # noqa: B008
        return 0 if parent.isValid() else len(self.ids)

    def columnCount(self, parent=QModelIndex()):  # noqa: B008
        return len(COLUMNS)

    def headerData(self, section, orientation, role=Qt.ItemDataRole.DisplayRole):
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title()
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.UserRole:
            return COLUMNS[section]
        return None

    def data(self, index, role=Qt.ItemDataRole.DisplayRole):
        cells = self.cells(index.row())
        return cells[index.column()] if cells and role == Qt.ItemDataRole.DisplayRole else None

    def flags(self, index):
        self.asked += 1
        return super().flags(index)

    def cells(self, row):
        id = self.ids[row]
        return None if id in self.missing else (str(id), self.text, "failed" if id % 2 else "queued", f"error {id}")

    def id_at(self, row):
        return self.ids[row] if 0 <= row < len(self.ids) else None

    def row_of(self, id):
        return self.ids.index(id) if id in self.ids else None

    def hold(self, held):
        self.holds.append(held)

    def insert(self, row: int, *ids: int) -> None:
        self.beginInsertRows(QModelIndex(), row, row + len(ids) - 1)
        self.ids[row:row] = ids
        self.endInsertRows()

    def remove(self, row: int, count: int) -> None:
        self.beginRemoveRows(QModelIndex(), row, row + count - 1)
        del self.ids[row : row + count]
        self.endRemoveRows()

    def rearrange(self, ids: list[int]) -> None:
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        moved = [self.index(ids.index(self.ids[index.row()]), index.column()) for index in kept]
        self.ids = ids
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()


def text(value: str | None, **changes) -> TextPreview:
    fields = {"text": value or "", "size_bytes": len(value or ""), "truncated": False}
    return TextPreview(**(fields | {"kind": "null" if value is None else "text"} | changes))


def task_row(**changes) -> TaskRow:
    fields = dict.fromkeys(TaskRow.__slots__)
    fields |= {"id": 7, "type": "video.render", "status": "failed", "priority": 100, "attempts": 3, "max_attempts": 5}
    fields |= {"created_at_utc": "2025-11-05 10:00:00", "finished_at_utc": "2025-11-05T11:00:00.5+00:00"}
    return TaskRow(**(fields | changes))


def log(log_id: int, message: str = "started", level: str = "INFO", details: str | None = None) -> LogRow:
    return LogRow(log_id, 7, "2025-11-05 10:00:00", level, message, details)


def detail(row: TaskRow | None = None, **changes) -> TaskDetail:
    fields = {
        "row": row or task_row(),
        "payload": text('{"format": "mp4", "parts": [1, 2.50, {"deep": null}]}'),
        "compatibility": text("{}"),
        "error": text("ValueError: no\n  at line 3"),
        "region": "eu",
        "format": "mp4",
        "logs": (log(1), log(2, "failed", "ERROR", '{"try": 1}')),
        "logs_truncated": False,
        "worker": None,
    }
    return TaskDetail(**(fields | changes))
