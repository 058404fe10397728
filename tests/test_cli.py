"""The command line: what a person types, what comes back, and that no Qt is loaded for it."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from prismq_gui import __version__
from prismq_gui.cli import main
from prismq_gui.queue import QueueClient, QueueDatabase
from tests.helpers.processes import python_environment, run_program, wait_until
from tests.helpers.windows import CTRL_BREAK, ask_to_stop, under_wine

HANDLERS = """
from prismq_gui.queue import HandlerRegistry
from tests.helpers.windows import hear_ctrl_break

hear_ctrl_break()

registry = HandlerRegistry()
number = 7


@registry.task("double")
def double(context):
    return {"double": context.payload["n"] * 2}


@registry.task("endless")
def endless(context):
    context.log("begun")
    while True:
        context.wait(1)


@registry.task("hurrying")
def hurrying(context):
    context.log("begun")
    assert context.stopping.wait(100)
"""


class Opened(ModuleType):
    """Stands in for the window: keeps what it was asked to open."""

    def __init__(self) -> None:
        super().__init__("prismq_gui.app")
        self.asked: list[tuple[Path | None, bool, Path | None]] = []
        self.task_id: int | None = None
        self.beside = True

    def run_window(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        data_dir: Path | None = None,
        task_id: int | None = None,
        beside: bool = True,
    ) -> int:
        self.beside = beside
        self.asked.append((path, read_only, data_dir))
        self.task_id = task_id
        return 0


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    stand_in = Opened()
    monkeypatch.setitem(sys.modules, "prismq_gui.app", stand_in)
    return stand_in


def test_version_is_told_without_loading_qt() -> None:
    code = "import sys; from prismq_gui.cli import main; c = main(['--version']); print(c, 'PySide6' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_environment(), capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.split() == ["PrismQ", __version__, "0", "False"]


def test_help_tells_verbs_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("demo", "worker", "--read-only", "--data-dir", "exit codes"):
        assert word in text
    assert main(["demo", "--help"]) == 0
    assert "--seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["one.db", "two.db"],
        [""],
        ["nul\0byte"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "nan"],
        ["demo", "--workers", "99"],
        ["worker"],
        ["worker", "--handlers", "nocolon"],
        ["worker", "--handlers", "no_such_module_anywhere:registry"],
        ["worker", "--handlers", "prismq_gui.demo.handlers:nothing"],
        ["worker", "--handlers", "prismq_gui.demo.handlers:TIMEOUT_S"],
        ["worker", "--handlers", "prismq_gui.demo.handlers:registry", "--capabilities", "[1]"],
        ["worker", "--handlers", "prismq_gui.demo.handlers:registry", "--capabilities", "{"],
        ["worker", "--handlers", "prismq_gui.demo.handlers:registry", "--lease", "-1"],
    ],
)
def test_wrong_use_is_refused_with_code_2_and_a_reason(
    arguments: list[str], opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "error:" in capsys.readouterr().err
    assert opened.asked == []


def test_verb_behind_an_option_is_explained(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--read-only", "demo"]) == 2
    assert "./demo" in capsys.readouterr().err
    assert opened.asked == []


def test_the_window_s_data_dir_before_a_verb_is_explained(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", "D", "edit", "5", "--set", "priority=1"]) == 2
    error = capsys.readouterr().err
    assert "put 'edit' first" in error
    assert "--settings" in error
    assert opened.asked == []


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], None),
        (["queue.db"], "queue.db"),
        (["--", "demo"], "demo"),
        (["./demo"], "./demo"),
        (["--", "-odd name.db"], "-odd name.db"),
        (["file:x.db?mode=rwc"], "file:x.db?mode=rwc"),
        (["Příliš žluťoučký.db"], "Příliš žluťoučký.db"),
    ],
)
def test_file_is_taken_as_it_is_named(arguments: list[str], path: str | None, opened: Opened) -> None:
    assert main(arguments) == 0
    assert opened.asked == [(None if path is None else Path(path), False, None)]


def test_options_of_the_window_reach_it(opened: Opened, tmp_path: Path) -> None:
    assert main(["queue.db", "--read-only", "--data-dir", str(tmp_path), "--task", "42"]) == 0
    assert opened.asked == [(Path("queue.db"), True, tmp_path)]
    assert opened.task_id == 42
    assert opened.beside


def test_collecting_garbage_is_left_as_it_was(opened: Opened) -> None:
    assert not gc.isenabled()  # in all tests: threads of Qt's must not destroy what lives in the main one
    assert main(["queue.db"]) == 0
    assert opened.asked
    assert not gc.isenabled()


def test_a_plain_start_may_hand_its_file_to_a_window_that_runs(opened: Opened) -> None:
    assert main(["queue.db"]) == 0
    assert not opened.beside
    assert main(["--new-window", "queue.db"]) == 0
    assert opened.beside


def test_missing_qt_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "prismq_gui.app", None)
    assert main(["queue.db"]) == 1
    assert "PySide6-Essentials" in capsys.readouterr().err


def test_windowed_program_without_console_streams_runs(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["--version"]) == 0
    assert main(["--no-such-option"]) == 2
    for stream in (sys.stdout, sys.stderr):
        stream.close()


def test_narrow_console_shows_escapes_instead_of_failing() -> None:
    done = run_program("worker", "--handlers", "modul_ř_☃:registry", PYTHONIOENCODING="cp1252:strict")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert r"\u2603" in done.stderr


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process, on a queue in a folder with a space, with handlers from its working folder."""
    folder = tmp_path / "my queue"
    folder.mkdir()
    (folder / "my_handlers.py").write_text(HANDLERS, encoding="utf-8")
    command = [sys.executable, "-m", "prismq_gui", "worker", "--db", "queue.db", "--handlers", "my_handlers:registry"]
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    process = subprocess.Popen(
        [*command, "--id", "w-1", "--until-stdin-closes"], cwd=folder, env=python_environment(), stdin=subprocess.PIPE,
        creationflags=flags,
    )  # fmt: skip
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.kill()
    process.wait()


