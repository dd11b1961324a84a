"""Vacancies in a supercell, and bands of images between two of them.

A site of the supercell is known by the site of the primitive cell and the lattice
translation that it comes from, so that the hops of the crystal are placed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.analysis.diffusion.neb.pathfinder import IDPPSolver
from pymatgen.core import Structure

from misei.structures.hops import Hop

Ints = NDArray[np.int64]


class BrokenBandError(ValueError):
    """A band whose images do not hold the atoms of its ends."""


@dataclass(frozen=True)
class HopEndpoints(MSONable):
    """Where a hop lies in the supercell.

    Attributes
    ----------
    initial, final
        Sites of the perfect supercell that are vacant before and after the hop.
    vector
        From the initial to the final vacancy, angstrom; the atom moves the other way.
    """

    initial: int
    final: int
    vector: tuple[float, float, float]


def place_hops(
    primitive: Structure,
    matrix: list[list[int]],
    hops: Sequence[Hop],
    origins: Sequence[int],
) -> tuple[list[int], list[HopEndpoints]]:
    """Place each hop in the supercell such that hops share vacancies where they can.

    Parameters
    ----------
    primitive
        Crystal in which the hops were found.
    matrix
        Supercell matrix on it.
    hops
        Hops to place.
    origins
        One site of the primitive cell per orbit; their vacancies are always wanted.

    Returns
    -------
    vacancies
        Sites of the perfect supercell to empty, each once: first those of ``origins``.
    endpoints
        One per hop.
    """
    site_index = _site_index(primitive, matrix)
    cells = _cells(primitive, matrix)
    vacancies = [site_index(site, np.zeros(3, dtype=np.int64)) for site in origins]
    endpoints = []
    for hop in hops:
        placed = [
            (site_index(i, cell), site_index(j, cell + image), (i, j, image))
            for i, j, *image in hop.edges
            for cell in cells
        ]
        initial, final, (i, j, image) = max(
            placed, key=lambda p: (p[0] in vacancies) + (p[1] in vacancies)
        )
        vacancies += [m for m in (initial, final) if m not in vacancies]
        step = primitive.frac_coords[j] + image - primitive.frac_coords[i]
        x, y, z = primitive.lattice.get_cartesian_coords(step)
        endpoints.append(HopEndpoints(initial, final, (float(x), float(y), float(z))))
    return vacancies, endpoints


def _tagged(primitive: Structure, matrix: list[list[int]]) -> tuple[Ints, Ints]:
    """Site of the primitive cell (n) and its translation (n x 3) behind each supercell site."""
    tagged = primitive.copy(site_properties={"origin": list(range(len(primitive)))})
    supercell = tagged.make_supercell(matrix, in_place=False)
    origins = np.array(supercell.site_properties["origin"], dtype=np.int64)
    in_primitive = supercell.frac_coords @ np.array(matrix)
    return origins, np.rint(in_primitive - primitive.frac_coords[origins]).astype(np.int64)


def _cells(primitive: Structure, matrix: list[list[int]]) -> Ints:
    origins, translations = _tagged(primitive, matrix)
    cells: Ints = translations[origins == 0]
    return cells


def _site_index(primitive: Structure, matrix: list[list[int]]) -> Callable[[int, Ints], int]:
    """Return the function from (site, translation) to the index in the supercell."""
    volume = round(abs(np.linalg.det(matrix)))
    # Translations are the same in the supercell when they agree modulo this product.
    adjugate = np.rint(np.linalg.inv(matrix) * volume).astype(np.int64)

    def key(site: int, translation: Ints) -> tuple[int, ...]:
        return (site, *(int(x) for x in (translation @ adjugate) % volume))

    pairs = zip(*_tagged(primitive, matrix), strict=True)
    table = {key(int(site), translation): m for m, (site, translation) in enumerate(pairs)}
    return lambda site, translation: table[key(site, translation)]


def vacancy_structure(perfect: Structure, site: int) -> Structure:
    """Return the supercell without one site, the others in the same order."""
    vacant = perfect.copy()
    vacant.remove_sites([site])
    return vacant


def vacancy_wandered(perfect: Structure, relaxed: Structure, site: int) -> bool:
    """Whether some atom of a relaxed vacancy left its site for another one.

    Parameters
    ----------
    perfect
        Supercell with all sites occupied.
    relaxed
        :func:`vacancy_structure` after relaxation.
    site
        The vacant site.

    Returns
    -------
    bool
        True when an atom is closer to another site of the perfect crystal than to its own.
    """
    distances = perfect.lattice.get_all_distances(relaxed.frac_coords, perfect.frac_coords)
    own = np.delete(np.arange(len(perfect)), site)
    return bool(np.any(distances.argmin(axis=1) != own))


def interpolate_hop(
    initial: Structure, final: Structure, endpoints: HopEndpoints, n_images: int
) -> list[Structure]:
    """Make the band between two relaxed vacancies by image-dependent pair potentials.

    Parameters
    ----------
    initial, final
        Relaxed :func:`vacancy_structure` of ``endpoints.initial`` and ``endpoints.final``.
    endpoints
        The hop.
    n_images
        Images between the two ends.

    Returns
    -------
    list of Structure
        ``n_images + 2`` structures, ends included, atoms in the order of ``initial``. IDPP:
        Smidstrup et al., J. Chem. Phys. 2014, 140, 214106.

    Raises
    ------
    BrokenBandError
        When an image lost or gained atoms.
    """
    aligned = align_final(initial, final, endpoints)
    linear = initial.interpolate(aligned, nimages=n_images + 1, pbc=False)
    images: list[Structure] = IDPPSolver(linear).run()
    counts = [len(image) for image in images]
    if counts != [len(initial)] * (n_images + 2):
        raise BrokenBandError(
            f"the images hold {counts} atoms; expected {n_images + 2} of {len(initial)}"
        )
    return images


def align_final(initial: Structure, final: Structure, endpoints: HopEndpoints) -> Structure:
    """Return the final structure in the order of the initial one, without periodic jumps.

    The atom that hops sits on the final vacancy's site at first and on the initial
    vacancy's at last; every other atom stays near its site.
    """
    n_sites = len(initial) + 1
    order = [k for k in range(n_sites) if k != endpoints.initial]
    source = [endpoints.initial if k == endpoints.final else k for k in order]
    coords = final.frac_coords[[k - (k > endpoints.final) for k in source]]
    expected = np.zeros((len(initial), 3))
    mover = order.index(endpoints.final)
    expected[mover] = initial.lattice.get_fractional_coords(-np.array(endpoints.vector))
    step = coords - initial.frac_coords - expected
    return Structure(initial.lattice, initial.species, coords - np.rint(step))
