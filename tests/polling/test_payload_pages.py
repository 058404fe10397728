"""Payloads are looked into a few at a time: large ones hold nothing else up, and none is told twice."""

from __future__ import annotations

from contextlib import closing

from prismq_gui.insight.payload_columns import Found, payload_column
from prismq_gui.insight.reader import QueueReader
from prismq_gui.models.render import RENDERERS
from prismq_gui.polling import payload_pages
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import OpenRequest, RowsRequest, Table
from prismq_gui.polling.payload_pages import PayloadPage
from tests.helpers.files import make_foreign_queue, run_sql

COLUMNS = (payload_column("payload.n"), payload_column("payload.s"))


def test_a_page_is_read_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(payload_pages, "STEP_S", 0.0)
    path = make_foreign_queue(tmp_path / "q.db", 100)
    run_sql(path, "UPDATE task_queue SET payload = ? WHERE id = 7", ('{"s": "' + "x" * 1_100_000 + '"}',))
    with closing(QueueReader(path)) as reader:
        reader.open()
        ids = tuple(range(100, 0, -1))
        page = PayloadPage(RowsRequest(Table.TASKS, 1, 1, ids, COLUMNS), reader.task_rows(ids))
        steps = []
        while not page.is_done:
            steps.append(page.step(reader))
    assert len(steps) > 1
    assert len(steps[0]) == payload_pages._FIRST
    told = [(each, values) for step in steps for each, _row, values in step]
    assert [each for each, _values in told] == list(ids)
    values = dict(told)
    assert values[100][0].cell == 100
    assert values[7][0].found is Found.TOO_LARGE


def test_the_engine_answers_with_the_cells_of_the_payloads_and_says_of_which(qapp, tmp_path, qtbot):
    path = make_foreign_queue(tmp_path / "q.db", 200)
    run_sql(path, "DELETE FROM task_queue WHERE id = 150")
    engine = Engine(RENDERERS)
    try:
        answers = []
        engine.rows_loaded.connect(answers.append)
        with qtbot.waitSignal(engine.opened):
            engine.open(OpenRequest(path))
        engine.request_rows(RowsRequest(Table.TASKS, 1, 1, tuple(range(1, 201)), COLUMNS))
        qtbot.waitUntil(lambda: sum(len(each.rows) + len(each.gone) for each in answers) == 200)
        assert {each.columns for each in answers} == {COLUMNS}
        rows = {id: row for each in answers for id, row in each.rows}
        assert rows[42].cells[-2:] == ("42", "")
        assert 150 not in rows
    finally:
        engine.shutdown()
