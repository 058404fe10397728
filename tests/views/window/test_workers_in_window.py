"""The page of the workers in the real window: no false alarm after sleep, and laid out as it was left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.verdict import Code
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


class Shift:
    """Moves the clocks that a window judges silence by."""

    def __init__(self, driver: Driver) -> None:
        self.by = timedelta()
        listening = driver.window.engine.listening
        clock = listening._clock
        self.slept_s = 0.0
        listening._wall = self.now
        listening._clock = lambda: clock() + self.slept_s

    def now(self):
        return now_utc() + self.by

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: both clocks go on, nothing else."""
        self.slept_s += seconds
        self.by += timedelta(seconds=seconds)


def cells(driver: Driver, key: str) -> list[str]:
    model = driver.window.workers_page.model
    at = [column.key for column in model.columns].index(key)
    return [model.cells(row)[at] for row in range(model.rowCount())]


def test_B14_after_sleep_and_after_a_clock_set_back_there_is_no_false_alarm(make_window, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q ü.db", 2)
    beat, lease = utc_text(now_utc()), utc_text(now_utc() + timedelta(minutes=5))
    run_sql(path, "INSERT INTO workers VALUES ('alive', '{}', ?)", (beat,))
    run_sql(path, "INSERT INTO workers VALUES ('dead', '{}', '2026-01-01 00:00:00')")
    sql = "UPDATE task_queue SET status = 'processing', locked_by = ?, lease_until_utc = ? WHERE id = ?"
    run_sql(path, sql, ("alive", lease, 1))
    run_sql(path, sql, ("dead", lease, 2))
    driver = make_window().open(path)
    window, page = driver.window, driver.window.overview_page
    shift = Shift(driver)
    driver.act("show_overview")

    def codes() -> list[Code]:
        return [reason.code for reason in page._news.overview.verdict.reasons] if page._news else []

    driver.until(lambda: codes() == [Code.SILENT_WORKERS])
    before = len(codes())
    shift.sleep(8 * 3_600)
    driver.until(lambda: "The computer slept for 8 h; waiting for heartbeats." in page.verdict.unknown.text())
    assert codes() == [Code.SILENT_WORKERS]
    assert page.problem_count == before
    driver.until(lambda: "8 h ago" in cells(driver, "heartbeat_utc")[0])
    assert cells(driver, "state") == ["busy", "silent"]
    assert window.rail.button("workers").badge_text() == "1"

    run_sql(path, "UPDATE workers SET heartbeat_utc = ? WHERE worker_id = 'alive'", (utc_text(shift.now()),))
    driver.until(lambda: page.verdict.unknown.text() == "")  # it is read on by itself, and nobody is awaited
    assert codes() == [Code.SILENT_WORKERS]

    shift.by -= timedelta(hours=1)
    driver.until(lambda: "in the future by" in cells(driver, "heartbeat_utc")[0])
    assert cells(driver, "state") == ["busy", "silent"]
    assert not any("-" in age for age in cells(driver, "heartbeat_utc"))
    assert codes() == [Code.SILENT_WORKERS]


def test_while_nobody_looks_at_the_file_no_worker_becomes_silent(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', ?)", (utc_text(now_utc()),))
    driver.open(path)
    driver.act("show_workers")
    driver.until(lambda: cells(driver, "state") == ["idle"])
    driver.window.session.set_paused(True)
    driver.until(lambda: driver.window.session.link.state.name == "PAUSED")
    page = driver.window.workers_page
    later = now_utc() + timedelta(minutes=10)
    page._desk.listening._wall = lambda: later
    page.tick()
    assert cells(driver, "state") == ["idle"], "it may beat unseen"
    page._desk.listening._wall = now_utc
    driver.window.session.set_paused(False)


def test_divider_length_and_table_of_the_lanes_are_remembered(make_window, sample_db, tmp_path: Path) -> None:
    first = make_window(tmp_path / "kept").open(sample_db)
    page = first.window.workers_page
    first.act("show_workers")
    first.until(page.kept_sizes)
    whole = sum(page.splitter.sizes())
    page.splitter.setSizes([whole - whole // 3, whole // 3])
    page.lanes.period.setCurrentIndex(3)
    page.lanes.table_button.click()
    first.window.close()

    unseen = make_window(tmp_path / "kept")  # the page is not in view: nothing of it is forgotten
    unseen.window.close()

    second = make_window(tmp_path / "kept")
    kept = second.window.workers_page
    assert (kept.lanes.period.currentIndex(), kept.lanes.table_button.isChecked()) == (3, True)
    second.window.open_path(sample_db)
    second.until(lambda: kept.splitter.isVisible() and share(kept.splitter.sizes()) == pytest.approx(1 / 3, abs=0.02))


def share(sizes: list[int]) -> float:
    return sizes[1] / sum(sizes)
