"""What enqueue takes and get gives back: any JSON, any moment, any priority, and a clear no to all else."""

from __future__ import annotations

import json
import math
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from prismq_gui.queue import QueueClient, QueueDatabase, Task
from prismq_gui.queue.payloads import TaskRules, check_json
from prismq_gui.queue.timestamps import now_utc

on_one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaves = st.none() | st.booleans() | st.integers() | st.integers(2**63, 2**200) | words
leaves |= st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=20
)
payloads = st.dictionaries(words, values, max_size=5) | st.lists(values, max_size=5)
LAST = datetime.max.replace(microsecond=0)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)


def stored(db: QueueDatabase, payload: Any, **more: Any) -> Task:
    client = QueueClient(db)
    task = client.get(client.enqueue("job", payload, **more).task_id)
    assert task is not None
    return task


def count_tasks(db: QueueDatabase) -> int:
    return int(db.execute("SELECT count(*) FROM task_queue").fetchone()[0])


@given(payloads)
@on_one_file
def test_what_enqueue_takes_get_gives_back(db: QueueDatabase, payload: Any) -> None:
    task = stored(db, payload)
    assert json.loads(task.payload) == payload
    assert task.payload == json.dumps(payload, ensure_ascii=False)
    assert stored(db, task.payload).payload == task.payload
    row = db.execute("SELECT json_valid(payload), typeof(payload) FROM task_queue WHERE id = ?", (task.id,)).fetchone()
    assert tuple(row) == (1, "text")


@given(
    names, st.integers(-(2**63) + 1, 2**63 - 1), st.integers(1, 2**63 - 1), st.dictionaries(words, values, max_size=3)
)
@on_one_file
def test_the_other_fields_come_back_too(
    db: QueueDatabase, name: str, priority: int, max_attempts: int, needs: dict[str, Any]
) -> None:
    assume(name.strip())
    client = QueueClient(db)
    result = client.enqueue(
        name, priority=priority, max_attempts=max_attempts, compatibility=needs, idempotency_key=name
    )
    task = client.get(result.task_id)
    assert task is not None
    assert (task.type, task.idempotency_key) == (name, name)
    if result.created:
        assert (task.priority, task.max_attempts, task.get_compatibility_dict()) == (priority, max_attempts, needs)
    db.execute("DELETE FROM task_queue")


@given(st.text(max_size=30) | st.from_regex(r'[\[{][\[\]{}",:0-9eE.+\-\\ud8-f trufalsn]*', fullmatch=True))
@example('{"a": 1, "a": 2}')
@example("[1.50, 1E2, -0, 123456789012345678901234567890]")
@example(' \t\r\n{"a" : [ ] }\n')
@example("[1e999]")
@example('["\\ud800"]')
@example('["\\ud83d\\ude00"]')
@example("﻿{}")
@example('["\x00"]')
@on_one_file
def test_text_is_kept_letter_by_letter_or_refused(db: QueueDatabase, text: str) -> None:
    before, task, refusal = count_tasks(db), None, ""
    try:
        task = stored(db, text)
    except ValueError as error:
        refusal = str(error)
    if task is None:
        assert re.fullmatch(r"payload (must be|is) .* Nothing was written\.", refusal, re.DOTALL)
        assert count_tasks(db) == before
    else:
        assert task.payload == text
        assert isinstance(json.loads(text), (dict, list))
        assert db.execute("SELECT json_valid(payload) FROM task_queue WHERE id = ?", (task.id,)).fetchone()[0] == 1


zones = st.none() | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(max_value=LAST, timezones=zones)


@given(moments)
@example(LAST)
@example(datetime.min)
@example(LAST.replace(tzinfo=timezone(timedelta(hours=-1))))
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))
@on_one_file
def test_a_moment_comes_back_as_naive_utc(db: QueueDatabase, moment: datetime) -> None:
    try:
        utc = moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError:
        with pytest.raises(ValueError, match="run_after must be a datetime or a timedelta up to the year 9999"):
            stored(db, {}, run_after=moment)
        return
    due = stored(db, {}, run_after=moment).run_after_utc
    assert due is not None
    assert timedelta(0) <= due - utc < timedelta(seconds=1)  # never early, and no later than the next whole second


