"""Room on the disk: what is free, what a vacuum needs, and where SQLite puts temporary files."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOM_FACTOR = 1.1  # VACUUM writes the whole file into a temporary one, and again into the WAL beside it


@dataclass(frozen=True, slots=True)
class VacuumRoom:
    """The room a vacuum needs and has. All in bytes.

    Attributes:
        needed: On each side: beside the file, and for temporary files.
        beside: Free beside the file.
        temp: Free for temporary files.
        together: Both are on one volume, which has not the room for both copies.
    """

    needed: int
    beside: int
    temp: int
    together: bool

    @property
    def enough(self) -> bool:
        """Whether there is room on both sides, and for both where they are one volume."""
        return self.beside >= self.needed and self.temp >= self.needed and not self.together


def vacuum_room(size: int, beside: int, temp: int, *, same_volume: bool) -> VacuumRoom:
    """Return what a vacuum of ``size`` bytes needs against what is free."""
    needed = int(size * ROOM_FACTOR)
    return VacuumRoom(needed, beside, temp, same_volume and min(beside, temp) < 2 * needed)


def temp_folder() -> Path:
    """Return where SQLite puts temporary files: its own order of variables and folders."""
    if os.name == "nt":  # it asks GetTempPath, whose order is not that of Python's tempfile
        its_order = (os.environ.get(name) for name in ("TMP", "TEMP", "USERPROFILE"))
        found = (Path(name) for name in its_order if name and os.path.isdir(name))  # noqa: PTH112
        return next(found, Path(tempfile.gettempdir()))
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    folders = (*(name for name in named if name), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 (SQLite's list)
    usable = (Path(name) for name in folders if os.path.isdir(name) and os.access(name, os.W_OK | os.X_OK))  # noqa: PTH112
    return next(usable, Path.cwd())


def free_bytes(folder: Path) -> int:
    """Return the free space for this account on a folder's volume."""
    return shutil.disk_usage(folder).free


def same_volume(one: Path, other: Path) -> bool:
    """Return whether two folders are on one volume."""
    return one.stat().st_dev == other.stat().st_dev


def bytes_text(count: int) -> str:
    """Return a size in words: 512 bytes, 3.0 KiB, 1.5 GiB."""
    if count < 1024:
        return f"{count:,} bytes"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"
