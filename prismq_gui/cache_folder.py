"""Where the program keeps what it can make again, by the system's custom. Must not import Qt."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath


def cache_folder(environ: Mapping[str, str] | None = None, platform: str | None = None) -> Path | None:
    """Return the folder; None where there is no home."""
    environ = os.environ if environ is None else environ
    platform = sys.platform if platform is None else platform
    if platform == "win32":
        # Local, never Roaming: a roaming profile lies on a network drive.
        local = environ.get("LOCALAPPDATA")
        return Path(local) / "PrismQ" / "Cache" if local and PureWindowsPath(local).is_absolute() else None
    home = environ.get("HOME") or ""
    if platform == "darwin":
        return Path(home) / "Library" / "Caches" / "PrismQ" if home else None
    configured = environ.get("XDG_CACHE_HOME") or ""
    if configured.startswith("/"):  # the XDG specification says to ignore relative ones
        return Path(configured) / "prismq"
    return Path(home) / ".cache" / "prismq" if home else None
