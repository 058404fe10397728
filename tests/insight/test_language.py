"""What a filter finds, and what its words mean."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import Query, Table, format, parse, words
from prismq_gui.insight.language_match import possible
from prismq_gui.insight.language_values import Clock, Moment, moment_interval, read_moment
from prismq_gui.insight.payload_columns import Found, PayloadColumn
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import log_ids, reading, task_ids
from tests.insight.test_language_matching import SCHEMA
from tests.insight.test_language_mistakes import refused

DOCS = Path(__file__).parents[2] / "docs" / "filter-language.md"


def tasks(reader: QueueReader, text: str) -> list[int]:
    return sorted(task_ids(reader, TaskFilter(query=parse(text))))


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """Eight tasks with something of everything, and some log lines."""
    path = make_foreign_queue(tmp_path / "mein Ordner ü" / "queue.db")
    for type, status, error, payload, compatibility, worker, attempts in (
        ("mail", "queued", None, '{"region": "eu", "n": 1, "ok": true}', '{"region": "eu"}', None, 0),
        ("mail", "failed", "Timeout: 50% of a_b\\c", '{"region": "us", "n": 10, "ok": false}', "{}", "w-01", 3),
        ("video.render", "failed", "disk full", '{"n": "10", "files": ["a.mp4", "b.mov"]}', '{"gpu": true}', "w-02", 5),
        ("video.cut", "dead_letter", 'he said "no"', '{"n": 2.5, "x y": {"größe": 3}}', "{}", "w-02", 5),
        ("Video.Cut", "leased", None, '{"n": null, "who": "M\\u00fcller"}', "{}", "w-10", 1),
        ("a*b", "processing", None, '{"path": "C:\\\\videos\\\\x.mp4"}', "{}", "W-01", 1),
        ("ünit", "completed", "", "{}", "{}", "", 1),
        ("sms", "on hold", "100%", '{"who": "MÜLLER"}', "{}", None, 0),
    ):
        run_sql(
            path,
            "INSERT INTO task_queue (type, status, error_message, payload, compatibility, locked_by, attempts) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (type, status, error, payload, compatibility, worker, attempts),
        )
    for task, level, message, details in (
        (2, "INFO", "begun", None),
        (2, "ERROR", "Timeout", '{"code": 504}'),
        (3, "error", "disk", "no json"),
        (5, "DEBUG", "50%", '{"code": 200}'),
    ):
        run_sql(
            path,
            "INSERT INTO task_logs (task_id, level, message, details) VALUES (?, ?, ?, ?)",
            (task, level, message, details),
        )
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("status:failed", [2, 3]),
        ("status:FAILED type:video*", [3]),
        ("status=FAILED", []),
        ("status:waiting", [1]),
        ("status:running", [5, 6]),
        ("status:dead,done", [4, 7]),
        ('status:"on hold"', [8]),
        ("-status:failed status!=dead_letter", [1, 5, 6, 7, 8]),
        ("type:video*", [3, 4, 5]),
        ("type=video*", [3, 4]),
        ('type:"a*b"', [6]),
        ('type:"a*"*', [6]),
        ("type:a?b", [6]),
        ("type:Ü*", [7]),
        ("type=Ü*", []),
        ("timeout", [2]),
        ("-timeout", [1, 3, 4, 5, 6, 7, 8]),
        ("error:%", [2, 8]),
        ("error:a_b", [2]),
        ("error:a?b", [2]),
        ("error:axb", []),
        ("error:a_b\\c", [2]),
        ('error:"said ""no"""', [4]),
        ("error:*", [2, 3, 4, 8]),
        ("has:error", [2, 3, 4, 8]),
        ("-error:*", [1, 5, 6, 7]),
        ('error=""', [7]),
        ("attempts>=3", [2, 3, 4]),
        ("attempts >= 3 attempts < 5", [2]),
        ("attempts:1..3", [2, 5, 6, 7]),
        ("attempts=0,5", [1, 3, 4, 8]),
        ("attempts!=1", [1, 2, 3, 4, 8]),
        ("id:2,4,99", [2, 4]),
        ("id>=7", [7, 8]),
        ("id:3..4", [3, 4]),
        ("id:9..", []),
        ("4", [3, 4, 6]),
        ("payload.region=eu", [1]),
        ("payload.region:EU", [1]),
        ("region:eu", [1]),
        ("payload.n=10", [2, 3]),
        ("payload.n>=2", [2, 4]),
        ('payload.n="10"', [3]),
        ("payload.n:1..3", [1, 4]),
        ("payload.n:null", [5]),
        ("payload.n:*", [1, 2, 3, 4]),
        ("payload.ok=true", [1]),
        ("payload.ok=false", [2]),
        ("payload.ok:1", []),
        ("compatibility.gpu=true", [3]),
        ("payload.files[0]:*.mp4", [3]),
        ("payload.files[-1]=b.mov", [3]),
        ('payload."x y".größe=3', [4]),
        ("payload.path:C:\\videos\\*.mp4", [6]),
        ("payload.who:müller", [5, 8]),
        ("müller", [5, 8]),
        ("payload:MÜLLER", [5, 8]),
        ("worker:w-01", [2, 6]),
        ("worker=w-01", [2]),
        ("worker:w-0?", [2, 3, 4, 6]),
        ("-worker:*", [1, 7, 8]),
        ("worker!=w-02", [1, 2, 5, 6, 7, 8]),
        ("size>=40B", [3]),
        ("size:2B", [7]),
        ("type:mail (status:failed or status:queued)", [1, 2]),
        ("type:mail status:failed or status:dead", [2, 4]),
        ("not (type:mail or type:video*)", [6, 7, 8]),
        ("not not type:sms", [8]),
        ("age<1h", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("age>1h", []),
        ("created:today or created:yesterday", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("created>-2h due<=now", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("created<2020", []),
        ("started:*", []),
        ("-not", [1, 2, 3, 4, 5, 6, 7, 8]),
        ('"disk full"', [3]),
        ("disk full", [3]),
    ],
)
def test_a_filter_finds(queue: Path, text: str, expected: list[int]) -> None:
    with reading(queue) as reader:
        assert tasks(reader, text) == expected
        assert tasks(reader, format(parse(text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("level:error", [2, 3]),
        ("level=ERROR", [2]),
        ("task:2", [1, 2]),
        ("task:2,5 level:debug,info", [1, 4]),
        ("task>2", [3, 4]),
        ("timeout", [2]),
        ("message:50%", [4]),
        ("details.code>=500", [2]),
        ("-details.code:*", [1, 3]),
        ("at>=yesterday age<1h", [1, 2, 3, 4]),
        ("id:2..3", [2, 3]),
        ("task:2 id:2,9", [2]),
        ("task:77", []),
    ],
)
def test_a_filter_of_log_lines_finds(queue: Path, text: str, expected: list[int]) -> None:
    with reading(queue) as reader:
        wanted = LogFilter(query=parse(text, Table.LOGS))
        assert log_ids(reader, wanted) == expected
        assert list(reader.logs_after(wanted, 0, 9)) == expected
        with_task = LogFilter(query=parse(text, Table.LOGS), task_id=2)
        assert log_ids(reader, with_task) == [each for each in expected if each in (1, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50 + "type:a or b" + ")" * 50,
        "-(" * 50 + "a" + ")" * 50,
        "-" * 1_900 + "a",
        "not " * 400 + "a",
        "ab " * 199,
        "ü " * 200,
        "a or " * 199 + "b",
        "ran>1s " * 200,
        "waited:1s..2s or " * 100 + "a",
        f"id:{','.join('1' * 199)}",
        "*a" * 900,
        "ü*" * 600,
        f"payload{'.ü' * 32}:1",
        f"error:{'ü' * 1_500}",
        "(a or -(b c:*)) ".replace("c:*", "error:*") * 60,
        f"type:{','.join(f't{n}*' for n in range(150))}",
        "payload.a=1 " * 150,
    ],
)
def test_what_is_just_not_too_much_is_run(queue: Path, text: str) -> None:
    with reading(queue) as reader:
        for query in (parse(text), parse(format(parse(text)))):
            task_ids(reader, TaskFilter(query=query))
            task_ids(reader, TaskFilter(query=query), TaskOrder(TaskColumn.FINISHED))


def test_times_are_utc_unless_told_and_a_day_is_a_day_long() -> None:
    now = datetime(2025, 11, 6, 0, 30)
    day = 86_400_000_000
    today = moment_interval(Moment("today"), Clock(now))
    assert today.high - today.low == day
    assert today.low == moment_interval(read_moment("2025-11-06"), Clock(now)).low
    assert moment_interval(read_moment("2025-11-06T01:00+01:00"), Clock(now)).low == today.low
    assert moment_interval(Moment("yesterday"), Clock(now)).high == today.low
    assert (
        moment_interval(read_moment("2024-02"), Clock(now)).high
        == moment_interval(read_moment("2024-03-01"), Clock(now)).low
    )
    assert moment_interval(read_moment("9999-12-31"), Clock(now)).low > today.low
    assert moment_interval(read_moment("now-5000w"), Clock(datetime(1, 2, 1))).low < 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no time zone by environment variable")
def test_local_times_are_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        clock = Clock(datetime(2025, 7, 5, 23, 30), local=True)  # the sixth of July, 1:30, in Berlin
        assert moment_interval(Moment("today"), clock) == moment_interval(
            Moment("2025-07-05T22:00:00Z"), clock
        ).__class__(
            moment_interval(Moment("2025-07-05T22:00:00Z"), clock).low,
            moment_interval(Moment("2025-07-06T22:00:00Z"), clock).low,
        )
        assert (
            moment_interval(Moment("2025-12-01T10:00"), clock).low
            == moment_interval(Moment("2025-12-01T09:00Z"), clock).low
        )
        assert moment_interval(Moment("01:30"), clock).low == moment_interval(Moment("2025-07-05T23:30Z"), clock).low
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_filter_keeps_saying_today_tomorrow(queue: Path) -> None:
    assert format(parse("created:TODAY updated>-90m")) == "created:today updated>now-90m"
    assert parse("age>1h30m") == parse("age>90m")


def test_filters_of_one_table_do_not_filter_the_other(queue: Path) -> None:
    with reading(queue) as reader, pytest.raises(ValueError, match="logs"):
        task_ids(reader, TaskFilter(query=parse("level:info", Table.LOGS)))


def test_words_alone_are_told_from_conditions() -> None:
    assert words(parse("a or -b"))
    assert not words(parse("a id:1"))


def test_every_example_of_the_page_is_read_and_run(queue: Path) -> None:
    table, found = Table.TASKS, {Table.TASKS: 0, Table.LOGS: 0}
    with reading(queue) as reader:
        for line in DOCS.read_text(encoding="utf-8").splitlines():
            if line.startswith(("| filter |", "| filter of log lines |", "| operator |")):
                table = Table.LOGS if "log lines" in line else Table.TASKS if "filter" in line else None
            if table is None or not line.startswith("| `"):
                continue
            for example in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                query = parse(example, table)
                assert parse(format(query), table) == query
                scan = (
                    reader.scan_tasks(TaskFilter(query=query), TaskOrder())
                    if table is Table.TASKS
                    else reader.scan_logs(LogFilter(query=query))
                )
                assert list(scan)[-1].done
                found[table] += 1
    assert found[Table.TASKS] > 60
    assert found[Table.LOGS] == 5


def test_the_page_shows_a_mistake_as_it_is() -> None:
    shown = "\n".join(f"    {line}" for line in refused("statsu:failed age>2h").render().split("\n"))
    assert shown in DOCS.read_text(encoding="utf-8")


def test_a_payload_that_is_no_json_does_not_break_a_filter(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    payloads = (
        "{",
        b"\xff\xfe",
        "[" * 5_000,
        '{"region": "eu"',
        "\x00",
        '{"region": NaN}',
        None,
        7,
        '{"region": "eu"}',
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        sql = "INSERT INTO task_queue (type, status, payload) VALUES ('odd', 'queued', ?)"
        connection.executemany(sql, [(payload,) for payload in payloads])
        connection.execute(sql, ('{"region": "' + "x" * 1_100_000 + '"}',))
        connection.execute(sql.replace("?", "CAST(x'7b22726567696f6e223a22ff227d' AS TEXT)"))  # not UTF-8
    with reading(path) as reader:
        assert tasks(reader, "payload.region=eu") == [9]
        assert tasks(reader, "payload.region:x*") == []  # over 1 MiB
        assert tasks(reader, "payload.region:*") == [9, 11]
        assert tasks(reader, "size>1MB") == [10]
        assert len(tasks(reader, "-payload.region=eu")) == 10
        values = reader.payload_values([PayloadColumn(("region",))], range(12))
    told = {each: (value.found, value.cell) for each, (value,) in values.items()}
    nothing, broken = (Found.NOTHING, None), (Found.NO_JSON, None)
    assert told == {
        **dict.fromkeys((1, 2, 3, 4, 5, 6, 8), broken),
        7: nothing,
        9: (Found.VALUE, "eu"),
        10: (Found.TOO_LARGE, None),
        11: (Found.VALUE, "\\xff"),
    }


def test_what_a_type_and_status_alone_decide() -> None:
    def answer(text: str) -> bool | None:
        return possible(parse(text).root, "mail", "failed")

    assert [
        answer(each)
        for each in ("", "status:failed", "type:video", "error:x", "status:failed error:x", "type:v error:x")
    ] == [True, True, False, None, None, False]
    assert [answer(each) for each in ("status:failed or error:x", "-status:failed", "type!=mail", "status:*")] == [
        True,
        False,
        False,
        True,
    ]


def test_an_empty_query_is_no_filter() -> None:
    assert TaskFilter(query=parse("  ")).is_empty
    assert TaskFilter(query=Query(Table.TASKS)).is_empty
    assert not TaskFilter(query=parse("a")).is_empty
