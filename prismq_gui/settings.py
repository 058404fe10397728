"""What the program remembers between two starts, as one typed record in a JSON file of its own.

Owns the record, its strict reading and its safe writing. Must not import Qt: QSettings unpickles
what it reads, and a tampered file could so run code. Nothing read here is ever executed, and a file
that is not exactly what this program writes is set aside and replaced by the defaults.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PureWindowsPath
from typing import Final
from urllib.parse import urlsplit

from prismq_gui.backup_folders import BackupFolder, merged_folders
from prismq_gui.file_marks import COLOURS, Environment, FileMark, merged_marks
from prismq_gui.file_thresholds import MAX_FILES, FileThresholds, merged_own, own
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.own_keys import OwnKeys, merged_keys
from prismq_gui.strict_json import SettingsError, flag, length, list_of, made_by, one_of, record, text

FILE_NAME: Final = "settings.json"
MAX_RECENT: Final = 10
MAX_BYTES: Final = 1024 * 1024  # what we write is some KiB; more was not written by us
MAX_VIEWS: Final = 100
MAX_VIEW_NAME: Final = 80  # characters
VIEW_PAGES: Final = ("tasks", "logs")
THEMES: Final = ("system", "light", "dark")
# Antivirus and sync programs hold a new file for some tens of ms on Windows.
REPLACE_TRIES: Final = 10
REPLACE_WAIT_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class ColumnWidth:
    """Width of a column, by the column's stable name, in device-independent pixels."""

    column: str
    width: int


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How a table is laid out. ``order`` names columns from left to right; columns not named keep their place."""

    widths: tuple[ColumnWidth, ...] = ()
    hidden: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    sort_column: str = ""
    sort_descending: bool = True


@dataclass(frozen=True, slots=True)
class NamedLayout:
    """The layout of one table, by the page's name."""

    page: str
    layout: TableLayout


@dataclass(frozen=True, slots=True)
class SplitterSizes:
    """The sizes of a splitter's parts, by the splitter's name, in device-independent pixels."""

    name: str
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """The filter of the tasks and of the logs as it was last; ``file`` stands for the file that it was of."""

    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    text: str = ""
    levels: tuple[str, ...] = ()
    log_text: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class SavedView:
    """What a page showed, under a name. ``text`` is of the filter language; the layout holds sort and columns."""

    name: str
    page: str = "tasks"
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    text: str = ""
    layout: TableLayout = field(default_factory=TableLayout)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is remembered. Geometry and state of the window are base64 text."""

    theme: str = "system"
    recent_files: tuple[str, ...] = ()
    recent_commands: tuple[str, ...] = ()  # of the command palette, the last one first
    last_file: str = ""
    last_read_only: bool = False
    page: str = "tasks"
    overview_span: str = ""
    paused: bool = False
    search_index: bool = False  # a second place for what tasks carry, and room on the disk: only where it is asked for
    told_sqlite: str = ""  # the version of SQLite whose known fault was told
    window_geometry: str = ""
    window_state: str = ""
    layouts: tuple[NamedLayout, ...] = ()
    splitters: tuple[SplitterSizes, ...] = ()
    filter: SavedFilter = field(default_factory=SavedFilter)
    views: tuple[SavedView, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    file_thresholds: tuple[FileThresholds, ...] = ()
    backup_folders: tuple[BackupFolder, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    file_marks: tuple[FileMark, ...] = ()
    own_keys: tuple[OwnKeys, ...] = ()

    def thresholds_of(self, path: Path | None) -> Thresholds:
        """Return the thresholds for a file: its own where it has some, else those of all files."""
        return own(self.file_thresholds, path) or self.thresholds

    def layout(self, page: str) -> TableLayout:
        """Return the layout of a page's table, the default one where none is remembered."""
        return next((entry.layout for entry in self.layouts if entry.page == page), TableLayout())

    def with_layout(self, page: str, layout: TableLayout) -> Settings:
        """Return settings in which a page's table has this layout."""
        kept = tuple(entry for entry in self.layouts if entry.page != page)
        return replace(self, layouts=(*kept, NamedLayout(page, layout)))

    def splitter(self, name: str) -> tuple[int, ...]:
        """Return the sizes of a splitter's parts, empty where none are remembered."""
        return next((entry.sizes for entry in self.splitters if entry.name == name), ())

    def with_splitter(self, name: str, sizes: tuple[int, ...]) -> Settings:
        """Return settings in which a splitter has these sizes."""
        kept = tuple(entry for entry in self.splitters if entry.name != name)
        return replace(self, splitters=(*kept, SplitterSizes(name, sizes)))

    def with_view(self, view: SavedView) -> Settings:
        """Return settings with this view, in the place of one of the same name and page; at most 100 are kept."""
        places = [at for at, each in enumerate(self.views) if _is_same_view(each, view)]
        if places:
            return replace(self, views=(*self.views[: places[0]], view, *self.views[places[0] + 1 :]))
        return replace(self, views=(*self.views, view)[-MAX_VIEWS:])

    def with_view_renamed(self, view: SavedView, name: str) -> Settings:
        """Return settings in which a view has another name."""
        return replace(self, views=tuple(replace(each, name=name) if each == view else each for each in self.views))

    def without_view(self, view: SavedView) -> Settings:
        """Return settings without a view."""
        return replace(self, views=tuple(each for each in self.views if each != view))

    def with_recent(self, path: Path | str) -> Settings:
        """Return settings with this file first among the recent ones; an address with a password is not kept."""
        text = str(path)
        if _has_credentials(text) or not text:
            return self
        others = tuple(entry for entry in self.recent_files if entry != text)
        return replace(self, recent_files=(text, *others)[:MAX_RECENT], last_file=text)

    def without_recent(self) -> Settings:
        """Return settings that have forgotten which files were open."""
        return replace(self, recent_files=(), last_file="", last_read_only=False)


