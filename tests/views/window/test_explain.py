"""Why is it not running, what comes next and what workers ran, in the real window on real files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.explanations import Verdict
from prismq_gui.insight.states import StatusKind
from prismq_gui.polling import look_wishes
from prismq_gui.polling.look_wishes import TaskWish, Upcoming50
from prismq_gui.polling.looking import Look
from prismq_gui.queue.claim_sql import Strategy
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def explained(driver: Driver, task_id: int):
    """Choose a task, wait for its explanation and return it."""
    page = driver.window.tasks_page
    page.reveal(task_id)
    driver.until(
        lambda: (
            page.detail.is_showing_task
            and page.detail.task_id == task_id
            and page.detail._story is not None
            and not page.detail._story.counting
        )
    )
    return page.detail._story.explanation


def test_running_tasks_of_the_sample_are_explained_as_on_expired_leases(opened: Driver) -> None:
    detail = opened.window.tasks_page.detail
    found = explained(opened, 168)
    assert found.verdict is Verdict.LEASE_EXPIRED
    assert detail.sentence_label.text() == found.sentence
    assert "But no worker is alive: all 6 are silent, worker-05 longest" in found.sentence
    assert sum("silent for" in text for text in detail.why.workers.texts()) == 6
    assert "running" in detail.attempts.texts()[-1]


def test_a_waiting_task_of_the_sample_is_explained_by_when_it_is_really_due(opened: Driver, sample_db: Path) -> None:
    iso = "SELECT id FROM task_queue WHERE status = 'queued' AND run_after_utc LIKE '____-__-__T%' ORDER BY id DESC"
    ((task_id,), *others) = run_sql(sample_db, iso)
    assert len(others) == 292
    found = explained(opened, task_id)
    assert found.due is not None
    assert found.due.is_due
    detail = opened.window.tasks_page.detail
    assert detail.sentence_label.text().startswith("Due since ")
    assert all(text.startswith(("place", "next")) for text in detail.why.lines.texts()[:3])


def test_a_task_ahead_is_reached_by_its_link(opened: Driver, sample_db: Path) -> None:
    ((task_id,),) = run_sql(sample_db, "SELECT max(id) FROM task_queue WHERE status = 'queued'")
    found = explained(opened, task_id)
    detail = opened.window.tasks_page.detail
    detail.why.links()[0].click()
    opened.until(lambda: detail.task_id == found.first[0].task_id)


def test_a_task_that_is_claimed_is_explained_anew(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 2)
    driver.open(path)
    assert explained(driver, 2).line(Strategy.PRIORITY).place == 2
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE id = 1")
    lines = driver.window.tasks_page.detail.why.lines
    driver.until(lambda: lines.texts()[0] == "next: none is ahead")


def test_paused_nothing_is_asked_again(driver: Driver, tmp_path: Path) -> None:
    driver.open(make_foreign_queue(tmp_path / "q.db", 2))
    explained(driver, 2)
    story = driver.window.tasks_page.story
    driver.until(lambda: not story._runs)  # else it would not ask again for that reason
    driver.window.session.set_paused(True)
    story._asked_at = 0.0
    number = story._number
    story.tick()
    assert story._number == number
    driver.window.session.set_paused(False)
    story.tick()
    assert story._number > number


def test_what_comes_next_is_told_for_the_chosen_worker(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 60)
    run_sql(path, 'UPDATE task_queue SET compatibility = \'{"region": "eu"}\' WHERE id <= 5')
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('us', '{\"region\": \"us\"}')")
    driver.open(path)
    driver.act("next_tasks")
    dialog = driver.window.commands.next_dialog
    assert dialog is not None
    driver.until(lambda: dialog.is_told)
    assert [dialog.tree.topLevelItem(row).text(1) for row in (0, 49)] == ["1", "50"]
    dialog.worker.setCurrentIndex(1)
    driver.until(lambda: dialog.is_told)
    assert dialog.tree.topLevelItem(0).text(1) == "6"
    dialog.strategy.setCurrentIndex(list(Strategy).index(Strategy.LIFO))
    driver.until(lambda: dialog.is_told)
    assert dialog.tree.topLevelItem(0).text(1) == "60"
    dialog.strategy.setCurrentIndex(list(Strategy).index(Strategy.WEIGHTED_RANDOM))
    driver.until(lambda: dialog.is_told)
    assert dialog.tree.topLevelItem(0).text(5) == "1.82 %"
    QTest.keyClick(dialog.tree, Qt.Key.Key_Return)
    chosen = int(dialog.tree.topLevelItem(0).text(1))
    driver.until(lambda: driver.window.tasks_page.detail.task_id == chosen)
    driver.window.commands.close_file()
    assert driver.window.commands.next_dialog is None


def test_what_comes_next_is_told_for_chosen_types_by_keys_alone(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 6)
    run_sql(path, "UPDATE task_queue SET type = 'mail' WHERE id > 2")
    run_sql(path, "UPDATE task_queue SET type = 'a, b' WHERE id > 4")
    driver.open(path)
    QTest.keyClick(driver.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    dialog = driver.window.commands.next_dialog
    assert dialog is not None
    driver.until(lambda: dialog.is_told)

    def shown() -> list[str]:
        items = [dialog.tree.topLevelItem(row) for row in range(dialog.tree.topLevelItemCount())]
        return [f"{item.text(1)} {item.text(2)}" for item in items]

    def ask_for(text: str) -> list[str]:
        dialog.types.clear()
        QTest.keyClicks(dialog.types, text)
        QTest.keyClick(dialog.types, Qt.Key.Key_Return)
        driver.until(lambda: dialog.is_told)
        return shown()

    assert ask_for("mail") == ["3 mail", "4 mail"]
    assert ask_for("job, mail") == ["1 job", "2 job", "3 mail", "4 mail"]
    assert ask_for("a, b") == ["5 a, b", "6 a, b"]
    assert ask_for("x") == []
    assert "nothing that a worker" in dialog.words.text()
    assert len(ask_for("")) == 6
    assert dialog.isVisible(), "Enter in the line closes nothing"


def test_a_long_search_for_what_comes_next_tells_how_far_it_is_and_stops(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_wishes, "TELL_EVERY_S", 0.0)
    path = make_foreign_queue(tmp_path / "long.db", 30_000)
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('cpu', '{\"gpu\": false}')")
    run_sql(path, "UPDATE task_queue SET compatibility = '{\"gpu\": true}' WHERE id > 3")
    driver.open(path)
    driver.act("next_tasks")
    dialog = driver.window.commands.next_dialog
    driver.until(lambda: dialog.is_told)
    told: list[str] = []
    desk = driver.window.engine.looks

    def stop_on_the_way(look: Look) -> None:
        found = look.answer
        tasks = found.tasks if isinstance(found, Upcoming50) else None
        if tasks is not None and not tasks.complete and len(tasks.tasks) == 3 and not told:
            told.append(dialog.words.text())
            dialog.stop_button.click()

    desk.told.connect(stop_on_the_way)
    dialog.worker.setCurrentIndex(1)
    driver.until(lambda: told and dialog.is_told)
    assert "of at most 30,000 that wait; 3 found so far" in told[0]
    assert dialog.words.text().endswith("the 3 found till then are shown.")
    assert dialog.tree.topLevelItemCount() == 3
    assert not dialog.stop_button.isEnabled()
    dialog.again_button.click()
    driver.until(lambda: dialog.is_told)
    assert "It offers gpu False." in dialog.words.text()
    assert dialog.bar.isHidden()


@pytest.mark.usefixtures("qapp")
def test_workers_of_the_sample_are_silent_with_what_they_hold(opened: Driver) -> None:
    opened.act("show_workers")
    page = opened.window.workers_page
    opened.until(lambda: page.lanes.chart.lanes is not None)
    assert page.silent_count == 6
    assert len(page.lanes.chart.bars()) == 38
    held = page.table.column_names.index("held_for")
    assert all(page.model.cells(row)[held] not in ("", "not known") for row in range(6))
    assert page.model.data(page.model.index(0, 0), int(Qt.ItemDataRole.UserRole) + 1) is StatusKind.FAILED
    QTest.keyClick(page.lanes.chart, Qt.Key.Key_Right)
    QTest.keyClick(page.lanes.chart, Qt.Key.Key_Return)
    first = page.lanes.chart.bars()[0].span.task_id
    opened.until(lambda: opened.window.page == "tasks" and opened.window.tasks_page.detail.task_id == first)


def test_ended_in_the_midst_of_a_count_the_window_closes(driver: Driver, tmp_path: Path) -> None:
    driver.open(make_foreign_queue(tmp_path / "q.db", 100_000))
    driver.window.engine.looks.ask(TaskWish(100_000))
    driver.window.close()
