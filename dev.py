#!/usr/bin/env python3
"""Make the program's environment and use it: run, test, check, bench, build. Standard library only.

    python3 dev.py run            the program on a live demo queue (or: run FILE, run --help)
    python3 dev.py test           all tests (or: test tests/queue -q)
    python3 dev.py check          lint, format, types, import contracts
    python3 dev.py bench [name]   a measurement from benchmarks/
    python3 dev.py build          wheel and sdist into dist/
    python3 dev.py setup          only make the environment

The first call makes .venv beside this file and installs the versions that constraints.txt names, by pip and
with pip's own configuration; later calls start at once and need no network. Where this folder can't be
written, the environment lies in the user's cache folder.

This file must parse on Python 3.6, so that an old Python gets a sentence and not a SyntaxError.
"""

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
MINIMUM = (3, 10)
DEMO_SECONDS = 20.0
# Shared libraries of the system that Qt needs, off screen and on an X display.
QT_LIBRARIES = (
    "libEGL.so.1", "libGL.so.1", "libxkbcommon.so.0", "libdbus-1.so.3", "libfontconfig.so.1", "libfreetype.so.6",
    "libglib-2.0.so.0", "libgthread-2.0.so.0", "libz.so.1",
)  # fmt: skip
XCB_LIBRARIES = (
    "libX11.so.6", "libX11-xcb.so.1", "libxcb.so.1", "libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-image.so.0",
    "libxcb-keysyms.so.1", "libxcb-randr.so.0", "libxcb-render-util.so.0", "libxcb-shape.so.0", "libxcb-shm.so.0",
    "libxcb-sync.so.1", "libxcb-xfixes.so.0", "libxcb-xkb.so.1", "libxkbcommon-x11.so.0",
)  # fmt: skip
# Debian names the package of a library after it, but for these.
DEBIAN_NAMES = {"libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0", "libz.so.1": "zlib1g"}
NETWORK_SIGNS = (
    "NewConnectionError", "Failed to establish a new connection", "Temporary failure in name resolution",
    "getaddrinfo failed", "Name or service not known", "Network is unreachable", "Connection refused",
    "ConnectTimeoutError", "Read timed out", "ProxyError", "SSLError", "No route to host", "Max retries exceeded",
)  # fmt: skip


class DevError(Exception):
    """Something the person must mend; the text says what and how. ``code`` is the exit status."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def say(text: str) -> None:
    """Print one line at once, also where output is a pipe."""
    print(text, flush=True)


# --- the environment -------------------------------------------------------------------------


def check_python() -> None:
    """Refuse a Python that can't work, with the reason."""
    if sys.version_info[:2] < MINIMUM:
        have = ".".join(str(part) for part in sys.version_info[:3])
        raise DevError(f"Python 3.10 or newer is needed; this is {have} ({sys.executable}).")
    if sys.maxsize < 2**32:
        raise DevError("A 64-bit Python is needed: Qt has no 32-bit packages.")
    if importlib.util.find_spec("sqlite3") is None or importlib.util.find_spec("_sqlite3") is None:
        raise DevError(f"This Python ({sys.executable}) was built without sqlite3. Use another Python.")


def cache_folder() -> Path:
    """Return the user's cache folder for this checkout: named by a hash of its path."""
    if WINDOWS:
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "prismq-gui" / hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]


def can_write(folder: Path) -> bool:
    """Tell whether a file can be made in the folder, by making one: access bits lie on Windows and for root."""
    probe = folder / f".prismq-write-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def venv_python(venv: Path) -> Path:
    """Return the interpreter of an environment."""
    return venv / ("Scripts/python.exe" if WINDOWS else "bin/python")


def choose_venv() -> Path:
    """Return where the environment lies or shall lie."""
    local = ROOT / ".venv"
    if is_ready(local, "test") or can_write(local if local.is_dir() else ROOT):
        return local
    return cache_folder() / "venv"


