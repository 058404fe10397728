"""A program written against PrismQ's own core module runs on ours with no change but the import, by turns with us.

It is run as what it is: a file of its own in a process of its own, finding the queue by the environment variable.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prismq_gui.queue import (
    Claimer,
    HandlerRegistry,
    NewTask,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    Task,
    TaskContext,
    TaskLog,
    Worker,
    request_cancel,
    settling,
)
from prismq_gui.queue.heartbeat import beat
from tests.helpers.files import make_foreign_queue

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("drop_in_program.py")
Run = Callable[[str], Any]


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "složka s ü" / "queue.db"


@pytest.fixture
def run(tmp_path: Path, queue: Path) -> Run:
    """Run the program with its import changed and return what it printed."""
    text = PROGRAM.read_text(encoding="utf-8")
    assert text.count("src.queue") == 1
    script = tmp_path / "program.py"
    script.write_text(text.replace("src.queue", "prismq_gui.queue"), encoding="utf-8")
    environment = os.environ | {"PRISMQ_QUEUE_DB_PATH": str(queue), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}

    def call(verb: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-W", "error", script, verb], env=environment, cwd=tmp_path, capture_output=True,
            text=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return call


def test_the_program_does_all_it_did_before(run: Run, queue: Path) -> None:
    found = run("work")
    assert found["first"] == 1
    assert found["capabilities"] == {"region": "eu"}
    assert sorted(found["done"]) == list(range(20))
    assert found["mistakes"] == [False, "no column", 23, "no column", "no column", "same key", True]
    assert found["same"]
    assert found["anew"]
    assert found["pragmas"] == {
        "journal_mode": "wal", "synchronous": 1, "busy_timeout": 5000, "wal_autocheckpoint": 1000, "foreign_keys": 1,
        "temp_store": 2, "mmap_size": 134217728, "page_size": 4096, "cache_size": -20000,
    }  # fmt: skip
    report = run("report")
    assert report["path"] == str(queue)
    assert len(report["tasks"]) == 23
    assert len(report["logs"]) == 20
    assert all(log["level"] == "INFO" and json.loads(log["details"])["n"] < 20 for log in report["logs"])


@pytest.mark.parametrize("is_foreign", [False, True])
def test_a_file_used_by_turns_stays_right_for_both(run: Run, queue: Path, is_foreign: bool) -> None:
    if is_foreign:
        make_foreign_queue(queue)
    run("work")
    registry, seen = HandlerRegistry(), []
    registry.add("first", lambda context: seen.append(context.payload))

    @registry.task("ours")
    def ours(context: TaskContext) -> int:
        context.log("at it")
        return int(context.payload["n"])

    with QueueDatabase(queue) as db, QueueClient(db) as client:
        assert client.enqueue("again", idempotency_key="key 3").created is False
        many = client.enqueue_many({"type": "ours", "payload": {"n": number}} for number in range(5))
        late = Claimer(db).claim("w", {"region": "eu"}, types=("was due",))
        assert late is not None  # due for an hour in the form that sorts wrongly
        assert Claimer(db).claim("w", {"region": "eu"}, types=("tomorrow",)) is None
        QueueWorker(queue, registry, worker_id="ours").run(until_empty=True)
        assert [client.result(task_id).result_json for task_id in many.ids] == ["0", "1", "2", "3", "4"]
        assert seen == [{"n": 0, "format": "short"}]
        assert client.wait(2, 0).is_completed  # by the program's own thread, with no result of ours
    report = run("report")
    by_type: dict[str, set[str]] = {}
    for task in report["tasks"]:
        by_type.setdefault(task["type"], set()).add(task["status"])
    assert by_type == {
        "first": {"completed"}, "bulk": {"completed"}, "ours": {"completed"}, "was due": {"leased"},
        "tomorrow": {"queued"},
    }  # fmt: skip
    times = [value for task in report["tasks"] for name, value in task.items() if name == "finished_at_utc" and value]
    assert len(times) == 26
    assert all(abs(datetime.fromisoformat(value) - datetime.fromisoformat(times[0])) < timedelta(1) for value in times)


def test_records_have_the_columns_names_and_defaults() -> None:
    names = {record: [field.name for field in fields(record)] for record in (Task, Worker, TaskLog)}
    assert names[Task][:18] == [
        "id", "type", "priority", "payload", "compatibility", "status", "attempts", "max_attempts", "run_after_utc",
        "lease_until_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc", "locked_by",
        "error_message", "idempotency_key", "created_at_utc", "updated_at_utc",
    ]  # fmt: skip
    assert names[Worker] == ["worker_id", "capabilities", "heartbeat_utc"]
    assert names[TaskLog] == ["log_id", "task_id", "at_utc", "level", "message", "details"]
    assert (Task().payload, Task().priority, Task().status, Task().max_attempts) == ("{}", 100, "queued", 5)
    assert Task(payload="broken").get_payload_dict() == Worker(capabilities="[]").get_capabilities_dict() == {}


def test_all_times_of_ours_are_read_by_a_program_that_knows_whole_seconds_alone(db: QueueDatabase) -> None:
    """PrismQ's own module reads a time with a space by this one form, and stops at the first that has another."""
    client, claimer = QueueClient(db), Claimer(db)
    for _ in range(6):
        client.enqueue("job", run_after=timedelta(microseconds=-1))
    client.enqueue_many([NewTask("job", {}), NewTask("job", {}, run_after=timedelta(milliseconds=1_500))])
    for settle in (
        lambda task: settling.complete(db, task, {"n": 1}),
        lambda task: settling.retry_later(db, task, "error", timedelta(milliseconds=300)),
        lambda task: settling.fail(db, task, "error"),
        lambda task: settling.release(db, task, "stopping"),
        lambda task: settling.start(db, task),
    ):
        task = claimer.claim("w", lease_seconds=0.25)
        assert task is not None
        settle(task)
    request_cancel(db, 6, "anna")
    beat(db, "w", {})
    seen = set()
    for table in ("task_queue", "workers", "task_logs"):
        for row in db.execute(f"SELECT * FROM {table}").fetchall():
            for column in row.keys():  # noqa: SIM118 (a Row's own iteration gives values)
                if column.endswith("_utc") and row[column] is not None:
                    datetime.strptime(row[column], "%Y-%m-%d %H:%M:%S")
                    seen.add(column)
    assert seen == {
        "run_after_utc", "lease_until_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc",
        "created_at_utc", "updated_at_utc", "heartbeat_utc", "at_utc",
    }  # fmt: skip
