"""Fetching into the cache what it lacks, a few chemical systems at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from misei.screening.materials_project.cache import CacheFolder, cached_versions, version_order
from misei.screening.materials_project.client import MaterialsProject
from misei.screening.materials_project.errors import NoDataError

# Systems per request: few, since a kill loses what the last request brought.
BATCH = 8


@dataclass
class SyncReport:
    """What a sync did.

    Attributes
    ----------
    thermo_type, database_version
        Of the data.
    previous_version
        Newest version in the cache when this one is newer still and was not there.
    total
        Systems asked for.
    fetched
        Number of entries by chemical system, for those fetched now.
    present
        Systems that were there.
    """

    thermo_type: str
    database_version: str
    previous_version: str | None
    total: int
    fetched: dict[str, int] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Systems that are in the cache by now."""
        return len(self.fetched) + len(self.present)


OnSystem = Callable[[SyncReport, str], None]


def sync(
    server: MaterialsProject,
    cache_dir: Path,
    systems: Iterable[str],
    on_system: OnSystem = lambda report, system: None,
) -> SyncReport:
    """Fetch the chemical systems that the cache lacks in the server's version.

    Every system is on disk before the next request: a run that was killed and is started
    again fetches nothing twice.

    Parameters
    ----------
    server
        Where from.
    cache_dir
        Of all thermo types and versions.
    systems
        Chemical systems, each exactly these elements.
    on_system
        Called for each system that was written.

    Raises
    ------
    MaterialsProjectError
        What was written before stays.
    """
    version = server.database_version()
    folder = CacheFolder(cache_dir, server.thermo_type, version)
    folder.remove_stale()
    wanted = list(dict.fromkeys(systems))
    report = SyncReport(server.thermo_type, version, _older_version(folder), len(wanted))
    report.present = [system for system in wanted if folder.holds(system)]
    missing = [system for system in wanted if not folder.holds(system)]
    for start in range(0, len(missing), BATCH):
        found = server.fetch(missing[start : start + BATCH], version)
        for system, entries in found.items():
            folder.write(system, entries)
            report.fetched[system] = len(entries)
            on_system(report, system)
    return report


def check_elements_found(folder: CacheFolder, systems: Iterable[str]) -> None:
    """Refuse elements of which the database holds no phase: without one there is no hull.

    Raises
    ------
    NoDataError
        Names them.
    """
    elements = sorted({symbol for system in systems for symbol in system.split("-")})
    without = [e for e in elements if folder.holds(e) and not folder.header(e).entries]
    if without:
        raise NoDataError(
            f"the Materials Project (version {folder.database_version}, {folder.thermo_type}) "
            f"holds no phase of {', '.join(without)}: no hull can be built with it"
        )


def _older_version(folder: CacheFolder) -> str | None:
    versions = cached_versions(folder.cache_dir, folder.thermo_type)
    if not versions or folder.database_version in versions:
        return None
    newest = versions[-1]
    is_newer = version_order(folder.database_version) > version_order(newest)
    return newest if is_newer else None
