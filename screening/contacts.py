"""Two solids in contact, closed or open to Li: pymatgen's pseudo-binary reactions.

Both solids are taken on their hull, which makes the energy of their mixtures a mutual one (Zhu, He
and Mo, J. Mater. Chem. A 2016, 4, 3253): zero at both ends, never positive. What each solid does
alone, its decomposition or its reaction with the Li reservoir, is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymatgen.analysis.interface_reactions import (
    GrandPotentialInterfacialReactivity,
    InterfacialReactivity,
)
from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram, PhaseDiagram
from pymatgen.core import Composition

from misei.screening.entries import ReferenceEntry
from misei.screening.formulas import parse_mixture
from misei.screening.lithiation import LI
from misei.screening.schemas_thermodynamics import ReductionDoc
from misei.screening.thermodynamics import AMOUNT_TOLERANCE, phase_name

# Two compositions, as atomic fractions of what the reservoir does not hold, that are the same.
SAME = 1e-8

Products = tuple[tuple[ReferenceEntry, float], ...]


@dataclass(frozen=True)
class Solid:
    """One of the two solids.

    Attributes
    ----------
    formula, composition
        As written, and their sum.
    above_hull
        Energy above the hull, eV per formula unit; 0 where the source has no such phase.
    phases
        Where its energy is taken from.
    """

    formula: str
    composition: Composition
    above_hull: float
    phases: str

    @classmethod
    def of(cls, reduction: ReductionDoc) -> Solid:
        """Take the solid whose reaction with Li this is."""
        composition = parse_mixture(reduction.formula).composition
        above_hull = (reduction.e_above_hull or 0.0) * composition.num_atoms
        return cls(reduction.formula, composition, above_hull, reduction.source["electrolyte"])


@dataclass(frozen=True)
class Contact:
    """Two solids and the phase diagram that they react on.

    Attributes
    ----------
    diagram
        Closed, or the grand potential diagram of an open system.
    own
        Reaction energy of each solid alone, in the unit of the contact.
    mutual, atomic_fraction
        Most negative mutual energy, in the unit of the contact, and the fraction of the coating
        there over all atoms.
    """

    coating: Solid
    electrolyte: Solid
    diagram: PhaseDiagram
    own: tuple[float, float]
    mutual: float
    atomic_fraction: float

    def counted(self, composition: Composition) -> Composition:
        """Leave out the element of the reservoir."""
        reservoir = getattr(self.diagram, "chempots", {})
        return Composition({e: n for e, n in composition.items() if e not in reservoir})

    @property
    def mole_fraction(self) -> float:
        """Moles of coating over those of both, formula units as written."""
        coating = self.atomic_fraction / self.coating.composition.num_atoms
        electrolyte = (1.0 - self.atomic_fraction) / self.electrolyte.composition.num_atoms
        return coating / (coating + electrolyte)

    @property
    def mixture(self) -> Composition:
        """One mole of both solids together, at the most negative mutual energy."""
        share = self.mole_fraction
        return self.coating.composition * share + self.electrolyte.composition * (1.0 - share)

    @property
    def total(self) -> float:
        """Mutual and own energies at that mixture, in the unit of the contact."""
        atoms = self.mole_fraction * self.counted(self.coating.composition).num_atoms
        share = atoms / self.counted(self.mixture).num_atoms
        return self.mutual + share * self.own[0] + (1.0 - share) * self.own[1]

    def products(self, composition: Composition) -> Products:
        """Phases in equilibrium with their moles of formula units, the largest amount first."""
        counted = self.counted(composition)
        fractions: dict[Any, float] = self.diagram.get_decomposition(counted)
        amounts = []
        for entry, fraction in fractions.items():
            # Entries of a grand potential diagram wrap those of the source.
            phase: ReferenceEntry = getattr(entry, "original_entry", entry)
            size = self.counted(Composition(phase_name(phase))).num_atoms
            amounts.append((phase, float(fraction * counted.num_atoms / size)))
        amounts.sort(key=lambda pair: -pair[1])
        return tuple((phase, n) for phase, n in amounts if n > AMOUNT_TOLERANCE)


def closed_contact(coating: Solid, electrolyte: Solid, diagram: PhaseDiagram) -> Contact:
    """Return the contact with no Li from outside, on a closed phase diagram."""
    pair = (coating.composition, electrolyte.composition)
    own = (
        -coating.above_hull / coating.composition.num_atoms,
        -electrolyte.above_hull / electrolyte.composition.num_atoms,
    )
    reactivity = InterfacialReactivity(*pair, diagram, norm=True, use_hull_energy=True)
    return Contact(coating, electrolyte, diagram, own, *_minimum(reactivity))


def open_contact(
    coating: Solid, electrolyte: Solid, diagram: PhaseDiagram, potential: float
) -> Contact:
    """Return the contact open to Li at a potential (V vs Li/Li+), from the closed diagram."""
    mu_li = diagram.el_refs[LI].energy_per_atom - potential
    grand = GrandPotentialPhaseDiagram(diagram.all_entries, {LI: mu_li}, elements=diagram.elements)
    pair = (coating.composition, electrolyte.composition)
    reactivity = GrandPotentialInterfacialReactivity(
        *pair, grand, diagram, include_no_mixing_energy=False, norm=True, use_hull_energy=True
    )
    # pymatgen's no-mixing energies start from the hull of the closed system.
    own = tuple(
        float(energy) - solid.above_hull / (solid.composition.num_atoms - solid.composition[LI])
        for (_, energy), solid in zip(
            reactivity.get_no_mixing_energy(), (coating, electrolyte), strict=True
        )
    )
    return Contact(coating, electrolyte, grand, (own[0], own[1]), *_minimum(reactivity))


def _minimum(reactivity: InterfacialReactivity) -> tuple[float, float]:
    """Most negative mutual energy, and the atomic fraction of the coating there."""
    if reactivity.comp1.almost_equals(reactivity.comp2, rtol=SAME, atol=SAME):
        return 0.0, 0.0  # one point: pymatgen has no line to search
    fraction, energy = reactivity.minimum
    return float(energy), float(fraction)
