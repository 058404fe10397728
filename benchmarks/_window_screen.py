"""A display of its own for `window.py`, and eyes on it: Xvfb keeps its picture in a file that can be read at no cost.

Owns the X server, the window manager, and what "the first rows are painted" means from outside: nine tenths of the
pixels of the rows' writing, as they look at the end of a run before, stand on the screen. The same for every program.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 1600, 1000
LOOK_S = 0.004
SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the screen, in pixels."""

    x: int
    y: int
    width: int
    height: int


class Screen:
    """The running display; `environment` is for the programs that are to be shown on it."""

    def __init__(self, display: str, picture: Path, compiled: Path) -> None:
        self.environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        # A program that is installed finds its modules compiled.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment["PYTHONPYCACHEPREFIX"] = str(compiled)
        with picture.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        head = struct.unpack(">25I", self._memory[:100])
        self._start, self._line = head[0] + head[19] * 12, head[12]

    def read(self, box: Box) -> bytes:
        """Return the pixels of a part, four bytes each."""
        first = self._start + box.x * 4
        lines = (first + (box.y + y) * self._line for y in range(box.height))
        return b"".join(self._memory[at : at + box.width * 4] for at in lines)

    def save(self, path: Path) -> None:
        """Write what is on the screen as a PNG."""
        lines = []
        for y in range(HEIGHT):
            line = self.read(Box(0, y, WIDTH, 1))
            colours = bytearray(WIDTH * 3)
            colours[0::3], colours[1::3], colours[2::3] = line[2::4], line[1::4], line[0::4]
            lines.append(b"\0" + bytes(colours))
        parts = ((b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)),
                 (b"IDAT", zlib.compress(b"".join(lines), 6)), (b"IEND", b""))  # fmt: skip
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for name, content in parts:
                file.write(struct.pack(">I", len(content)) + name + content)
                file.write(struct.pack(">I", zlib.crc32(name + content)))

    def close(self) -> None:
        self._memory.close()


@contextmanager
def a_screen() -> Iterator[Screen]:
    """Start Xvfb, and openbox where it is installed: a window behaves otherwise without a window manager."""
    if shutil.which("Xvfb") is None:
        raise SystemExit("Xvfb is needed: what is measured is a real window. On Debian: apt install xvfb openbox")
    with tempfile.TemporaryDirectory(prefix="prismq-screen-") as folder:
        read, write = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", folder,
             "-nolisten", "tcp"],
            pass_fds=(write,), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        screen = Screen(display, Path(folder) / "Xvfb_screen0", Path(folder) / "compiled")
        root = Path(__file__).parents[1]
        compiling = [sys.executable, "-m", "compileall", "-q", str(root / "prismq_gui"), str(root / "benchmarks")]
        subprocess.run(compiling, env=screen.environment, check=True)
        manager = None
        if shutil.which("openbox"):
            manager = subprocess.Popen(["openbox"], env=screen.environment, stderr=subprocess.DEVNULL)
            time.sleep(0.5)  # else the first window comes up without it
        try:
            yield screen
        finally:
            screen.close()
            for process in (manager, server):
                if process is not None:
                    process.terminate()
                    process.wait(10)


@dataclass(frozen=True, slots=True)
class Look:
    """How the rows look: the places of the writing's pixels in a box, and their colours."""

    box: Box
    ink: tuple[tuple[int, int], ...]

    def is_seen(self, pixels: bytes) -> bool:
        """Whether the rows stand in these pixels of the box."""
        colours = memoryview(pixels).cast("I")
        return sum(colours[at] == colour for at, colour in self.ink) >= SHARE * len(self.ink)


def look_of(screen: Screen, box: Box) -> Look:
    """Take how the rows look from what is on the screen now."""
    colours = memoryview(screen.read(box)).cast("I")
    ground = Counter(colours).most_common(1)[0][0]
    ink = tuple((at, colour) for at, colour in enumerate(colours) if colour != ground)
    if len(ink) < len(colours) // 100:
        raise SystemExit(f"no rows are to be seen in {box}: {len(ink)} pixels that are not ground")
    return Look(box, ink)


def seen_after(screen: Screen, look: Look, began: float, limit_s: float) -> float | None:
    """Return how long after ``began`` (monotonic) the rows were painted, in seconds; None past the limit."""
    last = b""
    while (now := time.monotonic()) - began < limit_s:
        pixels = screen.read(look.box)
        if pixels != last and look.is_seen(pixels):
            return now - began
        last = pixels
        time.sleep(LOOK_S)  # 1 % of a core for the looking
    return None