@given(st.timedeltas(timedelta(days=-365 * 1900), timedelta(days=365 * 7900)))
@example(timedelta(0))
@example(timedelta(microseconds=-1))
@on_one_file
def test_a_delay_counts_from_the_call_and_is_never_cut_short(db: QueueDatabase, delay: timedelta) -> None:
    before = now_utc()
    due = stored(db, {}, run_after=delay).run_after_utc
    assert due is not None
    assert due < now_utc() + delay + timedelta(seconds=1)
    if delay > timedelta(0):
        assert before + delay <= due


class Colour(str, Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 1


class Odd(Mapping[str, Any]):
    """An object that is no dict but acts as one."""

    def __getitem__(self, key: str) -> Any:
        return {"x": [1]}[key]

    def __iter__(self) -> Any:
        return iter(["x"])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (None, "{}"),
        ([], "[]"),
        (MappingProxyType({"a": 1}), '{"a": 1}'),
        ({"inner": Odd()}, '{"inner": {"x": [1]}}'),
        (OrderedDict(b=1, a=2), '{"b": 1, "a": 2}'),
        ({1: "a", None: "b", False: "c"}, '{"1": "a", "null": "b", "false": "c"}'),
        ({"t": (1, 2), "c": Colour.RED, "l": Level.HIGH}, '{"t": [1, 2], "c": "red", "l": 1}'),
        ({"n": 2**64, "m": -(2**70)}, '{"n": 18446744073709551616, "m": -1180591620717411303424}'),
        ({"\0": "\x7f\u2028"}, '{"\\u0000": "\x7f\u2028"}'),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("[1.50, 1E2]", "[1.50, 1E2]"),
    ],
)
def test_how_values_are_written(db: QueueDatabase, payload: Any, text: str) -> None:
    assert stored(db, payload).payload == text


def test_enums_are_stored_as_their_values(db: QueueDatabase) -> None:
    client = QueueClient(db)
    result = client.enqueue(Colour.RED, priority=Level.HIGH, idempotency_key=Colour.RED)
    row = db.execute("SELECT type, typeof(priority), idempotency_key FROM task_queue").fetchone()
    assert tuple(row) == ("red", "integer", "red")
    assert client.enqueue("x", idempotency_key="red").task_id == result.task_id


