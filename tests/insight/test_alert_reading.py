"""What alerts are judged by: figures that are old, or of a time in which nobody could be heard, are not known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.alert_reading import STALE_S, disk_facts, figures_of
from prismq_gui.insight.alert_rules import AlertRules, RuleKind
from prismq_gui.insight.hearing import Gap, GapKind, Hearing
from prismq_gui.insight.messages import WorkerRow
from prismq_gui.insight.overview import Figure, Overview, Waiting
from prismq_gui.insight.overview_reading import Failures
from prismq_gui.insight.verdict import Verdict
from prismq_gui.queue.metrics import OldestWaiting, Throughput
from prismq_gui.queue.timestamps import utc_text

NOW = datetime(2026, 10, 25, 1, 30)


def overview_of(
    *, failed: int = 0, completed: int = 0, dead: int = 0, due_s: float | None = None,
    workers: tuple[WorkerRow, ...] | None = (), age_s: float = 0.0,
) -> Overview:  # fmt: skip
    """An overview that was read so long ago."""
    read_at = NOW - timedelta(seconds=age_s)
    oldest = None if due_s is None else OldestWaiting(7, read_at - timedelta(seconds=due_s), due_s)
    rates = Throughput(completed, failed, 0, 3_600.0, at_least=False)
    none = Figure()
    return Overview(
        NOW, Verdict("", None), none, none, Figure(Waiting(oldest), read_at), Figure(rates, read_at),
        Figure(Failures(failed, dead, (), 3_600.0, False), read_at), none,
        none if workers is None else Figure(workers, read_at), none, none,
    )  # fmt: skip


def worker(name: str, silent_s: float | None, held: int = 1, age_s: float = 0.0) -> WorkerRow:
    beat = None if silent_s is None else utc_text(NOW - timedelta(seconds=age_s + silent_s))
    return WorkerRow(name, None, beat, held)


def values(overview: Overview, hearing: Hearing | None = None) -> dict[tuple[str, str], float | None]:
    figures = figures_of(overview, disk_facts(Path("/nowhere/at all")), hearing or Hearing(), AlertRules(), NOW, 0.0)
    return {(each.kind.value, each.subject): each.value for each in figures.measures}


def test_figures_that_were_read_lately_are_known():
    found = values(overview_of(failed=20, completed=60, dead=3, due_s=90, workers=(worker("one", 40),)))
    assert found["failed-rate", ""] == 0.25
    assert found["dead-letters", ""] == 3
    assert found["oldest-waiting", ""] == 90
    assert found["silent-worker", "one"] == 40
    assert found["silent-worker", ""] == 40  # tasks are due, and it is the only one
    assert found["wal-size", ""] is None
    assert found["disk-free", ""] is None


def test_old_figures_are_not_known_and_their_silence_does_not_grow():
    old = overview_of(failed=20, dead=3, due_s=90, workers=(worker("one", 40),), age_s=STALE_S + 1)
    assert set(values(old).values()) == {None}
    lately = overview_of(due_s=90, workers=(worker("one", 40, age_s=100),), age_s=100)
    assert values(lately)["silent-worker", "one"] == 40
    assert values(lately)["oldest-waiting", ""] == 90


def test_an_idle_worker_may_be_silent_unless_tasks_are_due_and_no_other_is_heard_of():
    workers = (worker("gone", 9_000, held=0), worker("alive", 5, held=0))
    assert values(overview_of(due_s=600, workers=workers))["silent-worker", "gone"] == 0
    assert values(overview_of(due_s=600, workers=workers))["silent-worker", ""] == 5
    assert values(overview_of(due_s=600, workers=workers[:1]))["silent-worker", ""] == 600
    assert values(overview_of(due_s=None, workers=workers[:1]))["silent-worker", ""] == 0
    assert values(overview_of(due_s=600, workers=()))["silent-worker", ""] == 600


def test_after_sleep_nothing_is_known_of_those_who_are_waited_for():
    slept = Hearing(gap=Gap(GapKind.SLEPT, NOW - timedelta(hours=8), 8 * 3_600.0))
    workers = (worker("beat before", 8 * 3_600 + 10), worker("has beaten", -1))
    found = values(overview_of(due_s=8 * 3_600, workers=workers), slept)
    assert found["silent-worker", "beat before"] is None
    assert found["silent-worker", "has beaten"] == 0
    assert found["silent-worker", ""] is None
    assert found["oldest-waiting", ""] is None


def test_a_worker_that_never_beat_and_one_without_a_readable_time_count_as_silent():
    rows = (WorkerRow("odd", None, b"\xff\x00", 1), worker("never", None), WorkerRow("", None, None, 3))
    found = values(overview_of(workers=rows))
    assert (found["silent-worker", "odd"] or 0) > 86_400
    assert (found["silent-worker", "never"] or 0) > 86_400


def test_the_silence_of_a_worker_that_was_heard_of_counts_though_another_has_what_it_held():
    heard: set[str] = set()

    def silence(silent_s: float, held: int = 0) -> float | None:
        rows = (worker("one", silent_s, held), worker("two", 1, held=0))
        figures = figures_of(overview_of(workers=rows), disk_facts(Path("-")), Hearing(), AlertRules(), NOW, 0.0, heard)
        return next(each.value for each in figures.measures if each.subject == "one")

    assert silence(300) == 0  # left over from before
    assert silence(10) == 10
    assert silence(300) == 300
    assert silence(3_700) == 0  # gone
    assert silence(3_700, held=1) == 3_700
    assert silence(300) == 0
    assert heard == {"two"}


def test_few_failures_are_chance():
    assert values(overview_of(failed=9, completed=0))["failed-rate", ""] == 0
    assert values(overview_of(failed=10, completed=0))["failed-rate", ""] == 1


def test_sizes_are_asked_of_the_system(tmp_path):
    file = tmp_path / "Wärteschlange 1.db"
    assert disk_facts(file) == disk_facts(Path("\0"))
    file.write_bytes(b"x")
    assert disk_facts(file).wal_bytes == 0
    Path(f"{file}-wal").write_bytes(b"x" * 777)
    found = disk_facts(file)
    assert found.wal_bytes == 777
    assert (found.free_bytes or 0) > 0


def test_workers_that_are_not_named_are_gone_only_where_all_were_looked_at():
    few = tuple(worker(f"w{number}", 1) for number in range(199))
    rules = AlertRules()
    look = lambda rows: figures_of(overview_of(workers=rows), disk_facts(Path("-")), Hearing(), rules, NOW, 0.0)  # noqa: E731
    assert RuleKind.SILENT_WORKER in look(few).complete
    assert RuleKind.SILENT_WORKER not in look((*few, worker("w200", 1))).complete
    assert RuleKind.SILENT_WORKER not in look(None).complete
