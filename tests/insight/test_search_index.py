"""The same answer with the index and without it, whatever happened to the rows since it was built."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from prismq_gui.insight.search_index import IndexState
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue
from tests.insight.searching import build, found, oracle

# Few letters, so that texts hold one another; what LIKE and FTS5 take for syntax; cases; wide characters; JSON's own.
ALPHABET = "abAB%_\\\"'-*ßÄä\U0001f3a1 7"
TEXTS = st.text(ALPHABET, max_size=14)
CELLS = st.one_of(TEXTS, st.integers(0, 10**6), TEXTS.map(str.encode))
NEEDLES = st.one_of(st.text(ALPHABET, min_size=1, max_size=5), st.integers(1, 60).map(str))
IDS = st.integers(1, 60)


class SearchMachine(RuleBasedStateMachine):
    """Rows come, change and go, in any way a program could; the index is built now and then."""

    @initialize(rows=st.lists(st.tuples(TEXTS, TEXTS), max_size=40), tail=st.sampled_from((0, 20)))
    def begin(self, rows: list[tuple[str, str]], tail: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = make_foreign_queue(Path(self.folder.name) / "queue.db")
        self.cache = Path(self.folder.name) / "cache"
        self.tail = tail
        self.needles = {"aB%"}
        # As the schema of another program, but for the generated columns: they refuse rows that are no JSON.
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        for column in ("region", "format"):
            self.connection.execute(f"DROP INDEX ix_task_{column}")
            self.connection.execute(f"ALTER TABLE task_queue DROP COLUMN {column}")
        for payload, message in rows:
            self.connection.execute("INSERT INTO task_queue (type, payload) VALUES ('t', ?)", (payload,))
            self.connection.execute("INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', ?)", (message,))

    @rule(payload=CELLS, error=CELLS)
    def insert_task(self, payload: object, error: object) -> None:
        self.connection.execute(
            "INSERT INTO task_queue (type, payload, error_message) VALUES ('t', ?, ?)", (payload, error)
        )

    @rule(row_id=IDS, payload=TEXTS)
    def insert_task_again(self, row_id: int, payload: str) -> None:
        sql = "INSERT OR REPLACE INTO task_queue (id, type, payload) VALUES (?, 't', ?)"
        self.connection.execute(sql, (row_id, payload))

    @rule(row_id=IDS, column=st.sampled_from(("payload", "error_message", "type", "locked_by")), cell=CELLS)
    def update_task_and_tell_nobody(self, row_id: int, column: str, cell: object) -> None:
        self.connection.execute(f"UPDATE task_queue SET {column} = ? WHERE id = ?", (cell, row_id))

    @rule(row_id=IDS, error=TEXTS)
    def fail_task_with_a_line(self, row_id: int, error: str) -> None:
        self.connection.execute("UPDATE task_queue SET error_message = ? WHERE id = ?", (error, row_id))
        self.connection.execute(
            "INSERT INTO task_logs (task_id, level, message) VALUES (?, 'ERROR', ?)", (row_id, error)
        )

    @rule(row_id=IDS, message=CELLS)
    def update_log(self, row_id: int, message: object) -> None:
        self.connection.execute("UPDATE task_logs SET message = ? WHERE log_id = ?", (message, row_id))

    @rule(low=IDS, high=IDS, table=st.sampled_from(("task_queue", "task_logs")))
    def delete(self, low: int, high: int, table: str) -> None:
        key = "id" if table == "task_queue" else "log_id"
        self.connection.execute(f"DELETE FROM {table} WHERE {key} BETWEEN ? AND ?", (low, min(high, low + 5)))

    @rule()
    def checkpoint(self) -> None:
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @rule()
    def index(self) -> None:
        assert build(self.path, self.cache, tail_rows=self.tail).state is IndexState.COMPLETE

    @rule(needle=NEEDLES)
    def want(self, needle: str) -> None:
        self.needles.add(needle)

    @invariant()
    def both_ways_find_what_python_finds(self) -> None:
        for needle in self.needles:
            expected = oracle(self.path, needle)
            assert found(self.path, needle) == expected
            assert found(self.path, needle, self.cache) == expected

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()
            self.folder.cleanup()


TestSearch = SearchMachine.TestCase
TestSearch.settings = settings(examples(25), stateful_step_count=12, suppress_health_check=list(HealthCheck))
