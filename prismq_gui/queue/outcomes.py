"""What a handler's run came to, wherever it ran."""

from __future__ import annotations

from dataclasses import dataclass

from prismq_gui.queue.exceptions import PermanentError


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; the result is kept in the task's log."""

    result: object = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, took too long, or its process died."""

    error: str
    trace: str = ""
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The handler ended because it was told to (or says so): cancelled, lease lost, or the worker stops."""

    error: str
    trace: str = ""


Outcome = Completed | Failed | Ended


def is_permanent(error: BaseException, permanent: tuple[type[BaseException], ...]) -> bool:
    """Whether no other attempt is to be made after this error."""
    return isinstance(error, (PermanentError, *permanent))


def error_text(error: BaseException) -> str:
    """Return the error's type and message in one text; never raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (an error of a handler's library may not even tell itself)
        return f"{name}: its message can't be read"
    return f"{name}: {text}" if text else name
