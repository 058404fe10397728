"""What is told and what a claim then does are the same, over random queues of hostile rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.explain import explain
from prismq_gui.insight.explanations import Explanation, Offer, Verdict
from prismq_gui.insight.upcoming import next_claim, next_tasks
from prismq_gui.queue import Claimer, QueueDatabase, Strategy
from prismq_gui.queue.timestamps import now_utc
from tests.helpers.examples import examples
from tests.insight.helping import reading

ORDERED = (Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO)


@dataclass(frozen=True)
class Cells:
    """A row; a time is seconds from now and a form, or a hostile cell."""

    status: str
    kind: str
    priority: object
    run_after: object
    compatibility: object
    attempts: object
    max_attempts: object
    lease: object


OFFSETS = ["+02:00", "-05:00", "+1000", "+13:30", "-11:00"]


@dataclass(frozen=True)
class Time:
    seconds: int
    form: str

    def text(self) -> str:
        moment = now_utc().replace(microsecond=0) + timedelta(seconds=self.seconds)
        if self.form in OFFSETS:
            hours, minutes = int(self.form[1:3]), int(self.form[-2:])
            span = timedelta(hours=hours, minutes=minutes)
            local = moment + span if self.form[0] == "+" else moment - span
            return f"{local.isoformat()}{self.form}" if self.seconds % 2 else f"{local.isoformat(sep=' ')}{self.form}"
        return {
            "space": moment.isoformat(sep=" "),
            "T": moment.isoformat(),
            "Z": f"{moment.isoformat()}Z",
            "utc": f"{moment.isoformat()}.123456+00:00",
            "fraction": f"{moment.isoformat(sep=' ')}.5",
            "minutes": moment.isoformat(sep=" ")[:16],
            "small t": moment.isoformat().replace("T", "t"),
        }[self.form]


# Never within 90 s of now: the claim comes a moment after the telling.
SECONDS = st.sampled_from([-90_000, -7_000, -3_601, -600, -301, -300, -299, -120, 90, 600, 4_000, 90_001])
FORMS = ["space"] * 5 + ["T"] * 4 + ["utc"] * 4 + ["Z", "fraction", "minutes", "small t", *OFFSETS]
TIMES = st.builds(Time, SECONDS, st.sampled_from(FORMS))
HOSTILE_TIMES = [
    *("", "soon", 0, 5, 1.5, b"2020-01-01 00:00:00", "2020-02-30 00:00:00", "2020-01-01 00:00:00 hello", b"\xff"),
]
RUN_AFTER = st.one_of(*[TIMES] * 6, st.sampled_from(HOSTILE_TIMES))
HOSTILE_NEEDS = ['{"region": []}', "{ }", '{"gpu": 1}', "[]", "{broken", "", b"{}", 7, '{"n": NaN}']
NEEDS = st.sampled_from(
    ["{}"] * 15 + ['{"gpu": true}', '{"region": "eu"}', '{"region": ["eu", "us"]}'] * 2 + HOSTILE_NEEDS
)
NUMBERS = st.sampled_from([0] * 6 + [1, 2, 3, 5, "many", 1.5, b"\xff"])
ROWS = st.lists(
    st.builds(
        Cells,
        status=st.sampled_from(["queued"] * 10 + ["leased", "processing", "completed", "odd"]),
        kind=st.sampled_from(["mail", "mail", "mail", "video"]),
        priority=st.sampled_from([-2, 0, *[1] * 9, 100, "high", 2.5, b"\x01"]),
        run_after=RUN_AFTER,
        compatibility=NEEDS,
        attempts=NUMBERS,
        max_attempts=st.sampled_from([0, 1, 3, 5, 5, "lots"]),
        lease=st.one_of(TIMES, st.sampled_from([None, "later", 3])),
    ),
    min_size=2,
    max_size=12,
)
CAPABILITIES = st.sampled_from(
    [{}, {"gpu": True}, {"region": "eu"}, {"region": ["us"], "gpu": True}, {"gpu": True, "region": ["eu", "us"]}]
)
TYPES = st.sampled_from([(), (), ("mail",), ("video", "none")])


def stored(cell: object) -> object:
    """Return what is bound: bytes that are no UTF-8 stand for text of that kind."""
    return cell.text() if isinstance(cell, Time) else cell


def names_tomorrow(cell: object) -> bool:
    """Whether a time that is due bears a later date than today's: it lies east of UTC."""
    return isinstance(cell, Time) and cell.seconds < 0 and cell.text()[:10] > now_utc().date().isoformat()


