"""The kinds of care of a file, apart from their records: the window names them at its start, and needs no more then."""

from __future__ import annotations

from enum import Enum


class CareKind(Enum):
    """What can be done for a file as a whole, beside a vacuum."""

    CHECKPOINT = "checkpoint"
    OPTIMIZE = "optimize"
    ANALYZE = "analyze"
    INTEGRITY = "integrity"
    FOREIGN_KEYS = "foreign keys"
    BACKUP = "backup"
    VERIFY = "verify"
    RESTORE = "restore"
    RETENTION = "retention"
    RELEASE = "release"

    @property
    def writes(self) -> bool:
        """Whether it writes the queue's file."""
        return self not in _ONLY_READ


_ONLY_READ = frozenset({CareKind.INTEGRITY, CareKind.FOREIGN_KEYS, CareKind.BACKUP, CareKind.VERIFY})
