"""Thermodynamic entries: one protocol for all sources, and the bundled reference set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from pymatgen.core import Composition, Element, Structure
from pymatgen.core.entries import ComputedStructureEntry

from misei.screening.formulas import FormulaError, Mixture, parse_composition
from misei.structures.reference_set import REFERENCE_SET_PATH, load_reference_set

# `entry_id` is unique in its source. `data` holds "formula" (as chemists write it, without
# common factor), "volume" (angstrom^3 of the cell) and "is_metallic".
ReferenceEntry: TypeAlias = ComputedStructureEntry

# Elements that bind metals into salts and semiconductors, with the electrons that an atom takes
# up at most; As, Sb and Bi count as metals here.
ELECTRONS_TAKEN = {
    "H": 1, "C": 4, "N": 3, "O": 2, "F": 1, "P": 3, "S": 2, "Cl": 1, "Se": 2, "Br": 1, "Te": 2,
    "I": 1,
}  # fmt: skip
NONMETALS = frozenset(ELECTRONS_TAKEN)
METALLIC_RULE = (
    "rule, not a calculation: a phase of metals and metalloids (Li among them) without "
    f"{', '.join(sorted(NONMETALS))} is metallic, and one with so few of these that they cannot "
    "take the electrons of the metals in their lowest common valence (Ti6O, Ti3P)"
)

# Root mean square difference of the formation energies of the bundled set from PBE, as
# benchmarks/reference_accuracy.py prints it.
BUNDLED_ENERGY_ERROR = 0.011  # eV/atom
BUNDLED_ENERGY_ERROR_SOURCE = (
    "root mean square difference from Materials Project PBE (docs/accuracy.md)"
)


# Two compositions are one when no atomic fraction differs by more than this, relatively.
COMPOSITION_TOLERANCE = 1e-6


class MissingDataError(ValueError):
    """Elements or phases that a source does not hold."""


class EntrySource(Protocol):
    """Where phases and their energies come from. Sources are hashable and do not change.

    Attributes
    ----------
    name, version, protocol
        Written into every result: which data, which edition, which level of theory.
    metallic_rule
        How :meth:`is_metallic` decides, in words.
    elements
        Symbols of the elements with an elemental reference phase.
    energy_error
        Standard error of the formation energy of a compound, eV/atom, and its origin in words
        (``energy_error_source``).
    temperature
        K; 0 where the energies hold no vibrational free energy.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def metallic_rule(self) -> str: ...  # noqa: D102
    @property
    def elements(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def energy_error(self) -> float: ...  # noqa: D102
    @property
    def energy_error_source(self) -> str: ...  # noqa: D102
    @property
    def temperature(self) -> float: ...  # noqa: D102

    def __hash__(self) -> int: ...

    def entries(self, elements: Iterable[str]) -> list[ReferenceEntry]:
        """Return all entries that hold no other elements than these."""

    def find(self, phase: str) -> list[ReferenceEntry]:
        """Return the entries with this id or formula, lowest energy per atom first."""

    def is_metallic(self, entry: ReferenceEntry) -> bool:
        """Whether the phase conducts electrons like a metal."""


def is_metallic_composition(composition: Composition) -> bool:
    """Apply :data:`METALLIC_RULE`."""
    if all(
        (element.is_metal or element.is_metalloid) and element.symbol not in NONMETALS
        for element in composition.elements
    ):
        return True
    given = sum(n * _lowest_valence(e.symbol) for e, n in composition.items() if e.is_metal)
    taken = sum(n * ELECTRONS_TAKEN.get(e.symbol, 0) for e, n in composition.items())
    return bool(given > taken + COMPOSITION_TOLERANCE)


@cache
def _lowest_valence(metal: str) -> int:
    # Oxidation states that are met with in crystals (ICSD).
    return min((state for state in Element(metal).icsd_oxidation_states if state > 0), default=0)


def check_elements(mixture: Mixture, source: EntrySource) -> None:
    """Refuse a mixture with elements that the source does not hold.

    Raises
    ------
    MissingDataError
        Names the missing elements and those that the source has.
    """
    missing = sorted(mixture.elements - source.elements)
    if missing:
        raise MissingDataError(
            f"no data for {', '.join(missing)} of {mixture.text!r} in {source.name}; "
            f"it has {', '.join(sorted(source.elements))}"
        )


def describe(source: EntrySource) -> dict[str, str]:
    """Name, version, protocol and temperature of a source, as results carry them."""
    return {
        "name": source.name,
        "version": source.version,
        "protocol": source.protocol,
        "temperature": f"{source.temperature:g} K",
    }


@dataclass(frozen=True)
class BundledSource:
    """The reference set that comes with misei; phases whose relaxation failed are left out.

    Parameters
    ----------
    path
        A data file written by ``misei reference build``.
    """

    path: Path = REFERENCE_SET_PATH
    name: str = "misei reference set"
    metallic_rule: str = METALLIC_RULE
    energy_error: float = BUNDLED_ENERGY_ERROR
    energy_error_source: str = BUNDLED_ENERGY_ERROR_SOURCE
    temperature: float = 0.0

    @property
    def version(self) -> str:
        """Version of misei that made the set, date, and digest of its phases."""
        return "{misei_version} ({created_at}, sha256 {digest})".format(**self._provenance)

    @property
    def protocol(self) -> str:
        """Engine and corrections of the energies."""
        provenance = self._provenance
        return "{engine} ({engine_version}), corrections: {corrections}".format(**provenance)

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of the elements with an elemental reference phase."""
        return frozenset(
            next(iter(symbols)) for symbols in _symbols(self.path).values() if len(symbols) == 1
        )

    @property
    def _provenance(self) -> dict[str, Any]:
        return dict(load_reference_set(self.path)["provenance"])

    def entries(self, elements: Iterable[str]) -> list[ReferenceEntry]:
        """Return all entries that hold no other elements than these."""
        wanted = frozenset(elements)
        return [_entry(self.path, i) for i, s in _symbols(self.path).items() if s <= wanted]

    def find(self, phase: str) -> list[ReferenceEntry]:
        """Return the entries with this id or formula, lowest energy per atom first."""
        if phase in _records(self.path):
            return [_entry(self.path, phase)]
        try:
            composition = parse_composition(phase)
        except FormulaError:
            return []
        entries = self.entries(element.symbol for element in composition.elements)
        return polymorphs(composition, entries)

    def is_metallic(self, entry: ReferenceEntry) -> bool:
        """Whether the rule calls the phase metallic."""
        return bool(entry.data["is_metallic"])


def lowest_phase(source: EntrySource, phase: str) -> ReferenceEntry:
    """Return the entry with this id, or the lowest polymorph of this formula.

    Raises
    ------
    MissingDataError
        When the source has no such phase.
    """
    found = source.find(phase)
    if not found:
        raise MissingDataError(f"no phase {phase!r} in {source.name}: neither a formula nor an id")
    return found[0]


def polymorphs(composition: Composition, entries: Iterable[ReferenceEntry]) -> list[ReferenceEntry]:
    """Entries of this composition, whatever its amount, lowest energy per atom first."""
    wanted = composition.fractional_composition
    # pymatgen's own tolerance of 10 % would take Li7Ge2 for Li15Ge4.
    same = (
        entry
        for entry in entries
        if entry.composition.fractional_composition.almost_equals(wanted, COMPOSITION_TOLERANCE)
    )
    return sorted(same, key=lambda entry: entry.energy_per_atom)


# Structures are parsed one by one when a chemical system first asks for them: parsing the whole
# set would take longer than any hull.
@cache
def _records(path: Path) -> dict[str, dict[str, Any]]:
    return {p["id"]: p for p in load_reference_set(path)["phases"] if p["converged"]}


@cache
def _symbols(path: Path) -> dict[str, frozenset[str]]:
    return {
        phase_id: frozenset(element.symbol for element in Composition(record["formula"]).elements)
        for phase_id, record in _records(path).items()
    }


@cache
def _entry(path: Path, phase_id: str) -> ReferenceEntry:
    record = _records(path)[phase_id]
    structure = Structure.from_dict(record["structure"])
    return ComputedStructureEntry(
        structure,
        energy=record["energy"],
        correction=record["correction"],
        entry_id=phase_id,
        data={
            "formula": record["formula"],
            "volume": record["volume"],
            "is_metallic": is_metallic_composition(structure.composition),
            "structure_type": record["structure_type"],
            "reference": record["reference"],
            "ordering": record["ordering"],
        },
    )
