"""The overview tells the truth of a real file, part by part, with no false zero and without holding the writers up."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.cli import main
from prismq_gui.insight.history import History
from prismq_gui.insight.messages import StatusCount, WorkerRow
from prismq_gui.insight.overview import Overview, OverviewReader, Part
from prismq_gui.insight.percentiles import times
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.signatures import signature
from prismq_gui.insight.verdict import Code
from prismq_gui.queue.metrics_records import FinishedSample, FinishedTask
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside, reading

SAMPLE_NOW = datetime(2026, 11, 24, 3, 5, 0)
NOW = datetime(2026, 3, 1, 12, 0, 0)


def overview_of(reader: QueueReader, now: datetime, **more: object) -> OverviewReader:
    return OverviewReader(reader.connection, reader.layout(), signature=signature, clock=lambda: now, **more)  # type: ignore[arg-type]


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")


def add(queue: Path, **cells: object) -> None:
    cells = {"type": "job", "payload": "{}", "created_at_utc": str(NOW - timedelta(hours=2)), **cells}
    names, marks = ", ".join(cells), ", ".join("?" * len(cells))
    run_sql(queue, f"INSERT INTO task_queue ({names}) VALUES ({marks})", tuple(cells.values()))


def test_the_sample_is_judged_truly(sample_db: Path):
    with reading(sample_db) as reader:
        overview = overview_of(reader, SAMPLE_NOW)
        overview.take_facts(reader.facts())
        found = overview.read_all()
    assert (found.waiting.value, found.running.value) == (294, 38)
    assert found.leases.value is not None
    assert found.leases.value.expired == 38
    reasons = {reason.code: reason for reason in found.verdict.reasons}
    assert set(reasons) == {
        Code.NOBODY_WORKS, Code.SILENT_WORKERS, Code.FAILING, Code.DEAD_LETTERS, Code.WAITS_LONG, Code.EXPIRED_LEASES,
    }  # fmt: skip
    silent = reasons[Code.SILENT_WORKERS]
    assert "worker-05 longest" in silent.sentence
    assert len(silent.details) == 6
    assert silent.details[0] == "worker-05 silent for 2 h holding 2 tasks"
    assert reasons[Code.FAILING].sentence.startswith("52 failed in the last hour, most `PermanentError: unsupported`")
    assert found.times.value is not None
    assert found.times.value.all.tasks == 209 + 52
    assert sum(each.tasks for each in found.times.value.types) == 209 + 52


def test_nothing_is_zero_before_it_was_read(sample_db: Path):
    with reading(sample_db) as reader:
        overview = overview_of(reader, SAMPLE_NOW)
        before = overview.overview()
        figures = (
            before.waiting, before.running, before.oldest, before.rates, before.failures, before.leases,
            before.workers, before.times, before.forecast,
        )  # fmt: skip
        assert all(figure.value is None and figure.age_s(SAMPLE_NOW) is None for figure in figures)
        assert before.verdict.sentence == "Not looked at yet"
        for _ in overview.steps(Part.OLDEST):
            pass
        after = overview.overview()
    assert after.oldest.value is not None
    assert after.waiting.value is None


def test_an_empty_queue_has_true_zeros_and_nothing_due(queue: Path):
    with reading(queue) as reader:
        overview = overview_of(reader, NOW)
        overview.take_facts(reader.facts())
        found = overview.read_all()
    assert (found.waiting.value, found.running.value) == (0, 0)
    assert found.oldest.value is not None
    assert found.oldest.value.oldest is None
    assert found.forecast.value is not None
    assert found.forecast.value.text == "nothing to do"
    assert found.verdict.sentence == "All is well"
    assert found.times.value is not None
    assert found.times.value.all.waiting is None


def test_ages_grow_and_are_never_negative(queue: Path):
    with reading(queue) as reader:
        found = overview_of(reader, NOW).read_all()
    assert found.waiting.age_s(NOW + timedelta(seconds=90)) == 90
    assert found.waiting.age_s(NOW - timedelta(hours=1)) == 0


def test_the_old_value_stays_until_the_new_one_is_whole(queue: Path):
    add(queue, status="failed", finished_at_utc=str(NOW), error_message="boom")
    with reading(queue) as reader:
        overview = overview_of(reader, NOW)
        overview.read_all()
        add(queue, status="failed", finished_at_utc=str(NOW), error_message="boom")
        steps = overview.steps(Part.FAILURES)
        next(steps)
        assert _failed(overview.overview()) == 1
        steps.close()  # type: ignore[attr-defined]
        assert _failed(overview.overview()) == 1
        for _ in overview.steps(Part.FAILURES):
            pass
        assert _failed(overview.overview()) == 2


@pytest.mark.parametrize("set_to", [NOW + timedelta(minutes=40), NOW - timedelta(hours=3)])
def test_what_is_reckoned_anew_without_reading_is_what_reading_would_find(queue: Path, set_to: datetime):
    for minutes, status in ((5, "failed"), (30, "dead_letter"), (50, "completed"), (-20, "failed"), (170, "completed")):
        moment = str(NOW - timedelta(minutes=minutes))
        add(queue, status=status, created_at_utc=moment, finished_at_utc=moment, error_message=f"bad {status}")
    clock = [NOW]
    with reading(queue) as reader:
        kept, fresh = (
            OverviewReader(reader.connection, reader.layout(), signature=signature, clock=lambda: clock[0])
            for _ in range(2)
        )
        kept.read_all()
        clock[0] = set_to  # forward within the window, or back to before it
        for part in (Part.FAILURES, Part.FINISHED):
            for _ in kept.steps(part, is_unchanged=True):
                pass
        reckoned, found = kept.overview(), fresh.read_all()
    for figure, wanted in ((reckoned.failures, found.failures), (reckoned.rates, found.rates)):
        assert figure == wanted
        assert figure.age_s(set_to) == 0
    assert reckoned.times == found.times
    assert _failed(found) == (2 if set_to > NOW else 3)


def _failed(found: Overview) -> int:
    assert found.failures.value is not None
    return found.failures.value.failed


def test_between_two_steps_nothing_holds_the_writers_log(queue: Path):
    for i in range(1_200):
        add(queue, status="failed" if i % 2 else "completed", finished_at_utc=str(NOW), error_message=f"bad {i}")
    with reading(queue) as reader:
        overview, held = overview_of(reader, NOW), []
        for part in overview.parts:
            for _ in overview.steps(part):
                add(queue, status="queued")
                held.append(checkpoint_from_outside(queue))
    assert len(held) > 10
    assert set(held) == {0}


@pytest.mark.parametrize(("part", "status"), [(Part.FAILURES, "failed"), (Part.LEASES, "processing")])
def test_rows_of_many_tasks_are_looked_up_by_their_ids(queue: Path, part: Part, status: str):
    for _ in range(40):
        add(queue, status=status, finished_at_utc=str(NOW), lease_until_utc=str(NOW), error_message="boom")
    with reading(queue) as reader:
        asked: list[str] = []
        connection = reader.connection._connection
        assert connection is not None
        connection.set_trace_callback(asked.append)
        for _ in overview_of(reader, NOW).steps(part):
            pass
        connection.set_trace_callback(None)
        looked_up = [sql for sql in asked if " id IN (" in sql]
        plans = [str(reader.connection.rows(f"EXPLAIN QUERY PLAN {sql}")) for sql in looked_up]
    assert plans
    assert all("USING INTEGER PRIMARY KEY" in plan for plan in plans)


def test_failures_of_more_than_an_hour_ago_and_cancelled_ones_are_left_out(queue: Path):
    for ago_s, status, error in (
        (10, "failed", "TimeoutError: 3 s"), (20, "failed", "TimeoutError: 30 s"), (30, "dead_letter", "OSError: 28"),
        (40, "failed", "Cancelled by user"), (4_000, "failed", "TimeoutError: 3 s"), (50, "completed", None),
    ):  # fmt: skip
        ended = str(NOW - timedelta(seconds=ago_s))
        add(queue, status=status, error_message=error, finished_at_utc=ended)
    with reading(queue) as reader:
        found = overview_of(reader, NOW).read_all().failures.value
    assert found is not None
    assert (found.failed, found.dead, found.at_least) == (3, 1, False)
    assert [cause.count for cause in found.causes] == [2, 1]  # the two timeouts are one cause


def test_counts_and_workers_of_a_poll_are_taken_as_they_are(queue: Path):
    with reading(queue) as reader:
        overview = overview_of(reader, NOW)
        overview.take_counts(())
        assert overview.overview().waiting.value is None
        counted = time.monotonic() - 60
        overview.take_counts((StatusCount("queued", 7, counted), StatusCount("leased", 2, counted)))
        overview.take_workers((WorkerRow("w", None, str(NOW - timedelta(hours=3)), 2),))
        found = overview.overview()
    assert (found.waiting.value, found.running.value) == (7, 2)
    age_s = found.waiting.age_s(NOW)
    assert age_s is not None
    assert age_s >= 59
    assert found.verdict.reasons[0].sentence == "w silent for 3 h holding 2 tasks"


def test_a_worker_falls_silent_without_the_file_being_read(queue: Path):
    run_sql(queue, "INSERT INTO workers VALUES ('w-1', '{}', ?)", (str(NOW),))
    add(queue, status="leased", locked_by="w-1", lease_until_utc=str(NOW + timedelta(hours=1)))
    now = [NOW]
    with reading(queue) as reader:
        overview = OverviewReader(reader.connection, reader.layout(), signature=signature, clock=lambda: now[0])
        assert overview.read_all().verdict.reasons == ()
        now[0] += timedelta(minutes=10)
        assert overview.overview().verdict.sentence.startswith("1 problem: w-1 silent for 10 min holding 1 task")


def test_with_a_history_the_past_is_rebuilt_beside_the_other_parts(queue: Path, tmp_path: Path):
    now_s = (NOW - datetime(1970, 1, 1)).total_seconds()
    for i in range(20):
        add(queue, created_at_utc=str(NOW - timedelta(seconds=300 + i)))
    with reading(queue) as reader, closing(History(tmp_path / "data", lambda: now_s)) as history:
        history.open(queue, reader.connection, reader.newest_task_id())
        overview = overview_of(reader, NOW, history=history)
        assert Part.PAST in overview.parts
        assert Part.FLOWS not in overview.parts
        found = overview.read_all()
        past = history.points(now_s - 600, now_s, 60)
    assert sum(point.arrived_per_s or 0 for point in past) * 60 == pytest.approx(20)
    assert past[-1].unfinished == 20
    assert found.forecast.value is not None


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    path = make_foreign_queue(tmp_path / "strange.db")
    for cell in ("2026-02-30", b"\xff\x00", 1e300, "", "9999-12-31T23:59:59+14:00"):
        for status in ("queued", "leased", "failed", "dead_letter", "completed"):
            add(path, status=status, finished_at_utc=cell, created_at_utc=cell, run_after_utc=cell, type=cell,
                lease_until_utc=cell, locked_by=cell, error_message=cell, attempts=cell)  # fmt: skip
    run_sql(path, "UPDATE task_queue SET error_message = CAST(x'ff41' AS TEXT) WHERE id % 3 = 0")
    run_sql(path, "INSERT INTO workers VALUES (CAST(x'ff42' AS TEXT), x'00', 17)")
    return path


def test_A_hostile_cells_end_in_words_and_never_in_an_error(strange: Path):
    with reading(strange) as reader:
        found = overview_of(reader, NOW).read_all()
    assert found.verdict.sentence.isprintable()
    assert found.waiting.value == 5


def test_a_file_that_lacks_columns_leaves_parts_unknown(queue: Path):
    for index in ("ix_task_region", "ix_task_format"):
        run_sql(queue, f"DROP INDEX {index}")
    for column in ("error_message", "lease_until_utc", "finished_at_utc"):
        run_sql(queue, f"ALTER TABLE task_queue DROP COLUMN {column}")
    add(queue)
    with reading(queue) as reader:
        found = overview_of(reader, NOW).read_all()
    assert found.waiting.value == 1
    assert found.failures.value is None
    assert found.leases.value is None
    assert found.times.value is None
    assert {"failures", "leases", "trend"} <= set(found.verdict.unknown)


def test_a_failed_read_leaves_the_old_value(queue: Path):
    add(queue)
    with reading(queue) as reader:
        overview = overview_of(reader, NOW)
        overview.read_all()
        reader.close()
        with pytest.raises(ProblemError):
            list(overview.steps(Part.COUNTS))
        assert overview.overview().waiting.value == 1


def test_percentiles_are_of_the_window_and_by_type():
    def task(kind: str, ago_s: float, waited: float | None, status: str = "completed") -> FinishedTask:
        return FinishedTask(1, kind, status, 1, NOW - timedelta(seconds=ago_s), waited, 2.0)

    tasks = [task("a", 10, float(i)) for i in range(1, 101)] + [task("b", 10, None), task("a", 9_000, 1e6)]
    tasks += [task("a", 10, 1e6, "cancelled")]
    found = times(FinishedSample(tuple(tasks), cut=True), timedelta(hours=1), NOW)
    a, b = found.types
    assert a.waiting is not None
    assert (a.type, a.tasks, a.waiting.p50_s, a.waiting.p95_s, a.waiting.p99_s) == ("a", 100, 50, 95, 99)
    assert (b.waiting, b.tasks) == (None, 1)
    assert (found.sampled, found.cut) == (103, True)


def test_the_command_line_tells_the_same(sample_db: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["stats", "--overview", "--db", str(sample_db)]) == 0
    text = capsys.readouterr().out
    assert "tasks are due, but all 6 workers are silent" in text.splitlines()[0]
    assert "worker-03 silent for" in text
    assert main(["stats", "--overview", "--json", "--db", str(sample_db)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["waiting"] == 294
    assert found["verdict"]["well"] is False
    assert {"code", "severity", "sentence", "page", "filter", "details"} == set(found["verdict"]["reasons"][0])
