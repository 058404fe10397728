"""Claims of several tasks at once: what they take is what single claims would, whatever the file holds."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismq_gui.queue import ClaimedTask, Claimer, LeaseLost, QueueDatabase, settling
from prismq_gui.queue.claim_walk import MOST_UNSUITABLE
from tests.queue.test_claiming import put


def state_of(db: QueueDatabase, task_id: int) -> tuple[object, ...]:
    row = db.execute(
        "SELECT status, locked_by, attempts, lease_until_utc, reserved_at_utc FROM task_queue WHERE id = ?", (task_id,)
    ).fetchone()
    return tuple(row)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 2, 100]),  # priority
            st.sampled_from([None, "2020-01-01 00:00:00", "2020-01-02T00:00:00", "2099-01-01 00:00:00", "2020-02-30"]),
            st.sampled_from(["job", "other"]),
            st.sampled_from(["{}", '{"gpu": true}', '{"region": "eu"}']),
        ),
        max_size=40,
    ),
    st.integers(1, 40),
    st.sampled_from([(), ("job",)]),
)
def test_many_at_once_are_those_that_one_by_one_would_be(
    tmp_path_factory: pytest.TempPathFactory,
    tasks: list[tuple[int, str | None, str, str]],
    count: int,
    types: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.mktemp("many")
    with QueueDatabase(folder / "one.db") as one:
        one.initialize_schema()
        for priority, due, kind, needs in tasks:
            put(one, due, priority=priority, type=kind, compatibility=needs)
        one.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(folder / "one.db", folder / "many.db")
    with QueueDatabase(folder / "one.db") as one, QueueDatabase(folder / "many.db") as many:
        claimer = Claimer(one)
        expected: list[ClaimedTask] = []
        while len(expected) < count and (task := claimer.claim("w", {"gpu": True}, types=types)) is not None:
            expected.append(task)
        got = Claimer(many).claim_many("w", count, {"gpu": True}, types=types)
        assert [task[:5] for task in got] == [task[:5] for task in expected]
        for task in got:
            status, holder, attempts, until, reserved = state_of(many, task.id)
            assert (status, holder, attempts) == ("leased", "w", task.attempt)
            assert (until, reserved) == (task.lease_until_utc, task.reserved_at)


@pytest.mark.parametrize("count", [16, 17, 33, 200])
def test_tasks_that_do_not_lie_side_by_side_are_claimed_too(db: QueueDatabase, count: int) -> None:
    ids = [put(db, "2020-01-01 00:00:00", priority=number % 2) for number in range(2 * count)]
    tasks = Claimer(db).claim_many("w", count)
    assert [task.id for task in tasks] == ids[::2]
    assert {state_of(db, task_id)[0] for task_id in ids[1::2]} == {"queued"}


def test_what_is_no_text_of_utf_8_is_claimed_with_what_it_holds(db: QueueDatabase) -> None:
    ids = [put(db, "2020-01-01 00:00:00") for _ in range(4)]
    db.execute("UPDATE task_queue SET payload = CAST(x'7b22ff227d' AS TEXT) WHERE id = ?", (ids[1],))
    db.execute("UPDATE task_queue SET type = CAST(x'6aff' AS TEXT) WHERE id = ?", (ids[2],))
    tasks = Claimer(db).claim_many("w", 4)
    assert [task.id for task in tasks] == ids
    assert tasks[1].payload == b'{"\xff"}'
    assert tasks[2].type == "j\\xff"
    db.execute("UPDATE task_queue SET status = 'queued', type = 'job', payload = x'7b7d'")
    assert [task.payload for task in Claimer(db).claim_many("w", 4)] == ["{}"] * 4


def test_a_trigger_that_keeps_one_back_keeps_no_other(db: QueueDatabase) -> None:
    ids = [put(db, "2020-01-01 00:00:00") for _ in range(5)]
    db.execute(
        "CREATE TRIGGER keep BEFORE UPDATE ON task_queue WHEN old.id = 3 AND new.locked_by IS NOT NULL "
        "BEGIN SELECT raise(IGNORE); END"
    )
    tasks = Claimer(db).claim_many("w", 5)
    assert [task.id for task in tasks] == ids[:2]  # a claim of one would be kept there too
    assert [state_of(db, task_id)[0] for task_id in ids] == ["leased", "leased", "queued", "queued", "queued"]


@pytest.mark.parametrize("priorities", [1, 3])
def test_one_claimed_again_within_a_second_has_another_fence(db: QueueDatabase, priorities: int) -> None:
    for number in range(3):
        put(db, "2020-01-01 00:00:00", priority=number % priorities)
    claimer = Claimer(db)
    first = claimer.claim_many("w", 3)
    db.execute("UPDATE task_queue SET status = 'queued', attempts = 0, locked_by = NULL")
    again = claimer.claim_many("w", 3)
    assert [task.id for task in again] == [task.id for task in first]
    for old, new in zip(first, again, strict=True):
        assert old.reserved_at != new.reserved_at
        with pytest.raises(LeaseLost):
            settling.complete(db, old, None)
        settling.complete(db, new, None)


def test_one_whose_attempts_are_used_up_is_buried_and_the_rest_are_claimed(db: QueueDatabase) -> None:
    ids = [put(db, "2020-01-01 00:00:00", attempts=attempts, max_attempts=2) for attempts in (0, 2, 1)]
    assert [task.id for task in Claimer(db).claim_many("w", 2)] == [ids[0], ids[2]]
    assert state_of(db, ids[1])[0] == "dead_letter"


@pytest.mark.parametrize("priorities", [1, 2])
def test_many_in_front_that_do_not_suit_are_left_where_they_are(db: QueueDatabase, priorities: int) -> None:
    for number in range(2 * MOST_UNSUITABLE):
        put(db, "2020-01-01 00:00:00", priority=number % priorities, compatibility='{"gpu": true}')
    good = [put(db, "2020-01-02 00:00:00", priority=1) for _ in range(3)]
    assert [task.id for task in Claimer(db).claim_many("w", 10)] == good
    assert db.execute("SELECT count(*) FROM task_queue WHERE status = 'leased'").fetchone()[0] == 3
