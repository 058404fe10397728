"""What becomes of open databases in a process that was made by fork: they are never shared.

A connection of SQLite must not be carried over a fork: parent and child would hold one set of locks between them, and
the child's closing would take the parent's for its own. So the child forgets its connections without closing them, and
makes new ones when it needs them. Forked in the midst of a transaction it still finds the file busy, for SQLite's own
books of the process say so: fork outside of one, or start processes by spawn. Windows has no fork.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class _Forgetful(Protocol):
    def forget_connection(self) -> object:
        """Forget what is open, without closing it, and return it."""
        ...


_open: weakref.WeakSet[_Forgetful] = weakref.WeakSet()
_kept: list[object] = []  # for as long as the process lives: what is collected would be closed


def watch(database: _Forgetful) -> None:
    """Have a database forget its connection in processes that are forked from now on."""
    _open.add(database)


def _forget_all() -> None:
    for database in list(_open):
        _kept.append(database.forget_connection())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
