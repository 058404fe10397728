"""Tasks in front that don't suit a worker: it gets its own in the right order, and nobody waits for the walk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest

from prismq_gui.queue import Claimer, QueueDatabase, Strategy, claim_walk
from prismq_gui.queue.timestamps import now_utc, utc_text

OTHERS = claim_walk.MOST_UNSUITABLE * 3
ORDERED = (Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO)
MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO task_queue (type, payload, priority, compatibility, run_after_utc)
SELECT :type, '{}', :priority, :compatibility, :due FROM n"""


def put(db: QueueDatabase, count: int = 1, **columns: object) -> int:
    values = {
        "type": "mine", "priority": 100, "compatibility": "{}", "due": utc_text(now_utc() - timedelta(minutes=5)),
        "count": count,
    } | columns  # fmt: skip
    db.execute(MANY, values)
    return db.execute("SELECT max(id) FROM task_queue").fetchone()[0]


def ids(claimer: Claimer, **arguments: object) -> Iterator[int]:
    while (task := claimer.claim("w", **arguments)) is not None:  # type: ignore[arg-type]
        yield task.id


@pytest.mark.parametrize("strategy", ORDERED)
def test_a_worker_finds_its_types_behind_many_others(db: QueueDatabase, strategy: Strategy) -> None:
    put(db, OTHERS, type="other", priority=1)
    early = put(db, due=utc_text(now_utc() - timedelta(minutes=9)), priority=7)
    late = put(db, due=utc_text(now_utc() - timedelta(minutes=2)), priority=5)
    put(db, OTHERS, type="other", due=utc_text(now_utc() - timedelta(minutes=1)))
    expected = {Strategy.PRIORITY: [late, early], Strategy.FIFO: [early, late], Strategy.LIFO: [late, early]}
    assert list(ids(Claimer(db, strategy=strategy), types=("mine",))) == expected[strategy]


@pytest.mark.parametrize("strategy", ORDERED)
def test_a_worker_finds_what_it_has_the_capabilities_for_behind_many_others(
    db: QueueDatabase, strategy: Strategy
) -> None:
    put(db, OTHERS, compatibility='{"region": "eu"}', priority=1)
    first = put(db, compatibility='{"region": "us"}', priority=2)
    put(db, OTHERS, compatibility='{"region": "eu"}', priority=2)
    second = put(db, compatibility='{"region": ["us", "asia"]}', priority=3)
    expected = [second, first] if strategy is Strategy.LIFO else [first, second]
    assert list(ids(Claimer(db, strategy=strategy), capabilities={"region": "us"})) == expected


def test_more_of_its_own_type_than_can_be_looked_through_are_claimed_in_order(db: QueueDatabase) -> None:
    last = put(db, OTHERS, type="other", priority=1)
    put(db, claim_walk.FEW_OF_TYPES + 50, priority=2)
    claimer = Claimer(db)
    found = list(itertools.islice(ids(claimer, types=("mine",)), 60))
    assert found == list(range(last + 1, last + 61))


@pytest.mark.parametrize("capabilities", [{}, {"region": "us"}])
def test_what_comes_after_the_walk_is_claimed_before_what_stood_behind_it(
    db: QueueDatabase, capabilities: dict[str, str]
) -> None:
    put(db, OTHERS, compatibility='{"gpu": true}', priority=1)
    behind = put(db, claim_walk.FEW_OF_TYPES + 50, priority=9)
    claimer = Claimer(db)
    arguments = {"types": ("mine",), "capabilities": capabilities}
    assert next(ids(claimer, **arguments)) == behind - claim_walk.FEW_OF_TYPES - 49  # the walk was made for this
    urgent = put(db, due=utc_text(now_utc()), priority=0)
    iso = put(db, due=now_utc().isoformat() + "+00:00", priority=0)
    assert list(itertools.islice(ids(claimer, **arguments), 2)) == [urgent, iso]


def test_an_iso_time_in_front_is_not_walked_over(db: QueueDatabase) -> None:
    put(db, OTHERS, compatibility='{"gpu": true}', priority=1)
    iso = put(db, due=(now_utc() - timedelta(seconds=1)).isoformat() + "+00:00", priority=1)
    put(db, claim_walk.FEW_OF_TYPES + 50, priority=2)
    assert next(ids(Claimer(db), types=("mine",))) == iso


def test_nothing_for_this_worker_is_nothing(db: QueueDatabase) -> None:
    put(db, OTHERS, type="other")
    claimer = Claimer(db)
    assert claimer.claim("w", types=("mine",)) is None
    assert claimer.claim("w", {"region": "us"}, types=("mine",)) is None
    put(db, OTHERS, compatibility='{"gpu": true}')
    assert claimer.claim("w") is not None  # of any type
    assert claimer.claim("w", types=("mine",)) is None


def test_two_claimers_on_one_connection_keep_their_counts_apart(db: QueueDatabase) -> None:
    put(db, OTHERS, type="other", priority=1)
    mine = put(db)
    one, other = Claimer(db), Claimer(db)
    assert one.claim("a", types=("other",)) is not None
    found = other.claim("b", types=("mine",))
    assert found is not None
    assert found.id == mine
    assert one.claim("a", types=("other",)) is not None


def test_a_file_without_the_index_by_type_is_served_too(db: QueueDatabase) -> None:
    db.execute("DROP INDEX ix_task_type_status")
    put(db, OTHERS, type="other", priority=1)
    mine = put(db)
    assert list(ids(Claimer(db), types=("mine",))) == [mine]
