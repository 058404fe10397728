"""Why is it not running, and the timeline, as the panel shows them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from prismq_gui.insight.explanations import Explanation, Line, Upcoming, Verdict, WorkerMatch
from prismq_gui.insight.timeline import Attempt, Note, NoteKind, Outcome, Source, Sources, Timeline
from prismq_gui.polling.look_wishes import TaskStory
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.views.attempt_list import attempt_words
from prismq_gui.views.detail_panel import ATTEMPTS, DetailPanel
from prismq_gui.views.why_view import line_words
from tests.views.fakes import EVIL, detail, task_row

NOW = datetime(2026, 3, 1, 12, 0, 0)


def explanation(**changes) -> Explanation:
    lines = (Line(Strategy.PRIORITY, 2, True), Line(Strategy.FIFO, 10_000, False))
    worker = WorkerMatch("w-1", "silent", NOW - timedelta(hours=2), False, ("region",), 0)
    fields = {
        "task_id": 7,
        "verdict": Verdict.IN_LINE,
        "sentence": "It is due: place 3 by priority.",
        "details": ("Its time is odd.", "Priority: place 3.", "First: x.", "Ahead.", f"w-1: {EVIL}, lacks region."),
        "workers": (worker,),
        "lines": lines,
        "first": (Upcoming(2**40, 1, NOW), Upcoming(5, 1, NOW)),
    }
    return Explanation(**(fields | changes))


def timeline(*attempts: Attempt) -> Timeline:
    note = Note(NoteKind.GAP, "Something is missing.")
    return Timeline(7, "failed", attempts, (), (note,), None, 3, 3, 0)


def story(task_id: int = 7, **changes) -> TaskStory:
    fields = {"explanation": explanation(task_id=task_id), "timeline": timeline()}
    return TaskStory(task_id, NOW, **(fields | changes))


@pytest.fixture
def panel(qtbot, theme):
    made = DetailPanel(theme)
    qtbot.addWidget(made)
    made.resize(460, 700)
    made.show()
    return made


def show(panel: DetailPanel, id: int = 7) -> None:
    panel.show_loading(id)
    panel.show_detail(detail(task_row(id=id, status="queued")), "Waiting.", NOW)


def test_the_sentence_on_top_is_the_verdict(panel):
    show(panel)
    assert panel.sentence_label.text() == "Waiting."
    panel.show_story(story())
    assert panel.sentence_label.text() == "It is due: place 3 by priority."
    assert panel.accessibleDescription() == "It is due: place 3 by priority."


def test_a_story_that_comes_before_its_task_is_shown_with_it(panel):
    panel.show_loading(7)
    panel.show_story(story())
    panel.show_detail(detail(task_row(status="queued")), "Waiting.", NOW)
    assert panel.sentence_label.text() == "It is due: place 3 by priority."
    assert panel.why.lines.texts()


def test_a_story_of_another_task_is_not_shown(panel):
    show(panel)
    panel.show_story(story(8))
    assert panel.sentence_label.text() == "Waiting."
    assert panel.why.lines.texts() == []


def test_another_task_does_not_keep_the_story(panel):
    show(panel)
    panel.show_story(story())
    show(panel, 8)
    assert panel.sentence_label.text() == "Waiting."
    assert (panel.why.lines.texts(), panel.attempts.texts(), panel.why.links()) == ([], [], [])


def test_a_task_that_has_changed_shows_its_new_state_until_it_is_explained_anew(panel):
    show(panel)
    panel.show_story(story())
    panel.show_detail(detail(task_row(status="queued")), "Waiting.", NOW)
    assert panel.sentence_label.text() == "It is due: place 3 by priority."
    panel.show_detail(detail(task_row(status="completed")), "Completed.", NOW)
    assert panel.sentence_label.text() == "Completed."


def test_places_that_are_still_counted_say_so(panel):
    show(panel)
    panel.show_story(story())
    assert panel.why.lines.texts() == ["place 3: 2 ahead", "more than 10,000 ahead, counting…"]
    assert line_words(Line(Strategy.LIFO, 0, True)) == "next: none is ahead"
    drawn = Line(Strategy.WEIGHTED_RANDOM, 3, True, chance=0.25)
    assert line_words(drawn) == "25 % to be drawn next, 3 others are in the draw"


def test_the_tasks_ahead_are_links_with_whole_ids(panel, qtbot):
    show(panel)
    panel.show_story(story())
    first, second = panel.why.links()
    assert (first.text(), second.text()) == (f"#{2**40}", "#5")
    with qtbot.waitSignal(panel.task_requested) as asked:
        QTest.keyClick(first, Qt.Key.Key_Space)
    assert asked.args == [2**40]


def test_workers_and_notes_are_plain_text(panel):
    show(panel)
    panel.show_story(story())
    assert panel.why.workers.texts() == [f"w-1: {EVIL}, lacks region"]
    assert panel.why.notes.texts() == ["Its time is odd."]


def test_a_reading_that_fails_leaves_what_was_told_and_marks_it_as_old(panel):
    show(panel)
    panel.show_story_problem(7, "The file is busy.")
    assert panel.why.sentence.text() == "The file is busy."
    panel.show_story(story())
    panel.show_story_problem(7, "The file is busy.")
    assert panel.why.lines.texts()
    assert panel.why.notes.texts() == ["This is old, it could not be read anew: The file is busy."]


def test_attempts_tell_waits_runs_errors_and_what_is_inferred(panel):
    began = datetime(2026, 3, 1, 11, 0, 0)
    attempt = Attempt(
        2, began, began, began, None, Outcome.RETRIED, "w-1", f"ValueError: {EVIL}", 65.0, 3.5,
        Sources(Source.INFERRED, ended_at=Source.INFERRED, outcome=Source.LOG),
    )  # fmt: skip
    first, second, third = attempt_words(attempt).split("\n")
    assert first == "Attempt 2 (inferred): failed, to be tried again – w-1"
    assert second.startswith("waited 65 s, began ")
    assert second.endswith("ran 3.5 s (inferred)")
    assert third == f"ValueError: {EVIL}"

    show(panel)
    panel.show_story(story(timeline=timeline(attempt)))
    assert panel.tabs.tabText(ATTEMPTS) == "Atte&mpts (1)"
    assert panel.attempts.texts() == [attempt_words(attempt), "Something is missing."]
    panel.attempts.selectAll()
    QTest.keyClick(panel.attempts, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{attempt_words(attempt)}\nSomething is missing."


def test_the_payload_stays_the_first_tab_seen(panel):
    show(panel)
    assert panel.tabs.currentWidget() is panel.payload
