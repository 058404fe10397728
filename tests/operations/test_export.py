"""Exports: all that was chosen, exactly, in files that harm nobody; or no file, and the reason."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from array import array
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.operations.export import export
from prismq_gui.operations.export_formats import neutral_text
from prismq_gui.operations.export_records import ExportFormat, ExportProgress, ExportReport, ExportWish, format_of
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import exact_rows

ALL = TaskFilter()
ANY_CELL = st.one_of(st.none(), st.text(), st.binary(), st.integers(-(2**63), 2**63 - 1))


def write(path: Path, target: Path, wanted: TaskFilter | LogFilter = ALL, **wish: object) -> ExportReport:
    kind = format_of(target)
    assert kind is not None
    return export(path, ExportWish(wanted, target, kind, **wish))  # type: ignore[arg-type]


def stored(path: Path, table: str) -> list[tuple[object, ...]]:
    """Return a table's rows with the types of their cells, but what is generated."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        cells = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in names)
        return connection.execute(f"SELECT {cells} FROM {table} ORDER BY 2").fetchall()


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A queue of another program with what is hard to write down."""
    path = make_foreign_queue(tmp_path / "queue.db")
    add = "INSERT INTO task_queue (id, type, payload, priority, error_message, status) VALUES (?, ?, ?, ?, ?, 'failed')"
    for row in (
        (101, '=HYPERLINK("http://x")', '{"a": 1}', -5, "+1"),
        (102, 'a,b"c\nd', '{"ä": "€😀"}', 7, "line\r\nline"),
        (103, b"\x00\xff", '{"n": 1}', 1, b"blob"),
        (2**40, "@x", '{"n": 2}', 3, "\t=1"),
    ):
        run_sql(path, add, row)
    run_sql(path, "UPDATE task_queue SET error_message = CAST(x'61ff62' AS TEXT) WHERE id = 101")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) VALUES (101, 'INFO', '-2'), (101, 'ERROR', 'b')")
    return path


def test_J4_a_spreadsheet_finds_no_formula_and_numbers_stay_numbers(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "ä b.csv"
    report = write(odd, target, order=TaskOrder(TaskColumn.ID, descending=False))
    assert report.problem is None
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b"\r\r\n" not in raw
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["101"]["type"] == '\'=HYPERLINK("http://x")'
    assert rows["101"]["priority"] == "-5"
    assert rows["101"]["error_message"] == "a\\xffb"
    assert rows["102"]["type"] == 'a,b"c\nd'
    assert rows["102"]["payload"] == '{"ä": "€😀"}'
    assert rows["103"]["error_message"] == "x'626c6f62'"
    assert rows[str(2**40)]["type"] == "'@x"
    assert rows[str(2**40)]["error_message"] == "'\t=1"
    assert len(rows) == report.rows == len(exact_rows(odd, "task_queue"))


@given(st.text())
def test_J4_whatever_a_text_begins_with_a_spreadsheet_shows_it(text: str) -> None:
    shown = neutral_text(text)
    assert shown in (text, f"'{text}")
    assert shown[:1] not in set("=+-@\t\r\n")


def test_json_and_lines_hold_each_row_with_its_exact_texts(odd: Path, tmp_path: Path) -> None:
    lines, whole = tmp_path / "a.ndjson", tmp_path / "a.json"
    write(odd, lines)
    write(odd, whole)
    objects = [json.loads(line) for line in lines.read_text("utf-8").splitlines() if line]
    assert objects == json.loads(whole.read_text("utf-8"))
    assert [each["id"] for each in objects] == sorted((each["id"] for each in objects), reverse=True)
    assert objects[0]["id"] == 2**40
    found = next(each for each in objects if each["id"] == 102)
    assert found["payload"] == '{"ä": "€😀"}'
    assert found["locked_by"] is None


def test_chosen_rows_come_in_their_order_and_one_that_is_gone_is_told(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "some.ndjson"
    report = write(odd, target, ids=array("q", [103, 5_555, 101]))
    assert [json.loads(line)["id"] for line in target.read_text("utf-8").splitlines()] == [103, 101]
    assert (report.rows, report.gone) == (2, 1)


def test_no_rows_make_a_whole_file_too(odd: Path, tmp_path: Path) -> None:
    nothing = TaskFilter(types=("none such",))
    for name, content in (("a.json", "[\n]\n"), ("a.ndjson", "")):
        assert write(odd, tmp_path / name, nothing).rows == 0
        assert (tmp_path / name).read_text("utf-8") == content


def test_a_queue_file_of_its_own_has_the_exact_rows_and_their_lines(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "some.db"
    report = write(odd, target, TaskFilter(statuses=("failed",)))
    run_sql(odd, "DELETE FROM task_queue WHERE status <> 'failed'")
    run_sql(odd, "DELETE FROM task_logs WHERE task_id NOT IN (SELECT id FROM task_queue)")
    assert stored(target, "task_queue") == stored(odd, "task_queue")
    assert stored(target, "task_logs") == stored(odd, "task_logs")
    assert report.rows == len(stored(odd, "task_queue"))
    assert report.lines == len(stored(odd, "task_logs"))
    assert run_sql(target, "PRAGMA integrity_check") == [("ok",)]
    assert run_sql(target, "PRAGMA foreign_key_check") == []


def test_lines_in_a_queue_file_bring_the_tasks_they_belong_to(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "lines.sqlite"
    report = write(odd, target, LogFilter(levels=("ERROR",), task_id=101))
    assert run_sql(target, "SELECT task_id, message FROM task_logs") == [(101, "b")]
    assert run_sql(target, "SELECT id FROM task_queue") == [(101,)]
    assert (report.rows, report.lines) == (1, 1)


def test_a_row_that_breaks_the_rules_is_told_and_left_out(odd: Path, tmp_path: Path) -> None:
    run_sql(odd, "PRAGMA writable_schema = 1")
    with closing(sqlite3.connect(odd)) as connection, connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'type TEXT NOT NULL', 'type TEXT') "
                           "WHERE name = 'task_queue'")  # fmt: skip
    run_sql(odd, "UPDATE task_queue SET type = NULL WHERE id = 103")
    report = write(odd, tmp_path / "a.db")
    assert report.refused == 1
    assert "left out" in report.sentence
    assert run_sql(tmp_path / "a.db", "SELECT count(*) FROM task_queue WHERE id = 103") == [(0,)]


@pytest.mark.parametrize("name", ["NUL", "con.csv", "COM1.json", "lpt9 .db", "aux."])
def test_J6_a_device_of_windows_is_no_file(odd: Path, tmp_path: Path, name: str) -> None:
    report = export(odd, ExportWish(ALL, tmp_path / name, ExportFormat.CSV))
    assert report.problem is not None
    assert "device" in report.problem.what
    assert list(tmp_path.glob("*.part")) == []
    if sys.platform != "win32":  # there a device of that name is in every folder
        assert not (tmp_path / name).exists()


def test_J6_a_file_that_is_there_stays_unless_the_person_agreed(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("mine", "utf-8")
    report = write(odd, target)
    assert report.problem is not None
    assert target.read_text("utf-8") == "mine"
    assert write(odd, target, overwrite=True).problem is None
    assert target.read_text("utf-8") != "mine"


@pytest.mark.parametrize("side", ["", "-wal", "-shm", "-lock"])
def test_J6_a_file_of_the_queue_itself_is_never_written_over(odd: Path, side: str) -> None:
    before = exact_rows(odd, "task_queue")
    target = odd.with_name(odd.name + side)
    report = export(odd, ExportWish(ALL, target, ExportFormat.SQLITE, overwrite=True))
    assert report.problem is not None
    assert exact_rows(odd, "task_queue") == before


def test_J6_a_folder_that_is_gone_is_told(odd: Path, tmp_path: Path) -> None:
    report = write(odd, tmp_path / "no such" / "a.csv")
    assert report.problem is not None
    assert "can't be written" in report.problem.what


def parts(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if each.name.endswith(".part")]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.db"])
def test_a_stop_leaves_no_file_and_the_old_one(tmp_path: Path, name: str) -> None:
    path = make_foreign_queue(tmp_path / "queue.db")
    run_sql(path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                  "INSERT INTO task_queue (type, payload) SELECT 'x', '{}' FROM n")  # fmt: skip
    target = tmp_path / name
    target.write_text("mine", "utf-8")
    seen: list[ExportProgress] = []
    kind = format_of(target)
    assert kind is not None
    report = export(
        path, ExportWish(ALL, target, kind, overwrite=True), on_progress=seen.append, should_stop=lambda: bool(seen)
    )
    assert report.stopped
    assert 0 < seen[0].rows < 2000
    assert target.read_text("utf-8") == "mine"
    assert parts(tmp_path) == []


def test_progress_grows_to_the_end(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db")
    run_sql(path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                  "INSERT INTO task_queue (type, payload) SELECT 'x', '{}' FROM n")  # fmt: skip
    seen: list[ExportProgress] = []
    wish = ExportWish(ALL, tmp_path / "a.csv", ExportFormat.CSV)
    report = export(path, wish, on_progress=seen.append)
    shares: Sequence[float] = [each.fraction for each in seen]
    assert list(shares) == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert seen[-1].rows == report.rows


def test_H4_a_value_too_long_to_be_read_at_once_is_cut_and_told(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db")
    run_sql(path, "INSERT INTO task_queue (id, type, payload) VALUES (900, 'x', "
                  "'{\"a\": \"' || replace(hex(zeroblob(36000000)), '0', 'y') || '\"}')")  # fmt: skip
    target = tmp_path / "a.ndjson"
    report = write(path, target, TaskFilter(types=("x",)))
    assert report.problem is None
    assert report.cut == (900,)
    assert "very long" in report.sentence
    (line,) = target.read_text("utf-8").splitlines()
    assert json.loads(line)["payload"].startswith('{"a": "yyy')


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(), st.binary(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=5))
def test_any_cell_comes_out_of_a_queue_file_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, cells: list[object]
):
    folder = tmp_path_factory.mktemp("any")
    path = make_foreign_queue(folder / "queue.db")
    for number, cell in enumerate(cells, 1000):
        sent = cell.encode("utf-8", "surrogatepass") if isinstance(cell, str) else cell
        mark = "CAST(? AS TEXT)" if isinstance(cell, str) else "?"
        run_sql(path, f"INSERT INTO task_queue (id, type, payload, error_message) VALUES (?, 'x', '{{}}', {mark})",
                (number, sent))  # fmt: skip
    write(path, folder / "out.db", TaskFilter(types=("x",)))
    wanted = (
        "SELECT id, typeof(error_message), CAST(error_message AS BLOB) FROM task_queue WHERE type = 'x' ORDER BY id"
    )
    assert run_sql(folder / "out.db", wanted) == run_sql(path, wanted)
    write(path, folder / "out.json", TaskFilter(types=("x",)))
    assert len(json.loads((folder / "out.json").read_text("utf-8"))) == len(cells)
    assert write(path, folder / "out.csv", TaskFilter(types=("x",))).problem is None
