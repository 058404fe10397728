"""Editing payload, compatibility and limit of attempts: what is checked, shown, guarded and taken back."""

from __future__ import annotations

import copy
import json
import sqlite3
import tempfile
from array import array
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.problems import ProblemError
from prismq_gui.operations import tasks
from prismq_gui.operations.editable import load
from prismq_gui.operations.edits import CHANGED_MEANWHILE, Place, edit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.json_diff import MOST_CHANGES, VALUE_CHARACTERS, changes_between
from prismq_gui.operations.json_splice import NoSuchPlaceError, with_value, without_value
from prismq_gui.operations.messages import FieldChange, OperationKind, Recorded, Selected, delete
from prismq_gui.operations.operator import Operator
from tests.helpers.examples import examples
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import WHO, exact_rows, integrity

ODD_TEXT = '{ "region" : "us",  "n": 1.50, "n": 1e2, "größe":[1 , 2,{"x":null}], "e":{} }'


def operator_of(path: Path) -> Operator:
    return Operator(path, who=WHO, journal=Journal(path.parent / "my data"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Tasks 1 to 5: failed, queued with odd JSON, malformed, running, completed."""
    path = make_foreign_queue(tmp_path / "Warteschlange ü.db", 5, status="failed")
    run_sql(path, "UPDATE task_queue SET status = 'queued', payload = ? WHERE id = 2", (ODD_TEXT,))
    run_sql(path, "UPDATE task_queue SET status = 'processing', locked_by = 'w1', attempts = 1 WHERE id = 4")
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE id = 5")
    run_leniently(path, "UPDATE task_queue SET payload = '{\"half\": ' WHERE id = 3")
    return path


def run_leniently(path: Path, sql: str, params=()) -> None:
    """Write what the generated columns of such files refuse, as an SQLite of a lenient kind would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("json_extract", -1, lambda *_cells: None, deterministic=True)
        connection.execute(sql, params)


def plan(path: Path, wish, *ids: int):
    return operator_of(path).plan(wish, Selected(array("q", ids)))


def payload_of(path: Path, task_id: int) -> object:
    return run_sql(path, "SELECT payload FROM task_queue WHERE id = ?", (task_id,))[0][0]


def test_a_place_is_edited_letter_by_letter_shown_and_taken_back(path: Path):
    before = exact_rows(path, "task_queue")
    wish = edit(
        places=[Place("payload", ("region",), '"eu"'), Place("compatibility", ("gpu", "mem"), "12")], max_attempts=9
    )
    made = plan(path, wish, 2)
    assert (made.eligible, made.skips, made.refusal) == (1, (), None)
    assert {(each.column, each.changes) for each in made.diffs} == {
        ("payload", (FieldChange("$.region", '"us"', '"eu"'),)),
        ("compatibility", (FieldChange("$.gpu", "", '{"mem": 12}'),)),
        ("max_attempts", (FieldChange("$", "5", "9"),)),
    }
    operator = operator_of(path)
    report = operator.apply(made)
    assert (report.changed, report.problem, report.sentence) == (1, None, "1 task was edited.")
    assert payload_of(path, 2) == ODD_TEXT.replace('"us"', '"eu"')
    assert run_sql(path, "SELECT compatibility, max_attempts FROM task_queue WHERE id = 2") == [
        ('{"gpu": {"mem": 12}}', 9)
    ]
    message = run_sql(path, "SELECT message FROM task_logs")[0][0]
    assert (
        message
        == f"edited (max_attempts, payload.region, compatibility.gpu.mem) by {WHO} (was queued after 0 of 5 attempts)"
    )
    undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
    assert (undone.changed, undone.skips) == (1, ())
    assert exact_rows(path, "task_queue") == before


def test_C11_malformed_json_can_be_replaced_and_comes_back_by_undo(path: Path):
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        run_sql(path, "UPDATE task_queue SET payload = '{}' WHERE id = 3")
    before = exact_rows(path, "task_queue")
    operator = operator_of(path)
    made = plan(path, edit(places=[Place("payload", ("a",), "1")]), 3)
    assert [skip.reason for skip in made.skips] == [
        "has a payload that is not JSON, so that no single place in it can be edited"
    ]
    made = plan(path, edit(payload='{"whole": true}'), 3)
    assert made.diffs[0].changes == (FieldChange("$", '{"half": ', '{"whole": true}'),)
    report = operator.apply(made)
    assert (report.changed, report.skips) == (1, ())
    assert payload_of(path, 3) == '{"whole": true}'
    operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
    assert exact_rows(path, "task_queue") == before


def test_a_running_task_is_left_alone_unless_the_wish_names_it(path: Path):
    made = plan(path, edit(payload="{}"), 4, 5)
    assert [(skip.reason, skip.sample_ids) for skip in made.skips] == [
        ("is running, and its worker has the old text already", (4,))
    ]
    assert "1 of these tasks are completed" in made.warnings[0]
    named = plan(path, edit(payload="{}", even_if_running=True), 4)
    assert named.eligible == 1
    assert "1 of these tasks run: the worker has the old text" in named.warnings[0]
    assert operator_of(path).apply(named).changed == 1


def test_a_text_that_changed_since_it_was_seen_is_not_overwritten(path: Path):
    made = plan(path, edit(payload="{}"), 1, 2)
    # Another program: the same status, attempts and second.
    run_sql(path, "UPDATE task_queue SET payload = '{\"n\": 7}' WHERE id = 1")
    report = operator_of(path).apply(made)
    assert report.changed == 1
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [(CHANGED_MEANWHILE, (1,))]
    assert payload_of(path, 1) == '{"n": 7}'


def test_what_a_dialog_showed_is_a_guard_of_its_own(path: Path):
    found = load(path, 2)
    assert (found.payload, found.compatibility, found.max_attempts, found.inexact) == (ODD_TEXT, "{}", 5, ())
    seen = found.seen
    assert plan(path, edit(payload="{}", seen=seen), 2).eligible == 1
    run_sql(path, "UPDATE task_queue SET max_attempts = 6 WHERE id = 2")
    assert [skip.reason for skip in plan(path, edit(payload="{}", seen=seen), 2).skips] == [CHANGED_MEANWHILE]


def test_what_can_be_edited_of_an_odd_task_is_shown_readably(path: Path):
    run_leniently(path, "UPDATE task_queue SET payload = x'7bff', max_attempts = 'x' WHERE id = 1")
    found = load(path, 1)
    assert (found.payload, found.max_attempts, found.inexact) == ("{\\xff", None, ("payload",))
    assert plan(path, edit(payload="{}", seen=found.seen), 1).eligible == 1
    assert load(path, 4).is_running
    with pytest.raises(ProblemError, match="no longer exists"):
        load(path, 99)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "nothing is to be edited"),
        ({"payload": "{"}, "payload must be JSON"),
        ({"payload": '{"a": NaN}'}, "NaN is not JSON"),
        ({"payload": "7"}, "payload must be a JSON object or list"),
        ({"compatibility": "[1]"}, "compatibility must be a JSON object"),
        ({"payload": json.dumps({"a": "x" * 1_048_577})}, "at most 1,048,576 are allowed"),
        ({"max_attempts": 0}, "max_attempts must be a whole number from 1"),
        ({"places": [Place("payload", ("a",), "1], [2")]}, "payload.a must be JSON"),
        ({"places": [Place("payload", ("a",), "1, 2")]}, "payload.a must be JSON"),
        ({"payload": "{}", "places": [Place("payload", ("a",), "1")]}, "replaced as a whole"),
    ],
)
def test_what_the_queue_would_not_take_is_refused_with_its_words(arguments, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace("[", r"\[")):
        edit(**arguments)


