"""The workers of a queue as a small table model: state, heartbeat age, what each holds, how much it gets done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from PySide6.QtCore import QObject

from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.messages import WorkerRow
from prismq_gui.insight.states import StatusKind, WorkerState, duration_text, worker_state
from prismq_gui.insight.worker_facts import AllWorkers, Rates, WorkerFacts
from prismq_gui.insight.workers import MAX_RUNNING
from prismq_gui.models.cells_model import ROOT, TOOLTIP, CellsModel, Index
from prismq_gui.models.columns import STATUS_ROLE, WORKER_COLUMNS
from prismq_gui.models.text import cell_text, cell_tooltip, visible
from prismq_gui.models.times import UNREADABLE, time_tooltip
from prismq_gui.polling.messages import Snapshot
from prismq_gui.queue.timestamps import parse_utc

_KINDS = {"busy": StatusKind.RUNNING, "idle": StatusKind.WAITING, "silent": StatusKind.FAILED}
_SHOWN_IDS = 20


class WorkerTableModel(CellsModel):
    """Workers by name, as the last snapshot told. GUI thread. Call :meth:`tick` each second for the ages."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(WORKER_COLUMNS, parent)
        self._workers: list[WorkerRow] = []
        self._cells: list[tuple[str, ...]] = []
        self._states: list[WorkerState] = []
        self._facts: dict[str, WorkerFacts] = {}
        self._now = _present()
        self._hearing = PLAIN
        self._taken: tuple[WorkerRow, ...] = ()  # of the snapshot shown, if it is one

    # -- what is shown

    def take(self, snapshot: Snapshot, now: datetime | None = None, hearing: Hearing | None = None) -> None:
        """Show the workers of a snapshot. ``now`` is naive UTC.

        Those of the one before are left alone: their ages come with the tick of each second, and beside busy writers
        four snapshots a second were all rendered.
        """
        hearing = hearing or self._hearing
        if snapshot.workers and snapshot.workers == self._taken and hearing == self._hearing:
            return
        self._hearing = hearing
        self.set_workers(snapshot.workers, now)
        self._taken = snapshot.workers

    def set_workers(self, workers: Sequence[WorkerRow], now: datetime | None = None) -> None:
        """Show these workers (ordered by name), changing only the rows that differ. ``now`` is naive UTC."""
        self._now = _present() if now is None else now
        self._taken = ()
        wanted = sorted({each.worker_id: each for each in workers}.values(), key=lambda each: each.worker_id)
        names = {each.worker_id for each in wanted}
        for row in range(len(self._workers) - 1, -1, -1):
            if self._workers[row].worker_id not in names:
                self.beginRemoveRows(ROOT, row, row)
                for held in (self._workers, self._cells, self._states):
                    del held[row]
                self.endRemoveRows()
        for row, worker in enumerate(wanted):
            if row < len(self._workers) and self._workers[row].worker_id == worker.worker_id:
                self._workers[row] = worker
                continue
            self.beginInsertRows(ROOT, row, row)
            self._workers.insert(row, worker)
            self._states.insert(row, self._state(worker))
            self._cells.insert(row, self._render(worker))
            self.endInsertRows()
        self._render_all()

    def set_facts(self, facts: AllWorkers | None, now: datetime | None = None) -> None:
        """Tell what is known beyond a poll: since when they hold what, and their rates. ``now`` is naive UTC."""
        self._facts = {} if facts is None else {each.worker_id: each for each in facts.workers}
        self.tick(now)

    def clear(self) -> None:
        """Show none: no file is open."""
        self._facts = {}
        self.set_workers(())

    def tick(self, now: datetime | None = None, hearing: Hearing | None = None) -> None:
        """Bring the ages up to the moment without reading. ``now`` is naive UTC."""
        self._hearing = hearing or self._hearing
        self._now = _present() if now is None else now
        self._render_all()

    def _render_all(self) -> None:
        changed = []
        for row, worker in enumerate(self._workers):
            cells = self._render(worker)
            if cells != self._cells[row]:
                self._cells[row], self._states[row] = cells, self._state(worker)
                changed.append(row)
        if changed:
            self.tell_rows(changed[0], changed[-1])

    def worker(self, row: int) -> WorkerRow | None:
        """Return the worker of a row."""
        return self._workers[row] if 0 <= row < len(self._workers) else None

    def id_at(self, row: int) -> str | None:
        """Return the name of the worker in a row."""
        return self._workers[row].worker_id if 0 <= row < len(self._workers) else None

    def row_of(self, id: str) -> int | None:
        """Return the row of a worker by name."""
        return next((row for row, each in enumerate(self._workers) if each.worker_id == id), None)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order."""
        return self._cells[row] if 0 <= row < len(self._cells) else None

    @property
    def silent_count(self) -> int:
        """How many workers are silent."""
        return self._states.count("silent")

    def states(self) -> dict[str, WorkerState]:
        """Return the state of each worker by name."""
        return {each.worker_id: state for each, state in zip(self._workers, self._states, strict=True)}

    @property
    def hearing(self) -> Hearing:
        """How silence is judged."""
        return self._hearing

    @property
    def is_awaiting(self) -> bool:
        """Whether a worker would be silent but for a time in which it could not be heard."""
        beats = (parse_utc(each.heartbeat_utc) for each in self._workers)
        return self._hearing.gap is not None and any(self._hearing.is_awaited(beat, self._now) for beat in beats)

    # -- words

    def _state(self, worker: WorkerRow) -> WorkerState:
        return worker_state(worker.heartbeat_utc, self._now, worker.held, self._hearing)

    def _render(self, worker: WorkerRow) -> tuple[str, ...]:
        more = worker.held - min(len(worker.held_ids), _SHOWN_IDS)
        least = "at least " if worker.held_at_least else ""
        ids = ", ".join(str(each) for each in worker.held_ids[:_SHOWN_IDS])
        return (
            cell_text(worker.worker_id),
            self._state(worker),
            self._age(worker),
            f"{worker.held:,}{'+' if worker.held_at_least else ''}",
            self._held_for(worker),
            f"{ids} and {least}{more:,} more" if more > 0 else ids,
            _rate(self._rates(worker), failed=False),
            _rate(self._rates(worker), failed=True),
            self._capabilities(worker),
        )

    def _rates(self, worker: WorkerRow) -> Rates | None:
        facts = self._facts.get(worker.worker_id)
        return facts.rates if facts is not None else None

    def _held_for(self, worker: WorkerRow) -> str:
        """Return for how long the longest held of its tasks is held, '' where it holds none."""
        facts = self._facts.get(worker.worker_id)
        if facts is None or not worker.held:
            return ""
        longest = self._longest(worker)
        if longest is None:
            return "not known"
        least = "≥ " if worker.held > len(facts.holdings) else ""  # the first 20 by id are looked at
        return f"{least}{duration_text(timedelta(seconds=longest[0]))}"

    def _longest(self, worker: WorkerRow) -> tuple[float, int] | None:
        """Return for how many seconds a worker holds its longest held task, and which; None where not known."""
        facts = self._facts.get(worker.worker_id)
        if facts is None or not worker.held:
            return None
        ages = [(age, each.task_id) for each in facts.holdings if (age := each.held_s(self._now)) is not None]
        return max(ages, default=None)

    def superlatives(self) -> tuple[str, ...]:
        """Return in words who is silent longest, who holds a task longest, and who gets most done, as far as known."""
        found = []
        beats = [
            (beat, each.worker_id)
            for each, state in zip(self._workers, self._states, strict=True)
            if state == "silent" and (beat := parse_utc(each.heartbeat_utc)) is not None
        ]
        if beats:
            beat, name = min(beats)
            age = duration_text(max(self._now - beat, timedelta()))
            found.append(f"{cell_text(name)[:60]} silent longest (for {age})")
        held = [(longest, each.worker_id) for each in self._workers if (longest := self._longest(each)) is not None]
        if held:
            (age_s, task_id), name = max(held)
            held_for = duration_text(timedelta(seconds=age_s))
            found.append(f"{cell_text(name)[:60]} holds a task longest (#{task_id} for {held_for})")
        rates = [(rates.done_per_hour or 0.0, each.worker_id) for each in self._workers if (rates := self._rates(each))]
        if len(rates) > 1 and max(rates)[0] > 0:
            rate, name = max(rates)
            found.append(f"{cell_text(name)[:60]} gets most done ({rate:,.0f} an hour)")
        return tuple(found)

    def _capabilities(self, worker: WorkerRow) -> str:
        facts = self._facts.get(worker.worker_id)
        if not worker.registered:
            return ""
        if facts is None or facts.raw_capabilities != worker.capabilities or facts.capabilities_problem:
            return cell_text(worker.capabilities)
        return ", ".join(cell_text(f"{each.name} {each.value}") for each in facts.capabilities) or "none"

    def _age(self, worker: WorkerRow) -> str:
        if worker.heartbeat_utc is None or worker.heartbeat_utc == "":
            return "never" if worker.registered else "not registered"
        beat = parse_utc(worker.heartbeat_utc)
        if beat is None:
            return UNREADABLE + cell_text(worker.heartbeat_utc)
        age = self._now - beat
        if age < timedelta(seconds=-1):
            return f"in the future by {duration_text(age)}"
        return f"{duration_text(max(age, timedelta()))} ago"

    def _tooltip(self, worker: WorkerRow, column: int) -> str | None:
        key, title = self.columns[column].key, self.columns[column].title
        if key == "heartbeat_utc":
            return time_tooltip(title, worker.heartbeat_utc) or None
        if key in ("done_per_hour", "failed_per_hour"):
            return _rate_tooltip(self._rates(worker), failed=key == "failed_per_hour")
        if key == "held" and worker.held_at_least:
            return f"{title}:\nmore tasks run than are looked at ({MAX_RUNNING:,} of a status); it may hold more"
        if key == "held_ids":
            return self._holdings_tooltip(worker) or None
        if key == "capabilities":
            return cell_tooltip(title, worker.capabilities) or None
        return f"{title}:\n{visible(worker.worker_id[:300])}" if key == "worker_id" else None

    def _holdings_tooltip(self, worker: WorkerRow) -> str:
        facts = self._facts.get(worker.worker_id)
        if facts is None:
            return ""
        lines = []
        for each in facts.holdings:
            age = each.held_s(self._now)
            since = f"for {duration_text(timedelta(seconds=age))}" if age is not None else "since an unknown time"
            over = ", its lease is over" if each.is_lease_over(self._now) else ""
            lines.append(f"{each.task_id} {visible(each.type)[:100]} {since}{over}")
        return "\n".join(lines)

    # -- Qt

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of workers."""
        return 0 if parent.isValid() else len(self._workers)

    def more(self, row: int, column: int, role: int) -> object:
        """Return a cell's tooltip, or of which kind its worker's state is."""
        if role == TOOLTIP:
            return self._tooltip(self._workers[row], column)
        return _KINDS.get(self._states[row], StatusKind.OTHER) if role == STATUS_ROLE else None


def _rate(rates: Rates | None, *, failed: bool) -> str:
    """Return tasks an hour; a dash where it is not known, which is no zero."""
    if rates is None:
        return "–"
    rate = rates.failed_per_hour if failed else rates.done_per_hour
    if rate is None:
        return "–"
    return f"{rate:,.0f}" if rate >= 10 or rate == int(rate) else f"{rate:.1f}"


def _rate_tooltip(rates: Rates | None, *, failed: bool) -> str:
    if rates is None:
        return "It is not read yet."
    if rates.why_unknown:
        return rates.why_unknown
    count, what = (rates.failed, "failed attempts") if failed else (rates.done, "tasks done")
    return f"{count:,} {what} in the last {duration_text(timedelta(seconds=rates.covered_s))}, as far as the log tells"


def _present() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
