"""The values that occur in a file, for filters that are being typed.

Owns how they are put together from the figures of the last poll and two short reads. Must not know threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.messages import Snapshot

if TYPE_CHECKING:
    from prismq_gui.insight.completion import KnownValues


@dataclass(frozen=True, slots=True)
class Known:
    """What occurs in the file of an epoch."""

    epoch: int
    values: KnownValues


def read_known_values(reader: QueueReader, snapshot: Snapshot) -> KnownValues:
    """Return the values that occur; statuses, types and workers are those of the snapshot.

    Raises:
        ProblemError: The file cannot be read.
    """
    # Only where somebody types: the language takes a tenth of what the window takes to start.
    from prismq_gui.insight.completion import KnownValues, payload_paths, recent_levels  # noqa: PLC0415

    return KnownValues(
        statuses=tuple(count.status for count in snapshot.counts),
        types=snapshot.types,
        workers=tuple(worker.worker_id for worker in snapshot.workers),
        levels=reader.ask(recent_levels),
        paths=reader.ask(payload_paths),
    )
