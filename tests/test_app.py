"""The composed program: starts, shows, logs, ends, each time with nothing left behind."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from prismq_gui.app import capture, leave_out_foreign_plugins, run_window, window_arguments
from prismq_gui.crash_log import FILE_NAME, crashes_told, logging_to
from prismq_gui.garbage import collected_here
from prismq_gui.settings import SettingsStore
from prismq_gui.views.main_window import MainWindow
from tests.helpers.files import make_foreign_queue
from tests.helpers.processes import python_environment


def close_when_shown(window: MainWindow) -> None:
    window.first_rows_shown.connect(window.close)
    QTimer.singleShot(20_000, window, lambda: QApplication.exit(7))


def test_the_window_opens_a_file_and_ends(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def watch(window: MainWindow) -> None:
        window.first_rows_shown.connect(lambda: seen.append((window.windowTitle(), window.tasks_page.model.count)))
        close_when_shown(window)

    assert run_window(sample_db, data_dir=tmp_path / "data", on_shown=watch) == 0
    assert seen
    assert seen[0][0] == "queue.db – PrismQ"
    assert seen[0][1] > 0
    assert (tmp_path / "data" / "settings.json").exists()


def test_the_last_file_is_opened_when_none_is_named(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    assert run_window(sample_db, data_dir=tmp_path / "data", on_shown=close_when_shown) == 0
    paths: list[object] = []

    def watch(window: MainWindow) -> None:
        paths.append(window.session.path)
        close_when_shown(window)

    assert run_window(None, data_dir=tmp_path / "data", on_shown=watch) == 0
    assert paths == [sample_db]


def test_a_relative_path_is_the_same_file_later(
    qapp: QApplication, sample_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample_db.parent)
    paths: list[object] = []

    def watch(window: MainWindow) -> None:
        paths.append(window.session.path)
        close_when_shown(window)

    assert run_window(Path(sample_db.name), data_dir=tmp_path / "data", on_shown=watch) == 0
    assert paths == [sample_db]


def close_when_told(window: MainWindow, told: list[str], words: str = "") -> None:
    """Keep what the banner says once these words are in it, then close the window."""

    def look() -> None:
        said = " ".join(window.banner.texts())
        if not window.banner.isHidden() and words in said:
            told.append(said)
            window.close()

    timer = QTimer(window)
    timer.timeout.connect(look)
    timer.start(20)
    QTimer.singleShot(20_000, window, lambda: QApplication.exit(7))


def test_A7_a_uri_is_the_name_of_a_file_and_makes_none(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    told: list[str] = []
    code = run_window(
        Path("file:x.db?mode=rwc"), data_dir=tmp_path / "data", on_shown=lambda window: close_when_told(window, told)
    )
    assert code == 0
    assert "not found" in told[0]
    assert list(work.iterdir()) == []


@pytest.mark.qt_no_exception_capture
def test_K1_an_error_in_a_slot_is_told_and_the_program_goes_on(
    qapp: QApplication, sample_db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def fail() -> None:
        raise RuntimeError("secret of a payload")

    def watch(window: MainWindow) -> None:
        window.first_rows_shown.connect(fail)
        close_when_told(window, told, "went wrong")  # beside what is told of the file

    assert run_window(sample_db, data_dir=tmp_path / "data", on_shown=watch) == 0
    assert "went wrong" in told[0]
    assert "RuntimeError" in told[0]
    assert "secret" not in told[0]
    log = (tmp_path / "data" / "logs" / FILE_NAME).read_text(encoding="utf-8")
    assert "RuntimeError" in log
    assert "secret" not in log
    assert "secret of a payload" in capsys.readouterr().err  # a console, where there is one, tells all


def test_K4_no_folder_for_settings_is_no_reason_not_to_start(
    qapp: QApplication, sample_db: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way", encoding="utf-8")
    assert run_window(sample_db, data_dir=blocked / "data", on_shown=close_when_shown) == 0


def test_a_picture_of_the_window_is_written(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    picture = tmp_path / "deep" / "window.png"

    def watch(window: MainWindow) -> None:
        window.first_rows_shown.connect(lambda: capture(window, picture))
        close_when_shown(window)

    assert run_window(sample_db, data_dir=tmp_path / "data", on_shown=watch) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_window_is_started_on_one_task(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    seen: list[object] = []

    def watch(window: MainWindow) -> None:
        def look(id: object) -> None:
            seen.append(id)
            window.close()

        window.tasks_page.table.current_id_changed.connect(look)
        QTimer.singleShot(20_000, window, lambda: QApplication.exit(7))

    assert run_window(sample_db, data_dir=tmp_path / "data", task_id=17, on_shown=watch) == 0
    assert seen[0] == 17


def test_two_files_are_shown_side_by_side_in_two_windows(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    other = make_foreign_queue(tmp_path / "mein Ordner ü" / "older - Copy.db", 5)
    data = tmp_path / "data"
    titles: list[str] = []
    beside: list[subprocess.Popen[bytes]] = []

    def is_there() -> bool:
        kept = SettingsStore(data).load().settings.recent_files
        return str(other) in kept and str(sample_db) in kept

    def watch(window: MainWindow) -> None:
        def start() -> None:
            command = [sys.executable, *window_arguments(other, data, 3)]
            beside.append(subprocess.Popen(command, env=python_environment(), stderr=subprocess.DEVNULL))
            timer.start(50)

        def look() -> None:
            if is_there():
                timer.stop()
                titles.append(window.windowTitle())
                window.close()

        timer = QTimer(window)
        timer.timeout.connect(look)
        window.first_rows_shown.connect(start)
        QTimer.singleShot(60_000, window, lambda: QApplication.exit(7))

    try:
        assert run_window(sample_db, data_dir=data, on_shown=watch) == 0
        assert titles == ["queue.db – PrismQ"]
        assert beside[0].poll() is None  # the other window is not taken down with this one
    finally:
        for process in beside:
            process.kill()
            process.wait()


def test_J10_J15_the_log_holds_frames_and_no_message_of_an_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *_error: None)
    with logging_to(tmp_path) as path, crashes_told(told.append):
        try:
            raise ValueError("Could not decode to UTF-8 column 'payload' with text 'secret'")
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)
        logging.getLogger("prismq_gui.test").warning("x" * 5_000)
    assert told == ["ValueError"]
    assert path is not None
    text = path.read_text(encoding="utf-8")
    assert "secret" not in text
    assert "ValueError" in text
    assert "test_app.py" in text
    assert max(len(line) for line in text.splitlines()) < 300


def test_J10_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        logger = logging.getLogger("prismq_gui.test")
        for _ in range(30_000):
            logger.warning("y" * 190)
    files = sorted(tmp_path.glob(f"{FILE_NAME}*"))
    assert 1 < len(files) <= 5
    assert all(file.stat().st_size <= 1_000_000 for file in files)


def test_hooks_are_put_back(qapp: QApplication, sample_db: Path, tmp_path: Path) -> None:
    before = sys.excepthook, threading.excepthook, gc.isenabled()
    run_window(sample_db, data_dir=tmp_path / "data", on_shown=close_when_shown)
    assert (sys.excepthook, threading.excepthook, gc.isenabled()) == before


def test_garbage_is_collected_by_the_windows_thread_alone(qapp: QApplication, qtbot) -> None:
    collected_in: list[int] = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            collected_in.append(threading.get_ident())

    def litter() -> None:
        for _ in range(5_000):
            Cycle()

    with collected_here():
        thread = threading.Thread(target=litter)
        thread.start()
        thread.join()
        assert collected_in == []
        qtbot.waitUntil(lambda: len(collected_in) > 1_000, timeout=10_000)
    assert set(collected_in) == {threading.get_ident()}


SCRIPT = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from prismq_gui.app import run_window

def watch(window):
    QTimer.singleShot(int(sys.argv[3]), window, window.close)

sys.exit(run_window(Path(sys.argv[1]), data_dir=Path(sys.argv[2]), on_shown=watch))
"""


@pytest.mark.parametrize("after_ms", [0, 30, 150, 600])
def test_B16_a_process_that_closes_at_any_moment_ends_cleanly(tmp_path: Path, after_ms: int) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 50_000)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", SCRIPT, path, tmp_path / "data", str(after_ms)],
        cwd=Path(__file__).parents[1], env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, capture_output=True,
        encoding="utf-8", errors="replace", check=False, timeout=60,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "propagateSizeHints" not in line]
    assert done.returncode == 0, done.stderr
    assert complaints == []


def test_J14_the_frozen_program_looks_for_plugins_nowhere_else() -> None:
    said = {"QT_PLUGIN_PATH": "beside the queue", "QT_QPA_PLATFORM_PLUGIN_PATH": "there too", "PATH": "as it is"}
    leave_out_foreign_plugins(said, frozen=True)
    assert said == {"PATH": "as it is"}
    from_source = {"QT_PLUGIN_PATH": "of the system"}
    leave_out_foreign_plugins(from_source, frozen=False)
    assert from_source == {"QT_PLUGIN_PATH": "of the system"}