def insert(path: Path, rows: list[Cells]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for row in rows:
        run_after = "CAST(? AS TEXT)" if row.run_after == b"\xff" else "?"
        connection.execute(
            "INSERT INTO task_queue (status, type, priority, payload, run_after_utc, compatibility, attempts, "
            f"max_attempts, lease_until_utc, locked_by) VALUES (?, ?, ?, '{{}}', {run_after}, ?, ?, ?, ?, 'gone')",
            tuple(map(stored, (row.status, row.kind, row.priority, row.run_after, row.compatibility, row.attempts,
                               row.max_attempts, row.lease))),
        )  # fmt: skip
    connection.close()


@contextmanager
def queue_of(factory: pytest.TempPathFactory, rows: list[Cells]) -> Iterator[QueueDatabase]:
    with QueueDatabase(factory.mktemp("q") / "warteschlange ü.db") as db:
        db.initialize_schema()
        insert(db.db_path, rows)
        yield db


def told(path: Path, count: int, offer: Offer) -> dict[int, Explanation]:
    with reading(path) as reader:
        found = {each: explain(reader, each, offer=offer) for each in range(1, count + 1)}
        assert explain(reader, count + 1) is None
    return {task_id: each for task_id, each in found.items() if each is not None}


def stands_first(each: Explanation, strategy: Strategy) -> bool:
    """Whether it is told that the worker's next claim hands this task out."""
    line = each.line(strategy)
    runs = each.verdict is Verdict.IN_LINE or (each.verdict is Verdict.LEASE_EXPIRED and line is not None)
    return runs and line is not None and line.place == 1


@examples(60)
@given(rows=ROWS, capabilities=CAPABILITIES, types=TYPES, strategy=st.sampled_from(ORDERED))
def test_the_task_told_to_be_next_is_the_one_that_is_claimed(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Cells], capabilities: dict[str, Any], types: tuple[str, ...],
    strategy: Strategy,
) -> None:  # fmt: skip
    offer = Offer(capabilities, types, "w")
    with queue_of(tmp_path_factory, rows) as db:
        explained = told(db.db_path, len(rows), offer)
        with reading(db.db_path) as reader:
            foretold = next_claim(reader, offer, strategy)
            listed = next_tasks(reader, offer, strategy)
        task = Claimer(db, strategy=strategy).claim("w", capabilities, types=types)
        statuses = dict(tuple(row) for row in db.execute("SELECT id, status FROM task_queue"))
    claimed = None if task is None else task.id
    assert (None if foretold is None else foretold.task_id) == claimed
    assert [each for each, found in explained.items() if stands_first(found, strategy)] == (
        [] if claimed is None else [claimed]
    )
    # What is told to become a dead letter on the way does, and what is held on a lease that is over is given back.
    for each in listed.tasks:
        if each.task_id == claimed:
            break
        assert each.buried
        assert statuses[each.task_id] == "dead_letter"
    for task_id, found in explained.items():
        if found.verdict is Verdict.LEASE_EXPIRED:
            assert statuses[task_id] in ({"queued", "leased"} if "waits again" in found.sentence else {"dead_letter"})
        elif found.verdict is Verdict.HELD:
            assert statuses[task_id] == rows[task_id - 1].status


@examples(30)
@given(rows=ROWS, capabilities=CAPABILITIES, types=TYPES, strategy=st.sampled_from(ORDERED))
def test_the_places_told_are_the_order_of_the_claims(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Cells], capabilities: dict[str, Any], types: tuple[str, ...],
    strategy: Strategy,
) -> None:  # fmt: skip
    offer = Offer(capabilities, types, "w")
    with queue_of(tmp_path_factory, rows) as db:
        explained = told(db.db_path, len(rows), offer)
        with reading(db.db_path) as reader:
            listed = [each.task_id for each in next_tasks(reader, offer, strategy).tasks if not each.buried]
        claimer = Claimer(db, strategy=strategy)
        claimed = [task.id for task in iter(lambda: claimer.claim("w", capabilities, types=types), None)]
    assert listed == claimed
    places = {
        line.place: each.task_id
        for each in explained.values()
        if each.verdict in (Verdict.IN_LINE, Verdict.LEASE_EXPIRED) and (line := each.line(strategy)) is not None
    }
    if sum(1 for row in rows if names_tomorrow(row.run_after)) < 2:  # among those of one day the T sorts last
        assert [places[place] for place in sorted(places)] == claimed
        assert sorted(places) == list(range(1, len(claimed) + 1))
    assert sorted(places.values()) == sorted(claimed)


