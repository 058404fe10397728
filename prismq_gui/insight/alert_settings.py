"""What a person sets of alerts beside their rules: how they are told, when not, and which program hears of them.

Owns the form they are kept in, and what a quiet hour is. Runs nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from prismq_gui.insight.alert_rules import AlertRules

DAY_MIN = 24 * 60
MOST_ARGUMENTS = 50
MOST_TEXT = 4_096
TIMEOUT_LIMITS_S = (1.0, 600.0)
WINDOWS_PROGRAMS = (".exe", ".com", ".bat", ".cmd")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How alerts are told. Minutes are of the local day; from ``quiet_from_min`` on, before ``quiet_to_min``.

    Raises:
        ValueError: A value is not allowed; the text names it.
    """

    rules: AlertRules = field(default_factory=AlertRules)
    messages: bool = True
    tell_cleared: bool = True
    quiet: bool = False
    quiet_from_min: int = 22 * 60
    quiet_to_min: int = 7 * 60
    hook: bool = False
    hook_program: str = ""
    hook_arguments: tuple[str, ...] = ()
    hook_timeout_s: float = 30.0
    hook_in_quiet: bool = True

    def __post_init__(self) -> None:
        for name in ("messages", "tell_cleared", "quiet", "hook", "hook_in_quiet"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false")
        for name in ("quiet_from_min", "quiet_to_min"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < DAY_MIN:
                raise ValueError(f"{name} is no minute of a day")
        low, high = TIMEOUT_LIMITS_S
        timeout_s = self.hook_timeout_s
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not low <= timeout_s <= high:
            raise ValueError(f"hook_timeout_s must be from {low:g} to {high:g}")
        texts = (self.hook_program, *self.hook_arguments)
        if len(texts) > MOST_ARGUMENTS + 1 or not all(_is_text(text) for text in texts):
            raise ValueError("hook_program or hook_arguments is not text, or too long")

    def is_quiet(self, minute: int) -> bool:
        """Whether nothing is shown at a minute of the local day; by the clock on the wall, whatever the season."""
        if not self.quiet:
            return False
        begin, end = self.quiet_from_min, self.quiet_to_min
        if begin < end:
            return begin <= minute < end
        return minute >= begin or minute < end  # over midnight; all day where both are the same

    def to_dict(self) -> dict[str, object]:
        """Return all values by name, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> AlertSettings:
        """Make them from names and values as JSON holds them; what is absent has its default.

        Raises:
            ValueError: A name is unknown, or a value is not allowed.
        """
        if unknown := set(values) - {each.name for each in fields(cls)}:
            raise ValueError(f"there is no {min(map(str, unknown))!r} of alerts")
        made = dict(values)
        if "rules" in made:
            rules = made["rules"]
            if not isinstance(rules, dict):
                raise ValueError("rules is not a record")
            made["rules"] = AlertRules.from_dict(rules)
        if "hook_arguments" in made:
            arguments = made["hook_arguments"]
            if not isinstance(arguments, (list, tuple)):
                raise ValueError("hook_arguments is not a list")
            made["hook_arguments"] = tuple(arguments)
        return cls(**made)  # type: ignore[arg-type]  # __post_init__ checks each


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT and "\0" not in value


def path_mistake(program: str) -> str:
    """Return what is wrong with how a program is named, '' where nothing is. Asks nothing of the disk."""
    if not program.strip():
        return "No program is named."
    if not Path(program).is_absolute():
        return "Write the whole path of the program: it is not looked for elsewhere."
    return ""


def program_mistake(program: str) -> str:
    """Return why a program can't be run, '' where it seems it can. Asks the disk, or the network where it is there."""
    if mistake := path_mistake(program):
        return mistake
    path = Path(program)
    try:
        if not path.is_file():
            return "That is no file." if path.exists() else "There is no such file."
    except (OSError, ValueError):
        return "The file cannot be looked at."
    if sys.platform != "win32":
        return "" if os.access(path, os.X_OK) else "The file is not executable."
    is_known = path.suffix.lower() in WINDOWS_PROGRAMS
    return "" if is_known else _NO_PROGRAM


_NO_PROGRAM = f"Windows starts only {', '.join(WINDOWS_PROGRAMS)}; name an interpreter and give the script to it."
