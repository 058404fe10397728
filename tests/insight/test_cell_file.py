"""A cell saved to a file: byte for byte, whole or not at all, and never over the queue."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prismq_gui.insight import cell_file
from prismq_gui.insight.cell_file import Saved, save_cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.reader import QueueReader
from prismq_gui.queue import QueueDatabase
from tests.helpers.files import run_sql


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[QueueReader]:
    path = tmp_path / "Schlange ü.db"
    with QueueDatabase(path) as database:
        database.initialize_schema()
    run_sql(path, "INSERT INTO task_queue (id, type, payload) VALUES (1, 'job', '{\"a\": \"ü €\"}')")
    run_sql(path, "INSERT INTO task_queue (id, type, payload) VALUES (2, 'job', CAST(x'7b22ff0a0d007d' AS TEXT))")
    with_cell = "INSERT INTO task_queue (id, type, payload, error_message) VALUES (3, 'job', '{}', ?)"
    run_sql(path, with_cell, ("é" * 500_000,))
    made = QueueReader(path)
    made.open()
    yield made
    made.close()


def save(reader: QueueReader, task_id: int, column: str, target: Path) -> list[Saved]:
    return list(reader.ask(lambda connection, layout: save_cell(connection, layout, task_id, column, target)))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_H4_a_cell_is_saved_byte_for_byte(reader: QueueReader, tmp_path: Path) -> None:
    folder = tmp_path / "Zieł & x"
    folder.mkdir()
    assert save(reader, 1, "payload", folder / "a.json")[-1] == Saved(15, 15, folder / "a.json")
    assert (folder / "a.json").read_bytes() == '{"a": "ü €"}'.encode()
    save(reader, 2, "payload", folder / "b")
    assert (folder / "b").read_bytes() == b'{"\xff\n\r\x00}'
    assert names(folder) == {"a.json", "b"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python before 3.11 reads a cell in one piece")
def test_H4_a_long_cell_is_saved_piece_by_piece_and_replaces_what_was_there(
    reader: QueueReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_file, "PIECE_BYTES", 300_001)
    target = tmp_path / "out.txt"
    target.write_text("before", encoding="utf-8")
    steps = save(reader, 3, "error_message", target)
    assert [step.done_bytes for step in steps] == [300_001, 600_002, 900_003, 1_000_000]
    assert target.read_text(encoding="utf-8") == "é" * 500_000


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python before 3.11 reads a cell in one piece")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE task_queue SET error_message = 'other' WHERE id = 3",
        "UPDATE task_queue SET status = 'queued', attempts = 7 WHERE id = 3",
        "DELETE FROM task_queue WHERE id = 3",
    ],
)
def test_a_cell_that_changes_meanwhile_leaves_no_half_of_each(
    reader: QueueReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(cell_file, "PIECE_BYTES", 300_000)
    target = tmp_path / "out" / "out.txt"
    target.parent.mkdir()
    target.write_text("before", encoding="utf-8")
    steps = reader.ask(lambda connection, layout: save_cell(connection, layout, 3, "error_message", target))
    next(steps)
    run_sql(reader.connection.path, change)
    with pytest.raises(ProblemError, match="ask 3"):
        list(steps)
    assert target.read_text(encoding="utf-8") == "before"
    assert names(target.parent) == {"out.txt"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python before 3.11 reads a cell in one piece")
def test_what_is_left_in_the_middle_leaves_no_file(
    reader: QueueReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_file, "PIECE_BYTES", 300_000)
    folder = tmp_path / "out"
    folder.mkdir()
    steps = reader.ask(lambda connection, layout: save_cell(connection, layout, 3, "error_message", folder / "x"))
    next(steps)
    steps.close()
    assert names(folder) == set()
    (tmp_path / "no folder").write_text("a file", encoding="utf-8")
    with pytest.raises(ProblemError) as told:
        save(reader, 1, "payload", tmp_path / "no folder" / "x")
    assert "can't be written" in told.value.problem.what
    assert "not changed" in told.value.problem.sentence()


@pytest.mark.parametrize("side", ["", "-wal", "-shm", "-lock"])
def test_the_queues_own_files_are_never_written_over(reader: QueueReader, tmp_path: Path, side: str) -> None:
    before = reader.connection.path.read_bytes()
    for own in (
        Path(f"{reader.connection.path}{side}"),
        tmp_path / "." / "sub" / ".." / f"{reader.connection.path.name}{side}",
    ):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(ProblemError, match="belongs to the queue"):
            save(reader, 1, "payload", own)
    assert reader.connection.path.read_bytes() == before


def test_a_task_or_cell_that_is_not_there_is_told(reader: QueueReader, tmp_path: Path) -> None:
    for task_id, column, words in ((9, "payload", "no task 9"), (1, "error_message", "no error_message")):
        with pytest.raises(ProblemError, match=words):
            save(reader, task_id, column, tmp_path / "x")
    with pytest.raises(ProblemError, match="There is no status to save"):
        save(reader, 1, "status", tmp_path / "x")
    assert "x" not in names(tmp_path)
