"""Who has a file open on Windows: the record is laid out as Windows has it, and nothing is made up elsewhere."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.windows_users import _Process, windows_users, words_of
from tests.helpers.files import make_foreign_queue
from tests.helpers.windows import under_wine


def test_the_record_has_the_size_and_the_words_that_windows_gives_it() -> None:
    assert ctypes.sizeof(_Process) == 668  # of RM_PROCESS_INFO, by its header
    found = _Process(pid=os.getpid())
    for at, letter in enumerate("Prüfer.exe"):
        found.name[at] = ord(letter)
    assert words_of([found, _Process(pid=7)]) == (
        f"process {os.getpid()} (Prüfer.exe, this program itself)",
        "process 7 (without a name)",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="this is Windows")
def test_nothing_is_told_on_other_systems(tmp_path: Path) -> None:
    assert windows_users(make_foreign_queue(tmp_path / "q.db")) == ()


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has such a library")
def test_who_has_the_file_open_is_told_and_the_file_is_left_alone(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "Wärter" / "q.db", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        told = windows_users(path)
        connection.execute("COMMIT")
    assert any("this program itself" in each for each in told) or under_wine()  # there the library tells of nobody
    path.unlink()  # no handle was left