def merged(kept: Settings, before: Settings, now: Settings) -> Settings:
    """Return what to write where another window may have written since: its values, but for what changed here.

    Args:
        kept: As they stand in the file.
        before: As this window knew them.
        now: As this window wants them.
    """
    changed = {
        each.name: getattr(now, each.name)
        for each in fields(Settings)
        if getattr(now, each.name) != getattr(before, each.name)
    }
    if now.recent_files and "recent_files" in changed:  # both windows opened files; an emptied list was asked for
        new = tuple(path for path in now.recent_files if path not in before.recent_files or path == now.last_file)
        changed["recent_files"] = tuple(dict.fromkeys((*new, *kept.recent_files)))[:MAX_RECENT]
    if "views" in changed and kept.views != before.views:  # both windows saved some
        stay = tuple(view for view in kept.views if view not in before.views or view in now.views)
        changed["views"] = (*stay, *(view for view in now.views if view not in before.views))[-MAX_VIEWS:]
    if "layouts" in changed:  # of other tables, or of another file's, another window may have kept some
        ours = {entry.page for entry in set(before.layouts) ^ set(now.layouts)}
        theirs = (entry for entry in kept.layouts if entry.page not in ours)
        changed["layouts"] = (*theirs, *(entry for entry in now.layouts if entry.page in ours))
    if "file_thresholds" in changed:  # of other files another window may have set some
        changed["file_thresholds"] = merged_own(kept.file_thresholds, before.file_thresholds, now.file_thresholds)
    if "backup_folders" in changed:
        changed["backup_folders"] = merged_folders(kept.backup_folders, before.backup_folders, now.backup_folders)
    if "file_marks" in changed:
        changed["file_marks"] = merged_marks(kept.file_marks, before.file_marks, now.file_marks)
    if "own_keys" in changed:
        changed["own_keys"] = merged_keys(kept.own_keys, before.own_keys, now.own_keys)
    return replace(kept, **changed)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings as read; ``note`` is a sentence for the person where they are not the file's."""

    settings: Settings
    note: str = ""


def _is_same_view(one: SavedView, other: SavedView) -> bool:
    return one.page == other.page and one.name.casefold() == other.name.casefold()


def _has_credentials(text: str) -> bool:
    try:
        return "://" in text and urlsplit(text).password is not None
    except ValueError:
        return True


