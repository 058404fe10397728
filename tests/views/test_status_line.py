"""The line at the bottom tells the truth about the connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from prismq_gui.insight.messages import FileFacts, StatusCount
from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.polling.messages import Link, LinkState
from prismq_gui.views.status_line import LinkMark, StatusLine, human_bytes
from tests.views.fakes import EVIL


@pytest.fixture
def line(qtbot, theme) -> StatusLine:
    made = StatusLine(theme)
    qtbot.addWidget(made)
    made.resize(1_000, 30)
    with qtbot.waitExposed(made):
        made.show()
    return made


def facts(**changes) -> FileFacts:
    fields = {"path": Path("q.db"), "size_bytes": 7_340_032, "wal_bytes": 4_096, "journal_mode": "wal"}
    return FileFacts(**(fields | {"user_version": 0} | changes))


def test_without_a_file_nothing_is_claimed(line):
    assert line.link_label.text() == "No file open"
    assert line.counts_label.text() == ""
    assert line.size_label.text() == ""
    assert not line.read_only_label.isVisible()


def test_live_tells_how_long_ago_it_changed(line):
    line.set_link(Link(LinkState.LIVE, 1), 10.0)
    assert line.link_label.text() == "Live, no change seen yet"
    line.set_changed_at(9.7, 10.0)
    assert line.link_label.text() == "Live, changed 0.3 s ago"
    line.tick(200.0)
    assert line.link_label.text() == "Live, changed 3 min ago"
    line.tick(5.0)
    assert line.link_label.text() == "Live, changed 0.0 s ago", "never negative"


def test_a_state_that_is_not_live_says_so_and_why(line):
    problem = Problem(ProblemKind.MISSING, "Gone", EVIL, "Nothing was written.", "Wait.")
    line.set_changed_at(9.0, 10.0)
    line.set_link(Link(LinkState.MISSING, 1, problem), 12.0)
    assert line.link_label.text() == "File gone, last change seen 3 s ago"
    assert "&lt;b&gt;" in line.link_label.toolTip()
    assert "<img" not in line.link_label.toolTip()
    assert line.link_label.textFormat() is Qt.TextFormat.PlainText


def test_every_state_has_a_shape_of_its_own(qtbot, theme):
    mark = LinkMark(theme)
    qtbot.addWidget(mark)
    mark.resize(20, 20)
    shapes = {}
    for state in (LinkState.LIVE, LinkState.PAUSED, LinkState.BUSY, LinkState.MISSING):
        mark.set_state(state)
        image = mark.grab().toImage()
        ground = image.pixel(0, 0)
        shapes[state] = tuple(image.pixel(x, y) != ground for x in range(20) for y in range(20))
    assert len(set(shapes.values())) == 4


def test_read_only_and_notes_are_marked_with_their_reason(line):
    line.set_facts(facts(notes=(EVIL, "Not WAL."), write_refusal="Newer than this program."))
    assert line.read_only_label.isVisible()
    assert "Newer than this program" in line.read_only_label.toolTip()
    assert line.notes_label.text() == "2 notes"
    assert "<img" not in line.notes_label.toolTip()
    line.set_facts(facts())
    assert not line.read_only_label.isVisible()
    assert not line.notes_label.isVisible()
    line.set_facts(facts(), read_only=True)
    assert line.read_only_label.isVisible()


def test_sizes_and_counts(line):
    line.set_facts(facts())
    assert line.size_label.text() == "Database 7.0 MiB  ·  WAL 4.0 KiB"
    line.set_counts((StatusCount("queued", 1_000_000, 0.0), StatusCount("failed", 1, 0.0)))
    assert line.counts_label.text() == "1,000,001 tasks"
    line.set_counts(())
    assert line.counts_label.text() == "", "no false zero"


def test_a_message_is_plain_and_never_widens_the_window(line):
    narrow = line.minimumSizeHint().width()
    line.show_message(EVIL * 20)
    assert line.minimumSizeHint().width() == narrow
    assert line.message_label.textFormat() is Qt.TextFormat.PlainText


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (5 * 2**40, "5.0 TiB"),
        (2**60, "1048576 TiB"),
    ],
)
def test_bytes_for_people(size: int, text: str):
    assert human_bytes(size) == text
