"""What can be offered while a filter is typed: read in the poll thread, once a change, of the open file alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from prismq_gui.insight.filters import LogFilter, TaskFilter
from prismq_gui.insight.language import Table as LanguageTable
from prismq_gui.insight.language import parse
from prismq_gui.polling.known import Known
from prismq_gui.polling.messages import Table


def told(engine) -> list:
    heard: list = []
    engine.known_values.connect(heard.append)
    return heard


def add_task(path: Path, kind: str, payload: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO task_queue (type, status, payload) VALUES (?, 'queued', ?)", (kind, payload))
        file.commit()


def test_values_that_occur_are_told_when_asked(engine, opened, qtbot, sample_db):
    opened(sample_db)
    heard = told(engine)
    engine.request_known_values()
    qtbot.waitUntil(lambda: bool(heard), timeout=5_000)
    known = heard[0]
    assert isinstance(known, Known)
    assert "failed" in known.values.statuses
    assert "video.render" in known.values.types or known.values.types
    assert "worker-05" in known.values.workers
    assert "ERROR" in known.values.levels
    assert known.values.paths


def test_they_are_read_again_only_after_the_file_changed(engine, opened, qtbot, sample_db):
    listener = opened(sample_db)
    heard = told(engine)
    for _ in range(3):
        engine.request_known_values()
    listener.ask()
    qtbot.waitUntil(lambda: listener.is_answered() and bool(heard), timeout=5_000)
    generation = listener.snapshot.data_generation
    add_task(sample_db, "brand.new", '{"planet": "mars"}')
    qtbot.waitUntil(lambda: "brand.new" in listener.snapshot.types, timeout=5_000)
    assert listener.snapshot.data_generation > generation
    count = len(heard)
    engine.request_known_values()
    qtbot.waitUntil(lambda: len(heard) > count, timeout=5_000)
    assert ("planet",) in heard[-1].values.paths
    assert count == 1  # the three wishes before were one reading


def test_a_file_that_is_left_has_none(engine, opened, qtbot, sample_db):
    opened(sample_db)
    heard = told(engine)
    engine.request_known_values()
    qtbot.waitUntil(lambda: bool(heard), timeout=5_000)
    engine.close_file()
    assert heard[-1] is None
    engine.request_known_values()


def test_a_feed_answers_a_parsed_filter_and_adds_what_comes_live(engine, opened, qtbot, sample_db):
    listener = opened(sample_db)
    listener.ask(filter=TaskFilter(query=parse("type:brand.* payload.planet=mars")))
    qtbot.waitUntil(listener.is_answered, timeout=5_000)
    assert listener.shown() == []
    add_task(sample_db, "brand.new", '{"planet": "mars"}')
    add_task(sample_db, "brand.new", '{"planet": "venus"}')
    qtbot.waitUntil(lambda: len(listener.shown()) == 1, timeout=5_000)
    listener.ask(Table.LOGS, LogFilter(query=parse("level:error", LanguageTable.LOGS)))
    qtbot.waitUntil(lambda: listener.is_answered(Table.LOGS), timeout=5_000)
    assert listener.shown(Table.LOGS)


def test_there_is_one_definition_of_the_tables():
    assert LanguageTable is Table
