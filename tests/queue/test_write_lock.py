"""The writers' lock file by itself, without SQLite's locks behind it: between processes, and when its holder dies."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from prismq_gui.queue.write_lock import WriteLock

ROOT = Path(__file__).parents[2]
PROCESSES, TURNS = 8, 250
PROGRAM = f"""
import sys
from contextlib import closing
from pathlib import Path
from prismq_gui.queue.write_lock import WriteLock
verb, path = sys.argv[1], Path(sys.argv[2])
counter = path.with_name("counter")
with closing(WriteLock(path)) as line:
    if verb == "hold":
        assert line.acquire(0)
    print("ready", flush=True)
    sys.stdin.readline()
    if verb == "wait":
        assert line.acquire(60)
        line.release()
    if verb == "count":
        for _ in range({TURNS}):
            assert line.acquire(60)
            counter.write_text(str(int(counter.read_text(encoding="utf-8")) + 1), encoding="utf-8")
            line.release()
"""


@contextmanager
def running(verb: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run one for the block; it is ready when the block begins, and ended after it."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, verb, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, encoding="utf-8",
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again until something has come about."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def is_locked(handle: int) -> bool:
    """Whether somebody else holds a lock on a file; POSIX alone."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a queue would be, in a folder whose name has a space and an umlaut."""
    folder = tmp_path / "pfad mit ü"
    folder.mkdir()
    return folder / "queue.db"


@pytest.mark.slow
def test_eight_processes_that_read_and_write_a_counter_in_line_lose_no_turn(path: Path) -> None:
    counter = path.with_name("counter")
    counter.write_text("0", encoding="utf-8")
    with ExitStack() as stack:
        crew = [stack.enter_context(running("count", path)) for _ in range(PROCESSES)]
        for process in crew:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(timeout=100) for process in crew] == [0] * PROCESSES
    assert int(counter.read_text(encoding="utf-8")) == PROCESSES * TURNS


def test_the_lock_goes_with_a_process_that_is_killed(path: Path) -> None:
    with closing(WriteLock(path)) as line, running("hold", path) as holder:
        assert not line.acquire(0)
        assert not line.acquire(0.05)
        holder.kill()
        holder.wait(timeout=30)
        assert line.acquire(30)
        with closing(WriteLock(path)) as other:
            assert not other.acquire(0)
            line.release()
            assert other.acquire(0)


def test_giving_back_what_is_not_held_harms_nobody(path: Path) -> None:
    with closing(WriteLock(path)) as line, closing(WriteLock(path)) as other:
        line.release()
        assert line.acquire(0)
        other.release()
        assert not other.acquire(0)
        line.release()
        line.release()
        assert other.acquire(0)


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be suspended by a signal there")
def test_a_process_suspended_at_the_head_of_the_line_keeps_nobody_out(path: Path) -> None:
    with closing(WriteLock(path)) as line, running("hold", path) as holder, running("wait", path) as waiter:
        assert waiter.stdin is not None
        waiter.stdin.write("go\n")
        waiter.stdin.flush()
        with line.line_path.open("rb") as head:
            wait_until(lambda: is_locked(head.fileno()))
        waiter.send_signal(signal.SIGSTOP)
        holder.kill()
        holder.wait(timeout=30)
        assert line.acquire(30)
        waiter.send_signal(signal.SIGCONT)
        line.release()
        assert waiter.wait(timeout=60) == 0


def test_a_time_out_in_line_leaves_no_place_taken(path: Path) -> None:
    with closing(WriteLock(path)) as line, running("hold", path) as holder, running("wait", path) as waiter:
        assert waiter.stdin is not None
        waiter.stdin.write("go\n")
        waiter.stdin.flush()
        assert not line.acquire(0.05)  # behind the waiter
        assert not line.acquire(0.05)
        holder.kill()
        assert waiter.wait(timeout=60) == 0
        assert line.acquire(30)


@pytest.mark.parametrize("content", [b"", b"\xff" * 32, b"\x7f" * 200, struct.pack("4d", *[float("nan")] * 4)])
def test_whatever_stands_in_the_lock_file_the_lock_is_had_and_given(path: Path, content: bytes) -> None:
    path.with_name("queue.db-lock").write_bytes(content)
    with closing(WriteLock(path)) as line, closing(WriteLock(path)) as other:
        assert line.acquire(5)
        assert not other.acquire(0.05)
        line.release()
        assert other.acquire(5)
