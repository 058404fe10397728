"""A Python program that hears Ctrl-Break under Wine too: ``python -m tests.helpers.hearing -m MODULE|FILE …``."""

from __future__ import annotations

import runpy
import sys

from tests.helpers.windows import hear_ctrl_break, under_wine


def python_that_hears(*arguments: str) -> list[str]:
    """Return the command of a Python with these arguments, which ``ask_to_stop`` reaches."""
    return [sys.executable, *(("-m", "tests.helpers.hearing") if under_wine() else ()), *arguments]


if __name__ == "__main__":
    hear_ctrl_break()
    del sys.argv[0]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
