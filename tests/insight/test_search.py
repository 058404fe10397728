"""Searching a queue without an index: what is found, in which order, told how; what is in the way of it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import read_layout
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.search import HitChunk, SearchKind, search
from prismq_gui.insight.search_scan import Looker, Tempo, source_of
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside, other_process
from tests.insight.searching import chunks_of, found, hits_of, oracle

TASKS, LOGS = SearchKind.TASKS, SearchKind.LOGS


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db", 300)


def set_payload(path: Path, row_id: int, payload: object) -> None:
    """As a program of another schema could, whose generated columns do not refuse what is no JSON."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for column in ("region", "format"):
            connection.execute(f"DROP INDEX IF EXISTS ix_task_{column}")
            if connection.execute(
                "SELECT 1 FROM pragma_table_xinfo('task_queue') WHERE name = ?", (column,)
            ).fetchone():
                connection.execute(f"ALTER TABLE task_queue DROP COLUMN {column}")
        connection.execute("UPDATE task_queue SET payload = ? WHERE id = ?", (payload, row_id))


@pytest.mark.parametrize("text", ["100%", "a_b", "c\\d", "it's", 'say "hi"', "50% _\\%"])
def test_H11_text_is_taken_literally(queue: Path, text: str) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = ? WHERE id = 7", (f"before {text} after",))
    run_sql(queue, "UPDATE task_queue SET error_message = '100x aXb c/d its say hi 50y z' WHERE id = 8")
    assert found(queue, text) == {(TASKS, 7)}


