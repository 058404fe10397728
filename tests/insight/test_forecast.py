"""A forecast says when the queue will be empty only where the flow of the last minutes tells it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.forecast import MOST_S, Flow, Outlook, forecast


def steady(arrived: float, finished: float, *, minutes: int = 10) -> list[Flow]:
    return [Flow(60, arrived, finished) for _ in range(minutes)]


def test_an_uncounted_queue_is_not_forecast():
    found = forecast(None, steady(10, 20))
    assert found.outlook is Outlook.UNKNOWN
    assert found.drains_in_s is None
    assert "can't tell yet" in found.text


def test_an_empty_queue_needs_no_flow():
    assert forecast(0, []).text == "nothing to do"


def test_less_than_a_minute_tells_nothing():
    found = forecast(1_000, [Flow(30, 0, 500)])
    assert found.outlook is Outlook.UNKNOWN
    assert found.text == "can't tell yet: watched for 30 s only"


def test_a_queue_that_drains_says_when_and_between_what():
    found = forecast(36_000, steady(60, 120))
    assert found.outlook is Outlook.DRAINS
    assert found.drains_in_s == pytest.approx(36_000)  # one a second net
    assert found.soonest_s is not None
    assert found.latest_s is not None
    assert found.soonest_s < 36_000 < found.latest_s
    assert found.text.startswith("clears in 10 h (")


def test_a_queue_that_fills_says_how_fast():
    found = forecast(500, steady(120, 60))
    assert found.outlook is Outlook.GROWS
    assert found.text == "growing by 3,600/h"
    assert found.drains_in_s is None


def test_a_busy_queue_in_balance_holds_level():
    assert forecast(500, steady(6_000, 6_000)).outlook is Outlook.LEVEL


def test_a_few_tasks_in_balance_tell_nothing():
    assert forecast(500, steady(2, 2)).outlook is Outlook.UNKNOWN


def test_bursts_widen_what_is_uncertain():
    calm = forecast(10_000, steady(50, 60))
    bursts = forecast(10_000, [Flow(60, 0 if i % 2 else 100, 60) for i in range(10)])
    assert calm.uncertain_per_s is not None
    assert bursts.uncertain_per_s is not None
    assert bursts.uncertain_per_s > 2 * calm.uncertain_per_s
    assert bursts.outlook is Outlook.UNKNOWN
    assert calm.outlook is Outlook.DRAINS


def test_a_standstill_is_no_drain_and_no_zero():
    found = forecast(7, steady(0, 0))
    assert found.outlook is Outlook.STANDS
    assert found.text == "no change in 10 min"


def test_what_lasts_for_months_is_not_told_to_the_hour():
    found = forecast(10**9, steady(60, 120))
    assert found.drains_in_s is None
    assert found.text == "clears in more than 30 days"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Poisson arrivals and ends of known rates: at most some 5 % of the intervals may miss the true net rate."""
    rng = random.Random(7)
    missed = 0
    for _ in range(400):
        flows = [Flow(60, _poisson(rng, 30), _poisson(rng, 36)) for _ in range(10)]
        found = forecast(1_000, flows)
        assert found.net_per_s is not None
        assert found.uncertain_per_s is not None
        missed += abs(found.net_per_s - 0.1) > found.uncertain_per_s
    assert missed <= 400 * 0.08


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count += 1
        left += rng.expovariate(1)
    return count


@given(
    st.one_of(st.none(), st.integers(-5, 10**12)),
    st.lists(st.builds(Flow, st.floats(-10, 1e5), st.floats(-10, 1e12), st.floats(-10, 1e12)), max_size=20),
)
def test_any_flow_gives_a_sound_answer(depth: int | None, flows: list[Flow]):
    found = forecast(depth, flows)
    assert found.text
    if found.drains_in_s is not None:
        assert found.soonest_s is not None
        assert 0 < found.soonest_s <= found.drains_in_s <= MOST_S
        assert found.latest_s is None or found.latest_s >= found.drains_in_s
