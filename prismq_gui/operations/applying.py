"""One application of an operation from its record in the journal to its report.

Owns the order: recorded first, then carried out, then the end noted; and the words of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prismq_gui.insight.problems import Problem, ProblemError
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Entry, State
from prismq_gui.operations.messages import Progress, Report, Skip, Wish
from prismq_gui.operations.recording import Recording
from prismq_gui.operations.running import Ran, Run, Source
from prismq_gui.operations.wording import Verb, report_sentence, verb_of
from prismq_gui.operations.writer import Identity, ShouldStop


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be carried out on which file, by whom."""

    wish: Wish
    path: Path
    identity: Identity
    operation_id: str
    who: str
    sentence: str
    planned: int
    undoes: str = ""
    later: int = 0
    """How many tasks are left for later on purpose."""
    verb: Verb | None = None
    """The words of the report, None for those of the wish."""

    @property
    def entry(self) -> Entry:
        """What the journal records of it beforehand."""
        return Entry(
            self.operation_id, self.path, self.identity.device, self.identity.inode, self.who, self.wish, self.planned,
            self.sentence, self.undoes,
        )  # fmt: skip


Others = Callable[[Ran, Sequence[Skip]], Sequence[tuple[str, State]]]
"""Which other operations have another state after this one, and which."""


def carry_out(
    order: Order,
    source: Source,
    journal: Journal | None,
    targets: Iterable[bytes],
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
    others: Others = lambda _ran, _skips: (),
) -> Report:
    """Record an operation and do it; every error is told in the report. Without a journal it cannot be undone."""
    recording = None
    if journal is not None:
        try:
            recording = journal.begin(order.entry, targets)
        except ProblemError as error:
            return nothing_done(order, error.problem)
    return go_on(order, source, recording, journal, on_progress, should_stop, others)


def go_on(
    order: Order,
    source: Source,
    recording: Recording | None,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
    others: Others = lambda _ran, _skips: (),
) -> Report:
    """Do what is recorded, and note how it ended."""
    try:
        ran = Run(order.wish.kind, order.path, order.identity, source, recording).run(on_progress, should_stop)
        report = _report(order, source, ran, is_kept=recording is not None)
        if recording is not None:
            whole = report.sentence
            if recording.before:
                done = recording.before + ran.changed
                total = recording.before + source.total
                verb = order.verb or verb_of(order.wish)
                whole = report_sentence(verb, done, total, report.skips, stopped=ran.stopped)
            report = _noted(report, recording, others(ran, report.skips), whole, order.later)
    finally:
        if recording is not None:
            recording.close()
    return report if journal is None else _trimmed(report, journal)


def nothing_done(order: Order, problem: Problem) -> Report:
    """Return the report of an operation that was not begun."""
    sentence = "Nothing was changed."
    return Report(order.wish.kind, order.path, 0, (), False, 0.0, sentence, order.operation_id, problem)


def _report(order: Order, source: Source, ran: Ran, *, is_kept: bool) -> Report:
    skips, verb = source.skips.skips(), order.verb or verb_of(order.wish)
    problem = ran.problem
    if problem is not None:
        # Chunks are whole, so the count is exact.
        truth = f"{ran.changed:,} of {source.total:,} tasks were {verb.done} before; the rest was not changed."
        problem = replace(problem, unchanged=truth if ran.changed else "Nothing was changed.")
    return Report(
        kind=order.wish.kind,
        path=order.path,
        changed=ran.changed,
        skips=skips,
        stopped=ran.stopped,
        elapsed_s=ran.elapsed_s,
        sentence=report_sentence(verb, ran.changed, source.total, skips, stopped=ran.stopped),
        operation_id=order.operation_id,
        problem=problem,
        can_be_undone=is_kept and ran.changed > 0,
    )


def _noted(
    report: Report, recording: Recording, others: Sequence[tuple[str, State]], whole: str, later: int = 0
) -> Report:
    """Note how it ended; ``whole`` tells of all that was done, also before it was taken up again."""
    state = State.STOPPED if report.stopped else State.FINISHED if report.problem is None else State.FAILED
    if later and state is State.FINISHED:
        state = State.STAGED
        rest = f" {later:,} more are not touched until these have been looked at."
        whole, report = f"{whole}{rest}", replace(report, sentence=f"{report.sentence}{rest}")
    problem = "" if report.problem is None else report.problem.sentence()
    try:
        recording.finish(state, report.changed, report.skips, whole, problem, others)
    except ProblemError as error:
        if report.problem is not None:
            return report
        unchanged = "What the report says was done; the journal will find it out by itself when it is asked next."
        return replace(report, problem=replace(error.problem, unchanged=unchanged, advice=""))
    return report


def _trimmed(report: Report, journal: Journal) -> Report:
    try:
        journal.trim()
    except ProblemError as error:
        return replace(report, facts=(*report.facts, ("Journal not tidied", error.problem.sentence())))
    return report
