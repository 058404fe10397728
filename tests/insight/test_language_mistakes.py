"""What is said of a filter that cannot be read: where, and what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.language import MAX_LENGTH, FilterSyntaxError, Table, format, parse
from tests.helpers.examples import examples


def refused(text: str, table: Table = Table.TASKS) -> FilterSyntaxError:
    with pytest.raises(FilterSyntaxError) as caught:
        parse(text, table)
    assert 0 <= caught.value.start < caught.value.end
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("statsu:failed", "statsu", "Did you mean “status”?"),
        ("a http://x", "http", "quotes"),
        ("age>2", "2", "2s?"),
        ("age>soon", "soon", "30s, 5m, 2h"),
        ("created>2h", "2h", "now-2h"),
        ("created>2025-02-30", "2025-02-30", "not a time"),
        ("created>=25:00", "25:00", "not a time"),
        ("attempts>=many", "many", "not a number"),
        ("attempts>1e999", "1e999", "not a number"),
        ("size>10", "10", "10kB?"),
        ("size>10XB", "10XB", "MiB"),
        ("type>a", "a", "no order"),
        ("attempts>1..3", "1..3", "range"),
        ("attempts>*", "*", "wildcard"),
        ("status:", "status:"[6:], "value is missing"),
        ("status:failed,", ":failed,", "value is missing"),
        ("status:(a or b)", "(", "status:failed,dead"),
        ('error:"open', '"', "not closed"),
        ("(a or b", "(", "not closed"),
        ("a)", ")", "closes nothing"),
        ("()", "()", "Nothing stands"),
        ("main(x)", "(", "in quotes"),
        ("a or", "", "At the end"),
        ("or b", "or", '"or"'),
        ("a and or b", "or", "missing"),
        (">3", ">", "field is missing"),
        ("type.x:1", ".x", "only payload, compatibility have"),
        ("region.x:1", "region.x", "no parts"),
        ("has:", "", "has:error"),
        ('""', '""', "between the quotes"),
        ("a\0b", "\0", "NUL"),
        ("a \ud800", "\ud800", "half"),
        ("level:info", "level", "no field"),
    ],
)
def test_a_mistake_is_shown_at_its_place(text: str, place: str, said: str) -> None:
    error = refused(text)
    assert text[error.start : error.end] == place
    assert said in f"{error.message} {error.hint}"
    lines = error.render().split("\n")
    assert lines[0] == error.message
    assert len(lines[1]) >= lines[2].index("^")


def test_carets_stand_below_wide_characters_and_in_long_texts() -> None:
    lines = refused("日本 nope:1").render().split("\n")
    assert lines[2] == "       ^^^^"  # two columns a character
    long = refused(f"{'x ' * 150}nope:1 {'y ' * 40}").render().split("\n")
    at = long[2].index("^")
    assert long[1][at : at + 4] == "nope"
    assert len(long[1]) < 100
    assert "\x1b" not in refused("\x1b[31m nope:1").render()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 51 + "a" + ")" * 51,
        "x" * (MAX_LENGTH + 1),
        "a " * 201,
        f"id:{','.join('1' * 201)}",
        "payload" + ".a" * 33 + ":1",
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    refused(text)


@examples(300)
@given(
    st.text(alphabet="ab ():=!<>,.*?\"-\\%_'[]01T:Z{}\n", max_size=40) | st.text(max_size=20), st.sampled_from(Table)
)
def test_any_text_is_read_or_refused_with_its_place(text, table):
    try:
        query = parse(text, table)
    except FilterSyntaxError as error:
        place = (bool(error.render()), 0 <= error.start <= len(text))
    else:
        place = (parse(format(query), table) == query, True)
    assert place == (True, True)


@examples(300)
@given(
    st.lists(
        st.sampled_from(
            [
                "status",
                "type",
                "payload",
                ".a",
                "[0]",
                ":",
                "=",
                ">",
                "*",
                "a",
                '"',
                '"b c"',
                " ",
                "(",
                ")",
                "-",
                " or ",
                " and ",
                "not ",
                ",",
                "..",
                "1",
                "2h",
                "now",
                "has:",
                "10kB",
                "age",
                "created",
                "-",
                "ü",
                "id",
                "2025-11-05",
                "T10:30",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_any_words_of_the_language_are_read_or_refused(text):
    test_any_text_is_read_or_refused_with_its_place.hypothesis.inner_test(text, Table.TASKS)
