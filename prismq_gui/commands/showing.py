"""The verbs of the demo: the window on a queue at work, and its hidden producer.

Imports Qt only through :mod:`prismq_gui.demo.show`, when the window opens.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from typing import Final

from prismq_gui.commands.arguments import file_argument, seconds
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import json_line, say


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=seconds, metavar="N", help="close the window by itself after N seconds")
    parser.add_argument("--screenshot", type=file_argument, metavar="PNG", help="leave a picture of the window")
    parser.add_argument("--summary", type=file_argument, metavar="TXT", help="leave what was seen, as text")
    parser.add_argument("--workers", type=int, default=4, choices=range(1, 17), metavar="N", help="1 to 16; default 4")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and say where it is")


def _demo(options: argparse.Namespace) -> int:
    from prismq_gui.demo.show import DemoOptions, run_demo  # noqa: PLC0415 - only for the demo

    wanted = DemoOptions(
        seconds=options.seconds, screenshot=options.screenshot, summary=options.summary, workers=options.workers,
        keep=options.keep,
    )  # fmt: skip
    try:
        if not options.json:
            return run_demo(wanted)
        with redirect_stdout(sys.stderr):
            code = run_demo(wanted)
        say(json_line({"exit_code": code}))
    except ImportError as error:
        from prismq_gui.cli import no_qt  # noqa: PLC0415 - only when something is wrong

        print(f"prismq-gui: {no_qt(error)}", file=sys.stderr, flush=True)
        return Exit.PROBLEM
    return code


def _producer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=file_argument)


def _producer(options: argparse.Namespace) -> int:
    from prismq_gui.demo.producer import produce  # noqa: PLC0415 - only for the demo

    return produce(options.folder)


COMMANDS: Final = {
    "demo": Command(
        "A live demo: real workers on real files in a temporary folder, and the window on it.\n"
        "--json prints {exit_code} at the end.",
        _demo_arguments, _demo,
    ),
    "demo-producer": Command("Part of the demo: the process that goes on enqueueing.", _producer_arguments, _producer),
}  # fmt: skip
