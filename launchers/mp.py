"""What `misei mp` does: filling the cache of Materials Project data, and listing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from misei.launchers.commands.console import progress
from misei.launchers.machine import machine_settings
from misei.screening.chemical_systems import (
    ChemicalSystemError,
    parse_chemical_system,
    subsystems,
    system_against_li,
)
from misei.screening.materials_project.cache import CacheFolder, cached_folders
from misei.screening.materials_project.client import ENDPOINT, MaterialsProject
from misei.screening.materials_project.sync import SyncReport, check_elements_found, sync


@dataclass(frozen=True)
class CacheRow:
    """One thermo type and version in the cache; dates are days in UTC."""

    thermo_type: str
    database_version: str
    first_fetched: str
    last_fetched: str
    systems: int
    entries: int


def wanted_systems(
    chemsys: Iterable[str], formulas: list[str], file: Path | None = None
) -> list[str]:
    """Return the whole chemical systems asked for, those of formulas with Li.

    Raises
    ------
    ChemicalSystemError, FormulaError, FormulaFileError
        For text that is neither, a file that cannot be read, or when there is nothing.
    """
    if file is not None:
        from misei.launchers.reductions import formulas_of  # slow to load, rarely needed

        formulas = formulas_of(formulas, file)
    systems = [parse_chemical_system(text) for text in chemsys]
    systems += [system_against_li(formula) for formula in formulas]
    if not systems:
        raise ChemicalSystemError(
            "nothing to fetch: name electrolytes or chemical systems, e.g. `misei mp sync "
            "Li6PS5Cl` or `misei mp sync --chemsys Li-P-S-Cl`"
        )
    return list(dict.fromkeys(systems))


def sync_systems(
    systems: Iterable[str], thermo_type: str | None, cache_dir: Path | None
) -> tuple[SyncReport, CacheFolder]:
    """Fetch what the cache lacks of these chemical systems and all their subsystems.

    Raises
    ------
    MaterialsProjectError
        One line for each way in which this can fail; what was fetched stays.
    """
    settings = machine_settings()
    server = MaterialsProject(
        thermo_type or settings.mp_thermo_type,
        settings.mp_endpoint or ENDPOINT,
        settings.mp_api_key,
    )
    folder = cache_dir or settings.mp_cache_dir
    parts = [part for system in systems for part in subsystems(system.split("-"))]
    with progress("Materials Project") as on_progress:
        report = sync(server, folder, parts, on_progress)
    filled = CacheFolder(folder, report.thermo_type, report.database_version)
    check_elements_found(filled, parts)
    return report, filled


def list_cache(cache_dir: Path | None) -> tuple[Path, list[CacheRow]]:
    """Return the folder of the cache and what it holds."""
    folder = cache_dir or machine_settings().mp_cache_dir
    return folder, [_row(part) for part in cached_folders(folder)]


def _row(folder: CacheFolder) -> CacheRow:
    headers = [folder.header(system) for system in folder.systems()]
    days = sorted(header.fetched_at[:10] for header in headers)
    return CacheRow(
        thermo_type=folder.thermo_type,
        database_version=folder.database_version,
        first_fetched=days[0],
        last_fetched=days[-1],
        systems=len(headers),
        entries=sum(header.entries for header in headers),
    )


def notices(report: SyncReport, folder: CacheFolder, systems: list[str]) -> Iterator[str]:
    """Lines on what a user may not expect: a new version, systems without a phase."""
    if report.previous_version:
        yield (
            f"the database is at version {report.database_version} now: a new folder beside "
            f"{report.previous_version}, which stays"
        )
    for system in systems:
        if not folder.header(system).entries:
            yield f"no phase of exactly {system} in the database"


def sync_result(report: SyncReport, folder: CacheFolder, systems: list[str]) -> dict[str, object]:
    """Return what `misei mp sync --json` prints."""
    held = [*report.fetched, *report.present]
    return {
        "thermo_type": report.thermo_type,
        "database_version": report.database_version,
        "previous_version": report.previous_version,
        "folder": str(folder.path),
        "systems": systems,
        "fetched": report.fetched,
        "already_there": report.present,
        "entries": sum(folder.header(system).entries for system in held),
    }


def as_rows(rows: Iterable[CacheRow]) -> list[dict[str, object]]:
    """Return the rows of `misei mp list --json`."""
    return [asdict(row) for row in rows]
