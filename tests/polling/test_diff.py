from array import array

from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.polling.diff import MAX_SPANS, difference
from prismq_gui.polling.ids import IdList, packed
from prismq_gui.polling.messages import IdsPatched, Table


def applied(old: IdList, changes) -> list[int]:
    ids = old.copy()
    message = IdsPatched(Table.TASKS, 1, tuple(changes.removed), tuple(changes.inserted))
    for span in message.removed:
        ids.remove(span.row, span.count)
    for span in message.inserted:
        assert span.ids is not None
        assert len(span.ids) == span.count
        ids.insert(span.row, span.ids)
    return list(ids)


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)), st.booleans())
def test_any_two_lists_in_id_order_are_made_equal(old, new, descending):
    left, right = (IdList([packed(array("q", sorted(ids, reverse=descending)))]) for ids in (old, new))
    changes = difference(left, right)
    if changes is not None:
        assert applied(left, changes) == list(right)
        assert len(changes.removed) + len(changes.inserted) <= MAX_SPANS


@given(st.permutations(range(12)), st.permutations(range(12)), st.integers(0, 12), st.integers(0, 12))
def test_any_order_is_made_equal_or_replaced_and_no_id_moves(old, new, drop_old, drop_new):
    left, right = IdList([array("q", old[drop_old:])]), IdList([array("q", new[drop_new:])])
    changes = difference(left, right)
    if changes is None:
        return
    assert applied(left, changes) == list(right)
    gone = {left.id_at(row) for span in changes.removed for row in range(span.row, span.row + span.count)}
    come = {each for span in changes.inserted for each in span.ids}
    assert not gone & come


def test_few_changes_in_a_million_are_few_spans():
    old = IdList([array("q", range(0, 2_000_000, 2))])
    changed = array("q", range(0, 2_000_000, 2))
    for row in (999_999, 500_000, 7):
        del changed[row]
    changed.insert(300_000, 600_001)
    changes = difference(old, IdList([changed]))
    assert changes is not None
    assert [(span.row, span.count) for span in changes.removed] == [(999_999, 1), (500_000, 1), (7, 1)]
    assert [(span.row, list(span.ids)) for span in changes.inserted] == [(300_000, [600_001])]


def test_equal_lists_cut_differently_have_no_difference():
    old = IdList([range(50_000, 0, -1)])
    new = IdList([range(50_000, 20_000, -1), array("q", range(20_000, 0, -1))])
    changes = difference(old, new)
    assert changes is not None
    assert changes.is_empty


def test_ten_million_rows_that_lose_a_stretch_are_compared_without_being_walked():
    old = IdList([range(10_000_000, 0, -1)])
    new = IdList([range(10_000_000, 9_000_000, -1), range(8_999_000, 0, -1)])
    changes = difference(old, new)
    assert changes is not None
    assert applied(old, changes)[999_998:1_000_002] == [9_000_002, 9_000_001, 8_999_000, 8_998_999]


def test_many_scattered_changes_are_a_replacement():
    old = IdList([range(1_000)])
    new = IdList([array("q", [each for each in range(1_000) if each % 10])])
    assert difference(old, new) is None


def test_a_row_that_changed_its_place_is_a_replacement():
    old = IdList([array("q", [1, 2, 3, 4, 5])])
    assert difference(old, IdList([array("q", [2, 3, 4, 5, 1])])) is None
