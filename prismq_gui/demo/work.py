"""The work that the demo's tasks do, on files that are really there, as plain functions.

Owns reading, hashing, counting and compressing. Must not know the queue: the handlers hand payloads in and results
out. Each function calls ``tick`` between pieces, so that a time-out or a stop ends it within some milliseconds.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import sys
import sysconfig
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Tick = Callable[[], None]
PIECE_BYTES: Final = 64 * 1024
HASHES: Final = ("sha256", "blake2b", "sha1")
METHODS: Final = ("zlib", "bz2", "lzma")


class UnknownMethodError(ValueError):
    """The task asks for a way of hashing or compressing that does not exist: trying again can't help."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines, words and bytes of some files."""

    lines: int
    words: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Compressed:
    """Sizes in bytes before and after."""

    before: int
    after: int

    @property
    def saved_percent(self) -> float:
        """How much smaller it became, in percent of the size before."""
        return 100.0 * (1 - self.after / self.before) if self.before else 0.0


def source_files() -> list[Path]:
    """Return files to work on: the standard library's sources, or what lies beside a frozen program."""
    library = Path(sysconfig.get_path("stdlib"))
    found = sorted(
        path for folder in ("", "asyncio", "email", "json", "http") for path in (library / folder).glob("*.py")
    )
    if len(found) < 20:
        found = sorted(path for path in Path(sys.executable).parent.rglob("*") if path.is_file())[:500]
    return found


def hash_files(paths: Sequence[Path], method: str, tick: Tick) -> str:
    """Return one hexadecimal digest over the content of all files."""
    if method not in HASHES:
        raise UnknownMethodError(f"There is no hash called {method!r}; there are {', '.join(HASHES)}")
    digest = hashlib.new(method)
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                tick()
    return digest.hexdigest()


def count_files(paths: Sequence[Path], encoding: str, tick: Tick) -> Counted:
    """Count lines, words and bytes of text files; a file in another encoding raises UnicodeDecodeError."""
    lines = words = size = 0
    for path in paths:
        with path.open(encoding=encoding) as file:
            for line in file:
                lines += 1
                words += len(line.split())
                if lines % 1_000 == 0:
                    tick()
        size += path.stat().st_size
        tick()
    return Counted(lines, words, size)


def compress_files(paths: Sequence[Path], method: str, tick: Tick) -> Compressed:
    """Compress the files, one stream each, in memory."""
    compress: dict[str, Callable[[bytes], bytes]] = {"zlib": zlib.compress, "bz2": bz2.compress, "lzma": lzma.compress}
    if method not in compress:
        raise UnknownMethodError(f"There is no compression called {method!r}; there are {', '.join(METHODS)}")
    before = after = 0
    for path in paths:
        content = path.read_bytes()
        before += len(content)
        after += len(compress[method](content))
        tick()
    return Compressed(before, after)


def compare_files(paths: Sequence[Path], tick: Tick) -> int:
    """Compare each file with each other one byte by byte; return the bytes they have in common at the same place.

    It takes hours over the whole standard library: the demo's task that runs into its time-out.
    """
    same = 0
    contents = [path.read_bytes() for path in paths]
    for one in contents:
        for other in contents:
            for start in range(0, min(len(one), len(other)), 4_096):
                same += sum(
                    a == b for a, b in zip(one[start : start + 4_096], other[start : start + 4_096], strict=False)
                )
                tick()
    return same
