"""The log of alerts: each is told by one window alone, and nothing another program does to the file stops an alert."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.insight import alert_log
from prismq_gui.insight.alert_log import FILE_NAME, AlertLog
from prismq_gui.insight.alert_rules import RuleKind
from prismq_gui.insight.alerts import AlertChange, AlertEvent

NOW = datetime(2026, 5, 4, 12, 0)
DEAD, SILENT = RuleKind.DEAD_LETTERS, RuleKind.SILENT_WORKER


def raised(kind: RuleKind = DEAD, subject: str = "", *, quiet: bool = False) -> AlertEvent:
    return AlertEvent(AlertChange.RAISED, kind, subject, 3, 1, NOW, quiet)


def cleared(kind: RuleKind = DEAD, subject: str = "") -> AlertEvent:
    return AlertEvent(AlertChange.CLEARED, kind, subject, 0, 1, NOW + timedelta(hours=1))


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "Schlange & Söhne" / "queue.db"


def test_an_alert_is_one_entry_from_its_beginning_to_its_end(tmp_path, queue):
    log = AlertLog(tmp_path / "data")
    number = log.note(queue, raised())
    assert log.open_of(queue) == ((DEAD, ""),)
    assert log.note(queue, cleared()) == number
    log.note_program(number or 0, "ended with code 0")
    (entry,) = AlertLog(tmp_path / "data").entries()
    assert (entry.file, entry.kind, entry.value, entry.threshold) == (str(queue), DEAD, 3, 1)
    assert (entry.raised_at_utc, entry.cleared_at_utc) == (NOW, NOW + timedelta(hours=1))
    assert entry.sentence == "3 tasks given up in the last hour"
    assert entry.cleared == "no task was given up in the last hour"
    assert entry.program == "ended with code 0"
    assert log.open_of(queue) == ()


def test_of_two_windows_one_tells_a_change(tmp_path, queue):
    one, two = AlertLog(tmp_path), AlertLog(tmp_path)
    assert one.note(queue, raised()) is not None
    assert two.note(queue, raised()) is None
    assert two.note(queue, cleared()) is not None
    assert one.note(queue, cleared()) is None
    assert one.note(queue.with_name("other.db"), raised()) is not None
    assert two.note(queue, raised()) is not None  # it begins anew
    assert len(one.entries()) == 3


def test_names_that_sqlite_does_not_take_are_known_again(tmp_path, queue):
    log = AlertLog(tmp_path)
    for name in ("\udcff\x00w", "a" * 5_000, "<img src=file:///etc/passwd>"):
        assert log.note(queue, raised(SILENT, name)) is not None
        assert log.note(queue, raised(SILENT, name)) is None
        assert log.note(queue, cleared(SILENT, name)) is not None
    assert log.trouble == ""


def test_the_log_is_bounded(tmp_path, queue, monkeypatch):
    monkeypatch.setattr(alert_log, "MOST_ENTRIES", 5)
    log = AlertLog(tmp_path)
    log.note(queue, raised(SILENT, "still raised"))
    for _ in range(8):
        log.note(queue, raised())
        log.note(queue, cleared())
    assert len(log.entries(100)) == 6
    assert log.open_of(queue) == ((SILENT, "still raised"),)
    for number in range(20):
        log.note(queue, raised(SILENT, f"w{number}"))
    assert len(log.entries(100)) == 10


def test_forgetting_keeps_what_is_raised(tmp_path, queue):
    log = AlertLog(tmp_path)
    log.note(queue, raised())
    log.note(queue, cleared())
    log.note(queue, raised(SILENT, "one"))
    log.forget()
    assert [entry.subject for entry in log.entries()] == ["one"]


def test_a_damaged_log_is_set_aside_and_the_alert_is_told(tmp_path, queue):
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 500)
    log = AlertLog(tmp_path)
    assert log.note(queue, raised()) == 0
    assert "damaged" in log.trouble
    assert (tmp_path / f"{FILE_NAME}.bad").exists()
    assert log.note(queue, raised()) == 1
    assert log.trouble == ""


def test_a_log_of_a_newer_program_is_left_alone(tmp_path, queue):
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    log = AlertLog(tmp_path)
    assert log.note(queue, raised()) == 0
    assert "newer" in log.trouble
    assert path.exists()


def test_a_log_that_another_program_holds_does_not_stop_an_alert(tmp_path, queue, monkeypatch):
    monkeypatch.setattr(alert_log, "_BUSY_S", 0.01)
    log = AlertLog(tmp_path)
    log.note(queue, raised())
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert log.note(queue, raised(SILENT, "one")) == 0
        assert "locked" in log.trouble
        assert log.entries() == ()
    assert len(log.entries()) == 1


def test_entries_that_this_program_never_writes_are_passed_over(tmp_path, queue):
    log = AlertLog(tmp_path)
    log.note(queue, raised())
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        for column, value in (("rule", b"x"), ("raised_at", "soon"), ("threshold", "much"), ("file", b"\xff")):
            other.execute(
                "INSERT INTO alert (place, file, rule, subject, sentence, value, threshold, raised_at, quiet) "
                f"SELECT '{column}', file, rule, subject, sentence, value, threshold, raised_at, quiet FROM alert "
                "WHERE id = 1"
            )
            other.execute(f"UPDATE alert SET {column} = ? WHERE id = (SELECT max(id) FROM alert)", (value,))
    assert [entry.id for entry in log.entries()] == [1]


def test_without_a_folder_nothing_is_kept_and_alerts_are_told(queue):
    log = AlertLog(None)
    assert log.note(queue, raised()) == 0
    assert log.entries() == ()
    assert "No folder" in log.trouble
