"""Lithiation of a composition on a phase diagram whose facets are inverted once.

Adding Li to a composition c moves it along a straight line through the facets of the hull. In a
facet whose vertices have the atomic fractions M (rows), the atoms in each phase are
x(u) = (c + u e_Li) M^-1, linear in the uptake u, so the facet is crossed where all x >= 0, at its
own mu_Li: one plateau. The hull is convex, so that E_hull(c) = max over facets of mu . c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Composition, Element

from misei.screening.entries import ReferenceEntry

LI = Element("Li")
# Amounts in atoms per host atom, and chemical potentials in eV, below these are rounding noise.
AMOUNT_NOISE = 1e-8
CHEMPOT_NOISE = 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Breakpoint:
    """An uptake at which the phases change.

    Attributes
    ----------
    uptake
        Li added to the composition as given, mol.
    potential_high, potential_low
        Range over which these phases are stable, V vs Li/Li+; no upper edge for the first.
    atoms
        Phases with their amounts in mol of atoms.
    """

    uptake: float
    potential_high: float | None
    potential_low: float
    atoms: tuple[tuple[ReferenceEntry, float], ...]


@dataclass(frozen=True)
class Facets:
    """Facets of a phase diagram of n elements.

    Attributes
    ----------
    elements
        The n elements, in the order of the arrays.
    vertices
        For each facet its n phases.
    inverses
        (facets, n, n): atoms per element to atoms per phase.
    chempots
        (facets, n): mu of each element in eV/atom.
    """

    elements: tuple[Element, ...]
    vertices: tuple[tuple[ReferenceEntry, ...], ...]
    inverses: Floats
    chempots: Floats

    @classmethod
    def of(cls, diagram: PhaseDiagram) -> Facets:
        """Invert every facet of a diagram."""
        elements = tuple(diagram.elements)
        entries = diagram.qhull_entries
        fractions = np.array(
            [[e.composition.get_atomic_fraction(el) for el in elements] for e in entries]
        )
        energies = np.array([e.energy_per_atom for e in entries])
        facets = np.array(diagram.facets, dtype=int)
        inverses = np.linalg.inv(fractions[facets])
        return cls(
            elements=elements,
            vertices=tuple(tuple(entries[i] for i in facet) for facet in facets),
            inverses=inverses,
            chempots=np.einsum("fij,fj->fi", inverses, energies[facets]),
        )

    def hull_energy(self, composition: Composition) -> float:
        """Energy of the phases that a composition decomposes to, eV for the composition as is."""
        return float((self.chempots @ self._amounts(composition)).max())

    def lithiation(self, composition: Composition) -> list[Breakpoint]:
        """Return where the phases change as Li is added, from no Li at all to excess Li metal."""
        host = composition.num_atoms - composition[LI]
        amounts = self._amounts(composition) / host
        li = self.elements.index(LI)
        # (facets, n): atoms per phase at the composition as given, and their change with uptake
        start = np.einsum("j,fji->fi", amounts, self.inverses)
        slope = self.inverses[:, li, :]
        low, high = _crossings(start, slope)
        mu_li = self.chempots[:, li]
        crossed = np.flatnonzero(high - low > AMOUNT_NOISE)
        crossed = crossed[np.lexsort((low[crossed], mu_li[crossed]))]
        first = _first_of_each(mu_li[crossed])
        # The hull ends at Li metal, whatever the noise in its chemical potential.
        potentials = mu_li[crossed[-1]] - mu_li[crossed[first]]
        breakpoints = []
        for k, facet in enumerate(crossed[first]):
            at = low[facet]
            atoms = start[facet] + at * slope[facet]
            breakpoints.append(
                Breakpoint(
                    uptake=float(at * host),
                    potential_high=float(potentials[k - 1]) if k else None,
                    potential_low=float(potentials[k]),
                    atoms=tuple(
                        (entry, float(x * host))
                        for entry, x in zip(self.vertices[facet], atoms, strict=True)
                        if x > AMOUNT_NOISE
                    ),
                )
            )
        return breakpoints

    def _amounts(self, composition: Composition) -> Floats:
        return np.array([composition[element] for element in self.elements])


def _crossings(start: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Uptakes between which no phase of a facet has a negative amount (empty: low > high)."""
    level = np.abs(slope) < AMOUNT_NOISE
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -start / slope
    low = np.where(slope > AMOUNT_NOISE, roots, -np.inf).max(axis=1)
    high = np.where(slope < -AMOUNT_NOISE, roots, np.inf).min(axis=1)
    outside = (level & (start < -AMOUNT_NOISE)).any(axis=1)
    return np.where(outside, np.inf, low), np.where(outside, -np.inf, high)


def _first_of_each(sorted_values: Floats) -> NDArray[np.intp]:
    """Index of the first of each run of equal values."""
    return np.flatnonzero(np.diff(sorted_values, prepend=-np.inf) > CHEMPOT_NOISE)
