"""Where the program's own data files lie: source tree, installed wheel or frozen program.

Owns finding them. Must not import Qt, nor look anywhere but beside the program itself: never in
the working directory, which may be a stranger's.
"""

from __future__ import annotations

import sys
from pathlib import Path


class ResourceMissingError(FileNotFoundError):
    """A data file that belongs to the program is not there: the installation is incomplete."""


def _roots() -> tuple[Path, ...]:
    """Return the folders that may be the root of the resources, the most specific first."""
    package = Path(__file__).resolve().parent
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen:
        return (Path(frozen) / "resources", Path(frozen) / "prismq_gui" / "resources")
    # In a checkout `resources/` stands beside the package; in a wheel it lies inside it. Beside an
    # installed package would be site-packages/resources, which may belong to another program.
    if (package / "resources").is_dir():
        return (package / "resources",)
    return (package.parent / "resources",)


def resource_path(*parts: str) -> Path:
    """Return the path of a data file or folder, for example ``resource_path("icons", "x.svg")``.

    Raises:
        ResourceMissingError: it is in none of the places, which the message names.
        ValueError: a part would lead out of the resources.
    """
    if any(Path(part).is_absolute() or ".." in Path(part).parts for part in parts):
        raise ValueError(f"not the name of a resource: {'/'.join(parts)}")
    candidates = [root.joinpath(*parts) for root in _roots()]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise ResourceMissingError(f"A file of the program is missing: {looked}. Install PrismQ again.")
