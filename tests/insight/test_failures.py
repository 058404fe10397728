"""Groups of failures: what they count, how they are kept up, and that they hold on any file."""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.failure_messages import OTHERS, FailureGroup, Failures, Trend
from prismq_gui.insight.failure_store import BLOCK_ROWS, CHECK_SQL, Entry, PairStore, checksum
from prismq_gui.insight.failure_tally import trend_of
from prismq_gui.insight.failures import FailureReader
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.signatures import signature
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside
from tests.insight.test_signatures import CAUSES

NOW = datetime(2026, 11, 24, 12, 0)


@contextmanager
def failures_of(path: Path, **options: object) -> Iterator[FailureReader]:
    with closing(FailureReader(path, clock=lambda: NOW, **options)) as reader:  # type: ignore[arg-type]
        reader.open()
        yield reader


def read(path: Path, **options: object) -> Failures:
    with failures_of(path, **options) as reader:
        assert reader.refresh()
        return reader.snapshot()


def counts(found: Failures) -> dict[str, int]:
    return {group.signature: group.count for group in found.groups}


def add(path: Path, error: object, **cells: object) -> int:
    values = {"type": "job", "payload": "{}", "status": "failed", "error_message": error} | cells
    marks = ", ".join("?" * len(values))
    sql = f"INSERT INTO task_queue ({', '.join(values)}) VALUES ({marks}) RETURNING id"
    return int(str(run_sql(path, sql, tuple(values.values()))[0][0]))


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "Fehler ü" / "queue.db")


def test_the_sample_falls_into_its_five_causes(sample_db):
    found = read(sample_db)
    assert counts(found) == CAUSES
    assert list(counts(found)) == list(CAUSES)  # the largest first
    assert found.total == 59
    assert found.complete
    permanent = found.groups[0]
    assert {share.name: share.count for share in permanent.statuses} == {"failed": 29, "dead_letter": 1}
    assert sum(share.count for share in permanent.types) == 30
    assert permanent.types[0].name == "youtube_shorts.scrape"
    assert {share.name for share in permanent.workers} == {f"worker-0{n}" for n in range(6)}
    assert (permanent.workers_known, permanent.workers_inferred) == (30, 0)
    assert permanent.first_seen == datetime(2026, 11, 24, 2, 57, 37)
    assert permanent.last_seen == datetime(2026, 11, 24, 2, 59, 43)
    assert sum(permanent.buckets) == 30
    assert permanent.sample_ids[:3] == (557, 552, 527)
    assert permanent.sample_text == "PermanentError: unsupported"


def test_a_group_knows_its_tasks_again(sample_db):
    with failures_of(sample_db) as reader:
        reader.refresh()
        found = reader.snapshot()
        for group in found.groups:
            ids = list(reader.ids_of(group))
            assert len(ids) == group.count
            assert ids == sorted(ids, reverse=True)
            assert ids[:20] == list(group.sample_ids)
            for task_id in ids:
                error = run_sql(sample_db, "SELECT error_message FROM task_queue WHERE id = ?", (task_id,))[0][0]
                assert group.matches(error)
                assert [other for other in found.groups if other.matches(error)] == [group]


def test_a_group_is_found_by_number_key_and_cause(sample_db):
    found = read(sample_db)
    group = found.groups[2]
    assert found.find("3") == found.find(group.key) == found.find("ValueError: bad codec <quoted>") == group
    for unknown in ("0", "6", "x", "", "²", "9" * 30):
        assert found.find(unknown) is None


def test_workers_come_from_the_log_where_the_rows_name_none(sample_db):
    named = read(sample_db)
    run_sql(sample_db, "UPDATE task_queue SET locked_by = NULL")
    told = read(sample_db)
    for before, after in zip(named.groups, told.groups, strict=True):
        assert after.workers == before.workers
        assert after.workers_known == after.workers_inferred == after.count


