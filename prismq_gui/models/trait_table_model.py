"""What failed tasks share, a row a trait: its counts on both sides, and how much of it is sure, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QObject

from prismq_gui.insight.shared_traits import SharedTrait
from prismq_gui.insight.trait_extraction import TraitKey
from prismq_gui.models.cells_model import ACCESSIBLE, ROOT, TOOLTIP, CellsModel, Index
from prismq_gui.models.columns import Column
from prismq_gui.models.text import one_line, visible

TRAIT_COLUMNS = (
    Column("trait", "Trait", 26),
    Column("failed", "Failed", 11, numeric=True),
    Column("passed", "Passed", 11, numeric=True),
    Column("measure", "As often", 20),
)
_WHOLE = 10  # from here on a ratio is told without a fraction


class TraitTableModel(CellsModel):
    """Traits in the order they were told. GUI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(TRAIT_COLUMNS, parent)
        self._traits: tuple[SharedTrait, ...] = ()
        self._cells: tuple[tuple[str, ...], ...] = ()

    def show_traits(self, traits: Sequence[SharedTrait]) -> None:
        """Show these."""
        if tuple(traits) == self._traits:
            return
        self.beginResetModel()
        self._traits = tuple(traits)
        self._cells = tuple(cells_of(each) for each in traits)
        self.endResetModel()

    def id_at(self, row: int) -> str | None:
        """Return what stands for the trait in a row."""
        return self._cells[row][0] if 0 <= row < len(self._cells) else None

    def row_of(self, id: str) -> int | None:
        """Return the row of a trait."""
        return next((row for row, cells in enumerate(self._cells) if cells[0] == id), None)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order."""
        return self._cells[row] if 0 <= row < len(self._cells) else None

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of traits."""
        return 0 if parent.isValid() else len(self._cells)

    def more(self, row: int, column: int, role: int) -> object:
        """Return a trait in sentences, or a cell with its title for a screen reader."""
        if role == ACCESSIBLE:
            return f"{self.columns[column].title}: {self._cells[row][column]}"
        return sentence_of(self._traits[row]) if role == TOOLTIP else None


def cells_of(shared: SharedTrait) -> tuple[str, ...]:
    """Return a trait's row."""
    return (
        trait_text(shared.trait),
        f"{shared.failed:,} of {shared.failed_of:,}",
        f"{shared.passed:,} of {shared.passed_of:,}",
        measure_text(shared),
    )


def trait_text(trait: TraitKey) -> str:
    """Return "payload.region = eu" on one line."""
    return f"{one_line(trait.name, 100)} = {one_line(trait.value, 100)}"


def measure_text(shared: SharedTrait) -> str:
    """Return the lift and its lower bound in few words."""
    if shared.by_nature:
        return "a result of failing"
    if not shared.is_excess:
        return f"seldom: {-shared.difference:.0%} fewer, at least {shared.sure_difference:.0%}"
    surely = f"at least {_ratio(shared.lift_low)}"
    return f"none passed, {surely}" if math.isinf(shared.lift) else f"{_ratio(shared.lift)} times, {surely}"


def measure_sentence(shared: SharedTrait) -> str:
    """Return the same in a sentence of its own."""
    if shared.by_nature:
        return "Failing itself brings it."
    if not shared.is_excess:
        return f"They lack it: {-shared.difference:.0%} fewer have it, surely {shared.sure_difference:.0%}."
    often = "No task that passed has it" if math.isinf(shared.lift) else f"{_ratio(shared.lift)} times as often"
    return f"{often}; surely {_ratio(shared.lift_low)} times as often at least (with 95 % certainty)."


def sentence_of(shared: SharedTrait) -> str:
    """Return all of a trait in sentences, its other names too."""
    lines = [
        f"{trait_text(shared.trait)}: {shared.failed:,} of {shared.failed_of:,} failed tasks have it, "
        f"{shared.passed:,} of {shared.passed_of:,} passed ones. {measure_sentence(shared)}",
    ]
    if shared.also:
        lines.append("Exactly the same tasks have: " + "; ".join(trait_text(each) for each in shared.also))
    return visible("\n".join(lines))


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.1f}"
