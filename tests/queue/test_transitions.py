"""The table of legal changes: complete, consistent, and the same in Python, in words and in SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.queue.transitions import (
    RUNNING,
    TERMINAL,
    TRANSITIONS,
    Status,
    Transition,
    legal_sources,
    may,
    refusal,
    sql_sources,
)

STATUSES = st.one_of(st.sampled_from([status.value for status in Status]), st.text(max_size=20))


@given(st.sampled_from(Transition), STATUSES)
def test_python_words_and_sql_agree(transition: Transition, status: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        allowed = connection.execute(
            f"SELECT {sql_sources(transition)} FROM (SELECT ? AS status)", (status,)
        ).fetchone()
    assert bool(allowed[0]) == may(transition, status) == (refusal(transition, status) == "")
    assert may(transition, status) == (TRANSITIONS[transition].any_status or status in legal_sources(transition))


def test_every_transition_stands_in_the_table_and_leads_to_a_known_status() -> None:
    known = {status.value for status in Status}
    assert set(TRANSITIONS) == set(Transition)
    assert all(rule.target in known | {None} and set(rule.sources) <= known for rule in TRANSITIONS.values())


@pytest.mark.parametrize("status", [*RUNNING, "completed"])
def test_an_operator_never_retries_what_runs_or_is_done(status: str) -> None:
    assert not may(Transition.OPERATOR_RETRY, status)
    assert refusal(Transition.OPERATOR_RETRY, status).startswith("is ")


def test_C16_a_task_of_any_status_may_be_deleted_and_nothing_else_takes_an_unknown_one() -> None:
    assert {each for each in Transition if may(each, "paused")} == {Transition.OPERATOR_DELETE}
    assert may(Transition.OPERATOR_DELETE, None)


def test_nothing_finished_is_claimed() -> None:
    assert not any(may(Transition.CLAIM, status) for status in (*TERMINAL, *RUNNING))


def test_C16_an_unknown_status_is_named_as_it_is_and_refused() -> None:
    assert refusal(Transition.OPERATOR_CANCEL, "paused") == "has the unknown status 'paused'"
    assert refusal(Transition.OPERATOR_CANCEL, 7) == "has a status that is not text"