def test_workers_stay_unknown_where_neither_row_nor_log_names_them(queue):
    add(queue, "boom")
    task = add(queue, "boom")
    run_sql(
        queue, "INSERT INTO task_logs (task_id, level, message) VALUES (?, 'INFO', 'job started by w \"1\"')", (task,)
    )
    (group,) = read(queue).groups
    assert [(share.name, share.count) for share in group.workers] == [('w "1"', 1)]
    assert (group.count, group.workers_known, group.workers_inferred) == (2, 1, 1)


def test_the_last_start_names_the_worker(queue):
    task = add(queue, "boom")
    for second, message in enumerate(["job started by w-1", "attempt failed", "job started by w-2", "failed for good"]):
        run_sql(
            queue, "INSERT INTO task_logs (task_id, at_utc, level, message) VALUES (?, ?, 'INFO', ?)",
            (task, f"2026-11-24 01:00:0{second}", message),
        )  # fmt: skip
    assert [share.name for share in read(queue).groups[0].workers] == ["w-2"]


def test_both_forms_of_times_are_read(queue):
    add(queue, "boom", finished_at_utc="2026-11-24T10:00:00.5+00:00")
    add(queue, "boom", finished_at_utc="2026-11-24 11:00:00")
    add(queue, "boom", finished_at_utc="2026-11-24T13:30:00+02:00")
    add(queue, "boom", finished_at_utc="30 February", updated_at_utc="never")
    (group,) = read(queue).groups
    assert (group.first_seen, group.last_seen) == (datetime(2026, 11, 24, 10), datetime(2026, 11, 24, 11, 30))
    assert group.count == 4
    assert sum(group.buckets) == 3


@pytest.mark.parametrize(
    ("buckets", "trend"),
    [
        ((0,) * 24, Trend.QUIET),
        ((5,) * 24, Trend.STEADY),
        ((0,) * 20 + (1, 2, 3, 4), Trend.RISING),
        ((4, 3, 2, 1) + (0,) * 20, Trend.FALLING),
        ((0,) * 23 + (1,), Trend.STEADY),  # one alone tells nothing
        ((100,) * 12 + (110,) * 12, Trend.STEADY),  # surely more, but not by much
    ],
)
def test_the_trend_follows_its_rule(buckets, trend):
    assert trend_of(buckets) is trend


def test_the_trend_is_of_the_window(queue):
    for hours in (30, 29, 28, 1, 2, 3, 1):
        moment = (NOW - timedelta(hours=hours)).isoformat(sep=" ")
        add(queue, "boom", finished_at_utc=moment)
    (group,) = read(queue).groups
    assert (sum(group.buckets), group.trend) == (4, Trend.RISING)
    (group,) = read(queue, window=timedelta(hours=48), buckets=4).groups
    assert group.buckets == (0, 3, 0, 4)


def test_new_retried_deleted_and_refailed_tasks_are_kept_up_with(queue):
    ids = [add(queue, f"boom {n}", type=("a", "b")[n % 2]) for n in range(40)]
    with failures_of(queue) as reader:
        assert reader.refresh()
        assert counts(reader.snapshot()) == {"boom <n>": 40}
        add(queue, "new one", type="c", status="dead_letter")
        run_sql(queue, "UPDATE task_queue SET status = 'queued' WHERE id = ?", (ids[3],))
        run_sql(queue, "DELETE FROM task_queue WHERE id = ?", (ids[-1],))
        run_sql(queue, "UPDATE task_queue SET error_message = 'other end' WHERE id = ?", (ids[5],))
        run_sql(
            queue, "INSERT INTO task_logs (task_id, level, message) VALUES (?, 'ERROR', 'failed for good')", (ids[5],)
        )
        assert reader.refresh()
        found = reader.snapshot()
        assert counts(found) == {"boom <n>": 37, "new one": 1, "other end": 1}
        boom = found.groups[0]
        assert boom.sample_ids == tuple(sorted(set(ids) - {ids[3], ids[5], ids[-1]}, reverse=True)[:20])
        run_sql(queue, "UPDATE task_queue SET status = 'queued'")
        assert reader.refresh()
        assert reader.snapshot().groups == ()


