"""The live demo: real processes, real work, true failures, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from prismq_gui.demo.crew import Crew
from prismq_gui.demo.orders import UNSERVED_REGION, OrderBook
from prismq_gui.demo.show import Demo, running_demo
from prismq_gui.demo.summary import summarise
from prismq_gui.demo.work import (
    UnknownMethodError,
    compare_files,
    compress_files,
    count_files,
    hash_files,
    source_files,
)
from prismq_gui.queue import QueueClient, QueueDatabase
from tests.helpers.files import run_sql
from tests.helpers.processes import is_alive, python_environment, wait_until


def nothing() -> None:
    """No tick."""


def statuses(demo: Demo) -> dict[str, int]:
    return dict(run_sql(demo.database, "SELECT status, count(*) FROM task_queue GROUP BY status"))  # type: ignore[arg-type]


def test_work_is_on_files_that_are_there(tmp_path: Path) -> None:
    files = source_files()
    assert len(files) >= 20
    assert all(path.is_file() for path in files)
    text = tmp_path / "text.txt"
    text.write_text("one two\nthree\n" * 100, encoding="utf-8", newline="\n")
    counted = count_files([text], "utf-8", nothing)
    assert (counted.lines, counted.words, counted.size_bytes) == (200, 300, 1400)
    assert hash_files([text], "sha256", nothing) == hash_files([text], "sha256", nothing)
    assert hash_files([text], "sha1", nothing) != hash_files([text, text], "sha1", nothing)
    for method in ("zlib", "bz2", "lzma"):
        packed = compress_files([text], method, nothing)
        assert packed.before == 1400
        assert packed.saved_percent > 50
    assert compare_files([text], nothing) == 1400


def test_work_fails_truly(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_bytes("kůň".encode("cp1250"))
    with pytest.raises(UnicodeDecodeError):
        count_files([letter], "utf-8", nothing)
    with pytest.raises(FileNotFoundError):
        count_files([tmp_path / "none"], "utf-8", nothing)
    with pytest.raises(UnknownMethodError, match="md6"):
        hash_files([letter], "md6", nothing)
    with pytest.raises(UnknownMethodError, match="rar"):
        compress_files([letter], "rar", nothing)


def test_orders_are_varied_and_all_can_be_enqueued(tmp_path: Path) -> None:
    orders = list(islice(OrderBook(source_files(), tmp_path).stream(), 400))
    assert {order.type for order in orders} == {"hash.files", "count.text", "compress.files", "compare.files"}
    assert {order.priority for order in orders} == {10, 100, 200}
    assert {order.compatibility.get("region") for order in orders} == {None, "eu", "us", UNSERVED_REGION}
    assert any(order.delay for order in orders)
    with closing(QueueDatabase(tmp_path / "queue.db")) as database:
        database.initialize_schema()
        client = QueueClient(database)
        created = [
            client.enqueue(order.type, order.payload, idempotency_key=order.idempotency_key).created for order in orders
        ]
    assert created.count(False) > 0
    assert created.count(True) > 350


@pytest.mark.slow
def test_demo_shows_every_fate_of_a_task_and_leaves_nothing() -> None:
    with running_demo(3) as demo:
        pids = demo.crew.pids()
        assert set(pids) == {"eu-1", "us-2", "eu-3", "producer"}
        wanted = {"completed", "failed", "dead_letter", "queued"}
        wait_until(lambda: wanted <= set(statuses(demo)), f"tasks of each of {wanted}", timeout_s=90)
        retried = "SELECT count(*) FROM task_queue WHERE status = 'completed' AND attempts > 1"
        wait_until(lambda: run_sql(demo.database, retried) != [(0,)], "a task that passed at a later attempt", 90)
        errors = " ".join(
            str(row[0]) for row in run_sql(demo.database, "SELECT DISTINCT error_message FROM task_queue")
        )
        for kind in ("FileNotFoundError", "UnicodeDecodeError", "PermanentError"):
            assert kind in errors
        assert demo.crew.failures() == []
        text = summarise(demo.database, None, demo.crew.failures())
        assert "dead_letter" in text
        assert "eu-1" in text
        folder = demo.folder
    assert not folder.exists()
    assert [name for name, pid in pids.items() if is_alive(pid)] == []


PARENT = """
import sys, threading
from prismq_gui.demo.show import running_demo
with running_demo(2) as demo:
    print(demo.folder, *demo.crew.pids().values(), sep="|", flush=True)
    threading.Event().wait()
"""


@pytest.mark.slow
def test_processes_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], env=python_environment(TMPDIR=str(tmp_path), TEMP=str(tmp_path)),
        stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert parent.stdout is not None
    _, *pids = parent.stdout.readline().strip().split("|")
    assert len(pids) == 3
    assert all(is_alive(int(pid)) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids), "workers and producer are gone", timeout_s=30)


def test_child_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    crew = Crew(tmp_path)
    crew.start("w-1", ["worker", "--handlers", "nothing_like_this:registry"])
    wait_until(lambda: bool(crew.failures()), "the worker has ended")
    assert "w-1 ended with 2" in crew.failures()[0]
    assert "nothing_like_this" in crew.failures()[0]
    crew.end()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prismq_gui.demo.crew.GRACE_S", 0.3)
    monkeypatch.setattr("prismq_gui.demo.crew.program_command", lambda: [sys.executable, "-c"])
    crew = Crew(tmp_path)
    code = (
        "import pathlib, signal, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path('up').touch()\nthreading.Event().wait()"
    )
    monkeypatch.chdir(tmp_path)
    crew.start("deaf", [code])
    wait_until((tmp_path / "up").exists, "the child is up")
    pid = crew.pids()["deaf"]
    crew.end()
    assert not is_alive(pid)


def demo_command(folder: Path, *arguments: str) -> list[str]:
    output = ["--screenshot", str(folder / "a picture.png"), "--summary", str(folder / "out" / "summary.txt")]
    return [sys.executable, "-m", "prismq_gui", "demo", "--workers", "2", *output, *arguments]


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("PrismQ demo")]


@pytest.mark.slow
def test_demo_command_leaves_picture_and_summary_and_ends_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        demo_command(tmp_path, "--seconds", "4"), env=python_environment(TMPDIR=str(tmp_path), TEMP=str(tmp_path)),
        capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=100, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a picture.png").read_bytes().startswith(b"\x89PNG")
    summary = (tmp_path / "out" / "summary.txt").read_text(encoding="utf-8")
    assert "completed" in summary
    assert "worst gap" in summary
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_terminated_demo_clears_away(tmp_path: Path) -> None:
    process = subprocess.Popen(
        demo_command(tmp_path), env=python_environment(TMPDIR=str(tmp_path)), stdin=subprocess.DEVNULL
    )
    started = "SELECT count(*) FROM task_queue WHERE status = 'completed'"

    def under_way() -> bool:
        files = [path / "queue.db" for path in tmp_path.glob("PrismQ demo *") if (path / "settings").exists()]
        return bool(files) and run_sql(files[0], started) != [(0,)]

    try:
        wait_until(under_way, "the window is open and a task is done")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
    assert left_behind(tmp_path) == []


def test_temporary_folder_bears_the_name_of_the_demo() -> None:
    with running_demo(1) as demo:
        assert demo.folder.parent == Path(tempfile.gettempdir())
        assert demo.folder.name.startswith("PrismQ demo ")
