"""What a new task may hold: the checks of each field, and its values as the file keeps them.

Owns the limits and the words of the refusals. Knows no SQL and writes nothing.

JSON is kept as follows. An object or list is written as Python's ``json`` does (keys that are numbers become text,
tuples become lists); JSON that comes as text is checked and then kept letter by letter: spaces, double keys and the
digits of a number stay. NaN, infinities (``1e999`` is one) and lone surrogates are refused, whole numbers beyond
64 bit are not.
"""

from __future__ import annotations

import json
import json.encoder
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from prismq_gui.queue.timestamps import now_utc, utc_text, utc_text_after

LONGEST_PAYLOAD_BYTES = 1024 * 1024  # unless the client is told another limit
LARGEST_LIMIT_BYTES = 256 * 1024 * 1024  # SQLite takes 1 GB a row; a handler must hold the text and its objects
LONGEST_COMPATIBILITY_BYTES = 64 * 1024  # a claim takes a longer one for unreadable: no worker would ever run it
LONGEST_TEXT = 1000  # characters of a type or key
DEEPEST_JSON = 200
LARGEST_INTEGER = 2**63 - 1

Json = Mapping[str, Any] | list[Any] | str
Moment = datetime | timedelta
Row = tuple[str, int, str, str, int, "str | None", "str | None"]
"""Type, priority, payload, compatibility, max_attempts, run_after_utc and idempotency_key as the file keeps them."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be put in; its fields are the arguments of ``QueueClient.enqueue``."""

    type: str
    payload: Json | None = None
    priority: int = 100
    run_after: Moment | None = None
    max_attempts: int = 5
    compatibility: Mapping[str, Any] | str | None = None
    idempotency_key: str | None = None


FIELDS = tuple(NewTask.__slots__)


def _make_dump() -> Callable[[object], str]:
    """Return what writes JSON compactly in time: ``json.dumps`` makes a new encoder a call, 2.3 µs of its 3.3."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, default=_plain)
    make = getattr(json.encoder, "c_make_encoder", None)
    quote = getattr(json.encoder, "encode_basestring", None)
    if make is None or quote is None:
        return encoder.encode
    try:
        encode = make(None, _plain, quote, None, ": ", ", ", False, False, False)
        join = "".join

        def dump(value: object) -> str:
            return join(encode(value, 0))

        is_alike = dump({"a": ["ä", 1.5, None]}) == encoder.encode({"a": ["ä", 1.5, None]})
    except (TypeError, ValueError):  # an inner part of Python's json: a later one may look different
        return encoder.encode
    return dump if is_alike else encoder.encode


def _plain(value: object) -> object:
    """Let any mapping stand for an object, not only ``dict``."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an object of type {type(value).__name__} has no form in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40} is too large for a number")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_dump = _make_dump()
_load = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).decode


class TaskRules:
    """The checks of a new task, with a limit that can be set. Safe to use from many threads.

    Args:
        max_payload_bytes: How long a payload's text may be in UTF-8.

    Raises:
        ValueError: The limit is no whole number from 2 to 256 MiB.
    """

    def __init__(self, max_payload_bytes: int = LONGEST_PAYLOAD_BYTES) -> None:
        self.max_payload_bytes = check_integer("max_payload_bytes", max_payload_bytes, 2, LARGEST_LIMIT_BYTES)
        # Each level takes two brackets, so that a text of so few letters can't be nested too deep.
        self._surely_fine = min(self.max_payload_bytes, 2 * DEEPEST_JSON)

    def row(
        self,
        type: object,
        payload: object,
        priority: object,
        run_after: object,
        max_attempts: object,
        compatibility: object,
        idempotency_key: object,
        now: str | None,
    ) -> Row:
        """Return a task's checked values; ``now`` stands for a moment that is not given.

        Raises:
            ValueError: A value isn't allowed; says which field, which value and what is.
        """
        # What is right at the first look is not looked at again: a call for each field costs 1 µs a task.
        if priority.__class__ is not int or not -LARGEST_INTEGER <= priority <= LARGEST_INTEGER:
            check_integer("priority", priority, -LARGEST_INTEGER)
        if max_attempts.__class__ is not int or not 1 <= max_attempts <= LARGEST_INTEGER:
            check_integer("max_attempts", max_attempts, 1)
        return (  # type: ignore[return-value]
            _known_text("type", type) if type.__class__ is str else check_text("type", type),
            priority,
            self.payload(payload),
            "{}" if compatibility is None else _compatibility(compatibility),
            max_attempts,
            now if run_after is None else check_moment("run_after", run_after),
            None
            if idempotency_key is None or idempotency_key == ""
            else check_text("idempotency_key", idempotency_key),
        )

    def payload(self, value: object) -> str:
        """Return a payload as JSON text; None is ``{}``.

        Raises:
            ValueError: It isn't JSON, no object or list, or too large or deep.
        """
        if value is None:
            return "{}"
        if value.__class__ is dict:  # most are small objects: their text is looked at as little as can be
            try:
                text = _dump(value)
            except (TypeError, ValueError, RecursionError):
                text = None  # told below
            if text is not None and text.isascii() and len(text) <= self._surely_fine:
                return text
        return check_json("payload", value, self.max_payload_bytes)


