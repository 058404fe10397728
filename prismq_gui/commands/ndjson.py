"""Tasks as lines of JSON, one a line, as ``enqueue --lines`` reads them: a file or stdin, never held as a whole."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from prismq_gui.commands.command import UsageError
from prismq_gui.queue.payloads import NewTask
from prismq_gui.queue.timestamps import parse_utc

LONGEST_LINE_BYTES = 4 * 1024 * 1024  # the queue itself refuses more than it allows
_FIELDS = frozenset(NewTask.__slots__) | {"delay_s"}


class TaskLines:
    """The tasks in the lines of a source; ``number`` is the line read last, from 1.

    Args:
        source: The bytes.
        defaults: What each task has beside its line; where it has a type, a line is a payload, else a whole task.
    """

    def __init__(self, source: IO[bytes], defaults: dict[str, Any]) -> None:
        self.number = 0
        self._source = source
        self._defaults = defaults

    def __iter__(self) -> Iterator[NewTask]:
        while line := self._source.readline(LONGEST_LINE_BYTES + 1):
            self.number += 1
            if len(line) > LONGEST_LINE_BYTES:
                raise UsageError(f"the line is longer than {LONGEST_LINE_BYTES:,} bytes")
            try:
                text = line.decode("utf-8-sig" if self.number == 1 else "utf-8").strip(" \t\r\n")
            except UnicodeDecodeError as error:
                raise UsageError("the line is not UTF-8") from error
            if text:
                yield self._task(text)

    def _task(self, text: str) -> NewTask:
        if "type" in self._defaults:
            return NewTask(payload=text, **self._defaults)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the line is not JSON: {error}") from error
        if not isinstance(value, dict) or "type" not in value:
            raise UsageError("each line must be a JSON object with a type and perhaps a payload, unless TYPE is given")
        unknown = sorted(value.keys() - _FIELDS)
        if unknown:
            raise UsageError(f"{unknown[0]!r:.60} is no field of a task; they are {', '.join(sorted(_FIELDS))}")
        return NewTask(**(self._defaults | _with_moment(value)))


def _with_moment(value: dict[str, Any]) -> dict[str, Any]:
    """Return the task's fields with its ``run_after`` (a text) or ``delay_s`` as a moment."""
    delay_s, text = value.pop("delay_s", None), value.pop("run_after", None)
    if delay_s is not None:
        if text is not None:
            raise UsageError("give run_after or delay_s, not both")
        if isinstance(delay_s, bool) or not isinstance(delay_s, (int, float)) or not 0 <= delay_s <= 100 * 365 * 86_400:
            raise UsageError(f"delay_s must be a number of seconds from 0 to 100 years, not {delay_s!r:.60}")
        return value | {"run_after": timedelta(seconds=delay_s)}
    if text is None:
        return value
    moment = parse_utc(text)
    if moment is None:
        raise UsageError(f"run_after must be a time such as '2026-03-01 12:00:00', not {text!r:.60}")
    return value | {"run_after": moment}


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file, or stdin for ``-``.

    Raises:
        UsageError: There is no such file, or no stdin.
    """
    if name == "-":
        if sys.stdin is None:
            raise UsageError("there is no stdin to read tasks from")
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; errors of the block are not those of opening
    except (OSError, ValueError) as error:
        raise UsageError(f"tasks cannot be read from {name}: {getattr(error, 'strerror', None) or error}") from error
    with file:
        yield file


def defaults(options: argparse.Namespace, **more: object) -> dict[str, Any]:
    """Return what the arguments give each task, without what no line must repeat."""
    found: dict[str, Any] = {"priority": options.priority, "max_attempts": options.max_attempts, **more}
    if options.type is not None:
        found["type"] = options.type
    return {name: value for name, value in found.items() if value is not None}
