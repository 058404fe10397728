"""Comparing two queue files: by id and by key, live, stopped, of other schemas, with values too long for memory."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager

import pytest

from prismq_gui.insight.compare import FileComparison
from prismq_gui.insight.compare_records import DifferenceKind, Pair
from prismq_gui.insight.problems import ProblemError, ProblemKind
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside


@contextmanager
def comparing(before, after):
    with closing(FileComparison(before, after)) as files:
        files.open()
        yield files


def compared(before, after):
    with comparing(before, after) as files:
        return files.run()


@pytest.fixture
def two(tmp_path):
    before, after = make_foreign_queue(tmp_path / "old ü.db", 3_000), tmp_path / "new.db"
    run_sql(before, "UPDATE task_queue SET created_at_utc = '2026-01-01 00:00:00', idempotency_key = 'k' || id")
    with closing(sqlite3.connect(before)) as source, closing(sqlite3.connect(after)) as target:
        source.backup(target)
    return before, after


def test_equal_files_differ_in_nothing(two):
    found = compared(*two)
    assert found.is_same
    assert (found.same, found.keys_appeared, found.keys_vanished, found.moved_before.count) == (3_000, 0, 0, 0)


def test_appeared_vanished_changed_and_reused_are_told_apart(two):
    before, after = two
    run_sql(after, "DELETE FROM task_queue WHERE id IN (5, 2999)")
    run_sql(after, "INSERT INTO task_queue (type, payload) VALUES ('job', '{}')")
    run_sql(after, "UPDATE task_queue SET status = 'failed', error_message = 'E' WHERE id IN (7, 1500)")
    run_sql(after, "UPDATE task_queue SET created_at_utc = '2026-06-01 00:00:00' WHERE id = 9")
    run_sql(after, "UPDATE task_queue SET idempotency_key = 'other' WHERE id = 10")
    found = compared(before, after)
    assert list(found.vanished.ids) == [5, 2999]
    assert list(found.appeared.ids) == [3001]
    assert list(found.changed.ids) == [7, 1500]
    assert list(found.reused.ids) == [9, 10]
    assert {each.column: each.count for each in found.columns}["error_message"] == 2
    assert found.same == 3_000 - 6
    assert (found.keys_appeared, found.keys_vanished) == (1, 3)


def test_a_key_under_another_id_is_told_with_both(two):
    before, after = two
    run_sql(after, "DELETE FROM task_queue WHERE id = 4")
    run_sql(after, "INSERT INTO task_queue (type, payload, idempotency_key) VALUES ('job', '{}', 'k4')")
    found = compared(before, after)
    assert (list(found.moved_before.ids), list(found.moved_after.ids)) == ([4], [3001])
    assert (found.keys_appeared, found.keys_vanished) == (0, 0)


def test_types_of_cells_and_forms_of_times_are_differences(two):
    before, after = two
    run_sql(after, "UPDATE task_queue SET payload = CAST(payload AS BLOB) WHERE id = 1")
    run_sql(after, "UPDATE task_queue SET created_at_utc = '2026-01-01T00:00:00Z' WHERE id = 2")
    with comparing(before, after) as files:
        found = files.run()
        assert list(found.changed.ids) == [1, 2]
        assert {each.column for each in found.columns} == {"payload", "created_at_utc"}
        (form,) = files.pair(2)
        assert (form.column, form.form_only) == ("created_at_utc", True)
        (kind,) = files.pair(1)
        assert (kind.before.kind, kind.after.kind) == ("text", "blob")


def test_H4_long_values_are_compared_to_their_last_byte(two):
    before, after = two
    for path in two:
        run_sql(path, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(1500000)) || 'a') WHERE id IN (1, 2)")
    assert compared(before, after).is_same
    run_sql(after, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(1500000)) || 'b') WHERE id = 2")
    with comparing(before, after) as files:
        found = files.run()
        assert (list(found.changed.ids), [each.column for each in found.columns]) == ([2], ["payload"])
        assert [each.column for each in files.pair(2)] == ["payload"]
        assert files.pair(1) == ()


def test_A20_columns_of_one_file_alone_are_named_and_left_out(two):
    before, after = two
    run_sql(before, "ALTER TABLE task_queue DROP COLUMN finished_at_utc")
    run_sql(after, "ALTER TABLE task_queue ADD COLUMN colour TEXT DEFAULT 'red'")
    found = compared(before, after)
    assert found.is_same
    assert found.not_compared == ("colour (only in new.db)", "finished_at_utc (only in new.db)")
    assert any("left out" in note for note in found.notes)


def test_keys_without_their_index_are_not_compared_and_that_is_told(two):
    run_sql(two[1], "DROP INDEX uq_task_idempotency")
    found = compared(*two)
    assert (found.keys_appeared, found.moved_before) == (None, None)
    assert any("keys were not compared" in note for note in found.notes)


def test_a_file_is_not_compared_with_itself(two):
    with pytest.raises(ProblemError) as caught, comparing(two[0], two[0]):
        pass
    assert caught.value.problem.kind is ProblemKind.REFUSED


def test_stop_ends_it_and_what_is_told_is_of_the_part(two):
    with comparing(*two) as files:
        progress = []
        found = files.run(progress.append, lambda: len(progress) >= 2)
    assert found.stopped
    assert not found.is_same
    assert 0 < found.same < 3_000
    assert [each.done for each in progress] == sorted(each.done for each in progress)


def test_B3_a_live_file_is_told_and_never_held_up(two):
    before, after = two
    with comparing(before, after) as files:

        def write(_progress) -> None:
            run_sql(after, "UPDATE task_queue SET priority = priority + 1 WHERE id = 3000")
            assert checkpoint_from_outside(after) == 0

        found = files.run(write)
    assert any("new.db was written while it was compared" in note for note in found.notes)


def test_strange_keys_and_cells_are_compared_too(two):
    before, after = two
    for path in two:
        run_sql(path, "UPDATE task_queue SET idempotency_key = CAST(x'ff00' AS TEXT) WHERE id = 1")
        run_sql(path, "UPDATE task_queue SET idempotency_key = hex(zeroblob(4000)) WHERE id = 2")
        run_sql(path, "UPDATE task_queue SET idempotency_key = x'6b34' WHERE id = 3")
    found = compared(before, after)
    assert found.is_same
    assert (found.keys_appeared, found.keys_vanished) == (0, 0)
    assert any("keys of over" in note for note in found.notes)


def test_empty_files_are_the_same(tmp_path):
    found = compared(make_foreign_queue(tmp_path / "a.db"), make_foreign_queue(tmp_path / "b.db"))
    assert found.is_same
    assert found.same == 0


def test_rows_tell_old_and_new_values_in_the_order_asked_for(two):
    before, after = two
    run_sql(after, "UPDATE task_queue SET status = 'failed', payload = json_quote(hex(zeroblob(600))) WHERE id = 7")
    run_sql(before, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(600)) || 'x') WHERE id = 7")
    run_sql(before, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(600)) || 'y') WHERE id = 8")
    run_sql(after, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(600)) || 'z') WHERE id = 8")
    run_sql(after, "DELETE FROM task_queue WHERE id = 3")
    with comparing(before, after) as files:
        found = files.run()
        pairs = [found.pair_at(DifferenceKind.CHANGED, 1), found.pair_at(DifferenceKind.CHANGED, 0)]
        eighth, seventh = files.rows(pairs)
        (third,) = files.rows([found.pair_at(DifferenceKind.VANISHED, 0)])
    names = found.fields
    assert [names[at] for at in eighth.differing] == ["payload"]  # though both are cut at the same text
    assert eighth.before[names.index("payload")] == eighth.after[names.index("payload")]
    assert {names[at] for at in seventh.differing} == {"status", "payload"}
    assert (seventh.before[names.index("status")], seventh.after[names.index("status")]) == ("queued", "failed")
    assert (third.after, third.before[names.index("type")]) == (None, "job")


def test_H4_a_value_too_large_to_be_read_leaves_the_other_rows_readable(two, monkeypatch):
    before, after = two
    run_sql(after, "UPDATE task_queue SET payload = json_quote(hex(zeroblob(40000))) WHERE id = 7")
    run_sql(after, "UPDATE task_queue SET status = 'failed' WHERE id IN (7, 8)")
    monkeypatch.setattr("prismq_gui.insight.connection.MAX_CELL_BYTES", 60_000)
    with comparing(before, after) as files:
        pairs = [Pair(DifferenceKind.CHANGED, id, id) for id in (7, 8)]
        seventh, eighth = files.rows(pairs)
        at = files.columns()[1:].index("payload")
    assert "larger than this program reads" in seventh.after[at]
    assert eighth.after[at] == '{"n": 8}'


def test_A16_a_copy_without_its_wal_is_told(two, tmp_path):
    copy = shutil.copy(two[0], tmp_path / "queue - Copy.db")
    found = compared(copy, two[1])
    assert any(note.startswith("queue - Copy.db: There is no -wal") for note in found.notes)
