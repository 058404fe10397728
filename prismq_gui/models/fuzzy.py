"""Whether a text is meant by a few letters of it, how well they fit, and which they are.

Pure functions. Each word that is typed must stand in the text, its letters in order but with gaps; the beginnings of
words and letters in a row count most, so that "rt" finds Retry before Restart.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

LONGEST = 200  # characters of a text that are looked at
MOST_TYPED = 60
_LETTER = 1.0
_IN_A_ROW = 3.0
_WORD_START = 4.0
_TEXT_START = 2.0  # beside that of the word
_GAP = 0.15  # a letter between two
_LENGTH = 0.02  # a letter of the text: the shorter one of two that fit alike comes first


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a text fits, the more the better, and the places of the letters that were meant, ascending."""

    score: float
    places: tuple[int, ...]


def folded(text: str) -> str:
    """Return a text in small letters without marks, each letter in its place: "Über" is "uber"."""
    if text.isascii():
        return text.lower()
    return "".join(_folded(each) for each in text)


def _folded(letter: str) -> str:
    small = unicodedata.normalize("NFD", letter)[0].lower()
    return small if len(small) == 1 else letter


def fit(typed: str, text: str) -> Fit | None:
    """Return how well a text fits what was typed, None where it does not; all fits where nothing was typed."""
    plain = folded(text[:LONGEST])
    score, places = 0.0, set[int]()
    for word in folded(typed[:MOST_TYPED]).split():
        found = _fit_word(word, plain, text)
        if found is None:
            return None
        score += found.score
        places.update(found.places)
    return Fit(score - _LENGTH * len(plain), tuple(sorted(places)))


def _fit_word(word: str, plain: str, text: str) -> Fit | None:
    """Return the best fit of one word: for each letter, the best score of it standing in each of its places."""
    at = -1
    for letter in word:  # nearly all texts fail here
        at = plain.find(letter, at + 1)
        if at < 0:
            return None
    # By place of the letter before: (score, places so far).
    ends: dict[int, tuple[float, tuple[int, ...]]] = {}
    for number, letter in enumerate(word):
        begins, best = dict[int, tuple[float, tuple[int, ...]]](), None
        for place, each in enumerate(plain):
            # `best` is the best end before this place, its score less what the gap up to here costs.
            if each == letter and (not number or best is not None or place - 1 in ends):
                begins[place] = _joined(place, best, ends.get(place - 1), _weight(text, place))
            if best is not None:
                best = (best[0] - _GAP, best[1])
            if place in ends and (best is None or ends[place][0] > best[0]):
                best = ends[place]
        if not begins:
            return None
        ends = begins
    score, places = max(ends.values(), key=lambda end: end[0])
    return Fit(score, places)


def _joined(
    place: int,
    best: tuple[float, tuple[int, ...]] | None,
    neighbour: tuple[float, tuple[int, ...]] | None,
    weight: float,
) -> tuple[float, tuple[int, ...]]:
    """Return the better of two ways to this place: right after the letter before, or after a gap."""
    row = None if neighbour is None else (neighbour[0] + _IN_A_ROW, neighbour[1])
    before = max((end for end in (row, best) if end is not None), key=lambda end: end[0], default=(0.0, ()))
    return before[0] + weight, (*before[1], place)


def _weight(text: str, place: int) -> float:
    if not place:
        return _LETTER + _WORD_START + _TEXT_START
    before, here = text[place - 1], text[place]
    starts = not before.isalnum() or (here.isupper() and before.islower())
    return _LETTER + (_WORD_START if starts and here.isalnum() else 0.0)
