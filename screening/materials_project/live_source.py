"""The live Materials Project as a source of entries; what it gives goes through the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from misei.screening.chemical_systems import subsystems
from misei.screening.entries import ReferenceEntry
from misei.screening.formulas import FormulaError, parse_composition
from misei.screening.materials_project.cache import CacheFolder
from misei.screening.materials_project.cached_source import (
    CachedSource,
    MaterialsProjectSource,
    material_id_of,
)
from misei.screening.materials_project.client import MaterialsProject
from misei.screening.materials_project.sync import sync


@dataclass(frozen=True)
class LiveSource(MaterialsProjectSource):
    """The Materials Project as it is now; what is fetched goes to the cache and is read there.

    Parameters
    ----------
    server
        Service and thermo type.
    cache_dir
        Of all thermo types and versions.
    """

    server: MaterialsProject
    cache_dir: Path

    @property
    def cached(self) -> CachedSource:
        """The cache in the version of the server, which is asked for it once per process."""
        version = _version_of(self.server)
        return CachedSource(CacheFolder(self.cache_dir, self.server.thermo_type, version))

    @property
    def version(self) -> str:
        """Version of the database, and the day when this machine first fetched from it."""
        return self.cached.version

    @property
    def protocol(self) -> str:
        """Level of theory and corrections."""
        return self.cached.protocol

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of all elements but those known to have no phase."""
        return self.cached.elements

    def entries(self, elements: Iterable[str]) -> list[ReferenceEntry]:
        """Return all entries that hold no other elements than these, fetching what is missing.

        Raises
        ------
        MaterialsProjectError
            One line for each way in which fetching can fail.
        """
        elements = list(elements)
        self._fetch(subsystems(elements))
        return self.cached.entries(elements)

    def find(self, phase: str) -> list[ReferenceEntry]:
        """Return the entries with this id or formula, lowest energy per atom first."""
        system = self._system_of(phase)
        if system is None:
            return []
        self._fetch([system])
        return self.cached.find(phase)

    def is_metallic(self, entry: ReferenceEntry) -> bool:
        """Whether the band gap is zero."""
        return self.cached.is_metallic(entry)

    def _fetch(self, systems: list[str]) -> None:
        folder = self.cached.folder
        missing = [system for system in systems if not folder.holds(system)]
        if missing:
            sync(self.server, self.cache_dir, missing)

    def _system_of(self, phase: str) -> str | None:
        if material_id := material_id_of(phase):
            return self.server.chemical_system_of(material_id)
        try:
            return parse_composition(phase).chemical_system
        except FormulaError:
            return None


@cache
def _version_of(server: MaterialsProject) -> str:
    return server.database_version()
