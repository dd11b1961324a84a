"""Polar faces of ionic crystals, by formal charges.

P. W. Tasker, J. Phys. C: Solid State Phys. 12, 4977 (1979): (1) every plane parallel to the
face is neutral; (2) the planes are charged, but the repeat that ends with the face has no
dipole along the normal; (3) it has one: the stoichiometric slab is polar, and its energy per
area grows with its thickness until charge or atoms move from face to face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.bond_valence import BVAnalyzer
from pymatgen.core import Element, Structure

# Tellurium is a metalloid to pymatgen, but the anion of Li2Te.
ANIONS = frozenset(
    {e.symbol for e in Element if not e.is_metal and not e.is_metalloid and not e.is_noble_gas}
    | {"Te"}
)
# Atoms within this height, angstrom, belong to one atomic plane.
PLANE_TOLERANCE = 0.25
# Atoms of a relaxed crystal are at their symmetric positions to this distance, angstrom.
POSITION_TOLERANCE = 0.05
CHARGE_TOLERANCE = 1e-3

Array = NDArray[np.float64]


def formal_charges(crystal: Structure) -> dict[str, float] | None:
    """Mean oxidation state of each element, in e; None for metals and alloys.

    From the composition (pymatgen, by how common the states are in the ICSD), else from the
    bond valences.

    Returns
    -------
    dict or None
        None too where neither gives a neutral crystal of cations and anions.
    """
    composition = crystal.composition
    symbols = {element.symbol for element in composition.elements}
    if len(symbols) == 1 or not symbols & ANIONS:
        return None
    guesses = composition.oxi_state_guesses()
    if guesses:
        return {symbol: float(charge) for symbol, charge in guesses[0].items()}
    try:
        valences = BVAnalyzer().get_valences(crystal)
    except ValueError:
        return None
    sites = [site.specie.symbol for site in crystal]
    return {
        s: float(np.mean([v for v, symbol in zip(valences, sites, strict=True) if symbol == s]))
        for s in sorted(symbols)
    }


def tasker_type(heights: Array, charges: Array) -> int:
    """Tasker's type of the face that one repeat of the crystal ends with: 1, 2 or 3.

    Parameters
    ----------
    heights
        (n,) heights along the normal, angstrom, of the atoms of one repeat below the face.
    charges
        (n,) their formal charges in e; they add up to zero.
    """
    if abs(dipole(heights, charges)) > POSITION_TOLERANCE * float(np.abs(charges).sum()):
        return 3
    order = np.argsort(heights)
    starts = np.flatnonzero(np.diff(heights[order]) > PLANE_TOLERANCE) + 1
    planes = [float(plane.sum()) for plane in np.split(charges[order], starts)]
    return 1 if max(map(abs, planes)) < CHARGE_TOLERANCE else 2


def dipole(heights: Array, charges: Array, origin: float = 0.0) -> float:
    """Dipole moment along the normal in e angstrom; ``origin`` matters to charged slabs only."""
    return float(charges @ (heights - origin))