def test_an_edit_that_would_make_a_payload_too_large_is_told(path: Path):
    run_sql(path, "UPDATE task_queue SET payload = ? WHERE id = 1", (json.dumps({"a": "x" * 1_000_000}),))
    made = plan(path, edit(places=[Place("payload", ("b",), json.dumps("y" * 100_000))]), 1, 2)
    assert made.eligible == 1
    assert "would have a payload that is not allowed (payload is 1,100,0" in made.skips[0].reason
    assert all(len(change.after) <= VALUE_CHARACTERS for each in made.diffs for change in each.changes)


def test_C11_an_edit_that_fails_in_an_index_at_first_leaves_the_other_indexes_whole(path: Path):
    # Another column's index comes first: SQLite alone leaves its entry deleted, and finds the file corrupt then.
    run_leniently(path, "UPDATE task_queue SET compatibility = '{bad' WHERE id IN (1, 2)")
    report = operator_of(path).apply(plan(path, edit(compatibility='{"region": "eu"}'), 1, 2))
    assert (report.changed, report.problem) == (2, None)
    assert run_sql(path, "SELECT id FROM task_queue WHERE region = 'eu' ORDER BY id") == [(1,), (2,)]
    run_sql(path, "DELETE FROM task_queue WHERE id <> 1 AND id <> 2 AND json_valid(payload)")
    found = run_sql(path, "SELECT count(*) FROM task_queue INDEXED BY ix_task_format WHERE format IS NULL")
    assert found == run_sql(path, "SELECT count(*) FROM task_queue NOT INDEXED")


