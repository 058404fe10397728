"""The walls of the house, checked on the source itself: what each room may know, and how large things may grow.

import-linter checks the same stair in the contracts of pyproject.toml; here stands what it can't see.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "prismq_gui"
QT_FREE = (
    "queue", "insight", "operations", "commands", "settings", "resources", "cli", "worker_process", "stdin_watch",
)  # fmt: skip
SQL_ROOMS = ("queue", "insight", "operations")
SQL = re.compile(r"\b(SELECT\s.+\sFROM\s|INSERT\s+(OR \w+ )?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|PRAGMA\s+\w+|"
                 r"CREATE\s+(TABLE|INDEX)\s|BEGIN\s+IMMEDIATE)", re.DOTALL)  # fmt: skip
UNFINISHED = re.compile("TO" + r"DO\b|FIX" + r"ME\b|\bXX" + r"X\b")

Check = Callable[[Path, ast.Module], Iterator[str]]


def sources(*folders: str) -> list[Path]:
    """All Python files of ours beneath these folders and files of the checkout."""
    found: list[Path] = []
    for name in folders:
        place = ROOT / name
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return found


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax, read once for all checks: that is most of what they take."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room(path: Path) -> str:
    """The part of the package that a file belongs to: the name of its folder, or of the module itself."""
    inside = path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path
    return inside.parts[0].removesuffix(".py")


def broken(check: Check, *folders: str) -> list[str]:
    """Run a check over files and return what it finds, each with its place."""
    found = []
    for path in sources(*folders):
        found += [f"{path.relative_to(ROOT)}: {what}" for what in check(path, parsed(path))]
    return found


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each imported module and each name imported from one, with its line; what only types need doesn't count."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each name and attribute used, with its line, imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
    for line, name in imports(tree):
        yield from ((line, part) for part in name.split("."))


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the constants that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


# --- checks: each yields what is wrong ----------------------------------------------------------


def qt_in_qt_free_rooms(path: Path, tree: ast.Module) -> Iterator[str]:
    if room(path) in QT_FREE:
        yield from (
            f"{line} imports {name}" for line, name in imports(tree) if name.startswith(("PySide6", "shiboken"))
        )


def sql_elsewhere(path: Path, tree: ast.Module) -> Iterator[str]:
    if room(path) in SQL_ROOMS:
        return
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        text = getattr(node, "value", None) if isinstance(node, ast.Constant) and id(node) not in skipped else None
        if isinstance(text, str) and SQL.search(text):
            yield f"{node.lineno} holds SQL"
    if room(path) != "selftest":  # it reports the library's version
        yield from (f"{line} imports {name}" for line, name in imports(tree) if name.split(".")[0] == "sqlite3")


def forbidden_names(path: Path, tree: ast.Module) -> Iterator[str]:
    reasons = {
        "QtSql": "a second SQLite in one process breaks the first one's locks",
        "QSettings": "it unpickles what it reads",
        "setHtml": "text of a queue is never markup",
        "insertHtml": "text of a queue is never markup",
        "appendHtml": "text of a queue is never markup",
        "fork": "Windows has none",
        "executescript": "it commits what is open",
    }
    if room(path) != "polling":
        reasons |= {"QThread": "threads live in polling", "QThreadPool": "threads live in polling"}
    yield from (f"{line} uses {name}: {reasons[name]}" for line, name in names(tree) if name in reasons)


def text_without_encoding(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg for keyword in node.keywords}
        if called in ("read_text", "write_text") and "encoding" not in given:
            yield f"{node.lineno} {called} without encoding"
        if called == "open" and isinstance(node.func, ast.Name) and "encoding" not in given:
            yield f"{node.lineno} open without encoding"


def too_long(path: Path, tree: ast.Module) -> Iterator[str]:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > 500:
        yield f"has {lines} lines (at most 500)"
    yield from (f"{node.lineno} {node.name} has {length(node)} lines" for node in functions(tree) if length(node) > 60)


def not_annotated(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in functions(tree):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        bare = [a.arg for a in arguments if a is not None and a.annotation is None and a.arg not in ("self", "cls")]
        if bare or node.returns is None:
            yield f"{node.lineno} {node.name} is not annotated ({', '.join(bare) or 'result'})"


def poor_tests(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep":
            yield f"{node.lineno} sleeps: wait for an event, a process or a condition"
    for line, name in imports(tree):
        if name == "time.sleep" or "mock" in name.split(".") or name.startswith("unittest.mock"):
            yield f"{line} imports {name}"


# --- the walls themselves -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "check", [qt_in_qt_free_rooms, sql_elsewhere, forbidden_names, text_without_encoding, not_annotated]
)
def test_package_keeps_to_its_walls(check: Check) -> None:
    assert broken(check, "prismq_gui") == []


def test_files_and_functions_stay_small() -> None:
    assert broken(too_long, "prismq_gui", "tests", "benchmarks", "dev.py") == []


def test_most_files_and_functions_are_smaller_still() -> None:
    paths = sources("prismq_gui")
    files = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
    sizes = sorted(length(node) for path in paths for node in functions(parsed(path)))
    assert files[int(len(files) * 0.9)] <= 350
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_tests_neither_sleep_nor_mock() -> None:
    assert broken(poor_tests, "tests") == []


def test_nothing_is_left_unfinished() -> None:
    found = []
    for path in [
        *sources("prismq_gui", "tests", "benchmarks", "dev.py"),
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
    ]:
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if UNFINISHED.search(line)
        ]
    assert found == []


QT_MISSING = """
import importlib, pkgutil, sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("PySide6", "shiboken6"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoQt())
for name in sys.argv[1:]:
    module = importlib.import_module("prismq_gui." + name)
    for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if inner.name not in ("__main__", "heartbeat", "observer"):
            importlib.import_module(f"prismq_gui.{name}.{inner.name}")
print("imported")
"""


def test_rooms_below_the_window_work_without_qt() -> None:
    # The demo's observer and its heartbeat are the window's side of it.
    rooms = [*QT_FREE, "demo"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QT_MISSING, *rooms], cwd=ROOT, capture_output=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "imported", done.stderr


BAD = {
    qt_in_qt_free_rooms: ("queue/x.py", "from PySide6.QtCore import QObject"),
    sql_elsewhere: ("models/x.py", "text = 'SELECT id FROM task_queue'"),
    forbidden_names: ("views/x.py", "from PySide6.QtCore import QThread"),
    text_without_encoding: ("views/x.py", "path.read_text()"),
    not_annotated: ("views/x.py", "def f(a) -> None: ..."),
    poor_tests: ("tests/x.py", "import time\ntime.sleep(1)"),
}


@pytest.mark.parametrize("check", BAD)
def test_each_check_sees_the_fault_it_is_there_for(check: Check) -> None:
    name, code = BAD[check]
    assert list(check(PACKAGE / name, ast.parse(code)))
