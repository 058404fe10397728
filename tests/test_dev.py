"""dev.py: what a new user meets first. Environments are made for real; the network is never needed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """A copy of dev.py and what it reads, in a folder with a space and umlauts."""
    folder = tmp_path / "Ordner mit Ä Á ü"
    folder.mkdir()
    for name in ("dev.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return load(folder / "dev.py")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_dev(dev: ModuleType, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(dev.ROOT / "dev.py"), *arguments], capture_output=True, encoding="utf-8",
        errors="replace", env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False, timeout=100,
    )  # fmt: skip


def fake_environment(dev: ModuleType, venv: Path) -> Path:
    """Make an environment without packages (as `venv --without-pip` does, quickly) and give it a valid stamp."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, stdin=subprocess.DEVNULL)
    (venv / "prismq-test.stamp").write_text(dev.fingerprint(), encoding="utf-8")
    return Path(dev.venv_python(venv))


def test_help_names_every_command(dev: ModuleType) -> None:
    shown = run_dev(dev, "--help")
    assert shown.returncode == 0
    for command in dev.COMMANDS:
        assert command in shown.stdout
    assert run_dev(dev).returncode == 2


def test_unknown_command_is_wrong_use(dev: ModuleType) -> None:
    answer = run_dev(dev, "tset")
    assert answer.returncode == 2
    assert "tset" in answer.stderr
    assert "test" in answer.stderr


def test_old_python_is_named(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 9, 18, "final", 0))
    with pytest.raises(dev.DevError, match=r"3\.10 or newer.*3\.9\.18"):
        dev.check_python()


def test_script_has_no_syntax_newer_than_the_message_about_old_pythons() -> None:
    import ast

    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_dependencies_are_those_of_pyproject(dev: ModuleType) -> None:
    tomllib = pytest.importorskip("tomllib", reason="from Python 3.11 on")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    assert dev.dependencies("test") == project["dependencies"] + optional["test"]
    tools = [tool for tool in optional["dev"] if tool != "prismq-gui[test]"]
    assert dev.dependencies("dev") == project["dependencies"] + optional["test"] + tools


def test_every_dependency_is_pinned_exactly(dev: ModuleType) -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for name in dev.dependencies("dev"):
        wanted = Requirement(name)
        for python in ("3.10", "3.11", "3.12", "3.13", "3.14"):
            here = {"python_version": python, "python_full_version": f"{python}.0"}
            if wanted.marker is not None and not wanted.marker.evaluate(here):
                continue
            fitting = [
                pin for pin in pins
                if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
                and (pin.marker is None or pin.marker.evaluate(here))
            ]  # fmt: skip
            assert len(fitting) == 1, f"{wanted.name} on {python}: {fitting}"
            version = str(fitting[0].specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{fitting[0]} is outside of {wanted}"


def test_complete_environment_is_used_without_touching_network_or_pip(dev: ModuleType) -> None:
    # Without pip in it: an attempt to install anything would fail.
    python = fake_environment(dev, dev.ROOT / ".venv")
    assert dev.ensure_environment() == python


def test_changed_pins_make_the_environment_incomplete(dev: ModuleType) -> None:
    fake_environment(dev, dev.ROOT / ".venv")
    with (dev.ROOT / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert not dev.is_ready(dev.ROOT / ".venv", "test")


def test_interrupted_install_is_done_again(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = dev.ROOT / ".venv"
    fake_environment(dev, venv)
    (venv / "prismq-test.stamp").write_text("of an older state", encoding="utf-8")
    monkeypatch.setattr(dev, "interpreter_works", lambda venv: True)

    def interrupted(command: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dev.ensure_environment()
    assert not (venv / "prismq-test.stamp").exists()
    installed = []
    monkeypatch.setattr(dev, "install", installed.append)
    dev.ensure_environment()
    assert len(installed) == 1
    assert dev.is_ready(venv, "test")


def test_broken_environment_is_made_anew(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    venv = dev.ROOT / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text("not a program", encoding="utf-8")
    assert not dev.interpreter_works(venv)
    dev.make_venv(venv)
    assert dev.interpreter_works(venv)
    assert str(venv) in capsys.readouterr().out


def test_folder_that_cannot_be_written_puts_the_environment_into_the_cache(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(cache))
    monkeypatch.setattr(dev, "can_write", lambda folder: False)  # root may write everywhere
    assert cache in dev.choose_venv().parents


def test_missing_network_is_said_in_a_sentence(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--retries", "1", "--timeout", "2", "--no-deps"]
    command += ["--index-url", "http://127.0.0.1:9/simple", "--dest", str(dev.ROOT), "prismq-no-such-package"]
    with pytest.raises(dev.DevError, match="no way to the package index"):
        dev.install(command)
    assert "127.0.0.1" in capfd.readouterr().err


def test_version_that_does_not_exist_is_not_called_a_network_failure(dev: ModuleType) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--no-index", "--no-deps"]
    with pytest.raises(dev.DevError, match="no version for this Python"):
        dev.install([*command, "--dest", str(dev.ROOT), "prismq-no-such-package"])


def test_missing_libraries_are_named_with_the_packages_that_bring_them(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "may_install_packages", lambda: False)
    trouble = "ImportError: libodd-3.so.7: cannot open shared object file: No such file or directory"
    with pytest.raises(dev.DevError) as caught:
        dev.report_libraries(Path(sys.executable), trouble, ("libprismq-none.so.1",))
    text = str(caught.value)
    assert "libodd-3.so.7, libprismq-none.so.1" in text
    assert "sudo apt install libodd-3-7 libprismq-none1" in text
    assert "sudo dnf install 'libodd-3.so.7()(64bit)' 'libprismq-none.so.1()(64bit)'" in text


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libEGL.so.1", "libegl1"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
    ],
)
def test_debian_package_of_a_library(dev: ModuleType, library: str, package: str) -> None:
    assert dev.debian_package(library) == package


@pytest.mark.skipif(sys.platform == "win32", reason="the loader's names are those of Linux")
def test_loader_is_asked_for_each_library(dev: ModuleType) -> None:
    assert not dev.loads(Path(sys.executable), "libprismq-no-such-library.so.1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a display is always there")
def test_display_that_does_not_answer_is_told_from_one_that_is_missing(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    python = Path(sys.executable)
    assert "no display" in dev.display_trouble(python)
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.setattr(dev, "loads", lambda python, library: True)  # the libraries for it are not the question
    assert "does not answer" in dev.display_trouble(python)


def test_child_ends_with_the_script(dev: ModuleType) -> None:
    """A child that ignores the first polite end is killed, and none stays."""
    code = (
        "import signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\nthreading.Event().wait()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == b"up"
    child.stdout.close()
    dev.end_child(child, (0.1, 0.5))
    assert child.poll() is not None