def enqueue(folder: Path, type: str, payload: dict[str, int]) -> tuple[QueueDatabase, int]:
    database = QueueDatabase(folder / "my queue" / "queue.db")
    database.initialize_schema()
    return database, QueueClient(database).enqueue(type, payload).task_id


def status(database: QueueDatabase, task_id: int) -> str:
    task = QueueClient(database).get(task_id)
    assert task is not None
    return task.status


def test_worker_runs_tasks_and_stops_when_its_parent_closes_stdin(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    database, task_id = enqueue(tmp_path, "double", {"n": 21})
    with closing(database):
        wait_until(lambda: status(database, task_id) == "completed", "the task is completed")
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(timeout=20) == 0


def test_terminated_worker_gives_its_task_back(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    database, task_id = enqueue(tmp_path, "endless", {})
    with closing(database):
        wait_until(lambda: status(database, task_id) == "processing", "the task is being run")
        ask_to_stop(worker)
        assert worker.wait(timeout=20) == 0
        assert status(database, task_id) == "queued"


def told_to_stop_amid_a_task(worker: subprocess.Popen[bytes], folder: Path, tell: Callable[[], None]) -> list[str]:
    """Tell a worker to stop while it runs the first of two tasks, which then ends; return what became of both."""
    database, first = enqueue(folder, "hurrying", {})
    with closing(database):
        second = QueueClient(database).enqueue("double", {"n": 1}).task_id
        wait_until(lambda: status(database, first) == "processing", "the task is being run")
        tell()
        assert worker.wait(timeout=20) == 0
        return [status(database, task_id) for task_id in (first, second)]


def test_worker_told_to_stop_ends_what_it_runs_and_begins_nothing(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert told_to_stop_amid_a_task(worker, tmp_path, lambda: ask_to_stop(worker)) == ["completed", "queued"]


@pytest.mark.skipif(sys.platform != "win32", reason="Ctrl-Break is of Windows")
@pytest.mark.skipif(
    under_wine(),
    reason="Wine 8's server passes on Ctrl-C alone: GenerateConsoleCtrlEvent of a Ctrl-Break fails (invalid handle). "
    "The other tests enter the worker where Windows does after that.",
)
def test_worker_stops_by_ctrl_break_sent_to_its_group(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    def press() -> None:
        assert ctypes.WinDLL("kernel32").GenerateConsoleCtrlEvent(CTRL_BREAK, worker.pid)

    assert told_to_stop_amid_a_task(worker, tmp_path, press) == ["completed", "queued"]
