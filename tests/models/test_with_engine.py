"""The models on the engine and a real file, as the window uses them."""

import pytest
from PySide6.QtCore import QItemSelectionModel
from PySide6.QtTest import QSignalSpy

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.models.log_table_model import LogTableModel
from prismq_gui.models.render import RENDERERS
from prismq_gui.models.task_table_model import TaskTableModel
from prismq_gui.models.worker_table_model import WorkerTableModel
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import LinkState, OpenRequest
from tests.helpers.files import make_foreign_queue, run_sql


@pytest.fixture
def engine(qapp):
    made = Engine(RENDERERS)
    yield made
    made.shutdown()
    made.deleteLater()


@pytest.fixture
def tasks(engine) -> TaskTableModel:
    return TaskTableModel(engine)


def test_the_sample_is_shown_whole(engine, tasks, sample_db, qtbot):
    logs, workers = LogTableModel(engine), WorkerTableModel()
    engine.snapshot.connect(workers.take)
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete and logs.is_complete and workers.rowCount() == 6)
    assert (tasks.count, logs.count) == (600, 637)
    qtbot.waitUntil(lambda: tasks.cells(0) is not None and logs.cells(636) is not None)
    assert tasks.cells(0)[0] == "600"
    assert logs.cells(636)[0] == "637"
    assert tasks.task(0).id == 600
    assert logs.line(636).log_id == 637


def test_what_others_commit_is_shown_without_a_reset_and_the_selection_stays(engine, tasks, sample_db, qtbot):
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete)
    tasks.set_visible_rows(0, 20)
    qtbot.waitUntil(lambda: tasks.cells(3) is not None)
    resets = QSignalSpy(tasks.modelReset)
    selection = QItemSelectionModel(tasks)
    selection.setCurrentIndex(tasks.index(3, 0), QItemSelectionModel.SelectionFlag.SelectCurrent)
    run_sql(sample_db, "UPDATE task_queue SET status = 'parked' WHERE id = 597")
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('new', '{}')")
    qtbot.waitUntil(lambda: tasks.count == 601)
    assert tasks.id_at(0) == 601
    assert tasks.id_at(selection.currentIndex().row()) == 597
    qtbot.waitUntil(lambda: tasks.cells(4)[2] == "parked")
    assert resets.count() == 0


def test_filter_and_order_are_answered(engine, tasks, sample_db, qtbot):
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete)
    tasks.set_filter(TaskFilter(statuses=("failed", "dead_letter")))
    qtbot.waitUntil(lambda: tasks.is_complete)
    assert tasks.count == 59
    tasks.set_order(TaskOrder(TaskColumn.FINISHED, descending=False))
    qtbot.waitUntil(lambda: tasks.is_complete)
    expected = run_sql(
        sample_db,
        "SELECT id FROM task_queue WHERE status IN ('failed', 'dead_letter') "
        "ORDER BY replace(substr(finished_at_utc, 1, 19), 'T', ' '), id",
    )
    shown = [tasks.id_at(row) for row in range(tasks.count)]
    assert sorted(shown) == sorted(row[0] for row in expected)
    qtbot.waitUntil(lambda: tasks.cells(0) is not None)
    logs = LogTableModel(engine)
    logs.set_filter(LogFilter(levels=("ERROR",)))
    qtbot.waitUntil(lambda: logs.is_complete)
    assert logs.count == run_sql(sample_db, "SELECT count(*) FROM task_logs WHERE level = 'ERROR'")[0][0]


def test_another_file_shows_its_own_rows_alone(engine, tasks, sample_db, tmp_path, qtbot):
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete and tasks.cells(599) is not None)
    other = make_foreign_queue(tmp_path / "other.db", 7, type="others")
    engine.open(OpenRequest(other))
    qtbot.waitUntil(lambda: tasks.count == 7 and tasks.cells(0) is not None)
    assert tasks.cells(0)[1] == "others"
    engine.close_file()
    qtbot.waitUntil(lambda: tasks.count == 0)


def test_a_filter_too_long_is_told_and_a_shorter_one_works(engine, tasks, sample_db, qtbot):
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete)
    with qtbot.waitSignal(tasks.failed) as signal:
        tasks.set_filter(TaskFilter(text="x" * 1_500))
    assert "too long" in signal.args[0].what
    with qtbot.waitSignal(tasks.recovered):
        tasks.set_filter(TaskFilter(text="video"))


def test_rows_can_be_read_while_paused(engine, tasks, sample_db, qtbot):
    states = []
    engine.link.connect(lambda link: states.append(link.state))
    engine.open(OpenRequest(sample_db))
    qtbot.waitUntil(lambda: tasks.is_complete)
    engine.set_paused(True)
    qtbot.waitUntil(lambda: states[-1] is LinkState.PAUSED)
    qtbot.waitUntil(lambda: tasks.cells(300) is not None)