def test_what_is_kept_up_is_what_a_new_reading_finds(queue):
    chance = random.Random(7)
    for n in range(60):
        add(queue, f"cause {'abcd'[n % 4]}", type=f"t{n % 3}", finished_at_utc=f"2026-11-24 0{n % 9}:00:00")
    with failures_of(queue) as reader:
        reader.refresh()
        for round_number in range(6):
            for task_id in chance.sample(range(1, 61), 12):
                status = chance.choice(["failed", "dead_letter", "queued", "completed"])
                error = f"cause {chance.choice('abcde')}"
                run_sql(
                    queue, "UPDATE task_queue SET status = ?, error_message = ? WHERE id = ?", (status, error, task_id)
                )
                run_sql(queue, "INSERT INTO task_logs (task_id, level) VALUES (?, 'INFO')", (task_id,))
            add(queue, "late", type=f"new{round_number}")
            assert reader.refresh()
            assert reader.snapshot().groups == read(queue).groups


def test_an_unchanged_file_is_not_read_again(queue):
    add(queue, "boom")
    with failures_of(queue) as reader:
        reader.refresh()
        told: list[object] = []
        assert reader.refresh(should_stop=lambda: True, on_progress=told.append)
        assert told == []


def test_a_stopped_reading_goes_on_where_it_stopped_and_misses_nothing(queue):
    run_sql(
        queue, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO task_queue "
        "(type, payload, status, error_message) SELECT 't' || (i % 3), '{}', 'failed', 'boom ' || i FROM n",
    )  # fmt: skip
    with failures_of(queue) as reader:
        steps: list[int] = []
        while not reader.refresh(should_stop=lambda: len(steps) % 2 == 1, on_progress=lambda p: steps.append(p.done)):
            assert not reader.snapshot().complete
            if len(steps) == 1:
                run_sql(queue, "UPDATE task_queue SET status = 'queued' WHERE id > 2990")
            steps.append(steps[-1])
        assert steps == sorted(steps)
        assert len(steps) > 6
        assert reader.refresh()
        assert counts(reader.snapshot()) == {"boom <n>": 2_990}


def test_nothing_holds_the_writers_up_between_two_statements(queue):
    for n in range(100):
        add(queue, f"boom {n}")
    with failures_of(queue) as reader:
        busy: list[int] = []
        reader.refresh(on_progress=lambda _progress: busy.append(checkpoint_from_outside(queue)))
        assert busy
        assert set(busy) == {0}


def test_groups_past_the_limit_are_counted_together(queue):
    for n in range(30):
        add(queue, f"cause {'abcdefghij'[n % 10] * 3}")
    with failures_of(queue, most_groups=4) as reader:
        reader.refresh()
        found = reader.snapshot()
        assert len(found.groups) == 5
        others = found.groups[-1]
        assert (others.signature, others.is_others, others.count) == (OTHERS, True, 18)
        assert len(reader.ids_of(others)) == 18
        assert not others.matches("cause aaa")
        run_sql(queue, "UPDATE task_queue SET status = 'queued'")
        reader.refresh()
        assert reader.snapshot().groups == ()


def test_hostile_cells_are_grouped_and_never_raise(queue):
    cells: list[object] = [
        None,
        "",
        b"\xff\x00\xfe",
        17,
        1.5,
        "x\0y",
        "<b>&amp;</b>",
        "\u202eevil\x1b[2J",
        "é" * 300_000,
    ]
    for cell in cells:
        add(queue, cell, finished_at_utc=cell, locked_by=cell, type=cell if isinstance(cell, str) else "job")
    run_sql(queue, "INSERT INTO task_queue (type, payload, status) VALUES (CAST(x'ff41' AS TEXT), '{}', 'failed')")
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', x'00ff')")
    found = read(queue)
    assert found.total == len(cells) + 1
    assert sum(group.count for group in found.groups) == len(cells) + 1
    assert all("\x1b" not in group.signature and "\u202e" not in group.signature for group in found.groups)
    with failures_of(queue) as reader:
        reader.refresh()
        run_sql(queue, "UPDATE task_queue SET status = 'dead_letter' WHERE id % 2")
        assert reader.refresh()
        assert sum(group.count for group in reader.snapshot().groups) == len(cells) + 1


