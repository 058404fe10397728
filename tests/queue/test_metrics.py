"""Figures of a queue: what a person reads must be what the file holds, whoever wrote it and however."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, metrics, metrics_reading
from prismq_gui.queue.timestamps import parse_utc
from tests.helpers.files import make_foreign_queue, run_sql

NOW = datetime(2026, 3, 1, 12, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "příliš žluť" / "queue.db")


@pytest.fixture
def source(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that SQLite itself lets only read."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def add(path: Path, **cells: object) -> None:
    cells = {"type": "job", "payload": "{}", **cells}
    names, marks = ", ".join(cells), ", ".join("?" * len(cells))
    run_sql(path, f"INSERT INTO task_queue ({names}) VALUES ({marks})", tuple(cells.values()))


def finish(
    path: Path, status: str = "completed", *, ago_s: float, waited_s: float = 1, ran_s: float = 2, **more: object
):
    ended = NOW - timedelta(seconds=ago_s)
    begun = ended - timedelta(seconds=ran_s)
    due = begun - timedelta(seconds=waited_s)
    add(
        path, status=status, created_at_utc=str(due), run_after_utc=str(due), processing_started_utc=str(begun),
        finished_at_utc=str(ended), **{"attempts": 1, **more},
    )  # fmt: skip


def sample(source: metrics.Source, limit: int = metrics.SAMPLE) -> metrics.FinishedSample:
    return metrics.finished_sample(source, limit)


def test_empty_queue_has_no_figures_and_no_false_zero(source: sqlite3.Connection) -> None:
    assert metrics.depth(source).entries == ()
    assert metrics.oldest_waiting(source) is None
    nothing = sample(source)
    assert nothing == metrics.FinishedSample((), cut=False)
    assert metrics.success_rate(nothing) is None
    assert metrics.waiting_times(nothing) is None
    assert metrics.workers(source).workers == ()
    assert metrics.throughput(nothing, timedelta(hours=1)).completed_per_hour == 0


def test_depth_counts_every_kind_of_task(path: Path, source: sqlite3.Connection) -> None:
    rng = random.Random(3)
    expected: Counter[tuple[str, str]] = Counter()
    for _ in range(300):
        kind, status = rng.choice(["a", "b'; --", "ž", ""]), rng.choice(["queued", "completed", "strange ☃", ""])
        add(path, type=kind, status=status)
        expected[kind, status] += 1
    depth = metrics.depth(source)
    assert {(entry.type, entry.status): entry.count for entry in depth.entries} == expected
    assert depth.complete
    assert depth.total() == 300
    assert sum(depth.by_type().values()) == sum(depth.by_status().values()) == 300


def test_depth_is_right_past_one_stretch_of_the_index(
    path: Path, source: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_reading, "STRETCH", 7)
    for count in (6, 7, 8, 14, 22):
        for _ in range(count):
            add(path, type=f"of {count}")
    assert metrics.depth(source).by_type() == {f"of {count}": count for count in (6, 7, 8, 14, 22)}


@pytest.mark.parametrize("indexed", [True, False])
def test_H1_names_that_are_no_text_are_counted_too(path: Path, source: sqlite3.Connection, indexed: bool) -> None:
    run_sql(path, "INSERT INTO task_queue (type, payload, status) VALUES (CAST(x'61ff62' AS TEXT), '{}', x'00ff')")
    run_sql(path, "INSERT INTO task_queue (type, payload, status) VALUES ('job', '{}', CAST(x'fe' AS TEXT))")
    add(path)
    if not indexed:
        run_sql(path, "DROP INDEX ix_task_type_status")
    depth = metrics.depth(source)
    assert depth.by_type() == {r"a\xffb": 1, "job": 2}
    assert depth.by_status() == {"\0\\xff": 1, r"\xfe": 1, "queued": 1}
    assert metrics.finished_sample(source).tasks == ()


def test_too_many_kinds_are_cut_and_told(
    path: Path, source: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_reading, "MAX_KINDS", 5)
    for number in range(8):
        add(path, type=f"t{number}", priority=number, run_after_utc="2026-01-01 00:00:00")
    assert len(metrics.depth(source).entries) == 5
    assert not metrics.depth(source).complete
    oldest = metrics.oldest_waiting(source, NOW)
    assert oldest is not None
    assert not oldest.complete
    run_sql(path, "DROP INDEX ix_task_type_status")
    assert len(metrics.depth(source).entries) == 5
    assert not metrics.depth(source).complete


def test_oldest_waiting_is_due_in_either_form_and_whatever_its_priority(path: Path, source: sqlite3.Connection) -> None:
    forms = [
        lambda t: t.isoformat(sep=" "), lambda t: t.isoformat() + "+00:00", lambda t: t.isoformat() + "Z",
        lambda t: t.isoformat(sep=" ", timespec="seconds"), lambda t: t.isoformat().lower() + "z",
    ]  # fmt: skip
    rng = random.Random(11)
    for _ in range(40):
        run_sql(path, "DELETE FROM task_queue")
        for _ in range(rng.randint(1, 12)):
            moment = NOW + timedelta(hours=rng.uniform(-60, 24))
            add(path, priority=rng.choice([-5, 1, 100, 2**40]), run_after_utc=rng.choice(forms)(moment),
                status=rng.choice(["queued", "queued", "completed"]))  # fmt: skip
        rows = run_sql(path, "SELECT id, run_after_utc FROM task_queue WHERE status = 'queued'")
        due = [(moment, task_id) for task_id, text in rows if (moment := parse_utc(text)) and moment <= NOW]
        found = metrics.oldest_waiting(source, NOW)
        assert (found and (found.due_utc, found.task_id)) == (min(due) if due else None)
        assert found is None or (found.complete and found.waiting_s >= 0)


def test_H7_times_that_cannot_be_read_hide_no_task_behind_them(path: Path, source: sqlite3.Connection) -> None:
    for cell in ("", "0", "2026-02-30 00:00:00", "0000-00-00", 17, b"x", "tomorrow"):
        add(path, run_after_utc=cell)
    assert metrics.oldest_waiting(source, NOW) is None
    add(path, run_after_utc="2026-02-28T00:00:00Z")
    found = metrics.oldest_waiting(source, NOW)
    assert found is not None
    assert found.waiting_s == 36 * 3600


def test_without_the_index_the_oldest_is_found_all_the_same(path: Path, source: sqlite3.Connection) -> None:
    add(path, run_after_utc="2026-02-28 10:00:00", priority=500)
    add(path, run_after_utc="2026-02-28T09:00:00+00:00", priority=1)
    run_sql(path, "DROP INDEX ix_task_status_prio_time")
    found = metrics.oldest_waiting(source, NOW)
    assert found is not None
    assert (found.task_id, found.complete) == (2, True)


def test_throughput_counts_within_the_window_alone(path: Path, source: sqlite3.Connection) -> None:
    for ago in (10, 20, 3_599, 3_601, 90_000):
        finish(path, ago_s=ago)
    finish(path, "failed", ago_s=5)
    finish(path, "dead_letter", ago_s=5)
    finish(path, "cancelled", ago_s=5)
    finish(path, "failed", ago_s=5, error_message="Cancelled by user")
    add(path, status="completed", finished_at_utc="2026-03-01T11:59:00.5+00:00")
    add(path, status="completed", finished_at_utc="yesterday")
    seen = metrics.throughput(sample(source), timedelta(hours=1), NOW)
    assert seen == metrics.Throughput(4, 2, 2, 3600.0, at_least=False)
    assert (seen.completed_per_hour, seen.failed_per_hour) == (4.0, 2.0)
    assert metrics.throughput(sample(source), timedelta(days=30), NOW) == metrics.Throughput(
        6, 2, 2, 30 * 86_400.0, at_least=False
    )


def test_cut_sample_says_so_and_keeps_the_rate_true(path: Path, source: sqlite3.Connection) -> None:
    for ago in range(1_000, 0, -10):  # one each 10 s
        finish(path, ago_s=ago)
    cut = sample(source, 20)
    assert [task.id for task in cut.tasks] == list(range(100, 80, -1))
    assert cut.cut
    seen = metrics.throughput(cut, timedelta(hours=1), NOW)
    assert seen.at_least
    assert seen.covered_s == 200
    assert seen.completed_per_hour == 360
    assert sample(source, 100).cut is False


@pytest.mark.parametrize("indexed", [True, False])
def test_newest_finished_are_found_behind_a_backlog(path: Path, source: sqlite3.Connection, indexed: bool) -> None:
    for number in range(12):
        finish(path, ["completed", "failed", "cancelled"][number % 3], ago_s=1_000 - number, type=f"t{number % 2}")
    for _ in range(30):
        add(path)
    if not indexed:
        run_sql(path, "DROP INDEX ix_task_type_status")
    found = sample(source, 5)
    assert [task.id for task in found.tasks] == [12, 11, 10, 9, 8]
    assert found.cut
    assert [task.type for task in found.tasks] == ["t1", "t0", "t1", "t0", "t1"]


def test_success_and_retries_leave_the_cancelled_out(path: Path, source: sqlite3.Connection) -> None:
    finish(path, ago_s=1)
    finish(path, ago_s=1, attempts=3)
    finish(path, "failed", ago_s=1)
    finish(path, "dead_letter", ago_s=1, attempts=5)
    finish(path, "cancelled", ago_s=1, attempts=0)
    finish(path, ago_s=1, attempts="many")
    found = sample(source)
    assert metrics.success_rate(found) == 3 / 5
    assert metrics.retries(found) == metrics.Retries(6, 2, 6)


def test_percentiles_are_values_that_were_seen(path: Path, source: sqlite3.Connection) -> None:
    for second in range(1, 101):
        finish(path, ago_s=1, waited_s=second, ran_s=second * 2, type="even" if second % 2 == 0 else "odd")
    found = sample(source)
    assert metrics.waiting_times(found) == metrics.Percentiles(100, 50, 95, 99, 100)
    assert metrics.running_times(found) == metrics.Percentiles(100, 100, 190, 198, 200)
    assert metrics.running_times(found, "even") == metrics.Percentiles(50, 100, 192, 200, 200)
    assert metrics.running_times(found, "none such") is None


def test_percentile_of_one_value_is_it() -> None:
    assert metrics.percentiles([None, 7.5]) == metrics.Percentiles(1, 7.5, 7.5, 7.5, 7.5)


def test_H8_time_never_runs_backwards(path: Path, source: sqlite3.Connection) -> None:
    add(path, status="completed", created_at_utc="2026-03-01 10:00:00", run_after_utc="2026-03-01 11:00:00",
        processing_started_utc="2026-03-01 09:00:00", finished_at_utc="2026-03-01 08:00:00")  # fmt: skip
    add(path, status="completed", created_at_utc="2026-03-01 10:00:00", run_after_utc="2020-01-01 00:00:00",
        reserved_at_utc="2026-03-01T10:00:30Z", finished_at_utc="2026-03-01 10:00:31")  # fmt: skip
    newest, oldest = sample(source).tasks
    assert (oldest.waited_s, oldest.ran_s) == (None, None)
    assert (newest.waited_s, newest.ran_s) == (30, 1)


def test_workers_are_active_silent_or_known_by_their_task_alone(path: Path, source: sqlite3.Connection) -> None:
    for name, heartbeat in (
        ("alive", "2026-03-01 11:59:30"), ("iso", "2026-03-01T11:59:30+00:00"), ("silent", "2026-03-01 11:00:00"),
        ("odd", "once"),
    ):  # fmt: skip
        run_sql(path, "INSERT INTO workers VALUES (?, '{}', ?)", (name, heartbeat))
    for owner in ("alive", "silent", "silent", "ghost", None):
        add(path, status="leased", locked_by=owner)
    add(path, status="completed", locked_by="alive")
    found = metrics.workers(source, NOW)
    assert [(w.worker_id, w.silent, w.held, w.registered) for w in found.workers] == [
        ("alive", False, 1, True), ("iso", False, 0, True), ("odd", True, 0, True), ("silent", True, 2, True),
        ("ghost", True, 1, False),
    ]  # fmt: skip
    assert (found.active, found.silent, found.complete) == (2, 3, True)


def test_figures_of_a_queue_in_use(db: QueueDatabase) -> None:
    client = QueueClient(db)
    for number in range(3):
        client.enqueue("mail", {"n": number})
    client.enqueue("mail", run_after=timedelta(hours=1))
    assert Claimer(db).claim("w-1", lease_seconds=60) is not None
    assert metrics.depth(db).by_status() == {"queued": 3, "leased": 1}
    oldest = metrics.oldest_waiting(db)
    assert oldest is not None
    assert oldest.task_id == 2
    assert [(worker.worker_id, worker.held) for worker in metrics.workers(db).workers] == [("w-1", 1)]


def test_reading_figures_holds_no_snapshot(path: Path, source: sqlite3.Connection) -> None:
    finish(path, ago_s=1)
    add(path)
    metrics.depth(source)
    metrics.oldest_waiting(source)
    sample(source)
    metrics.workers(source)
    assert run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0


def test_window_must_be_positive() -> None:
    with pytest.raises(ValueError, match="window"):
        metrics.throughput(metrics.FinishedSample((), False), timedelta(0), datetime.now(timezone.utc))
