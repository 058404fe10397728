"""The signature of an error text: what stays of it when all that differs between two tasks is folded away.

Owns the choice of the line that says what happened, and the rules, which are applied in their order. Pure functions of
the text: no file, no locale, no clock. A change of what any rule does needs a new :data:`RULES_VERSION`.

Every rule takes away at least one digit, quote, slash, backslash, dot or @, and its placeholder holds none of them: so
the rules come to an end when they are repeated, and they are, until nothing changes. That is why the signature of a
signature is itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from prismq_gui.insight.messages import Cell

RULES_VERSION = 1
"""Signatures of one version are comparable; it goes up whenever some text gets another signature."""

HEAD_BYTES = 4_096
TAIL_BYTES = 2_048  # where a traceback says which exception it was
LINE_CHARACTERS = 1_000  # of a line are folded: what costs the square of it stays under 10 ms
SIGNATURE_CHARACTERS = 200
NO_TEXT = "(no error text)"
_MOST_ROUNDS = 300  # each takes one of at most 200 characters away; no text seen has needed more than 4

_EXTENSIONS = (
    "aac|avi|bak|bat|bin|bmp|c|cfg|conf|cpp|cs|css|csv|dat|db|dll|doc|docx|exe|flac|gif|go|gz|h|htm|html|ini|java|"
    "jpeg|jpg|js|json|jsonl|log|m4a|md|mkv|mov|mp3|mp4|ogg|part|pdf|pkl|png|ps1|py|rb|rs|sh|so|sql|sqlite|srt|svg|"
    "tar|tif|tiff|tmp|toml|ts|tsv|txt|vtt|wav|webm|webp|xls|xlsx|xml|yaml|yml|zip"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm]\b)?"
_ZONE = r"(?: ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d(?!\d)))?"
_AFTER_PATH = r"(?:\(\d{1,9}(?:,\d{1,9})?\)|(?::\d{1,9}){1,2}(?!\w))?"  # :12:5 or (12,5)


@dataclass(frozen=True, slots=True)
class Rule:
    """One fold. ``needs`` are characters of which the text must hold one, a look that saves the search."""

    name: str
    placeholder: str
    pattern: re.Pattern[str]
    needs: str
    replace: Callable[[re.Match[str]], str] | None = None


def _quoted(match: re.Match[str]) -> str:
    """Return what stands for a quoted part: a path or a URL is one in quotes too."""
    inside = match[0][1:-1].strip()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://", inside):
        return "<url>"
    if re.match(r"[A-Za-z]:[\\/]|\\\\|~?/\S|\.{1,2}[\\/]", inside) or re.search(rf"\.(?:{_EXTENSIONS})$", inside, re.I):
        return "<path>"
    return "<quoted>"


def _rule(
    name: str,
    placeholder: str,
    pattern: str,
    needs: str,
    flags: int = 0,
    replace: Callable[[re.Match[str]], str] | None = None,
) -> Rule:
    return Rule(name, placeholder, re.compile(pattern, flags), needs, replace)


_DIGITS = ""  # of any script: there is no list to look through

RULES: tuple[Rule, ...] = (
    _rule("quoted part", "<quoted>",
          r"(?<!\w)'(?:[^']|(?<=[\w\\])'(?=\w)){0,500}'(?!\w)"
          r'|"[^"]{0,500}"|`[^`]{0,500}`|“[^”]{0,500}”|‘[^’]{0,500}’|«[^»]{0,500}»|„[^“”]{0,500}[“”]',
          "'\"`“‘«„", replace=_quoted),
    _rule("URL", "<url>", r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,15}://[^\s<>]*[^\s<>.,;:!?)\]}]", "/", re.I),
    _rule("e-mail address", "<email>", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", "@"),
    _rule("UUID", "<id>",
          r"(?<![0-9A-Za-z])\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?(?![0-9A-Za-z])",
          "-", re.I),
    _rule("date and time", "<time>",
          rf"(?<![\w.:])\d{{4}}-\d\d-\d\d(?:(?:T|t|,? ){_CLOCK}{_ZONE})?(?!\d)"
          rf"|(?<![\w./])\d{{1,4}}([/.])\d{{1,2}}\1\d{{2,4}}(?:,? {_CLOCK}{_ZONE})?(?![\w./])"
          rf"|(?<!\w)(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:{_MONTH} \d{{1,2}}|\d{{1,2}}[ /-]{_MONTH})"
          rf"(?:[ /-]\d{{4}})?(?:[:, ]{{1,2}}{_CLOCK}{_ZONE}(?: \d{{4}})?)?(?!\w)",
          _DIGITS),
    _rule("Windows path", "<path>",
          r'(?<![A-Za-z0-9])(?:[A-Za-z]:[\\/]|\\{2,4}[^\s\\/:*?"<>|]{1,255}\\)'
          r'(?:[^\\/:*?"<>|,;]{0,255}\\)*[^\s\\:*?"<>|,;()\[\]]*' + _AFTER_PATH, "\\/"),
    _rule("POSIX path", "<path>",
          r"(?<![\w/.~<>)])(?:~\w{0,32}|\.{1,2})?/[^\s\"'<>|:;,()\[\]{}]+" + _AFTER_PATH, "/"),
    _rule("relative path", "<path>",
          r"(?<![\w./\\-])(?:[\w.-]{1,100}[\\/]){1,64}[\w.-]{0,100}\.\w{1,8}(?![\w\\/])" + _AFTER_PATH, "\\/"),
    _rule("time of day", "<time>", rf"(?<![\w.:]){_CLOCK}{_ZONE}(?![\w:])", ":"),
    _rule("network address", "<address>",
          r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])(?::\d{1,5})?(?:/\d{1,2})?"
          r"|(?<![\w:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w:-])"
          r"|(?<![\w:])\[?(?=[0-9a-f:]{0,45}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w{1,16})?(?![\w:])(?:\]:\d{1,5})?",
          ".:-", re.I),
    _rule("memory address", "<address>", r"(?<![0-9A-Za-z])0x[0-9a-f_]{1,64}", "0", re.I),
    _rule("file name", "<path>",
          rf"(?<![\w.-])[\w-]{{1,100}}(?:\.[\w-]{{1,100}}){{0,8}}\.(?:{_EXTENSIONS})(?!\w|\.\w)" + _AFTER_PATH,
          ".", re.I),
    _rule("duration", "<duration>",
          r"(?<![\w.])[+-]?\d+(?:[.,]\d+)?(?:e[+-]?\d+)? ?(?:ns|us|µs|μs|ms|msecs?|milliseconds?|microseconds?|s|secs?|"
          r"seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?)(?![\w%])"
          r"(?:,? ?\d+(?:[.,]\d+)? ?(?:ms|s|m|min|h)\b){0,4}"
          r"|(?<![\w.])(?:\d+(?:\.\d+)?(?:d|h|m|s|ms)){2,5}(?!\w)",
          _DIGITS),
    _rule("size", "<size>", r"(?<![\w.])\d+(?:[.,]\d+)* ?(?:[KMGTP]i?B|[kKMGT]|bytes?|B)(?!\w)", _DIGITS),
    _rule("hexadecimal id", "<n>", r"(?<![0-9A-Za-z])(?=[a-f]*\d)[0-9a-f]{8,}(?![0-9A-Za-z])", _DIGITS, re.I),
    _rule("mixed id", "<n>",
          r"(?<![0-9A-Za-z])(?=[A-Za-z]{0,64}\d{1,64}[A-Za-z]{1,64}\d)[0-9A-Za-z]{10,}(?![0-9A-Za-z])", _DIGITS),
    _rule("number", "<n>",
          r"(?:(?<![\w.+-])[+-])?\d+(?:[.,_]\d+)*(?:(?<=\d)[eE][+-]?\d+)?", _DIGITS),
)  # fmt: skip
"""The rules in the order in which they are applied, all of them in each round."""

_ALIKE = str.maketrans("123456789", "777777777")
_ZERO = re.compile(r"0(?![xX])")
_REPEATED = re.compile(r"(<[a-z]{1,8}>)(?:[,;/| ]{1,3}(?:and )?\1)+")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):?$")
_GROUP_TRACEBACK = re.compile(r"Exception Group Traceback \(most recent call last\):?$")
_FRAME = re.compile(r'File "|File <|at \S{1,200}(?: ?\(|:\d)|\^|~|\.\.\. |#\d')


def signature(error: Cell) -> str:
    """Return the signature of an error as the file holds it; never raises, and takes a bounded time.

    Of a text over 6 KiB the first 4 KiB and the last 2 KiB count.
    """
    if error is None:
        return NO_TEXT
    raw = error if isinstance(error, bytes) else str(error).encode("utf-8", "surrogatepass")
    if len(raw) > HEAD_BYTES + TAIL_BYTES:
        return signature_of_parts(raw[:HEAD_BYTES], raw[-TAIL_BYTES:])
    return signature_of_parts(raw)


@lru_cache(maxsize=1_024)
def signature_of_parts(head: bytes, tail: bytes = b"") -> str:
    """Return the signature of a text by its first :data:`HEAD_BYTES` and, where it is longer, its last bytes."""
    return _folded(_shape(_telling_line(text_of_parts(head, tail)))) or NO_TEXT


def text_of_parts(head: bytes, tail: bytes = b"") -> str:
    """Return the text that is looked at; what was left out of a long one is a line with an ellipsis."""
    text = head.decode("utf-8", "backslashreplace" if not tail else "ignore")
    if not tail:
        return text
    # The tail begins anywhere in a line: its first line is dropped.
    return f"{text}\n…\n{tail.decode('utf-8', 'ignore').partition(chr(10))[2]}"


def group_key(text: str) -> str:
    """Return a short stable name of a signature, for scripts: 8 hexadecimal digits."""
    raw = f"{RULES_VERSION}:{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:8]


def _telling_line(text: str) -> str:
    """Return the line that says what happened: a traceback's exception, else the first one with a meaning."""
    lines = [line for line in map(_visible, text.splitlines()) if line]
    if not lines:
        return ""
    if len(lines) > 1:
        found = _exception_line(lines)
        if found:
            return found
        for line in lines:
            bare = line.strip()
            if any(map(str.isalnum, bare)) and not _TRACEBACK.search(bare) and not _FRAME.match(bare):
                return bare
    return lines[0].strip()


