"""Real windows on real files, always closed, and no thread of theirs left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from prismq_gui.app import main_window
from prismq_gui.views.main_window import MainWindow
from prismq_gui.views.plan_dialog import PlanDialog, Step

WAIT_MS = 10_000


class Driver:
    """Does to a window what a person does, and waits for what a person would see."""

    def __init__(self, qtbot, window: MainWindow) -> None:
        self.qtbot = qtbot
        self.window = window

    def until(self, fulfilled: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(fulfilled()), timeout=WAIT_MS)

    def open(self, path: Path, **wishes: bool) -> Driver:
        """Open a file and wait for its figures and rows."""
        with self.qtbot.waitSignal(self.window.first_rows_shown, timeout=WAIT_MS):
            self.window.open_path(path, **wishes)
        window = self.window
        self.until(lambda: window.session.snapshot is not None and window.tasks_page.model.is_complete)
        return self

    def filter(self, **wanted: object) -> None:
        """Filter the tasks and wait for the list."""
        from prismq_gui.insight.filters import TaskFilter

        page = self.window.tasks_page
        page.set_filter(TaskFilter(**wanted))
        self.until(lambda: page.model.is_complete and page.model.filter == page.filter())

    def select_first(self) -> int:
        """Select the first task and return its id."""
        table = self.window.tasks_page.table
        table.selectRow(0)
        assert isinstance(table.current_id, int)
        return table.current_id

    def act(self, id: str) -> None:
        """Do an action, which must be on."""
        assert self.window.actions_[id].isEnabled(), f"{id} is off: {self.window.actions_.reason(id)}"
        self.window.actions_[id].trigger()

    def preview(self, id: str) -> PlanDialog:
        """Do an action that previews, and wait for the preview or the refusal."""
        self.act(id)
        dialog = self.window.commands.plan_dialog
        assert dialog is not None
        self.until(lambda: dialog.step in (Step.PREVIEW, Step.DONE))
        return dialog

    def run(self, id: str) -> PlanDialog:
        """Do an action, confirm it, and wait for the report."""
        dialog = self.preview(id)
        assert dialog.step is Step.PREVIEW, dialog.sentence.text()
        dialog.confirm_button.click()
        self.until(lambda: dialog.step is Step.DONE)
        return dialog

    def chip(self, title: str) -> str:
        """Return what stands on a chip after its title."""
        chip = next(each for each in self.window.tasks_page.chips.chips() if each.title == title)
        return chip.text().strip().removeprefix(title).strip()

    def column(self, name: str) -> list[str]:
        """Return the texts of a column of the tasks in view, as they are shown."""
        table = self.window.tasks_page.table
        at, model = table.column_names.index(name), self.window.tasks_page.model
        first, last = table.visible_rows()
        self.until(lambda: all(model.cells(row) is not None for row in range(first, last + 1)))
        return [(model.cells(row) or ("",))[at] for row in range(first, last + 1)]

    def banner(self) -> str:
        """Wait until the banner tells of more than the file's own notes, and return its words."""
        self.until(lambda: not self.is_quiet())
        return " ".join(self.window.banner.texts())

    def is_quiet(self) -> bool:
        """Whether the banner tells nothing, or only what is to be known of the file."""
        banner = self.window.banner
        return banner.isHidden() or banner.texts()[0].startswith("About ")


@pytest.fixture
def make_window(qapp: QApplication, qtbot, tmp_path: Path, monkeypatch) -> Iterator[Callable[..., Driver]]:
    """Make windows; each is closed at the end of the test, if it is not yet."""
    monkeypatch.setenv("PRISMQ_QUEUE_DB_PATH", str(tmp_path / "default" / "queue.db"))
    with ExitStack() as stack:

        def make(data: Path | None = None, *, show: bool = True) -> Driver:
            window = stack.enter_context(main_window(qapp, data or tmp_path / "data"))
            window.resize(1280, 800)
            if show:
                window.show()
                qtbot.waitExposed(window)
            return Driver(qtbot, window)

        yield make


@pytest.fixture
def driver(make_window: Callable[..., Driver]) -> Driver:
    """A window without a file."""
    return make_window()


@pytest.fixture
def opened(driver: Driver, sample_db: Path) -> Driver:
    """A window on a copy of the sample."""
    return driver.open(sample_db)
