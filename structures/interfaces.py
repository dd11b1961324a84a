"""Coherent film | substrate interfaces: lattice matching, stacking and in-plane registry.

The film (soft, Li) takes all the strain. A cell holds one interface and one vacuum; film
and substrate slabs are the two parts of the interface in the same cell, so that the work of
adhesion W_ad = (E_film + E_substrate - E_interface) / A of a crystal on itself in perfect
registry is 2 gamma.

Matching is that of Zur and McGill, J. Appl. Phys. 55, 378 (1984), by pymatgen. Its
CoherentInterfaceBuilder is not used: it merges terminations that differ only in the face
that points up, and rebuilds every slab for every pair of facets.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.core.interface import Interface
from pymatgen.core.surface import Slab

from misei.structures.lattice_matching import Facet, Match, matches_within_limits
from misei.structures.registry import (
    Contacts,
    Registry,
    contact_distances,
    find_registries,
    registry_cell,
)
from misei.structures.slabs import (
    COORDINATE_DECIMALS,
    Miller,
    distinct_terminations,
    facet_generator,
    facet_slab,
    low_index_millers,
)

# Terminations named in a warning; the others are counted.
NAMED_TERMINATIONS = 3


class InterfaceError(ValueError):
    """No interface exists within the limits."""


@dataclass(frozen=True)
class InterfaceLimits(MSONable):  # type: ignore[misc]
    """What an interface cell may be.

    Attributes
    ----------
    max_strain
        Largest principal strain of the film (1 = 100 %).
    strain_step
        Cells are compared by strain in steps of this size; within one step the smaller cell
        is better.
    max_atoms
        Atoms that are aimed at; exceeded with a warning up to ``hard_max_atoms``.
    max_miller
        Largest Miller index of film and substrate facets.
    film_thickness, substrate_thickness, vacuum
        Angstrom.
    max_terminations
        Terminations per facet, those cut at the widest spacing of planes first.
    registries
        In-plane registries per candidate.
    """

    max_strain: float = 0.07
    strain_step: float = 0.03
    max_atoms: int = 150
    hard_max_atoms: int = 250
    max_miller: int = 1
    film_thickness: float = 8.0
    substrate_thickness: float = 8.0
    vacuum: float = 12.0
    max_terminations: int = 4
    registries: int = 3


@dataclass(frozen=True)
class InterfaceCandidate(MSONable):  # type: ignore[misc]
    """One match of two facets, with its slabs and registries.

    Attributes
    ----------
    film, substrate
        The parts of the interface, in its cell, each where the interface has it before the
        film is shifted and lifted.
    registries
        In-plane shifts and gaps of the film, the most closely nested first.
    film_lattice
        Name of the film crystal, e.g. ``bcc``.
    film_miller, substrate_miller
        In the conventional cells.
    termination
        Faces at the interface, film then substrate.
    area
        Angstrom^2.
    strain
        Principal strain of the film that is largest in magnitude, signed.
    """

    film: Structure
    substrate: Structure
    registries: list[Registry]
    film_lattice: str
    film_miller: Miller
    substrate_miller: Miller
    termination: str
    area: float
    strain: float

    @property
    def natoms(self) -> int:
        """Atoms of the interface."""
        return len(self.film) + len(self.substrate)

    def interface(self, registry: Registry) -> Structure:
        """Interface in one registry: substrate atoms first, then film atoms."""
        shift = np.array([*registry.shift, registry.gap / self.film.lattice.c])
        interface = self.substrate.copy()
        for site in self.film:
            interface.append(site.species, site.frac_coords + shift)
        return interface


@dataclass(frozen=True)
class CandidateSearch(MSONable):  # type: ignore[misc]
    """Candidates in order of preference, and what a reader must know of the search."""

    candidates: list[InterfaceCandidate]
    warnings: list[str]


def find_interfaces(
    substrate: Structure,
    films: dict[str, Structure],
    limits: InterfaceLimits | None = None,
    max_candidates: int = 8,
) -> CandidateSearch:
    """Smallest well-matched interfaces of film crystals on the low-index facets of a substrate.

    Each facet of the substrate gives its best match with each film lattice: the smallest
    cell in the lowest step of strain, over the facets of the film. Every
    termination (up to the limit) of a match is a candidate of its own; candidates are taken
    from the matches in turn, so that a short list covers the facets.

    Parameters
    ----------
    substrate
        Relaxed crystal of the alloy, any cell.
    films
        Relaxed centrosymmetric crystals of the film by name, e.g. ``bcc``, ``fcc``.
    limits
        Size, strain and thickness; default :class:`InterfaceLimits`.
    max_candidates
        Length of the list.

    Returns
    -------
    CandidateSearch
        At least one candidate.

    Raises
    ------
    InterfaceError
        When nothing matches under the strain limit and the hard limit of atoms.
    """
    limits = limits or InterfaceLimits()
    sub_facets, lost = _facets("substrate", substrate, limits.substrate_thickness, limits)
    film_facets: list[Facet] = []
    for name, film in films.items():
        film_facets += _facets(name, film, limits.film_thickness, limits)[0]
    warnings = [_left_out(lost)] if lost else []
    matches = matches_within_limits(
        sub_facets,
        film_facets,
        limits.max_strain,
        limits.strain_step,
        limits.max_atoms,
        limits.hard_max_atoms,
    )
    if not matches:
        raise InterfaceError(
            f"{substrate.composition.reduced_formula}: no interface within "
            f"max_strain={limits.max_strain:g} and {limits.hard_max_atoms} atoms"
        )
    if matches[0].natoms > limits.max_atoms:
        warnings.append(
            f"the smallest interface has about {matches[0].natoms} atoms, "
            f"over max_atoms={limits.max_atoms}"
        )
    pairings = _in_turn(matches)
    if len(pairings) > max_candidates:
        warnings.append(f"{max_candidates} of {len(pairings)} matched terminations considered")
    contacts = {name: contact_distances(film, substrate) for name, film in films.items()}
    candidates = [
        _candidate(match, faces, contacts[match.film.lattice], limits)
        for match, faces in pairings[:max_candidates]
    ]
    return CandidateSearch(candidates, warnings)


def _left_out(terminations: list[str]) -> str:
    shown = ", ".join(terminations[:NAMED_TERMINATIONS])
    more = len(terminations) - NAMED_TERMINATIONS
    and_more = f" and {more} more" if more > 0 else ""
    return f"{len(terminations)} terminations left out (narrower cuts): {shown}{and_more}"


def _facets(
    name: str, crystal: Structure, thickness: float, limits: InterfaceLimits
) -> tuple[list[Facet], list[str]]:
    """Low-index facets with their widest terminations, and the labels of those left out."""
    facets, lost = [], []
    for miller in low_index_millers(crystal, limits.max_miller):
        generator = facet_generator(crystal, miller, thickness, limits.vacuum)
        found = distinct_terminations(generator)
        kept = found[: limits.max_terminations]
        lost += [f"{miller} {t.label}" for t in found[limits.max_terminations :]]
        slabs = [facet_slab(generator, termination, thickness) for termination in kept]
        facets.append(Facet(name, miller, kept, slabs))
    return facets, lost


def _in_turn(matches: list[Match]) -> list[tuple[Match, tuple[int, int]]]:
    """First terminations of all matches, then second ones: (match, (film, substrate) index)."""
    queues = [
        [
            (match, (f, s))
            for s in range(len(match.substrate.slabs))
            for f in range(len(match.film.slabs))
        ]
        for match in matches
    ]
    return [pair for round_ in zip_longest(*queues) for pair in round_ if pair is not None]


def _candidate(
    match: Match, faces: tuple[int, int], contacts: Contacts, limits: InterfaceLimits
) -> InterfaceCandidate:
    film_cells = _cells(match.film.vectors, match.zsl.film_sl_vectors)
    substrate_cells = _cells(match.substrate.vectors, match.zsl.substrate_sl_vectors)
    stack = Interface.from_slabs(
        _repeated(match.substrate.slabs[faces[1]], substrate_cells),
        _repeated(match.film.slabs[faces[0]], film_cells),
        gap=0.0,
        # No gap is wider than the longest contact.
        vacuum_over_film=limits.vacuum + max(contacts.values()),
    )
    substrate, cell = _part(stack, "substrate"), registry_cell(film_cells, substrate_cells)
    films = [_part(stack, "film"), _turned(_part(stack, "film"))]
    registries = [find_registries(f, substrate, cell, contacts, limits.registries) for f in films]
    nested = min((0, 1), key=lambda i: round(registries[i][0].gap, 3))
    labels = (match.film.terminations[faces[0]], match.substrate.terminations[faces[1]])
    return InterfaceCandidate(
        film=films[nested],
        substrate=substrate,
        registries=registries[nested],
        film_lattice=match.film.lattice,
        film_miller=match.film.miller,
        substrate_miller=match.substrate.miller,
        termination=" | ".join(termination.label for termination in labels),
        area=match.area,
        strain=match.strain,
    )


def _cells(vectors: NDArray[np.float64], cell: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    return np.rint(np.array(cell) @ np.linalg.pinv(vectors)).astype(int)


def _repeated(slab: Slab, cells: NDArray[np.int64]) -> Slab:
    matrix = np.eye(3, dtype=int)
    matrix[:2, :2] = cells
    return slab.make_supercell(matrix, in_place=False)


def _turned(film: Structure) -> Structure:
    """Film turned by 180 degrees about its normal.

    pymatgen stacks the film's mirror image, for a centrosymmetric crystal the same as this
    turn: on (111) it makes a twin of what would continue a crystal. Both are tried.
    """
    coords = film.frac_coords * np.array([-1, -1, 1])
    return Structure(film.lattice, film.species, coords + 0.0)


def _part(stack: Interface, label: str) -> Structure:
    sites = [s for s in stack if s.properties["interface_label"] == label]
    # Rounded, so that the same search gives the same structures (and job keys) everywhere.
    coords = np.round([s.frac_coords for s in sites], COORDINATE_DECIMALS) + 0.0
    matrix = np.round(stack.lattice.matrix, COORDINATE_DECIMALS) + 0.0
    return Structure(matrix, [s.species for s in sites], coords).get_sorted_structure()
