"""The desk that compares two files for the window: what it tells, that it stops, and that it lets the files go."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import before_opening
from prismq_gui.insight.compare_records import Comparison, DifferenceKind
from prismq_gui.insight.problems import ProblemKind
from prismq_gui.polling import comparing
from prismq_gui.polling.comparing import CompareNews
from prismq_gui.polling.engine import Engine
from tests.helpers.files import make_foreign_queue, run_sql

CHANGED = DifferenceKind.CHANGED


class Hearing:
    """Keeps what a desk tells."""

    def __init__(self, engine: Engine, qtbot) -> None:
        self.desk, self.qtbot = engine.comparing, qtbot
        self.news: list[CompareNews] = []
        self.rows: list = []
        self.whole: list = []
        self.places: list = []
        self.desk.news.connect(self.news.append)
        self.desk.rows.connect(self.rows.append)
        self.desk.whole.connect(self.whole.append)
        self.desk.places.connect(self.places.append)

    def until(self, fulfilled) -> None:
        self.qtbot.waitUntil(lambda: bool(fulfilled()), timeout=10_000)

    def end(self) -> CompareNews:
        """Wait for the end of the comparison."""
        self.until(lambda: self.news and self.news[-1].progress is None)
        return self.news[-1]

    def result(self) -> Comparison:
        found = self.end().result
        assert found is not None, self.news[-1]
        return found


@pytest.fixture
def hearing(engine: Engine, qtbot) -> Hearing:
    return Hearing(engine, qtbot)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    before, after = make_foreign_queue(tmp_path / "old ü.db", 3_000), tmp_path / "new.db"
    with closing(sqlite3.connect(before)) as source, closing(sqlite3.connect(after)) as target:
        source.backup(target)
    run_sql(after, "UPDATE task_queue SET status = 'failed' WHERE id % 2 = 0")
    run_sql(after, "UPDATE task_queue SET priority = 1 WHERE id % 1000 = 0")
    return before, after


def is_held(path: Path) -> bool:
    """Whether this process has a file open."""
    if sys.platform == "win32":
        try:
            path.rename(path.with_suffix(".moved"))
        except PermissionError:
            return True
        path.with_suffix(".moved").rename(path)
        return False
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("this system does not tell what is open")
    return str(path) in {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}  # noqa: PTH208


def test_it_tells_the_counts_then_rows_of_both_files_and_which_differ_in_a_field(hearing: Hearing, two) -> None:
    hearing.desk.compare(*two)
    found = hearing.result()
    assert (found.changed.count, found.same) == (1_500, 1_500)
    hearing.desk.request_places(found, found.fields.index("priority"))
    hearing.until(lambda: hearing.places)
    places = hearing.places[0].places
    assert [found.changed.ids[place] for place in places] == [1_000, 2_000, 3_000]
    pair = found.pair_at(CHANGED, places[0])
    hearing.desk.request_rows((pair,))
    hearing.until(lambda: hearing.rows)
    assert [found.fields[at] for at in hearing.rows[0].rows[0].differing] == ["status", "priority"]
    hearing.desk.request_whole(pair)
    hearing.until(lambda: hearing.whole)
    told = {each.column: (each.before.text, each.after.text) for each in hearing.whole[0].differences}
    assert told == {"priority": ("100", "1"), "status": ("queued", "failed")}


def test_both_files_are_let_go_when_nobody_looks_any_more(
    engine: Engine, qtbot, two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "IDLE_S", 3_600)
    hearing = Hearing(engine, qtbot)
    hearing.desk.compare(*two)
    hearing.result()
    assert is_held(two[0])
    assert is_held(two[1])
    hearing.desk.leave()
    hearing.until(lambda: not any(map(is_held, two)))


def test_both_files_are_let_go_after_a_while_and_read_again_when_wanted(
    engine: Engine, qtbot, two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "IDLE_S", 0.01)
    hearing = Hearing(engine, qtbot)
    hearing.desk.compare(*two)
    pair = hearing.result().pair_at(CHANGED, 0)
    hearing.until(lambda: not any(map(is_held, two)))
    hearing.desk.request_rows((pair,))
    hearing.until(lambda: hearing.rows and hearing.rows[0].rows)


def test_the_newest_wish_is_the_one_that_is_told(hearing: Hearing, two, tmp_path: Path) -> None:
    other = make_foreign_queue(tmp_path / "other.db", 5)
    hearing.desk.compare(*two)
    number = hearing.desk.compare(two[0], other)
    assert hearing.result().after == other
    assert {each.request.number for each in hearing.news} == {number}


def test_stop_tells_what_was_compared_so_far(hearing: Hearing, two) -> None:
    hearing.desk.compare(*two)
    hearing.desk.stop()
    assert hearing.result().stopped


def test_another_programs_file_is_told_and_another_try_works(hearing: Hearing, two, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    run_sql(path, "CREATE TABLE notes (x)")
    hearing.desk.compare(path, two[1])
    problem = hearing.end().problem
    assert problem is not None
    assert problem.kind is ProblemKind.NOT_A_QUEUE
    assert "notes.db" in problem.sentence()
    hearing.news.clear()
    hearing.desk.compare(shutil.copy(two[1], tmp_path / "copied.db"), two[1])
    assert hearing.result().is_same


def test_A8_a_file_on_a_network_drive_is_not_opened_before_it_is_confirmed(
    hearing: Hearing, two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems list their mounts elsewhere")
    share = tmp_path / "share"
    share.mkdir()
    path = Path(shutil.copy(two[0], share / "q.db"))
    mounts = tmp_path / "mounts"
    mounts.write_text(f"srv:/x {share.resolve()} nfs4 rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(before_opening, "_MOUNTS", mounts)
    hearing.desk.compare(path, two[1])
    assert hearing.end().cautioned == path
    assert [each.name for each in share.iterdir()] == ["q.db"]
    hearing.news.clear()
    hearing.desk.compare(path, two[1], confirmed=True)
    assert hearing.result().changed.count == 1_500