# -- reading


def _environment(value: object, where: str) -> Environment:
    return Environment(one_of([each.value for each in Environment])(value, where))


_texts = list_of(text)
_thresholds = made_by(Thresholds.from_dict)
_layout = record(
    TableLayout,
    {
        "widths": list_of(record(ColumnWidth, {"column": text, "width": length})),
        "hidden": _texts,
        "order": _texts,
        "sort_column": text,
        "sort_descending": flag,
    },
)
_settings = record(
    Settings,
    {
        "theme": one_of(THEMES),
        "recent_files": list_of(text, MAX_RECENT),
        "recent_commands": list_of(text, MAX_RECENT),
        "last_file": text,
        "last_read_only": flag,
        "page": text,
        "overview_span": text,
        "paused": flag,
        "search_index": flag,
        "told_sqlite": text,
        "window_geometry": text,
        "window_state": text,
        "layouts": list_of(record(NamedLayout, {"page": text, "layout": _layout})),
        "splitters": list_of(record(SplitterSizes, {"name": text, "sizes": list_of(length)})),
        "thresholds": _thresholds,
        "alerts": made_by(AlertSettings.from_dict),
        "file_thresholds": list_of(record(FileThresholds, {"file": text, "thresholds": _thresholds}), MAX_FILES),
        "backup_folders": list_of(record(BackupFolder, {"file": text, "folder": text}), MAX_FILES),
        "file_marks": list_of(
            record(FileMark, {"file": text, "environment": _environment, "colour": one_of(COLOURS)}), MAX_FILES
        ),
        "own_keys": list_of(record(OwnKeys, {"action": text, "keys": list_of(text, MAX_RECENT)})),
        "filter": record(
            SavedFilter,
            {"statuses": _texts, "types": _texts, "text": text, "levels": _texts, "log_text": text, "file": text},
        ),
        "views": list_of(
            record(
                SavedView,
                {
                    "name": text,
                    "page": one_of(VIEW_PAGES),
                    "statuses": _texts,
                    "types": _texts,
                    "levels": _texts,
                    "text": text,
                    "layout": _layout,
                },
            ),
            MAX_VIEWS,
        ),
    },
)


def parse(text: str) -> Settings:
    """Return the settings that a JSON text holds; raise SettingsError where it is anything else."""
    try:
        value = json.loads(text)
        return Settings() if value == {} else _checked(_settings(value, "settings"))
    except (RecursionError, MemoryError) as error:
        raise SettingsError("it is nested too deeply") from error
    except TypeError as error:  # a record lacks a field
        raise SettingsError("a record is incomplete") from error
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError("it is not JSON") from error


def _checked(value: object) -> Settings:
    assert isinstance(value, Settings)
    return value


def dump(settings: Settings) -> str:
    """Return the settings as JSON text; ``parse`` gives the same record back."""
    return json.dumps(asdict(settings), indent=1, ensure_ascii=True)


# -- the file


def default_folder(environ: Mapping[str, str] | None = None, platform: str | None = None) -> Path | None:
    """Return the folder for the program's own data by the system's custom; None where there is no home."""
    environ = os.environ if environ is None else environ
    platform = sys.platform if platform is None else platform
    if platform == "win32":
        # Local, never Roaming: a roaming profile lies on a network drive.
        local = environ.get("LOCALAPPDATA")
        return Path(local) / "PrismQ" if local and PureWindowsPath(local).is_absolute() else None
    home = environ.get("HOME") or ""
    if platform == "darwin":
        return Path(home) / "Library" / "Application Support" / "PrismQ" if home else None
    configured = environ.get("XDG_CONFIG_HOME") or ""
    if configured.startswith("/"):  # the XDG specification says to ignore relative ones
        return Path(configured) / "prismq"
    return Path(home) / ".config" / "prismq" if home else None


