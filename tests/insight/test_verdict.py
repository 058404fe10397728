"""The verdict names what is wrong, in words a person can act on, and does not flicker."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from prismq_gui.insight.forecast import Flow, forecast
from prismq_gui.insight.verdict import (
    Cause,
    Code,
    Facts,
    Page,
    Severity,
    Thresholds,
    VerdictState,
    WorkerFact,
    judge,
)

NOW = datetime(2026, 3, 1, 12, 0, 0)
ALIVE = WorkerFact("worker-01", 3.0, 1)
GROWS = forecast(5_000, [Flow(60, 200, 20)] * 10)
WELL = Facts(
    NOW, workers=(ALIVE,), completed=500, failed=0, causes=(), dead=0, oldest_waiting_s=0.0, expired_leases=0,
    forecast=forecast(0, []), wal_bytes=4_000_000,
)  # fmt: skip


def codes(facts: Facts, thresholds: Thresholds | None = None) -> list[Code]:
    return [reason.code for reason in judge(facts, thresholds)[0].reasons]


def test_a_sound_queue_is_well():
    verdict, state = judge(WELL)
    assert verdict.sentence == "All is well"
    assert verdict.is_well
    assert state == VerdictState()


def test_what_was_not_looked_at_is_never_called_well():
    verdict, _ = judge(Facts(NOW))
    assert verdict.sentence == "Not looked at yet"
    assert not verdict.is_well
    verdict, _ = judge(replace(WELL, workers=None))
    assert verdict.sentence == "No problem found so far; not known yet: workers"


def test_two_problems_in_one_sentence():
    facts = replace(
        WELL, workers=(ALIVE, WorkerFact("worker-05", 7_260.0, 3)), completed=200, failed=54,
        causes=(Cause("TimeoutError", 40), Cause("ValueError", 14)),
    )  # fmt: skip
    verdict, _ = judge(facts)
    assert verdict.sentence == (
        "2 problems: worker-05 silent for 2 h holding 3 tasks; 54 failed in the last hour, most `TimeoutError`"
    )
    assert [reason.page for reason in verdict.reasons] == [Page.WORKERS, Page.FAILURES]
    assert verdict.severity is Severity.WARNING


def test_most_is_said_only_of_more_than_half():
    facts = replace(WELL, failed=300, causes=(Cause("A", 100), Cause("B", 100), Cause("C", 100)))
    assert "most" not in judge(facts)[0].sentence
    assert "100 of them `A`" in judge(facts)[0].sentence


def test_a_silent_worker_that_holds_nothing_is_no_problem():
    assert codes(replace(WELL, workers=(ALIVE, WorkerFact("old", 1e6, 0)))) == []


def test_a_worker_that_never_gave_a_sign_of_life_is_silent():
    facts = replace(WELL, workers=(ALIVE, WorkerFact("ghost", None, 1)))
    assert judge(facts)[0].sentence == "1 problem: ghost has given no sign of life holding 1 task"


def test_many_silent_workers_are_one_problem_that_names_each():
    silent = tuple(WorkerFact(f"worker-{i:02}", 600.0 + i, 2) for i in range(6))
    (reason,) = judge(replace(WELL, workers=(ALIVE, *silent)))[0].reasons
    assert reason.sentence == "6 workers silent holding 12 tasks (worker-05 longest, for 10 min)"
    assert all(any(worker.worker_id in detail for detail in reason.details) for worker in silent)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"oldest_waiting_s": 1.0, "workers": ()}, Code.NOBODY_WORKS),
        ({"oldest_waiting_s": 1.0, "workers": (WorkerFact("w", 9e3, 0),)}, Code.NOBODY_WORKS),
        ({"failed": 100}, Code.FAILING),
        ({"completed": 50_000, "failed": 30, "causes": (Cause("X", 30),)}, Code.ONE_CAUSE),
        ({"dead": 1}, Code.DEAD_LETTERS),
        ({"oldest_waiting_s": 4_000.0}, Code.WAITS_LONG),
        ({"forecast": GROWS}, Code.BACKLOG_GROWS),
        ({"expired_leases": 1}, Code.EXPIRED_LEASES),
        ({"wal_bytes": 300 * 1024**2}, Code.WAL_LARGE),
    ],
)
def test_each_rule_speaks_for_itself(change: dict, code: Code):
    assert codes(replace(WELL, **change)) == [code]


def test_nobody_works_is_not_said_where_nothing_is_due():
    assert codes(replace(WELL, workers=())) == []


def test_few_failures_are_chance():
    assert codes(replace(WELL, completed=0, failed=9)) == []
    assert codes(replace(WELL, completed=0, failed=10)) == [Code.FAILING]


def test_mostly_failing_is_a_fault_and_comes_first():
    verdict, _ = judge(replace(WELL, completed=5, failed=60, oldest_waiting_s=4_000.0, expired_leases=3))
    assert verdict.severity is Severity.FAULT
    assert verdict.reasons[0].code is Code.FAILING


def test_thresholds_can_be_set():
    facts = replace(WELL, oldest_waiting_s=4_000.0)
    assert codes(facts, Thresholds(oldest_waiting_s=86_400)) == []


def test_a_value_at_the_edge_does_not_flicker():
    state, told = VerdictState(), []
    for step in range(20):
        waited = 3_601.0 if step % 2 else 3_599.0
        verdict, state = judge(replace(WELL, at_utc=NOW + timedelta(seconds=60 * step), oldest_waiting_s=waited),
                               None, state)  # fmt: skip
        told.append(Code.WAITS_LONG in [reason.code for reason in verdict.reasons])
    assert told == [False] + [True] * 19


def test_a_value_a_little_below_its_threshold_does_not_clear_it():
    _, state = judge(replace(WELL, oldest_waiting_s=3_700.0))
    for minute in range(1, 60):
        verdict, state = judge(replace(WELL, at_utc=NOW + timedelta(minutes=minute), oldest_waiting_s=3_000.0), None,
                               state)  # fmt: skip
    assert verdict.sentence.endswith("has been due for 50 min")


def test_a_reason_goes_only_after_it_was_over_for_a_while():
    _, state = judge(replace(WELL, expired_leases=5))
    seen = []
    for second in (1, 10, 25, 32, 40):
        verdict, state = judge(replace(WELL, at_utc=NOW + timedelta(seconds=second)), None, state)
        seen.append(len(verdict.reasons))
    assert seen == [1, 1, 1, 0, 0]


def test_a_relapse_begins_the_while_anew():
    _, state = judge(replace(WELL, expired_leases=5))
    for second, leases in ((1, 0), (20, 2), (40, 0), (60, 0)):
        verdict, state = judge(
            replace(WELL, at_utc=NOW + timedelta(seconds=second), expired_leases=leases), None, state
        )
    assert [reason.code for reason in verdict.reasons] == [Code.EXPIRED_LEASES]


def test_a_reason_stays_while_nothing_is_known_of_it():
    _, state = judge(replace(WELL, expired_leases=5))
    verdict, _ = judge(replace(WELL, at_utc=NOW + timedelta(hours=1), expired_leases=None), None, state)
    assert verdict.reasons[0].sentence == "5 tasks run on leases that are over"
    assert verdict.unknown == ("leases",)


def test_B14_a_clock_set_back_does_not_keep_a_reason_for_ever():
    _, state = judge(replace(WELL, expired_leases=5))
    _, state = judge(WELL, None, state)
    _, state = judge(replace(WELL, at_utc=NOW - timedelta(hours=1)), None, state)
    verdict, _ = judge(replace(WELL, at_utc=NOW - timedelta(minutes=59)), None, state)
    assert verdict.reasons == ()


def test_text_of_the_file_stays_one_line_of_text():
    facts = replace(
        WELL, workers=(ALIVE, WorkerFact("w\x1b[31m\n\u202ex" + "y" * 500, 9e3, 1)), failed=80,
        causes=(Cause("Bad\n`x`" + "z" * 500, 80),),
    )  # fmt: skip
    sentence = judge(facts)[0].sentence
    assert sentence.isprintable()
    assert len(sentence) < 300


def test_thresholds_survive_json():
    limits = Thresholds(error_rate=0.5, wal_bytes=2**30)
    assert Thresholds.from_dict(json.loads(json.dumps(limits.to_dict()))) == limits
    assert Thresholds.from_dict({}) == Thresholds()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"error_rate": 2}, "error_rate"), ({"error_rate": "much"}, "error_rate"),
        ({"dead_letters": 0}, "dead_letters"),
        ({"dead_letters": 1.5}, "dead_letters"), ({"silent_after_s": float("nan")}, "silent_after_s"),
        ({"wal_bytes": True}, "wal_bytes"), ({"nonsense": 1}, "nonsense"), ({"clear_share": 0}, "clear_share"),
    ],
)  # fmt: skip
def test_a_wrong_threshold_is_refused_by_name(values: dict, named: str):
    with pytest.raises(ValueError, match=named):
        Thresholds.from_dict(values)
