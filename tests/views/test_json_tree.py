"""JSON is shown as it is stored, or as text with the reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest

from prismq_gui.views.json_parsing import Number, parse, path_text, to_json, value_text
from prismq_gui.views.json_tree import JsonModel, JsonView
from tests.views.fakes import EVIL, text


@pytest.fixture
def view(qtbot, theme) -> JsonView:
    made = JsonView(theme, "Payload")
    qtbot.addWidget(made)
    made.resize(400, 300)
    with qtbot.waitExposed(made):
        made.show()
    return made


def lines(view: JsonView) -> list[tuple[str, str]]:
    """What is in view from top to bottom."""
    found, tree = [], view.tree
    index = tree.model().index(0, 0)
    while index.isValid():
        found.append((index.data(), index.siblingAtColumn(1).data()))
        index = tree.indexBelow(index)
    return found


# -- parsing

NUMBERS = ["0", "-12", "2.50", "1E400", "0.1000000000000000055511151231257827", "9" * 999]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits(number: str):
    assert parse(number).value == Number(number)
    assert to_json(parse(f"[{number}]").value, None) == f"[{number}]"


REFUSED = {
    "": "not JSON",
    "{": "not JSON",
    "[1,]": "not JSON",
    "NaN": "NaN is no JSON number",
    "[" * 100_000: "longer than",
    "[" * 30_000 + "]" * 30_000: "nested deeper than 200",
    "9" * 5_000: "number of 5,000 digits",
    '{"a": 1, "b": {"x": 1, "x": 2}}': "a key occurs twice",
    "x" * 70_000: "longer than",
}


@pytest.mark.parametrize(("source", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_H9_what_cannot_be_a_tree_is_refused_with_the_reason(source: str, reason: str):
    assert reason in parse(source).reason


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(source: str):
    parsed = parse(source)
    if not parsed.reason:
        assert json.loads(to_json(parsed.value)) == json.loads(source)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(values)
def test_what_is_copied_is_what_is_stored(value: object):
    assert json.loads(to_json(parse(json.dumps(value)).value)) == value


def test_paths_and_values_in_words():
    assert path_text(("a", 0, "b c", 'q"', "é")) == '$.a[0]."b c"."q\\"".é'
    assert [value_text(parse(each).value) for each in ('{"a": 1}', "[1, 2]", '"x"', "true", "null", "1.0")] == [
        "{1}",
        "[2]",
        "x",
        "true",
        "null",
        "1.0",
    ]


# -- the tree


def test_a_small_document_is_shown_opened(view):
    view.show_preview(text('{"format": "mp4", "parts": [1, {"x": null}]}'))
    assert view.is_tree
    assert lines(view) == [
        ("format", "mp4"),
        ("parts", "[2]"),
        ("0", "1"),
        ("1", "{1}"),
        ("x", "null"),
    ]


def test_a_large_document_is_made_level_by_level(view):
    view.show_preview(text(json.dumps({"rows": list(range(9_000))})))
    assert lines(view) == [("rows", "[9000]")]


def test_a_document_that_is_no_container_is_one_line(view):
    view.show_preview(text('"only text"'))
    assert lines(view) == [("0", "only text")]


def test_the_model_is_a_sound_one(qtbot, theme):
    model = JsonModel(theme, parse('{"a": [1, {"b": 2}], "c": {}}').value)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    inner = model.find(("a", 1, "b"))
    assert inner.siblingAtColumn(1).data() == "2"
    assert model.path_of(inner) == ("a", 1, "b")
    assert model.parent(inner) == model.find(("a", 1))
    assert not model.find(("a", 9)).isValid()


def test_a_refresh_keeps_what_is_opened_and_chosen(view):
    many = {f"key{i}": i for i in range(40)}
    view.show_preview(text(json.dumps(many | {"state": {"done": 1}})))
    state = view.tree.model().find(("state",))
    view.tree.setExpanded(state, True)
    view.tree.setCurrentIndex(view.tree.model().find(("key3",)))
    view.show_preview(text(json.dumps({"new": 0} | many | {"state": {"done": 2}})))
    assert ("done", "2") in lines(view)
    assert view.tree.model().path_of(view.tree.currentIndex()) == ("key3",)


def test_the_same_text_again_changes_nothing(view):
    view.show_preview(text("[1, 2]"))
    model = view.tree.model()
    view.show_preview(text("[1, 2]"))
    assert view.tree.model() is model


@pytest.mark.parametrize(
    ("preview", "reason"),
    [
        (text("not json"), "not JSON"),
        (text('{"a": 1, "a": 2}'), "twice"),
        (text('{"a": 1', size_bytes=500_000_000, truncated=True), "500,000,000 bytes"),
        (text("\x00\x01", kind="blob", size_bytes=2), "blob of 2 bytes"),
        (text(None), "no value"),
    ],
)
def test_H4_H6_H9_the_raw_text_is_shown_with_the_reason(view, preview, reason):
    view.show_preview(text("[1]"))
    view.show_preview(preview)
    assert not view.is_tree
    assert reason in view.reason_label.text()
    assert view.reason_label.isVisible()
    view.show_preview(text("[1]"))
    assert view.is_tree
    assert not view.reason_label.isVisible()


def test_the_text_can_be_preferred(view):
    view.show_preview(text("[1]"))
    view.set_as_text(True)
    assert not view.is_tree
    assert view.text.toPlainText() == "[1]"
    view.set_as_text(False)
    assert view.is_tree


def test_J1_keys_and_values_are_literal(view):
    view.show_preview(text(json.dumps({EVIL: EVIL, "bidi": "a\u202eb", "nul": "\x00", "lone": "\ud800"})))
    shown = dict(lines(view))
    assert shown[EVIL] == EVIL
    assert shown["bidi"] == "a[U+202E]b"
    assert shown["nul"] == "␀"
    assert shown["lone"] == "[U+D800]"
    tip = view.tree.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip
    assert "&lt;img" in tip


def test_value_and_path_are_copied_as_plain_text(view):
    view.show_preview(text('{"a": {"b": [1.50, "x"]}}'))
    view.tree.setCurrentIndex(view.tree.model().find(("a", "b")))
    QTest.keyClick(view.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == '[\n  1.50,\n  "x"\n]'
    view.tree.copy_path()
    assert QGuiApplication.clipboard().text() == "$.a.b"
    view.tree.setCurrentIndex(view.tree.model().find(("a", "b", 1)))
    view.tree.copy_value()
    assert QGuiApplication.clipboard().text() == "x"
    assert not QGuiApplication.clipboard().mimeData().hasHtml()
