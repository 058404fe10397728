"""What a few typed letters mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.models.fuzzy import fit, folded

TITLES = (
    "Retry", "Retry all matching", "Cancel all matching", "Refresh", "Open read-only", "Open in new window",
    "Go to Overview", "Open recent: Clear this list", "Theme: Dark", "Keyboard shortcuts", "Copy", "Compare with",
    "Command palette", "Task panel", "Go to Tasks", "Über uns",
)  # fmt: skip


def best(typed: str) -> list[str]:
    found = [(each, fit(typed, each)) for each in TITLES]
    return [each for each, how in sorted(found, key=lambda pair: -(pair[1].score if pair[1] else 0)) if how is not None]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("ret", "Retry"), ("ram", "Retry all matching"), ("cam", "Cancel all matching"), ("dark", "Theme: Dark"),
        ("oro", "Open read-only"), ("go ov", "Go to Overview"), ("ov go", "Go to Overview"), ("cw", "Compare with"),
        ("keys", "Keyboard shortcuts"), ("TASKS", "Go to Tasks"), ("uber", "Über uns"), ("ÜB", "Über uns"),
    ],
)  # fmt: skip
def test_what_is_meant_comes_first(typed: str, first: str) -> None:
    assert best(typed)[0] == first


@pytest.mark.parametrize("typed", ["xyz", "yrter", "retryretry", "retry zebra"])
def test_what_does_not_stand_there_in_order_is_not_found(typed: str) -> None:
    assert best(typed) == []


def test_the_letters_that_were_meant_are_told() -> None:
    found = fit("al ma", "Retry all matching")
    assert found is not None
    assert found.places == (6, 7, 10, 11)


def test_nothing_typed_fits_everything() -> None:
    assert len(best("  ")) == len(TITLES)


@given(st.text(max_size=40), st.text(max_size=80))
def test_no_text_fails_and_places_are_of_the_letters(typed: str, text: str) -> None:
    assert len(folded(text)) == len(text)
    found = fit(typed, text)
    if found is not None:
        assert list(found.places) == sorted(set(found.places))
        wanted = set("".join(folded(typed).split()))
        assert {folded(text)[place] for place in found.places} == wanted


@given(st.text(alphabet="ab -C", max_size=7), st.text(alphabet="ab -C", min_size=1, max_size=9))
def test_a_text_fits_exactly_where_each_word_is_a_subsequence(typed: str, text: str) -> None:
    def stands(word: str) -> bool:
        letters = iter(folded(text))
        return all(letter in letters for letter in word)

    assert (fit(typed, text) is not None) == all(map(stands, folded(typed).split()))
