"""The command line: opens the window, or runs one of the verbs that need none.

Owns the console's streams, interrupts and what becomes of a broken pipe. Must not import Qt: the window's modules are
imported when a window opens, and a verb's when it is asked for, so that a script's call starts in a tenth of a second.

The exit codes stand in :class:`prismq_gui.commands.command.Exit`.
"""

from __future__ import annotations

import argparse
import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prismq_gui import __version__
from prismq_gui.commands.command import CHANGING, EXIT_CODES, VERBS, Exit, run_verb
from prismq_gui.insight.problems import ProblemError

_HELP_WIDTH: Final = max(map(len, VERBS)) + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    _prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except OSError as error:
        if not _is_broken_pipe(error):
            raise
        _let_go_of_stdout()
        if arguments[:1] and arguments[0] in CHANGING:
            return _fail("The program that read the output has ended. See by 'logs' or 'list' what was done before.")
        return int(Exit.OK)  # who reads has had enough
    return int(code)  # not an enum's member, which Python 3.10 would print by its name


def _run(arguments: list[str]) -> int:
    try:
        if arguments and arguments[0] in VERBS:
            return run_verb(arguments[0], arguments[1:])
        return _window(arguments)
    except SystemExit as stop:  # argparse: --help, --version, wrong use
        return stop.code if isinstance(stop.code, int) else Exit.OK if stop.code is None else Exit.USAGE
    except ProblemError as error:
        return _fail(error.problem.sentence())


def _prepare_streams() -> None:
    """Give a windowed program, which has no console, streams to write to; let no letter break a narrow console."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_broken_pipe(error: OSError) -> bool:
    """Whether the program that reads our output has ended; Windows calls that an invalid argument."""
    named = error.filename is not None  # then it is about a file, not about a stream
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL and not named)


def _let_go_of_stdout() -> None:
    """Point the output elsewhere, so that Python does not meet the broken pipe again when it ends."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)


def _fail(sentence: str) -> int:
    print(f"prismq-gui: {sentence}", file=sys.stderr, flush=True)
    return Exit.PROBLEM


def _epilog() -> str:
    verbs = "\n".join(f"  {verb:{_HELP_WIDTH}}{help}" for verb, (_module, help) in VERBS.items() if help)
    return (
        f"verbs (before any option):\n{verbs}\n"
        "'prismq-gui VERB --help' tells more. A file that bears a verb's name is opened by './demo' or '-- demo'.\n\n"
        f"{EXIT_CODES}"
    )


def _window(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="prismq-gui", description="Watch and manage a PrismQ task queue while its workers use it.",
        epilog=_epilog(), allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", nargs="?", metavar="FILE", help="queue file; without one the last is opened")
    parser.add_argument("--read-only", action="store_true", help="never write to the file; SQLite itself refuses it")
    parser.add_argument("--task", type=int, metavar="ID", help="show this task once the file is open")
    parser.add_argument("--new-window", action="store_true", help="show it in a window beside those that run already")
    parser.add_argument("--data-dir", metavar="DIR", type=_file, help="keep settings and logs here (portable use)")
    parser.add_argument("--selftest", metavar="JSON", type=_file, help="test this installation and write what it found")
    parser.add_argument("--version", action="version", version=f"PrismQ {__version__}")
    options, unknown = parser.parse_known_args(arguments)
    if options.file == "" or "\0" in (options.file or ""):
        parser.error("the name of a file is expected")
    if options.file in VERBS and "--" not in arguments:
        there = "; for --data-dir it has --settings" if options.data_dir is not None else ""
        parser.error(
            f"put '{options.file}' first, before the options{there}; to open a file of that name write ./{options.file}"
        )
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.selftest is not None:
        from prismq_gui.selftest import run_selftest

        return run_selftest(options.selftest)
    was_enabled = gc.isenabled()
    gc.disable()  # imports leave next to no garbage, and to look for it took a tenth of the start
    try:
        from prismq_gui.app import run_window
    except ImportError as error:
        return _fail(no_qt(error))
    finally:
        if was_enabled:  # else who called this looks after it, and threads of Qt's may run
            gc.enable()
    path = None if options.file is None else Path(options.file)
    beside = options.new_window or options.read_only or options.task is not None
    return run_window(path, read_only=options.read_only, data_dir=options.data_dir, task_id=options.task, beside=beside)


def _file(text: str) -> Path:
    """Turn an argument into a path. A URI is the name of a file too, never interpreted."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the name of a file is expected")
    return Path(text)


def no_qt(error: ImportError) -> str:
    """Return what to say where the window's modules can't be imported."""
    return (
        f"The window can't be shown: Qt (PySide6-Essentials) is missing or incomplete. No file was opened. "
        f"Install it by 'pip install PySide6-Essentials', on Linux also the libraries the README names. ({error})"
    )