@examples(40)
@given(rows=ROWS, capabilities=CAPABILITIES, types=TYPES, seed=st.integers(0, 9))
def test_a_claim_by_lot_draws_one_that_has_a_chance_and_with_the_same_seed_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Cells], capabilities: dict[str, Any], types: tuple[str, ...],
    seed: int,
) -> None:  # fmt: skip
    offer, strategy = Offer(capabilities, types, "w"), Strategy.WEIGHTED_RANDOM
    with queue_of(tmp_path_factory, rows) as db:
        explained = told(db.db_path, len(rows), offer)
        with reading(db.db_path) as reader:
            listed = next_tasks(reader, offer, strategy, seed=seed)
        task = Claimer(db, strategy=strategy, seed=seed).claim("w", capabilities, types=types)
    chances = {
        each.task_id: line.chance
        for each in explained.values()
        if each.verdict in (Verdict.IN_LINE, Verdict.LEASE_EXPIRED) and (line := each.line(strategy)) is not None
    }
    running = {each.task_id: each.chance for each in listed.tasks if not each.buried}
    assert running == pytest.approx(chances)
    assert (task is None) == (not chances)
    if task is None:
        return
    assert sum(filter(None, chances.values())) == pytest.approx(1.0)
    assert task.id in chances
    if not listed.tasks[0].buried and not any(found.verdict is Verdict.LEASE_EXPIRED for found in explained.values()):
        assert listed.tasks[0].task_id == task.id


def test_the_chances_told_are_those_of_the_draw(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At a fixed seed; 21.67 is the 99.9th percentile of chi-squared with 6 degrees of freedom, less than 23."""
    past = Time(-600, "space")
    rows = [Cells("queued", "mail", priority, past, "{}", 0, 5, None) for priority in (-3, 0, 1, 2, 5, 9, 30)]
    rows.append(Cells("queued", "mail", 0, past, '{"gpu": true}', 0, 5, None))
    draws, counts = 1_500, dict.fromkeys(range(1, 8), 0)
    with queue_of(tmp_path_factory, rows) as db:
        explained = told(db.db_path, len(rows), Offer())
        claimer = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=4)
        for _ in range(draws):
            task = claimer.claim("w")
            assert task is not None
            counts[task.id] += 1
            db.execute("UPDATE task_queue SET status = 'queued', attempts = 0 WHERE id = ?", (task.id,))
    expected = {}
    for task_id in counts:
        line = explained[task_id].line(Strategy.WEIGHTED_RANDOM)
        assert line is not None
        assert line.counted
        expected[task_id] = draws * (line.chance or 0.0)
    assert sum((counts[each] - expected[each]) ** 2 / expected[each] for each in counts) < 23
    assert explained[8].verdict is Verdict.NO_WORKER_MATCHES
    assert "“gpu”" in explained[8].sentence


def test_many_are_drawn_by_the_claims_own_lottery_with_the_same_seed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with queue_of(tmp_path_factory, []) as db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) INSERT INTO task_queue "
            "(type, payload, priority, run_after_utc) SELECT 'job', '{}', i % 7, '2020-01-01 00:00:00' FROM n"
        )
        with reading(db.db_path) as reader:
            listed = next_tasks(reader, Offer(), Strategy.WEIGHTED_RANDOM, seed=3, limit=20)
        task = Claimer(db, strategy=Strategy.WEIGHTED_RANDOM, seed=3).claim("w")
    assert task is not None
    assert listed.tasks[0].task_id == task.id
    assert len({each.task_id for each in listed.tasks}) == 20
    assert listed.drawn


def test_offer_is_given_to_the_claim_as_json() -> None:
    assert json.loads(Offer({"b": 1, "a": [True]}).capabilities_json) == {"a": [True], "b": 1}
