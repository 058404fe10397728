"""Whatever runs, the engine ends within a second and leaves no thread behind."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest
from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling import threads
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import LinkState, OpenRequest, Table
from tests.helpers.files import FOREIGN_SCHEMA, make_foreign_queue

SLOW_STATUS = "status TEXT AS (CASE WHEN length(hex(zeroblob(1 * priority))) > 1 THEN 'queued' END)"


@pytest.fixture
def slow_queue(tmp_path):
    """A file whose figures take far longer than the reader's deadline of 5 s: some 3 ms a row."""
    path = make_foreign_queue(tmp_path / "slow.db")
    table = FOREIGN_SCHEMA.split("CREATE TABLE workers", maxsplit=1)[0].strip()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE task_queue")
        connection.execute(table.replace("status TEXT NOT NULL DEFAULT 'queued'", SLOW_STATUS))
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "INSERT INTO task_queue (type, payload) SELECT 'x', '{}' FROM n"
        )
        # Only now, or each insert would take as long.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, '(1 * priority', '(15000 * priority')")
    return path


def all_ended(engine: Engine) -> bool:
    return threads.alive() == [] and all(thread.isFinished() for thread in engine._threads)


def test_B16_during_a_query_that_would_take_minutes(engine, listener, slow_queue, qtbot):
    engine.open(OpenRequest(slow_queue))
    qtbot.waitUntil(lambda: LinkState.LIVE in listener.links())
    assert listener.all("snapshot") == []  # its figures are being read
    engine.shutdown()
    assert all_ended(engine)


def test_another_file_opens_while_a_query_would_take_minutes(engine, listener, slow_queue, sample_db, qtbot):
    engine.open(OpenRequest(slow_queue))
    qtbot.waitUntil(lambda: LinkState.LIVE in listener.links())
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: bool(listener.all("snapshot")), timeout=3_000)
    assert listener.snapshot.facts.path == sample_db
    assert LinkState.BUSY not in listener.links()


def test_B12_a_query_that_takes_too_long_is_given_up_and_told(engine, listener, slow_queue, qtbot, monkeypatch):
    monkeypatch.setitem(QueueReader.__init__.__kwdefaults__, "deadline_s", 1.0)
    engine.open(OpenRequest(slow_queue))
    qtbot.waitUntil(lambda: LinkState.BUSY in listener.links(), timeout=20_000)
    assert "took too long" in listener.link.problem.what


@pytest.mark.parametrize("column", [TaskColumn.ID, TaskColumn.ERROR])
def test_B16_during_a_long_scan(engine, opened, tmp_path, qtbot, column):
    heard = opened(make_foreign_queue(tmp_path / "q.db", 300_000))
    heard.ask(filter=TaskFilter(text="not to be found"), order=TaskOrder(column))
    heard.ask(Table.LOGS)
    qtbot.waitUntil(lambda: bool(heard.all("ids_appended")))
    engine.shutdown()
    assert all_ended(engine)
    assert not heard.is_answered()


def test_before_and_while_a_file_is_opened(qapp, sample_db):
    for opens in (False, True):
        engine = Engine(dict.fromkeys(Table, lambda row: row))
        if opens:
            engine.open(OpenRequest(sample_db))
        engine.shutdown()
        engine.shutdown()
        assert all_ended(engine)


def test_a_program_that_ends_right_after_it_is_silent(sample_db):
    script = f"""
        import sys
        from pathlib import Path
        from PySide6.QtCore import QCoreApplication
        from prismq_gui.polling.engine import Engine
        from prismq_gui.polling.messages import OpenRequest, Query, Table
        from prismq_gui.insight.filters import TaskFilter
        app = QCoreApplication([])
        engine = Engine(dict.fromkeys(Table, lambda row: row))
        def stop(_message):
            engine.query(Query(Table.TASKS, 1, TaskFilter(text="x")))
            engine.shutdown()
            app.quit()
        engine.snapshot.connect(stop)
        engine.open(OpenRequest(Path({str(sample_db)!r})))
        app.exec()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, timeout=60, check=False, encoding="utf-8"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Sender(QObject):
    sent = Signal(object, bool)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="True is immortal from Python 3.12 on")
def test_an_emit_keeps_the_references_to_true(qapp):
    """PySide6 6.12.0 lost one an emit, and the process died after some hundred."""
    sender = Sender()
    sender.sent.connect(lambda *_args: None)
    sender.sent.emit(None, True)
    before = sys.getrefcount(True)
    for _ in range(1_000):
        sender.sent.emit(None, True)
    assert abs(sys.getrefcount(True) - before) < 100
