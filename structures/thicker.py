"""The same interface with thicker slabs."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from pymatgen.core import Structure

from misei.structures.interfaces import (
    InterfaceCandidate,
    InterfaceError,
    InterfaceLimits,
    find_interfaces,
)

# Areas and strains of two searches in the same crystals agree to this, relative.
SAME = 1e-4
# Longest list that is searched for the interface.
ALL_CANDIDATES = 1000


def thicker_interface(
    candidate: InterfaceCandidate,
    substrate: Structure,
    film: Structure,
    limits: InterfaceLimits,
) -> InterfaceCandidate | None:
    """Find an interface again in a search with thicker slabs.

    Parameters
    ----------
    candidate
        Interface from a search with thinner slabs in the same crystals.
    substrate, film
        Crystals of both sides.
    limits
        With the new thicknesses and vacuum; ``max_atoms`` of the old search.

    Returns
    -------
    InterfaceCandidate or None
        Same facets, termination, area and strains; None where the search does not find it.
    """
    thickest = max(limits.film_thickness, limits.substrate_thickness)
    thinnest = min(_height(candidate.film), _height(candidate.substrate))
    wide = replace(limits, max_atoms=ceil(limits.max_atoms * max(1.0, thickest / thinnest)))
    try:
        found = find_interfaces(substrate, {candidate.film_lattice: film}, wide, ALL_CANDIDATES)
    except InterfaceError:
        return None
    return next((c for c in found.candidates if _same(c, candidate)), None)


def _height(slab: Structure) -> float:
    heights = slab.cart_coords[:, 2]
    return float(heights.max() - heights.min())


def _same(one: InterfaceCandidate, other: InterfaceCandidate) -> bool:
    return (
        # Read back from JSON, Miller indices are lists.
        tuple(one.film_miller) == tuple(other.film_miller)
        and tuple(one.substrate_miller) == tuple(other.substrate_miller)
        and one.termination == other.termination
        and abs(one.area - other.area) < SAME * other.area
        and abs(one.strain - other.strain) < SAME
    )
