"""The frozen records of alerts that cross between their thread and the window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prismq_gui.insight.alert_rules import RuleKind
from prismq_gui.insight.alerts import AlertEvent


@dataclass(frozen=True, slots=True)
class AlertOpening:
    """A file is to be watched; ``number`` tells the wish from older ones."""

    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class AlertNews:
    """A look at a file: what has changed by it, and all that is raised. ``number`` as in AlertOpening.

    ``told`` leaves out what another window has told. ``own_look``: the alerts' thread read the file itself.
    ``trouble``: the log could not be used.
    """

    number: int
    path: Path
    looked_at_utc: datetime
    raised: tuple[tuple[RuleKind, str], ...] = ()
    told: tuple[AlertEvent, ...] = ()
    own_look: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ProgramWish:
    """A program to be run with ``line`` on its stdin; ``entry`` is the log's, 0 for none."""

    program: str
    arguments: tuple[str, ...]
    timeout_s: float
    line: str
    entry: int = 0
    test: bool = False


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """What became of it. ``text`` is a sentence, with the beginning of what the program said."""

    wish: ProgramWish
    ok: bool
    text: str
