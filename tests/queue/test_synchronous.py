"""How safe a commit is against a power cut: the file says nothing of it, each connection does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from prismq_gui.cli import main
from prismq_gui.queue import HandlerRegistry, QueueClient, QueueDatabase, QueueWorker
from prismq_gui.queue import database as database_module
from tests.helpers.files import run_sql

NORMAL, FULL = 1, 2


def setting(db: QueueDatabase) -> int:
    return int(db.execute("PRAGMA synchronous").fetchone()[0])


@pytest.mark.parametrize(("asked", "got"), [(None, NORMAL), ("NORMAL", NORMAL), ("FULL", FULL)])
def test_G8_full_can_be_chosen_and_holds_for_each_connection(tmp_path: Path, asked: str | None, got: int) -> None:
    with QueueDatabase(tmp_path / "q.db", synchronous=asked) as db:
        db.initialize_schema()
        assert setting(db) == got
        db.close()
        assert setting(db) == got  # anew
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


@pytest.mark.parametrize("wrong", ["OFF", "full", 2, ""])
def test_G8_what_would_be_less_safe_or_is_unknown_is_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ValueError, match="synchronous must be 'NORMAL' or 'FULL'"):
        QueueDatabase(tmp_path / "q.db", synchronous=wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[QueueDatabase]:
    """The databases that the test's own calls make, in order."""
    made: list[QueueDatabase] = []
    make = database_module.QueueDatabase.__init__

    def note(self: QueueDatabase, *arguments: object, **options: object) -> None:
        make(self, *arguments, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(database_module.QueueDatabase, "__init__", note)
    return made


def test_G8_a_worker_records_by_the_setting_it_was_given(db: QueueDatabase, made: list[QueueDatabase]) -> None:
    QueueClient(db).enqueue("job")
    registry, seen = HandlerRegistry(), []
    registry.add("job", lambda _context: seen.append(setting(made[0])))
    worker = QueueWorker(db.db_path, registry, synchronous="FULL")
    assert worker.run(threading.Event(), until_empty=True) == 1
    assert seen == [FULL]


@pytest.mark.parametrize(("options", "got"), [((), None), (("--durable",), "FULL")])
def test_G8_the_command_line_enqueues_durably_where_asked(
    db: QueueDatabase, made: list[QueueDatabase], options: tuple[str, ...], got: str | None
) -> None:
    assert main(["enqueue", "job", "--db", str(db.db_path), *options]) == 0
    assert [each.synchronous for each in made] == [got]
    assert run_sql(db.db_path, "SELECT type FROM task_queue") == [("job",)]