def test_a_to_z_are_the_same_and_nothing_else_is(queue: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = 'Größe UNBEKANNT' WHERE id = 7")
    assert found(queue, "unbekannt") == found(queue, "größe unbe") == {(TASKS, 7)}
    assert found(queue, "GRÖSSE") == found(queue, "GRÖßE") == set()


def test_the_newest_come_first_and_both_kinds_by_turns(queue: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = 'boom' WHERE id IN (3, 5, 200)")
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', 'boom'), (2, 'INFO', 'Boom!')")
    assert [hit.id for hit in hits_of(chunks_of(queue, "boom", kinds=(TASKS,)))] == [200, 5, 3]
    assert [hit.id for hit in hits_of(chunks_of(queue, "boom", kinds=(LOGS,)))] == [2, 1]
    assert found(queue, "boom") == {(TASKS, 200), (TASKS, 5), (TASKS, 3), (LOGS, 2), (LOGS, 1)}


def test_a_hit_says_where_the_text_stands(queue: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET error_message = ? WHERE id = 7", ("ü" * 100 + "Needle" + "\U0001f3a1" * 300,))
    (hit,) = hits_of(chunks_of(queue, "needle"))
    assert (hit.kind, hit.id, hit.column, hit.at) == (TASKS, 7, "error_message", 100)
    assert hit.snippet[hit.start : hit.start + hit.length] == "Needle"
    assert hit.snippet == "ü" * 40 + "Needle" + "\U0001f3a1" * 120


def test_H1_the_place_is_right_beside_bytes_that_are_no_text(queue: Path) -> None:
    set_payload(queue, 7, "x")
    run_sql(queue, "UPDATE task_queue SET payload = CAST(? AS TEXT) WHERE id = 7", (b"\xff\xfe needle \xff",))
    (hit,) = hits_of(chunks_of(queue, "needle"))
    assert hit.snippet[hit.start : hit.start + hit.length] == "needle"
    assert hit.snippet.startswith("\\xff\\xfe ")


def test_an_id_is_found_as_a_whole(queue: Path) -> None:
    hits = hits_of(chunks_of(queue, "299", kinds=(TASKS,)))
    assert [(hit.id, hit.column) for hit in hits if hit.column == "id"] == []  # payload holds it too: {"n": 299}
    run_sql(queue, "UPDATE task_queue SET payload = '{}'")
    (hit,) = hits_of(chunks_of(queue, "299"))
    assert (hit.id, hit.column, hit.snippet) == (299, "id", "299")
    assert found(queue, "99") == {(TASKS, 99)}


def test_nothing_is_found_for_no_text_and_a_text_too_long_is_refused(queue: Path) -> None:
    assert found(queue, "  ") == set()
    with pytest.raises(ProblemError) as caught:
        found(queue, "x" * 1_001)
    assert caught.value.problem.kind is ProblemKind.REFUSED


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 SQLite's limit cannot be set")
def test_H4_a_cell_too_large_is_passed_over_and_its_row_still_searched(queue: Path) -> None:
    set_payload(queue, 150, "{}")
    run_sql(queue, "UPDATE task_queue SET payload = CAST(zeroblob(100000000) AS TEXT), type = 'huge' WHERE id = 150")
    run_sql(queue, "UPDATE task_queue SET payload = 'needle' WHERE id IN (149, 151, 1)")
    assert found(queue, "needle") == {(TASKS, 151), (TASKS, 149), (TASKS, 1)}
    assert found(queue, "huge") == {(TASKS, 150)}


def test_I9_strange_cells_and_ids_far_apart_are_searched(queue: Path) -> None:
    for row_id, cell in ((2**62, "needle"), (-5, b"a needle"), (2**40, 4711), (-(2**63), None)):
        sql = "INSERT INTO task_queue (id, type, payload, error_message) VALUES (?, 't', '{}', ?)"
        run_sql(queue, sql, (row_id, cell))
    assert found(queue, "needle") == {(TASKS, 2**62), (TASKS, -5)}
    assert found(queue, "4711") == oracle(queue, "4711") == {(TASKS, 2**40)}


def test_a_file_without_logs_or_columns_is_searched_in_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT)")
        connection.execute("INSERT INTO task_queue VALUES (1, 'video', 'queued')")
        connection.commit()
    assert found(path, "vid") == {(TASKS, 1)}


def test_it_stops_when_asked(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 60_000)
    shares: list[float] = []
    with closing(ReadConnection(path, 5.0)) as connection:
        connection.open()
        chunks = search(
            connection,
            read_layout(connection),
            "nowhere",
            should_stop=lambda: len(shares) >= 3,
            on_progress=shares.append,
        )
        last = list(chunks)[-1]
    assert last.done
    assert last.was_stopped
    assert 0 < last.progress < 1
    assert last.progress == shares[-1]


def test_B3_no_snapshot_outlives_a_chunk(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 20_000)
    with closing(ReadConnection(path, 5.0)) as connection:
        connection.open()
        looked = 0
        for _ in search(connection, read_layout(connection), "nowhere"):
            run_sql(path, "UPDATE task_queue SET priority = priority + 1 WHERE id = 1")
            assert checkpoint_from_outside(path) == 0
            looked += 1
    assert looked > 3


def test_statements_become_shorter_while_others_write(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 20_000)
    script = (
        "print('ready', flush=True)\n"
        "while True: c.execute('UPDATE task_queue SET priority = priority + 1 WHERE id = 1')\n"
    )
    with closing(ReadConnection(path, 5.0)) as connection:
        connection.open()
        source = source_of(TASKS, read_layout(connection))
        assert source is not None
        tempo = Tempo(connection)
        looker = Looker(connection, source, "nowhere", tempo)
        for _ in range(100):
            tempo.took(0.001)
        quiet = tempo.size
        with other_process(path, script):
            for _ in range(2_000):
                list(looker.stretch(1, 20_000))
                tempo.took(0.010)  # fits the time of a quiet file, not that of a busy one
                if tempo.size < 1_000:
                    break
        assert tempo.size < 1_000 < quiet


def test_rows_that_come_meanwhile_are_left_to_the_next_search(queue: Path) -> None:
    with closing(ReadConnection(queue, 5.0)) as connection:
        connection.open()
        chunks = search(connection, read_layout(connection), "late", kinds=(TASKS,))
        first = next(chunks)
        run_sql(queue, "INSERT INTO task_queue (type, payload) VALUES ('late', '{}')")
        rest: list[HitChunk] = list(chunks)
    assert not hits_of([first, *rest])
    assert found(queue, "late") == {(TASKS, 301)}