class SettingsStore:
    """The settings file in a folder (``--data-dir``, else the system's custom). Any thread, one at a time.

    Never raises for the file's or the disk's sake: reading falls back to the defaults with a note, and
    writing returns a note. Where there is no folder at all it remembers nothing and says so.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._wanted: Settings | None = None  # to be written by the thread
        self._thread: threading.Thread | None = None
        self._note = ""

    @property
    def path(self) -> Path | None:
        """The settings file, None where nothing can be remembered."""
        return self._folder / FILE_NAME if self._folder else None

    def stamp(self) -> tuple[int, int, int]:
        """Return what differs once the file was written anew; all zeros where there is none."""
        try:
            found = self.path.stat() if self.path else None
        except (OSError, ValueError):
            found = None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else (0, 0, 0)

    def load(self, *, set_aside: bool = True) -> LoadedSettings:
        """Read the settings; what is not readable is told in the note, and set aside as ``.bad`` unless told not to."""
        with self._lock:
            wanted = self._wanted
        return LoadedSettings(wanted) if wanted is not None else self._read(set_aside=set_aside)

    def _read(self, *, set_aside: bool) -> LoadedSettings:
        path = self.path
        if path is None:
            return LoadedSettings(Settings(), "No folder for settings was found; nothing will be remembered.")
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return LoadedSettings(Settings())
        except (OSError, ValueError) as error:
            return LoadedSettings(Settings(), f"Settings could not be read ({_reason(error)}); the defaults are used.")
        try:
            return LoadedSettings(_decode(data))
        except SettingsError as error:
            if not set_aside:
                return LoadedSettings(Settings(), f"The settings file {path} was ignored: {error}.")
            return LoadedSettings(Settings(), self._set_aside(path, str(error)))

    def save_soon(self, settings: Settings) -> str:
        """Have the settings written in a thread: a disk takes from 0.1 ms to some seconds to have them for good.

        Returns '': what kept them from being written :meth:`take_note` tells.
        """
        with self._lock:
            self._wanted = settings
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_wanted, name="settings")
                self._thread.start()
        return ""

    def _write_wanted(self) -> None:
        while True:
            with self._lock:
                settings = self._wanted
                if settings is None:
                    self._thread = None
                    return
            note = self._write(settings)
            with self._lock:
                self._note = note
                if self._wanted is settings:
                    self._wanted = None

    def finish(self) -> None:
        """Wait until what is to be written soon is written."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def take_note(self) -> str:
        """Return why settings were not kept that were to be written soon, once; '' where they were."""
        with self._lock:
            note, self._note = self._note, ""
        return note

    def save(self, settings: Settings) -> str:
        """Write the settings, whole or not at all; return '' or a sentence why they were not kept."""
        with self._lock:
            self._wanted = None  # these are newer
        self.finish()
        return self._write(settings)

    def _write(self, settings: Settings) -> str:
        path = self.path
        if path is None:
            return "Settings were not saved: there is no folder for them."
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_whole(path, dump(settings).encode("ascii"))
        except (OSError, ValueError) as error:
            return f"Settings were not saved in {path.parent}: {_reason(error)}."
        return ""

    def _set_aside(self, path: Path, reason: str) -> str:
        bad = path.with_name(f"{FILE_NAME}.bad")
        try:
            _replace(path, bad)
        except OSError as error:
            return f"The settings file was ignored, {reason}; it could not be set aside ({_reason(error)})."
        return f"The settings file was ignored, {reason}; it is kept as {bad.name} and the defaults are used."


def _decode(data: bytes) -> Settings:
    if len(data) > MAX_BYTES:
        raise SettingsError("it is too large")
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError("it is not text") from error


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or error.__class__.__name__).lower()


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the file and put the new one in its place; mkstemp makes it readable by its owner only."""
    handle, name = tempfile.mkstemp(prefix=f"{FILE_NAME}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _replace(Path(name), path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _replace(source: Path, target: Path) -> None:
    """Put a file in another's place; on Windows try again while somebody holds one of them open."""
    for attempt in range(REPLACE_TRIES):
        try:
            source.replace(target)
        except PermissionError:
            if sys.platform != "win32" or attempt == REPLACE_TRIES - 1:
                raise
            time.sleep(REPLACE_WAIT_S)
        else:
            return
