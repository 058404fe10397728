"""The filter language: from text to a :class:`Query`, with errors that point at the place.

Owns grammar and messages. Pure: no file, no SQL. What the language means is told to users in docs/filter-language.md.

    query := and ("or" and)*        and := not (["and"] not)*        not := ("-" | "not")* primary
    primary := "(" query ")" | field operator value ("," value)* | word
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from prismq_gui.insight.language_fields import Table, field_named, names_of, nearest_field
from prismq_gui.insight.language_nodes import (
    KEYWORDS,
    And,
    Exists,
    Node,
    Op,
    Or,
    Query,
    Ref,
    Text,
    format,
    joined,
    leaves,
    negated,
    quoted,
)
from prismq_gui.insight.language_reading import Raw, ValueTroubleError, read_comparison
from prismq_gui.insight.language_values import Piece, Wild, make_pattern

__all__ = ["MAX_LENGTH", "FilterSyntaxError", "Query", "Table", "format", "parse", "words"]

MAX_LENGTH: Final = 2_000  # characters
MAX_DEPTH: Final = 50  # brackets in brackets, far below what Python and SQLite can nest
MAX_TERMS: Final = 200  # conditions and values together, so that the statement stays small
MAX_STEPS: Final = 32  # of a path into JSON

FIELD = re.compile(r'([A-Za-z_]\w*)((?:\.(?:[\w$@-]+|"[^"]*")|\[-?\d{1,6}\])*)')
OPERATOR = re.compile(r":?(?:!=|<=|>=|<|>|==?)|:")
_STEP = re.compile(r'\.(?:([\w$@-]+)|"([^"]*)")|\[(-?\d{1,6})\]')
_SPACE = re.compile(r"\s*")
_OPS: Final = {"==": Op.IS, **{op.value: op for op in Op}}


class FilterSyntaxError(ValueError):
    """A filter that cannot be read. ``start`` and ``end`` are positions in its text; end is after start."""

    def __init__(self, message: str, start: int, end: int, hint: str = "", *, text: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.start = start
        self.end = max(end, start + 1)
        self.hint = hint
        self.text = text

    def render(self) -> str:
        """Return message, text with carets below the place, and hint, for a terminal or a monospaced label."""
        shown = "".join(_visible(each) for each in self.text)
        at, end = max(0, self.start - 50), self.end + 30
        before, after = "…" if at else "", "…" if end < len(shown) else ""
        indent = _width(before + shown[at : self.start])
        carets = "^" * max(1, min(_width(shown[self.start : self.end]), 72))
        lines = [self.message, f"  {before}{shown[at:end]}{after}", f"  {' ' * indent}{carets}"]
        return "\n".join(lines + ([self.hint] if self.hint else []))


def _visible(character: str) -> str:
    return "·" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) != 0 for each in text)


def parse(text: str, table: Table = Table.TASKS, *, local: bool = False) -> Query:
    """Return the filter that a text writes; an empty one lets everything through.

    Args:
        text: What was typed.
        table: What it is about, which decides what fields there are.
        local: Whether times and days without a zone are this machine's; else they are UTC, as in the file.

    Raises:
        FilterSyntaxError: With the place, what was expected there, and what may help.
    """
    if len(text) > MAX_LENGTH:
        message = f"The filter is too long ({len(text):,} characters; at most {MAX_LENGTH:,})."
        raise FilterSyntaxError(message, MAX_LENGTH, MAX_LENGTH + 1, "Use a shorter part of it.", text=text)
    bad = re.search("[\0\ud800-\udfff]", text)
    if bad:
        what = "a NUL character" if bad[0] == "\0" else "half of a character"
        raise FilterSyntaxError(f"The filter holds {what}.", bad.start(), bad.end(), "Leave it out.", text=text)
    return Query(table, _Parser(text, table).whole(), local, text)


class _Parser:
    """Reads one text, once, from left to right."""

    def __init__(self, text: str, table: Table) -> None:
        self._text = text
        self._table = table
        self._at = 0
        self._depth = 0
        self._terms = 0

    def whole(self) -> Node | None:
        self._skip()
        if self._at == len(self._text):
            return None
        node = self._or()
        if self._at < len(self._text):  # only a bracket ends an expression
            raise self._error("This bracket closes nothing.", self._at, self._at + 1, _QUOTE_BRACKETS)
        return node

    def _error(self, message: str, start: int, end: int, hint: str = "") -> FilterSyntaxError:
        return FilterSyntaxError(message, start, end, hint, text=self._text)

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _keyword(self) -> str:
        """Return the keyword that comes next in lower case, '' where another thing does."""
        for word in KEYWORDS:
            end = self._at + len(word)
            if self._text[self._at : end].lower() == word and (end == len(self._text) or self._text[end] in " \t\n()"):
                return word
        return ""

    def _or(self) -> Node:
        parts = [self._and()]
        while self._keyword() == "or":
            self._at += 2
            parts.append(self._and())
        return joined(Or, parts)

    def _and(self) -> Node:
        self._skip()
        parts = [self._not()]
        while True:
            self._skip()
            if self._peek() in ("", ")") or self._keyword() == "or":
                return joined(And, parts)
            if self._keyword() == "and":
                self._at += 3
                self._skip()
            parts.append(self._not())

    def _not(self) -> Node:
        """Read what may be negated; right after a minus, "not", "and" and "or" are words to look for."""
        negations, is_word = 0, False
        while True:
            following = self._text[self._at + 1 : self._at + 2]
            if self._peek() == "-" and following.strip():
                self._at += 1
                is_word = bool(self._keyword())
            elif not is_word and self._keyword() == "not":
                self._at += 3
                self._skip()
            else:
                node = self._words() if is_word else self._primary()
                return negated(node) if negations % 2 else node
            negations += 1

    def _primary(self) -> Node:
        start = self._at
        word = self._keyword()
        if not self._peek() or word or self._peek() == ")":
            shown = f"Before “{word or self._peek()}”" if word or self._peek() else "At the end"
            hint = f"To look for the word itself, quote it: {quoted(word)}." if word else ""
            raise self._error(f"{shown} a condition or a word is missing.", start, start + len(word or ")"), hint)
        if self._peek() == "(":
            return self._brackets(start)
        self._count(start)
        found = self._comparison()
        return found if found is not None else self._words()

    def _brackets(self, start: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"Brackets stand in brackets more than {MAX_DEPTH} deep.", start, start + 1)
        self._at += 1
        self._skip()
        if self._peek() == ")":
            raise self._error("Nothing stands between these brackets.", start, self._at + 1, _QUOTE_BRACKETS)
        node = self._or()
        if self._peek() != ")":
            raise self._error("This bracket is not closed.", start, start + 1, _QUOTE_BRACKETS)
        self._at += 1
        self._depth -= 1
        return node

    def _count(self, start: int, count: int = 1) -> None:
        self._terms += count
        if self._terms > MAX_TERMS:
            raise self._error(f"The filter has more than {MAX_TERMS} conditions.", start, len(self._text))

    def _comparison(self) -> Node | None:
        """Return the condition on a field that stands here, None where a word does."""
        match = FIELD.match(self._text, self._at)
        if match is None:
            return None
        start, end = match.span()
        operator = OPERATOR.match(self._text, end)
        if match[0].lower() == "has" and operator and operator[0] == ":":
            return self._has(operator.end())
        found = field_named(self._table, match[1])
        if operator is None and found is not None:  # with spaces only after what is surely a field
            spaced = _SPACE.match(self._text, end)
            operator = OPERATOR.match(self._text, spaced.end()) if spaced else None
        if operator is None:
            return None
        self._at = operator.end()
        ref = self._ref(match, start)
        self._skip()
        raws = self._values(operator.start(), splits=operator[0].lstrip(":") in ("", "=", "==", "!="))
        self._count(start, len(raws) - 1)
        op = _OPS[operator[0].lstrip(":") or ":"]
        try:
            return read_comparison(ref, self._table, op, raws)
        except ValueTroubleError as trouble:
            raise self._error(trouble.message, trouble.start, trouble.end, trouble.hint) from None

    def _ref(self, match: re.Match[str], start: int) -> Ref:
        found = field_named(self._table, match[1])
        if found is None:
            near = nearest_field(self._table, match[1])
            known = f"Did you mean “{near}”? " if near else f"Fields are {', '.join(names_of(self._table))}. "
            hint = f"{known}To look for the text itself, put it in quotes."
            raise self._error(f"There is no field “{match[0]}”.", start, match.end(), hint)
        path = self._path(match)
        if found.path:
            if path:
                raise self._error(f"“{found.name}” has no parts.", start, match.end())
            return Ref(found.name)
        if path and not found.has_paths:
            fields = ", ".join(name for name in names_of(self._table) if _has_paths(self._table, name))
            raise self._error(f"“{found.name}” has no parts; only {fields} have.", match.start(2), match.end())
        return Ref(found.name, path)

    def _path(self, match: re.Match[str]) -> tuple[str | int, ...]:
        path: list[str | int] = []
        for step in _STEP.finditer(match[2]):
            if step[2] == "":
                raise self._error(
                    "A key of JSON is missing.", match.start(2) + step.start(), match.start(2) + step.end()
                )
            path.append(int(step[3]) if step[3] else step[1] or step[2])
        if len(path) > MAX_STEPS:
            raise self._error(f"The path has more than {MAX_STEPS} steps.", match.start(2), match.end())
        return tuple(path)

    def _has(self, at: int) -> Node:
        self._at = at
        self._skip()
        match = FIELD.match(self._text, self._at)
        if match is None or not re.match(r"[\s()]|$", self._text[match.end() :]):
            message = "After “has:” the name of a field is expected."
            raise self._error(message, self._at, self._at + 1, "For example has:error or has:payload.region.")
        self._at = match.end()
        return Exists(self._ref(match, match.start()))

    def _values(self, operator: int, *, splits: bool) -> list[Raw]:
        if self._peek() == "(":
            hint = "Part several values by commas: status:failed,dead."
            raise self._error("A value is expected here, not a bracket.", self._at, self._at + 1, hint)
        raws: list[Raw] = []
        while True:
            word = self._word("," if splits else "")
            if not word.pieces:
                place = self._text[operator : self._at].strip()
                raise self._error(f"After “{place}” a value is missing.", operator, self._at)
            raws.append(word)
            if self._peek() == "(":
                raise self._error("A bracket stands in the middle of a value.", self._at, self._at + 1, _QUOTE_BRACKETS)
            if not splits or self._peek() != ",":
                return raws
            self._at += 1

    def _words(self) -> Node:
        start = self._at
        match = OPERATOR.match(self._text, start)
        if match:
            hint = "Put the text in quotes to look for it."
            raise self._error(f"Before “{match[0]}” the name of a field is missing.", start, match.end(), hint)
        word = self._word("")
        if self._peek() == "(":
            raise self._error("A bracket stands in the middle of a word.", self._at, self._at + 1, _QUOTE_BRACKETS)
        pattern = make_pattern(list(word.pieces))
        if pattern.literal == "":
            raise self._error("Nothing stands between the quotes.", start, self._at)
        return Text(pattern)

    def _word(self, ends: str) -> Raw:
        """Read up to a space, a bracket or what ends it; quotes make their inside literal, two of them one quote."""
        start, is_quoted = self._at, False
        pieces: list[Piece] = []
        while self._peek() and not self._peek().isspace() and self._peek() not in "()" and self._peek() != ends:
            if self._peek() == '"':
                is_quoted = True
                pieces.append(self._quoted())
            else:
                pieces.append(_piece(self._peek()))
                self._at += 1
        return Raw(tuple(pieces), start, self._at, self._text[start : self._at], is_quoted)

    def _quoted(self) -> str:
        start = self._at
        while True:
            end = self._text.find('"', self._at + 1)
            if end < 0:
                hint = "A quote inside of quotes is written twice."
                raise self._error("This quote is not closed.", start, start + 1, hint)
            self._at = end + 1
            if self._peek() != '"':
                return self._text[start + 1 : end].replace('""', '"')


_QUOTE_BRACKETS: Final = 'To look for a bracket, put the text in quotes: "main()".'


def _piece(character: str) -> Piece:
    return Wild(character) if character in "*?" else character


def _has_paths(table: Table, name: str) -> bool:
    found = field_named(table, name)
    return found is not None and found.has_paths


def words(query: Query) -> bool:
    """Return whether a filter consists of words alone, without a condition on any field."""
    return all(isinstance(leaf, Text) for leaf in leaves(query.root))