def test_C11_a_task_that_fails_in_an_index_is_deleted_whole_and_comes_back(path: Path):
    # This column's index comes first: its entry is gone when the other one fails.
    run_leniently(path, "UPDATE task_queue SET compatibility = '{bad' WHERE id = 1")
    before = exact_rows(path, "task_queue")
    operator = operator_of(path)
    report = operator.apply(plan(path, delete(), 1, 3))
    assert (report.changed, report.problem) == (2, None)
    assert integrity(path) == "ok"
    undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
    assert (undone.changed, undone.skips) == (2, ())
    assert exact_rows(path, "task_queue") == before


def test_many_large_payloads_are_edited_in_portions_that_fit_into_memory(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH_BYTES", 400_000)
    path = make_foreign_queue(tmp_path / "q.db", 30, status="failed")
    run_sql(path, "UPDATE task_queue SET payload = json_object('text', hex(randomblob(30000)))")
    before = exact_rows(path, "task_queue")
    operator = operator_of(path)
    report = operator.apply(plan(path, edit(places=[Place("payload", ("n",), "1")]), *range(1, 31)))
    assert report.changed == 30
    history = operator.history()[0]
    assert len(list(Journal(tmp_path / "my data").batches(history))) > 3
    undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
    assert undone.changed == 30
    assert exact_rows(path, "task_queue") == before


# -- the letters


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ü", 'q"']), inner, max_size=3)
    ),
    max_leaves=12,
)
PATHS = st.lists(st.one_of(st.sampled_from(["a", "b", "ü", 'q"']), st.integers(0, 3)), min_size=1, max_size=3)
FORMS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def set_in(value, path, new):
    """The same by objects; raises where there is no such place."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if value is None and rest is not path:
        value = [] if isinstance(step, int) else {}
    if isinstance(step, int):
        if not isinstance(value, list) or step > len(value):
            raise LookupError
        inner = value[step] if step < len(value) else MISSING
        return [*value[:step], set_in(fresh(inner, rest), rest, new), *value[step + 1 :]]
    if not isinstance(value, dict):
        raise LookupError
    return {**value, step: set_in(fresh(value.get(step, MISSING), rest), rest, new)}


MISSING = object()


def fresh(inner, rest):
    if inner is MISSING:
        return ([] if isinstance(rest[0], int) else {}) if rest else None
    return LOOKUP if inner is None and rest else inner


LOOKUP = "no container"


@examples(100)
@given(value=JSON, path=PATHS, new=JSON, form=FORMS)
def test_a_value_put_into_json_changes_that_place_alone(value, path, new, form):
    text = json.dumps(value, **form)
    try:
        expected = set_in(LOOKUP if value is None else value, path, new)
    except LookupError:
        with pytest.raises(NoSuchPlaceError):
            with_value(text, path, json.dumps(new))
        return
    made = with_value(text, path, json.dumps(new))
    assert json.loads(made) == expected
    assert with_value(made, path, json.dumps(new)) == made


@examples(100)
@given(value=JSON, path=PATHS, form=FORMS)
def test_a_value_taken_out_of_json_leaves_the_rest(value, path, form):
    text = json.dumps(value, **form)
    expected, at = copy.deepcopy(value), None
    try:
        at = expected
        for step in path[:-1]:
            assert isinstance(at, list if isinstance(step, int) else dict)
            at = at[step]
        assert isinstance(at, list if isinstance(path[-1], int) else dict)
        del at[path[-1]]
    except (LookupError, AssertionError):
        with pytest.raises(NoSuchPlaceError):
            without_value(text, path)
        return
    assert json.loads(without_value(text, path)) == expected


def test_of_a_key_that_stands_twice_the_last_one_counts_and_both_are_taken_out():
    text = '{"a": 1 ,"b":2, "a" : 3}'
    assert with_value(text, ["a"], "4") == '{"a": 1 ,"b":2, "a" : 4}'
    assert without_value(text, ["a"]) == '{"b":2}'


def test_a_difference_is_short_whatever_the_texts_hold():
    many = changes_between(json.dumps(dict.fromkeys(map(str, range(500)), 1)), "{}")
    assert len(many) == MOST_CHANGES + 1
    assert changes_between("[" * 5_000, '{"a": 1}')[0].path == "$"
    deep = "[" * 900 + "]" * 900
    assert all(len(each.before) <= VALUE_CHARACTERS for each in changes_between(deep, "[1]"))
    assert changes_between('{"a": 1.0}', '{"a": 1.00}') == (FieldChange("$.a", "1.0", "1.00"),)
    assert changes_between('{"a":1}', '{"a": 1}')[0].after.startswith("the same values, written so:")
    assert changes_between(b"\xff", "{}") == (FieldChange("$", "\\xff", "{}"),)


CELLS = st.one_of(
    JSON.map(json.dumps), st.text(max_size=8), st.binary(max_size=6), st.integers(-9, 9), st.just('{"a": {"b": [1]}}')
)
WISHES = st.one_of(
    st.builds(lambda value: edit(payload=json.dumps({"v": value})), JSON),
    st.builds(
        lambda path, value: edit(places=[Place("payload", tuple(path), value)]),
        PATHS,
        st.sampled_from(["1", None, "{}"]),
    ),
    st.builds(lambda most: edit(max_attempts=most, even_if_running=True), st.integers(1, 9)),
    st.just(edit(compatibility='{"a": 1}', even_if_running=True)),
)


@examples(10)
@given(
    cells=st.lists(
        st.tuples(CELLS, CELLS, st.sampled_from(["queued", "failed", "processing", "odd"])), min_size=1, max_size=5
    ),
    wishes=st.lists(WISHES, min_size=1, max_size=4),
)
def test_any_edits_undone_leave_every_byte_as_it_was(cells, wishes):
    with tempfile.TemporaryDirectory() as name:
        path = make_foreign_queue(Path(name) / "q.db")
        for payload, compatibility, status in cells:
            run_leniently(
                path,
                "INSERT INTO task_queue (type, payload, compatibility, status) VALUES ('t', ?, ?, ?)",
                (payload, compatibility, status),
            )
        before = exact_rows(path, "task_queue")
        operator = operator_of(path)
        done = []
        for wish in wishes:
            made = plan(path, wish, *range(1, 7))
            report = operator.apply(made)
            assert (report.changed, report.problem) == (made.eligible, None)
            done.append(report)
        for report in reversed(done):
            if report.changed:
                undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
                assert (undone.changed, undone.skips) == (report.changed, ())
        assert exact_rows(path, "task_queue") == before
