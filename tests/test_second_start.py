"""A second start hands its file over; what else comes in at the door is refused; a killed window leaves no trace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QProcess, QProcessEnvironment, QTimer
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from prismq_gui.app import first_window_lock, run_window
from prismq_gui.second_start import LONGEST_MESSAGE_BYTES, FrontDoor, hand_over, understood
from prismq_gui.views.main_window import MainWindow
from tests.helpers.processes import python_environment

ANSWER_MS = 30_000


@pytest.fixture
def door(qapp: QApplication, tmp_path: Path) -> Iterator[FrontDoor]:
    door = FrontDoor(tmp_path, patience_ms=100)
    assert door.listen()
    yield door
    door.close()
    door.deleteLater()


def second_start(window: MainWindow, *arguments: str) -> QProcess:
    process = QProcess(window)
    environment = QProcessEnvironment()
    for name, value in python_environment().items():
        environment.insert(name, value)
    process.setProcessEnvironment(environment)
    process.start(sys.executable, ["-m", "prismq_gui", *arguments])
    return process


def test_a_second_start_hands_its_file_to_the_window_that_has_none(
    qapp: QApplication, sample_db: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data ä"
    seen: list[object] = []

    def watch(window: MainWindow) -> None:
        def ask() -> None:
            process = second_start(window, "--data-dir", str(data), str(sample_db))
            process.finished.connect(lambda code, _status: seen.append(code))
            window.first_rows_shown.connect(lambda: seen.append(window.session.path))

        def look() -> None:
            if len(seen) == 2:
                timer.stop()
                window.close()

        QTimer.singleShot(0, window, ask)
        timer = QTimer(window, interval=20)
        timer.timeout.connect(look)
        timer.start()
        QTimer.singleShot(ANSWER_MS, window, lambda: QApplication.exit(7))

    assert run_window(None, data_dir=data, on_shown=watch) == 0
    assert sorted(seen, key=str) == sorted([0, sample_db], key=str)


def said(name: str, message: bytes, qtbot: QtBot) -> bytes:
    """Say something at the door as a stranger would, and return all of the answer."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    assert socket.waitForConnected(ANSWER_MS)
    socket.write(message)
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState, timeout=ANSWER_MS)
    answer = bytes(socket.readAll().data())
    socket.deleteLater()
    return answer


JUNK = {
    "no JSON": b"GET / HTTP/1.1\r\n",
    "another key": b'{"open": null, "run": "calc.exe"}\n',
    "another kind": b'["open"]\n',
    "a number": b'{"open": 5}\n',
    "a relative path": b'{"open": "queue.db"}\n',
    "a NUL": b'{"open": "/tmp/a\\u0000b"}\n',
    "no UTF-8": b'{"open": "\xff"}\n',
    "too deep": b"[" * 60_000 + b"\n",
    "too long": b"x" * (LONGEST_MESSAGE_BYTES + 10),
    "half of a message": b'{"open": ',
    "nothing": b"",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_J11_what_is_no_request_is_refused_and_the_door_stays_open(
    door: FrontDoor, tmp_path: Path, junk: bytes, qtbot: QtBot
) -> None:
    heard: list[object] = []
    door.asked.connect(heard.append)
    name = (tmp_path / "window.name").read_text("ascii")
    assert said(name, junk, qtbot) in (b"no\n", b"")
    assert heard == []
    wanted = tmp_path / "a b ä.db"
    assert said(name, json.dumps({"open": str(wanted)}).encode() + b"\n", qtbot) == b"ok\n"
    assert heard == [wanted]


def test_J11_a_request_is_understood_in_its_one_form_alone(tmp_path: Path) -> None:
    assert understood(b'{"open": null}') is None
    with pytest.raises(ValueError, match="too long"):
        understood(b'{"open": "/' + b"a" * LONGEST_MESSAGE_BYTES + b'"}')


_KILLED = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from prismq_gui.app import first_window_lock
from prismq_gui.second_start import FrontDoor
app = QCoreApplication([])
lock = first_window_lock(Path(sys.argv[1]))
door = FrontDoor(Path(sys.argv[1]))
assert lock is not None and door.listen()
print("listening", flush=True)
app.exec()
"""


def test_J12_after_a_killed_window_the_next_start_is_the_first(tmp_path: Path, qtbot: QtBot) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=python_environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"listening"
        assert first_window_lock(tmp_path) is None
        assert hand_over(tmp_path, None)
        process.kill()
    lock = first_window_lock(tmp_path)
    assert lock is not None
    door = FrontDoor(tmp_path)
    assert door.listen()
    name = (tmp_path / "window.name").read_text("ascii")
    assert said(name, b'{"open": null}\n', qtbot) == b"ok\n"
    door.close()
    door.deleteLater()
    lock.unlock()
