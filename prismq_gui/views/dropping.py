"""What may be dropped onto the window: one file of this machine, by its URL; nothing else is looked at.

Qt's bindings unpickle some kinds of dragged data, so no other format is ever asked for.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData


def dropped_file(data: QMimeData) -> Path | None:
    """Return the file a drag holds, None where it is anything but one local file."""
    if not data.hasUrls():
        return None
    urls = data.urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    name = urls[0].toLocalFile()
    return Path(name) if name and "\0" not in name else None
