from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QPersistentModelIndex
from PySide6.QtGui import Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from prismq_gui.insight.messages import FileFacts, WorkerRow
from prismq_gui.insight.worker_facts import AllWorkers, Holding, Rates, WorkerFacts
from prismq_gui.models.columns import WORKER_COLUMNS
from prismq_gui.models.worker_table_model import WorkerTableModel
from prismq_gui.polling.messages import Snapshot

NOW = datetime(2026, 3, 1, 12, 0, 0)
KEYS = [column.key for column in WORKER_COLUMNS]


def worker(name: str, age_s: float = 5, held: int = 0, **fields) -> WorkerRow:
    heartbeat = (NOW - timedelta(seconds=age_s)).isoformat(sep=" ")
    return WorkerRow(
        name, fields.pop("capabilities", "{}"), heartbeat, held, tuple(range(1, min(held, 20) + 1)), **fields
    )


@pytest.fixture
def model(qapp) -> WorkerTableModel:
    made = WorkerTableModel()
    QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    return made


def column(model, key: str) -> list[str]:
    return [model.cells(row)[KEYS.index(key)] for row in range(model.rowCount())]


def test_workers_are_busy_idle_or_silent_by_their_heartbeat(model):
    model.set_workers([worker("a", held=2), worker("b"), worker("c", age_s=7_300, held=3)], NOW)
    assert column(model, "state") == ["busy", "idle", "silent"]
    assert column(model, "heartbeat_utc") == ["5 s ago", "5 s ago", "2 h ago"]
    assert column(model, "held_ids") == ["1, 2", "", "1, 2, 3"]
    assert model.silent_count == 1


def test_the_same_workers_in_the_next_snapshot_wait_for_the_tick(model):
    def snapshot(*workers: WorkerRow) -> Snapshot:
        facts = FileFacts(Path("queue.db"), 1, 0, "wal", 0)
        return Snapshot(1, facts, 1, 0.0, (), (), False, workers, False, 0, 0)

    model.take(snapshot(worker("a"), worker("b")), NOW)
    spy = QSignalSpy(model.dataChanged)
    model.take(snapshot(worker("a"), worker("b")), NOW + timedelta(seconds=1))
    assert spy.count() == 0
    model.take(snapshot(worker("a", held=1), worker("b")), NOW + timedelta(seconds=1))
    assert column(model, "state") == ["busy", "idle"]
    model.take(snapshot(), NOW)
    assert model.rowCount() == 0


def test_ages_go_on_without_reading(model):
    model.set_workers([worker("a"), worker("b", age_s=7_300)], NOW)
    spy = QSignalSpy(model.dataChanged)
    model.tick(NOW + timedelta(seconds=200))
    assert column(model, "state") == ["silent", "silent"]
    assert column(model, "heartbeat_utc") == ["3 min ago", "2 h ago"]
    assert [(spy.at(0)[0].row(), spy.at(0)[1].row()), spy.count()] == [(0, 0), 1]


def test_rows_come_and_go_in_place(model):
    model.set_workers([worker("b"), worker("d"), worker("e")], NOW)
    kept = QPersistentModelIndex(model.index(1, 0))
    spy = QSignalSpy(model.modelReset)
    model.set_workers([worker("a"), worker("c"), worker("d", held=1)], NOW)
    assert column(model, "worker_id") == ["a", "c", "d"]
    assert (kept.row(), spy.count()) == (2, 0)
    assert column(model, "held") == ["0", "0", "1"]
    assert model.row_of("d") == 2
    model.clear()
    assert model.rowCount() == 0


def test_nothing_is_painted_when_nothing_changed(model):
    model.set_workers([worker("a")], NOW)
    spy = QSignalSpy(model.dataChanged)
    model.set_workers([worker("a")], NOW)
    assert spy.count() == 0


def test_H8_a_heartbeat_in_the_future_or_unreadable_is_marked(model):
    odd = WorkerRow("odd", b"\x00", "whenever", 0)
    ghost = WorkerRow("ghost", None, None, 1, (7,), registered=False)
    model.set_workers([worker("ahead", age_s=-3_600), odd, ghost], NOW)
    assert column(model, "heartbeat_utc") == ["in the future by 1 h", "not registered", "⚠ whenever"]
    assert column(model, "capabilities") == ["{}", "", "blob 1 B"]


def test_J1_names_are_text(model):
    model.set_workers([worker("<b>w</b>\n\u202e")], NOW)
    index = model.index(0, 0)
    assert index.data() == "<b>w</b>⏎[U+202E]"
    assert not Qt.mightBeRichText(index.data(Qt.ItemDataRole.ToolTipRole))


def test_more_than_twenty_held_tasks_are_counted(model):
    model.set_workers([worker("a", held=25)], NOW)
    assert column(model, "held_ids")[0].endswith("20 and 5 more")


def facts(name: str, done: int, *held: tuple[int, float]) -> WorkerFacts:
    """What is known of a worker that did so many tasks in the last hour, and holds these: id and for how long."""
    holdings = tuple(
        Holding(id, "job", "processing", NOW - timedelta(seconds=age_s), None, None, None) for id, age_s in held
    )
    return WorkerFacts(name, True, NOW, None, (), "", "{}", len(held), holdings, Rates(done, 0, 3_600))


def test_who_holds_longest_and_who_gets_most_done_is_told(model):
    model.set_workers([worker("a", held=2), worker("b", held=1), worker("c")], NOW)
    assert model.superlatives() == ()
    known = (facts("a", 3, (1, 60), (2, 30)), facts("b", 90, (3, 7_300)), facts("c", 0))
    model.set_facts(AllWorkers(known, 0, ()), NOW)
    assert model.superlatives() == ("b holds a task longest (#3 for 2 h)", "b gets most done (90 an hour)")
    assert column(model, "held_for") == ["1 min", "2 h", ""]
    model.set_workers([worker("a", 3_600, held=2), worker("b", held=1), worker("c", 7_200)], NOW)
    assert model.superlatives()[0] == "c silent longest (for 2 h)"


def test_what_was_not_counted_to_the_end_says_so(model):
    model.set_workers([worker("a", held=10_000, held_at_least=True), worker("b", held=2)], NOW)
    assert column(model, "held") == ["10,000+", "2"]
    assert column(model, "held_ids")[0].endswith("and at least 9,980 more")
    tip = model.data(model.index(0, KEYS.index("held")), Qt.ItemDataRole.ToolTipRole)
    assert "it may hold more" in tip
    known = facts("a", 0, *((id, 60.0) for id in range(20)))
    model.set_facts(AllWorkers((known,), 0, ()), NOW)
    assert column(model, "held_for")[0] == "≥ 1 min"
