"""What may be dropped onto the window: one file of this machine or two, by their URLs; nothing else is looked at.

Qt's bindings unpickle some kinds of dragged data, so no other format is ever asked for.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

MOST_FILES = 2  # two are compared


def dropped_file(data: QMimeData) -> Path | None:
    """Return the file a drag holds, None where it is anything but one local file."""
    found = dropped_files(data)
    return found[0] if len(found) == 1 else None


def dropped_files(data: QMimeData) -> tuple[Path, ...]:
    """Return the files a drag holds, none where it is anything but one local file or two."""
    urls = data.urls() if data.hasUrls() else []
    if len(urls) > MOST_FILES or not all(url.isLocalFile() for url in urls):
        return ()
    names = [url.toLocalFile() for url in urls]
    return tuple(map(Path, names)) if all(name and "\0" not in name for name in names) else ()
