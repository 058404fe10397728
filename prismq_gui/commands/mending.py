"""``doctor --fix``: mends what one finding is about; the plan is told first, then it asks."""

from __future__ import annotations

import argparse
from pathlib import Path

from prismq_gui.commands.caring import look_after
from prismq_gui.commands.changing import carry_out, journal_of, require_consent_can_be_had
from prismq_gui.commands.command import UsageError
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.commands.silence import hearing_of
from prismq_gui.insight.health_texts import TEXTS
from prismq_gui.operations.database_records import CareKind, CareWish
from prismq_gui.operations.mending import FIXES, mend
from prismq_gui.operations.messages import OperationKind
from prismq_gui.operations.operator import Operator

_OF_THE_FILE = ("fragmented", "wal-large")


def fix(options: argparse.Namespace, path: Path) -> int:
    """Mend what the finding named by --fix is about, and return the exit code.

    Raises:
        UsageError: Nothing mends it, or nobody can be asked.
        ProblemError: The file cannot be read.
    """
    code = options.fix
    if code not in (*FIXES, *_OF_THE_FILE):
        what = f"is mended by hand: {TEXTS[code].advice.rstrip(' :.')}." if code in TEXTS else "is no finding."
        raise UsageError(f"'{code}' {what} --fix takes: {', '.join(sorted((*FIXES, *_OF_THE_FILE)))}")
    require_consent_can_be_had(options)
    if code == "wal-large":
        return look_after(CareWish(CareKind.CHECKPOINT, path), "Checkpoint now?", options)
    if code == "fragmented":
        operator = Operator(path)
        return carry_out(operator, operator.plan(OperationKind.VACUUM, None), options)
    operator = Operator(path, journal=None if options.no_undo else journal_of(options))
    wish = mend(code, silent_after_s=hearing_of(options, path).silent_after_s)
    with bar("look") as _show, stoppable() as should_stop:
        plan = operator.plan(wish, None, should_stop=should_stop)
    return carry_out(operator, plan, options)