def fingerprint() -> str:
    """Return a hash of all that decides what must be installed."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform} {sys.base_prefix}\n".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_ready(venv: Path, extra: str) -> bool:
    """Tell whether the last installation of this extra was finished and is still the wanted one."""
    try:
        stamp = (venv / f"prismq-{extra}.stamp").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return stamp == fingerprint() and venv_python(venv).exists()


def interpreter_works(venv: Path) -> bool:
    """Tell whether the environment's Python starts, is this version, and has pip."""
    code = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])!r})"
    try:
        return subprocess.run([str(venv_python(venv)), "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv(venv: Path) -> None:
    """Make the environment anew; a broken or foreign one in its place is removed."""
    if venv.exists():
        say(f"Removing an environment that is broken or made for another Python: {venv}")
        shutil.rmtree(venv)
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        offer_packages("Python's venv module", ["python3-venv"], ["python3-libs"])
    say(f"Making the environment {venv}")
    venv.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise DevError(f"The environment could not be made:\n{(done.stdout + done.stderr).strip()}")


def dependencies(extra: str) -> "list[str]":
    """Read the requirements of the program and of an extra from pyproject.toml (its arrays are Python lists too)."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = []
    for name in ("dependencies", "test") if extra == "test" else ("dependencies", "test", extra):
        match = re.search(rf"^{name} = (\[.*?^\])", text, re.MULTILINE | re.DOTALL)
        if match is None:
            raise DevError(f"pyproject.toml has no list '{name}'.")
        found += [item for item in ast.literal_eval(match.group(1)) if not item.startswith("prismq-gui[")]
    return found


def ensure_environment(extra: str = "test") -> Path:
    """Return the environment's Python, after installing what is missing. No network where nothing is missing."""
    venv = choose_venv()
    if is_ready(venv, extra):
        return venv_python(venv)
    if venv != ROOT / ".venv":
        say(f"This folder can't be written, so the environment lies in {venv}")
    if not interpreter_works(venv):
        make_venv(venv)
    stamp = venv / f"prismq-{extra}.stamp"
    if stamp.exists():
        stamp.unlink()
    say("Installing what constraints.txt names (about 100 MB the first time) …")
    started = time.monotonic()
    # The program itself is not installed but found by PYTHONPATH: the .pth file of an editable install is read in
    # the console's encoding before Python 3.13, and a folder named "Á" then kept Python from starting on Windows.
    command = [str(venv_python(venv)), "-m", "pip", "install", "--no-user", "--no-input"]
    command += ["--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"), *dependencies(extra)]
    install(command)
    stamp.write_text(fingerprint(), encoding="utf-8")
    say(f"Installed in {time.monotonic() - started:.0f} s.")
    return venv_python(venv)


def install(command: "list[str]") -> None:
    """Run pip, show what it downloads, and turn its failure into a sentence."""
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, encoding="utf-8",
        errors="replace", cwd=str(ROOT),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.lstrip().startswith(("Downloading", "Installing")):
                say("  " + line.strip())
    if process.returncode == 0:
        return
    output = "".join(lines)
    sys.stderr.write("".join(lines[-15:]))
    if any(sign in output for sign in NETWORK_SIGNS):
        raise DevError(
            "The packages could not be fetched: there is no way to the package index.\n"
            "Check the network, or set a proxy or an index of your own in pip's configuration (pip config list),\n"
            "then run the same command again; it goes on where it stopped."
        )
    if "No space left" in output:
        raise DevError("The disk is full: about 500 MB are needed for the environment.")
    if "No matching distribution" in output:
        raise DevError(
            f"A package has no version for this Python ({sys.version.split()[0]}, {sys.platform}); see pip's last "
            "lines above. Python 3.10 to 3.13 are tried."
        )
    raise DevError("pip failed; its last lines above say why. Run the same command again after mending it.")


# --- libraries of the system -------------------------------------------------------------------


def may_install_packages() -> bool:
    """Tell whether system packages may be installed unasked: as root, by apt, in a container or a CI machine."""
    if WINDOWS or not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    in_container = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists() or "container" in os.environ
    return in_container or os.environ.get("CI", "").lower() in ("true", "1")


def offer_packages(what: str, debian: "list[str]", fedora: "list[str]") -> None:
    """Install the Debian packages where that is ours to do, else raise with the command that does."""
    debian, fedora = sorted(set(debian)), sorted(set(fedora))
    if may_install_packages():
        say(f"Missing: {what}. Installing {' '.join(debian)} (root in a container) …")
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        commands = [["apt-get", "update", "-qq"], ["apt-get", "install", "-qqy", "--no-install-recommends", *debian]]
        for command in commands:
            if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
                raise DevError(f"Missing: {what}. '{' '.join(command)}' failed; its lines above say why.")
        importlib.invalidate_caches()
        return
    raise DevError(
        f"Missing: {what}. Install it, then run the same command again:\n"
        f"  Debian, Ubuntu:  sudo apt install {' '.join(debian)}\n"
        f"  Fedora:          sudo dnf install {' '.join(fedora)}"
    )


def loads(python: Path, library: str) -> bool:
    """Tell whether the dynamic linker finds a library, in a process of its own."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    return subprocess.run([str(python), "-c", code, library], capture_output=True, check=False).returncode == 0


def start_qt(python: Path, platform: str = "") -> str:
    """Start an empty Qt program and return '' or what it said instead. 30 s at most."""
    environment = dict(os.environ)
    if platform:
        environment["QT_QPA_PLATFORM"] = platform
    code = "import PySide6.QtSvg; from PySide6.QtWidgets import QApplication; QApplication([])"
    try:
        done = subprocess.run(
            [str(python), "-c", code], env=environment, capture_output=True, check=False, timeout=30,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "Qt did not start within 30 s"
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"Qt ended with {done.returncode}"


def has_fonts() -> bool:
    """Tell whether there is any outline font where fontconfig looks; without one all text is empty boxes."""
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]
    folders.append(Path.home() / ".local" / "share" / "fonts")
    return any(next(folder.rglob(f"*.{kind}"), None) for folder in folders for kind in ("ttf", "otf", "ttc"))


def ensure_qt(python: Path) -> None:
    """Make sure that Qt starts off screen, naming the packages of all libraries that are missing."""
    mark = python.parents[1] / "prismq-qt.stamp"
    if mark.exists():
        return
    trouble = start_qt(python, "offscreen")
    if trouble and sys.platform.startswith("linux"):
        report_libraries(python, trouble, QT_LIBRARIES)
        trouble = start_qt(python, "offscreen")
    if trouble:
        raise DevError(f"Qt does not start. It says:\n{trouble}")
    if sys.platform.startswith("linux") and not has_fonts():
        offer_packages("a font", ["fonts-dejavu-core"], ["dejavu-sans-fonts"])
    if can_write(mark.parent):
        mark.touch()


def debian_package(library: str) -> str:
    """Return Debian's package of a library: libxcb-cursor.so.0 is in libxcb-cursor0, libdbus-1.so.3 in libdbus-1-3."""
    name, _, version = library.partition(".so.")
    return DEBIAN_NAMES.get(library, name.lower() + ("-" if name[-1].isdigit() else "") + version.split(".")[0])


def report_libraries(python: Path, trouble: str, expected: "tuple[str, ...]") -> None:
    """Offer the packages of all expected libraries that don't load, and of the one Qt named."""
    named = re.findall(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", trouble)
    missing = sorted({*named, *(library for library in expected if not loads(python, library))})
    if missing:
        debian = [debian_package(library) for library in missing]
        offer_packages(", ".join(missing) + " (Qt needs it)", debian, [f"'{name}()(64bit)'" for name in missing])


def display_trouble(python: Path) -> str:
    """Return '' where a window can be shown, else the reason why not (in one line)."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return f"QT_QPA_PLATFORM is {os.environ['QT_QPA_PLATFORM']}"
    if not sys.platform.startswith("linux"):
        return ""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    trouble = start_qt(python)
    if not trouble:
        return ""
    missing = [library for library in XCB_LIBRARIES if not loads(python, library)]
    if missing and os.environ.get("DISPLAY"):
        report_libraries(python, trouble, XCB_LIBRARIES)
        return "" if not start_qt(python) else "the display does not answer"
    return "the display does not answer"


# --- children --------------------------------------------------------------------------------


def child_environment() -> "dict[str, str]":
    """Return the environment of a child: it finds this checkout, and nothing else through PYTHONPATH."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONUNBUFFERED="1")
    environment.pop("PYTHONHOME", None)
    if not can_write(ROOT):
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["HYPOTHESIS_STORAGE_DIRECTORY"] = str(cache_folder() / "hypothesis")
    return environment


def call(command: "list[str]", **extra: str) -> int:
    """Run a child in the checkout and return its exit status. Ctrl-C and a termination reach it; it never stays."""
    environment = dict(child_environment(), **extra)
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.poll() is None:
            end_child(process)


def end_child(process: "subprocess.Popen[bytes]", graces_s: "tuple[float, float]" = (3.0, 10.0)) -> None:
    """End a child: the console's Ctrl-C has reached it already; then it is asked, then it is killed."""
    for grace_s, step in zip(graces_s, (process.terminate, process.kill)):  # noqa: B905 - strict= is of Python 3.10
        try:
            process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            step()
        else:
            return
    process.wait()


# --- commands --------------------------------------------------------------------------------


def run(arguments: "list[str]") -> int:
    """Start the program: on a live demo queue, or as the arguments say. Off screen where there is no display."""
    python = ensure_environment()
    ensure_qt(python)
    program = [str(python), "-m", "prismq_gui"]
    trouble = display_trouble(python)
    if not trouble:
        return call([*program, *(arguments or ["demo"])])
    if arguments and arguments[0] != "demo":
        return call([*program, *arguments], QT_QPA_PLATFORM="offscreen")
    output = (ROOT if can_write(ROOT) else cache_folder()) / "run-output"
    output.mkdir(parents=True, exist_ok=True)
    picture, summary = output / "screenshot.png", output / "summary.txt"
    for stale in (picture, summary):
        if stale.exists():
            stale.unlink()
    seconds = os.environ.get("PRISMQ_DEMO_SECONDS") or str(DEMO_SECONDS)
    say(f"No window can be shown here: {trouble}.")
    say(f"Running the demo off screen for {float(seconds):g} s …")
    options = ["--seconds", seconds, "--screenshot", str(picture), "--summary", str(summary)]
    status = call([*program, "demo", *options, *arguments[1:]], QT_QPA_PLATFORM="offscreen")
    if status == 0:
        say(summary.read_text(encoding="utf-8").rstrip())
        say(f"Screenshot: {picture}\nSummary:    {summary}")
    return status


def test(arguments: "list[str]") -> int:
    """Run the tests by pytest, off screen."""
    python = ensure_environment()
    ensure_qt(python)
    cache = [] if can_write(ROOT) else ["-o", f"cache_dir={cache_folder() / 'pytest'}"]
    platform = os.environ.get("QT_QPA_PLATFORM") or "offscreen"
    return call([str(python), "-m", "pytest", *cache, *arguments], QT_QPA_PLATFORM=platform)


def check(arguments: "list[str]") -> int:
    """Run ruff, mypy and the import contracts; all of them, then say which failed."""
    if arguments:
        raise DevError("check takes no arguments.", 2)
    python = str(ensure_environment("dev"))
    contracts = "import sys; from importlinter.cli import lint_imports_command as c; sys.argv[0] = 'lint-imports'; c()"
    steps = {
        "ruff check": [python, "-m", "ruff", "check", "."],
        "ruff format": [python, "-m", "ruff", "format", "--check", "."],
        "mypy": [python, "-m", "mypy"],
        "import contracts": [python, "-c", contracts],
    }
    failed = []
    for name, command in steps.items():
        say(f"== {name}")
        if call(command):
            failed.append(name)
    say(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def bench(arguments: "list[str]") -> int:
    """Run one measurement, or list them."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("_"))
    if not arguments:
        say("Measurements: " + ", ".join(names) + "\nRun one by: python3 dev.py bench NAME [options]")
        return 0
    if arguments[0] not in names:
        raise DevError(f"There is no measurement '{arguments[0]}'; there are: {', '.join(names)}.", 2)
    python = ensure_environment("bench" if arguments[0] == "queue_speed" else "test")
    ensure_qt(python)
    return call([str(python), str(ROOT / "benchmarks" / f"{arguments[0]}.py"), *arguments[1:]])


def build(arguments: "list[str]") -> int:
    """Build wheel and sdist into dist/."""
    python = ensure_environment("dev")
    return call([str(python), "-m", "build", "--no-isolation", *arguments])


def setup(arguments: "list[str]") -> int:
    """Make the environment and test that Qt starts."""
    if arguments not in ([], ["dev"]):
        raise DevError("setup takes no argument, or 'dev' for the tools of check and build as well.", 2)
    python = ensure_environment("dev" if arguments else "test")
    ensure_qt(python)
    say(f"Ready: {python}")
    return 0


COMMANDS = {"run": run, "test": test, "check": check, "bench": bench, "build": build, "setup": setup}


def main(arguments: "list[str]") -> int:
    """Do what the command line says. 0: done; 1: a problem; 2: wrong use; 130: interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a path's letters may not exist in the console's encoding
            stream.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(__doc__.strip())
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        print(f"dev.py: there is no command '{arguments[0]}'; there are: {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    try:
        check_python()
        return COMMANDS[arguments[0]](arguments[1:])
    except DevError as error:
        print(f"dev.py: {error}", file=sys.stderr, flush=True)
        return error.code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
