"""The four orders of a claim, and claims of many at once."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismq_gui.queue import Claimer, QueueDatabase, Strategy, lottery
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.queue.processes import run_together

FORMS = (
    utc_text,
    lambda moment: moment.isoformat() + "+00:00",
    lambda moment: moment.isoformat() + "Z",
    lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
)
ROWS = st.lists(
    st.tuples(st.integers(-2, 3), st.integers(-300, 300), st.sampled_from(range(len(FORMS)))), min_size=1, max_size=12
)


def fill(db: QueueDatabase, rows: list[tuple[int, datetime, int]]) -> None:
    db.execute("DELETE FROM task_queue")
    db.execute_many(
        "INSERT INTO task_queue (type, payload, priority, run_after_utc) VALUES ('job', '{}', ?, ?)",
        [(priority, FORMS[form](moment)) for priority, moment, form in rows],
    )


def expected(rows: list[tuple[int, datetime, int]], strategy: Strategy, now: datetime) -> list[int]:
    due = [(number + 1, row[0], row[1]) for number, row in enumerate(rows) if row[1] <= now]
    if strategy is Strategy.PRIORITY:
        due.sort(key=lambda task: (task[1], task[2], task[0]))
    else:
        due.sort(key=lambda task: (task[2], task[0]), reverse=strategy is Strategy.LIFO)
    return [task[0] for task in due]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, strategy=st.sampled_from([Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO]), many=st.booleans())
def test_each_strategy_claims_what_is_due_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]], strategy: Strategy, many: bool
) -> None:
    now = now_utc().replace(microsecond=0)
    moments = [
        (priority, now + timedelta(seconds=60 * offset + 30 - number), form)  # none at one moment with another
        for number, (priority, offset, form) in enumerate(rows)
    ]
    with QueueDatabase(tmp_path_factory.mktemp("q") / "q.db") as db:
        db.initialize_schema()
        fill(db, moments)
        db.execute("UPDATE sqlite_sequence SET seq = 0")
        first = db.execute("SELECT min(id) FROM task_queue").fetchone()[0] - 1
        claimer = Claimer(db, strategy=strategy)
        if many:
            found = [task.id for task in claimer.claim_many("w", 50)]
        else:
            found = []
            while (task := claimer.claim("w")) is not None:
                found.append(task.id)
    # Text of one day sorts before the ISO text of that day; only today's is put right in the order of a claim.
    if all(moment.date() == now.date() for _, moment, _ in moments):
        assert [each - first for each in found] == expected(moments, strategy, now)
    else:
        assert sorted(each - first for each in found) == sorted(expected(moments, strategy, now))


def test_many_are_claimed_at_once_and_no_more_than_there_are(db: QueueDatabase) -> None:
    past = now_utc() - timedelta(seconds=9)
    fill(db, [(n % 3, past, 0) for n in range(25)])
    claimer = Claimer(db)
    tasks = claimer.claim_many("w", 10, lease_seconds=30)
    assert len(tasks) == 10
    assert [task.attempt for task in tasks] == [1] * 10
    rows = db.execute("SELECT id, priority FROM task_queue WHERE status = 'leased' AND locked_by = 'w'").fetchall()
    assert {row["id"] for row in rows} == {task.id for task in tasks}
    assert sorted(row["priority"] for row in rows) == [0] * 9 + [1]
    assert len(claimer.claim_many("w", 1_000)) == 15
    assert claimer.claim_many("w", 5) == []


@pytest.mark.parametrize("count", [0, -1, 1_001, True, 2.0, "3"])
def test_a_count_that_makes_no_sense_is_refused(db: QueueDatabase, count: object) -> None:
    with pytest.raises(ValueError, match="count must be a whole number between 1 and 1000"):
        Claimer(db).claim_many("w", count)  # type: ignore[arg-type]


def test_many_with_attempts_used_up_become_dead_letters_and_others_take_their_place(db: QueueDatabase) -> None:
    fill(db, [(1, now_utc() - timedelta(seconds=9), 0)] * 6)
    db.execute("UPDATE task_queue SET attempts = max_attempts WHERE id % 2 = 0")
    assert len(Claimer(db).claim_many("w", 4)) == 3
    assert db.execute("SELECT count(*) FROM task_queue WHERE status = 'dead_letter'").fetchone()[0] == 3


def test_eight_processes_claiming_many_share_the_tasks_and_none_is_claimed_twice(db: QueueDatabase) -> None:
    fill(db, [(n % 5, now_utc() - timedelta(seconds=9), 0) for n in range(2_000)])
    shares = run_together(8, "claim_many", db.db_path)
    claimed = [task_id for share in shares for task_id in share]  # type: ignore[attr-defined]
    assert len(claimed) == len(set(claimed)) == 2_000


def chi_squared(counts: Counter[int], weights: dict[int, float], draws: int) -> float:
    total = sum(weights.values())
    return sum((counts[key] - draws * w / total) ** 2 / (draws * w / total) for key, w in weights.items())


@pytest.mark.parametrize("waiting", ["few", "many"])
def test_weighted_random_draws_by_one_over_priority_plus_one(db: QueueDatabase, waiting: str) -> None:
    """At a fixed seed; 21.67 is the 99.9th percentile of chi-squared with 6 degrees of freedom, less than 23."""
    each = 3 if waiting == "few" else lottery.RACERS // 7 + 20
    priorities = [-3, 0, 1, 2, 5, 9, 30]
    fill(db, [(priority, now_utc() - timedelta(seconds=9), 0) for priority in priorities for _ in range(each)])
    claimer, draws, counts = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=4), 1_500, Counter()
    for _ in range(draws):
        task = claimer.claim("w")
        assert task is not None
        priority = db.execute("SELECT priority FROM task_queue WHERE id = ?", (task.id,)).fetchone()[0]
        counts[priority] += 1
        db.execute("UPDATE task_queue SET status = 'queued', attempts = 0, locked_by = NULL WHERE id = ?", (task.id,))
    weights = {priority: 1 / (max(priority, 0) + 1) for priority in priorities}
    assert chi_squared(counts, weights, draws) < 23
    assert chi_squared(counts, dict.fromkeys(priorities, 1.0), draws) > 100  # and it would notice


def test_weighted_random_finds_the_few_that_wait_among_many_ids(db: QueueDatabase) -> None:
    fill(db, [(5, now_utc() - timedelta(seconds=9), 0)] * (lottery.RACERS + 10))
    db.execute("UPDATE sqlite_sequence SET seq = 9000000000000000 WHERE name = 'task_queue'")
    db.execute("INSERT INTO task_queue (type, payload) VALUES ('job', '{}')")
    claimer = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=1)
    found = {task.id for task in iter(lambda: claimer.claim("w"), None)}
    assert len(found) == lottery.RACERS + 11
    assert math.isfinite(max(found))


def test_what_is_not_due_or_does_not_suit_is_never_drawn(db: QueueDatabase) -> None:
    fill(db, [(5, now_utc() + timedelta(hours=1), 0)] * 3 + [(5, now_utc() - timedelta(hours=1), 0)] * 2)
    db.execute("UPDATE task_queue SET compatibility = '{\"gpu\": true}' WHERE id = (SELECT max(id) FROM task_queue)")
    claimer = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=1)
    assert len(list(iter(lambda: claimer.claim("w"), None))) == 1
    assert claimer.claim("w", {"gpu": True}) is not None
    assert claimer.claim("w", {"gpu": True}) is None
