"""Materials Project data on disk: CACHE/THERMO_TYPE/DATABASE_VERSION/CHEMICAL-SYSTEM.json.gz.

One file holds all entries of exactly these elements; a system without any has a file without
any. A file appears whole or not at all, and says itself what it is, so that a kill loses no
finished file and data of different thermo types or versions are never read together.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version
from pymatgen.core.entries import ComputedStructureEntry

from misei import __version__
from misei.screening.chemical_systems import ChemicalSystemError, parse_chemical_system
from misei.screening.materials_project.stored_entries import StoredEntry, record_of

SUFFIX = ".json.gz"
FORMAT = 1
# A temporary file that old belongs to a process that was killed.
STALE_AFTER_S = 3600
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class CacheError(ValueError):
    """A cache without the data asked for, or with a file that cannot be used."""


@dataclass(frozen=True)
class Header:
    """What a file holds; `entries` is their number."""

    chemical_system: str
    thermo_type: str
    database_version: str
    fetched_at: str
    misei_version: str
    mp_api_version: str
    entries: int
    format: int = FORMAT


@dataclass(frozen=True)
class CacheFolder:
    """The data of one thermo type and one version of the database.

    Attributes
    ----------
    cache_dir
        Of all thermo types and versions.
    thermo_type, database_version
        As the Materials Project writes them.
    """

    cache_dir: Path
    thermo_type: str
    database_version: str

    def __post_init__(self) -> None:
        for name in (self.thermo_type, self.database_version):
            if not _FOLDER_NAME.fullmatch(name):
                raise CacheError(f"{name!r} cannot be the name of a folder of the cache")

    @property
    def path(self) -> Path:
        """Where the files are."""
        return self.cache_dir / self.thermo_type / self.database_version

    def file(self, system: str) -> Path:
        """Return the file of a chemical system, whether it exists or not."""
        return self.path / f"{system}{SUFFIX}"

    def holds(self, system: str) -> bool:
        """Whether the system was fetched."""
        return self.file(system).is_file()

    def systems(self) -> list[str]:
        """Return the chemical systems that were fetched."""
        names = (file.name.removesuffix(SUFFIX) for file in self.path.glob(f"[!.]*{SUFFIX}"))
        return sorted(name for name in names if _is_system(name))

    def write(self, system: str, entries: Sequence[ComputedStructureEntry]) -> None:
        """Write the file of a system, through a temporary one beside it.

        Raises
        ------
        CacheError
            When the disk is full or the folder may not be written.
        """
        header = Header(
            chemical_system=system,
            thermo_type=self.thermo_type,
            database_version=self.database_version,
            fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
            misei_version=__version__,
            mp_api_version=installed_version("mp-api"),
            entries=len(entries),
        )
        # The header has a line to itself: it can be read without the entries.
        head, body = json.dumps(asdict(header)), json.dumps([record_of(e) for e in entries])
        text = f'{{"header": {head},\n"entries": {body}}}\n'
        path = self.file(system)
        try:
            _write_whole(path, gzip.compress(text.encode(), compresslevel=6))
        except OSError as error:
            raise CacheError(f"cannot write {path}: {error}") from error

    def header(self, system: str) -> Header:
        """Read what a file says of itself.

        Raises
        ------
        CacheError
            When it cannot be read, or is not what its place says.
        """
        return _header(self, system)

    def entries(self, system: str) -> tuple[StoredEntry, ...]:
        """Read the entries of a system, once per process.

        Raises
        ------
        CacheError
            As :meth:`header`.
        """
        return _entries(self, system)

    def remove_stale(self, older_than_s: float = STALE_AFTER_S) -> None:
        """Remove the temporary files of processes that were killed."""
        for file in self.path.glob(".*.tmp"):
            try:
                if time.time() - file.stat().st_mtime > older_than_s:
                    file.unlink()
            except FileNotFoundError:  # another process was faster
                continue


def cached_versions(cache_dir: Path, thermo_type: str) -> list[str]:
    """Return the versions of the database that the cache holds, oldest first."""
    names = [folder.name for folder in (cache_dir / thermo_type).glob("*")]
    usable = [name for name in names if _FOLDER_NAME.fullmatch(name)]
    filled = [name for name in usable if CacheFolder(cache_dir, thermo_type, name).systems()]
    return sorted(filled, key=version_order)


def cached_folders(cache_dir: Path) -> list[CacheFolder]:
    """Return every folder of the cache, by thermo type, oldest version first."""
    names = sorted(folder.name for folder in cache_dir.glob("*"))
    thermo_types = [name for name in names if _FOLDER_NAME.fullmatch(name)]
    return [
        CacheFolder(cache_dir, thermo_type, version)
        for thermo_type in thermo_types
        for version in cached_versions(cache_dir, thermo_type)
    ]


def version_order(version: str) -> tuple[bool, Version, str]:
    """Sort key of database versions: 2022.10.28, 2022.10.28.post1, 2025.09.25.

    Versions with underscores for dots are taken as well; what is no version sorts first.
    """
    try:
        return True, Version(version.replace("_", ".")), version
    except InvalidVersion:
        return False, Version("0"), version


def _is_system(name: str) -> bool:
    try:
        return parse_chemical_system(name) == name
    except ChemicalSystemError:
        return False


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@cache
def _header(folder: CacheFolder, system: str) -> Header:
    path = folder.file(system)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            first = file.readline()
        header = Header(**json.loads(first.rstrip().rstrip(",") + "}")["header"])
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error
    expected = (system, folder.thermo_type, folder.database_version, FORMAT)
    found = (header.chemical_system, header.thermo_type, header.database_version, header.format)
    if found != expected:
        raise CacheError(
            f"{path} holds {', '.join(map(str, found))} where its place says "
            f"{', '.join(map(str, expected))}; it is not used: remove it and run `misei mp sync`"
        )
    return header


@cache
def _entries(folder: CacheFolder, system: str) -> tuple[StoredEntry, ...]:
    header, path = folder.header(system), folder.file(system)
    try:
        records: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))["entries"]
        entries = tuple(StoredEntry.from_record(record) for record in records)
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error
    if len(entries) != header.entries:
        raise _damaged(path, ValueError(f"{len(entries)} of {header.entries} entries"))
    return entries


def _damaged(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"{path} cannot be read ({type(error).__name__}: {error}); remove it and run "
        "`misei mp sync` again"
    )
