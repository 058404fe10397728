"""What stands after an operator: which values a field takes, and what is said where it is another thing."""

from __future__ import annotations

from dataclasses import dataclass

from prismq_gui.insight.language_fields import EXAMPLES, Kind, Table, field_named
from prismq_gui.insight.language_nodes import Compare, Exists, Node, Not, Op, Ref, format_path, kind_of
from prismq_gui.insight.language_values import (
    Bound,
    Piece,
    Range,
    Value,
    Wild,
    make_pattern,
    read_amount,
    read_moment,
    read_number,
    read_scalar,
)

_EQUALS = (Op.HAS, Op.IS, Op.IS_NOT)


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as it was written: its pieces, where it stands, and whether any of it is in quotes."""

    pieces: tuple[Piece, ...]
    start: int
    end: int
    source: str
    quoted: bool

    @property
    def text(self) -> str:
        """The value without its quotes."""
        return "".join(piece.value if isinstance(piece, Wild) else piece for piece in self.pieces)


class ValueTroubleError(Exception):
    """A value that cannot be read; the parser adds the text it stands in."""

    def __init__(self, message: str, raw: Raw, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.start, self.end = raw.start, raw.end
        self.hint = hint


def read_comparison(ref: Ref, table: Table, op: Op, raws: list[Raw]) -> Node:
    """Return the condition that a field, an operator and values make.

    Raises:
        ValueTroubleError: A value is not one that the field takes, or the operator is not.
    """
    kind = kind_of(ref, table)
    if len(raws) == 1 and raws[0].source == "*":
        if op not in _EQUALS:
            raise ValueTroubleError(f"“{op.value}” needs {kind.value}, not a wildcard.", raws[0], _hint(kind))
        exists = Exists(ref)
        return Not(exists) if op is Op.IS_NOT else exists
    if op not in _EQUALS and kind in (Kind.NAME, Kind.TEXT):
        name = f"{ref.name}{format_path(ref.path)}"
        hint = f"It is asked by {name}:…, {name}=… or {name}!=…"
        raise ValueTroubleError(
            f"“{name}” is {kind.value} and has no order, so “{op.value}” cannot be asked.", raws[0], hint
        )
    return Compare(ref, op, tuple(_value(raw, kind, ref, table, ranges=op in _EQUALS) for raw in raws))


def _value(raw: Raw, kind: Kind, ref: Ref, table: Table, *, ranges: bool) -> Value:
    if kind in (Kind.NAME, Kind.TEXT):
        return make_pattern(list(raw.pieces))
    low, dots, high = raw.text.partition("..")
    if dots and not raw.quoted:
        found = _range(low, high, kind)
        if found is not None and ranges:
            return found
        if found is not None:
            raise ValueTroubleError("A range can only be asked by “:”, “=” or “!=”.", raw)
    if kind is Kind.JSON:
        return read_scalar(make_pattern(list(raw.pieces)), bare=not raw.quoted)
    single = _bound(raw.text, kind)
    if single is None:
        raise ValueTroubleError(_message(raw, kind, ref, table), raw, _hint(kind, raw.text))
    return single


def _range(low: str, high: str, kind: Kind) -> Range | None:
    ends = [_bound(text, kind) if text else None for text in (low, high)]
    written = [text for text in (low, high) if text]
    if not written or sum(end is not None for end in ends) != len(written):
        return None
    return Range(ends[0], ends[1])


def _bound(text: str, kind: Kind) -> Bound | None:
    if kind in (Kind.NUMBER, Kind.JSON):
        return read_number(text)
    return read_moment(text) if kind is Kind.TIME else read_amount(text, kind)


def _message(raw: Raw, kind: Kind, ref: Ref, table: Table) -> str:
    shown = raw.text if len(raw.text) <= 40 else f"{raw.text[:40]}…"
    field = field_named(table, ref.name)
    assert field is not None
    return f"“{shown}” is not {kind.value}, which “{ref.name}” ({field.help}) is compared with."


def _hint(kind: Kind, text: str = "") -> str:
    allowed = f"Allowed is {EXAMPLES[kind]}."
    if kind is Kind.TIME and read_amount(text, Kind.SPAN):
        return f"“{text}” ago is written now-{text}. {allowed}"
    if kind in (Kind.SPAN, Kind.SIZE) and read_number(text):
        unit = "s" if kind is Kind.SPAN else "kB"
        return f"A unit is missing: {text}{unit}? {allowed}"
    return allowed
