"""A vacuum while workers have the file mapped into memory: Windows does not cut it then, which must be told."""

from __future__ import annotations

import sys

from prismq_gui.operations.messages import OperationKind
from prismq_gui.operations.operator import Operator
from prismq_gui.queue import QueueDatabase, vacuum
from tests.queue.helping_upkeep import content, fill, sound

CUTS_MAPPED_FILES = sys.platform != "win32"


def make_holes(db: QueueDatabase) -> None:
    """Leave nine tenths of about 5 MB free, with a connection open that has the file mapped."""
    fill(db, 4_000)
    db.execute("DELETE FROM task_logs WHERE task_id % 10 <> 0")
    db.execute("DELETE FROM task_queue WHERE id % 10 <> 0")
    assert db.execute("PRAGMA mmap_size").fetchone()[0] > 0
    db.execute("SELECT sum(length(payload)) FROM task_queue").fetchall()


def test_what_a_vacuum_could_not_cut_is_told_and_given_back_by_the_next_one(db: QueueDatabase) -> None:
    make_holes(db)
    path, before = db.db_path, content(db.db_path)
    size = path.stat().st_size
    report = vacuum(path)
    assert (report.bytes_before, report.bytes_after) == (size, path.stat().st_size)
    assert report.checkpoint.sentence == "done"
    if CUTS_MAPPED_FILES:
        assert (report.bytes_uncut, report.bytes_freed > size / 2) == (0, True)
    else:
        assert (report.bytes_uncut > size / 2, report.bytes_freed) == (True, 0)
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 400  # through the mapping
    db.close()
    again = vacuum(path)
    assert again.bytes_uncut == 0
    assert path.stat().st_size < size / 2
    assert content(path) == before
    assert sound(path)


def test_an_operator_is_told_what_could_not_be_cut(db: QueueDatabase) -> None:
    make_holes(db)
    operator = Operator(db.db_path)
    told = [operator.apply(operator.plan(OperationKind.VACUUM, None)).sentence]
    db.close()
    told.append(operator.apply(operator.plan(OperationKind.VACUUM, None)).sentence)
    hint = "more could not be cut off, since workers or other programs have the file open"
    assert [hint in sentence for sentence in told] == [not CUTS_MAPPED_FILES, False]
    if not CUTS_MAPPED_FILES:
        assert "; 0 bytes were freed; " in told[0]
