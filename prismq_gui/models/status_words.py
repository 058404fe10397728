"""What a status is called, the same on chips, in cells, panels and previews; the stored value is one step away.

Owns the vocabulary. What a status means stands in :mod:`prismq_gui.insight.states`. Must never raise: cells come
from an untrusted file.
"""

from __future__ import annotations

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.states import StatusKind, status_kind
from prismq_gui.models.text import cell_text

KIND_WORDS = {
    StatusKind.WAITING: "Waiting",
    StatusKind.RUNNING: "Running",
    StatusKind.COMPLETED: "Completed",
    StatusKind.FAILED: "Failed",
    StatusKind.DEAD: "Dead",
    StatusKind.CANCELLED: "Cancelled",
}
_KINDS = {words: kind for kind, words in KIND_WORDS.items()}


def status_words(status: Cell) -> str:
    """Return a status in words; one that is not ours as it stands, in quotes where it would pass for one of ours."""
    known = KIND_WORDS.get(status_kind(status))
    if known is not None:
        return known
    shown = cell_text(status)
    return f"“{shown}”" if shown.strip().capitalize() in _KINDS else shown


def full_status_words(status: Cell) -> str:
    """Return a status in words, with the stored value behind them where that is another one."""
    words, stored = status_words(status), cell_text(status)
    is_same = status_kind(status) is StatusKind.OTHER or stored == words.lower()
    return words if is_same else f"{words} ({stored})"


def kind_of_words(words: str) -> StatusKind:
    """Return what a status in words means."""
    return _KINDS.get(words, StatusKind.OTHER)


def typed_status(status: str) -> str:
    """Return what the filter language calls a status; it takes the stored names as well."""
    known = KIND_WORDS.get(status_kind(status))
    return known.lower() if known is not None else status
