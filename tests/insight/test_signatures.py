"""Error texts become the same signature where the cause is the same, and keep what tells causes apart."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight import signatures
from prismq_gui.insight.signatures import NO_TEXT, RULES_VERSION, SIGNATURE_CHARACTERS, group_key, signature
from tests.helpers.examples import examples
from tests.helpers.files import run_sql

CAUSES = {
    "PermanentError: unsupported": 30,
    "Cancelled by user": 9,
    "ValueError: bad codec <quoted>": 8,
    "TimeoutError: <duration>": 7,
    "ConnectionResetError: [Errno <n>]": 5,
}

# Golden: whoever changes one of these changes what users have saved, and must raise RULES_VERSION.
GOLDEN = [
    ("[Errno 2] No such file: 'C:\\Users\\Jörg M\\a b.mp4'", "[Errno <n>] No such file: <path>"),
    (r"cannot open C:\Program Files\ff mpeg\bin\x.exe: denied", "cannot open <path>: denied"),
    (r"cannot open \\srv\share\dir\f.txt", "cannot open <path>"),
    ("cannot open /var/lib/x/y.db: denied", "cannot open <path>: denied"),
    ("src/app/foo.py:12:5: bad thing", "<path>: bad thing"),
    ("GET https://user:pw@host.example/a?b=1, got 503", "GET <url>, got <n>"),
    ("cannot fetch 'https://a.example/x'", "cannot fetch <url>"),
    ("Connection to 10.0.0.1:5432 refused", "Connection to <address> refused"),
    ("Connection to [fe80::1%eth0]:80 refused", "Connection to <address> refused"),
    ("from 00:1b:44:11:3a:b7", "from <address>"),
    ("<Job object at 0x7f3a9c>", "<Job object at <address>>"),
    ("took 1m30s", "took <duration>"),
    ("took 1500 ms, limit 30.5s", "took <duration>, limit <duration>"),
    ("2026-11-24T02:57:37.123+00:00 boom", "<time> boom"),
    ("24/Nov/2026:02:57:37 +0000 boom", "<time> boom"),
    ("Tue Nov 24 02:57:37 2026: boom", "<time>: boom"),
    ("at 12:34:56 it broke", "at <time> it broke"),
    ("id 5f3a2b1c9d missing", "id <n> missing"),
    ("id 12345678 missing", "id <n> missing"),
    ("job 123e4567-e89b-12d3-a456-426614174000 lost", "job <id> lost"),
    ("token aZ3kQ9xT2b bad", "token <n> bad"),
    ("mail to a.b@c.example bounced", "mail to <email> bounced"),
    ("can't open, it's broken", "can't open, it's broken"),
    ("KeyError: 'it\\'s'", "KeyError: <quoted>"),
    ("values 1, 2, 3, 4 are bad", "values <n> are bad"),
    ("512 MB left", "<size> left"),
    ("line 12, column 5: unexpected }", "line <n>, column <n>: unexpected }"),
    ("I/O error and/or TCP/IP", "I/O error and/or TCP/IP"),
    ("<b>bold</b>", "<b>bold</b>"),
    ("worker-03 died.", "worker-<n> died"),
    ("video_9.mkv is broken", "<path> is broken"),
    ("", NO_TEXT),
    (" \n\t\n", NO_TEXT),
    (None, NO_TEXT),
    (17, "<n>"),
    (b"\xff\xfe is no text 3", "\\xff\\xfe is no text <n>"),
]  # fmt: skip

TRACEBACK = """Traceback (most recent call last):
  File "{path}", line {line}, in run
    job.render()
    ~~~~~~~~~~^^
{error}"""


def test_the_sample_has_exactly_five_causes(sample_db):
    rows = run_sql(sample_db, "SELECT error_message FROM task_queue WHERE status IN ('failed', 'dead_letter')")
    assert Counter(signature(row[0]) for row in rows) == CAUSES


def test_the_causes_do_not_depend_on_numbers_and_lines(sample_db):
    rows = run_sql(sample_db, "SELECT id, error_message FROM task_queue WHERE status IN ('failed', 'dead_letter')")
    changed = [
        re.sub(r"\d+", str(row_id * 37), str(text)).replace("render.py", f"x{row_id}.py") for row_id, text in rows
    ]
    assert Counter(map(signature, changed)) == CAUSES
    assert len(set(changed)) > 20


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_signatures_of_version_1(text, expected):
    assert RULES_VERSION == 1
    assert signature(text) == expected


def test_keys_are_stable_names():
    assert group_key("PermanentError: unsupported") == "dc5cb9c2"
    assert group_key("a") != group_key("b")


def test_of_a_traceback_the_exception_counts_whatever_the_frames():
    one = TRACEBACK.format(path="/srv/a.py", line=3, error="x.Error: job 7 lost\nmore of it")
    other = TRACEBACK.format(path="C:\\b\\c.py", line=99, error="x.Error: job 12345 lost\n\nnotes")
    assert signature(one) == signature(other) == "x.Error: job <n> lost"
    chained = f"{one}\n\nDuring handling of the above exception, another exception occurred:\n\n"
    assert signature(chained + TRACEBACK.format(path="d", line=1, error="Late: y")) == "Late: y"
    assert signature(f"attempt 3 failed\n{one}") == "x.Error: job <n> lost"
    assert signature('ValueError: x\nTraceback (most recent call last):\n  File "a", line 1') == "ValueError: x"
    group = (
        "  + Exception Group Traceback (most recent call last):\n  |   File \"a\", line 1, in f\n"
        "  | ExceptionGroup: both (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n    |   File \"b\", line 2\n    | ValueError: 1\n"
    )  # fmt: skip
    assert signature(group) == "ExceptionGroup: both (<n> sub-exceptions)"


def test_frames_and_rules_of_dashes_are_not_the_message():
    assert signature("-----\n\nboom 3\nmore") == "boom <n>"
    assert signature("java.lang.X: y 5\n\tat a.b.C(C.java:12)\nCaused by: z") == "java.lang.X: y <n>"


def test_of_a_long_text_the_end_still_tells():
    frames = "".join(f'  File "m{n}.py", line {n}, in f\n    g()\n' for n in range(30_000))
    text = f"Traceback (most recent call last):\n{frames}ValueError: bad 7"
    assert len(text) > 1_000_000
    assert signature(text) == signature(text.encode()) == "ValueError: bad <n>"


hostile = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="'\"`/\\:.@<>-_0x1aAfF ,;()[]{}~\n\t|+e%7", max_size=400),
    st.builds(str.__mul__, st.text("'\"/\\:.@ax01- \n<n>,", min_size=1, max_size=6), st.integers(1, 200)),
    st.lists(st.sampled_from([text for text, _ in GOLDEN if isinstance(text, str)]), max_size=6).map(" ".join),
    st.binary(max_size=300),
)  # fmt: skip


@examples(400)
@given(hostile)
def test_a_signature_of_any_text_is_one_short_line_without_digits_and_its_own_signature(text):
    found = signature(text)
    assert signature(found) == found
    assert 0 < len(found) <= SIGNATURE_CHARACTERS
    assert len(found.splitlines()) == 1
    assert not re.search(r"\d", found)
    assert found == " ".join(found.split())


@examples(200)
@given(st.integers(0, 10**18), st.integers(0, 10**9), st.uuids(), st.from_regex(r"[0-9a-f]{8,40}", fullmatch=True))
def test_numbers_and_ids_never_part_a_cause(number, line, uuid, digest):
    first = f"job {number} of {uuid} at line {line}: blob {digest}7 is bad"
    other = "job 1 of 00000000-0000-0000-0000-000000000000 at line 2: blob 12345678 is bad"
    assert signature(first) == signature(other)


def test_hostile_texts_of_a_megabyte_take_no_longer_than_short_ones():
    # In a process of its own with a limit of time: an exponential rule would hang for ever. 40 texts take 0.3 s.
    script = """
from prismq_gui.insight.signatures import signature
parts = ["'", "'a ", '"a', "a://", "C:\\\\", "\\\\\\\\a\\\\", "a/",
         "a.b/", "1", "1.", "a@", "a.@", "0x", ":", "1:", "f:", "ab1",
         "<n>, ", "1-1", "2026-01-01 ", "1m", "1 s ",
         " ", "\\n", "~", "/", "a-", "{", "Jan 1 ", 'File "a\\n', "x: \\\\", "1e", "(1,",
         "+1-1", "a\\\\b ", "Traceback (most recent call last):\\n", "\\u201c", "\\u00aba", "\\x00", "\\ud800"]
for part in parts:
    text = part * (1_000_000 // len(part))
    assert len(signature(text)) <= 200
print("done")
"""  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.stdout.strip() == "done", done.stderr


def test_every_rule_finds_something_and_its_placeholder_stays_as_it_is():
    placeholders = {rule.placeholder for rule in signatures.RULES}
    for placeholder in placeholders:
        assert signature(f"x {placeholder} y") == f"x {placeholder} y"
    assert {rule.name for rule in signatures.RULES} >= {"quoted part", "URL", "UUID", "POSIX path", "number"}
