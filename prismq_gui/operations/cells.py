"""Cells as they stand in the file, lossless: read exactly, written back exactly, kept as text in the journal.

Owns the stand-in for text that is not UTF-8, and the packed form of rows. Knows no table.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from prismq_gui.insight.messages import Cell

Cells: TypeAlias = "tuple[Cell, ...]"

_LEVEL = 1  # of compression: 100 MB a second here, and rows of a queue shrink to a fifth
_TEXT, _BLOB = "t", "b"


class RawText(bytes):
    """The bytes of a text cell that is not UTF-8. Plain ``bytes`` are a blob."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """A text is never equal to a blob of the same bytes."""
        return isinstance(other, RawText) and bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((_TEXT, bytes(self)))


def exact_text(raw: bytes) -> str | bytes:
    """Return a text cell as it is (``text_factory`` of a connection)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return RawText(raw)


def mark(cell: Cell) -> str:
    """Return what stands for a cell in a statement."""
    return "CAST(? AS TEXT)" if isinstance(cell, RawText) else "?"


def bound(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells as parameters of a statement whose marks :func:`mark` made."""
    return [bytes(cell) if isinstance(cell, RawText) else cell for cell in cells]


def pack(value: object) -> bytes:
    """Return lists, text, numbers, None and cells of any type in a compact form."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_as_json)
    return zlib.compress(text.encode("ascii"), _LEVEL)


def unpack(data: bytes) -> Any:  # noqa: ANN401 - whatever was packed
    """Return what was packed; lists stay lists.

    Raises:
        ValueError: The bytes were not made by :func:`pack`, or are damaged.
    """
    try:
        return json.loads(zlib.decompress(data), object_hook=_from_json)
    except (zlib.error, RecursionError, KeyError, TypeError) as error:
        raise ValueError("the stored rows cannot be read") from error


def _as_json(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {_TEXT if isinstance(value, RawText) else _BLOB: base64.b64encode(value).decode("ascii")}
    raise TypeError(f"a cell cannot be {type(value).__name__}")


def _from_json(found: dict[str, str]) -> object:
    if len(found) == 1:
        ((key, text),) = found.items()
        if key in (_TEXT, _BLOB):
            raw = base64.b64decode(text)
            return RawText(raw) if key == _TEXT else raw
    return found
