"""What is built is whole: a wheel holds all modules and icons, and an installed one finds them far from the sources."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from prismq_gui import __version__
from tests.helpers.processes import ROOT, python_environment

BUILD = """
import os, sys
from hatchling import build
print(build.build_wheel(sys.argv[1]), build.build_sdist(sys.argv[1]), sep="\\n")
"""
FIND = """
import sys
import prismq_gui
from prismq_gui.resources import resource_path
print(prismq_gui.__file__)
for icon in sorted(resource_path("icons").glob("*.svg")):
    print(icon)
print(resource_path("app.png"))
"""
DRAW = """
import sys
from PySide6.QtGui import QGuiApplication, QIcon
from prismq_gui.resources import resource_path
application = QGuiApplication([])
icons = sorted(resource_path("icons").glob("*.svg"))
empty = [icon.name for icon in icons if QIcon(str(icon)).pixmap(24, 24).isNull()]
print(len(icons), empty)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and an sdist of the checkout, built as pip builds them."""
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    wheel, sdist = done.stdout.split()[-2:]
    return folder / wheel, folder / sdist


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed into a folder with a space and umlauts; what it depends on is here already."""
    target = tmp_path_factory.mktemp("Programme ä á") / "site packages"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-user",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    done = subprocess.run([*command, "--target", str(target), str(built[0])], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return target


def run_installed(installed: Path, folder: Path, code: str) -> list[str]:
    """Run code with the installed package alone on the path, in a folder far from the sources."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_wheel_holds_every_resource_and_module(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as archive:
        names = set(archive.namelist())
    resources = [path for path in (ROOT / "resources").rglob("*") if path.is_file()]
    assert len(resources) > 30
    assert {f"prismq_gui/resources/{path.relative_to(ROOT / 'resources').as_posix()}" for path in resources} <= names
    modules = list((ROOT / "prismq_gui").rglob("*.py"))
    assert {path.relative_to(ROOT).as_posix() for path in modules} <= names
    assert "prismq_gui/py.typed" in names
    assert f"prismq_gui-{__version__}.dist-info/entry_points.txt" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "resources/"))]


def test_sdist_holds_what_a_build_needs_and_no_queue_files_but_the_sample(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "dev.py", "constraints.txt", "README.md", "LICENSE", "resources/app.png"} <= names
    assert {name for name in names if name.endswith(".db")} == {"tests/data/prismq-sample.db"}
    assert not [name for name in names if name.startswith((".venv", "run-output", "benchmarks/out", "dist/"))]


def test_installed_wheel_finds_its_icons(installed: Path, tmp_path: Path) -> None:
    module, *files = run_installed(installed, tmp_path, FIND)
    assert Path(module).is_relative_to(installed)
    assert len(files) > 30
    assert all(Path(name).is_relative_to(installed) and Path(name).is_file() for name in files)


def test_installed_icons_can_be_drawn(installed: Path, tmp_path: Path) -> None:
    count, empty = run_installed(installed, tmp_path, DRAW)[0].split(" ", 1)
    assert int(count) > 30
    assert empty == "[]"


def test_both_commands_are_installed(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as archive:
        entries = archive.read(f"prismq_gui-{__version__}.dist-info/entry_points.txt").decode()
    assert "[console_scripts]\nprismq-gui = prismq_gui.cli:main" in entries
    assert "[gui_scripts]\nprismq-gui-window = prismq_gui.cli:main" in entries


def test_readme_example_runs_as_it_stands(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    for block in blocks:
        (tmp_path / "example.py").write_text(block, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", "example.py"], cwd=tmp_path, env=python_environment(), capture_output=True,
            encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.stdout.strip() == "completed", done.stderr


def test_readme_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