def itself() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Untellable:
    def __repr__(self) -> str:
        raise RuntimeError("not even that")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"payload": ""}, "payload must be JSON (the text is empty)"),
        ({"payload": " "}, "payload must be JSON (the text is empty)"),
        ({"payload": "[1,]"}, "payload must be JSON ("),
        ({"payload": "[1e999]"}, "1e999 is too large for a number"),
        ({"payload": "[-Infinity]"}, "-Infinity is not JSON"),
        ({"payload": {"x": -math.inf}}, "payload must be JSON ("),
        ({"payload": {math.nan: 1}}, "payload must be JSON ("),
        ({"payload": '["\\uDBFF"]'}, "payload must be JSON ("),
        ({"payload": {"\udcff": 1}}, "payload must be JSON ("),
        ({"payload": "\ud800"}, "payload must be JSON ("),
        ({"payload": {("a", 1): 2}}, "payload must be JSON ("),
        ({"payload": [datetime(2026, 1, 1)]}, "an object of type datetime has no form in JSON"),
        ({"payload": [Untellable()]}, "an object of type Untellable has no form in JSON"),
        ({"payload": Untellable()}, "not an object of type Untellable"),
        ({"payload": {"self": itself()}}, "it holds itself, or is nested too deep"),
        ({"payload": {"a": nested(200)}}, "payload is nested deeper than 200 levels"),
        ({"payload": nested(201)}, "payload is nested deeper than 200 levels"),
        ({"payload": "[" * 201 + "]" * 201}, "payload is nested deeper than 200 levels"),
        ({"payload": "[" * 100_000}, "payload must be JSON ("),
        ({"payload": b"{}"}, "payload must be a JSON object or list"),
        ({"payload": (1, 2)}, "payload must be a JSON object or list"),
        ({"payload": 5}, "payload must be a JSON object or list"),
        ({"payload": "null"}, "payload must be a JSON object or list"),
        ({"compatibility": [1]}, "compatibility must be a JSON object"),
        ({"compatibility": " [1]"}, "compatibility must be a JSON object"),
        ({"compatibility": {"a": "x" * 70_000}}, "at most 65,536 are allowed"),
        ({"compatibility": {"a": nested(200)}}, "compatibility is nested deeper than 200 levels"),
        ({"priority": 10**5000}, "priority must be a whole number from -9223372036854775807 to 2^63-1"),
        ({"max_attempts": "5"}, "max_attempts must be a whole number from 1 to 2^63-1"),
        ({"max_attempts": 2**63}, "max_attempts must be a whole number from 1 to 2^63-1"),
        ({"idempotency_key": " "}, "idempotency_key must be a text of 1 to 1,000 characters"),
        ({"idempotency_key": 5}, "idempotency_key must be a text"),
        ({"idempotency_key": False}, "idempotency_key must be a text"),
        ({"type": "x" * 1001}, "type must be a text of 1 to 1,000 characters"),
        ({"type": ["list"]}, "type must be a text"),
        ({"run_after": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "run_after must be a datetime"),
        ({"run_after": datetime(2026, 1, 1).date()}, "run_after must be a datetime"),
        ({"run_after": timedelta.min}, "run_after must be a datetime or a timedelta up to the year 9999"),
        ({"run_after": 5}, "run_after must be a datetime"),
    ],
)
def test_F18_each_refusal_names_field_value_and_what_is_allowed(
    db: QueueDatabase, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        QueueClient(db).enqueue(**({"type": "job"} | arguments))
    assert str(caught.value).endswith(". Nothing was written.")
    assert len(str(caught.value)) < 500
    assert count_tasks(db) == 0


def test_200_levels_and_a_great_many_brackets_are_allowed(db: QueueDatabase) -> None:
    deepest, wide = nested(200), {"text": "[{" * 1000, "more": [{}] * 500}
    assert json.loads(stored(db, deepest).payload) == deepest
    assert json.loads(stored(db, wide).payload) == wide
    assert stored(db, "[" * 200 + "]" * 200).payload == "[" * 200 + "]" * 200
    assert db.execute("SELECT min(json_valid(payload)) FROM task_queue").fetchone()[0] == 1


@pytest.mark.parametrize("make", [lambda text: {"x": text}, lambda text: json.dumps({"x": text}, ensure_ascii=False)])
@pytest.mark.parametrize("letter", ["a", "ž", "漢"])
def test_the_size_limit_is_in_bytes_and_can_be_set(db: QueueDatabase, make: Any, letter: str) -> None:
    client = QueueClient(db, max_payload_bytes=9 + 300)
    size = len(letter.encode("utf-8"))
    assert client.enqueue("job", make(letter * (300 // size))).created
    with pytest.raises(ValueError, match="at most 309 are allowed"):
        client.enqueue("job", make(letter * (300 // size + 1)))
    assert QueueClient(db, max_payload_bytes=4_000_000).enqueue("job", make(letter * (3_500_000 // size))).created
    assert count_tasks(db) == 2


@pytest.mark.parametrize("limit", [1, 0, -5, 2**40, 1.5, "1000", True])
def test_a_limit_that_makes_no_sense_is_refused(limit: Any) -> None:
    with pytest.raises(ValueError, match="max_payload_bytes must be a whole number from 2 to 268,435,456"):
        TaskRules(limit)


def test_payloads_are_written_from_many_threads_at_once() -> None:
    """The one encoder serves all threads, and a refused value leaves nothing behind in it."""
    wrong: list[Any] = []

    def write(number: int) -> None:
        for index in range(300):
            value = {"n": [number, index], "inner": {"text": "ž" * index}}
            with pytest.raises(ValueError, match="has no form"):
                check_json("payload", [value, object()], 10_000)
            if json.loads(check_json("payload", value, 10_000)) != value:
                wrong.append(value)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_file_without_the_index_of_keys_takes_tasks_without_keys_alone(db: QueueDatabase) -> None:
    db.execute("DROP INDEX uq_task_idempotency")
    client = QueueClient(db)
    assert client.enqueue("job").created
    with pytest.raises(Exception, match=r"no unique index on idempotency_key.*initialize_schema\(\) makes the index"):
        client.enqueue("job", idempotency_key="k")
    db.initialize_schema()
    assert client.enqueue("job", idempotency_key="k").created
    assert count_tasks(db) == 2