def check_text(field: str, value: object) -> str:
    """Return a text of 1 to 1,000 characters that is not blank and that SQLite and UTF-8 can hold."""
    if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > LONGEST_TEXT:
        raise ValueError(f"{field} must be a text of 1 to {LONGEST_TEXT:,} characters without NUL, not {_told(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds a lone surrogate, which UTF-8 has no form for: {_told(value)}") from None
    return value


_known_text = lru_cache(maxsize=1024)(check_text)


def check_integer(field: str, value: object, least: int, most: int = LARGEST_INTEGER) -> int:
    """Return a whole number of this range; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        largest = "2^63-1" if most == LARGEST_INTEGER else f"{most:,}"
        raise ValueError(f"{field} must be a whole number from {least} to {largest}, not {_told(value)}")
    return value


def check_moment(field: str, value: object) -> str:
    """Return the file's text of a moment: a datetime (naive is UTC), or so long after now; never an earlier one."""
    try:
        if isinstance(value, datetime):
            return utc_text_after(value)
        if isinstance(value, timedelta):
            return utc_text_after(now_utc() + value) if value > timedelta() else utc_text(now_utc() + value)
    except OverflowError:  # an offset or a delay that leads out of the years 1 to 9999
        pass
    raise ValueError(f"{field} must be a datetime or a timedelta up to the year 9999, not {_told(value)}")


def _compatibility(value: object) -> str:
    text = check_json("compatibility", value, LONGEST_COMPATIBILITY_BYTES)
    if text.lstrip(" \t\r\n")[:1] != "{":
        raise ValueError(f"compatibility must be a JSON object, not {_told(text)}")
    return text


def check_json(field: str, value: object, limit_bytes: int) -> str:
    """Return a JSON object or list as text, checked for size, depth and what JSON or UTF-8 has no form for."""
    text = value if isinstance(value, str) else None
    try:
        if text is not None:
            # First: the parsed objects of a long text are many times its size.
            _check_size(field, text, limit_bytes)
            value = _load(text)
            if "\\u" in text:
                _dump(value).encode("utf-8")  # finds lone surrogates behind escapes
        elif isinstance(value, (dict, list, Mapping)):
            text = _dump(value)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, _TooLongError):
            raise
        raise ValueError(f"{field} must be JSON ({_reason(value, error)})") from None
    if text is None or not isinstance(value, (Mapping, list)):
        raise ValueError(f"{field} must be a JSON object or list, or its text, not {_told(value)}")
    _check_size(field, text, limit_bytes)
    # Each level has a bracket: few brackets (inside of texts, too) are few levels, and counting is quick.
    if text.count("{") + text.count("[") > DEEPEST_JSON and _depth(value) > DEEPEST_JSON:
        raise ValueError(f"{field} is nested deeper than {DEEPEST_JSON} levels")
    return text


class _TooLongError(ValueError):
    """A text is longer than its limit."""


def _check_size(field: str, text: str, limit_bytes: int) -> None:
    size = len(text)
    if not text.isascii() and size <= limit_bytes:
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise ValueError(f"{field} must be JSON ({error})") from None
    if size > limit_bytes:
        raise _TooLongError(f"{field} is {size:,} bytes or more; at most {limit_bytes:,} are allowed")


def _reason(value: object, error: Exception) -> str:
    """Say why a value has no form in JSON; the quick encoder looks for no circles."""
    if isinstance(error, RecursionError):
        return "it holds itself, or is nested too deep"
    if isinstance(value, str) and isinstance(error, json.JSONDecodeError) and not value.strip():
        return "the text is empty"
    return str(error)


def _told(value: object) -> str:
    """Return a value for a message, cut; whatever it is, telling it must not fail."""
    try:
        return f"{value!r:.100}"
    except Exception:  # noqa: BLE001 (an object's repr may raise anything; ints of over 4,300 digits do)
        return f"an object of type {type(value).__name__}"


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST_JSON:
        deepest += 1
        inner: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                inner.extend(each for each in item.values() if isinstance(each, (Mapping, list, tuple)))
            elif isinstance(item, (list, tuple)):
                inner.extend(each for each in item if isinstance(each, (Mapping, list, tuple)))
        level = inner
    return deepest
