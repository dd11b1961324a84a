"""Point defects in a supercell that carry a hop: a vacancy, or an atom in a void.

A site of the supercell is known by the site of the primitive cell and the lattice
translation that it comes from, so that the hops of the crystal are placed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.analysis.diffusion.neb.pathfinder import IDPPSolver
from pymatgen.core import DummySpecies, Structure

from misei.structures.hops import Hop

Ints = NDArray[np.int64]
Mechanism = Literal["vacancy", "interstitial"]


class BrokenBandError(ValueError):
    """A band whose images do not hold the atoms of its ends."""


@dataclass(frozen=True)
class HopEndpoints(MSONable):
    """Where a hop lies in the supercell.

    Attributes
    ----------
    initial, final
        Sites of the supercell where the defect is before and after the hop.
    vector
        From the initial to the final site, angstrom.
    """

    initial: int
    final: int
    vector: tuple[float, float, float]


@dataclass(frozen=True)
class DefectCell(MSONable):
    """A supercell whose sites a defect can visit.

    Attributes
    ----------
    crystal
        Primitive cell; for interstitials the voids are dummy sites of it.
    matrix
        Supercell matrix on it.
    mechanism
        ``vacancy``: the defect is a missing atom; ``interstitial``: an atom in a void.
    mobile_species
        Element that moves.
    """

    crystal: Structure
    matrix: list[list[int]]
    mechanism: Mechanism = "vacancy"
    mobile_species: str = "Li"

    @cached_property
    def sites(self) -> Structure:
        """Supercell with every site, voids included."""
        return self.crystal.make_supercell(self.matrix, in_place=False)

    @cached_property
    def _host(self) -> list[int]:
        return [k for k, s in enumerate(self.sites) if not isinstance(s.specie, DummySpecies)]

    @property
    def perfect(self) -> Structure:
        """Supercell without the defect."""
        return Structure.from_sites([self.sites[k] for k in self._host])

    def point(self, site: int) -> NDArray[np.float64]:
        """Fractional coordinates of a site of the supercell."""
        coords: NDArray[np.float64] = self.sites.frac_coords[site]
        return coords

    def own_sites(self, site: int) -> list[int]:
        """Supercell site of each atom of :meth:`ideal`."""
        if self.mechanism == "vacancy":
            return [k for k in self._host if k != site]
        return [*self._host, site]

    def ideal(self, site: int) -> Structure:
        """Unrelaxed defect on a site; an interstitial atom is the last one."""
        own = self.own_sites(site)
        species = [
            self.mobile_species if isinstance(self.sites[k].specie, DummySpecies) else
            self.sites[k].specie for k in own
        ]  # fmt: skip
        return Structure(self.sites.lattice, species, self.sites.frac_coords[own])

    def ideal_ends(self, ends: HopEndpoints) -> tuple[Structure, Structure, int]:
        """Both unrelaxed ends of a hop and the atom that moves.

        Returns
        -------
        initial, final
            Atoms in the order of ``ideal(ends.initial)``, without periodic jumps.
        mover
            Index of the atom that moves: against ``ends.vector`` where a vacancy hops.
        """
        initial = self.ideal(ends.initial)
        step = initial.lattice.get_fractional_coords(np.array(ends.vector))
        mover, sign = len(initial) - 1, 1
        if self.mechanism == "vacancy":
            mover, sign = self.own_sites(ends.initial).index(ends.final), -1
        coords = initial.frac_coords.copy()
        coords[mover] += sign * step
        return initial, Structure(initial.lattice, initial.species, coords), mover

    def wandered(self, relaxed: Structure, site: int) -> bool:
        """Whether some atom of a relaxed defect left its site for another one.

        Parameters
        ----------
        relaxed
            :meth:`ideal` after relaxation.
        site
            Where the defect was put.
        """
        distances = self.sites.lattice.get_all_distances(
            relaxed.frac_coords, self.sites.frac_coords
        )
        return bool(np.any(distances.argmin(axis=1) != self.own_sites(site)))


def place_hops(
    cell: DefectCell, hops: Sequence[Hop], origins: Sequence[int]
) -> tuple[list[int], list[HopEndpoints]]:
    """Place each hop in the supercell such that hops share their ends where they can.

    Parameters
    ----------
    cell
        Supercell of the crystal in which the hops were found.
    hops
        Hops to place.
    origins
        One site of the primitive cell per orbit.

    Returns
    -------
    sites
        Sites of the supercell that a defect visits, each once: first those of ``origins``.
    endpoints
        One per hop.
    """
    site_index = _site_index(cell)
    cells = _cells(cell)
    visited = [site_index(site, np.zeros(3, dtype=np.int64)) for site in origins]
    endpoints = []
    for hop in hops:
        placed = [
            (site_index(i, home), site_index(j, home + image), (i, j, image))
            for i, j, *image in hop.edges
            for home in cells
        ]
        initial, final, (i, j, image) = max(
            placed, key=lambda p: (p[0] in visited) + (p[1] in visited)
        )
        visited += [m for m in (initial, final) if m not in visited]
        step = cell.crystal.frac_coords[j] + image - cell.crystal.frac_coords[i]
        x, y, z = cell.crystal.lattice.get_cartesian_coords(step)
        endpoints.append(HopEndpoints(initial, final, (float(x), float(y), float(z))))
    return visited, endpoints


def _tagged(cell: DefectCell) -> tuple[Ints, Ints]:
    """Site of the primitive cell (n) and its translation (n x 3) behind each supercell site."""
    tagged = cell.crystal.copy(site_properties={"origin": list(range(len(cell.crystal)))})
    supercell = tagged.make_supercell(cell.matrix, in_place=False)
    origins = np.array(supercell.site_properties["origin"], dtype=np.int64)
    in_primitive = supercell.frac_coords @ np.array(cell.matrix)
    return origins, np.rint(in_primitive - cell.crystal.frac_coords[origins]).astype(np.int64)


def _cells(cell: DefectCell) -> Ints:
    origins, translations = _tagged(cell)
    cells: Ints = translations[origins == 0]
    return cells


def _site_index(cell: DefectCell) -> Callable[[int, Ints], int]:
    """Return the function from (site, translation) to the index in the supercell."""
    volume = round(abs(np.linalg.det(cell.matrix)))
    # Translations are the same in the supercell when they agree modulo this product.
    adjugate = np.rint(np.linalg.inv(cell.matrix) * volume).astype(np.int64)

    def key(site: int, translation: Ints) -> tuple[int, ...]:
        return (site, *(int(x) for x in (translation @ adjugate) % volume))

    pairs = zip(*_tagged(cell), strict=True)
    table = {key(int(site), translation): m for m, (site, translation) in enumerate(pairs)}
    return lambda site, translation: table[key(site, translation)]


def interpolate_path(initial: Structure, final: Structure, n_images: int) -> list[Structure]:
    """Make the path between two relaxed ends by image-dependent pair potentials.

    Parameters
    ----------
    initial, final
        Ends with their atoms in the same order and without periodic jumps.
    n_images
        Images between the two ends.

    Returns
    -------
    list of Structure
        ``n_images + 2`` structures, ends included. IDPP: Smidstrup et al., J. Chem. Phys. 2014,
        140, 214106.

    Raises
    ------
    BrokenBandError
        When an image lost or gained atoms.
    """
    linear = initial.interpolate(final, nimages=n_images + 1, pbc=False)
    images: list[Structure] = IDPPSolver(linear).run()
    counts = [len(image) for image in images]
    if counts != [len(initial)] * (n_images + 2):
        raise BrokenBandError(
            f"the images hold {counts} atoms; expected {n_images + 2} of {len(initial)}"
        )
    return images
