"""Claims: order, due times in both forms, capabilities, leases; among processes too."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, Strategy, claim_sql
from prismq_gui.queue.capabilities import lacks, meets
from prismq_gui.queue.claim_sql import Shape
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import copy_sample, run_sql
from tests.queue.processes import run_together


def put(db: QueueDatabase, run_after: object = None, *, priority: int = 100, **columns: object) -> int:
    values = {
        "type": "job",
        "payload": "{}",
        "priority": priority,
        "run_after_utc": run_after or utc_text(now_utc()),
    } | columns
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    return db.execute(f"INSERT INTO task_queue ({names}) VALUES ({marks}) RETURNING id", values).fetchone()[0]


def claim_order(db: QueueDatabase, **arguments: object) -> list[int]:
    claimer, order = Claimer(db), []
    while (task := claimer.claim("w", **arguments)) is not None:  # type: ignore[arg-type]
        order.append(task.id)
    return order


def test_the_order_is_priority_then_due_time_then_id(db: QueueDatabase) -> None:
    now = now_utc()
    late = put(db, utc_text(now - timedelta(minutes=1)), priority=5)
    early = put(db, utc_text(now - timedelta(minutes=2)), priority=5)
    iso = put(db, (now - timedelta(seconds=90)).isoformat() + "+00:00", priority=5)
    same = [put(db, utc_text(now - timedelta(minutes=2)), priority=5) for _ in range(2)]
    first, last = put(db, priority=-1), put(db, priority=1000)
    assert claim_order(db) == [first, early, *same, iso, late, last]


def test_F14_every_form_is_claimed_exactly_when_it_is_due(db: QueueDatabase) -> None:
    now = now_utc()
    past, future = now - timedelta(seconds=30), now + timedelta(seconds=3600)

    def forms(moment: object) -> list[str]:
        aware = moment.replace(tzinfo=timezone.utc)  # type: ignore[attr-defined]
        offsets = [aware.astimezone(timezone(timedelta(hours=hours))) for hours in (-11, -2, 5, 13)]
        return [
            utc_text(aware), aware.isoformat(), aware.isoformat().replace("+00:00", "Z"),
            *[moment.isoformat() for moment in offsets], *[moment.isoformat(sep=" ") for moment in offsets],
            *[moment.strftime("%Y-%m-%dT%H:%M:%S%z") for moment in offsets],
        ]  # fmt: skip

    due = [put(db, text) for text in forms(past)]
    waiting = [put(db, text) for text in forms(future)]
    assert sorted(claim_order(db)) == due
    assert [row[0] for row in db.execute("SELECT id FROM task_queue WHERE status = 'queued' ORDER BY id")] == waiting


@pytest.mark.parametrize("garbage", ["soon", "", 1700000000, 2460000.5, b"\xff", "2026-02-30T99:00:00Z"])
def test_F15_a_time_that_cannot_be_read_stops_no_claim(db: QueueDatabase, garbage: object) -> None:
    unreadable, good = put(db, priority=1), put(db)
    db.execute("UPDATE task_queue SET run_after_utc = ? WHERE id = ?", (garbage, unreadable))
    assert claim_order(db) == [good]
    assert run_sql(db.db_path, "SELECT status FROM task_queue WHERE id = ?", (unreadable,)) == [("queued",)]


def test_a_claimed_task_is_leased_and_its_attempt_counted(db: QueueDatabase) -> None:
    task_id = put(db)
    task = Claimer(db).claim("w1", lease_seconds=30)
    assert task is not None
    stored = QueueClient(db).get(task_id)
    assert stored is not None
    assert (stored.status, stored.locked_by, stored.attempts) == ("leased", "w1", 1)
    assert stored.lease_until_utc == task.lease_until
    assert run_sql(db.db_path, "UPDATE task_queue SET priority = 3 WHERE 0") == []  # F11: committed, no lock kept


def test_only_tasks_of_the_wanted_types_are_claimed(db: QueueDatabase) -> None:
    put(db, type="other")
    wanted = [put(db, type="a"), put(db, type="it's; --")]
    assert claim_order(db, types=("a", "it's; --")) == wanted


@pytest.mark.parametrize(
    ("needs", "offers", "fits"),
    [
        ({}, {}, True),
        ({"region": "eu"}, {"region": "eu", "gpu": 1}, True),
        ({"region": "eu"}, {"region": ["us", "eu"]}, True),
        ({"region": ["us", "eu"]}, {"region": "eu"}, True),
        ({"region": ["us", "eu"]}, {"region": ["ap"]}, False),
        ({"region": "eu"}, {}, False),
        ({"gpu": True}, {"gpu": 1}, False),
        ({"gpu": 1}, {"gpu": 1.0}, True),
        ({"gpu": None}, {"gpu": None}, True),
        ({"gpu": {"memory": 8}}, {"gpu": {"memory": 8}}, True),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
    ],
)
def test_a_worker_gets_what_it_has_the_capabilities_for(
    db: QueueDatabase, needs: dict[str, object], offers: dict[str, object], fits: bool
) -> None:
    QueueClient(db).enqueue("job", compatibility=needs)
    assert meets(needs, offers) is fits
    assert (Claimer(db).claim("w", offers) is not None) is fits


def test_what_is_lacking_is_named() -> None:
    assert lacks({"region": "eu", "gpu": "A", "os": "x"}, {"region": "us", "gpu": "A"}) == ("region", "os")


@given(
    st.one_of(
        st.text(), st.binary(), st.integers(-(2**63), 2**63 - 1), st.sampled_from(["[]", "[" * 9999, "7", "null"])
    )
)
def test_a_compatibility_that_cannot_be_read_is_met_by_nobody(text: object) -> None:
    with QueueDatabase(":memory:") as db:
        db.initialize_schema()
        put(db, compatibility=text)
        good = put(db)
        assert claim_order(db) == [good] or text == "{}"


def test_F2_an_expired_lease_is_given_back_and_the_attempt_counted(db: QueueDatabase) -> None:
    for form in (utc_text, lambda moment: moment.isoformat() + "Z"):
        for status in ("leased", "processing"):
            past = form(now_utc() - timedelta(seconds=1))
            put(db, status=status, locked_by="gone", attempts=1, lease_until_utc=past)
    live = put(
        db, status="leased", locked_by="w2", attempts=1, lease_until_utc=utc_text(now_utc() + timedelta(hours=1))
    )
    assert claim_order(db) == [1, 2, 3, 4]
    assert [row[0] for row in db.execute("SELECT attempts FROM task_queue WHERE id <> ?", (live,))] == [2, 2, 2, 2]
    lines = [row[0] for row in db.execute("SELECT message FROM task_logs WHERE task_id = 1")]
    assert lines == ["The lease of worker gone expired during attempt 1 of 5; waiting again"]


def test_F5_a_task_that_kills_its_workers_ends_as_a_dead_letter(db: QueueDatabase) -> None:
    task_id = put(db, max_attempts=3)
    for attempt in range(1, 4):
        task = Claimer(db).claim(f"w{attempt}", lease_seconds=60)
        assert task is not None
        db.execute("UPDATE task_queue SET lease_until_utc = '2020-01-01 00:00:00'")
    assert Claimer(db).claim("w4") is None
    stored = QueueClient(db).get(task_id)
    assert stored is not None
    assert (stored.status, stored.attempts, stored.locked_by) == ("dead_letter", 3, None)
    assert "lease of worker w3 expired during attempt 3 of 3" in str(stored.error_message)


@pytest.mark.parametrize("lease", [0, -1, 1e12, float("nan"), "abc", True, None])
def test_F16_a_lease_that_makes_no_sense_is_refused(db: QueueDatabase, lease: object) -> None:
    put(db)
    with pytest.raises(ValueError, match="lease_seconds must be between"):
        Claimer(db).claim("w", lease_seconds=lease)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="worker_id"):
        Claimer(db).claim(" ")


def test_a_claimer_goes_on_after_its_database_was_closed(db: QueueDatabase) -> None:
    put(db), put(db)
    claimer = Claimer(db)
    assert claimer.claim("w") is not None
    db.close()
    assert claimer.claim("w") is not None


def test_F14_a_time_east_of_utc_keeps_its_place_before_ordinary_work(db: QueueDatabase) -> None:
    ordinary = [put(db) for _ in range(3)]
    east = (now_utc() - timedelta(seconds=5)).replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=9)))
    urgent = [put(db, east.isoformat(), priority=1), put(db, str(east), priority=2)]
    assert claim_order(db) == [*urgent, *ordinary]


def work_of_a_claim(db: QueueDatabase) -> int:
    """Return how many steps SQLite's machine takes for a claim (in tens), the second of its claimer."""
    claimer, steps = Claimer(db), []
    assert claimer.claim("w") is not None  # looks for expired leases and for times east of UTC as well
    db.get_connection().set_progress_handler(lambda: steps.append(1), 10)
    try:
        assert claimer.claim("w") is not None
    finally:
        db.get_connection().set_progress_handler(None, 0)
    return len(steps)