def test_a_long_text_has_the_signature_of_the_whole_cell(queue):
    text = "Traceback (most recent call last):\n" + '  File "x.py", line 3\n    f()\n' * 4_000 + "KeyError: 'ä 1'"
    add(queue, text)
    (group,) = read(queue).groups
    assert group.signature == signature(text) == "KeyError: <quoted>"
    assert group.matches(text)
    assert len(group.sample_text) < 7_000


@pytest.mark.parametrize("lost", ["ix_task_type_status", "ix_task_status_prio_time", "ix_logs_task"])
def test_a_file_without_an_index_is_read_all_the_same(sample_db, lost):
    run_sql(sample_db, f"DROP INDEX {lost}")
    with failures_of(sample_db) as reader:
        assert reader.refresh()
        found = reader.snapshot()
        assert counts(found) == CAUSES
        assert sum(share.count for share in found.groups[0].types) == 30
        assert len(found.notes) == (0 if lost == "ix_task_status_prio_time" else 1)
        run_sql(sample_db, "UPDATE task_queue SET status = 'queued' WHERE error_message = 'Cancelled by user'")
        assert reader.refresh()
        assert len(reader.snapshot().groups) == 4


def test_columns_that_the_file_lacks_are_not_missed(tmp_path):
    path = tmp_path / "old.db"
    run_sql(path, "CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT)")
    run_sql(path, "INSERT INTO task_queue (type, status) VALUES ('a', 'failed')")
    assert counts(read(path)) == {"(no error text)": 1}


def test_what_cannot_be_opened_is_a_problem(tmp_path):
    with closing(FailureReader(tmp_path / "none.db")) as reader:
        with pytest.raises(ProblemError) as caught:
            reader.open()
        assert caught.value.problem.kind is ProblemKind.NOT_FOUND
        with pytest.raises(ProblemError):
            reader.refresh()
        assert list(tmp_path.iterdir()) == []
        assert reader.ids_of(_group("x")).tolist() == []


def _group(name: str) -> FailureGroup:
    return FailureGroup("k", name, 0, (), (), (), 0, 0, None, None, Trend.QUIET, (), (), "")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=60))
def test_the_store_s_checksum_is_sqlite_s(ids):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (id)")
        connection.executemany("INSERT INTO t VALUES (?)", [(each,) for each in ids])
        assert (connection.execute(f"SELECT {CHECK_SQL} FROM t").fetchone()[0] or 0) == checksum(array("q", ids))


def test_the_store_splits_its_blocks_and_loses_nothing():
    store = PairStore()
    ids = list(range(0, 10 * BLOCK_ROWS, 2))
    random.Random(3).shuffle(ids)
    for each in ids:
        store.put(each, Entry(each % 5, each, 0))
    stretches = store.stretches()
    assert len(stretches) > 2
    assert (stretches[0].low, stretches[-1].high) == (-(2**63), 2**63 - 1)
    assert all(a.high + 1 == b.low for a, b in pairwise(stretches))
    assert sum(stretch.count for stretch in stretches) == len(store) == len(ids)
    assert [each for part in store.ids_of(3) for each in part] == [each for each in sorted(ids) if each % 5 == 3]
    assert store.get(10) == Entry(0, 10, 0)
    assert store.take(10) == Entry(0, 10, 0)
    assert store.get(10) is store.take(10) is store.get(11) is None
    assert store.ids_between(8, 16) == {8, 12, 14, 16}
