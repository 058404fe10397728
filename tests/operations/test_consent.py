"""What must be typed before an operation on a production file, and what counts as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.consent import LARGE, consent_for, consent_for_plan, is_dangerous
from prismq_gui.operations.messages import Matching, OperationKind, Plan, Selected

FILE = Path("Größe & <b>") / "queue one.db"


def plan(kind: OperationKind, eligible: int) -> Plan:
    return Plan(kind, FILE, eligible, (), (), (), "So it will be.")


@pytest.mark.parametrize(
    ("dangerous", "count", "matching", "wanted"),
    [
        (False, 1, False, ""), (False, LARGE, False, ""), (False, LARGE + 1, False, "1,001"),
        (False, 3, True, "3"), (True, 3, False, "3"), (True, None, False, "queue one.db"),
        (False, None, False, ""),
    ],
)  # fmt: skip
def test_what_must_be_typed_in_production_and_that_nothing_must_elsewhere(
    dangerous: bool, count: int | None, matching: bool, wanted: str
) -> None:
    asked = consent_for(FILE, in_production=True, dangerous=dangerous, count=count, matching=matching)
    assert (asked.text if asked else "") == wanted
    assert consent_for(FILE, in_production=False, dangerous=dangerous, count=count, matching=matching) is None
    if asked:
        assert wanted in asked.sentence


def test_a_count_is_typed_with_or_without_signs_and_nothing_else_will_do() -> None:
    asked = consent_for(FILE, in_production=True, dangerous=True, count=12_345)
    assert asked is not None
    assert all(map(asked.is_given, ("12345", "12,345", "12.345", " 12 345 ", "12’345", "12\u202f345")))
    assert not any(map(asked.is_given, ("", "1234", "12346", "12345x", "-12345", "yes", "012345", "queue one.db")))


def test_a_name_is_typed_in_any_capitals() -> None:
    asked = consent_for(FILE, in_production=True, dangerous=True)
    assert asked is not None
    assert asked.is_given(" QUEUE ONE.DB ")
    assert not any(map(asked.is_given, ("", "queue", "queueone.db", "queue one.db.bak")))


def test_kinds_that_lose_something_are_dangerous_and_a_bulk_is_by_its_target() -> None:
    assert {kind.value for kind in OperationKind if is_dangerous(kind)} >= {"vacuum"}
    assert not is_dangerous(OperationKind.RETRY)
    chosen, all_that_match = Selected(range(1, 3)), Matching(TaskFilter(statuses=("failed",)))
    assert consent_for_plan(plan(OperationKind.RETRY, 2), chosen, in_production=True) is None
    assert consent_for_plan(plan(OperationKind.RETRY, 2), all_that_match, in_production=True) is not None
    assert consent_for_plan(plan(OperationKind.MEND, LARGE), None, in_production=True) is None
    mending = consent_for_plan(plan(OperationKind.MEND, LARGE + 1), None, in_production=True)
    assert mending is not None  # a finding is about any number of tasks, none of which were chosen one by one
    assert mending.text == "1,001"
    asked = consent_for_plan(plan(OperationKind.VACUUM, 0), None, in_production=True)
    assert asked is not None
    assert asked.text == "queue one.db"
