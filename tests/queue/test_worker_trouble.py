"""A worker on a file in trouble: busy, full, gone; and what a handler may do wrong. No task is lost by it."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.queue import (
    HandlerRegistry,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    QueueSchemaError,
    QueueWorker,
    TaskContext,
)
from prismq_gui.queue import database as database_module
from prismq_gui.queue import heartbeat as heartbeat_module
from prismq_gui.queue import worker as worker_module
from prismq_gui.queue.logs import LONGEST_TEXT_BYTES, as_json
from tests.helpers.files import run_sql
from tests.helpers.windows import ask_to_stop
from tests.queue.processes import launch


class Ear(io.StringIO):
    """A standard error that lets a test wait until something was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.Condition()

    def write(self, text: str) -> int:
        with self.said:
            count = super().write(text)
            self.said.notify_all()
            return count

    def wait_for(self, words: str, timeout_s: float = 30) -> bool:
        with self.said:
            return self.said.wait_for(lambda: words in self.getvalue(), timeout_s)


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    """Hear what workers say; locks are waited for 50 ms instead of 5 s."""
    monkeypatch.setattr(database_module, "TIMEOUT_S", 0.05)
    monkeypatch.setitem(database_module.PRAGMAS, "busy_timeout", 50)
    heard = Ear()
    for module in (worker_module, heartbeat_module):  # pytest puts its own sys.stderr back before the test begins
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=heard))
    return heard


