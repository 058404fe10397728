from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.polling.ids import IdList, packed


def spans(values: list[int]) -> list:
    """Cut ids into stretches as scans hand them out: ranges where there are no gaps."""
    made, start = [], 0
    for at in range(1, len(values) + 1):
        if at == len(values) or at - start >= 7:
            made.append(
                packed(array("q", values[start:at]))
                if values[start:at] == sorted(values[start:at])
                else array("q", values[start:at])
            )
            start = at
    return made


unique_ids = st.lists(st.integers(0, 60) | st.integers(2**40, 2**40 + 40), unique=True, max_size=60)


@given(unique_ids, st.data())
def test_it_behaves_as_a_plain_list_through_any_changes(values, data):
    ids, plain = IdList(spans(values)), list(values)
    for number in range(data.draw(st.integers(0, 5))):
        if plain and data.draw(st.booleans()):
            row = data.draw(st.integers(0, len(plain) - 1))
            count = data.draw(st.integers(0, len(plain) - row))
            ids.remove(row, count)
            del plain[row : row + count]
        else:
            row = data.draw(st.integers(0, len(plain)))
            new = range(10**6 * (number + 1), 10**6 * (number + 1) + data.draw(st.integers(0, 5)))
            ids.insert(row, new[::-1] if data.draw(st.booleans()) else new)
            plain[row:row] = list(ids.slice(row, row + len(new)))
    assert list(ids) == plain
    assert len(ids) == len(plain)
    assert [ids.id_at(row) for row in range(len(plain))] == plain
    assert [ids.row_of(each) for each in plain] == list(range(len(plain)))
    assert ids.rows_of(plain) == {each: row for row, each in enumerate(plain)}
    first = data.draw(st.integers(0, len(plain)))
    stop = data.draw(st.integers(first, len(plain)))
    assert list(ids.slice(first, stop)) == plain[first:stop]


def test_what_is_not_there_has_no_row():
    ids = IdList([range(10, 0, -1), array("q", [500, 20, 30])])
    assert ids.row_of(11) is None
    assert ids.row_of(25) is None
    assert ids.id_at(-1) is None
    assert ids.id_at(13) is None
    assert ids.rows_of([11, 20, 25]) == {20: 11}


def test_spans_handed_in_are_never_changed():
    one, other = array("q", [5, 9]), array("q", [1, 3])
    ids = IdList([one])
    ids.append(other)
    ids.insert(0, range(2))
    ids.remove(1, 2)
    assert (one, other) == (array("q", [5, 9]), array("q", [1, 3]))


def test_a_growing_gapless_list_stays_one_range():
    ids = IdList([range(100, 0, -1)])
    for newest in range(101, 200):
        ids.insert(0, range(newest, newest - 1, -1))
    ids.append(range(0, -5, -1))
    assert ids.segments == (range(199, -5, -1),)


def test_rows_outside_are_refused():
    ids = IdList([range(3)])
    with pytest.raises(IndexError):
        ids.remove(2, 2)
    with pytest.raises(IndexError):
        ids.insert(4, range(1))
