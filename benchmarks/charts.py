"""What one update of a chart costs by four means, and what each adds to a frozen program.

The same chart (three lines of 360 points, one filled, 900 × 260 pixels) is fed anew and painted, frame by frame, in a
process of its own for each contender, in interleaved rounds. What is not installed is left out: in an environment of
its own, `pip install PySide6 pyqtgraph pyinstaller` has all of it. A display is used where there is one (Xvfb will do).

    python3 benchmarks/charts.py [--frames 200] [--rounds 3] [--platforms offscreen,xcb] [--size] [--pictures DIR]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NEEDS = {"QPainter": "PySide6.QtWidgets", "QtCharts": "PySide6.QtCharts", "QtGraphs": "PySide6.QtGraphs",
         "pyqtgraph": "pyqtgraph"}  # fmt: skip
FROZEN = {
    "QPainter": "",
    "QtCharts": "import PySide6.QtCharts",
    "QtGraphs": "import PySide6.QtGraphs, PySide6.QtQuickWidgets, PySide6.QtQml",
    "pyqtgraph": "import pyqtgraph; pyqtgraph.PlotWidget",
}


def is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def run(name: str, frames: int, qt_platform: str, folder: Path, pictures: Path | None) -> dict[str, float] | str:
    picture = [str(pictures / f"{name}-{qt_platform}.png")] if pictures else []
    environment = {**os.environ, "QT_QPA_PLATFORM": qt_platform, "CHARTS_FOLDER": str(folder),
                   "QT_QUICK_BACKEND": "software"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(HERE / "_charts_contenders.py"), name, str(frames), *picture],
        env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:100]
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(names: list[str], options: argparse.Namespace, folder: Path) -> None:
    pictures = Path(options.pictures) if options.pictures else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    for qt_platform in options.platforms.split(","):
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        troubles: dict[str, str] = {}
        for _ in range(options.rounds):
            for name in names:
                found = run(name, options.frames, qt_platform, folder, pictures)
                if isinstance(found, str):
                    troubles[name] = found
                else:
                    rounds[name].append(found)
        print(f"\n{qt_platform}: {'contender':<10} {'CPU ms/frame':>13} {'p95':>7} {'start ms':>9} {'MiB more':>9}")
        for name, all_found in rounds.items():
            if not all_found:
                print(f"{'':<{len(qt_platform) + 2}}{name:<10} failed: {troubles[name]}")
                continue
            middle = {key: statistics.median(found[key] for found in all_found) for key in all_found[0]}
            blank = "  (nothing was drawn)" if middle["colors"] < 4 else ""
            print(
                f"{'':<{len(qt_platform) + 2}}{name:<10} {middle['cpu_ms']:>13.2f} {middle['p95_ms']:>7.2f} "
                f"{middle['start_ms']:>9.0f} {middle['mib']:>9.1f}{blank}"
            )


def frozen_bytes(name: str, folder: Path) -> int:
    script = folder / f"frozen_{name}.py"
    script.write_text(f"import PySide6.QtWidgets\n{FROZEN[name]}\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--onedir", "--noconfirm", "--log-level=ERROR", "--distpath",
         str(folder / "dist"), "--workpath", str(folder / "build"), "--specpath", str(folder), str(script)],
        check=True, capture_output=True,
    )  # fmt: skip
    return sum(path.stat().st_size for path in (folder / "dist" / script.stem).rglob("*") if path.is_file())


def weigh(names: list[str], folder: Path) -> None:
    bare = frozen_bytes("QPainter", folder)
    print(f"\nfrozen by PyInstaller: a bare Qt Widgets program is {bare / 1024**2:.0f} MiB")
    for name in names:
        if name != "QPainter":
            print(f"  {name:<10} adds {(frozen_bytes(name, folder) - bare) / 1024**2:.0f} MiB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--platforms", default="offscreen")
    parser.add_argument("--size", action="store_true", help="freeze a program with each; minutes")
    parser.add_argument("--pictures", metavar="DIR", help="save what each has drawn")
    options = parser.parse_args()
    names = [name for name, module in NEEDS.items() if is_installed(module)]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; not installed: {set(NEEDS) - set(names) or '–'}"
    )
    with tempfile.TemporaryDirectory(prefix="charts ü ") as folder:
        measure(names, options, Path(folder))
        if options.size:
            weigh(names, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
