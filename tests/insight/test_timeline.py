"""The timeline of a task: attempts from our own worker's lines, other programs' and the columns; doubts are told."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.timeline import EventKind, NoteKind, Outcome, Source, Timeline, read_timeline
from prismq_gui.queue import QueueClient, QueueDatabase, settling
from prismq_gui.queue.cancelling import end_cancelled, find_request, request_cancel
from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.timestamps import now_utc
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading


def timeline_of(path: Path, task_id: int = 1, now: datetime | None = None, **bounds: int) -> Timeline:
    with reading(path) as reader:
        found = reader.ask(lambda c, layout: read_timeline(c, layout, task_id, now or now_utc(), **bounds))
    assert found is not None
    return found


def log(path: Path, at: str, message: str, details: str | None = None, level: str = "INFO") -> None:
    run_sql(
        path, "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (1, ?, ?, ?, ?)",
        (at, level, message, details),
    )  # fmt: skip


def kinds(timeline: Timeline) -> list[NoteKind]:
    return [note.kind for note in timeline.notes]


@pytest.fixture
def queue(tmp_path):
    with closing(QueueDatabase(tmp_path / "queue.db")) as db:
        db.initialize_schema()
        yield db


def enqueue(db: QueueDatabase, **more: object) -> None:
    with closing(QueueClient(db.db_path)) as client:
        client.enqueue("mail", {}, **more)


def test_our_own_workers_lines_give_each_attempt_with_its_wait_error_and_worker(queue):
    enqueue(queue, max_attempts=2)
    claimer = Claimer(queue)
    first = claimer.claim("w-1")
    settling.start(queue, first)
    settling.retry_later(queue, first, "TimeoutError: slow", timedelta(0))
    second = claimer.claim("w-2")
    settling.start(queue, second)
    settling.bury(queue, second, "OSError: gone")
    timeline = timeline_of(queue.db_path)
    one, two = timeline.attempts
    assert (one.number, one.outcome, one.worker, one.error) == (1, Outcome.RETRIED, "w-1", "TimeoutError: slow")
    assert (two.number, two.outcome, two.worker, two.error) == (2, Outcome.DEAD, "w-2", "OSError: gone")
    assert (one.sources.outcome, one.sources.worker, one.sources.started_at) == (Source.LOG,) * 3
    assert (two.sources.claimed_at, two.sources.ended_at) == (Source.COLUMN, Source.COLUMN)
    assert two.waited_s is not None
    assert two.waited_s < 5
    assert timeline.notes == ()
    assert "Given up" in timeline.state


def test_a_released_attempt_and_an_expired_lease_are_told_and_the_count_agrees(queue):
    enqueue(queue)
    claimer = Claimer(queue)
    task = claimer.claim("w-1")
    settling.start(queue, task)
    settling.release(queue, task, "stopping")
    task = claimer.claim("w-2")
    settling.start(queue, task)
    run_sql(queue.db_path, "UPDATE task_queue SET lease_until_utc = '2020-01-01 00:00:00'")
    assert claimer.rescue() == 1
    timeline = timeline_of(queue.db_path)
    assert [(a.outcome, a.worker) for a in timeline.attempts] == [
        (Outcome.RELEASED, "w-1"), (Outcome.LEASE_EXPIRED, "w-2"),
    ]  # fmt: skip
    assert timeline.next_due is not None
    assert timeline.notes == ()


def test_a_request_to_cancel_and_its_end_are_told(queue):
    enqueue(queue)
    task = Claimer(queue).claim("w-1")
    settling.start(queue, task)
    request_cancel(queue, task.id, "ann@pc")
    end_cancelled(queue, task, find_request(queue, task))
    timeline = timeline_of(queue.db_path)
    assert [a.outcome for a in timeline.attempts] == [Outcome.CANCELLED]
    asked = [event for event in timeline.events if event.kind is EventKind.CANCEL_REQUESTED]
    assert [event.by for event in asked] == ["ann@pc"]


def test_a_task_cancelled_while_it_waited_has_an_event_and_no_attempt(queue):
    enqueue(queue)
    request_cancel(queue, 1, "ann@pc")
    timeline = timeline_of(queue.db_path)
    assert timeline.attempts == ()
    assert [event.kind for event in timeline.events] == [EventKind.CREATED, EventKind.CANCELLED]


def test_an_operators_retry_starts_the_count_anew(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "UPDATE task_queue SET created_at_utc = '2026-01-01 00:00:00'")
    log(path, "2026-01-01 00:00:01", "job started by w", '{"attempt": 1}')
    log(path, "2026-01-01 00:00:02", "failed for good", '{"attempt": 1, "error": "E: x"}', "ERROR")
    details = '{"operation": "o", "by": "ann@pc", "action": "retry", "from": {"status": "failed", "attempts": 1}}'
    log(path, "2026-01-01 00:00:09", "retried by ann@pc (was failed after 1 of 5 attempts)", details)
    timeline = timeline_of(path)
    assert [a.outcome for a in timeline.attempts] == [Outcome.FAILED]
    assert [(e.kind, e.by) for e in timeline.events][1:] == [(EventKind.RETRIED, "ann@pc")]
    assert timeline.notes == ()


def test_a_handlers_own_words_do_not_end_an_attempt(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    log(path, "2026-01-01 00:00:01", "job started by w", '{"attempt": 1}')
    log(path, "2026-01-01 00:00:02", "completed")
    log(path, "2026-01-01 00:00:03", "subprocess started by make")
    log(path, "2026-01-01 00:00:04", "attempt 1 of 5 failed; next try in 6.0 s", '{"attempt": 1, "error": "E: x"}')
    timeline = timeline_of(path)
    (attempt,) = timeline.attempts
    assert (attempt.outcome, attempt.ran_s, attempt.error) == (Outcome.RETRIED, 3.0, "E: x")
    assert timeline.own_lines == 2


def test_the_wait_of_a_retry_is_inferred_from_the_delay_its_line_tells(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    for number, second in ((1, 10), (2, 30), (3, 50)):
        log(path, f"2026-01-01 00:00:{second}", "job started by w", f'{{"attempt": {number}}}')
        words = f"attempt {number} of 5 failed; next try in 4.0 s"
        log(path, f"2026-01-01 00:00:{second + 1}", words, f'{{"attempt": {number}}}')
    second = timeline_of(path).attempts[1]
    assert (second.waited_s, second.sources.due_at) == (15.0, Source.INFERRED)


def test_H8_times_that_run_backwards_have_no_duration_and_a_note(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(
        path, "UPDATE task_queue SET status = 'completed', attempts = 1, created_at_utc = '2099-01-01 00:00:00', "
        "processing_started_utc = '2026-01-01 10:00:00', finished_at_utc = '2026-01-01 09:00:00'",
    )  # fmt: skip
    timeline = timeline_of(path, now=datetime(2026, 1, 2))
    (attempt,) = timeline.attempts
    assert (attempt.ran_s, attempt.waited_s) == (None, None)
    told = " ".join(note.sentence for note in timeline.notes if note.kind is NoteKind.CLOCK)
    assert "ended 3,600 s before it began" in told
    assert "in the future" in told


def test_H7_unreadable_times_and_both_forms_are_told(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(
        path, "UPDATE task_queue SET status = 'completed', run_after_utc = '2026-02-30 00:00:00', "
        "reserved_at_utc = x'00', "
        "processing_started_utc = '2026-01-01T10:00:00.5+00:00', finished_at_utc = '2026-01-01 10:00:02'",
    )  # fmt: skip
    timeline = timeline_of(path)
    assert timeline.attempts[0].ran_s == 1.5
    unreadable = [note.sentence for note in timeline.notes if note.kind is NoteKind.UNREADABLE]
    assert len(unreadable) == 2
    assert "2026-02-30" in unreadable[0]
    assert NoteKind.FORMS in kinds(timeline)


def test_attempts_that_no_line_tells_are_a_gap(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "UPDATE task_queue SET attempts = 3")
    timeline = timeline_of(path)
    assert timeline.attempts == ()
    assert [(note.kind, "3 attempts, of which 0" in note.sentence) for note in timeline.notes] == [(NoteKind.GAP, True)]


def test_a_log_and_columns_that_disagree_are_a_contradiction(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    log(path, "2026-01-01 00:00:01", "job started by w-1", '{"attempt": 1}')
    log(path, "2026-01-01 00:00:05", "completed", '{"attempt": 1}')
    run_sql(
        path, "UPDATE task_queue SET status = 'failed', attempts = 1, locked_by = 'w-2', "
        "processing_started_utc = '2026-01-01 00:00:01', finished_at_utc = '2026-01-01 00:09:05'",
    )  # fmt: skip
    told = " ".join(note.sentence for note in timeline_of(path).notes if note.kind is NoteKind.CONTRADICTION)
    assert "w-1" in told
    assert "w-2" in told
    assert "“completed”, the task is failed" in told
    assert "The end of attempt 1" in told


def test_an_attempt_whose_end_is_not_recorded_is_a_gap(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    log(path, "2026-01-01 00:00:01", "job started by w", '{"attempt": 1}')
    log(path, "2026-01-01 00:10:00", "job started by w", '{"attempt": 2}')
    timeline = timeline_of(path)
    assert timeline.attempts[0].outcome is Outcome.UNKNOWN
    assert timeline.attempts[0].ran_s is None
    assert kinds(timeline).count(NoteKind.GAP) == 2  # the second one too: the task waits


def test_H10_a_hundred_thousand_lines_are_bounded_and_what_is_left_out_is_told(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    log(path, "2026-01-01 00:00:01", "job started by w", '{"attempt": 1}')
    run_sql(
        path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO task_logs "
        "(task_id, at_utc, level, message) SELECT 1, '2026-01-01 00:00:02', 'INFO', 'step ' || i FROM n",
    )  # fmt: skip
    log(path, "2026-01-01 00:00:03", "completed", '{"attempt": 1}')
    run_sql(path, "UPDATE task_queue SET status = 'completed', attempts = 1, finished_at_utc = '2026-01-01 00:00:03'")
    timeline = timeline_of(path)
    assert timeline.lines_read == 1_200
    assert timeline.lines_at_least
    assert timeline.attempts[-1].outcome is Outcome.COMPLETED
    left = [note.sentence for note in timeline.notes if note.kind is NoteKind.LEFT_OUT]
    assert len(left) == 1
    assert "at least 98,801" in left[0]


def test_the_sample_is_told_whole(sample_db):
    now = datetime(2026, 11, 24, 17)
    with reading(sample_db) as reader:
        told = [reader.ask(lambda c, layout, i=i: read_timeline(c, layout, i, now)) for i in range(1, 601)]
    outcomes = [attempt.outcome for timeline in told for attempt in timeline.attempts]
    assert outcomes.count(Outcome.COMPLETED) == 209
    assert outcomes.count(Outcome.RUNNING) == 38
    assert outcomes.count(Outcome.FAILED) + outcomes.count(Outcome.DEAD) + outcomes.count(Outcome.CANCELLED) == 59
    video = told[14]
    assert [(a.worker, a.outcome) for a in video.attempts] == [
        ("worker-03", Outcome.RETRIED), ("worker-05", Outcome.RETRIED), ("worker-00", Outcome.RUNNING),
    ]  # fmt: skip
    assert (video.attempts[1].error.partition(":")[0], video.attempts[1].sources.error) == (
        "ValueError",
        Source.INFERRED,
    )
    assert video.attempts[0].sources.outcome is Source.INFERRED


@pytest.mark.parametrize("cell", ["x'ff00'", "CAST(x'ff' AS TEXT)", "7", "1e999", "'{'", "'[[[[1]]]]'", "NULL"])
def test_cells_of_any_kind_never_raise(tmp_path, cell):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(
        path, f"INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (1, coalesce({cell}, 1), "
        f"coalesce({cell}, 1), {cell}, {cell})",
    )  # fmt: skip
    names = ("status", "attempts", "reserved_at_utc", "finished_at_utc", "locked_by", "error_message")
    for name in names:
        run_sql(path, f"UPDATE OR IGNORE task_queue SET {name} = coalesce({cell}, {name})")
        assert timeline_of(path).task_id == 1


def test_a_file_without_a_log_tells_the_last_attempt_and_says_so(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "DROP TABLE task_logs")
    run_sql(path, "UPDATE task_queue SET status = 'completed', processing_started_utc = '2026-01-01 00:00:00'")
    timeline = timeline_of(path)
    assert [a.outcome for a in timeline.attempts] == [Outcome.COMPLETED]
    assert "no log" in timeline.notes[0].sentence
