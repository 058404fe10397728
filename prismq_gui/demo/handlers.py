"""The demo's handlers: what a program that uses the queue writes. ``registry`` is named on the worker's command line.

Owns the translation from payload to work and from its errors to "again" or "never again".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from prismq_gui.demo.work import UnknownMethodError, compare_files, compress_files, count_files, hash_files
from prismq_gui.queue import HandlerRegistry, PermanentError, TaskContext

TIMEOUT_S: Final = 4.0

registry = HandlerRegistry()


def _files(context: TaskContext) -> list[Path]:
    """Return the payload's files, and say in the task's log how much there is to do."""
    files = [Path(name) for name in context.payload["files"]]
    context.log(f"{len(files)} files to work on", level="DEBUG" if context.attempt == 1 else "INFO")
    return files


@registry.task("hash.files", timeout_s=30)
def hash_task(context: TaskContext) -> dict[str, Any]:
    """Hash files; a hash that does not exist is not tried again."""
    try:
        digest = hash_files(_files(context), context.payload["method"], context.check)
    except UnknownMethodError as error:
        raise PermanentError(str(error)) from error
    return {"digest": digest}


@registry.task("count.text", timeout_s=30)
def count_task(context: TaskContext) -> dict[str, Any]:
    """Count the lines and words of text files. A file that is missing or not text fails, and is tried again."""
    counted = count_files(_files(context), context.payload["encoding"], context.check)
    return {"lines": counted.lines, "words": counted.words, "size_bytes": counted.size_bytes}


@registry.task("compress.files", timeout_s=60)
def compress_task(context: TaskContext) -> dict[str, Any]:
    """Compress files and tell what it saved."""
    method = context.payload["method"]
    try:
        result = compress_files(_files(context), method, context.check)
    except UnknownMethodError as error:
        raise PermanentError(str(error)) from error
    context.log(f"{method} saved {result.saved_percent:.1f} %", before=result.before, after=result.after)
    return {"before": result.before, "after": result.after}


@registry.task("compare.files", timeout_s=TIMEOUT_S)
def compare_task(context: TaskContext) -> dict[str, Any]:
    """Compare all files with all: longer than the time it has."""
    return {"same": compare_files(_files(context), context.check)}
