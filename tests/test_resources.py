"""The program's own files are found, and a missing one is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prismq_gui import resources
from prismq_gui.resources import ResourceMissingError, resource_path


def test_icons_are_found_in_the_source_tree():
    path = resource_path("icons", "rotate-ccw.svg")
    assert path.read_text(encoding="utf-8").lstrip().startswith("<")
    assert resource_path("app.svg").is_file()
    assert resource_path("app.png").read_bytes().startswith(b"\x89PNG")
    assert "ISC" in resource_path("icons", "LICENSE").read_text(encoding="utf-8")


def test_a_missing_file_is_named():
    with pytest.raises(ResourceMissingError, match=r"no-such\.svg"):
        resource_path("icons", "no-such.svg")


@pytest.mark.parametrize("part", ["../pyproject.toml", "/etc/passwd", "icons/../../LICENSE"])
def test_nothing_outside_is_found(part: str):
    with pytest.raises(ValueError, match="not the name"):
        resource_path(part)


def test_an_installed_package_finds_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "site packages ü" / "prismq_gui"
    (package / "resources").mkdir(parents=True)
    (package / "resources" / "app.svg").write_text("<svg/>", encoding="utf-8")
    monkeypatch.setattr(resources, "__file__", str(package / "resources.py"))
    assert resource_path("app.svg") == package.resolve() / "resources" / "app.svg"


def test_a_frozen_program_finds_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "app.svg").write_text("<svg/>", encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource_path("app.svg") == tmp_path / "resources" / "app.svg"
    with pytest.raises(ResourceMissingError, match="Install PrismQ again"):
        resource_path("icons")


def test_the_working_directory_is_not_searched(tmp_path: Path):
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "planted.svg").write_text("<svg/>", encoding="utf-8")
    root = Path(resources.__file__).parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from prismq_gui.resources import resource_path\n"
        "try:\n resource_path('planted.svg')\nexcept FileNotFoundError:\n print('missing')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "missing"
