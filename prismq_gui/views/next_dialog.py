"""What a worker would take next, in order, under each strategy; nothing is taken.

Owns the choice of worker, types and strategy, and the list. Must not read: a desk does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.explanations import Offer, Upcoming
from prismq_gui.insight.messages import Cell
from prismq_gui.models.text import cell_text
from prismq_gui.models.times import short_time
from prismq_gui.polling.look_wishes import LookKind, NextWish, Upcoming50
from prismq_gui.polling.looking import Look, LookDesk, LookFailed
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, one_line
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.type_line import TypeLine
from prismq_gui.views.why_view import STRATEGIES

_TITLES = ("Place", "Task", "Type", "Priority", "Due since", "Chance", "Remark")
_CHANCE = 5
_NUMBERS = (0, 1, 3, _CHANCE)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ID = int(Qt.ItemDataRole.UserRole)
_ANY = "Any worker"
_MOST_OFFERED, _MOST_WORDS = 8, 200


class NextDialog(QDialog):
    """The next 50, beside the window. GUI thread. ``task_requested`` carries an id."""

    task_requested = Signal(object)

    def __init__(
        self, theme: Theme, desk: LookDesk, workers: Sequence[str], chosen: str = "", parent: QWidget | None = None,
        *, types: Sequence[str] = (), waiting: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._number = 0
        self._seed = 0
        self._waiting = waiting  # no more entries than that are looked at; None: not known
        self.is_told = False
        self._runs = False
        self._looked_at = self._found = 0
        self._offer: Offer | None = None
        self._names = ["", *workers]
        self.setWindowTitle("What comes next")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.worker = QComboBox(self)
        self.strategy = QComboBox(self)
        self.types = TypeLine(types, self)
        self.bar = ScanBar(theme, self)
        self.tree = QTreeWidget(self)
        set_role(self.tree, "columns")
        self.words = label("", "muted", self, wrap=True)
        self.draw_button = QPushButton("&Draw again", self)
        self.again_button = QPushButton("&Read again", self)
        self.stop_button = QPushButton("&Stop", self)
        self.close_button = QPushButton("Close", self)
        self._set_up(chosen)
        self._lay_out()
        self._connect()
        self.ask()

    def _set_up(self, chosen: str) -> None:
        self.worker.addItems([_ANY, *(one_line(name)[:100] for name in self._names[1:])])
        self.worker.setCurrentIndex(self._names.index(chosen) if chosen in self._names else 0)
        self.worker.setAccessibleName("Worker")
        self.worker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.worker.setMaximumWidth(self._theme.space(80))
        self.strategy.addItems(list(STRATEGIES.values()))
        self.strategy.setAccessibleName("Strategy")
        self.strategy.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.tree.setColumnCount(len(_TITLES))
        self.tree.setHeaderLabels(list(_TITLES))
        for column in _NUMBERS:
            self.tree.headerItem().setTextAlignment(column, _RIGHT)
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Tasks in the order they would be taken")
        self.close_button.setAutoDefault(False)

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setSpacing(space(2))
        for title, box in (("&Worker", self.worker), ("T&ypes", self.types), ("S&trategy", self.strategy)):
            name = label("", "muted", self)
            name.setText(title)
            name.setBuddy(box)
            head.addWidget(name)
            head.addWidget(box, 1 if box is self.types else 0)
        foot = QHBoxLayout()
        foot.setSpacing(space(2))
        foot.addStretch(1)
        for button in (self.stop_button, self.draw_button, self.again_button, self.close_button):
            button.setAutoDefault(False)
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(4), space(4), space(4), space(4))
        layout.setSpacing(space(3))
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.words)
        layout.addLayout(foot)
        tab_in_order(self.worker, self.types, self.strategy, self.tree)
        resize_within_screen(self, space(180), space(140))

    def _connect(self) -> None:
        self.worker.currentIndexChanged.connect(lambda _index: self.ask())
        self.strategy.currentIndexChanged.connect(lambda _index: self.ask())
        self.types.types_changed.connect(self.ask)
        self.tree.itemActivated.connect(lambda item: self.task_requested.emit(item.data(1, _ID)[0]))
        self.draw_button.clicked.connect(self._on_draw_button_clicked)
        self.again_button.clicked.connect(self.ask)
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.close_button.clicked.connect(self.close)
        self._desk.told.connect(self._on_desk_told)
        self._desk.failed.connect(self._on_desk_failed)
        self.finished.connect(lambda _result: self._desk.stop(LookKind.NEXT))

    # -- asking

    def chosen(self) -> tuple[str, Strategy]:
        """Return the worker ('' is any) and the strategy."""
        return self._names[self.worker.currentIndex()], list(STRATEGIES)[self.strategy.currentIndex()]

    def ask(self) -> None:
        """Ask what comes next by what is chosen; what was shown stays until the answer comes."""
        worker, strategy = self.chosen()
        drawn = strategy is Strategy.WEIGHTED_RANDOM
        self.draw_button.setVisible(drawn)
        self.tree.setColumnHidden(_CHANCE, not drawn)
        self.is_told = False
        self._number = self._desk.ask(NextWish(worker, strategy, self.types.types(), seed=self._seed))
        self._runs = self._number > 0
        self._looked_at = self._found = 0
        self.stop_button.setEnabled(self._runs)
        self.bar.setRange(0, 1_000 if self._waiting else 0)  # 0 to 0 moves to and fro
        self.bar.set_progress(0.0, not self._runs)
        self.words.setText("Reading…" if self._runs else "No file is open.")

    def _on_draw_button_clicked(self) -> None:
        self._seed += 1
        self.ask()

    def _on_stop_button_clicked(self) -> None:
        self._desk.stop(LookKind.NEXT)
        shown = f"the {self._found:,} found till then are shown." if self._found else "nothing was found till then."
        self._end(f"Stopped after {self._looked_at:,} of those that wait; {shown}")

    def _end(self, words: str) -> None:
        self._runs = False
        self.stop_button.setEnabled(False)
        self.bar.set_progress(1.0, True)
        self.words.setText(words)
        self.is_told = True

    # -- answers

    def _on_desk_told(self, look: Look) -> None:
        answer = look.answer
        if look.kind is not LookKind.NEXT or look.number != self._number or not isinstance(answer, Upcoming50):
            return
        self._offer = answer.offer
        if answer.tasks is None or not self._runs:
            return
        tasks = answer.tasks.tasks
        if answer.tasks.complete or len(tasks) != self._found or self._looked_at == 0:
            self._show(tasks, answer.types)
        self._looked_at, self._found = answer.looked_at, len(tasks)
        if answer.tasks.complete:
            self._end(self._summary(sum(not task.buried for task in tasks)))
        else:
            self._show_progress()

    def _show_progress(self) -> None:
        of = f" of at most {self._waiting:,}" if self._waiting and self._waiting >= self._looked_at else ""
        self.words.setText(f"Looked at {self._looked_at:,}{of} that wait; {self._found:,} found so far…")
        if self._waiting:
            self.bar.set_progress(min(1.0, self._looked_at / self._waiting), False)

    def note_snapshot(self, snapshot: object) -> None:
        """Close with the file: what is shown is of no other one."""
        if snapshot is None:
            self.close()

    def _on_desk_failed(self, failure: LookFailed) -> None:
        if failure.kind is LookKind.NEXT and failure.number == self._number:
            self.tree.clear()
            self._end(one_line(failure.problem.sentence()))

    def _show(self, tasks: Sequence[Upcoming], types: Mapping[int, Cell]) -> None:
        self.tree.clear()
        place, items = 0, []
        for task in tasks:
            place += not task.buried
            items.append(self._item("–" if task.buried else f"{place:,}", task, types))
        self.tree.addTopLevelItems(items)
        for column in range(len(_TITLES) - 1):
            self.tree.resizeColumnToContents(column)
            if not self.tree.isColumnHidden(column):
                self.tree.setColumnWidth(column, self.tree.columnWidth(column) + self._theme.space(3))
        if items:
            self.tree.setCurrentItem(items[0])

    def _summary(self, count: int) -> str:
        worker, strategy = self.chosen()
        who = one_line(worker)[:100] if worker else "a worker that takes every task"
        if not count:
            return f"There is nothing that {who} would take now: no task waits that is due and suits it."
        words = f"The next {count:,} that {who} would take, as of now; nothing is taken by looking."
        if worker and not self.types.types():
            words += " Which types it takes is not in the file: all are shown."
        if self._offer is not None:
            words += f" It offers {_offered(self._offer)}."
        if strategy is Strategy.WEIGHTED_RANDOM:
            words += " The order is one draw of many; the chance is that of being drawn first."
        return words

    def _item(self, place: str, task: Upcoming, types: Mapping[int, Cell]) -> QTreeWidgetItem:
        due = short_time(exact_text(task.due_utc)) if task.due_utc is not None else "–"
        chance = "–" if task.chance is None else f"{task.chance * 100:.3g} %"
        remark = ""
        if task.buried:
            remark = "becomes a dead letter: its attempts are used up"
        elif task.given_back:
            remark = "runs on a lease that is over: given back first"
        kind = one_line(cell_text(types.get(task.task_id)))[:100]
        cells = [place, f"{task.task_id}", kind, one_line(cell_text(task.priority)), due, chance, remark]
        item = QTreeWidgetItem(cells)
        item.setData(1, _ID, (task.task_id,))  # not a Qt int
        for column in _NUMBERS:
            item.setTextAlignment(column, _RIGHT)
        return item


def _offered(offer: Offer) -> str:
    """Return a worker's capabilities in words, cut."""
    found = [f"{name} {value}" for name, value in sorted(offer.capabilities.items())]
    words = one_line(", ".join(found[:_MOST_OFFERED]))[:_MOST_WORDS]
    return f"{words} and more" if len(found) > _MOST_OFFERED else words or "nothing"
