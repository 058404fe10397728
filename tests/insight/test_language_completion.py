"""What is offered while a filter is typed, and values of payloads as columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.completion import CompletionKind, KnownValues, complete
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.language import FilterSyntaxError, Table, parse
from prismq_gui.insight.payload_columns import MAX_COLUMNS, Found, PayloadColumn, PayloadValue, payload_column
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading, task_ids

VALUES = KnownValues(
    ("failed", "on hold"), ("video.render", "mail", 'a "b"', "or"), ("w-01",), paths=(("video", "codec"), ("x y",))
)


def applied(text: str, cursor: int | None = None, table: Table = Table.TASKS) -> list[str]:
    """Return what the text becomes by each offer."""
    at = len(text) if cursor is None else cursor
    return [text[: c.replace_start] + c.insert + text[c.replace_end :] for c in complete(text, at, VALUES, table)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("st", ["status:", "started:"]),
        ("-st", ["-status:", "-started:"]),
        ("(st", ["(status:", "(started:"]),
        ("mail atte", ["mail attempts:", "mail max_attempts:"]),
        ("status:fa", ["status:failed"]),
        ("status:hold", ['status:"on hold"']),
        ("status:failed,on", ['status:failed,"on hold"']),
        ("type!=vi", ["type!=video.render"]),
        ("type:or", ['type:"or"']),
        ("type:a", ['type:"a ""b"""']),
        ("worker:", ["worker:w-01"]),
        ("age>", ["age>30s", "age>5m"]),
        ("created:y", ["created:yesterday"]),
        ("size>10", ["size>10kB"]),
        ("payload.v", ["payload.video.codec:"]),
        ("payload.x", ['payload."x y":']),
        ("has:err", ["has:error"]),
        ("attempts", ["attempts:", "attempts=", "attempts!=", "attempts>="]),
        ('error:"a b', []),
        ("nonsense:x", []),
    ],
)
def test_offers(text: str, first: list[str]) -> None:
    found = applied(text)
    assert found[: len(first)] == first if first else not found


def test_words_that_join_are_offered() -> None:
    assert "not " in applied("n")
    assert "a or " in applied("a o")


def test_an_offer_takes_the_place_of_the_whole_word() -> None:
    assert applied("sta:failed x", 2)[0] == "status:failed x"
    assert applied("status:qu,failed x", 9)[0] == "status:queued,failed x"
    assert applied("a  b", 2)[0] == "a id: b"


def test_lines_of_the_log_have_their_own() -> None:
    assert applied("lev", table=Table.LOGS)[0] == "level:"
    assert applied("level:w", table=Table.LOGS) == ["level:WARNING"]
    assert applied("lev") == []


@examples(300)
@given(st.text(alphabet='status:type =<>!*?"(),.-payload[]', max_size=25), st.integers(0, 25), st.sampled_from(Table))
def test_any_text_has_offers_that_lie_in_it(text, cursor, table):
    for offer in complete(text, cursor, VALUES, table):
        assert 0 <= offer.replace_start <= offer.replace_end <= len(text)
        assert offer.label


@pytest.mark.parametrize(
    "name", ["video.render", "on hold", 'a "b"', "or", "-x", "a*b", "50%", "a,b", "x..y", "(x)", "ü:1"]
)
def test_an_offered_name_is_exactly_that_name(tmp_path: Path, name: str) -> None:
    path = make_foreign_queue(tmp_path / "q.db", tasks=2)
    run_sql(path, "UPDATE task_queue SET type = ? WHERE id = 1", (name,))
    with reading(path) as reader:
        (offer,) = [each for each in complete("type:", 5, reader.known_values()) if each.label == name]
        assert offer.kind is CompletionKind.VALUE
        assert task_ids(reader, TaskFilter(query=parse(f"type:{offer.insert}"))) == [1]


def test_values_that_occur_are_known(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", tasks=3)
    nested = "[" * 8_000
    for payload in ('{"a": {"b": [1, 2]}, "ü": true, "": 1}', nested, "{" * 20_000):
        run_sql(path, "UPDATE task_queue SET payload = ? WHERE id = 2", ("{}",))
        run_sql(path, "INSERT INTO task_queue (type, payload) VALUES ('odd', ?)", ('{"p": 1}',))
        if payload.startswith('{"'):
            run_sql(path, "INSERT INTO task_queue (type, payload) VALUES ('odd', ?)", (payload,))
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('w-ü', '{}')")
    run_sql(path, "INSERT INTO task_logs (task_id, level) VALUES (1, 'AUDIT')")
    with reading(path) as reader:
        known = reader.known_values()
    assert known.types == ("job", "odd")
    assert known.statuses == ("queued",)
    assert known.workers == ("w-ü",)
    assert known.levels == ("DEBUG", "INFO", "WARNING", "ERROR", "AUDIT")
    assert set(known.paths) == {("n",), ("p",), ("a", "b", 0), ("ü",)}
    assert known.paths[0] == ("p",)  # the most frequent


def test_values_of_payloads_are_read_for_chosen_tasks(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db")
    for payload, compatibility in (
        ('{"video": {"codec": "x265", "h": 720}, "ok": true, "list": [1, {"a": 2}]}', '{"region": "eu"}'),
        ('{"video": {"codec": null}, "h": 1.5, "text": "' + "ü" * 500 + '"}', "{}"),
    ):
        run_sql(
            path, "INSERT INTO task_queue (type, payload, compatibility) VALUES ('t', ?, ?)", (payload, compatibility)
        )
    names = [
        "payload.video.codec",
        "payload.video.h",
        "payload.ok",
        "payload.list",
        "payload.list[-1].a",
        "payload.text",
        "region",
    ]
    columns = [payload_column(name) for name in names]
    assert [column.name for column in columns] == [*names[:-1], "compatibility.region"]
    with reading(path) as reader:
        found = reader.payload_values(columns, [2, 1, 99, 1, 2**70])
        assert reader.payload_values([], [1]) == {}
        assert len(reader.payload_values([PayloadColumn(("ok",))] * 40, [1])[1]) == MAX_COLUMNS
    assert list(found) == [2, 1]
    cells = [value.cell for value in found[1]]
    assert cells == ["x265", 720, "true", '[1,{"a":2}]', 2, None, "eu"]
    assert found[2][5] == PayloadValue(Found.VALUE, "ü" * 301)
    assert found[2][0].found is found[2][6].found is Found.NOTHING


@pytest.mark.parametrize(
    "text", ["", "payload", "status", "nope.x", "payload.a:1", "payload.a or b", "payload.a payload.b", "-payload.a"]
)
def test_a_column_that_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(FilterSyntaxError):
        payload_column(text)
