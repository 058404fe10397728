"""The line below a search: whether an index is kept, how far it is, how much room it takes, and the one switch.

Owns the words of the index's states. Must not build or delete: it tells what is wanted.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from prismq_gui.insight.search_index import IndexState, IndexStatus
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.plain_text import tooltip
from prismq_gui.views.status_line import human_bytes

_OFF = (
    "Off: each search reads the file. An index makes searches quick; it takes up to 1 GiB in your cache folder, holds "
    "parts of what tasks carry, and leaves the queue file untouched. Switching it off deletes it."
)
_NO_FOLDER = "No folder for an index was found; each search reads the file."


class IndexBar(QWidget):
    """One switch and a sentence. GUI thread. ``switched`` carries whether an index is wanted."""

    switched = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "index-bar")
        self._has_folder = True
        self.switch = QCheckBox("Keep an &index for quick searches", self)
        self.switch.setToolTip(tooltip(_OFF))
        self.switch.clicked.connect(self._on_switch_clicked)
        self.words = ElidedLabel("muted", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.space(3), theme.space(1.5), theme.space(3), theme.space(1.5))
        layout.setSpacing(theme.space(3))
        layout.addWidget(self.switch)
        layout.addWidget(self.words, 1)
        self.show_status(None)

    def set_on(self, on: bool) -> None:
        """Show whether an index is kept, without telling it."""
        self.switch.setChecked(on)
        self.show_status(None)

    def set_has_folder(self, has: bool) -> None:
        """Say whether there is a folder for an index at all."""
        self._has_folder = has
        self.switch.setEnabled(has)
        self.show_status(None)

    def show_status(self, status: IndexStatus | None) -> None:
        """Say how it stands with the index; None where nothing is known of it."""
        if not self._has_folder:
            text = _NO_FOLDER
        elif not self.switch.isChecked():
            left = status is not None and status.size_bytes > 0
            text = status.note if status is not None and left and status.note else _OFF
        else:
            text = words_of(status) if status is not None else "It is built while a file is open."
        self.words.show_text(text)
        self.words.setAccessibleName(text)

    def _on_switch_clicked(self, on: bool) -> None:
        self.show_status(None)
        self.switched.emit(on)


def words_of(status: IndexStatus) -> str:
    """Return a sentence on the state of an index, with its size."""
    size = human_bytes(status.size_bytes)
    most = f" of at most {human_bytes(status.limit_bytes)}" if status.limit_bytes else ""
    shares = f"{status.tasks_share:.0%} of the tasks, {status.logs_share:.0%} of the log lines"
    words = {
        IndexState.OFF: "Deleted.",
        IndexState.BUILDING: f"Being built: {shares}. {size}{most}.",
        IndexState.COMPLETE: f"Up to date: {size}{most}.",
        IndexState.FULL: f"The limit is reached: {shares}, the newest. {size}. Older rows are read from the file.",
        IndexState.NO_ROOM: f"No room on the disk: {shares}. {size}.",
        IndexState.ELSEWHERE: f"Built by another window: {shares}. {size}{most}.",
        IndexState.UNAVAILABLE: "Not available.",
    }[status.state]
    return f"{words} {status.note}" if status.note and status.note not in words else words
