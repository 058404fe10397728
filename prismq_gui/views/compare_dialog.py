"""Two queue files compared: which tasks are new, gone or changed, and in what.

Owns the choice of the files, kinds and field, and the list. Must not read: a desk does.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.compare_records import Comparison, DifferenceKind
from prismq_gui.models.compare_model import CompareModel, RowKey
from prismq_gui.models.text import one_line as short_line
from prismq_gui.polling.comparing import CompareDesk, CompareNews, PlacesTold, RowsTold
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import compare_words as words
from prismq_gui.views.caution_dialog import CautionDialog
from prismq_gui.views.compare_details import CompareDetails
from prismq_gui.views.compare_head import CompareHead
from prismq_gui.views.dropping import dropped_file
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, no_mnemonic, one_line, tooltip
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView

NAME_CHARACTERS = 24
_MOST_BROUGHT = 100_000
_KINDS: tuple[DifferenceKind | None, ...] = (None, *DifferenceKind)
_ALWAYS = (None, DifferenceKind.CHANGED, DifferenceKind.APPEARED, DifferenceKind.VANISHED)


class CompareDialog(QDialog):
    """Beside the window. GUI thread. ``task_requested`` carries a file and the id of a task to be shown.

    ``bring_back_requested`` carries both files and the ids of tasks that the newer one has no more.
    """

    task_requested = Signal(object, object)
    bring_back_requested = Signal(object, object, object)

    def __init__(self, theme: Theme, desk: CompareDesk, before: Path, after: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self.paths = (before, after)
        self._kind: DifferenceKind | None = None
        self.is_running = False
        self.setWindowTitle("Compare two queue files")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAcceptDrops(True)
        self.head = CompareHead(theme, self)
        self.chips = {kind: QToolButton(self) for kind in _KINDS}
        self.field_box = QComboBox(self)
        self.sentence = label("", "", self, wrap=True)
        self.note = label("", "muted", self, wrap=True)
        self.scan_bar = ScanBar(theme, self)
        self.model = CompareModel(self)
        self.table = BigTableView(theme, self)
        self.empty = EmptyState(theme, self)
        self.details = CompareDetails(theme, self)
        self.stack = QStackedWidget(self)
        self.show_buttons = (QPushButton(self), QPushButton(self))
        self.bring_button = QPushButton("Bring &back…", self)
        self.command_button = QPushButton("Copy e&xport command", self)
        self.stop_button = QPushButton("&Stop", self)
        self.again_button = QPushButton("Compare &again", self)
        self.close_button = QPushButton("Close", self)
        self._set_up()
        self._lay_out()
        self._connect()
        self.compare(before, after)

    # -- the widgets

    def _set_up(self) -> None:
        theme = self._theme
        group = QButtonGroup(self)
        for kind, chip in self.chips.items():
            chip.setCheckable(True)
            chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            chip.setToolTip(words.CHIP_HELP[kind])
            set_role(chip, "chip")
            group.addButton(chip)
            chip.clicked.connect(lambda _checked, kind=kind: self.show_kind(kind))
        self.chips[None].setChecked(True)
        self.field_box.setAccessibleName("Field that differs")
        self.field_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.table.setObjectName("compare")
        self.table.setAccessibleName("What differs")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.scan_bar.setAccessibleName("Comparing the files")
        for button in self.show_buttons:
            theme.bind_icon(button, "external-link")
            button.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
        self.bring_button.setToolTip("Bring the selected vanished tasks back into the newer file, after a preview")
        self.command_button.setToolTip("Copy the command that writes every difference as a line of JSON")

    def _lay_out(self) -> None:
        space = self._theme.space
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(4), space(4), space(4), space(4))
        layout.setSpacing(space(2))
        layout.addWidget(self.head)
        layout.addWidget(self.sentence)
        layout.addWidget(self.note)
        layout.addLayout(self._chips())
        layout.addWidget(self.scan_bar)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.table)
        splitter.addWidget(self.details)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(1)
        splitter.setSizes([space(90), space(45)])
        self.stack.addWidget(splitter)
        self.stack.addWidget(self.empty)
        layout.addWidget(self.stack, 1)
        layout.addLayout(self._foot())
        head, chips = self.head, self.chips.values()
        tab_in_order(head.swap_button, head.other_button, *chips, self.field_box, self.table, self.details)
        resize_within_screen(self, space(230), space(170))

    def _chips(self) -> FlowLayout:
        flow = FlowLayout(spacing=self._theme.space(2))
        for chip in self.chips.values():
            flow.addWidget(chip)
        flow.addWidget(self.field_box)
        return flow

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setSpacing(self._theme.space(2))
        for button in (*self.show_buttons, self.bring_button, self.command_button):
            foot.addWidget(button)
        foot.addStretch(1)
        for button in (self.stop_button, self.again_button, self.close_button):
            foot.addWidget(button)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        return foot

    def _connect(self) -> None:
        self._whole_timer = QTimer(self, singleShot=True, interval=60)  # not for each row that the arrow keys pass
        self._whole_timer.timeout.connect(self._on_whole_timer_timeout)
        self.table.current_id_changed.connect(self._on_table_current_id_changed)
        self.table.row_activated.connect(lambda _key: self._show_task(1))
        self.field_box.activated.connect(self._on_field_box_activated)
        self.head.chosen.connect(self.compare)
        self.stop_button.clicked.connect(self._desk.stop)
        self.again_button.clicked.connect(lambda: self.compare(*self.paths))
        self.close_button.clicked.connect(self.close)
        self.command_button.clicked.connect(self._on_command_button_clicked)
        self.bring_button.clicked.connect(self._on_bring_button_clicked)
        self.table.selected_count_changed.connect(lambda _count: self._show_buttons())
        self.empty.action_requested.connect(self.head.choose_other)
        for place, button in enumerate(self.show_buttons):
            button.clicked.connect(lambda _checked=False, place=place: self._show_task(place))
        self.model.pairs_wanted.connect(self._desk.request_rows)
        self._desk.news.connect(self._on_desk_news)
        self._desk.rows.connect(self._on_desk_rows)
        self._desk.whole.connect(self._on_desk_whole)
        self._desk.places.connect(self._on_desk_places)

    # -- the files

    def compare(self, before: Path, after: Path, *, confirmed: bool = False) -> None:
        """Compare these two, in place of those before."""
        self.paths = (before, after)
        self.head.show_paths(before, after)
        for place, path in enumerate(self.paths):
            name = short_line(path.name, NAME_CHARACTERS)
            self.show_buttons[place].setText(no_mnemonic(f"Show in {name}"))
            self.show_buttons[place].setToolTip(tooltip(f"Show the task in {path}"))
        self._show_result(None)
        self._run(self._desk.compare(before, after, confirmed=confirmed) > 0)
        self._say("Comparing…")
        self.empty.show_state("git-compare", "Comparing", "Both files are only read, in short steps.")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one local file."""
        if dropped_file(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Compare with the file that was dropped."""
        path = dropped_file(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.compare(path, self.paths[1])

    # -- answers

    def _run(self, running: bool) -> None:
        self.is_running = running
        self.stop_button.setEnabled(running)
        self.again_button.setEnabled(not running)
        self.scan_bar.set_progress(0.0, not running)

    def _on_desk_news(self, news: CompareNews) -> None:
        if news.progress is not None:
            self.scan_bar.set_progress(news.progress.done, False)
            self._say(f"{news.progress.done:.0%}: {news.progress.text}")
            self._count(dict(news.progress.counts))
            return
        self._run(False)
        if news.result is not None:
            self._show_result(news.result)
        elif news.problem is not None:
            self._say("The files could not be compared.")
            text = one_line(news.problem.sentence())
            self.empty.show_state("triangle-alert", "The files could not be compared", text, "Other file…")
        elif news.cautioned is not None:
            self._ask(news)

    def _ask(self, news: CompareNews) -> None:
        assert news.cautioned is not None
        self._say("The comparison has not begun.")
        self.empty.show_state("triangle-alert", "Not compared yet", "One of the files asks for care.", "Other file…")
        caution = CautionDialog(self._theme, news.cautioned, news.cautions, True, self)
        caution.confirmed.connect(lambda _read_only: self.compare(*self.paths, confirmed=True))
        caution.open()

    def _say(self, text: str) -> None:
        self.sentence.setText(one_line(text))

    # -- what is shown

    def _show_result(self, result: Comparison | None) -> None:
        self._kind = None
        self.chips[None].setChecked(True)
        self.model.show_result(result)
        self.details.clear()
        self._fill_fields(result)
        told = words.notes(result) if result is not None else ""
        self.note.setText(one_line(told))
        self.note.setVisible(bool(told))
        self._count({kind: result.ids_of(kind)[0].count for kind in DifferenceKind} if result else {})
        self._show_buttons()
        if result is None:
            self.stack.setCurrentWidget(self.empty)
            return
        self._say(words.sentence(result))
        if self.model.rowCount():
            self.stack.setCurrentIndex(0)
            self.table.selectRow(0)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.empty.show_state("circle-check", "Nothing differs", words.sentence(result), "Other file…")

    def _count(self, counts: dict[DifferenceKind, int]) -> None:
        total = sum(counts.values())
        for kind, chip in self.chips.items():
            count = total if kind is None else counts.get(kind, 0)
            chip.setText(f"{words.CHIP_WORDS[kind]}  {count:,}")
            chip.setAccessibleName(f"{words.CHIP_WORDS[kind]}: {count:,}")
            chip.setVisible(kind in _ALWAYS or count > 0)
            chip.setEnabled(not self.is_running and (count > 0 or kind is None))

    def _fill_fields(self, result: Comparison | None) -> None:
        self.field_box.clear()
        self.field_box.addItem("Any field", -1)
        for each in result.columns if result is not None else ():
            assert result is not None
            self.field_box.addItem(f"{each.column}  {each.count:,}", result.fields.index(each.column))
        self.field_box.setEnabled(self.field_box.count() > 1)

    def show_kind(self, kind: DifferenceKind | None) -> None:
        """Show one kind of differences, or all."""
        self._kind = kind
        self.chips[kind].setChecked(True)
        self.field_box.setCurrentIndex(0)
        self.model.show_kinds(tuple(DifferenceKind) if kind is None else (kind,))
        self._go_to_first()

    def _on_field_box_activated(self, at: int) -> None:
        field, result = self.field_box.itemData(at), self.model.result
        if result is None:
            return
        if field < 0:
            self.show_kind(self._kind)
            return
        self._kind = DifferenceKind.CHANGED
        self.chips[self._kind].setChecked(True)
        self._desk.request_places(result, field)

    def _on_desk_places(self, told: PlacesTold) -> None:
        if self.field_box.currentData() == told.field:
            self.model.show_kinds((DifferenceKind.CHANGED,), told.places)
            self._go_to_first()

    def _go_to_first(self) -> None:
        if self.model.rowCount():
            self.table.scrollToTop()
            self.table.selectRow(0)

    def _on_desk_rows(self, told: RowsTold) -> None:
        if self.model.result is None:
            return
        if told.problem is not None:
            self.model.take_trouble(told.pairs, told.problem.sentence())
        else:
            self.model.take_rows(told.rows)

    # -- one task

    def _on_table_current_id_changed(self, _key: object) -> None:
        self.details.show_stale()
        self._whole_timer.start()
        self._show_buttons()

    def _current(self) -> RowKey | None:
        key = self.table.current_id
        return key if isinstance(key, tuple) and self.model.result is not None else None

    def _on_whole_timer_timeout(self) -> None:
        key = self._current()
        pair = self.model.pair_of(key) if key is not None else None
        if pair is None:
            self.details.clear()
        else:
            self._desk.request_whole(pair)

    def _on_desk_whole(self, told: RowsTold) -> None:
        key = self._current()
        if key is None or self.model.pair_of(key) != told.pairs[0]:
            return
        if told.problem is not None:
            self.details.show_words(told.problem.sentence())
        elif told.differences:
            self.details.show_differences(told.differences)
        else:
            self.details.show_words("Nothing differs any more: a file was written since they were compared.")

    def _show_buttons(self) -> None:
        key = self._current()
        kind = key[0] if key is not None else None
        lacks = (DifferenceKind.APPEARED, DifferenceKind.VANISHED)  # by place: the older, the newer file
        for place, button in enumerate(self.show_buttons):
            button.setEnabled(kind is not None and kind is not lacks[place])
        self.command_button.setEnabled(self.model.result is not None)
        self.bring_button.setEnabled(any(True for _id in self._vanished()))

    def _show_task(self, place: int) -> None:
        key = self._current()
        pair = self.model.pair_of(key) if key is not None else None
        if pair is None:
            return
        if not self.show_buttons[place].isEnabled():
            place = 1 - place
        self.task_requested.emit(self.paths[place], pair.after_id if place else pair.before_id)

    def _vanished(self) -> Iterator[int]:
        """Yield the ids of the selected tasks that the newer file has no more, the first 100,000 rows looked at."""
        left = _MOST_BROUGHT if self.model.result is not None else 0
        for first, last in self.table.selected_ranges():
            for row in range(first, min(last, first + left - 1) + 1):
                key = self.model.id_at(row)
                pair = self.model.pair_of(key) if key is not None and key[0] is DifferenceKind.VANISHED else None
                if pair is not None:
                    yield pair.before_id
            left -= last - first + 1
            if left <= 0:
                return

    def _on_bring_button_clicked(self) -> None:
        self.bring_back_requested.emit(*self.paths, array("q", sorted(self._vanished())))

    def _on_command_button_clicked(self) -> None:
        QGuiApplication.clipboard().setText(words.export_command(*self.paths))
        self.command_button.setText("Copied: paste it in a terminal")
        QTimer.singleShot(3_000, self.command_button, lambda: self.command_button.setText("Copy e&xport command"))

    def done(self, result: int) -> None:
        """Let go of both files, then close."""
        self._desk.leave()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of both files."""
        self._desk.leave()
        super().closeEvent(event)
