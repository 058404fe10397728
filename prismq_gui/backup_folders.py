"""Where backups of queue files lie, as the settings keep it for files whose folder a person chose.

Owns what stands for a file there, as :mod:`prismq_gui.file_thresholds` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prismq_gui.file_thresholds import MAX_FILES, file_name


@dataclass(frozen=True, slots=True)
class BackupFolder:
    """The folder of one queue file's backups, by what stands for its path."""

    file: str
    folder: str


Folders = tuple[BackupFolder, ...]


def folder_of(folders: Folders, path: Path | None) -> Path | None:
    """Return the folder that was chosen for a file, None where none was."""
    if path is None or not folders:
        return None
    name = file_name(path)
    return next((Path(each.folder) for each in folders if each.file == name), None)


def with_folder(folders: Folders, path: Path, folder: Path) -> Folders:
    """Return the entries in which a file has this folder; at most 100 are kept."""
    name = file_name(path)
    return (*(each for each in folders if each.file != name), BackupFolder(name, str(folder)))[-MAX_FILES:]


def merged_folders(kept: Folders, before: Folders, now: Folders) -> Folders:
    """Return what to write where another window may have written since."""
    new = tuple(each for each in now if each not in before)
    over = {each.file for each in new}
    return (*(each for each in kept if each.file not in over), *new)[-MAX_FILES:]