class Stranger:
    """Another program that holds SQLite's write lock, and does not know the lock file."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)

    def hold(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


@pytest.fixture
def stranger(db: QueueDatabase) -> Iterator[Stranger]:
    other = Stranger(db.db_path)
    yield other
    other.let_go()
    other.connection.close()


def registry_of(handler: object) -> HandlerRegistry:
    registry = HandlerRegistry()
    registry.add("job", handler)  # type: ignore[arg-type]
    return registry


def status(db: QueueDatabase) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT status, attempts FROM task_queue ORDER BY id")


def test_D5_what_was_done_is_recorded_once_a_busy_file_is_free(db: QueueDatabase, ear: Ear, stranger: Stranger) -> None:
    QueueClient(db).enqueue("job")
    registry = registry_of(lambda _context: stranger.hold())
    worker = QueueWorker(db.db_path, registry, worker_id="w", poll_interval_s=0.01)
    thread = threading.Thread(target=worker.run, kwargs={"until_empty": True})
    thread.start()
    assert ear.wait_for("w: task 1: The queue")
    stranger.let_go()
    thread.join(30)
    assert status(db) == [("completed", 1)]


def test_what_cannot_be_recorded_while_the_lease_lasts_is_told_and_runs_again(
    db: QueueDatabase, ear: Ear, stranger: Stranger
) -> None:
    QueueClient(db).enqueue("job")
    worker = QueueWorker(db.db_path, registry_of(lambda _context: stranger.hold()), worker_id="w", lease_seconds=0.2)
    assert worker.run_once() is True
    worker.close()
    assert "what became of attempt 1 could not be recorded, so it runs again" in ear.getvalue()
    stranger.let_go()
    run_sql(db.db_path, "UPDATE task_queue SET lease_until_utc = '2020-01-01 00:00:00'")
    heir = QueueWorker(db.db_path, registry_of(lambda _context: None), worker_id="heir", poll_interval_s=0.01)
    assert heir.run(until_empty=True) == 1
    assert status(db) == [("completed", 2)]


def test_a_worker_that_ends_once_empty_waits_out_a_busy_file_first(
    db: QueueDatabase, ear: Ear, stranger: Stranger
) -> None:
    QueueClient(db).enqueue("job")
    held = threading.Event()

    def hold_once_it_works() -> None:
        while not run_sql(db.db_path, "SELECT 1 FROM workers"):
            pass
        stranger.hold()
        held.set()
        ear.wait_for("busy")
        stranger.let_go()

    worker = QueueWorker(db.db_path, registry_of(lambda _context: held.wait(30)), worker_id="w", poll_interval_s=0.01)
    thread = threading.Thread(target=hold_once_it_works)
    thread.start()
    assert worker.run(until_empty=True) == 1
    thread.join(30)
    assert "Trying again" in ear.getvalue()
    assert status(db) == [("completed", 1)]


def test_G1_a_worker_on_a_full_file_goes_on_once_there_is_room(db: QueueDatabase, ear: Ear) -> None:
    QueueClient(db).enqueue("job")
    worker = QueueWorker(db.db_path, registry_of(lambda _context: "x" * 20_000), worker_id="w", poll_interval_s=0.01)
    connection = worker._db.get_connection()  # the limit is a connection's own
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    thread = threading.Thread(target=worker.run, kwargs={"until_empty": True})
    thread.start()
    assert ear.wait_for("disk is full")
    connection.execute("PRAGMA max_page_count = 100000")
    thread.join(30)
    assert status(db) == [("completed", 1)]


def test_F25_a_lost_log_line_is_told_and_fails_no_task(db: QueueDatabase, ear: Ear, stranger: Stranger) -> None:
    def handler(context: TaskContext) -> None:
        stranger.hold()
        context.log("lost")
        stranger.let_go()
        context.log("kept")

    QueueClient(db).enqueue("job")
    QueueWorker(db.db_path, registry_of(handler), worker_id="w").run(until_empty=True)
    assert "task 1: a log line was lost" in ear.getvalue()
    assert status(db) == [("completed", 1)]
    assert run_sql(db.db_path, "SELECT message FROM task_logs WHERE message IN ('lost', 'kept')") == [("kept",)]


def test_a_sign_of_life_and_a_renewal_that_cannot_be_written_are_tried_again(
    db: QueueDatabase, ear: Ear, stranger: Stranger
) -> None:
    renewed = []

    def handler(context: TaskContext) -> None:
        lease = "SELECT lease_until_utc FROM task_queue"
        stranger.hold()
        assert ear.wait_for("a sign of life was not written")
        before = run_sql(db.db_path, lease)
        stranger.let_go()
        while run_sql(db.db_path, lease) == before:
            context.wait(0.01)
        renewed.append(context.lost.is_set())

    QueueClient(db).enqueue("job")
    QueueWorker(db.db_path, registry_of(handler), worker_id="w", lease_seconds=0.3).run(until_empty=True)
    assert renewed == [False]
    assert status(db) == [("completed", 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody move an open file")
def test_F24_a_worker_whose_file_is_gone_stops_claiming_and_makes_no_new_one(tmp_path: Path) -> None:
    path, moved = tmp_path / "queue.db", tmp_path / "moved.db"
    with QueueClient(path) as client:
        client.database.initialize_schema()
        client.enqueue("job")
    registry = registry_of(lambda _context: path.rename(moved))
    worker = QueueWorker(path, registry, worker_id="w", lease_seconds=0.15, poll_interval_s=0.01)
    with pytest.raises(QueueDatabaseError, match="deleted or replaced while w had it open"):
        worker.run()
    assert not path.exists()


def test_a_file_that_lacks_a_column_ends_the_worker_with_the_reason(tmp_path: Path) -> None:
    with QueueDatabase(tmp_path / "queue.db") as db:
        db.initialize_schema()
        QueueClient(db).enqueue("job")
        db.execute("ALTER TABLE task_queue DROP COLUMN reserved_at_utc")
    with pytest.raises(QueueSchemaError, match="reserved_at_utc"):
        QueueWorker(tmp_path / "queue.db", registry_of(lambda _context: None), worker_id="w").run()


def test_a_worker_that_cannot_open_its_file_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(QueueDatabaseError, match="can't be opened"):
        QueueWorker(tmp_path, registry_of(lambda _context: None), worker_id="w").run()


@pytest.mark.slow
def test_F21_a_signal_lets_a_worker_give_its_task_back_and_end(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    process = launch("serve", db.db_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "started\n"]
    ask_to_stop(process)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output.strip()) == (0, "1")
    assert status(db) == [("queued", 0)]


class Secretive:
    def __repr__(self) -> str:
        raise RuntimeError


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "result", [{(1, 2): 3}, CIRCLE, float("nan"), Secretive(), "\ud800", "x" * 300_000, {"a": b"\xff"}, object]
)
def test_a_result_of_any_kind_completes_its_task_and_its_log_is_json(db: QueueDatabase, result: object) -> None:
    QueueClient(db).enqueue("job")
    QueueWorker(db.db_path, registry_of(lambda _context: result), worker_id="w").run(until_empty=True)
    assert status(db) == [("completed", 1)]
    details = run_sql(db.db_path, "SELECT details FROM task_logs ORDER BY log_id DESC LIMIT 1")[0][0]
    assert "result" in json.loads(str(details))


ANY_TEXT = st.text(st.characters(codec=None))
ANYTHING = st.recursive(
    st.one_of(ANY_TEXT, st.floats(), st.integers(), st.binary(), st.none()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(ANY_TEXT, st.tuples(st.integers())), inner)),
    max_leaves=8,
)


@given(
    st.dictionaries(ANY_TEXT, ANYTHING, max_size=5),
    st.sampled_from(["é", "\0", "\ud800"]),
    st.sampled_from([1, 70_000]),
)
def test_F27_details_are_always_json_of_at_most_64_kib(details: dict[str, object], letter: str, times: int) -> None:
    text = as_json(details | {"long": letter * times})
    assert isinstance(json.loads(text), dict)
    assert len(text.encode("utf-8")) <= LONGEST_TEXT_BYTES


def test_F27_very_many_details_are_cut_too() -> None:
    text = as_json({f"key {number}": "x" * 100 for number in range(20_000)})
    assert json.loads(text) == {"cut": "20000 values, too long to keep"}
