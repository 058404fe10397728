"""Connections under fire: forked, used from other threads, read by others at once, behind a torn write-ahead log."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sqlite3
import sys
import threading
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, QueueDatabaseError, settling
from tests.helpers.files import run_sql


def test_F11_a_claim_is_committed_before_it_is_returned(db: QueueDatabase) -> None:
    task_id = QueueClient(db).enqueue("job").task_id
    task = Claimer(db).claim("w")
    assert task is not None
    rows = run_sql(db.db_path, "SELECT id, status, locked_by FROM task_queue")  # another connection, at once
    assert rows == [(task_id, "leased", "w")]
    assert not db.get_connection().in_transaction


def test_F12_a_log_line_and_a_renewal_are_committed_when_they_return(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    task = Claimer(db).claim("w")
    assert task is not None
    settling.write_task_log(db, task.id, "INFO", "half done", {})
    until = settling.renew(db, task, 600)
    with closing(sqlite3.connect(db.db_path, timeout=0, isolation_level=None)) as other:  # does not wait
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT message FROM task_logs").fetchall() == [("half done",)]
        assert other.execute("SELECT lease_until_utc FROM task_queue").fetchone()[0] >= str(until)
        other.execute("ROLLBACK")


def test_F22_many_threads_share_one_database_and_each_sees_whole_transactions(db: QueueDatabase) -> None:
    client, errors = QueueClient(db), []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                with db.transaction() as connection:
                    for part in ("a", "b"):
                        connection.execute(
                            "INSERT INTO task_queue (type, payload) VALUES (?, '{}')", (f"{number}{part}",)
                        )
                claimed = Claimer(db).claim(f"w{number}")
                assert claimed is not None
                client.enqueue("single")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue") == [(8 * 20 * 3,)]


def _use_after_fork(db: QueueDatabase, pipe: Connection) -> None:
    try:
        result = QueueClient(db).enqueue("from the child")
        db.close()
        pipe.send(result.task_id)
    except QueueDatabaseError as error:
        pipe.send(str(error))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_F22_a_forked_child_gets_a_connection_of_its_own_and_leaves_the_parents_alone(db: QueueDatabase) -> None:
    client = QueueClient(db)
    client.enqueue("from the parent")
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_use_after_fork, args=(db, there))
    child.start()
    told = here.recv()
    child.join()
    assert (told, child.exitcode) == (2, 0)
    client.enqueue("from the parent again")
    assert run_sql(db.db_path, "SELECT priority, type FROM task_queue") == [
        (100, "from the parent"), (100, "from the child"), (100, "from the parent again"),
    ]  # fmt: skip
    assert run_sql(db.db_path, "PRAGMA integrity_check") == [("ok",)]
    here.close()
    there.close()


def _queue_with_a_log_to_tear(folder: Path) -> tuple[Path, bytes]:
    """Leave a file whose last 30 tasks stand in its write-ahead log alone, as a killed process leaves it."""
    path = folder / "queue.db"
    with QueueDatabase(path) as db:
        db.initialize_schema()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        client = QueueClient(db)
        for number in range(30):
            client.enqueue("job", {"n": number, "text": "x" * 500})
        main, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    for leftover in folder.iterdir():
        leftover.unlink()
    path.write_bytes(main)
    return path, log


def _tear(log: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(32, len(log))
    kind = chance.choice(("cut", "zeroes", "noise", "one bit"))
    if kind == "cut":
        return log[:at]
    if kind == "one bit":
        return log[:at] + bytes([log[at] ^ (1 << chance.randrange(8))]) + log[at + 1 :]
    length = min(chance.randrange(1, 9_000), len(log) - at)
    filling = bytes(length) if kind == "zeroes" else chance.randbytes(length)
    return log[:at] + filling + log[at + length :]


def test_G4_behind_a_torn_log_stands_an_unbroken_row_of_commits(tmp_path: Path) -> None:
    chance = random.Random(20)
    (tmp_path / "made").mkdir()
    source, log = _queue_with_a_log_to_tear(tmp_path / "made")
    lengths = set()
    for trial in range(100):
        folder = tmp_path / str(trial)
        folder.mkdir()
        path = Path(shutil.copy(source, folder / "queue.db"))
        Path(f"{path}-wal").write_bytes(_tear(log, chance))
        with QueueDatabase(path) as db:
            numbers = [row[0] for row in db.execute("SELECT json_extract(payload, '$.n') FROM task_queue ORDER BY id")]
            assert numbers == list(range(len(numbers)))  # the first so many, none left out
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert QueueClient(db).enqueue("job", {"n": len(numbers)}).created  # and it goes on
        lengths.add(len(numbers))
        shutil.rmtree(folder)
    assert len(lengths) > 10  # the tears were in many places
