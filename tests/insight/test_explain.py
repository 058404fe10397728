"""Why a task is not running: every verdict, the real sample file, and what hostile files hold."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.explain import explain, line_of, seen_by_text
from prismq_gui.insight.explanations import Explanation, Offer, Verdict
from prismq_gui.insight.matching import offer_of
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.upcoming import next_tasks
from prismq_gui.queue import Claimer, QueueDatabase, Strategy
from prismq_gui.queue.timestamps import parse_utc
from tests.helpers.files import FOREIGN_SCHEMA, make_foreign_queue, run_sql
from tests.insight.helping import reading

NOW = datetime(2026, 11, 24, 12, 0, 0)
PAST = "2026-11-24 11:00:00"


def put(path: Path, **columns: object) -> int:
    """Insert a due task and return its id."""
    values = {"type": "job", "payload": "{}", "run_after_utc": PAST} | columns
    marks = ", ".join("?" * len(values))
    sql = f"INSERT INTO task_queue ({', '.join(values)}) VALUES ({marks}) RETURNING id"
    return int(str(run_sql(path, sql, tuple(values.values()))[0][0]))


def worker(path: Path, name: str, capabilities: str, beat: str = "2026-11-24 11:59:30") -> None:
    run_sql(path, "INSERT INTO workers VALUES (?, ?, ?)", (name, capabilities, beat))


def told(path: Path, task_id: int, offer: Offer | None = None, **options: object) -> Explanation:
    with reading(path) as reader:
        found = explain(reader, task_id, NOW, offer=offer, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """A queue with one live worker that is in the region eu."""
    path = make_foreign_queue(tmp_path / "warteschlange ü" / "queue.db")
    worker(path, "w-eu", '{"region": "eu"}')
    return path


# -- the real file


def test_sample_iso_times_are_explained_by_when_they_are_really_due(sample_db: Path) -> None:
    now = datetime(2026, 11, 24, 5, 0, 0)
    iso = run_sql(
        sample_db, "SELECT id, run_after_utc FROM task_queue WHERE status = 'queued' AND run_after_utc LIKE '%T%'"
    )
    assert len(iso) == 293
    verdicts: Counter[Verdict] = Counter()
    with reading(sample_db) as reader:
        for task_id, cell in iso:
            found = explain(reader, int(str(task_id)), now)
            assert found is not None
            assert found.due is not None
            really = parse_utc(cell)
            assert really is not None
            assert found.due.due_utc == really
            assert found.due.is_due == (really <= now)
            assert found.due.text_utc == datetime(really.year, really.month, really.day) + timedelta(days=1)
            assert f"{really.isoformat(sep=' ', timespec='seconds')} UTC" in found.sentence
            assert any("programs that compare times as text" in each for each in found.details)
            verdicts[found.verdict] += 1
    # All workers are silent, so what is due is taken by nobody.
    assert verdicts == {Verdict.NOT_DUE: 71, Verdict.NO_WORKER_MATCHES: 222}


def test_sample_running_tasks_are_on_leases_that_are_over(sample_db: Path) -> None:
    now = datetime(2026, 11, 24, 5, 0, 0)
    running = run_sql(sample_db, "SELECT id, locked_by FROM task_queue WHERE status IN ('leased', 'processing')")
    assert len(running) == 38
    with reading(sample_db) as reader:
        found = [explain(reader, int(str(task_id)), now) for task_id, _ in running]
    for each, (_, holder) in zip(found, running, strict=True):
        assert each is not None
        assert each.verdict is Verdict.LEASE_EXPIRED
        assert each.holder == holder
        assert f"Running on {holder} on a lease that is over since" in each.sentence
        assert "all 6 are silent, worker-05 longest (for 4 h)" in each.sentence
    held = {worker.worker_id: worker.held for worker in found[0].workers} if found[0] else {}
    assert held == {"worker-00": 9, "worker-01": 6, "worker-02": 8, "worker-03": 5, "worker-04": 8, "worker-05": 2}
    assert all(worker.state == "silent" for worker in found[0].workers) if found[0] else False
    assert found[0] is not None
    assert any("worker-05: silent for 4 h" in each and "#168, #207" in each for each in found[0].details)


def test_sample_every_task_is_explained(sample_db: Path) -> None:
    with reading(sample_db) as reader:
        verdicts = Counter(each.verdict for n in range(1, 601) if (each := explain(reader, n, NOW)) is not None)
    assert verdicts[Verdict.COMPLETED] == 209
    assert verdicts[Verdict.FAILED] + verdicts[Verdict.CANCELLED] == 54
    assert verdicts[Verdict.DEAD_LETTER] == 5
    assert verdicts.total() == 600


# -- verdicts


def test_a_task_in_line_is_told_its_place_and_what_comes_first(queue: Path) -> None:
    first, second = put(queue, priority=1), put(queue, priority=5, run_after_utc="2026-11-24T10:00:00Z")
    mine = put(queue, priority=5)
    put(queue, priority=5, run_after_utc="2026-11-24 11:00:01")
    put(queue, priority=9, run_after_utc="2026-11-24 09:00:00")
    found = told(queue, mine)
    assert found.verdict is Verdict.IN_LINE
    assert "2 due tasks come first by priority (place 3)" in found.sentence
    assert [each.task_id for each in found.first] == [first, second]
    places = {line.strategy: line.place for line in found.lines}
    assert places == {Strategy.PRIORITY: 3, Strategy.FIFO: 4, Strategy.LIFO: 2, Strategy.WEIGHTED_RANDOM: None}
    assert told(queue, first).sentence.startswith("Next in line by priority.")


@pytest.mark.parametrize(
    ("cell", "verdict", "words"),
    [
        ("2026-11-24T12:30:00+00:00", Verdict.NOT_DUE, "Not due until 2026-11-24 12:30:00 UTC, in 30 min."),
        ("2026-11-24 14:30:00+02:00", Verdict.NOT_DUE, "Not due until 2026-11-24 12:30:00 UTC"),
        ("2026-11-25T01:00:00+14:00", Verdict.IN_LINE, "Due since 2026-11-24 11:00:00 UTC"),
        ("2026-11-24t11:00:00", Verdict.NOT_DUE, "only from 2026-11-25 00:00:00 UTC on"),
        ("soon", Verdict.UNREADABLE, "it is “soon”"),
        ("2026-02-30 00:00:00", Verdict.UNREADABLE, "it is “2026-02-30 00:00:00”"),
        ("", Verdict.UNREADABLE, "it is empty"),
        (
            5,
            Verdict.UNREADABLE,
            "it is “5”), so no worker of this program takes it; programs that compare times as text",
        ),
        (b"2026-11-24 11:00:00", Verdict.UNREADABLE, "a blob of 19 bytes"),
    ],
)
def test_F14_F15_times_of_every_form(queue: Path, cell: object, verdict: Verdict, words: str) -> None:
    task_id = put(queue, run_after_utc=cell)
    found = told(queue, task_id)
    assert (found.verdict, words in found.sentence) == (verdict, True), found.sentence


def test_a_lease_that_lasts_names_its_holder(queue: Path) -> None:
    task_id = put(queue, status="processing", locked_by="w-eu", lease_until_utc="2026-11-24T12:05:00Z")
    found = told(queue, task_id)
    assert found.verdict is Verdict.HELD
    assert found.sentence == "Running on w-eu; its lease lasts until 2026-11-24 12:05:00 UTC (5 min)."
    lost = put(queue, status="leased", locked_by="gone", lease_until_utc="2026-11-24 12:05:00")
    assert "the worker has given no sign of life" in told(queue, lost).sentence
    for cell in (None, "later", 7):
        stuck = put(queue, status="leased", locked_by="gone", lease_until_utc=cell)
        assert told(queue, stuck).verdict is Verdict.UNREADABLE
        assert "no worker gives it back" in told(queue, stuck).sentence


def test_a_lease_that_is_over_is_told_with_what_the_next_claim_makes_of_it(queue: Path) -> None:
    again = put(queue, status="leased", locked_by="gone", lease_until_utc=PAST, attempts=1)
    over = put(queue, status="leased", locked_by="gone", lease_until_utc=PAST, attempts=5)
    found = told(queue, again)
    assert found.verdict is Verdict.LEASE_EXPIRED
    assert found.sentence.endswith("the next worker that looks for work gives it back, and it waits again.")
    assert found.line(Strategy.PRIORITY) is not None
    found = told(queue, over)
    assert found.sentence.endswith("makes it a dead letter, since its attempts are used up (5 of 5).")
    assert found.lines == ()


def test_attempts_used_up_are_told_before_workers_that_lack(queue: Path) -> None:
    found = told(queue, put(queue, attempts=3, max_attempts=3))
    assert found.verdict is Verdict.ATTEMPTS_USED_UP
    assert "(3 of 3)" in found.sentence
    assert told(queue, put(queue, attempts=0, max_attempts=0)).verdict is Verdict.IN_LINE


def test_who_lacks_what_is_told_of_each_worker(queue: Path) -> None:
    worker(queue, "w-gpu", '{"gpu": true, "region": "eu"}', beat="2026-11-24 09:00:00")
    worker(queue, "w-odd", "{broken")
    task_id = put(queue, compatibility='{"gpu": true, "region": "eu", "disk": "ssd"}')
    run_sql(queue, "DELETE FROM workers WHERE worker_id = 'w-odd'")
    found = told(queue, task_id)
    assert found.verdict is Verdict.NO_WORKER_MATCHES
    assert "no live worker matches: w-eu does not meet “gpu”, “disk”." in found.sentence
    assert {each.worker_id: (each.state, each.matches, each.lacks) for each in found.workers} == {
        "w-eu": ("idle", False, ("gpu", "disk")),
        "w-gpu": ("silent", False, ("disk",)),
    }
    run_sql(queue, "UPDATE task_queue SET compatibility = '{\"gpu\": true}'")
    assert "w-gpu would, but is silent." in told(queue, task_id).sentence


def test_a_worker_whose_offer_cannot_be_read_may_match(queue: Path) -> None:
    run_sql(queue, "UPDATE workers SET capabilities = '{broken'")
    found = told(queue, put(queue, compatibility='{"gpu": true}'))
    assert found.workers[0].matches is None
    assert found.verdict is Verdict.IN_LINE
    with reading(queue) as reader, pytest.raises(ProblemError) as caught:
        offer_of(reader, "w-eu")
    assert caught.value.problem.kind is ProblemKind.REFUSED


def test_what_one_worker_does_not_take_is_told_from_its_sight(queue: Path) -> None:
    task_id = put(queue, compatibility='{"gpu": true}')
    offer = Offer({"region": "eu"}, ("mail",), "w-eu")
    found = told(queue, task_id, offer)
    assert found.verdict is Verdict.NO_WORKER_MATCHES
    assert "w-eu does not meet “gpu” and does not take the type “job”." in found.sentence
    assert told(queue, task_id, Offer({"gpu": True}, ("job",))).verdict is Verdict.IN_LINE


def test_what_nobody_can_meet_is_told(queue: Path) -> None:
    assert "no worker can ever meet" in told(queue, put(queue, compatibility='{"region": []}')).sentence


@pytest.mark.parametrize("cell", ["{broken", "[]", b"{}", 7, "", '{"a": "' + "x" * 70_000 + '"}'])
def test_a_compatibility_that_cannot_be_read_is_told(tmp_path: Path, cell: object) -> None:
    with QueueDatabase(tmp_path / "q.db") as db:
        db.initialize_schema()
    found = told(tmp_path / "q.db", put(tmp_path / "q.db", compatibility=cell))
    assert found.verdict is Verdict.UNREADABLE
    assert "compatibility" in found.sentence


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        ("completed", None, Verdict.COMPLETED), ("failed", "disk", Verdict.FAILED),
        ("failed", "Cancelled by user", Verdict.CANCELLED), ("cancelled", None, Verdict.CANCELLED),
        ("dead_letter", "disk", Verdict.DEAD_LETTER), ("parked", None, Verdict.UNKNOWN_STATUS),
        (b"queued", None, Verdict.UNKNOWN_STATUS), (5, None, Verdict.UNKNOWN_STATUS),
    ],
)  # fmt: skip
def test_a_task_that_neither_waits_nor_runs(queue: Path, status: object, error: object, verdict: Verdict) -> None:
    assert told(queue, put(queue, status=status, error_message=error)).verdict is verdict


def test_no_such_task(queue: Path) -> None:
    with reading(queue) as reader:
        assert explain(reader, 1, NOW) is None
        assert explain(reader, 2**63 - 1, NOW) is None
        assert list(line_of(reader, 1, Strategy.FIFO, NOW)) == []


def test_malformed_json_that_stops_every_change_is_told_and_claims_pass_it_by(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    column = "format TEXT GENERATED ALWAYS AS (json_extract(payload, '$.format')) VIRTUAL"
    bare = FOREIGN_SCHEMA.replace(f",\n  {column}", "").replace(
        "CREATE INDEX ix_task_format ON task_queue (format);\n", ""
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(bare)
        for status in ("queued", "leased"):
            connection.execute(
                "INSERT INTO task_queue (type, payload, run_after_utc, status, lease_until_utc, locked_by) "
                "VALUES ('job', '{broken', ?, ?, ?, 'gone')", (PAST, status, PAST),
            )  # fmt: skip
        connection.execute(f"ALTER TABLE task_queue ADD COLUMN {column}")
        connection.commit()
    good = put(path)
    assert told(path, 1).verdict is Verdict.UNREADABLE
    assert "workers pass it by" in told(path, 1).sentence
    assert "SQLite refuses to have it given back" in told(path, 2).sentence
    with reading(path) as reader:
        assert [each.task_id for each in next_tasks(reader, Offer(), now=NOW).tasks] == [good]
        assert [each.task_id for each in next_tasks(reader, now=NOW).tasks] == [good]
    with QueueDatabase(path) as db:
        task = Claimer(db).claim("w")
    assert task is not None
    assert task.id == good


def test_a_file_without_what_a_claim_needs_says_so(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    run_sql(path, "CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT)")
    run_sql(path, "INSERT INTO task_queue (type, status) VALUES ('job', 'queued')")
    found = told(path, 1)
    assert found.verdict is Verdict.UNREADABLE
    assert "run_after_utc" in found.sentence


def test_without_the_index_the_reason_is_told_and_the_place_is_not(queue: Path) -> None:
    run_sql(queue, "DROP INDEX ix_task_status_prio_time")
    found = told(queue, put(queue))
    assert found.verdict is Verdict.IN_LINE
    assert "its place is not counted" in found.sentence


def test_hostile_names_and_priorities_are_told_as_text(queue: Path) -> None:
    run_sql(
        queue, "INSERT INTO task_queue (type, payload, priority, run_after_utc, locked_by) VALUES "
        "(CAST(x'ff' AS TEXT), '{}', CAST(x'61ff' AS TEXT), ?1, CAST(x'ff' AS TEXT)), ('job', '{}', x'00', ?1, NULL), "
        "('job', '{}', CAST(x'61ff62' AS TEXT), ?1, NULL), ('job', '{}', 9e99, ?1, NULL)", (PAST,),
    )  # fmt: skip
    with reading(queue) as reader:
        order = [each.task_id for each in next_tasks(reader, Offer(), now=NOW).tasks]
    assert order == [4, 1, 3, 2]
    assert [told(queue, each).lines[0].place for each in order] == [1, 2, 3, 4]


# -- many


def test_a_place_far_back_is_counted_in_steps_and_can_be_left_off(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "many.db", 30_000)
    run_sql(path, "UPDATE task_queue SET run_after_utc = ? WHERE id % 3", (PAST,))
    run_sql(path, "UPDATE task_queue SET run_after_utc = '2026-11-24T10:59:59Z' WHERE id % 3 = 0")
    worker(path, "w", "{}")
    mine = put(path, priority=100)
    found = told(path, mine)
    line = found.line(Strategy.PRIORITY)
    assert line is not None
    assert not line.counted
    assert line.place is None
    assert 10_000 <= line.ahead < 30_000
    assert f"at least {line.ahead:,} due tasks come first" in found.sentence
    assert told(path, mine, most=None).line(Strategy.PRIORITY).place == 30_001  # type: ignore[union-attr]
    with reading(path) as reader:
        for offer in (None, Offer()):
            for strategy, place in ((Strategy.PRIORITY, 30_001), (Strategy.FIFO, 30_001), (Strategy.LIFO, 1)):
                steps = list(line_of(reader, mine, strategy, NOW, offer))
                assert [step.counted for step in steps] == [False] * (len(steps) - 1) + [True]
                assert steps[-1].place == place
            steps = list(line_of(reader, mine, Strategy.WEIGHTED_RANDOM, NOW, offer))
            assert len(steps) > 3
            assert steps[-1].ahead == 30_000
            assert steps[-1].chance == pytest.approx(1 / 30_001)
            assert all((step.chance or 0) >= 1 / 30_001 - 1e-12 for step in steps)


def test_the_search_for_what_comes_next_can_be_stopped(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "many.db", 9_000)
    run_sql(path, "UPDATE task_queue SET run_after_utc = ?, compatibility = '{\"gpu\": true}'", (PAST,))
    mine = put(path, priority=100)
    with reading(path) as reader:
        assert [each.task_id for each in next_tasks(reader, Offer(), now=NOW).tasks] == [mine]
        asked: list[int] = []
        for strategy in Strategy:
            stopped = next_tasks(
                reader, Offer(), strategy, now=NOW, on_progress=asked.append, should_stop=lambda: len(asked) > 1
            )
            assert (stopped.tasks if strategy is not Strategy.WEIGHTED_RANDOM else (), stopped.complete) == ((), False)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"2026-11-24T01:02:03", datetime(2026, 11, 25)), (b"2026-11-24 01:02:03", datetime(2026, 11, 24, 1, 2, 3)),
        (b"2026-11-24 01:02:03.5", datetime(2026, 11, 24, 1, 2, 4)), (b"2026-12-31T23:00:00Z", datetime(2027, 1, 1)),
        (b"", True), (b"-", True), (b"soon", False), (b"2026", datetime(2026, 1, 1)),
    ],
)  # fmt: skip
def test_when_programs_that_compare_text_see_a_time(raw: bytes, seen: object) -> None:
    assert seen_by_text(raw) == seen
