"""Many tasks at once: all or none, in order, in bounded memory, with keys honoured and mistakes named."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismq_gui.queue import (
    EnqueueManyError,
    EnqueueManyResult,
    EnqueueResult,
    NewTask,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    client_bulk,
)
from tests.queue.client_processes import finish, go, launch


def numbered(count: int, start: int = 0) -> Iterator[NewTask]:
    return (NewTask("job", {"n": number}) for number in range(start, start + count))


def count_tasks(db: QueueDatabase) -> int:
    return int(db.execute("SELECT count(*) FROM task_queue").fetchone()[0])


def numbers(db: QueueDatabase) -> list[int]:
    return [json.loads(row[0])["n"] for row in db.execute("SELECT payload FROM task_queue ORDER BY id").fetchall()]


def write_elsewhere(path: Path) -> None:
    with QueueClient(path) as other:
        other.enqueue("other", {"n": -1})


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
@pytest.mark.parametrize("in_one_transaction", [True, False])
def test_each_item_gets_the_id_of_its_own_task(db: QueueDatabase, chunk_size: int, in_one_transaction: bool) -> None:
    client = QueueClient(db)
    client.enqueue("before", {"n": -1})
    result = client.enqueue_many(numbered(257), chunk_size=chunk_size, in_one_transaction=in_one_transaction, pause_s=0)
    assert (len(result), result.created, result.existing) == (257, 257, 0)
    tasks = client.get_many(result.ids)
    assert [task.get_payload_dict() for task in tasks.values()] == [{"n": number} for number in range(257)]
    assert result[-1] == EnqueueResult(258, created=True)
    assert all(task.run_after_utc == task.created_at_utc for task in tasks.values())


def test_all_fields_are_stored_as_given(db: QueueDatabase) -> None:
    due = datetime(2030, 1, 2, 3, 4, 5)
    full = NewTask("video", "[1,  2.50]", -5, due, 2, {"region": "eu"}, "k")
    client = QueueClient(db)
    result = client.enqueue_many([NewTask("plain"), full, {"type": "map", "run_after": timedelta(days=1)}])
    plain, video, mapped = client.get_many(result.ids).values()
    assert (plain.payload, plain.compatibility, plain.priority, plain.max_attempts) == ("{}", "{}", 100, 5)
    assert (video.type, video.payload, video.priority, video.max_attempts) == ("video", "[1,  2.50]", -5, 2)
    assert (video.run_after_utc, video.compatibility, video.idempotency_key) == (due, '{"region": "eu"}', "k")
    assert mapped.run_after_utc is not None
    assert mapped.created_at_utc is not None
    assert abs(mapped.run_after_utc - mapped.created_at_utc - timedelta(days=1)) < timedelta(minutes=1)


def test_one_task_that_differs_among_many_that_are_alike_keeps_its_own_values(db: QueueDatabase) -> None:
    client, due = QueueClient(db), datetime(2030, 1, 2)
    odd = [
        NewTask("other"), NewTask("job", priority=1), NewTask("job", max_attempts=1), NewTask("job", run_after=due),
        NewTask("job", compatibility={"gpu": True}), NewTask("job", idempotency_key="k"),
    ]  # fmt: skip
    for task in odd:
        result = client.enqueue_many([NewTask("job"), task, NewTask("job")])
        first, different, last = client.get_many(result.ids).values()
        for plain in (first, last):
            assert (plain.type, plain.priority, plain.max_attempts, plain.idempotency_key) == ("job", 100, 5, None)
            assert (plain.compatibility, plain.run_after_utc) == ("{}", plain.created_at_utc)
        assert (different.type, different.priority, different.max_attempts) == (
            task.type, task.priority, task.max_attempts,
        )  # fmt: skip
        assert different.compatibility == ('{"gpu": true}' if task.compatibility else "{}")
        assert different.idempotency_key == task.idempotency_key
        assert (different.run_after_utc == due) == (task.run_after is not None)
    with pytest.raises(EnqueueManyError, match="item 1: priority must be a whole number"):
        client.enqueue_many([NewTask("job", priority=1), NewTask("job", priority=True)])


def test_F13_keys_are_honoured_against_the_file_and_within_the_batch(db: QueueDatabase) -> None:
    client = QueueClient(db)
    old = client.enqueue("job", idempotency_key="old").task_id
    keys = ["a", "old", None, "b", "a", "", "", "old", "b", "c"]
    for again in (False, True):
        batch = [NewTask("job", {"n": number}, idempotency_key=key) for number, key in enumerate(keys)]
        result = client.enqueue_many(batch, chunk_size=3)
        created = [each.created for each in result]
        by_key: dict[str, set[int]] = {}
        for key, each in zip(keys, result, strict=True):
            if key:
                by_key.setdefault(key, set()).add(each.task_id)
        assert all(len(ids) == 1 for ids in by_key.values())
        assert by_key["old"] == {old}
        first_time = [True, False, True, True, False, True, True, False, False, True]
        assert created == ([key in (None, "") for key in keys] if again else first_time)
        for number, each in enumerate(result):
            if each.created:
                task = client.get(each.task_id)
                assert task is not None
                assert task.get_payload_dict() == {"n": number}
    assert count_tasks(db) == 1 + 6 + 3


def test_F13_the_same_keys_from_four_processes_at_once_make_one_task_each(db: QueueDatabase) -> None:
    processes = [launch("same_keys", db.db_path) for _ in range(4)]
    for process in processes:
        go(process)
    results: list[Any] = [finish(process) for process in processes]
    assert sum(created for answers in results for _, created in answers) == 300
    assert len({tuple(task_id for task_id, _ in answers) for answers in results}) == 1
    assert count_tasks(db) == 300


def test_an_iterable_that_raises_takes_all_back_and_says_where(db: QueueDatabase) -> None:
    def failing() -> Iterator[NewTask]:
        yield from numbered(25)
        raise OSError("the share is gone")

    client = QueueClient(db)
    with pytest.raises(EnqueueManyError, match=r"item 25: .*OSError: the share is gone.*Nothing was written") as caught:
        client.enqueue_many(failing(), chunk_size=10)
    assert (caught.value.index, len(caught.value.written)) == (25, 0)
    assert isinstance(caught.value.__cause__, OSError)
    assert count_tasks(db) == 0
    write_elsewhere(db.db_path)  # no lock was left
    assert client.enqueue_many(numbered(3)).created == 3


def test_an_interrupt_takes_all_back_as_itself(db: QueueDatabase) -> None:
    def interrupted() -> Iterator[NewTask]:
        yield from numbered(25)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        QueueClient(db).enqueue_many(interrupted(), chunk_size=10)
    assert count_tasks(db) == 0
    write_elsewhere(db.db_path)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (NewTask("job", priority="high"), "priority must be a whole number"),  # type: ignore[arg-type]
        (NewTask("job", priority=True), "priority must be a whole number"),
        (NewTask("job", max_attempts=5.0), "max_attempts must be a whole number"),  # type: ignore[arg-type]
        (NewTask("job", {"x": float("nan")}), "payload must be JSON"),
        (NewTask("job", {"x": {1, 2}}), "no form in JSON"),
        (NewTask(""), "type must be a text"),
        (NewTask("job", run_after="later"), "run_after must be a datetime"),  # type: ignore[arg-type]
        (NewTask("job", idempotency_key="\ud800"), "lone surrogate"),
        ({"typ": "job"}, "'typ' is no field of a task; they are type, payload"),
        ({"payload": {}}, "type is missing"),
        ("job", "NewTask or a mapping"),
        (None, "NewTask or a mapping"),
    ],
)
def test_F18_a_bad_item_is_named_by_its_place_and_nothing_is_written(db: QueueDatabase, bad: Any, said: str) -> None:
    client = QueueClient(db, max_payload_bytes=1000)
    with pytest.raises(ValueError, match=rf"item 12: .*{said}.* Nothing was written\.$"):
        client.enqueue_many([*numbered(12), bad, *numbered(3)], chunk_size=5)
    assert count_tasks(db) == 0


def test_by_chunks_what_came_before_a_mistake_stays_and_is_told(db: QueueDatabase) -> None:
    tasks = [*numbered(25), NewTask("")]
    with pytest.raises(EnqueueManyError, match=r"item 25: type .* The first 20 items were put in before") as caught:
        QueueClient(db).enqueue_many(tasks, in_one_transaction=False, chunk_size=10, pause_s=0)
    assert [each.task_id for each in caught.value.written] == list(range(1, 21))
    assert numbers(db) == list(range(20))


def test_others_write_while_a_first_chunk_is_read_and_between_chunks(db: QueueDatabase) -> None:
    def meeting(places: set[int]) -> Iterator[NewTask]:
        for number, task in enumerate(numbered(30)):
            if number in places:
                write_elsewhere(db.db_path)  # would be refused after 5 s were the lock held
            yield task

    client = QueueClient(db)
    assert client.enqueue_many(meeting({5}), chunk_size=10).created == 30
    assert client.enqueue_many(meeting({5, 15, 25}), chunk_size=10, in_one_transaction=False).created == 30
    assert count_tasks(db) == 64


def test_a_batch_within_a_transaction_is_a_part_of_it_that_is_taken_back_alone(db: QueueDatabase) -> None:
    client = QueueClient(db)
    with db.transaction():
        client.enqueue("outer", {"n": -1})
        with pytest.raises(EnqueueManyError):
            client.enqueue_many([*numbered(25), NewTask("")], chunk_size=10)
        assert client.enqueue_many(numbered(5)).created == 5
    assert numbers(db) == [-1, 0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError), db.transaction():
        client.enqueue_many(numbered(5))
        raise ZeroDivisionError
    assert count_tasks(db) == 6


def test_C3_a_full_disk_takes_the_batch_back_and_the_client_goes_on(db: QueueDatabase) -> None:
    client = QueueClient(db)
    client.enqueue("first", {"n": -1})
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 200}").fetchall()
    large = (NewTask("job", {"n": number, "text": "x" * 3000}) for number in range(10_000))
    with pytest.raises(QueueDatabaseError, match="full"):
        client.enqueue_many(large, chunk_size=50)
    assert numbers(db) == [-1]
    with pytest.raises(
        QueueDatabaseError, match=r"The first 1[05]0 items of the batch had been put in before and stay"
    ):
        client.enqueue_many(
            (NewTask("job", {"n": number, "text": "x" * 3000}) for number in range(10_000)),
            chunk_size=50, in_one_transaction=False, pause_s=0,
        )  # fmt: skip
    kept = count_tasks(db) - 1
    assert kept in (100, 150)
    db.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert client.enqueue_many(numbered(2000)).created == 2000


def test_C3_a_full_disk_within_a_transaction_is_told_as_itself(db: QueueDatabase) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 50}").fetchall()
    large = (NewTask("job", {"text": "x" * 3000}) for _ in range(10_000))
    with pytest.raises(QueueDatabaseError, match="full"), db.transaction():
        QueueClient(db).enqueue_many(large, chunk_size=50)
    assert count_tasks(db) == 0
    db.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert QueueClient(db).enqueue("job").created


def test_F1_a_process_killed_in_a_batch_leaves_nothing_of_it(db: QueueDatabase) -> None:
    process = launch("hang_in_batch", db.db_path)
    go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.communicate(timeout=30)
    assert count_tasks(db) == 0
    assert QueueClient(db).enqueue_many(numbered(3)).created == 3
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_triggers_own_tasks_do_not_shift_the_ids(db: QueueDatabase) -> None:
    db.execute(
        "CREATE TRIGGER echo AFTER INSERT ON task_queue WHEN NEW.type = 'job' "
        "BEGIN INSERT INTO task_queue (type, payload) VALUES ('echo', NEW.payload); END"
    )
    client = QueueClient(db)
    one = client.enqueue("job", {"n": -1})
    plain = client.enqueue_many(numbered(5))
    keyed = client.enqueue_many([NewTask("job", {"n": 5}, idempotency_key="k")])
    ids = [one.task_id, *plain.ids, *keyed.ids]
    found = [(task.type, task.get_payload_dict()["n"]) for task in client.get_many(ids).values()]
    assert found == [("job", number) for number in range(-1, 6)]
    assert count_tasks(db) == 14


def test_ids_that_do_not_follow_each_other_are_refused_rather_than_told_wrong(db: QueueDatabase) -> None:
    client = QueueClient(db)
    client.enqueue_many(numbered(3))
    db.execute("UPDATE sqlite_sequence SET seq = 'many' WHERE name = 'task_queue'")
    with pytest.raises(QueueDatabaseError, match="did not number new tasks one after the other"):
        client.enqueue_many(numbered(3))
    assert count_tasks(db) == 3


def test_F23_used_up_ids_are_told_as_that(db: QueueDatabase) -> None:
    db.execute("INSERT INTO task_queue (id, type, payload) VALUES (?, 'last', '{}')", (2**63 - 2,))
    with pytest.raises(QueueDatabaseError, match="id space is exhausted"):
        QueueClient(db).enqueue_many(numbered(3))
    assert count_tasks(db) == 1


def test_memory_holds_a_chunk_not_the_batch(db: QueueDatabase) -> None:
    client = QueueClient(db)
    client.enqueue_many(numbered(10))
    text = "x" * 1000
    tracemalloc.start()
    try:
        result = client.enqueue_many(NewTask("job", {"n": number, "text": text}) for number in range(30_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.created == 30_000
    assert peak < 6_000_000  # the payloads are 30 MB; a chunk of 1,000 is 1 MB
    tracemalloc.start()
    try:
        big = "x" * 900_000
        client.enqueue_many(NewTask("job", {"n": number, "text": big}) for number in range(60))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000  # 54 MB in fewer rows than a chunk; 30 MB, 0.2 more from Python 3.12 on


def test_nothing_makes_nothing_and_bad_settings_are_named(db: QueueDatabase) -> None:
    client = QueueClient(db)
    assert len(client.enqueue_many([])) == 0
    for settings_, said in (
        ({"chunk_size": 0}, "chunk_size must be"), ({"chunk_size": 1.5}, "chunk_size must be"),
        ({"pause_s": -1}, "pause_s must be"), ({"pause_s": float("nan")}, "pause_s must be"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            client.enqueue_many(numbered(3), **settings_)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.enqueue_many(5)  # type: ignore[arg-type]
    assert count_tasks(db) == 0


runs = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 4), st.booleans()), max_size=30)


@given(runs)
def test_a_result_is_the_list_of_what_was_added(parts: list[tuple[int, int, bool]]) -> None:
    result, model = EnqueueManyResult(), []
    for first_id, count, created in parts:
        result.append(first_id, count, created=created)
        model += [EnqueueResult(first_id + more, created) for more in range(count)]
    joined = EnqueueManyResult()
    joined.append(7, 2, created=True)
    joined.extend(result)
    assert list(result) == model
    assert list(joined) == [EnqueueResult(7, True), EnqueueResult(8, True), *model]
    assert list(result.ids) == [each.task_id for each in model]
    assert [result[place] for place in range(len(result))] == model
    assert result[1:-1:2] == model[1:-1:2]
    assert result.created == sum(each.created for each in model)
    with pytest.raises(IndexError):
        result[len(model)]


new_tasks = st.lists(
    st.builds(
        NewTask,
        st.sampled_from(["a", "b", "ž"]),
        st.sampled_from([None, {"n": 1}, '{"n":  1}', [1]]),
        priority=st.sampled_from([100, 100, 100, 1, -(2**63) + 1]),
        run_after=st.sampled_from([None, None, datetime(2030, 1, 1)]),
        max_attempts=st.sampled_from([5, 5, 1]),
        compatibility=st.sampled_from([None, None, {"gpu": True}]),
        idempotency_key=st.sampled_from([None, None, "", "k1", "k2", "k3"]),
    ),
    max_size=12,
)  # fmt: skip


@given(new_tasks, st.integers(1, 5), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_a_batch_writes_what_single_calls_write(
    db: QueueDatabase, tmp_path: Path, tasks: list[NewTask], chunk_size: int, whole: bool
) -> None:
    with QueueDatabase(tmp_path / "one by one.db") as other:
        other.initialize_schema()
        for each in (db, other):
            each.execute("DELETE FROM task_queue")
            each.execute("DELETE FROM sqlite_sequence")
        one, many = QueueClient(other), QueueClient(db)
        singly = [one.enqueue(**asdict(task)) for task in tasks]
        batch = list(many.enqueue_many(tasks, chunk_size=chunk_size, in_one_transaction=whole, pause_s=0))
        # A key that exists uses up an id where tasks come singly: ids are compared by their rank.
        ranks = [{id: rank for rank, id in enumerate(sorted({each.task_id for each in r}))} for r in (batch, singly)]
        assert [(ranks[0][each.task_id], each.created) for each in batch] == [
            (ranks[1][each.task_id], each.created) for each in singly
        ]
        columns = "type, priority, payload, compatibility, status, attempts, max_attempts, idempotency_key"
        sql = f"SELECT {columns} FROM task_queue ORDER BY id"
        assert [tuple(row) for row in db.execute(sql)] == [tuple(row) for row in other.execute(sql)]
        due = "SELECT type, payload FROM task_queue WHERE run_after_utc = '2030-01-01 00:00:00.000000' ORDER BY id"
        assert [tuple(row) for row in db.execute(due)] == [tuple(row) for row in other.execute(due)]


def test_where_python_takes_numbered_places_for_names_the_same_is_stored(
    db: QueueDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"type": "a", "payload": {"n": n}, "priority": n % 2, "idempotency_key": f"k{n}"} for n in range(150)]
    alike = [{"type": "b", "payload": {"n": n}} for n in range(150)]
    sql = "SELECT type, payload, priority, compatibility, max_attempts, run_after_utc = created_at_utc FROM task_queue"
    stored = []
    for numbers_are_names in (client_bulk._NUMBERS_ARE_NAMES, True):
        monkeypatch.setattr(client_bulk, "_NUMBERS_ARE_NAMES", numbers_are_names)
        db.execute("DELETE FROM task_queue")
        for batch in (rows, alike):
            QueueClient(db).enqueue_many(batch)
        stored.append([tuple(row) for row in db.execute(f"{sql} ORDER BY id").fetchall()])
    assert stored[0] == stored[1]
    assert len(stored[0]) == 300
