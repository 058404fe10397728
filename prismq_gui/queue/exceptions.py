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


def _both(kind: type[QueueDatabaseError], raised: type[Exception]) -> type[QueueDatabaseError]:
    # Made here, it can't be found by name: pickled (to another process) it becomes the queue's error alone.
    members = {"__module__": kind.__module__, "__reduce__": lambda error: (kind, error.args)}
    return type(kind.__name__, (kind, raised), members)


def as_both(error: Exception, told: QueueDatabaseError) -> QueueDatabaseError:
    """Return the queue's error for one of SQLite's that is of SQLite's class too, with its code.

    For statements that a program runs itself, on a connection lent to it: it may expect either.
    """
    if isinstance(error, QueueDatabaseError):
        return error
    both = _both(type(told), type(error))(*told.args)
    for name in ("sqlite_errorcode", "sqlite_errorname"):  # since Python 3.11
        if hasattr(error, name):
            setattr(both, name, getattr(error, name))
    return both