@pytest.mark.parametrize(
    "run_after",
    ["2999-01-01 00:00:00", "2999-01-01T00:00:00Z", 1700000000, "", "soon"],
    ids=["not due", "not due, ISO", "numbers", "empty", "words"],
)
def test_what_is_not_due_is_not_walked_over(db: QueueDatabase, run_after: object) -> None:
    for _ in range(4):
        put(db)
    few = work_of_a_claim(db)
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO task_queue (type, payload, priority, run_after_utc) SELECT 'job', '{}', i % 2, ? FROM n",
        (run_after,),
    )
    assert work_of_a_claim(db) < 5 * few  # two priorities more to hop over; walking them would be 1,000 times


def test_a_long_backlog_costs_a_claim_nothing(db: QueueDatabase) -> None:
    for _ in range(4):
        put(db)
    few = work_of_a_claim(db)
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO task_queue (type, payload, run_after_utc) SELECT 'job', '{}', '2020-01-01 00:00:00' FROM n"
    )
    assert work_of_a_claim(db) <= 2 * few


def test_tasks_of_another_program_are_claimed_and_its_other_columns_stay(tmp_path: Path) -> None:
    path = copy_sample(tmp_path)
    start = utc_text(now_utc())
    before = run_sql(
        path, "SELECT id, type, payload, compatibility, priority, idempotency_key, created_at_utc FROM task_queue"
    )
    with QueueDatabase(path) as db:
        task = Claimer(db).claim("w", {"region": "us-east"})
        assert task is not None
        regions = {"region": ["us-east", "us-west", "eu-west"]}
        claimed = [task.id, *claim_order(db, capabilities=regions)]
        assert len(set(claimed)) == len(claimed) > 200
        iso = "SELECT count(*) FROM task_queue WHERE status <> 'queued' AND run_after_utc GLOB '*T*'"
        assert db.execute(iso).fetchone()[0] > 100  # due, whatever its text sorts after
        late = "SELECT count(*) FROM task_queue WHERE status = 'queued' AND julianday(run_after_utc) <= julianday(?)"
        assert run_sql(path, late, (start,)) == [(0,)]
    after = run_sql(
        path, "SELECT id, type, payload, compatibility, priority, idempotency_key, created_at_utc FROM task_queue"
    )
    assert after == before
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]


