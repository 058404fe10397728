"""The engine on real files, as the window hears it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import walking
from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.problems import ProblemKind
from prismq_gui.operations.messages import OperationKind
from prismq_gui.polling.messages import LinkState, OpenRequest, RowsRequest, Table
from tests.helpers.files import make_foreign_queue, run_sql

BIG_ID = 2**40


def test_an_opened_file_tells_its_figures(opened, sample_db):
    heard = opened(sample_db)
    counts = {count.status: count.count for count in heard.snapshot.counts}
    assert counts == {
        "queued": 294,
        "leased": 19,
        "processing": 19,
        "completed": 209,
        "failed": 54,
        "dead_letter": 5,
    }
    assert len(heard.snapshot.workers) == 6
    assert heard.snapshot.newest_task_id == 600
    assert heard.links() == [LinkState.OPENING, LinkState.LIVE]
    assert [facts.path for facts in heard.all("opened")] == [sample_db]


def test_nothing_is_said_while_nothing_changes(opened, sample_db, qtbot):
    heard = opened(sample_db)
    heard.ask()
    heard.ask(Table.LOGS)
    qtbot.waitUntil(lambda: heard.is_answered() and heard.is_answered(Table.LOGS))
    qtbot.wait(600)  # the last figures
    before = len(heard.heard)
    qtbot.wait(900)  # at least three polls
    assert heard.heard[before:] == []


def test_a_commit_of_another_program_is_seen(opened, sample_db, qtbot):
    heard = opened(sample_db)
    run_sql(sample_db, "UPDATE task_queue SET status = 'cancelled' WHERE status = 'queued'")
    qtbot.waitUntil(lambda: ("cancelled", 294) in [(c.status, c.count) for c in heard.snapshot.counts])
    assert "queued" not in [count.status for count in heard.snapshot.counts]


# -- queries


def test_all_tasks_are_one_range_newest_first(opened, sample_db, qtbot):
    heard = opened(sample_db)
    heard.ask()
    qtbot.waitUntil(heard.is_answered)
    assert heard.ids[Table.TASKS].segments == (range(600, 0, -1),)


def test_new_tasks_come_at_the_top_and_new_lines_at_the_bottom(opened, sample_db, qtbot):
    heard = opened(sample_db)
    heard.ask()
    heard.ask(Table.LOGS)
    qtbot.waitUntil(lambda: heard.is_answered() and heard.is_answered(Table.LOGS))
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('a', '{}'), ('b', '{}')")
    run_sql(sample_db, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', 'x')")
    qtbot.waitUntil(lambda: len(heard.shown()) == 602 and len(heard.shown(Table.LOGS)) == 638)
    assert heard.shown()[:3] == [602, 601, 600]
    assert heard.shown(Table.LOGS)[-1] == 638


def test_a_task_that_no_longer_matches_leaves_and_one_that_does_comes(opened, sample_db, qtbot):
    heard = opened(sample_db)
    heard.ask(filter=TaskFilter(statuses=("failed",)))
    qtbot.waitUntil(heard.is_answered)
    before = heard.shown()
    assert len(before) == 54
    run_sql(sample_db, "UPDATE task_queue SET status = 'queued' WHERE id = ?", (before[10],))
    run_sql(sample_db, "INSERT INTO task_queue (id, type, payload, status) VALUES (?, 'x', '{}', 'failed')", (BIG_ID,))
    wanted = [BIG_ID, *(each for each in before if each != before[10])]
    qtbot.waitUntil(lambda: heard.shown() == wanted)


def test_a_deleted_task_leaves_the_unfiltered_list(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 100)
    heard = opened(path)
    heard.ask()
    qtbot.waitUntil(heard.is_answered)
    run_sql(path, "DELETE FROM task_queue WHERE id BETWEEN 40 AND 49")
    qtbot.waitUntil(lambda: heard.shown() == [*range(100, 49, -1), *range(39, 0, -1)])


def test_new_tasks_are_read_before_they_are_listed_where_somebody_looks(engine, opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 100)
    heard = opened(path)
    heard.ask()
    qtbot.waitUntil(heard.is_answered)
    add = "INSERT INTO task_queue (type, payload) VALUES ('a', '{}')"

    def added(newest: int) -> list[str]:
        """Add a task; return what was told of it and its row, in order."""
        run_sql(path, add)
        qtbot.waitUntil(lambda: newest in heard.shown())
        told = []
        for name, message in heard.heard:
            if name == "ids_patched" and any(newest in span.ids for span in message.inserted):
                told.append("listed")
            elif name == "rows_loaded" and any(each == newest for each, _row in message.rows):
                told.append("read")
        return told

    assert added(101) == ["listed"]  # nobody has looked at any row yet
    engine.request_rows(RowsRequest(Table.TASKS, 1, 1, (101, 100, 99)))
    qtbot.waitUntil(lambda: bool(heard.all("rows_loaded")))
    assert added(102) == ["read", "listed"]
    assert added(103) == ["read", "listed"]
    engine.request_rows(RowsRequest(Table.TASKS, 1, 2, (5, 4, 3)))
    qtbot.waitUntil(lambda: heard.all("rows_loaded")[-1].rows[0][0] in (3, 4, 5))
    assert added(104) == ["listed"]  # who looks further down is not read for


def test_lines_told_at_a_glance_are_counted_after_that(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 10)
    run_sql(path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) "
                  "INSERT INTO task_logs (task_id, level, message) SELECT 1 + i % 10, 'INFO', '' FROM n")  # fmt: skip
    run_sql(path, "DELETE FROM task_logs WHERE log_id = 12345")
    heard = opened(path)
    heard.ask(Table.LOGS)
    qtbot.waitUntil(lambda: heard.is_answered(Table.LOGS))
    qtbot.waitUntil(lambda: heard.shown(Table.LOGS) == [*range(1, 12_345), *range(12_346, 40_001)])


def test_a_change_that_moves_rows_in_a_sorted_list_replaces_it(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 50)
    heard = opened(path)
    heard.ask(order=TaskOrder(TaskColumn.PRIORITY, descending=False))
    qtbot.waitUntil(heard.is_answered)
    run_sql(path, "UPDATE task_queue SET priority = 1 WHERE id = 30")
    qtbot.waitUntil(lambda: heard.shown()[0] == 30)
    assert heard.shown() == [30, *(each for each in range(1, 51) if each != 30)]
    assert heard.all("ids_patched")[-1].replacement is not None


def test_the_newest_query_wins(engine, opened, tmp_path, qtbot):
    heard = opened(make_foreign_queue(tmp_path / "q.db", 60_000))
    for text in ("needle", "other", "{}"):
        heard.ask(filter=TaskFilter(text=text))
    last = heard.ask(filter=TaskFilter(text='"n": 59999'))
    qtbot.waitUntil(heard.is_answered, timeout=10_000)
    assert heard.shown() == [59_999]
    assert {message.generation for message in heard.all("ids_appended")} == {last.generation}


def test_a_long_scan_tells_its_progress_and_rows_are_read_meanwhile(engine, opened, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr(walking, "TARGET_S", 0.0001)  # a few tasks a statement: as long as over millions
    heard = opened(make_foreign_queue(tmp_path / "q.db", 30_000))
    heard.ask(filter=TaskFilter(text="not to be found"))
    engine.request_rows(RowsRequest(Table.TASKS, 1, 1, (5, 7)))
    qtbot.waitUntil(heard.is_answered, timeout=30_000)
    names = [name for name, _message in heard.heard]
    assert "rows_loaded" in names[: len(names) - 1 - names[::-1].index("ids_appended")]
    shares = [message.progress for message in heard.all("ids_appended")]
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert heard.shown() == []


def test_a_filter_text_that_is_too_long_is_refused_in_words(opened, sample_db, qtbot):
    heard = opened(sample_db)
    query = heard.ask(filter=TaskFilter(text="x" * 2_000))
    qtbot.waitUntil(lambda: bool(heard.all("feed_failed")))
    failed = heard.all("feed_failed")[0]
    assert (failed.generation, failed.problem.kind) == (query.generation, ProblemKind.REFUSED)


# -- rows and details


def test_rows_are_rendered_and_gone_ones_are_named(engine, opened, sample_db, qtbot):
    heard = opened(sample_db)
    with qtbot.waitSignal(engine.rows_loaded) as signal:
        engine.request_rows(RowsRequest(Table.TASKS, 1, 1, (3, 9_999, 1)))
    loaded = signal.args[0]
    assert [(each, row.id) for each, row in loaded.rows] == [(3, 3), (1, 1)]
    assert loaded.gone == (9_999,)
    assert heard.all("feed_failed") == []


def test_an_id_beyond_32_bits_arrives_whole(engine, opened, sample_db, qtbot):
    run_sql(sample_db, "INSERT INTO task_queue (id, type, payload) VALUES (?, 'x', '{}')", (BIG_ID,))
    heard = opened(sample_db)
    heard.ask()
    qtbot.waitUntil(heard.is_answered)
    assert heard.shown()[:2] == [BIG_ID, 600]
    with qtbot.waitSignal(engine.detail_loaded) as signal:
        engine.request_detail(7, BIG_ID)
    assert (signal.args[0], signal.args[1].row.id) == (7, BIG_ID)


def test_only_the_newest_rows_and_details_are_answered(engine, opened, sample_db, qtbot):
    heard = opened(sample_db)
    for sequence in range(1, 200):
        engine.request_rows(RowsRequest(Table.TASKS, 1, sequence, (sequence,)))
        engine.request_detail(sequence, sequence)
    qtbot.waitUntil(lambda: bool(heard.all("detail_loaded")) and heard.all("detail_loaded")[-1][0] == 199)
    assert heard.all("rows_loaded")[-1].rows[0][0] == 199
    assert len(heard.all("rows_loaded")) < 20
    assert len(heard.all("detail_loaded")) < 20


def test_a_detail_of_a_task_that_is_gone_is_none(engine, opened, sample_db, qtbot):
    opened(sample_db)
    with qtbot.waitSignal(engine.detail_loaded) as signal:
        engine.request_detail(1, 12_345)
    assert signal.args == [1, None]


def test_K1_an_error_in_rendering_is_told_and_the_engine_goes_on(qapp, sample_db, qtbot):
    from prismq_gui.polling.engine import Engine

    def render(row):
        if row.id == 13:
            raise ValueError("no such luck")
        return row

    engine = Engine(dict.fromkeys(Table, render))
    try:
        with qtbot.waitSignal(engine.opened):
            engine.open(OpenRequest(sample_db))
        with qtbot.waitSignal(engine.feed_failed) as signal:
            engine.request_rows(RowsRequest(Table.TASKS, 1, 1, (13,)))
        assert signal.args[0].problem.code == "ValueError"
        with qtbot.waitSignal(engine.rows_loaded):
            engine.request_rows(RowsRequest(Table.TASKS, 1, 2, (14,)))
    finally:
        engine.shutdown()


# -- the connection


def test_A1_a_missing_file_is_told_and_opened_when_it_appears(engine, listener, tmp_path, qtbot):
    path = tmp_path / "Über uns" / "queue.db"
    engine.open(OpenRequest(path))
    qtbot.waitUntil(lambda: LinkState.BROKEN in listener.links())
    assert listener.link.problem.kind is ProblemKind.NOT_FOUND
    assert not path.exists()
    make_foreign_queue(path, 3)
    qtbot.waitUntil(lambda: bool(listener.all("snapshot")) and listener.snapshot.newest_task_id == 3)
    assert listener.link.state is LinkState.LIVE


def test_A3_a_file_that_is_no_database_is_told_once(engine, listener, tmp_path, qtbot):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100, encoding="utf-8")
    engine.open(OpenRequest(path))
    qtbot.waitUntil(lambda: LinkState.BROKEN in listener.links())
    qtbot.wait(300)
    assert listener.links() == [LinkState.OPENING, LinkState.BROKEN]
    assert listener.link.problem.kind is ProblemKind.NOT_A_DATABASE


def test_A12_a_locked_file_is_opened_when_it_is_free(engine, listener, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE task_queue SET priority = 7")
        engine.open(OpenRequest(path))
        qtbot.waitUntil(lambda: listener.links()[-1:] in ([LinkState.BUSY], [LinkState.BROKEN]), timeout=10_000)
        assert listener.link.problem.kind is ProblemKind.LOCKED
        other.execute("COMMIT")
    qtbot.waitUntil(lambda: listener.links()[-1] is LinkState.LIVE, timeout=10_000)


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses to replace an open file")
def test_B5_a_replaced_file_is_reopened(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    other = make_foreign_queue(tmp_path / "other.db", 8, wal=False)
    heard = opened(path)
    epoch = heard.snapshot.epoch
    for sidecar in ("-wal", "-shm"):
        (tmp_path / f"q.db{sidecar}").unlink(missing_ok=True)
    other.replace(path)
    qtbot.waitUntil(lambda: heard.snapshot.epoch > epoch and heard.snapshot.newest_task_id == 8)
    reopened = [link for link in heard.all("link") if link.reopened]
    assert [(link.state, link.epoch) for link in reopened] == [(LinkState.LIVE, heard.snapshot.epoch)]
    assert len(heard.all("opened")) == 2
    heard.ask()
    qtbot.waitUntil(heard.is_answered)
    assert heard.shown() == list(range(8, 0, -1))


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses to move an open file")
def test_B6_a_file_that_is_gone_is_told_once_not_recreated_and_returns_by_itself(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    heard = opened(path)
    aside = path.with_name("aside.db")
    path.rename(aside)
    qtbot.waitUntil(lambda: heard.link.state is LinkState.MISSING)
    qtbot.wait(700)  # some polls
    assert heard.links().count(LinkState.MISSING) == 1
    assert heard.link.problem.kind is ProblemKind.MISSING
    assert not path.exists()
    aside.rename(path)
    qtbot.waitUntil(lambda: heard.link.state is LinkState.LIVE)


def test_a_paused_engine_does_not_look_and_catches_up(engine, opened, sample_db, qtbot):
    heard = opened(sample_db)
    engine.set_paused(True)
    qtbot.waitUntil(lambda: heard.link.state is LinkState.PAUSED)
    before = len(heard.all("snapshot"))
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('a', '{}')")
    qtbot.wait(700)
    assert len(heard.all("snapshot")) == before
    engine.set_paused(False)
    qtbot.waitUntil(lambda: heard.snapshot.newest_task_id == 601)
    assert heard.link.state is LinkState.LIVE


def test_another_file_replaces_the_one_that_is_open(engine, opened, sample_db, tmp_path, qtbot):
    heard = opened(sample_db)
    other = make_foreign_queue(tmp_path / "other.db", 3)
    engine.open(OpenRequest(tmp_path / "nothing.db"))
    engine.open(OpenRequest(other))
    qtbot.waitUntil(lambda: heard.snapshot.newest_task_id == 3)
    assert heard.snapshot.facts.path == other
    assert [facts.path for facts in heard.all("opened")] == [sample_db, other]


def test_a_closed_file_is_not_looked_at(engine, opened, sample_db, qtbot):
    heard = opened(sample_db)
    engine.close_file()
    qtbot.waitUntil(lambda: heard.link.state is LinkState.CLOSED)
    before = len(heard.heard)
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('a', '{}')")
    qtbot.wait(400)
    assert heard.heard[before:] == []


def test_a_file_opened_read_only_says_why_it_is_not_written(engine, opened, sample_db, qtbot):
    heard = opened(sample_db, read_only=True)
    assert "read-only" in heard.snapshot.facts.write_refusal
    engine.plan(OperationKind.RETRY, None)
    assert heard.all("operation_failed")[0].kind is ProblemKind.REFUSED


def test_an_operation_without_a_file_is_refused(engine, listener):
    engine.plan(OperationKind.VACUUM, None)
    assert listener.all("operation_failed")[0].what == "No file is open"


def test_B3_no_read_transaction_is_left_between_polls(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 2_000)
    heard = opened(path)
    heard.ask(order=TaskOrder(TaskColumn.FINISHED))
    heard.ask(Table.LOGS, filter=LogFilter(text="x"))
    qtbot.waitUntil(lambda: heard.is_answered() and heard.is_answered(Table.LOGS))
    run_sql(path, "UPDATE task_queue SET priority = 3")

    def checkpointed() -> bool:
        return run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0

    qtbot.waitUntil(checkpointed)


def test_F5_reads_the_figures_anew(engine, opened, sample_db, qtbot):
    heard = opened(sample_db)
    engine.set_paused(True)
    qtbot.waitUntil(lambda: heard.link.state is LinkState.PAUSED)
    run_sql(sample_db, "DELETE FROM task_queue WHERE id = 600")
    engine.refresh(Table.TASKS)
    qtbot.waitUntil(lambda: heard.snapshot.newest_task_id == 599)
    assert heard.link.state is LinkState.PAUSED


def test_a_change_of_schema_is_told_and_the_engine_lives(opened, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 5)
    heard = opened(path)
    run_sql(path, "ALTER TABLE task_queue RENAME TO elsewhere")
    qtbot.waitUntil(lambda: heard.link.state is LinkState.BROKEN)
    assert heard.link.problem.kind is ProblemKind.NOT_A_QUEUE
    run_sql(path, "ALTER TABLE elsewhere RENAME TO task_queue")
    qtbot.waitUntil(lambda: heard.link.state is LinkState.LIVE, timeout=10_000)


def test_a_folder_name_with_blank_and_umlaut_is_opened(opened, tmp_path):
    path = make_foreign_queue(Path(tmp_path / "Büro & Co #1" / "die queue.db"), 2)
    assert opened(path).snapshot.newest_task_id == 2
