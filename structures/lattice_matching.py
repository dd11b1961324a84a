"""Lattice matching of facets, by Zur and McGill, J. Appl. Phys. 55, 378 (1984), in pymatgen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from math import ceil

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.core.surface import Slab

from misei.structures.facets import (
    Miller,
    Termination,
    distinct_terminations,
    low_index_millers,
    oriented_crystal,
)
from misei.structures.slabs import SlabFacts, face_area, facet_slab
from misei.structures.zur_mcgill import ZSLGenerator, ZSLMatch

# Keeps a strain on the edge of a step (0 %) in the lower one.
STEP_ROUNDING = 1e-3
# Factor by which the limit of atoms is raised when nothing matches.
ATOMS_STEP = 1.4
# Why a face does not match a film lattice.
ATOMS = "atoms"
STRAIN = "strain"


@dataclass(frozen=True)
class Face:
    """Slab of one termination of one facet of one crystal."""

    lattice: str
    miller: Miller
    termination: Termination
    slab: Slab
    facts: SlabFacts

    @property
    def vectors(self) -> NDArray[np.float64]:
        """In-plane lattice vectors, angstrom."""
        return np.array(self.slab.lattice.matrix[:2])

    @property
    def atoms_per_area(self) -> float:
        """Atoms per angstrom^2."""
        return len(self.slab) / face_area(self.slab)


@dataclass(frozen=True)
class Faces:
    """Faces of the facets of one crystal; those over the limit of terminations by name."""

    facets: int
    kept: list[Face] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    polar: int = 0


@dataclass(frozen=True)
class SearchCounts(MSONable):  # type: ignore[misc]
    """What a search looked at; a pairing is a termination of the substrate on a film lattice.

    Attributes
    ----------
    facets
        Symmetry-distinct facets of the substrate up to the largest Miller index.
    terminations, polar_terminations
        Distinct terminations of all these facets, and how many are polar (Tasker type 3).
    film_lattices, film_facets
        Film crystals, and their facets together.
    pairings
        terminations x film_lattices.
    matched
        Pairings with a common cell within the limits of strain and atoms.
    considered
        Pairings that became candidates.
    left_out
        The other pairings by reason: ``termination limit``; ``atoms`` (even the smallest cell
        of the facet is over the limit), ``strain`` (every cell within the limit of atoms is
        strained too much), ``list length``.
    """

    facets: int
    terminations: int
    polar_terminations: int
    film_lattices: int
    film_facets: int
    pairings: int
    matched: int
    considered: int
    left_out: dict[str, int]


def low_index_faces(
    name: str,
    crystal: Structure,
    thickness: float,
    vacuum: float,
    max_miller: int,
    max_terminations: int | None,
) -> Faces:
    """Slabs of the low-index facets of a crystal, one for each termination.

    Parameters
    ----------
    name
        Of the crystal's lattice, e.g. ``bcc``.
    crystal
        Any cell.
    thickness, vacuum
        Least thickness and vacuum, angstrom.
    max_miller
        Largest Miller index.
    max_terminations
        Per facet; None for all.
    """
    millers = low_index_millers(crystal, max_miller)
    kept, lost, polar = [], [], 0
    for miller in millers:
        facet = oriented_crystal(crystal, miller)
        found = distinct_terminations(facet)
        polar += sum(termination.tasker == 3 for termination in found)
        for termination in found[:max_terminations]:
            slab, facts = facet_slab(facet, termination, thickness, vacuum)
            kept.append(Face(name, miller, termination, slab, facts))
        if max_terminations is not None:
            lost += [f"{miller} {termination.label}" for termination in found[max_terminations:]]
    return Faces(len(millers), kept, lost, polar)


@dataclass(frozen=True)
class Match:
    """A common cell of two faces; ``strains`` are the principal strains of the film."""

    film: Face
    substrate: Face
    zsl: ZSLMatch
    strains: tuple[float, float]
    area: float

    @property
    def strain(self) -> float:
        """Largest principal strain, signed."""
        return max(self.strains, key=abs)

    @property
    def natoms(self) -> int:
        """Number of atoms of the interface."""
        film_area = float(np.linalg.norm(np.cross(*self.zsl.film_sl_vectors)))
        return round(
            film_area * self.film.atoms_per_area + self.area * self.substrate.atoms_per_area
        )

    @property
    def facets(self) -> tuple[Miller, str]:
        """Facet of the substrate and lattice of the film."""
        return self.substrate.miller, self.film.lattice

    def order(self, strain_step: float) -> tuple[int, int, float, float]:
        """Sorting key: step of strain, size, strain, area."""
        steps = ceil(abs(self.strain) / strain_step - STEP_ROUNDING)
        return (steps, self.natoms, abs(self.strain), self.area)


def matches_within_limits(
    substrates: list[Face],
    films: list[Face],
    max_strain: float,
    strain_step: float,
    max_atoms: int,
    hard_max_atoms: int,
) -> list[Match]:
    """Return the best match of each substrate face with each film lattice.

    Parameters
    ----------
    substrates, films
        Faces to pair.
    max_strain, strain_step
        Largest principal strain of the film, and the step within which a smaller cell is
        preferred to less strain (1 = 100 %).
    max_atoms, hard_max_atoms
        Size wanted; raised in steps up to the hard limit where nothing fits, or nothing but
        polar faces (for the others, where there are any).

    Returns
    -------
    list of Match
        In order of preference; empty where nothing matches.
    """
    matches = _best_matches(substrates, films, max_strain, strain_step, max_atoms)
    if any(not match.substrate.facts.polar for match in matches):
        return matches
    wanted = [face for face in substrates if not face.facts.polar]
    if matches and not wanted:
        return matches
    larger: list[Match] = []
    # In steps, because the number of superlattices grows with the fourth power of the area.
    while not larger and max_atoms < hard_max_atoms:
        max_atoms = min(ceil(ATOMS_STEP * max_atoms), hard_max_atoms)
        larger = _best_matches(wanted or substrates, films, max_strain, strain_step, max_atoms)
    return larger + matches


def in_turn(matches: list[Match], faces: list[Face]) -> list[Match]:
    """First terminations of all facets, then second ones, ...; polar ones after all others.

    Parameters
    ----------
    matches
        In order of preference.
    faces
        Those of the substrate, the terminations of a facet in order.
    """
    queues: dict[tuple[Miller, str], list[Match]] = {}
    for match in matches:
        queues.setdefault(match.facets, []).append(match)
    rank = {id(face): number for number, face in enumerate(faces)}
    for queue in queues.values():
        queue.sort(key=lambda match: rank[id(match.substrate)])
    turns = [m for round_ in zip_longest(*queues.values()) for m in round_ if m is not None]
    return sorted(turns, key=lambda match: match.substrate.facts.polar is True)


def search_counts(
    faces: Faces, films: list[Faces], matches: list[Match], considered: int, max_atoms: int
) -> SearchCounts:
    """Count what a search of these faces looked at; ``considered`` matches became candidates."""
    terminations = len(faces.kept) + len(faces.lost)
    all_films = [face for found in films for face in found.kept]
    return SearchCounts(
        facets=faces.facets,
        terminations=terminations,
        polar_terminations=faces.polar,
        film_lattices=len(films),
        film_facets=sum(found.facets for found in films),
        pairings=terminations * len(films),
        matched=len(matches),
        considered=considered,
        left_out={
            "termination limit": len(faces.lost) * len(films),
            **_unmatched(matches, faces.kept, all_films, max_atoms),
            "list length": len(matches) - considered,
        },
    )


def _unmatched(
    matches: list[Match], faces: list[Face], films: list[Face], max_atoms: int
) -> dict[str, int]:
    """Pairings of a face with a film lattice that have no match, by :class:`SearchCounts`."""
    matched = {(id(match.substrate), match.film.lattice) for match in matches}
    left_out = {ATOMS: 0, STRAIN: 0}
    for face in faces:
        for lattice in dict.fromkeys(film.lattice for film in films):
            if (id(face), lattice) in matched:
                continue
            thinnest = min(film.atoms_per_area for film in films if film.lattice == lattice)
            smallest = len(face.slab) + thinnest * face_area(face.slab)
            left_out[ATOMS if smallest > max_atoms else STRAIN] += 1
    return left_out


def _best_matches(
    substrates: list[Face],
    films: list[Face],
    max_strain: float,
    strain_step: float,
    max_atoms: int,
) -> list[Match]:
    """Best match of each substrate face with each film lattice, in order of preference."""
    best: dict[tuple[int, str], Match] = {}
    # Faces of one facet share their in-plane lattice, and with it the superlattices.
    by_facet: dict[Miller, list[int]] = {}
    for i, substrate in enumerate(substrates):
        by_facet.setdefault(substrate.miller, []).append(i)
    for faces in by_facet.values():
        thinnest = min((substrates[i] for i in faces), key=lambda face: face.atoms_per_area)
        for film in films:
            for zsl, strains, area in _zsl_matches(thinnest, film, max_strain, max_atoms):
                for i in faces:
                    match = Match(film, substrates[i], zsl, strains, area)
                    known = best.get((i, film.lattice))
                    better = not known or match.order(strain_step) < known.order(strain_step)
                    if match.natoms <= max_atoms and better:
                        best[i, film.lattice] = match
    return sorted(best.values(), key=lambda match: match.order(strain_step))


def _zsl_matches(
    substrate: Face, film: Face, max_strain: float, max_atoms: int
) -> Iterator[tuple[ZSLMatch, tuple[float, float], float]]:
    """Yield common cells with the principal strains of the film and their area."""
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
        strains = _principal_strains(zsl)
        if max(map(abs, strains)) <= max_strain:
            yield zsl, strains, area


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
