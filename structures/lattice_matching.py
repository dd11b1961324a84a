"""Lattice matching of facets, by Zur and McGill, J. Appl. Phys. 55, 378 (1984), in pymatgen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.interfaces.zsl import ZSLGenerator, ZSLMatch
from pymatgen.core.surface import Slab

from misei.structures.slabs import Miller, Termination, face_area

# Keeps a strain on the edge of a step (0 %) in the lower one.
STEP_ROUNDING = 1e-3
# Factor by which the limit of atoms is raised when nothing matches.
ATOMS_STEP = 1.4


@dataclass(frozen=True)
class Facet:
    """Slabs of one facet of one crystal, a termination each."""

    lattice: str
    miller: Miller
    terminations: list[Termination]
    slabs: list[Slab]

    @property
    def vectors(self) -> NDArray[np.float64]:
        """In-plane lattice vectors, angstrom."""
        return np.array(self.slabs[0].lattice.matrix[:2])

    @property
    def atoms_per_area(self) -> float:
        """Atoms per angstrom^2 of the densest slab."""
        return max(len(slab) for slab in self.slabs) / face_area(self.slabs[0])


@dataclass(frozen=True)
class Match:
    """A common cell of two facets; ``strains`` are the principal strains of the film."""

    film: Facet
    substrate: Facet
    zsl: ZSLMatch
    strains: tuple[float, float]
    area: float

    @property
    def strain(self) -> float:
        """Largest principal strain, signed."""
        return max(self.strains, key=abs)

    @property
    def natoms(self) -> int:
        """Estimated number of atoms of the interface."""
        atoms_per_area = self.film.atoms_per_area + self.substrate.atoms_per_area
        return round(self.area * atoms_per_area)

    def order(self, strain_step: float) -> tuple[int, int, float, float]:
        """Sorting key: step of strain, size, strain, area."""
        steps = ceil(abs(self.strain) / strain_step - STEP_ROUNDING)
        return (steps, self.natoms, abs(self.strain), self.area)


def matches_within_limits(
    substrates: list[Facet],
    films: list[Facet],
    max_strain: float,
    strain_step: float,
    max_atoms: int,
    hard_max_atoms: int,
) -> list[Match]:
    """Return the best match of each substrate facet with each film lattice.

    Parameters
    ----------
    substrates, films
        Facets to pair.
    max_strain, strain_step
        Largest principal strain of the film, and the step within which a smaller cell is
        preferred to less strain (1 = 100 %).
    max_atoms, hard_max_atoms
        Size wanted; where nothing fits, the one smallest match up to the hard limit.

    Returns
    -------
    list of Match
        In order of preference; empty where nothing matches.
    """
    matches = _best_matches(substrates, films, max_strain, strain_step, max_atoms)
    if matches:
        return matches
    # In steps, because the number of superlattices grows with the fourth power of the area.
    while not matches and max_atoms < hard_max_atoms:
        max_atoms = min(ceil(ATOMS_STEP * max_atoms), hard_max_atoms)
        matches = _best_matches(substrates, films, max_strain, strain_step, max_atoms)
    return sorted(matches, key=lambda match: match.natoms)[:1]


def _best_matches(
    substrates: list[Facet],
    films: list[Facet],
    max_strain: float,
    strain_step: float,
    max_atoms: int,
) -> list[Match]:
    """Best match of each substrate facet with each film lattice, in order of preference."""
    best: dict[tuple[Miller, str], Match] = {}
    for substrate in substrates:
        for film in films:
            key = (substrate.miller, film.lattice)
            for match in _zsl_matches(substrate, film, max_strain, max_atoms):
                if key not in best or match.order(strain_step) < best[key].order(strain_step):
                    best[key] = match
    return sorted(best.values(), key=lambda match: match.order(strain_step))


def _zsl_matches(
    substrate: Facet, film: Facet, max_strain: float, max_atoms: int
) -> Iterator[Match]:
    max_area = max_atoms / (film.atoms_per_area + substrate.atoms_per_area)
    generator = ZSLGenerator(
        # The tolerances of pymatgen are on lengths, angle and area: wide enough here for
        # any pair of principal strains within the limit, which is then checked itself.
        max_area_ratio_tol=2 * max_strain + max_strain**2,
        max_area=(1 + max_strain) ** 2 * max_area,
        max_length_tol=max_strain,
        max_angle_tol=2 * max_strain,
    )
    for zsl in generator(film.vectors, substrate.vectors):
        area = float(np.linalg.norm(np.cross(*zsl.substrate_sl_vectors)))
        match = Match(film, substrate, zsl, _principal_strains(zsl), area)
        if abs(match.strain) <= max_strain and match.natoms <= max_atoms:
            yield match


def _principal_strains(match: ZSLMatch) -> tuple[float, float]:
    """Stretches minus one that carry the film's cell into the substrate's."""
    film, substrate = (
        _in_own_plane(np.array(vectors))
        for vectors in (match.film_sl_vectors, match.substrate_sl_vectors)
    )
    stretches = np.linalg.svd(np.linalg.solve(film, substrate), compute_uv=False)
    return float(stretches[0]) - 1.0, float(stretches[1]) - 1.0


def _in_own_plane(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1)
    cosine = vectors[0] @ vectors[1] / lengths.prod()
    b = lengths[1] * np.array([cosine, np.sqrt(1.0 - cosine**2)])
    return np.array([[lengths[0], 0.0], b])
