"""What the demo asks for: an endless, varied stream of orders to enqueue.

Owns the choice of work, priorities, regions, due times and truly failing cases. Must not enqueue: the producer does.
The stream is random with a fixed seed, so that two demos look alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

REGIONS: Final = ("eu", "us")
UNSERVED_REGION: Final = "moon"  # no worker of the demo is there: its tasks wait, and the reader may ask why
URGENT, NORMAL, BACKGROUND = 10, 100, 200


@dataclass(frozen=True, slots=True)
class Order:
    """One task to enqueue. ``delay`` is how long after now it is due; ``makes`` is a file to write later."""

    type: str
    payload: dict[str, object]
    priority: int = NORMAL
    compatibility: dict[str, object] = field(default_factory=dict)
    delay: timedelta = timedelta()
    max_attempts: int = 3
    idempotency_key: str | None = None
    makes: Path | None = None


class OrderBook:
    """Makes orders over a list of real files and an inbox folder. Used by one thread."""

    def __init__(self, files: Sequence[Path], inbox: Path, *, seed: int = 7) -> None:
        self._names = [str(path) for path in files]
        self._inbox = inbox
        self._random = random.Random(seed)  # noqa: S311 - variety, not secrecy
        self._number = 0

    def stream(self) -> Iterator[Order]:
        """Yield orders for ever: of each forty thirteen are special, and the rest is ordinary work."""
        special = {  # by place in each forty
            3: self._missing,
            6: self._undecodable,
            8: self._impossible,
            10: self._endless,  # seldom: each takes a worker twice for the whole time-out
            12: self._late,
            14: self._unserved,
            16: self._later,
            18: self._nightly,
            23: self._missing,
            26: self._undecodable,
            32: self._late,
            36: self._later,
            38: self._nightly,
        }
        while True:
            self._number += 1
            yield special.get(self._number % 40, self._ordinary)()

    def _count(self, path: Path) -> Order:
        return Order("count.text", {"files": [str(path)], "encoding": "utf-8", "format": "text"})

    def _missing(self) -> Order:
        """A file that is not there, and never will be."""
        return self._count(self._inbox / f"report-{self._number:05}.txt")

    def _late(self) -> Order:
        """A file that comes some seconds later: passes at the second or third attempt."""
        path = self._inbox / f"late-{self._number:05}.txt"
        return replace(self._count(path), max_attempts=8, makes=path)

    def _undecodable(self) -> Order:
        """A file that is not UTF-8: a letter from an old Czech program."""
        path = self._inbox / f"letter-{self._number:05}.txt"
        path.write_bytes("Příliš žluťoučký kůň úpěl ďábelské ódy\r\n".encode("cp1250") * 40)
        return self._count(path)

    def _impossible(self) -> Order:
        """Ask for a hash that does not exist: failed at once, without another attempt."""
        return Order("hash.files", {"files": self._names[:1], "method": "md6", "format": "digest"}, URGENT)

    def _endless(self) -> Order:
        """Work for hours: runs into its time-out."""
        return Order("compare.files", {"files": self._names[:60], "format": "number"}, BACKGROUND, max_attempts=2)

    def _unserved(self) -> Order:
        """Wait for a worker that there is not."""
        payload: dict[str, object] = {"files": self._names[:5], "method": "zlib", "format": "zip"}
        return Order("compress.files", payload, compatibility={"region": UNSERVED_REGION})

    def _later(self) -> Order:
        """Due in a while."""
        delay = timedelta(minutes=self._random.choice((1, 5, 60, 24 * 60)))
        payload: dict[str, object] = {"files": self._names[:9], "method": "sha256", "format": "digest"}
        return Order("hash.files", payload, BACKGROUND, delay=delay)

    def _nightly(self) -> Order:
        """Ask under a key; two of three such orders are there already."""
        payload: dict[str, object] = {"files": self._names, "method": "blake2b", "format": "digest"}
        return Order("hash.files", payload, idempotency_key=f"nightly-{self._number // 60}")

    def _ordinary(self) -> Order:
        choose = self._random
        files = choose.sample(self._names, choose.randint(1, min(24, len(self._names))))
        priority = choose.choices((URGENT, NORMAL, BACKGROUND), (1, 6, 2))[0]
        region: dict[str, object] = {"region": choose.choice(REGIONS)} if choose.random() < 0.4 else {}
        kind = choose.choices(("hash", "count", "compress"), (3, 3, 4))[0]
        if kind == "hash":
            payload: dict[str, object] = {"files": files, "method": "sha256", "format": "digest"}
            return Order("hash.files", payload, priority, region)
        if kind == "count":
            payload = {"files": files, "encoding": "utf-8", "format": "text"}
            return Order("count.text", payload, priority, region)
        payload = {"files": files, "method": choose.choices(("zlib", "bz2", "lzma"), (2, 2, 3))[0], "format": "zip"}
        return Order("compress.files", payload, priority, region)
