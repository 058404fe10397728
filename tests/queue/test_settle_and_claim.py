"""The end of a task and the next claim in one write: both or neither, and never a task lost between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from prismq_gui.queue import ClaimedTask, Claimer, LeaseLost, QueueClient, QueueDatabase, Strategy, settling


@pytest.fixture
def db(tmp_path: Path) -> Iterator[QueueDatabase]:
    with QueueDatabase(tmp_path / "pfad mit ü" / "queue.db") as database:
        database.initialize_schema()
        yield database


def put_in(db: QueueDatabase, count: int) -> list[int]:
    return list(QueueClient(db).enqueue_many({"type": "job", "payload": {"n": n}} for n in range(count)).ids)


def taken(claimer: Claimer) -> ClaimedTask:
    task = claimer.claim("w")
    assert task is not None
    return task


def status(db: QueueDatabase, task_id: int) -> str:
    return str(db.execute("SELECT status FROM task_queue WHERE id = ?", (task_id,)).fetchone()[0])


@pytest.mark.parametrize("strategy", [Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO])
def test_one_task_after_the_other_comes_in_the_order_of_claims(db: QueueDatabase, strategy: Strategy) -> None:
    ids = put_in(db, 20)
    claimer = Claimer(db, strategy=strategy)
    task: ClaimedTask | None = taken(claimer)
    seen = []
    while task is not None:
        seen.append(task.id)
        task = claimer.settle_and_claim(partial(settling.complete, db, task, {"n": 1}), "w")
    assert seen == (ids[::-1] if strategy is Strategy.LIFO else ids)
    assert db.execute("SELECT DISTINCT status FROM task_queue").fetchall()[0][0] == "completed"
    assert db.execute("SELECT count(*) FROM task_logs WHERE message = 'completed'").fetchone()[0] == 20


def test_others_see_the_end_and_the_next_claim_at_once(db: QueueDatabase) -> None:
    put_in(db, 2)
    claimer = Claimer(db)
    task = taken(claimer)
    with closing(sqlite3.connect(db.db_path)) as other:
        seen = []

        def look() -> None:
            settling.complete(db, task, log=False)
            seen.append(sorted(row[0] for row in other.execute("SELECT status FROM task_queue")))

        assert claimer.settle_and_claim(look, "w") is not None
        assert seen == [["leased", "queued"]]  # not there yet, as long as the next one is not claimed
        assert sorted(row[0] for row in other.execute("SELECT status FROM task_queue")) == ["completed", "leased"]


def test_who_lost_the_task_gets_no_other(db: QueueDatabase) -> None:
    first, second = put_in(db, 2)
    claimer = Claimer(db)
    task = taken(claimer)
    settling.release(db, task, "by hand")
    with pytest.raises(LeaseLost):
        claimer.settle_and_claim(partial(settling.complete, db, task), "w")
    assert (status(db, first), status(db, second)) == ("queued", "queued")


def test_what_goes_wrong_after_the_claim_takes_all_of_it_back(db: QueueDatabase) -> None:
    first, second = put_in(db, 2)
    claimer = Claimer(db)
    task = taken(claimer)

    def fail(_task: ClaimedTask) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        claimer.settle_and_claim(partial(settling.complete, db, task), "w", then=fail)
    assert (status(db, first), status(db, second)) == ("leased", "queued")


def test_the_end_stays_where_the_next_claim_is_refused(db: QueueDatabase) -> None:
    (first,) = put_in(db, 1)
    claimer = Claimer(db)
    task = taken(claimer)
    put_in(db, 1)
    db.execute(
        "CREATE TRIGGER no BEFORE UPDATE ON task_queue WHEN new.status = 'leased' BEGIN SELECT raise(FAIL, 'no'); END"
    )
    assert claimer.settle_and_claim(partial(settling.complete, db, task), "w") is None
    assert status(db, first) == "completed"


def test_the_next_one_is_started_in_the_same_write(db: QueueDatabase) -> None:
    _first, second = put_in(db, 2)
    claimer = Claimer(db)
    following = claimer.settle_and_claim(
        partial(settling.complete, db, taken(claimer)), "w", then=partial(settling.start, db)
    )
    assert following is not None
    assert (following.id, status(db, second)) == (second, "processing")


def test_one_whose_attempts_are_used_up_becomes_a_dead_letter_on_the_way(db: QueueDatabase) -> None:
    first, second = put_in(db, 2)
    claimer = Claimer(db)
    task = taken(claimer)
    db.execute("UPDATE task_queue SET attempts = max_attempts WHERE id = ?", (second,))
    assert claimer.settle_and_claim(partial(settling.complete, db, task), "w") is None
    assert (status(db, first), status(db, second)) == ("completed", "dead_letter")


def test_a_draw_is_left_to_the_claim_itself(db: QueueDatabase) -> None:
    first, second = put_in(db, 2)
    claimer = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=1)
    task = taken(claimer)
    assert claimer.settle_and_claim(partial(settling.complete, db, task), "w") is None
    assert {status(db, first), status(db, second)} == {"completed", "queued"}
    assert taken(claimer).id == (second if task.id == first else first)


def test_far_future_and_iso_times_keep_their_order(db: QueueDatabase) -> None:
    put = "INSERT INTO task_queue (type, payload, priority, run_after_utc) VALUES ('job', '{}', ?, ?)"
    today = db.execute("SELECT strftime('%Y-%m-%dT00:00:00Z', 'now')").fetchone()[0]
    rows = [(1, "2099-01-01 00:00:00"), (2, today), (2, "2020-01-01 00:00:00"), (3, "2020-01-01T00:00:00Z")]
    ids = [db.execute(put, row).lastrowid for row in rows]
    claimer = Claimer(db)
    task: ClaimedTask | None = taken(claimer)
    seen = []
    while task is not None:
        seen.append(task.id)
        task = claimer.settle_and_claim(partial(settling.complete, db, task, log=False), "w")
    assert seen == [ids[2], ids[1], ids[3]]


@pytest.mark.parametrize("form", ["{0}T00:00:00+00:00", "{0}T00:00:00.25+0000", "{0}T00:00:00Z"])
def test_times_of_today_written_as_programs_in_utc_write_them_hold_nothing_up(db: QueueDatabase, form: str) -> None:
    """They sort after all of today's other times as text, as those of the east do that are due already."""
    first, last = put_in(db, 2)
    today = db.execute("SELECT date('now')").fetchone()[0]
    db.execute("UPDATE task_queue SET run_after_utc = ?, priority = 200 WHERE id = ?", (form.format(today), last))
    claimer = Claimer(db)
    task = taken(claimer)
    assert task.id == first
    following = claimer.settle_and_claim(partial(settling.complete, db, task, None), "w")
    assert following is not None
    assert following.id == last
    assert status(db, first) == "completed"
