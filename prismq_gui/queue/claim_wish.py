"""What a worker asks for when it claims, checked and made ready once for claim after claim."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prismq_gui.queue import claim_sql
from prismq_gui.queue.claim_sql import Shape, Strategy

LONGEST_LEASE_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a worker asks for, checked and made ready; the same for claim after claim."""

    worker_id: str
    capabilities: dict[str, Any]
    lease_seconds: float
    types: Sequence[str]
    lease_us: int
    parameters: dict[str, str]
    shape: Shape
    short_cut: str  # statements: the usual claim's, then what is asked where that finds nothing
    plain: str | None  # PRIORITY alone has one
    general: str
    remembering: str
    many_first: str  # of claim_many, as short_cut and general
    many: str

    def is_still(
        self, worker_id: str, capabilities: Mapping[str, Any] | None, lease_seconds: float, types: Sequence[str]
    ) -> bool:
        """Whether this is what is asked for now."""
        return (
            worker_id == self.worker_id
            and lease_seconds == self.lease_seconds
            and (capabilities == self.capabilities or (not capabilities and not self.capabilities))
            and tuple(types) == self.types
        )


def wish_of(
    worker_id: str, capabilities: Mapping[str, Any] | None, lease_seconds: float, types: Sequence[str], shape: Shape
) -> Wish:
    """Check what is asked for and make it ready.

    Raises:
        ValueError: The worker id is empty, or the lease isn't between 1 ms and 7 days.
    """
    lease_us = _checked(worker_id, lease_seconds)
    offers = dict(capabilities or {})
    parameters = {"worker": worker_id, "capabilities": json.dumps(offers, sort_keys=True) if offers else "{}"}
    if types:
        parameters["types"] = json.dumps(list(types))
    wish = Wish(worker_id, offers, lease_seconds, tuple(types), lease_us, parameters, shape, "", None, "", "", "", "")
    return with_shape(wish, shape)


def with_shape(wish: Wish, shape: Shape) -> Wish:
    """Return the same wish with other statements."""
    return replace(
        wish,
        shape=shape,
        short_cut=claim_sql.claim_first(shape),
        plain=claim_sql.claim_plain(shape) if shape.strategy is Strategy.PRIORITY else None,
        general=claim_sql.claim(shape),
        remembering=claim_sql.claim(replace(shape, remembers=True)),
        many_first=claim_sql.find_many_first(shape),
        many=claim_sql.find_many(shape),
    )


def _checked(worker_id: str, lease_seconds: float) -> int:
    """Check what a worker claims with and return the lease in microseconds."""
    if not isinstance(worker_id, str) or not worker_id.strip():
        raise ValueError(f"worker_id must be a text that isn't empty, not {worker_id!r}")
    valid = isinstance(lease_seconds, (int, float)) and not isinstance(lease_seconds, bool)
    if not valid or not 0.001 <= lease_seconds <= LONGEST_LEASE_S:
        raise ValueError(f"lease_seconds must be between 0.001 and {LONGEST_LEASE_S:.0f}, not {lease_seconds!r}")
    return round(lease_seconds * 1_000_000)
