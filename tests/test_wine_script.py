"""What the Windows tests do where Wine can't be had: the script says why by status 77, and CI goes on by that alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Wine's script is for Linux")

USED = ["bash", "cat", "cut", "dirname", "flock", "grep", "mktemp", "mkdir", "rm", "sha256sum", "tail", "tee"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command of bash where there is no program but those the script always uses and those given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in USED:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"this system has no {name}")
        (programs / name).symlink_to(found)

    def start(command: str, **others: str) -> subprocess.CompletedProcess[str]:
        for name, text in others.items():
            program = programs / name.replace("_", "-")
            program.write_text(f"#!{programs}/bash\n{text}\n", encoding="utf-8")
            program.chmod(0o755)
        return subprocess.run(
            [str(programs / "bash"), "-c", command], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
            env={"PATH": str(programs), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}, encoding="utf-8", check=False,
            timeout=60,
        )  # fmt: skip

    return start


SCRIPT = f"'{ROOT / 'packaging' / 'wine' / 'check.sh'}'"
X86 = {"uname": "echo x86_64"}
ROOT_USER = {"id": "echo 0", **X86}


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"uname": "echo aarch64"}, "only x86_64 machines run it, this is aarch64."),
        ({"id": "echo 1000", "apt_get": "echo installed", **X86}, "it is not installed, and only root with apt-get"),
        (ROOT_USER, "it is not installed, and only root with apt-get"),
        ({"apt_get": "echo 'E: Unable to fetch'; exit 100", **ROOT_USER}, "apt-get could not install it"),
        ({"apt_get": "exit 0", **ROOT_USER}, "apt-get installed it, and there is no wine"),
    ],
    ids=["other machine", "not root", "no apt-get", "no network", "nothing installed"],
)
def test_where_wine_cannot_be_had_the_script_ends_with_77_and_says_why(
    run: Run, others: dict[str, str], reason: str
) -> None:
    done = run(SCRIPT, **others)
    assert (done.returncode, done.stderr) == (77, "")
    assert done.stdout.splitlines()[-1].startswith(f"Wine: skipped: {reason}")
    assert "E: Unable" not in others.get("apt_get", "") or "E: Unable to fetch" in done.stdout


def test_a_windows_python_that_does_not_exist_is_wrong_use_and_no_skip(run: Run) -> None:
    done = run(f"PRISMQ_WINE_PYTHON=3.9 {SCRIPT}", **ROOT_USER)
    assert done.returncode == 2
    assert "3.11, 3.12 or 3.13" in done.stderr


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (77, 0), (1, 1), (2, 2), (124, 124)])
def test_ci_goes_on_without_wine_and_stops_at_a_failed_test(
    run: Run, tmp_path: Path, status: int, expected: int
) -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    step = re.search(r"^windows\(\) \{\n.*?^\}\n", ci, re.DOTALL | re.MULTILINE)
    assert step is not None
    stand_in = tmp_path / "packaging" / "wine" / "check.sh"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(f'#!{tmp_path}/bin/bash\necho "$@"\nexit {status}\n', encoding="utf-8")
    stand_in.chmod(0o755)
    done = run(f"set -euo pipefail; work='{tmp_path}'\n{step.group()}\nwindows || exit $?\necho on")
    assert done.returncode == expected, done.stderr
    assert done.stdout.startswith("tests/")
    assert done.stdout.endswith("on\n") is (expected == 0)