def _visible(line: str) -> str:
    return (line if line.isprintable() else _INVISIBLE.sub(" ", line)).rstrip()


def _exception_line(lines: list[str]) -> str:
    """Return the line under the frames of the last traceback, of an exception group the first; '' where none is."""
    groups = [at for at, line in enumerate(lines) if _GROUP_TRACEBACK.search(line)]
    heads = groups[:1] or [at for at, line in enumerate(lines) if _TRACEBACK.search(line)]
    if not heads:
        return ""
    for line in lines[heads[-1] + 1 :]:
        inner = re.sub(r"^ {0,8}[|+] ?", "", line) if groups else line
        if inner and not inner[0].isspace() and inner[0] not in "…-" and any(map(str.isalnum, inner)):
            return inner
    return ""


def _shape(line: str) -> str:
    """Return a line's beginning with all digits alike: no rule asks which one it is, but for the 0 of 0x.

    So a folded line is found again whatever numbers it carries, which takes a tenth of the time.
    """
    return _ZERO.sub("7", line[:LINE_CHARACTERS].translate(_ALIKE))


@lru_cache(maxsize=16_384)
def _folded(line: str) -> str:
    """Apply all rules to a line, again and again until none finds anything."""
    text = line
    for _round in range(_MOST_ROUNDS):
        folded = _cut(_fold_once(text))
        if folded == text:
            break
        text = folded
    return text


def _fold_once(line: str) -> str:
    text = " ".join(line.split())
    for rule in RULES:
        if not rule.needs or any(each in text for each in rule.needs):
            text = rule.pattern.sub(rule.replace or rule.placeholder, text)
    return _REPEATED.sub(r"\1", text).rstrip(" .,;:!")


def _cut(text: str) -> str:
    if len(text) <= SIGNATURE_CHARACTERS:
        return text
    return f"{text[: SIGNATURE_CHARACTERS - 1].rstrip(' .,;:!')}…"
