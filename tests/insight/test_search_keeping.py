"""The life of the index: what it knows, what makes it begin anew, where it lies, how it ends."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import search_files
from prismq_gui.insight.search import SearchKind
from prismq_gui.insight.search_build import IndexBuilder
from prismq_gui.insight.search_files import drop_mark, index_path
from prismq_gui.insight.search_index import IndexState, IndexStatus, IndexView, drop, parts_of, status
from prismq_gui.queue.write_lock import WriteLock
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.searching import build, chunks_of, found, hits_of

TASKS, LOGS = SearchKind.TASKS, SearchKind.LOGS


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """3,200 tasks, a needle in one that is old."""
    path = make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db", 3_200)
    run_sql(path, "UPDATE task_queue SET error_message = 'needle' WHERE id = 40")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache ü"


def known(path: Path, cache: Path, text: str) -> set[int]:
    """The tasks that the index itself leads to."""
    return {row_id for kind, row_id in found(path, text, cache, thorough=False) if kind is TASKS}


def test_the_index_leads_to_what_it_knows_and_says_what_it_left(queue: Path, cache: Path) -> None:
    assert build(queue, cache).state is IndexState.COMPLETE
    chunks = chunks_of(queue, "needle", cache, thorough=False)
    assert [hit.id for hit in hits_of(chunks)] == [40]
    assert 0 < chunks[-1].unchecked <= 3_200


def test_a_file_proven_unchanged_is_not_looked_through_again(queue: Path, cache: Path) -> None:
    with closing(sqlite3.connect(queue)) as other:  # keeps the log, by which it is known that nobody wrote
        other.execute("UPDATE task_queue SET priority = 7 WHERE id = 1")
        other.commit()
        build(queue, cache)
        assert found(queue, "needle", cache) == {(TASKS, 40)}
        quiet = len(chunks_of(queue, "needle", cache))
        assert chunks_of(queue, "needle", cache, thorough=False)[-1].unchecked == 0
        other.execute("UPDATE task_queue SET error_message = 'needle' WHERE id = 2000")
        other.commit()
        assert found(queue, "needle", cache) == {(TASKS, 40), (TASKS, 2000)}
        late = [hit.id for chunk in chunks_of(queue, "needle", cache) if chunk.is_late for hit in chunk.hits]
        assert late == [2000]
        assert len(chunks_of(queue, "needle", cache)) > quiet


def test_every_change_is_indexed_whether_or_not_updated_at_moved(queue: Path, cache: Path) -> None:
    build(queue, cache)
    run_sql(queue, "UPDATE task_queue SET error_message = 'changed' WHERE id = 1000")
    assert known(queue, cache, "changed") == set()
    build(queue, cache)
    assert known(queue, cache, "changed") == {1000}
    assert known(queue, cache, "needle") == {40}


def test_a_task_that_the_log_names_is_looked_at_at_once(queue: Path, cache: Path) -> None:
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'enqueued' FROM task_queue")
    build(queue, cache)
    run_sql(queue, "UPDATE task_queue SET error_message = 'changed' WHERE id = 1000")
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1000, 'ERROR', 'failed')")
    assert known(queue, cache, "changed") == {1000}


def test_rows_that_went_are_not_found(queue: Path, cache: Path) -> None:
    build(queue, cache)
    run_sql(queue, "DELETE FROM task_queue WHERE id = 40")
    assert found(queue, "needle", cache) == set()


def test_it_is_of_use_before_it_is_complete_and_goes_on_where_it_was(queue: Path, cache: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = 'needle' WHERE id = 3100")
    shares: list[float] = []
    builder = IndexBuilder(queue, cache, share=1.0, tail_rows=0)
    first = builder.run(
        should_stop=lambda: len(shares) >= 2, wait=lambda _seconds: shares.append(0.0), until_complete=True
    )
    assert 0 < first.tasks_share < 1
    assert found(queue, "needle", cache) == {(TASKS, 3100), (TASKS, 40)}
    assert known(queue, cache, "needle") == {3100, 40}  # what is not indexed yet is scanned
    side = index_path(queue, cache)
    before = side.stat().st_ino
    assert build(queue, cache).tasks_share > 0.99
    assert side.stat().st_ino == before


def test_nobody_else_can_read_it(queue: Path, cache: Path) -> None:
    build(queue, cache)
    side = index_path(queue, cache)
    assert side.is_relative_to(cache)
    if sys.platform != "win32":
        assert stat.S_IMODE(side.stat().st_mode) == 0o600
        assert stat.S_IMODE(side.parent.stat().st_mode) == 0o700


def test_the_queue_file_is_not_touched(queue: Path, cache: Path) -> None:
    with closing(sqlite3.connect(queue)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = queue.read_bytes()
    build(queue, cache)
    found(queue, "needle", cache)
    assert queue.read_bytes() == before
    names = {path.name.replace(queue.name, "") for path in queue.parent.iterdir()}
    assert names <= {"", "-wal", "-shm"}


@pytest.mark.parametrize("damage", ["garbage", "empty", "version", "cut"])
def test_a_side_file_of_no_use_is_built_anew(queue: Path, cache: Path, damage: str) -> None:
    build(queue, cache)
    side = index_path(queue, cache)
    if damage == "version":
        run_sql(side, "PRAGMA user_version = 99")
    else:
        whole = side.read_bytes()
        side.write_bytes({"garbage": os.urandom(8_192), "empty": b"", "cut": whole[: len(whole) // 2]}[damage])
    assert found(queue, "needle", cache) == {(TASKS, 40)}
    assert build(queue, cache).state is IndexState.COMPLETE
    assert known(queue, cache, "needle") == {40}


def test_a_locked_side_file_is_no_error(queue: Path, cache: Path) -> None:
    build(queue, cache)
    with closing(sqlite3.connect(index_path(queue, cache), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        other.execute("BEGIN EXCLUSIVE")
        assert found(queue, "needle", cache) == {(TASKS, 40)}
        assert build(queue, cache).state is IndexState.UNAVAILABLE
        other.execute("ROLLBACK")
    assert known(queue, cache, "needle") == {40}  # it was not thrown away


def test_B5_another_file_in_its_place_is_another_index(queue: Path, cache: Path, tmp_path: Path) -> None:
    build(queue, cache)
    other = make_foreign_queue(tmp_path / "other.db", 3_200)
    run_sql(other, "UPDATE task_queue SET error_message = 'needle' WHERE id = 41")
    other.replace(queue)
    assert found(queue, "needle", cache) == {(TASKS, 41)}
    assert build(queue, cache).state is IndexState.COMPLETE
    assert known(queue, cache, "needle") == {41}


def test_a_backup_restored_into_the_file_is_noticed(queue: Path, cache: Path, tmp_path: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET created_at_utc = '2026-01-01 00:00:00'")
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(queue)) as source:
        source.execute("VACUUM INTO ?", (str(backup),))
    run_sql(queue, "INSERT INTO task_queue (type, payload) SELECT 'new', '{}' FROM task_queue LIMIT 500")
    build(queue, cache)
    side = index_path(queue, cache)
    before = run_sql(side, "SELECT count(*) FROM blocks WHERE block > 200")
    with closing(sqlite3.connect(queue)) as target, closing(sqlite3.connect(backup)) as source:
        source.backup(target)  # the same inode
    run_sql(queue, "INSERT INTO task_queue (type, payload) SELECT 'other', '{}' FROM task_queue LIMIT 500")
    assert found(queue, "new", cache) == set()
    assert build(queue, cache).state is IndexState.COMPLETE
    assert before[0][0]
    assert known(queue, cache, "other") == set(range(3_201, 3_701))
    assert run_sql(side, "SELECT count(*) FROM words_tasks WHERE words_tasks MATCH '\"new\"'") == [(0,)]


def test_only_one_window_builds_and_both_use_it(queue: Path, cache: Path) -> None:
    build(queue, cache)
    lock = WriteLock(index_path(queue, cache))
    assert lock.acquire(0.0)
    try:
        assert build(queue, cache).state is IndexState.ELSEWHERE
        assert known(queue, cache, "needle") == {40}
    finally:
        lock.release()
        lock.close()


def test_its_size_is_bounded_and_the_newest_are_kept(tmp_path: Path, cache: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 30_000)
    run_sql(path, "DROP INDEX ix_task_format")
    # 2 kB of text a row that no other row has.
    run_sql(path, "UPDATE task_queue SET payload = json_quote(id || hex(randomblob(1000)))")
    run_sql(path, "UPDATE task_queue SET error_message = 'needle' WHERE id IN (5, 29000)")
    got = build(path, cache, limit_bytes=1)  # at least 4 MiB all the same
    assert got.state is IndexState.FULL
    assert "limit" in got.note
    assert 0 < got.tasks_share < 1
    assert got.size_bytes < 32 * 1024 * 1024
    assert status(path, cache).state is IndexState.FULL
    assert found(path, "needle", cache) == {(TASKS, 5), (TASKS, 29_000)}


def test_it_can_be_switched_off(queue: Path, cache: Path) -> None:
    assert status(queue, cache).state is IndexState.OFF
    build(queue, cache)
    assert status(queue, cache).state is IndexState.COMPLETE
    assert drop(queue, cache)
    assert status(queue, cache).state is IndexState.OFF
    assert list(index_path(queue, cache).parent.iterdir()) == []
    assert found(queue, "needle", cache) == {(TASKS, 40)}


def test_a_builder_at_work_sees_that_it_was_switched_off(queue: Path, cache: Path) -> None:
    seen: list[IndexStatus] = []

    def switch_off(now: IndexStatus) -> None:
        if not seen:
            drop_mark(now.path).touch()
        seen.append(now)

    builder = IndexBuilder(queue, cache, share=1.0, tail_rows=0)
    assert builder.run(on_status=switch_off, wait=lambda _seconds: None).state is IndexState.OFF
    assert not index_path(queue, cache).exists()
    assert not drop_mark(index_path(queue, cache)).exists()


def test_it_keeps_to_its_share_of_a_core(queue: Path, cache: Path) -> None:
    pauses: list[float] = []
    builder = IndexBuilder(queue, cache, share=0.1, tail_rows=0)
    began = time.thread_time()
    builder.run(wait=pauses.append, should_stop=lambda: len(pauses) > 5)
    worked = time.thread_time() - began
    assert sum(pauses) > 2 * worked  # nine times each slice; opening the files is no slice


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such device")
def test_G1_a_full_disk_stops_it_with_a_note(queue: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(queue.parent)
    monkeypatch.setattr("prismq_gui.insight.search_build.disk_usage", lambda _path: usage._replace(free=1_000))
    got = build(queue, cache)
    assert got.state is IndexState.NO_ROOM
    assert "disk" in got.note
    assert found(queue, "needle", cache) == {(TASKS, 40)}


def test_a_file_of_utf_16_is_not_indexed_and_still_searched(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16'")
        connection.execute("CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT)")
        connection.execute("INSERT INTO task_queue VALUES (1, 'väldigt', 'queued')")
        connection.commit()
    assert build(path, cache).state is IndexState.UNAVAILABLE
    assert found(path, "vÄld".lower(), cache) == {(TASKS, 1)}


def test_bytes_that_are_no_text_are_looked_at_themselves(queue: Path, cache: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = CAST(? AS TEXT) WHERE id = 60", (b"a\xffneedle\xc3",))
    run_sql(queue, "UPDATE task_queue SET error_message = 'x' || char(0) || 'needle' WHERE id = 61")
    run_sql(queue, "UPDATE task_queue SET error_message = ? WHERE id = 62", ("y" * 100_000 + "needle",))
    build(queue, cache)
    assert known(queue, cache, "needle") == {40, 60, 62}


def test_the_signature_moves_with_every_commit_and_with_nothing_else(queue: Path) -> None:
    with closing(sqlite3.connect(queue, isolation_level=None)) as connection:
        seen = set()
        for number in range(5):
            connection.execute("UPDATE task_queue SET priority = ? WHERE id = 1", (number,))
            assert search_files.signature(queue) == search_files.signature(queue) != ""
            seen.add(search_files.signature(queue))
            connection.execute("SELECT count(*) FROM task_queue").fetchall()
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute("UPDATE task_queue SET priority = 4 WHERE id = 1")
        seen.add(search_files.signature(queue))
        assert len(seen) == 6


def test_the_view_of_no_index_is_none(queue: Path, cache: Path) -> None:
    assert IndexView.open(queue, cache) is None
    assert parts_of("ab") == []
    assert parts_of("a\0bcd") == []
    assert len(parts_of("".join(map(chr, range(200, 400))))) <= 16