SHAPES = [
    Shape(strategy, *flags)
    for strategy in (Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO)
    for flags in itertools.product([False, True], repeat=4)
]


@pytest.mark.parametrize(
    "sql",
    [
        *map(claim_sql.claim, SHAPES),
        *map(claim_sql.claim_first, SHAPES[:8]),
        *map(claim_sql.find_many, SHAPES[:8]),
        claim_sql.DUE_ABROAD,
    ],
)
def test_the_seeks_of_a_claim_use_the_index_and_never_sort_the_backlog(db: QueueDatabase, sql: str) -> None:
    db.tools(ClaimTools)
    names = re.findall(r":(\w+)", sql)
    plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, "x"))]
    assert not [step for step in plan if step.startswith("SCAN task_queue")]
    # The one sort is of a priority's two candidates, never of the backlog; and each priority is sought once.
    assert sum("TEMP B-TREE" in step for step in plan) <= 1
    seeks = [step for step in plan if "run_after_utc" in step]
    assert seeks
    assert all("INDEX ix_task_status_prio_time (status=? AND priority=? AND run_after_utc" in step for step in seeks)


def test_F7_eight_processes_share_two_thousand_tasks_and_none_runs_twice(db: QueueDatabase) -> None:
    db.execute_many(
        "INSERT INTO task_queue (type, payload) VALUES ('job', ?)", [(f'{{"n": {n}}}',) for n in range(2000)]
    )
    shares = run_together(8, "claim_all", db.db_path)
    ids = [task_id for share in shares for task_id in share]  # type: ignore[attr-defined]
    assert len(ids) == len(set(ids)) == 2000
    assert run_sql(db.db_path, "PRAGMA integrity_check") == [("ok",)]


def test_F7_eight_tight_writers_all_finish_without_a_busy_error(db: QueueDatabase) -> None:
    claimed = run_together(8, "churn", db.db_path)
    waiting = db.execute("SELECT count(*) FROM task_queue WHERE status = 'queued'").fetchone()[0]
    assert sum(claimed) + waiting == 8 * 150  # type: ignore[arg-type]
    assert waiting < 100
    assert run_sql(db.db_path, "PRAGMA integrity_check") == [("ok",)]


def test_F26_eight_processes_make_one_schema_on_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "queue.db"
    assert run_together(8, "initialise", path) == ["wal"] * 8
    assert run_sql(path, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'") == [
        (3,)
    ]
