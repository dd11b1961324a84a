"""Cached data of the Materials Project as a source of entries; nothing leaves the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pymatgen.core import Element

from misei.screening.chemical_systems import chemical_system, subsystems
from misei.screening.entries import MissingDataError, ReferenceEntry, polymorphs
from misei.screening.formulas import FormulaError, parse_composition
from misei.screening.materials_project.cache import CacheError, CacheFolder, cached_versions
from misei.screening.materials_project.client import (
    DEFAULT_THERMO_TYPE,
    check_thermo_type,
)
from misei.screening.materials_project.documents import written_id
from misei.screening.materials_project.stored_entries import METALLIC_RULE_MP

MAX_NAMED = 6
# mp-1138, mp-1138-GGA, mp-bru
_ID = re.compile(r"(?P<material_id>(?:mp|mvc)-(?:\d+|[a-z]+))(?P<run_type>-.+)?")


class MaterialsProjectSource:
    """What the cached and the live source have in common."""

    name = "Materials Project"
    metallic_rule = METALLIC_RULE_MP
    # Standard deviation of DFT reaction energies among oxides about experiment: Hautier, Ong,
    # Jain, Moore and Ceder, Phys. Rev. B 85, 155208 (2012).
    energy_error = 0.024  # eV/atom
    energy_error_source = (
        "standard deviation of DFT reaction energies from experiment "
        "(Hautier et al., Phys. Rev. B 85, 155208 (2012))"
    )
    temperature = 0.0


@dataclass(frozen=True)
class CachedSource(MaterialsProjectSource):
    """What was fetched of one thermo type and one version; nothing leaves the machine.

    Parameters
    ----------
    folder
        Thermo type and version in the cache.

    Notes
    -----
    Which elements have a phase is known of those fetched only; any other is taken to have one,
    and asking for its entries names what to fetch.
    """

    folder: CacheFolder

    @property
    def version(self) -> str:
        """Version of the database, and the day when this machine first fetched from it."""
        return f"{self.folder.database_version} (fetched from {_first_day(self.folder)} on)"

    @property
    def protocol(self) -> str:
        """Level of theory and corrections."""
        return f"{self.folder.thermo_type} energies, corrected as the database corrects this type"

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of all elements but those known to have no phase."""
        folder = self.folder
        return frozenset(
            symbol
            for symbol in _periodic_table()
            if not folder.holds(symbol) or folder.header(symbol).entries
        )

    def entries(self, elements: Iterable[str]) -> list[ReferenceEntry]:
        """Return all entries that hold no other elements than these.

        Raises
        ------
        MissingDataError
            When some of these chemical systems were not fetched; says how to.
        """
        elements = list(elements)
        systems = subsystems(elements)
        missing = [system for system in systems if not self.folder.holds(system)]
        if missing:
            raise MissingDataError(_not_fetched(self.folder, missing, chemical_system(elements)))
        return [entry for system in systems for entry in self.folder.entries(system)]

    def find(self, phase: str) -> list[ReferenceEntry]:
        """Return the entries with this id or formula, lowest energy per atom first.

        Parameters
        ----------
        phase
            Formula, entry id (mp-1234-GGA) or material id (mp-1234).
        """
        if match := _ID.fullmatch(phase):
            wanted = written_id(match["material_id"]) + (match["run_type"] or "")
            everything = (e for s in self.folder.systems() for e in self.folder.entries(s))
            found = [e for e in everything if wanted in (e.entry_id, e.data["material_id"])]
            return sorted(found, key=lambda entry: entry.energy_per_atom)
        try:
            composition = parse_composition(phase)
        except FormulaError:
            return []
        system = composition.chemical_system
        if not self.folder.holds(system):
            raise MissingDataError(_not_fetched(self.folder, [system], system))
        return polymorphs(composition, self.folder.entries(system))

    def is_metallic(self, entry: ReferenceEntry) -> bool:
        """Whether the band gap is zero."""
        return bool(entry.data["is_metallic"])


def open_cache(
    cache_dir: Path, thermo_type: str = DEFAULT_THERMO_TYPE, version: str | None = None
) -> CachedSource:
    """Return the cached data of a thermo type.

    Parameters
    ----------
    cache_dir
        Of all thermo types and versions.
    thermo_type
        Which energies.
    version
        Of the database; the newest one in the cache by default.

    Raises
    ------
    ThermoTypeError
        For a thermo type that cannot be used.
    CacheError
        When there is nothing of the kind.
    """
    check_thermo_type(thermo_type)
    versions = cached_versions(cache_dir, thermo_type)
    wanted = version or (versions[-1] if versions else None)
    if wanted not in versions:
        held = f"versions there: {', '.join(versions)}" if versions else "nothing was fetched yet"
        raise CacheError(
            f"no Materials Project data of {thermo_type}{f' {version}' if version else ''} in "
            f"{cache_dir} ({held}); fetch some with e.g. `misei mp sync Li6PS5Cl`"
        )
    return CachedSource(CacheFolder(cache_dir, thermo_type, str(wanted)))


def material_id_of(phase: str) -> str | None:
    """Return the material id in a material or entry id, None for anything else."""
    match = _ID.fullmatch(phase)
    return written_id(match["material_id"]) if match else None


@cache
def _periodic_table() -> frozenset[str]:
    return frozenset(element.symbol for element in Element)


@cache
def _first_day(folder: CacheFolder) -> str:
    today = datetime.now(UTC).date().isoformat()
    days = (folder.header(system).fetched_at[:10] for system in folder.systems())
    return min(days, default=today)


def _not_fetched(folder: CacheFolder, missing: list[str], whole: str) -> str:
    is_default = folder.thermo_type == DEFAULT_THERMO_TYPE
    option = "" if is_default else f" --thermo-type {folder.thermo_type}"
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    return (
        f"not in the cache ({folder.thermo_type}, version {folder.database_version}): "
        f"{', '.join(missing[:MAX_NAMED])}{more}; run `misei mp sync --chemsys {whole}{option}`"
    )
