"""Two events that share a time: clocks stand still for 1/64 s (Windows), and written times have whole seconds."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from prismq_gui.queue import (
    CancelOutcome,
    ClaimedTask,
    Claimer,
    LeaseLost,
    QueueClient,
    QueueDatabase,
    Strategy,
    cancelling,
    claim_walk,
    claiming,
    settling,
)
from prismq_gui.queue.timestamps import now_text, now_utc

TICK_NS = 1_000_000_000 // 64
MIDDAY_NS = 1_780_000_000 * 1_000_000_000


class Clock:
    """The wall clock of the queue: stands still until it is set. The monotonic one goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ns = MIDDAY_NS
        monkeypatch.setattr(time, "time_ns", lambda: self.ns)

    def go(self, seconds: float) -> None:
        self.ns += round(seconds * 64) * TICK_NS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def put(db: QueueDatabase, count: int = 1, due: str = "2020-01-01 00:00:00", **columns: object) -> list[int]:
    values = {"type": "mine", "payload": "{}", "run_after_utc": due} | columns
    sql = f"INSERT INTO task_queue ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
    return [int(db.execute(sql, tuple(values.values())).lastrowid or 0) for _ in range(count)]


def one(db: QueueDatabase, claimer: Claimer) -> ClaimedTask:
    task = claimer.claim("w")
    assert task is not None
    return task


def several(db: QueueDatabase, claimer: Claimer) -> ClaimedTask:
    return claimer.claim_many("w", 2)[0]


def along(db: QueueDatabase, claimer: Claimer) -> ClaimedTask:
    task = claimer.settle_and_claim(lambda: None, "w")
    assert task is not None
    return task


@pytest.mark.parametrize("tick", [0, 1, 63])
@pytest.mark.parametrize("moved", [0, 1])
def test_what_is_due_in_this_very_tick_is_claimed_past_the_walk_and_in_order(
    db: QueueDatabase, clock: Clock, monkeypatch: pytest.MonkeyPatch, tick: int, moved: int
) -> None:
    monkeypatch.setattr(claim_walk, "FEW_OF_TYPES", 5)
    clock.ns += tick * TICK_NS
    put(db, claim_walk.MOST_UNSUITABLE + 1, compatibility='{"gpu": true}', priority=1)
    behind = put(db, 10, priority=9)
    claimer = Claimer(db)
    assert one(db, claimer).id == behind[0]  # the walk was made for this
    urgent = put(db, due=now_text(), priority=0)
    clock.ns += moved * TICK_NS
    iso = put(db, due=now_utc().isoformat() + "+00:00", priority=0)
    assert [one(db, claimer).id for _ in range(3)] == [*urgent, *iso, behind[1]]


@pytest.mark.parametrize("strategy", [Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO])
def test_those_enqueued_in_one_tick_are_claimed_in_that_tick_in_their_order(
    db: QueueDatabase, clock: Clock, strategy: Strategy
) -> None:
    clock.ns += 17 * TICK_NS
    with QueueClient(db.db_path) as client:
        ids = [client.enqueue("job").task_id for _ in range(5)]
    claimed = [task.id for task in Claimer(db, strategy=strategy).claim_many("w", 9)]
    assert claimed == (ids[::-1] if strategy is Strategy.LIFO else ids)


# How the clock goes from claim to claim of the same task in the same attempt: never long enough for a claim's time,
# put ahead of the one before, to be over; once it is set back.
STEPS = [(0, 0, 0), (0, 1, 0), (0, 0, 1, 0, 1), (0, 0, 0, 2, 0), (1 / 64, 63 / 64, 0), (0, -1, 1), (0, -3, 0, 3)]


@pytest.mark.parametrize("take", [one, several, along])
@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_F4_no_claim_has_the_fence_of_one_that_was_given_back(
    db: QueueDatabase, clock: Clock, take: Callable[[QueueDatabase, Claimer], ClaimedTask], steps: tuple[float, ...]
) -> None:
    put(db)
    claimers = itertools.cycle([Claimer(db), Claimer(db)])  # as slots of one worker have them
    given_back: list[ClaimedTask] = []
    for step in (*steps, 0):
        task = take(db, next(claimers))
        assert task.attempt == 1
        assert settling.renew(db, task, 60) > now_utc()
        for old in given_back:
            for settle in (settling.start, settling.complete, lambda db, task: settling.renew(db, task, 60)):
                with pytest.raises(LeaseLost):
                    settle(db, old)
        settling.release(db, task, "by hand")
        given_back.append(task)
        clock.go(step)


def test_F4_a_thread_that_had_the_task_in_this_tick_cannot_end_it_before_its_new_claim_has_its_own_fence(
    db: QueueDatabase, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db)
    claimer = Claimer(db)
    first = one(db, claimer)
    settling.release(db, first, "by hand")
    outcomes: list[BaseException | None] = []

    def end_the_first() -> None:
        try:
            settling.complete(db, first)
        except LeaseLost as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    late = threading.Thread(target=end_the_first)
    keep_apart = claiming.kept_apart

    def after_the_late_one(*arguments: object) -> ClaimedTask:
        late.start()
        late.join(timeout=0.3)  # the whole time where it has to wait, as it should
        return keep_apart(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(claiming, "kept_apart", after_the_late_one)
    second = one(db, claimer)
    late.join()
    assert isinstance(outcomes[0], LeaseLost)
    settling.complete(db, second)


def test_F4_a_request_to_a_claim_of_this_tick_does_not_end_the_next_one(db: QueueDatabase, clock: Clock) -> None:
    put(db)
    claimer = Claimer(db)
    for _ in range(2):
        for step in (0, 1):
            task = one(db, claimer)
            assert cancelling.find_request(db, task) is None
            assert cancelling.request_cancel(db, task.id, "ann").outcome is CancelOutcome.REQUESTED
            assert cancelling.find_request(db, task) is not None
            settling.release(db, task, "by hand")
            clock.go(step)


def test_a_lease_that_ends_in_this_tick_is_given_back_or_renewed_never_both(db: QueueDatabase, clock: Clock) -> None:
    put(db, 2)
    holder, other = Claimer(db), Claimer(db)
    renewed, silent = one(db, holder), one(db, holder)
    clock.go(60)
    settling.renew(db, renewed, 60)
    assert other.rescue() == 1
    with pytest.raises(LeaseLost):
        settling.renew(db, silent, 60)
    again = other.claim("w")  # the same name: the attempt tells them apart
    assert again is not None
    assert (again.id, again.attempt) == (silent.id, 2)
    for settle in (settling.complete, settling.release):
        with pytest.raises(LeaseLost):
            settle(db, silent, "") if settle is settling.release else settle(db, silent)
    settling.complete(db, again)
    settling.complete(db, renewed)
