"""The list of differences: which row is which, at a million too, what is asked for, and how a row reads."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from prismq_gui.insight.compare_records import (
    Comparison,
    DifferenceKind,
    IdTally,
    Pair,
    PairRow,
)
from prismq_gui.models.compare_model import CACHED_ROWS, MOST_ASKED, CompareModel, rendered
from prismq_gui.views.compare_words import export_command, notes, sentence

CHANGED, APPEARED, MOVED = DifferenceKind.CHANGED, DifferenceKind.APPEARED, DifferenceKind.MOVED
FIELDS = ("type", "status", "payload", "idempotency_key")


def tally(count: int, start: int = 1) -> IdTally:
    return IdTally(count, array("q", range(start, start + count)))


def comparison(changed: int = 0, appeared: int = 0, **changes) -> Comparison:
    made = Comparison(
        Path("old.db"), Path("new.db"), 10, tally(appeared, 5_000_000), IdTally(), tally(changed), IdTally(), (), 0, 0,
        IdTally(), IdTally(), (), IdTally(), (), False, 1.0, FIELDS, array("I", [1 + at % 3 for at in range(changed)]),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def model(qapp, qtmodeltester) -> CompareModel:
    made = CompareModel()
    made.show_result(comparison(20, 5))
    qtmodeltester.check(made)
    return made


def test_each_row_has_a_key_and_each_key_its_row_at_a_million(qapp) -> None:
    model = CompareModel()
    model.show_result(comparison(1_000_000, 700_000))
    assert model.rowCount() == 1_700_000
    for row in (0, 1, 999_999, 1_000_000, 1_699_999):
        key = model.id_at(row)
        assert key is not None
        assert model.row_of(key) == row
    assert model.id_at(1_000_000) == (APPEARED, 0)
    assert model.pair_of((APPEARED, 7)) == Pair(APPEARED, 5_000_007, 5_000_007)
    assert (model.id_at(1_700_000), model.id_at(-1), model.row_of((CHANGED, 2_000_000))) == (None, None, None)


def test_only_some_of_a_kind_are_listed_and_others_have_no_row(model: CompareModel) -> None:
    model.show_kinds((CHANGED,), array("q", [3, 9, 17]))
    assert [model.id_at(row) for row in range(4)] == [(CHANGED, 3), (CHANGED, 9), (CHANGED, 17), None]
    assert (model.row_of((CHANGED, 9)), model.row_of((CHANGED, 4)), model.row_of((APPEARED, 0))) == (1, None, None)
    pair = model.pair_of((CHANGED, 9))
    assert pair == Pair(CHANGED, 10, 10, 1)


def test_what_is_looked_at_is_asked_for_once_and_memory_stays_bounded(qapp, qtbot) -> None:
    model = CompareModel()
    model.show_result(comparison(20_000))
    asked: list[tuple[Pair, ...]] = []
    model.pairs_wanted.connect(asked.append)
    for row in (9_000, 9_001, 9_000):
        assert model.cells(row) is None
    qtbot.waitUntil(lambda: len(asked) == 1, timeout=5_000)
    assert Pair(CHANGED, 9_001, 9_001, 1) in asked[0]
    assert len(asked[0]) <= MOST_ASKED
    model.cells(9_000)  # on its way already
    qtbot.wait(20)
    assert len(asked) == 1
    for start in range(0, 20_000, 200):
        model.take_rows(
            [PairRow(model.result.pair_at(CHANGED, at), None, None, ()) for at in range(start, start + 200)]
        )
    assert len(model._cells) <= CACHED_ROWS
    assert model.cells(19_999) is not None


def test_what_could_not_be_read_says_so_in_its_row(model: CompareModel) -> None:
    pair = model.pair_of((CHANGED, 0))
    model.take_trouble([pair], "The file is gone")
    assert model.cells(0) == ("± Changed", "1", "", "The file is gone")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (PairRow(Pair(CHANGED, 7, 7), ("a", "queued", None, "k"), ("a", "failed", "<b>\n", "k"), (1, 2)),
         ("± Changed", "7", "a", "status: Waiting (queued) → Failed; payload: – → <b>⏎")),
        (PairRow(Pair(CHANGED, 7, 7), ("a", "", b"xyz", "k"), ("a", 5, "", "k"), (1, 2)),
         ("± Changed", "7", "a", "status: “” → 5; payload: blob 3 B → “”")),
        (PairRow(Pair(APPEARED, 7, 7), None, ("a", "queued", "{}", None), ()),
         ("+ Appeared", "7", "a", "status: Waiting (queued)")),
        (PairRow(Pair(MOVED, 4, 9), ("a", "queued", "", "k4"), ("b", "queued", "", "k4"), (0,)),
         ("→ Key moved", "4 → 9", "b", "key k4; type: a → b")),
        (PairRow(Pair(CHANGED, 7, 7), None, ("a", "queued", "", ""), ()),
         ("± Changed", "7", "a", "gone from the older file since they were compared")),
        (PairRow(Pair(CHANGED, 7, 7), None, None, ()),
         ("± Changed", "7", "", "gone from both files since they were compared")),
    ],
)  # fmt: skip
def test_a_row_tells_old_and_new_in_one_line(row: PairRow, what: tuple[str, ...]) -> None:
    assert rendered(row, FIELDS) == what


def test_words_tell_what_the_list_does_not_hold() -> None:
    cut = IdTally(2_500_000, array("q", range(1_000_000)))
    found = comparison(changed=0, appeared=3, vanished=cut, notes=("A note.",))
    assert notes(found) == "A note. Vanished: the list has the first 1,000,000, and 1,500,000 more are counted."
    assert sentence(found) == "10 of 2,500,013 tasks are the same."
    assert sentence(replace(found, stopped=True)).startswith("Stopped: of the 2,500,013 tasks compared so far")
    assert sentence(comparison(changed=1, keys_appeared=2, keys_vanished=1)).endswith(
        "Idempotency keys: 2 only in the newer file, 1 only in the older one."
    )


def test_the_export_command_is_quoted_for_the_shell() -> None:
    command = export_command(Path("my queue's.db"), Path("b.db"))
    assert command.startswith("prismq-gui compare ")
    assert "my queue's.db b.db" not in command
