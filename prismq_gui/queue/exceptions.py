"""The errors of the queue; every one says what failed, on which file, and what was not changed."""

from __future__ import annotations


class QueueDatabaseError(Exception):
    """A queue file could not be read or written."""


class QueueBusyError(QueueDatabaseError):
    """Another writer held the file past the timeout; nothing was changed, try again."""


class QueueSchemaError(QueueDatabaseError):
    """The file lacks what the queue needs, or SQLite is too old; nothing was changed."""


class LeaseLost(QueueDatabaseError):  # noqa: N818 (the field's name for it)
    """The task is no longer this worker's: its lease ended and it was claimed, cancelled or removed."""


class PermanentError(Exception):
    """Raised by a handler: the task cannot succeed, so it is failed without another attempt."""


class TaskTimeout(Exception):  # noqa: N818 (the field's name for it)
    """Raised at a handler's next check once its time is over; counts as a transient failure."""


class TaskCancelled(Exception):  # noqa: N818 (the field's name for it)
    """Raised at a handler's next check when the task is cancelled, the worker gives it back, or its lease was lost."""
