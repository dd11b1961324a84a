"""A source of thermodynamic entries whose energies hold vibrational free energies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from pymatgen.core.entries import ConstantEnergyAdjustment

from misei.screening.entries import EntrySource, ReferenceEntry


@dataclass(frozen=True)
class VibrationalSource:
    """The phases of one chemical system that have a vibrational free energy, shifted by it.

    Made by :func:`misei.screening.vibrations.finite_temperature_source`, which checks that no
    competing phase is missing.

    Parameters
    ----------
    base
        Where structures and 0 K energies come from.
    system
        Symbols of the chemical system; entries with other elements are not given.
    free_energies
        Pairs of entry id and F_vib at the temperature, eV/atom.
    temperature
        K.
    method
        Where the free energies come from and what they leave out, in words.
    """

    base: EntrySource
    system: frozenset[str]
    free_energies: tuple[tuple[str, float], ...]
    temperature: float
    method: str

    @property
    def name(self) -> str:
        """Name of the base."""
        return self.base.name

    @property
    def version(self) -> str:
        """Version of the base, and digest of the free energies."""
        digest = hashlib.sha256(repr(self.free_energies).encode()).hexdigest()[:12]
        return f"{self.base.version}, vibrations sha256 {digest}"

    @property
    def protocol(self) -> str:
        """Protocol of the base, and that of the free energies."""
        return f"{self.base.protocol}; plus {self.method}"

    @property
    def metallic_rule(self) -> str:
        """As the base decides."""
        return self.base.metallic_rule

    @property
    def elements(self) -> frozenset[str]:
        """The elements of the chemical system."""
        return self.system

    @property
    def energy_error(self) -> float:
        """That of the 0 K energies, eV/atom."""
        return self.base.energy_error

    @property
    def energy_error_source(self) -> str:
        """Where it comes from, and what it does not count."""
        return f"{self.base.energy_error_source}; 0 K energies only, F_vib taken as exact"

    def entries(self, elements: Iterable[str]) -> list[ReferenceEntry]:
        """Return the entries of these elements that have a free energy, shifted by it."""
        found = self.base.entries(frozenset(elements) & self.system)
        return [self._shifted(entry) for entry in found if entry.entry_id in self._by_id]

    def find(self, phase: str) -> list[ReferenceEntry]:
        """Return the entries with this id or formula, lowest free energy per atom first.

        A phase without free energies can be named too (to exclude it, to read its structure):
        it comes with its 0 K energy, and is never among :meth:`entries`.
        """
        found = self.base.find(phase)
        shifted = [self._shifted(entry) for entry in found if entry.entry_id in self._by_id]
        return sorted(shifted, key=lambda entry: entry.energy_per_atom) or found

    def is_metallic(self, entry: ReferenceEntry) -> bool:
        """As the base decides."""
        return self.base.is_metallic(entry)

    @cached_property
    def _by_id(self) -> dict[str, float]:
        return dict(self.free_energies)

    def _shifted(self, entry: ReferenceEntry) -> ReferenceEntry:
        shift = ConstantEnergyAdjustment(
            self._by_id[str(entry.entry_id)] * entry.composition.num_atoms,
            name=f"harmonic F_vib at {self.temperature:g} K",
        )
        shifted = copy(entry)
        shifted.energy_adjustments = [*entry.energy_adjustments, shift]
        return shifted
