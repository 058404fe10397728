"""A second start hands its file to the window that runs already, for the same person and the same folder.

Owns the local socket at which the first window listens. What comes in there is untrusted: one short JSON object with
one key, within two seconds; the path in it is opened like any other. The socket's name is random and stands in the
person's own folder, so that nobody else can lie in wait at it.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from time import monotonic, sleep

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

LONGEST_MESSAGE_BYTES = 64 * 1024
PATIENCE_MS = 2_000
_MOST_CALLERS = 8
_NAME = "window.name"
_OK, _NO = b"ok\n", b"no\n"
_NAP_MS = 50
_START_S = 3.0  # a window that has just been started listens a second later


class FrontDoor(QObject):
    """The first window's ear: tells which file later starts want to see. GUI thread.

    ``asked`` carries an absolute Path, or None where the window alone is wanted.
    """

    asked = Signal(object)

    def __init__(self, folder: Path, parent: QObject | None = None, *, patience_ms: int = PATIENCE_MS) -> None:
        super().__init__(parent)
        self._folder = folder
        self.patience_ms = patience_ms
        self._server: QLocalServer | None = None

    def listen(self) -> bool:
        """Begin to listen; return False where that can't be: later starts then show windows of their own."""
        old = _name_in(self._folder)
        if old:
            QLocalServer.removeServer(old)  # of a window that was killed
        name = f"prismq-{uuid.uuid4().hex}"
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.setMaxPendingConnections(_MOST_CALLERS)
        server.newConnection.connect(self._on_server_new_connection)
        if not server.listen(name) or not _write_name(self._folder, name):
            server.close()
            server.deleteLater()
            return False
        self._server = server
        return True

    def close(self) -> None:
        """Listen no more. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _on_server_new_connection(self) -> None:
        while self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            _Caller(self, socket)


class _Caller(QObject):
    """One caller at the door: lives until it is answered, hangs up, says too much or takes too long."""

    def __init__(self, door: FrontDoor, socket: QLocalSocket) -> None:
        super().__init__(door)
        self._door = door
        self._socket = socket
        self._heard = b""
        socket.setReadBufferSize(LONGEST_MESSAGE_BYTES)
        socket.readyRead.connect(self._on_socket_ready_read)
        socket.disconnected.connect(self._end)
        self._timer = QTimer(self, singleShot=True, interval=door.patience_ms)
        self._timer.timeout.connect(socket.abort)
        self._timer.start()
        self._on_socket_ready_read()

    def _on_socket_ready_read(self) -> None:
        self._heard += bytes(self._socket.readAll().data())
        if b"\n" not in self._heard:
            if len(self._heard) > LONGEST_MESSAGE_BYTES:
                self._socket.abort()
            return
        line, self._heard = self._heard.split(b"\n", 1)[0], b""
        self._socket.readyRead.disconnect(self._on_socket_ready_read)
        try:
            path = understood(line)
        except ValueError:
            self._answer(_NO)
            return
        self._answer(_OK)
        self._door.asked.emit(path)

    def _answer(self, answer: bytes) -> None:
        self._socket.write(answer)
        self._socket.disconnectFromServer()

    def _end(self) -> None:
        self._timer.stop()
        self._socket.deleteLater()
        self.deleteLater()


def understood(message: bytes) -> Path | None:
    """Return the path that a caller asks for, None for the window alone.

    Raises:
        ValueError: It is anything else than ``{"open": absolute path or null}``.
    """
    if len(message) > LONGEST_MESSAGE_BYTES:
        raise ValueError("the message is too long")
    try:
        asked = json.loads(message.decode("utf-8"))
    except RecursionError:
        raise ValueError("the message is nested too deep") from None
    if not isinstance(asked, dict) or set(asked) != {"open"}:
        raise ValueError("the message is not of the one form that is known")
    name = asked["open"]
    if name is None:
        return None
    if not isinstance(name, str) or "\0" in name or not Path(name).is_absolute():
        raise ValueError("an absolute path is expected")
    return Path(name)


def hand_over(folder: Path, path: Path | None) -> bool:
    """Ask the window that runs already to show a file, or itself; return whether it will. Takes some seconds at most.

    ``path`` may be relative: it is made absolute here, where it was meant.
    """
    message = json.dumps({"open": None if path is None else str(path.absolute())}).encode("utf-8") + b"\n"
    if len(message) > LONGEST_MESSAGE_BYTES:
        return False
    deadline = monotonic() + _START_S
    while True:
        name = _name_in(folder)
        if name and _say(name, message):
            return True
        # The first window may not listen yet; or it is just ending, and its place is free soon.
        if monotonic() >= deadline:
            return False
        sleep(_NAP_MS / 1_000)  # no event loop runs yet: there is no window that could freeze


def _say(name: str, message: bytes) -> bool:
    socket = QLocalSocket()
    try:
        socket.connectToServer(name)
        if not socket.waitForConnected(_NAP_MS):
            return False
        _let_it_come_to_the_front()
        socket.write(message)
        while socket.bytesToWrite():
            if not socket.waitForBytesWritten(PATIENCE_MS):
                return False
        return (socket.bytesAvailable() > 0 or socket.waitForReadyRead(PATIENCE_MS)) and bytes(
            socket.readAll().data()
        ) == _OK
    finally:
        socket.abort()


def _let_it_come_to_the_front() -> None:
    """Windows lets a program bring its window to the front only if the one in front allows it: the one just started."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - of no use elsewhere

        ctypes.windll.user32.AllowSetForegroundWindow(-1)


def _name_in(folder: Path) -> str:
    """Return the name of the socket, '' where none is told."""
    try:
        with (folder / _NAME).open("rb") as file:
            name = file.read(100).decode("ascii")
    except (OSError, ValueError):
        return ""
    prefix, _dash, rest = name.partition("-")
    return name if prefix == "prismq" and rest.isalnum() else ""


def _write_name(folder: Path, name: str) -> bool:
    part = folder / f"{_NAME}.{os.getpid()}.part"
    try:
        part.write_text(name, encoding="ascii")
        part.chmod(0o600)
        part.replace(folder / _NAME)
    except OSError:
        return False
    return True
