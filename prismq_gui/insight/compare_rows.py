"""The pairs of a comparison as a list shows them: the values of each file, cut short, and which of them differ."""

from __future__ import annotations

from collections.abc import Sequence

from prismq_gui.insight.compare_records import DifferenceKind, Pair, PairRow
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.rows import cells_by_id

SHORT_CHARACTERS = 300
_ALONE = {DifferenceKind.APPEARED: 0, DifferenceKind.VANISHED: 1}  # the side that has no such task


def pair_rows(
    sides: Sequence[ReadConnection], layouts: Sequence[Layout], fields: Sequence[str], pairs: Sequence[Pair],
    characters: int,
) -> tuple[PairRow, ...]:  # fmt: skip
    """Return the values of pairs in the order of the pairs, a statement a file.

    Raises:
        ProblemError: A file cannot be read.
    """
    found: list[dict[int, tuple[Cell, ...]]] = []
    for place, (side, layout) in enumerate(zip(sides, layouts, strict=True)):
        ids = [(each.before_id, each.after_id)[place] for each in pairs if _ALONE.get(each.kind) != place]
        found.append(cells_by_id(side, layout, ids, fields, characters))
    return tuple(_row(pair, found[0].get(pair.before_id), found[1].get(pair.after_id)) for pair in pairs)


def _row(pair: Pair, before: tuple[Cell, ...] | None, after: tuple[Cell, ...] | None) -> PairRow:
    alone = _ALONE.get(pair.kind)
    before, after = (None if alone == 0 else before), (None if alone == 1 else after)
    if before is None or after is None:
        return PairRow(pair, before, after, ())
    if pair.changed_fields:  # a long value may differ beyond where it is cut
        return PairRow(pair, before, after, tuple(at for at in range(len(before)) if pair.changed_fields >> at & 1))
    differing = tuple(at for at, (old, new) in enumerate(zip(before, after, strict=True)) if not _is_same(old, new))
    return PairRow(pair, before, after, differing)


def _is_same(old: Cell, new: Cell) -> bool:
    return old == new and type(old) is type(new)
