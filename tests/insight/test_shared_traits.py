"""What failing tasks share: a planted cause comes out on top, and chance does not."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.failures import FailureReader
from prismq_gui.insight.shared_traits import SharedTraits, compare, shared_traits
from prismq_gui.insight.trait_extraction import MAX_TRAITS, Family, SampledTask, size_class, traits_of
from prismq_gui.insight.trait_statistics import Table, fisher, newcombe, p_value, q_values, wilson
from tests.helpers.files import make_foreign_queue, run_sql

BEGIN = datetime(2026, 11, 1)


def task(chance: random.Random, number: int, *, type: str = "job", **fixed: object) -> SampledTask:
    """A task of many chance traits; ``fixed`` are some that are planted."""
    payload = {
        "region": chance.choice(["eu", "us", "as"]), "size": chance.randrange(1, 10_000), "url": f"https://h/{number}",
        "nested": {"codec": chance.choice(["x264", "x265", "av1", "vp9"])}, "tags": chance.sample("abcdef", 2),
    }  # fmt: skip
    if chance.random() < 0.5:
        payload["debug"] = True
    payload |= {name: value for name, value in fixed.items() if name != "worker"}
    raw = json.dumps(payload).encode()
    worker = str(fixed.get("worker", f"worker-{chance.randrange(8)}"))
    moment = BEGIN + timedelta(minutes=chance.randrange(20_000))
    return SampledTask(number, type, chance.choice([1, 50, 100]), 1, moment, worker, raw, len(raw), b"{}")


def tell(found: SharedTraits) -> list[str]:
    return [f"{each.trait.name}={each.trait.value}" for each in found.traits]


def test_planted_region_and_worker_come_out_on_top_with_their_counts():
    chance = random.Random(5)
    failed = [task(chance, n, region="eu", worker="worker-3") for n in range(40)]
    passed = [task(chance, n) for n in range(1_000, 1_400)]
    found, tested = compare(failed, passed)
    assert {(each.trait.name, each.trait.value) for each in found} == {
        ("payload.region", "eu"), ("worker", "worker-3"),
    }  # fmt: skip
    worker = found[0]
    assert (worker.trait.family, worker.failed, worker.failed_of, worker.passed_of) == (Family.WORKER, 40, 40, 400)
    assert worker.passed == sum(each.worker == "worker-3" for each in passed)
    assert worker.lift == pytest.approx(400 / worker.passed)
    assert 1 < worker.lift_low < worker.lift
    assert worker.difference_low < worker.difference <= worker.difference_high
    assert tested > 50


def test_a_cause_that_strikes_only_most_of_them_still_comes_out():
    chance = random.Random(6)
    failed = [task(chance, n, **({"nested": {"codec": "x265"}} if n % 4 else {})) for n in range(60)]
    found, _ = compare(failed, [task(chance, n) for n in range(1_000, 1_300)])
    assert [each.trait.value for each in found] == ["x265"]


def test_what_they_lack_is_told_too():
    chance = random.Random(7)
    passed = [task(chance, n, licence="ok") for n in range(300)]
    found, _ = compare([task(chance, n) for n in range(50)], passed)
    assert [(each.trait.name, each.is_excess) for each in found] == [("payload.licence", False)]
    assert [each.value for each in found[0].also] == ["(present)"]  # the same tasks: told once
    assert (found[0].failed, found[0].passed) == (0, 300)


def test_pure_chance_yields_nothing():
    told = 0
    for seed in range(60):
        chance = random.Random(seed)
        size = chance.choice([6, 20, 100, 400])
        found, tested = compare(
            [task(chance, n) for n in range(size)], [task(chance, n) for n in range(1_000, 1_000 + 2 * size + 200)]
        )
        assert tested > 30
        told += len(found)
    assert told == 0


def test_types_of_different_habits_do_not_feign_a_cause():
    # Most failed tasks are videos, most passed ones mails; videos alone are of size 4k. Within a type nothing differs.
    chance = random.Random(8)
    failed = [task(chance, n, type="video", form="4k") for n in range(180)] + [task(chance, n) for n in range(20)]
    passed = [task(chance, n, type="video", form="4k") for n in range(40)] + [task(chance, n) for n in range(360)]
    found, _ = compare(failed, passed)
    assert found == ()


def test_attempts_are_told_last_since_failing_brings_them():
    def tried(number: int, attempts: int, region: str) -> SampledTask:
        raw = json.dumps({"region": region}).encode()
        return SampledTask(number, "job", 1, attempts, None, "", raw, len(raw), None)

    failed = [tried(n, 5, "eu" if n % 10 else "us") for n in range(50)]
    found, _ = compare(failed, [tried(n, 1, ("eu", "us", "as")[n % 3]) for n in range(300)])
    assert [(each.trait.name, each.by_nature) for each in found] == [("payload.region", False), ("attempts", True)]


def test_hostile_payloads_have_few_traits_and_never_raise():
    payloads = [
        b"", b"no json", b"[" * 16_000, b'{"a":' * 3_000, b"\xff\xfe", b"1" * 16_000, b"NaN", b"1e999", b"-Infinity",
        json.dumps({f"k{n}": {f"l{m}": [1] * 50 for m in range(100)} for n in range(100)}).encode(),
        b'"' + b"x" * 9_000 + b'"',
        b'{"a": "' + b"\\u0000\\ud800" * 10 + b'", "b": -0.0, "c": 0, "d": null, "e": ".."}',
    ]  # fmt: skip
    for raw in payloads:
        found, known = traits_of(SampledTask(1, "t", b"x", None, None, "", raw, len(raw), raw))
        assert Family.WORKER not in known
        assert len(found) <= 2 * MAX_TRAITS + 5
        assert all(len(each.value) <= 80 and len(each.name) < 400 for each in found)


def test_traits_speak_of_hosts_endings_lists_and_sizes():
    raw = json.dumps(
        {"url": "https://u:p@Host.example:8/a.MP4?x=1", "file": "c.MKV", "n": 1_500, "t": ["a", "b"]}
    ).encode()
    found, _ = traits_of(SampledTask(1, "t", 1, 2, datetime(2026, 11, 24, 9), "w", raw, 5_000, b'{"region": "eu"}'))
    told = {f"{each.name}={each.value}" for each in found}
    assert told >= {
        "payload.url host=host.example", "payload.file ends in=.mkv", "payload.n magnitude=1e3 and up",
        "payload.t elements=2", "payload.t[]=a", "payload.n=1500", "payload size=4 to 16 KiB", "hour (UTC)=09",
        "weekday (UTC)=Tuesday",
        "worker=w", "compatibility.region=eu", "priority=1", "attempts=2", "payload is=JSON",
    }  # fmt: skip
    assert [size_class(n) for n in (0, 1_023, 1_024, 10**9)] == [
        "0 to 1 KiB",
        "0 to 1 KiB",
        "1 to 4 KiB",
        "over 16384 KiB",
    ]


def make_queue(path: Path, count: int, seed: int = 1) -> Path:
    """A queue in which video tasks of region eu on worker-3 fail, and one of thirty others, by chance."""
    make_foreign_queue(path)
    chance = random.Random(seed)
    rows, lines = [], []
    for number in range(1, count + 1):
        type, region, worker = (
            chance.choice(["video", "mail"]),
            chance.choice(["eu", "us", "as"]),
            f"worker-{chance.randrange(4)}",
        )
        is_bad = type == "video" and region == "eu" and worker == "worker-3"
        status = "failed" if is_bad or chance.random() < 0.03 else "completed"
        error = None if status == "completed" else "bad codec 7" if is_bad else "chance"
        moment = (BEGIN + timedelta(minutes=number)).isoformat(sep=" ")
        rows.append((number, type, json.dumps({"region": region, "n": number}), status, error, moment))
        lines.append((number, moment, "INFO", f"{type} started by {worker}"))
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = "id, type, payload, status, error_message, finished_at_utc"
        connection.executemany(f"INSERT INTO task_queue ({columns}) VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO task_logs (task_id, at_utc, level, message) VALUES (?, ?, ?, ?)", lines)
    return path


def shared(path: Path, cause: str) -> SharedTraits:
    with closing(FailureReader(path)) as reader:
        reader.open()
        reader.refresh()
        group = reader.snapshot().find(cause)
        assert group is not None
        return shared_traits(reader, group)


def test_in_a_file_the_region_and_the_worker_from_the_log_jump_out(tmp_path):
    path = make_queue(tmp_path / "queue.db", 3_000)
    found = shared(path, "bad codec <n>")
    assert tell(found)[:2] == ["worker=worker-3", "payload.region=eu"]
    assert found.types == ("video",)
    top = found.traits[0]
    assert top.failed == top.failed_of == found.failed_sample > 80
    assert found.passed_sample >= 200
    assert shared(path, "bad codec <n>") == found  # the draw has a fixed seed
    assert tell(shared(path, "chance")) == []


def test_passed_tasks_are_of_the_same_type_and_time(tmp_path):
    path = make_queue(tmp_path / "queue.db", 3_000)
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE status = 'failed' AND id NOT BETWEEN 1000 AND 2000")
    run_sql(
        path, "UPDATE task_queue SET payload = '{\"elsewhere\": 1}' WHERE type = 'mail' OR id NOT BETWEEN 1000 AND 2000"
    )
    found = shared(path, "bad codec <n>")
    assert tell(found)[:2] == ["worker=worker-3", "payload.region=eu"]
    assert not any("elsewhere" in each for each in tell(found))


def test_the_sample_of_another_program_can_be_compared(sample_db):
    found = shared(sample_db, "PermanentError: unsupported")
    assert (found.failed_sample, found.complete) == (30, True)
    assert [each.trait.name for each in found.traits] == ["attempts"]


def test_without_a_passed_task_it_is_said_so(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", 5, status="failed")
    found = shared(path, "1")
    assert found.traits == ()
    assert "nothing to compare" in found.notes[-1]


def test_it_can_be_stopped(tmp_path):
    path = make_queue(tmp_path / "queue.db", 500)
    with closing(FailureReader(path)) as reader:
        reader.open()
        reader.refresh()
        seen: list[int] = []
        group = reader.snapshot().groups[0]
        found = shared_traits(
            reader, group, should_stop=lambda: len(seen) > 1, on_progress=lambda p: seen.append(p.done)
        )
        assert (found.complete, found.traits) == (False, ())
        assert len(seen) == 2


def test_large_payloads_are_known_by_their_size(tmp_path):
    path = make_foreign_queue(tmp_path / "queue.db", 60, status="completed")
    large = json.dumps({"a": "x" * 3_000_000})
    run_sql(path, "UPDATE task_queue SET status = 'failed', payload = ? WHERE id <= 20", (large,))
    assert tell(shared(path, "1")) == ["payload size=1024 to 16384 KiB"]


# --- the measures, against figures of others ------------------------------------------------------


def test_intervals_are_those_of_the_literature():
    # Newcombe 1998, table II: 56 of 70 and 48 of 80, method 10: 0.0524 to 0.3339.
    low, high = newcombe(56 / 70, wilson(56, 70), 48 / 80, wilson(48, 80))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    # 9 of 10 and 3 of 10: 0.1705 to 0.8090.
    low, high = newcombe(0.9, wilson(9, 10), 0.3, wilson(3, 10))
    assert (round(low, 4), round(high, 4)) == (0.1705, 0.8090)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0


def test_fisher_s_test_of_the_tea():
    assert fisher(Table(3, 4, 1, 4)) == pytest.approx(0.4857, abs=1e-4)
    assert fisher(Table(4, 4, 0, 4)) == pytest.approx(2 / 70)
    assert p_value([Table(0, 5, 0, 5)]) == 1.0


def test_a_test_over_types_agrees_with_the_exact_one_where_both_may_be_used():
    table = Table(60, 200, 40, 200)
    assert p_value([table]) == pytest.approx(fisher(table), rel=0.1)
    assert p_value([Table(30, 100, 20, 100)] * 2) == pytest.approx(p_value([table]), rel=0.02)


def test_adjusted_p_values_are_benjamini_and_hochberg_s():
    values = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert q_values(values) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.5])
    assert q_values([]) == []
    assert all(math.isfinite(each) for each in q_values([0.0, 1.0]))
