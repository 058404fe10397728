"""What a person chooses within a preview: a priority, a moment, whether running tasks go as well.

Owns the fields and the wish that they make. Must not plan: each change is told, and the preview asks anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone

from PySide6.QtCore import QDate, QDateTime, Qt, QTime, QTimer, QTimeZone, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDateTimeEdit,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.operations.messages import OperationKind, Wish, delete, run_at, set_priority
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label
from prismq_gui.views.times import duration

AGAIN_MS = 300
USUAL_PRIORITY = 100
LOWEST, HIGHEST = -(2**31), 2**31 - 1  # what a spin box holds; the command line takes all of 64 bits


class NumberBox(QSpinBox):
    """Selects its number whenever the keyboard comes to it, so that a typed one replaces it. GUI thread."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select, but not under the mouse or when the window comes back."""
        super().focusInEvent(event)
        if event.reason() not in _KEEPS:
            self.selectAll()


_KEEPS = {
    Qt.FocusReason.MouseFocusReason,
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.PopupFocusReason,
}


class WishFields(QWidget):
    """The fields of one kind of operation. GUI thread.

    ``changed`` tells that the wish is another one, a moment after the last key; until then ``is_settled`` is False.
    """

    changed = Signal()
    is_needed = True
    """Whether the person has to choose before anything is wished."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._taken: Wish | None = None
        self._is_touched = False
        self._timer = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._timer.timeout.connect(self.changed)
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(theme.space(2))

    @property
    def is_settled(self) -> bool:
        """Whether all that was chosen has been told."""
        return not self._timer.isActive()

    def note_change(self) -> None:
        """Tell, once nothing more is typed; Enter in a field changes nothing."""
        self._is_touched = True
        wish = self.wish()
        if wish is None or wish != self._taken:
            self._timer.start()
        else:
            self._timer.stop()

    def take(self) -> Wish | None:
        """Return what is wished, and tell of what differs from it from now on."""
        self._timer.stop()
        self._taken = self.wish()
        return self._taken

    def settle(self) -> None:
        """Tell now what waits to be told."""
        if self._timer.isActive():
            self._timer.stop()
            self.changed.emit()

    def wish(self) -> Wish | None:
        """Return what is wished, None while that is no wish yet."""
        raise NotImplementedError

    def mistake(self) -> str:
        """Return why it is no wish yet, '' where it is one."""
        return ""

    @property
    def is_mistaken(self) -> bool:
        """Whether something is wrong, rather than not chosen yet."""
        return True

    def first(self) -> QWidget:
        """Return the field in which the person begins."""
        raise NotImplementedError

    def begin(self) -> None:
        """Give the first field the keyboard, its content selected unless the person is typing already."""
        field = self.first()
        field.setFocus(Qt.FocusReason.TabFocusReason)
        if not self._is_touched and isinstance(field, QSpinBox | QLineEdit):
            field.selectAll()  # also where the window is not in front yet

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.first(),)


class PriorityFields(WishFields):
    """Which priority; lower runs first."""

    def __init__(self, theme: Theme, priority: int | None = None, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.box = NumberBox(self)
        self.box.setRange(LOWEST, HIGHEST)
        self.box.setValue(USUAL_PRIORITY if priority is None else min(max(priority, LOWEST), HIGHEST))
        self.box.setAccessibleName("Priority, lower runs first")
        self.box.setMinimumWidth(theme.space(30))
        self.box.valueChanged.connect(lambda _value: self.note_change())
        title = label("", "", self)
        title.setText("&Priority")
        title.setBuddy(self.box)
        row = QHBoxLayout()
        row.setSpacing(theme.space(3))
        row.addWidget(title)
        row.addWidget(self.box)
        row.addWidget(label(f"Lower runs first; {USUAL_PRIORITY} is usual.", "muted", self), 1)
        self.rows.addLayout(row)

    def wish(self) -> Wish:
        """Return the wish for this priority."""
        return set_priority(self.box.value())

    def first(self) -> QWidget:
        """Return the box."""
        return self.box


class RetryFields(WishFields):
    """Whether all are queued at once, one after the other in time, or a few first."""

    is_needed = False

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.way = QComboBox(self)
        self.way.addItems(["All at once", "Spread over minutes", "So many a minute", "A few first, the rest later"])
        self.way.setAccessibleName("How they are queued")
        self.number = NumberBox(self)
        self.number.setAccessibleName("Number")
        self.number.setMinimumWidth(theme.space(24))
        self.told = label("", "muted", self, wrap=True)
        title = label("", "", self)
        title.setText("&How")
        title.setBuddy(self.way)
        row = QHBoxLayout()
        row.setSpacing(theme.space(3))
        for widget in (title, self.way, self.number):
            row.addWidget(widget)
        row.addWidget(self.told, 1)
        self.rows.addLayout(row)
        self.way.currentIndexChanged.connect(self._on_way_current_index_changed)
        self.number.valueChanged.connect(lambda _value: self.note_change())
        self._show_way()

    def _on_way_current_index_changed(self, _index: int) -> None:
        self._show_way()
        self.note_change()

    def _show_way(self) -> None:
        way = self.way.currentIndex()
        most, usual, told = _WAYS[way]
        self.number.setVisible(way > 0)
        self.number.blockSignals(True)
        self.number.setRange(1, most)
        self.number.setValue(usual)
        self.number.blockSignals(False)
        self.told.setText(told)

    def wish(self) -> Wish:
        """Return the wish to retry, at the chosen pace."""
        way, number = self.way.currentIndex(), self.number.value()
        if way == 0:
            return Wish(OperationKind.RETRY)
        from prismq_gui.operations.retries import retry  # noqa: PLC0415 - 15 ms, for what is hardly ever chosen

        if way == _OVER:
            return retry(over=timedelta(minutes=number))
        return retry(per_minute=number if way == _A_MINUTE else None, first=number if way == _FIRST else None)

    def first(self) -> QWidget:
        """Return the choice."""
        return self.way

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.way, self.number)


_OVER, _A_MINUTE, _FIRST = 1, 2, 3
_WAYS = (  # the largest number, the usual one, and what is said
    (1, 1, ""),
    (365 * 24 * 60, 60, "minutes: they are due one after the other"),
    (1_000_000, 60, "a minute: they are due one after the other"),
    (1_000, 5, "first; the history then finishes the rest, or takes them back"),
)


class DeleteFields(WishFields):
    """Whether tasks with a live lease go as well."""

    is_needed = False

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.running = QCheckBox("Also those that a worker is &running now: it goes on, and its result is lost", self)
        self.running.toggled.connect(lambda _on: self.note_change())
        self.rows.addWidget(self.running)

    def wish(self) -> Wish:
        """Return the wish to delete."""
        return delete(even_if_running=self.running.isChecked())

    def first(self) -> QWidget:
        """Return the box."""
        return self.running


Clock = Callable[[], datetime]


def local_now() -> datetime:
    """Return the local time, with its offset."""
    return datetime.now(timezone.utc).astimezone()


_EARLIEST, _LATEST = datetime(2000, 1, 1), datetime(2999, 12, 31)  # what Windows knows the local time of
_MORNING, _EVENING = time(8), time(20)


def quick_picks(now: datetime) -> tuple[tuple[str, datetime], ...]:
    """Return moments that are often meant, from a local time with its offset; each later than that."""
    tonight = datetime.combine(now.date(), _EVENING).astimezone()
    morning = datetime.combine(now.date() + timedelta(days=1), _MORNING).astimezone()
    until_monday = 7 - now.weekday()
    monday = datetime.combine(now.date() + timedelta(days=until_monday), _MORNING).astimezone()
    picks = [("In 15 min", now + timedelta(minutes=15)), ("In 1 h", now + timedelta(hours=1)),
             ("In 6 h", now + timedelta(hours=6))]  # fmt: skip
    if tonight > now:
        picks.append(("Tonight 20:00", tonight))
    picks.append(("Tomorrow 08:00", morning))
    if until_monday > 1:
        picks.append(("Monday 08:00", monday))
    return tuple(picks)


class RunAtFields(WishFields):
    """From which moment on, in local time or UTC; picks fill it in."""

    def __init__(self, theme: Theme, clock: Clock = local_now, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._clock = clock
        self.moment = QDateTimeEdit(self)
        self.moment.setTimeZone(QTimeZone.utc())
        self.moment.setDateTimeRange(_qt(_EARLIEST), _qt(_LATEST))
        self.moment.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self.moment.setCalendarPopup(True)
        self.moment.setAccessibleName("Not before this moment")
        self.moment.setMinimumWidth(theme.space(52))
        self.zone = QComboBox(self)
        self.zone.addItems(["Local time", "UTC"])
        self.zone.setAccessibleName("Local time or UTC")
        self.told = label("", "muted", self, wrap=True)
        self.picks = [self._pick(words, moment) for words, moment in quick_picks(clock())]
        self._lay_out()
        self._is_utc = False
        self.set_moment(clock() + timedelta(hours=1))
        self.moment.dateTimeChanged.connect(lambda _moment: self._on_moment_changed())
        self.zone.currentIndexChanged.connect(lambda _index: self._show_zone())

    def _pick(self, words: str, moment: datetime) -> QToolButton:
        button = QToolButton(self)
        button.setText(words)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(button, "chip")
        button.clicked.connect(lambda: self.set_moment(moment))
        return button

    def _lay_out(self) -> None:
        title = label("", "", self)
        title.setText("&Not before")
        title.setBuddy(self.moment)
        row = QHBoxLayout()
        row.setSpacing(self._theme.space(3))
        for widget in (title, self.moment, self.zone):
            row.addWidget(widget)
        row.addWidget(self.told, 1)
        picks = FlowLayout(spacing=self._theme.space(2))
        for button in self.picks:
            picks.addWidget(button)
        self.rows.addLayout(row)
        self.rows.addLayout(picks)

    def set_moment(self, moment: datetime) -> None:
        """Choose a moment, given with its offset."""
        shown = moment.astimezone(timezone.utc) if self.zone.currentIndex() == 1 else moment.astimezone()
        self.moment.setDateTime(_qt(shown))
        self._show_told()

    def chosen(self) -> datetime:
        """Return the chosen moment in UTC, naive."""
        naive = _naive(self.moment.dateTime())
        if self.zone.currentIndex() == 1:
            return naive
        return naive.astimezone(timezone.utc).replace(tzinfo=None)

    def wish(self) -> Wish:
        """Return the wish that tasks be due then."""
        return run_at(self.chosen())

    def first(self) -> QWidget:
        """Return the moment."""
        return self.moment

    def stops(self) -> tuple[QWidget, ...]:
        """Return the fields in the order of Tab."""
        return (self.moment, self.zone, *self.picks)

    def _on_moment_changed(self) -> None:
        self._show_told()
        self.note_change()

    def _show_zone(self) -> None:
        """Show the same moment by the other clock."""
        is_utc = self.zone.currentIndex() == 1
        if is_utc == self._is_utc:
            return
        naive = _naive(self.moment.dateTime())
        other = naive.astimezone(timezone.utc) if is_utc else naive.replace(tzinfo=timezone.utc).astimezone()
        self._is_utc = is_utc
        self.moment.setDateTime(_qt(other))
        self._show_told()

    def _show_told(self) -> None:
        chosen = self.chosen()
        left_s = (chosen - self._clock().astimezone(timezone.utc).replace(tzinfo=None)).total_seconds()
        if self.zone.currentIndex() == 1:
            local = chosen.replace(tzinfo=timezone.utc).astimezone()
            other = f"{local:%Y-%m-%d %H:%M:%S} local time"
        else:
            other = f"{chosen:%Y-%m-%d %H:%M:%S} UTC"
        when = f"in {duration(left_s + 1)}" if left_s > 0 else "that is past: due at once"
        self.told.setText(f"{when}, {other}")


def _qt(moment: datetime) -> QDateTime:
    date, clock = QDate(moment.year, moment.month, moment.day), QTime(moment.hour, moment.minute, moment.second)
    # As it reads, in a zone without gaps: what an hour that summer time leaves out means is decided by Python alone.
    return QDateTime(date, clock, QTimeZone.utc())


def _naive(shown: QDateTime) -> datetime:
    date, clock = shown.date(), shown.time()
    return datetime(date.year(), date.month(), date.day(), clock.hour(), clock.minute(), clock.second())


def fields_for(
    theme: Theme, kind: OperationKind, parent: QWidget | None = None, *, priority: int | None = None
) -> WishFields | None:
    """Return the fields of a kind, None where it needs none."""
    if kind is OperationKind.RETRY:
        return RetryFields(theme, parent)
    if kind is OperationKind.PRIORITY:
        return PriorityFields(theme, priority, parent)
    if kind is OperationKind.RUN_AT:
        return RunAtFields(theme, parent=parent)
    if kind is OperationKind.DELETE:
        return DeleteFields(theme, parent)
    return None
