"""The parsed form of a filter, and its canonical text. Pure: no file, no SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from prismq_gui.insight.language_fields import Kind, Table, field_named
from prismq_gui.insight.language_values import (
    Amount,
    Moment,
    Number,
    Pattern,
    Range,
    Scalar,
    Value,
    Wild,
    format_amount,
    format_moment,
    format_number,
    read_scalar,
)

Path: TypeAlias = "tuple[str | int, ...]"
KEYWORDS: Final = ("and", "or", "not")


class Op(Enum):
    """How a field is compared. HAS is the colon: for texts "holds", for names "is, in any case"."""

    HAS = ":"
    IS = "="
    IS_NOT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Ref:
    """A field by its name, or a value in its JSON."""

    name: str
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with values, one of which must fit (IS_NOT: none)."""

    ref: Ref
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """A field that has a value."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Text:
    """Words that stand somewhere in a row."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of these, at least two; none of them is an And itself."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these, at least two; none of them is an Or itself."""

    parts: tuple[Node, ...]


Node: TypeAlias = "Compare | Exists | Text | Not | And | Or"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed filter; ``root`` is None where it lets everything through.

    ``local``: times and days without a zone are this machine's, else UTC. ``text`` is what was written, and
    does not count when two are compared.
    """

    table: Table
    root: Node | None = None
    local: bool = False
    text: str = field(default="", compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything through."""
        return self.root is None


def negated(node: Node) -> Node:
    """Return what is true where the node is not."""
    return node.part if isinstance(node, Not) else Not(node)


def joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """Return the parts as one node, nested ones of the same kind opened."""
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def leaves(node: Node | None) -> Iterator[Compare | Exists | Text]:
    """Yield all conditions in a node."""
    if isinstance(node, (And, Or)):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    elif node is not None:
        yield node


def conjuncts(node: Node | None) -> tuple[Node, ...]:
    """Return what must all be true."""
    if node is None:
        return ()
    return node.parts if isinstance(node, And) else (node,)


_BARE = re.compile(r"[\w.@%\\/+#$&;'~^|{}\[\]-]+")
_BARE_KEY = re.compile(r"[\w$@-]+")


def format(query: Query) -> str:
    """Return the canonical text of a filter; parsed again it gives the same filter."""
    return "" if query.root is None else _format_node(query.root, query.table)


def quoted(text: str) -> str:
    """Return a text in quotes, in which everything is literal."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def format_path(path: Path) -> str:
    """Return the written form of a path into JSON, with its leading dot or bracket."""
    parts = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append(f".{step}" if _BARE_KEY.fullmatch(step) else f'."{step}"')
    return "".join(parts)


def format_pattern(pattern: Pattern, *, keep: bool = False) -> str:
    """Return the written form of a pattern; ``keep``: in quotes even where it need not be."""
    text = pattern.literal
    if text is not None:
        bare = _BARE.fullmatch(text) and text[0] != "-" and text.lower() not in KEYWORDS and ".." not in text
        return text if bare and not keep else quoted(text)
    parts = []
    for piece in pattern.pieces:
        if isinstance(piece, Wild):
            parts.append(piece.value)
        else:
            bare = _BARE.fullmatch(piece) and piece[0] != "-" and ".." not in piece
            parts.append(piece if bare else quoted(piece))
    return "".join(parts)


def format_value(value: Value, kind: Kind) -> str:
    """Return the written form of a value of a field of this kind."""
    if isinstance(value, Range):
        low = "" if value.low is None else format_value(value.low, kind)
        return f"{low}..{'' if value.high is None else format_value(value.high, kind)}"
    if isinstance(value, Number):
        return format_number(value.value)
    if isinstance(value, Amount):
        return format_amount(value, kind)
    if isinstance(value, Moment):
        return format_moment(value)
    if isinstance(value, Scalar) and value.pattern.pieces != (Wild.MANY,):
        looks_typed = read_scalar(value.pattern, bare=True) != value
        typed = value.number is not None or value.word
        return value.pattern.literal or "" if typed else format_pattern(value.pattern, keep=looks_typed)
    # A lone star would ask whether there is a value at all: an anything of a text is "" and a star.
    pattern = value.pattern if isinstance(value, Scalar) else value
    return '""*' if pattern.pieces == (Wild.MANY,) else format_pattern(pattern)


def _format_ref(ref: Ref) -> str:
    return f"{ref.name}{format_path(ref.path)}"


def _format_node(node: Node, table: Table) -> str:
    if isinstance(node, Or):
        return " or ".join(_format_node(part, table) for part in node.parts)
    if isinstance(node, And):
        return " ".join(_in_brackets(part, table, Or) for part in node.parts)
    if isinstance(node, Not):
        return f"-{_in_brackets(node.part, table, (And, Or))}"
    if isinstance(node, Exists):
        return f"{_format_ref(node.ref)}:*"
    if isinstance(node, Text):
        return format_pattern(node.pattern)
    kind = kind_of(node.ref, table)
    return f"{_format_ref(node.ref)}{node.op.value}{','.join(format_value(each, kind) for each in node.values)}"


def _in_brackets(node: Node, table: Table, kinds: type[Or] | tuple[type[And], type[Or]]) -> str:
    text = _format_node(node, table)
    return f"({text})" if isinstance(node, kinds) else text


def kind_of(ref: Ref, table: Table) -> Kind:
    """Return how the values of a field, or of a path into its JSON, are written."""
    found = field_named(table, ref.name)
    assert found is not None
    return Kind.JSON if ref.path else found.kind
