"""The documents: their examples run as they stand, their links lead somewhere, and the reference names what there is.

A page's ```python blocks run in order, in one namespace, in a temporary folder, warnings as errors. A block with
``>>>`` is a doctest. Elsewhere ``print(…)  # text`` says what is printed, and nothing else may be. A block whose first
line is ``# name.py`` is that file, which the page may import.
"""

from __future__ import annotations

import contextlib
import doctest
import enum
import gc
import importlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import prismq_gui.queue as queue
from prismq_gui.commands.command import VERBS, load, make_parser
from prismq_gui.queue import PRAGMAS, HandlerRegistry, QueueClient, QueueDatabase
from tests.helpers.hearing import python_that_hears
from tests.helpers.windows import ask_to_stop

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs" / "queue").glob("*.md")),
    ROOT / "prismq_gui" / "queue" / "README.md",
    ROOT / "README.md",
]
LINKED = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")), ROOT / "prismq_gui/queue/README.md"]
API = ROOT / "docs" / "queue" / "api.md"
GUIDE = ROOT / "docs" / "queue" / "guide.md"
FLAGS = doctest.ELLIPSIS
PRINTED = re.compile(r"^\s*print\(.*\)  # (.+)$", re.MULTILINE)
FILE_NAME = re.compile(r"# ([a-z_]+\.py)\n")
# A call up to a remark after two spaces, a pipe, a redirection or a line's continuation; what is quoted belongs to it.
CALL = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|(?!  |[|&;><\\])[^'"])*""")
LINK = re.compile(r"(?<!\\)\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
OUR_FILE = re.compile(r"`((?:tests|prismq_gui|benchmarks|docs)/[\w/.-]+\.(?:py|md))`")


def told(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- the pages, taken apart ---------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """One block of code; ``line`` is that of its first line, from 1."""

    language: str
    line: int
    text: str


def blocks(path: Path) -> Iterator[Block]:
    """Return the fenced blocks of a page."""
    inside: list[str] | None = None
    language, first = "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert not re.match(r" +```", line), f"{told(path)}:{number}: a block that is set in, and so is not run"
        fence = re.match(r"```(\w*)", line)
        if fence and inside is None:
            inside, language, first = [], fence.group(1), number + 1
        elif fence and inside is not None:
            yield Block(language, first, "".join(inside))
            inside = None
        elif inside is not None:
            inside.append(line + "\n")
    assert inside is None, f"{told(path)}: a block is not closed"


def prose(path: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return the names of a page's headings, as the usual viewers make them."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(path), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


def commands(path: Path) -> Iterator[list[str]]:
    """Return the calls of our program in a page: lines of its blocks and indented lines that begin with its name."""
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"^ *prismq-gui (.+)$", text, re.MULTILINE):
        call = CALL.match(line)
        words = shlex.split(call.group() if call else "", comments=True)
        if words and words[0] in VERBS:
            yield words


# --- running a page -----------------------------------------------------------------------------


class Page:
    """One page being run: its namespace, its folder, the modules it made."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "page"}
        self.modules: list[str] = []

    def run(self) -> None:
        for block in blocks(self.path):
            if block.language != "python":
                assert ">>>" not in block.text, f"{told(self.path)}:{block.line}: an example that is not run"
                continue
            name = FILE_NAME.match(block.text)
            if name:
                (self.folder / name.group(1)).write_text(block.text, encoding="utf-8")
                self.modules.append(name.group(1).removesuffix(".py"))
                importlib.invalidate_caches()
                compile(block.text, name.group(1), "exec", dont_inherit=True)
            elif ">>>" in block.text:
                self._run_session(block)
            else:
                self._run_program(block)

    def _run_session(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, {}, told(self.path), str(self.path), block.line - 1)
        test.globs = self.names
        report = io.StringIO()
        doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(test, out=report.write, clear_globs=False)
        assert not report.getvalue(), report.getvalue()

    def _run_program(self, block: Block) -> None:
        code = compile("\n" * (block.line - 1) + block.text, str(self.path), "exec", dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, self.names)
        expected = "".join(f"{text}\n" for text in PRINTED.findall(block.text))
        place = f"{told(self.path)}:{block.line}"
        assert doctest.OutputChecker().check_output(expected, printed.getvalue(), FLAGS), (
            f"{place} printed\n{printed.getvalue()}not\n{expected}"
        )

    def left_open(self) -> list[str]:
        """Return the databases in the page's folder that were not closed."""
        self.names.clear()
        gc.collect()
        return [
            str(each.db_path)
            for each in gc.get_objects()
            if isinstance(each, QueueDatabase) and each.open_connection is not None
        ]


def run_page(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRAGMAS.items():
        monkeypatch.setitem(PRAGMAS, name, value)  # put back, whatever a page does with them
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PRISMQ_QUEUE_DB_PATH", str(folder / "default" / "queue.db"))
    page = Page(path, folder)
    try:
        page.run()
        assert page.left_open() == []
    finally:
        for name in page.modules:
            sys.modules.pop(name, None)


@pytest.mark.parametrize("path", PAGES, ids=told)
def test_the_examples_of_a_page_do_what_it_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a page's folder with ü"
    folder.mkdir()
    run_page(path, folder, monkeypatch)


WRONG = {
    "a session that gives something else": "```python\n>>> 1 + 1\n3\n```\n",
    "a session that raises": "```python\n>>> 1 / 0\n```\n",
    "a program that raises": "```python\n1 / 0\n```\n",
    "a program that prints something else": "```python\nprint(1 + 1)  # 3\n```\n",
    "a program that prints what is not shown": "```python\nprint(1)\n```\n",
    "a program that warns": "```python\nimport warnings\nwarnings.warn('old', DeprecationWarning)\n```\n",
    "an example in a block that is not run": "```text\n>>> 1\n1\n```\n",
    "an example in a block that is set in": "- item\n\n  ```python\n  >>> 1\n  2\n  ```\n",
    "a file that is no Python": "```python\n# odd.py\ndef\n```\n",
    "a database that stays open": "```python\nfrom prismq_gui.queue import QueueDatabase\n"
    "keep = [QueueDatabase('queue.db')]\nkeep[0].get_connection()\n"
    "import builtins\nbuiltins.kept_by_page = keep\n```\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_page_that_is_wrong_is_told(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    try:
        with pytest.raises((AssertionError, ZeroDivisionError, DeprecationWarning, SyntaxError)):
            run_page(page, tmp_path, monkeypatch)
    finally:
        for database in builtins.__dict__.pop("kept_by_page", []):
            database.close()


# --- the guide's program ------------------------------------------------------------------------


def test_the_guides_own_program_runs_tasks_until_it_is_told_to_stop(tmp_path: Path) -> None:
    files = {match.group(1): block.text for block in blocks(GUIDE) if (match := FILE_NAME.match(block.text))}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    with QueueClient(tmp_path / "queue.db") as client:
        client.database.initialize_schema()
        task_id = client.enqueue("thumbnail", {"file": "holiday.jpg"}).task_id
        command = python_that_hears("run_worker.py")
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, creationflags=flags
        ) as worker:
            try:
                outcome = client.wait(task_id, timeout_s=60)
                ask_to_stop(worker)
                assert worker.wait(timeout=30) == 0
            finally:
                worker.kill()
    assert outcome.is_completed


# --- links and calls ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", LINKED, ids=told)
def test_each_link_leads_somewhere(path: Path) -> None:
    broken = []
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = path.parent / name if name else path
        is_there = target.is_file() and target.resolve().is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", LINKED, ids=told)
def test_each_file_of_ours_that_is_named_exists(path: Path) -> None:
    assert [name for name in OUR_FILE.findall(prose(path)) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", LINKED, ids=told)
def test_each_call_of_the_program_is_one_that_it_takes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = []
    for words in commands(path):
        try:
            make_parser(words[0], load(words[0])).parse(words[1:])
        except SystemExit:
            refused.append((words, capsys.readouterr().err))
    assert refused == []


def test_the_page_of_the_command_line_names_each_verb_and_option() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    missing = []
    for verb in (verb for verb, (_module, about) in VERBS.items() if about):
        options = re.findall(r"--[a-z][a-z-]+", make_parser(verb, load(verb)).format_usage())
        missing += [verb] if not re.search(rf"`{verb}[ `\[]", page) else []
        missing += [f"{verb} {name}" for name in options if not re.search(rf"{name}(?![\w-])", page)]
    assert missing == []


def test_the_check_of_links_sees_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One *two*: `x()`\n\n## One two x\n\n```text\n# no heading\n```\n", encoding="utf-8")
    assert anchors(page) == {"one-two-x", "one-two-x-1"}
    assert LINK.findall('a [b](c.md#d "e") ![f](<g.png>) \\](h)') == ["c.md#d", "g.png"]
    page.write_text(
        '    prismq-gui list --json | head\n    prismq-gui stats --db "a  b.db"   the figures\n'
        """    prismq-gui list 'age>2h "a|b"  c' -- '-x' > list.txt\n    prismq-gui doctor --fast || echo it's\n""",
        encoding="utf-8",
    )
    assert list(commands(page)) == [
        ["list", "--json"],
        ["stats", "--db", "a  b.db"],
        ["list", 'age>2h "a|b"  c', "--", "-x"],
        ["doctor", "--fast"],
    ]


# --- the reference ------------------------------------------------------------------------------


def written(value: object) -> str:
    """Return a parameter's default as the reference writes it."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if inspect.isfunction(value):
        return value.__name__
    return f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def signature(thing: Any) -> str:
    """Return a callable's parameters as the reference writes them: names and defaults."""
    parts, keyword_only = [], False
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            parts.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        text = f"{'*' if parameter.kind is parameter.VAR_POSITIONAL else stars}{parameter.name}"
        keyword_only = keyword_only or parameter.kind is parameter.VAR_POSITIONAL
        if parameter.default is not parameter.empty:
            made_anew = type(parameter.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS"
            text += "=…" if made_anew else f"={written(parameter.default)}"
        parts.append(text)
    return f"({', '.join(parts)})"


def public_names() -> Iterator[tuple[str, Any]]:
    """Return what the reference must name: each public name, and each method and property of the classes."""
    for name in queue.__all__:
        thing = getattr(queue, name)
        yield name, thing
        if not inspect.isclass(thing):
            continue
        for kind in reversed(thing.__mro__):
            if not kind.__module__.startswith("prismq_gui."):
                continue
            for inner, member in vars(kind).items():
                is_code = inspect.isfunction(member) or isinstance(member, (property, classmethod))
                if not inner.startswith("_") and is_code:
                    yield f"{name}.{inner}", getattr(thing, inner)


def test_the_reference_names_every_public_name_and_method() -> None:
    named = set(re.findall(r"`([A-Za-z_.]+)(?:\([^`]*\))?`", API.read_text(encoding="utf-8")))
    assert sorted({name for name, _ in public_names()} - named) == []


def test_the_reference_has_the_parameters_and_defaults_that_there_are() -> None:
    text = API.read_text(encoding="utf-8")
    wrong = []
    for name, thing in public_names():
        for found in re.findall(rf"^- `{re.escape(name)}(\([^`]*\))`", text, re.MULTILINE):
            if found != signature(thing):
                wrong.append(f"{name}{found} is {name}{signature(thing)}")
    assert wrong == []


def test_the_reference_gives_the_parameters_of_whatever_is_called() -> None:
    given = set(re.findall(r"^- `([A-Za-z_.]+)\(", API.read_text(encoding="utf-8"), re.MULTILINE))
    functions = {name for name, thing in public_names() if inspect.isroutine(thing)}
    assert sorted(functions - given) == []


def test_the_reference_names_nothing_that_is_not_there() -> None:
    described = re.findall(r"^- `([A-Za-z_]+)(?:\.([a-z_]+))?[`(]", API.read_text(encoding="utf-8"), re.MULTILINE)
    missing = [
        f"{name}.{member}"
        for name, member in described
        if name not in queue.__all__ or (member and not hasattr(getattr(queue, name), member))
    ]
    assert missing == []
    assert len(described) > 100


def test_parameters_are_written_as_they_are() -> None:
    assert signature(HandlerRegistry.add) == (
        "(type, handler, *, timeout_s=None, isolation=None, permanent=(), retry=None)"
    )
