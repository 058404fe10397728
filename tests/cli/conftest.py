"""A queue with some of everything, and the verbs run on it in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prismq_gui.cli import main
from tests.helpers.files import make_foreign_queue, run_sql


@dataclass(frozen=True)
class Done:
    """What a call left: exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def objects(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]

    @property
    def object(self) -> Any:
        (found,) = self.objects
        return found


Call = Callable[..., Done]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the program's own data (settings, journal) of this test alone, in processes that it starts too."""
    folder = tmp_path / "own data"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    if sys.platform == "darwin":
        monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """Three tasks that wait, two that failed, one dead, one running and one completed, of two types."""
    path = make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")
    for type, status, error in (
        ("mail", "queued", None), ("mail", "queued", None), ("video", "queued", None),
        ("mail", "failed", "TimeoutError: 100%_sure"), ("video", "failed", "disk"), ("video", "dead_letter", "disk"),
        ("video", "leased", None), ("mail", "completed", None),
    ):  # fmt: skip
        run_sql(
            path, "INSERT INTO task_queue (type, payload, status, error_message) VALUES (?, '{}', ?, ?)",
            (type, status, error),
        )  # fmt: skip
    return path


@pytest.fixture
def call(queue: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a verb on the queue."""

    def run(verb: str, *arguments: str, db: Path | None = None) -> Done:
        code = main([verb, *arguments, "--db", str(db or queue)])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


def statuses(path: Path) -> list[str]:
    return [str(row[0]) for row in run_sql(path, "SELECT status FROM task_queue ORDER BY id")]
