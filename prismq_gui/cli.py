"""The command line: opens the window, or runs one of the verbs that need none.

Owns argument parsing, exit codes and the console's encoding. Must not import Qt: the window's modules are imported
when a window opens, so that a worker on a server starts without it.

Exit codes: 0 done, 1 a problem (told on stderr), 2 wrong use.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from prismq_gui import __version__
from prismq_gui.insight.problems import ProblemError

OK: Final = 0
PROBLEM: Final = 1
USAGE: Final = 2

_EPILOG = """\
verbs (before any option):
  demo      a live demo: a queue in a temporary folder, real workers, and the window on it
  worker    run tasks of a queue without a window
'prismq-gui VERB --help' tells more. A file that bears a verb's name is opened by './demo' or '-- demo'.

exit codes: 0 done, 1 a problem, 2 wrong use"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    _prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in _VERBS:
            return _VERBS[arguments[0]](arguments[1:])
        return _window(arguments)
    except SystemExit as stop:  # argparse: --help, --version, wrong use
        return stop.code if isinstance(stop.code, int) else OK if stop.code is None else USAGE
    except ProblemError as error:
        return _fail(error.problem.sentence())
    except KeyboardInterrupt:
        return PROBLEM


def _prepare_streams() -> None:
    """Give a windowed program, which has no console, streams to write to; let no letter break a narrow console."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(sentence: str) -> int:
    print(f"prismq-gui: {sentence}", file=sys.stderr, flush=True)
    return PROBLEM


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"prismq-gui {verb}".strip(), description=description, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def _window(arguments: list[str]) -> int:
    parser = _parser("", "Watch and manage a PrismQ task queue while its workers use it.")
    parser.epilog = _EPILOG
    parser.add_argument("file", nargs="?", metavar="FILE", help="queue file; without one the last is opened")
    parser.add_argument("--read-only", action="store_true", help="never write to the file; SQLite itself refuses it")
    parser.add_argument("--data-dir", metavar="DIR", type=_file, help="keep settings and logs here (portable use)")
    parser.add_argument("--selftest", metavar="JSON", type=_file, help="test this installation and write what it found")
    parser.add_argument("--version", action="version", version=f"PrismQ {__version__}")
    options = parser.parse_args(arguments)
    if options.file == "" or "\0" in (options.file or ""):
        parser.error("the name of a file is expected")
    if options.file in _VERBS and "--" not in arguments:
        parser.error(
            f"put '{options.file}' first, before the options; to open a file of that name write ./{options.file}"
        )
    if options.selftest is not None:
        from prismq_gui.selftest import run_selftest

        return run_selftest(options.selftest)
    try:
        from prismq_gui.app import run_window
    except ImportError as error:
        return _fail(_no_qt(error))
    path = None if options.file is None else Path(options.file)
    return run_window(path, read_only=options.read_only, data_dir=options.data_dir)


def _file(text: str) -> Path:
    """Turn an argument into a path. A URI is the name of a file too, never interpreted."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the name of a file is expected")
    return Path(text)


def _no_qt(error: ImportError) -> str:
    return (
        f"The window can't be shown: Qt (PySide6-Essentials) is missing or incomplete. No file was opened. "
        f"Install it by 'pip install PySide6-Essentials', on Linux also the libraries the README names. ({error})"
    )


def _demo(arguments: list[str]) -> int:
    parser = _parser("demo", "A live demo: real workers on real files in a temporary folder, and the window on it.")
    parser.add_argument("--seconds", type=_positive, metavar="N", help="close the window by itself after N seconds")
    parser.add_argument("--screenshot", type=_file, metavar="PNG", help="leave a picture of the window at the end")
    parser.add_argument("--summary", type=_file, metavar="TXT", help="leave what was seen, as text")
    parser.add_argument("--workers", type=int, default=4, choices=range(1, 17), metavar="N", help="1 to 16; default 4")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and say where it is")
    options = parser.parse_args(arguments)
    from prismq_gui.demo.show import DemoOptions, run_demo

    try:
        return run_demo(
            DemoOptions(
                seconds=options.seconds, screenshot=options.screenshot, summary=options.summary,
                workers=options.workers, keep=options.keep,
            )
        )  # fmt: skip
    except ImportError as error:
        return _fail(_no_qt(error))


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("a number of seconds between 0 and 86400 is expected")
    return value


def _worker(arguments: list[str]) -> int:
    parser = _parser("worker", "Run the tasks of a queue until Ctrl-C, SIGTERM or, if asked, the end of stdin.")
    parser.add_argument("--db", type=_file, metavar="FILE", help="queue file; default: the usual place")
    parser.add_argument("--handlers", required=True, metavar="MODULE:NAME", help="the HandlerRegistry to use")
    parser.add_argument("--id", metavar="NAME", help="name of this worker; default: host and process")
    parser.add_argument("--capabilities", metavar="JSON", help='what it can do, for example {"region": "eu"}')
    parser.add_argument(
        "--lease", type=_positive, default=60.0, metavar="SECONDS", help="length of a lease; default 60"
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the program that started it ends")
    options = parser.parse_args(arguments)
    from prismq_gui.worker_process import WorkerOptions, WorkerUsageError, run_worker

    try:
        return run_worker(
            WorkerOptions(
                path=options.db, handlers=options.handlers, worker_id=options.id, capabilities=options.capabilities,
                lease_seconds=options.lease, until_stdin_closes=options.until_stdin_closes,
            )
        )  # fmt: skip
    except WorkerUsageError as error:
        parser.error(str(error))


def _producer(arguments: list[str]) -> int:
    """Hidden: the process of the demo that goes on enqueueing."""
    parser = _parser("demo-producer", "Part of the demo.")
    parser.add_argument("folder", type=_file)
    from prismq_gui.demo.producer import produce

    return produce(parser.parse_args(arguments).folder)


_VERBS: Final[dict[str, Callable[[list[str]], int]]] = {"demo": _demo, "worker": _worker, "demo-producer": _producer}
