"""Retry and cancel, applied: short transactions, each row guarded, one log line a changed task.

Owns the statements that change tasks. A chunk is done whole or not at all, and repeats in its
WHERE what the plan saw, so that whatever happened since is told and never overwritten.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.insight.walking import padded
from prismq_gui.operations.lenient_json import is_malformed_json, is_refused_by_python
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report
from prismq_gui.operations.plan import GONE
from prismq_gui.operations.targets import ATTEMPTS_SQL, Seen, SkipTally, Targets
from prismq_gui.operations.wording import VERBS, plain, report_sentence
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop, Stopped
from prismq_gui.queue.timestamps import now_utc, utc_text
from prismq_gui.queue.transitions import RUNNING, TRANSITIONS, sql_sources

MAX_CHUNK = 500  # rows a transaction, whatever the pace: longer ones hold workers up
FIRST_CHUNK = 50  # a slow disk shows itself here, before 500 rows hold the lock for seconds
HOLD_S = 0.025  # how long a chunk aims to hold the write lock at most
# A worker that waits for us by SQLite's own busy handler tries again after 1, 3, 8, 18, 33 ms…: a pause
# of 10 ms, and never shorter than the hold before it, holds at least one of these moments.
PAUSE_S = 0.010

_SET = {
    # Payload, error and key stay as they are.
    OperationKind.RETRY: (
        "status = ?, updated_at_utc = ?, run_after_utc = ?, attempts = 0, lease_until_utc = NULL, "
        "reserved_at_utc = NULL, processing_started_utc = NULL, finished_at_utc = NULL, locked_by = NULL"
    ),
    OperationKind.CANCEL: "status = ?, updated_at_utc = ?, finished_at_utc = ?",
}
_LOG = "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (?, ?, 'INFO', ?, ?)"
_UNREADABLE_JSON = "has JSON that cannot be read, and the file's schema lets no one change it"

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class _Chunk:
    """What one transaction did; counted only once it is committed."""

    changed: int = 0
    skipped: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Alike:
    """Tasks of one chunk that were seen with the same status and attempts; ``ids`` are never empty."""

    status: str
    attempts: int | None
    ids: list[int] = field(default_factory=list)


class TaskRun:
    """One application of a plan over tasks; used once, in one thread."""

    def __init__(self, plan: Plan, who: str, operation_id: str) -> None:
        assert isinstance(plan.targets, Targets)
        self._plan = plan
        self._targets = plan.targets
        self._who = who
        self._operation_id = operation_id
        self._verb = VERBS[plan.kind]
        self._rule = TRANSITIONS[self._verb.transition]
        self._skips = SkipTally()
        self._changed = 0
        self._size = FIRST_CHUNK

    def run(self, on_progress: OnProgress, should_stop: ShouldStop) -> Report:
        """Apply it all, or as far as a stop or a problem lets it; every error is told in the report."""
        started = time.perf_counter()
        stopped, problem = False, None
        try:
            with QueueWriter(self._plan.path) as writer:
                self._check_identity()
                self._all(writer, on_progress, should_stop)
        except Stopped:
            stopped = True
        except ProblemError as error:
            problem = self._with_truth(error.problem)
        except READ_ERRORS as error:
            problem = self._with_truth(translate(error, self._plan.path, doing="change the tasks"))
        return self._report(stopped, problem, time.perf_counter() - started)

    def _check_identity(self) -> None:
        path = self._plan.path
        try:
            same = Identity.of(path) == self._targets.identity
        except OSError:
            same = False
        if not same:
            what = "Another file has been put in this one's place since the preview"
            problem = Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", "Make the preview anew.")
            raise ProblemError(problem)

    def _all(self, writer: QueueWriter, on_progress: OnProgress, should_stop: ShouldStop) -> None:
        done, total = 0, len(self._targets)
        while done < total:
            if should_stop():
                raise Stopped
            seen = self._targets.slice(done, self._size)
            held_s = self._one(writer, seen, should_stop)
            done += len(seen)
            on_progress(Progress(self._plan.kind, done, total, f"{done:,} of {total:,} done"))
            self._adapt(held_s)
            if done < total:
                writer.shorten_wal()
                time.sleep(max(PAUSE_S, held_s))  # writers that waited get the lock for as long as we had it

    def _adapt(self, held_s: float) -> None:
        if held_s > HOLD_S:
            self._size = max(1, int(self._size * max(0.1, HOLD_S / held_s)))
        elif held_s < HOLD_S / 2:
            self._size = min(MAX_CHUNK, self._size * 2)

    def _one(self, writer: QueueWriter, seen: Sequence[Seen], should_stop: ShouldStop) -> float:
        """Change one chunk in one transaction; return for how long it held the write lock, in seconds."""
        with writer.transaction(should_stop):
            began = time.perf_counter()
            chunk = self._change(writer, seen)
        held_s = time.perf_counter() - began
        self._changed += chunk.changed
        for reason, task_id in chunk.skipped:
            self._skips.add(reason, task_id)
        return held_s

    def _change(self, writer: QueueWriter, seen: Sequence[Seen]) -> _Chunk:
        chunk = _Chunk()
        rows = _rows(writer, [each.task_id for each in seen])
        groups: dict[tuple[str, int | None], _Alike] = {}
        for each in seen:
            reason = _changed_since(each, rows.get(each.task_id))
            if reason:
                chunk.skipped.append((reason, each.task_id))
            else:
                key = (each.status, each.attempts)
                groups.setdefault(key, _Alike(*key)).ids.append(each.task_id)
        now = now_utc()
        for alike in groups.values():
            changed = self._change_alike(writer, alike, now, chunk)
            writer.change_many(_LOG, self._log_lines(alike, changed, rows, now))
            chunk.changed += len(changed)
        return chunk

    def _change_alike(self, writer: QueueWriter, alike: _Alike, now: datetime, chunk: _Chunk) -> list[int]:
        """Change tasks that were seen alike; return those that were changed, note the others."""
        try:
            self._update(writer, alike, now)
        except READ_ERRORS as error:
            if not (is_malformed_json(error) or is_refused_by_python(error)):
                raise
        else:
            return alike.ids
        changed = []
        for task_id in alike.ids:
            if self._change_stubborn(writer, replace(alike, ids=[task_id]), now):
                changed.append(task_id)
            else:
                chunk.skipped.append((_UNREADABLE_JSON, task_id))
        return changed

    def _change_stubborn(self, writer: QueueWriter, alone: _Alike, now: datetime) -> bool:
        """Change one task of a chunk that holds malformed JSON; return whether SQLite let it be."""
        try:
            self._update(writer, alone, now)
        except READ_ERRORS as error:
            if not is_malformed_json(error):
                raise
        else:
            return True
        writer.let_malformed_json_be()
        try:
            self._update(writer, alone, now, mark=" /* lenient JSON */")
        except READ_ERRORS as error:
            if is_malformed_json(error) or is_refused_by_python(error):
                return False
            raise
        return True

    def _update(self, writer: QueueWriter, alike: _Alike, now: datetime, mark: str = "") -> None:
        """Write the change, guarded by the legal sources and by what the plan saw."""
        ids, marks = padded(alike.ids)
        # NOT INDEXED: by key; SQLite would else think of walking all tasks of the status.
        sql = (
            f"UPDATE task_queue NOT INDEXED SET {_SET[self._plan.kind]} WHERE id IN ({marks}) "
            f"AND status = ? AND {ATTEMPTS_SQL} IS ? AND {sql_sources(self._verb.transition)}{mark}"
        )
        at = utc_text(now)
        changed = writer.change(sql, (self._rule.target, at, at, *ids, alike.status, alike.attempts))
        if changed != len(alike.ids):  # cannot be while the write lock is held; if it is, nothing of it may stay
            what = f"{changed:,} of {len(alike.ids):,} tasks were found again in one transaction"
            path = str(self._plan.path)
            raise ProblemError(Problem(ProblemKind.FAILED, what, path, "", "Check the file's integrity."))

    def _log_lines(
        self, alike: _Alike, ids: Sequence[int], rows: dict[int, Row], now: datetime
    ) -> Iterator[tuple[Cell, ...]]:
        """Yield a log line a task; each text is made once (made for each task they were half of the hold)."""
        seen = {"status": alike.status, "attempts": alike.attempts}
        action = self._plan.kind.value
        details = json.dumps(
            {"operation": self._operation_id, "by": self._who, "action": action, "from": seen}, ensure_ascii=False
        )
        at = utc_text(now)
        messages: dict[Cell, str] = {}
        for task_id in ids:
            most = rows[task_id][3]
            if most not in messages:
                was = f"was {alike.status} after {plain(alike.attempts)} of {plain(most)} attempts"
                messages[most] = f"{self._verb.logged} by {self._who} ({was})"
            yield task_id, at, messages[most], details

    def _with_truth(self, problem: Problem) -> Problem:
        """Say in a problem what was done before it: chunks are whole, so the count is exact."""
        if self._changed == 0:
            return replace(problem, unchanged="Nothing was changed.")
        total = len(self._targets)
        return replace(
            problem,
            unchanged=f"{self._changed:,} of {total:,} tasks were {self._verb.done} before; the rest was not changed.",
        )

    def _report(self, stopped: bool, problem: Problem | None, elapsed_s: float) -> Report:
        skips = self._skips.skips()
        plan = self._plan
        return Report(
            kind=plan.kind,
            path=plan.path,
            changed=self._changed,
            skips=skips,
            stopped=stopped,
            elapsed_s=elapsed_s,
            sentence=report_sentence(plan.kind, self._changed, len(self._targets), skips, stopped=stopped),
            operation_id=self._operation_id,
            problem=problem,
        )


def _rows(writer: QueueWriter, ids: Sequence[int]) -> dict[int, Row]:
    params, marks = padded(ids)
    sql = f"SELECT id, status, {ATTEMPTS_SQL}, max_attempts, locked_by FROM task_queue WHERE id IN ({marks})"
    return {row[0]: row for row in writer.rows(sql, params) if isinstance(row[0], int)}


def _changed_since(seen: Seen, row: Row | None) -> str:
    """Return what happened to a task since the plan saw it, '' where it is as it was."""
    if row is None:
        return GONE
    _id, status, attempts, _most, worker = row
    if status != seen.status:
        owner = f" by {plain(worker)}" if status in RUNNING and worker is not None else ""
        return f"is now {plain(status)}{owner}"
    return "" if attempts == seen.attempts else "was tried again meanwhile"
