"""Coherent film | substrate interfaces: lattice matching, stacking and in-plane registry.

The film (soft, Li) takes all the strain, the substrate none: the strain energy per area is
(E_film - film_cells E_film_unstrained) / A, both slabs relaxed. A cell holds one interface
and one vacuum; film and substrate slabs are the two parts of the interface in the same cell,
so that the work of adhesion W_ad = (E_film + E_substrate - E_interface) / A of a crystal on
itself in perfect registry is 2 gamma.

Matching is that of Zur and McGill, J. Appl. Phys. 55, 378 (1984), by pymatgen. Its
CoherentInterfaceBuilder is not used: it merges terminations that differ only in the face
that points up, and rebuilds every slab for every pair of facets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.core.interface import Interface
from pymatgen.core.surface import Slab

from misei.structures.facets import Miller
from misei.structures.lattice_matching import (
    Match,
    SearchCounts,
    in_turn,
    low_index_faces,
    matches_within_limits,
    search_counts,
)
from misei.structures.registry import (
    Contacts,
    Registry,
    contact_distances,
    find_registries,
    registry_cell,
)
from misei.structures.slabs import (
    COORDINATE_DECIMALS,
    SlabFacts,
    centred_in_vacuum,
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
    film_thickness, substrate_thickness
        Least thickness of crystal, from cut to cut, angstrom.
    vacuum
        Angstrom.
    max_terminations
        Terminations per facet, non-polar ones and those cut at the widest spacing of planes
        first; a limit of cost. Default all.
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
    max_terminations: int | None = None
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
    film_strains, substrate_strains
        Principal strains, signed; those of the substrate are zero by construction.
    film_unstrained
        The film's slab of the same facet and thickness in its own primitive in-plane cell,
        unstrained, with the vacuum of the limits: one structure for all substrates.
    film_cells
        How many of it make the film.
    substrate_facts
        Faces, stoichiometry and polarity of the substrate's slab.
    """

    film: Structure
    substrate: Structure
    registries: list[Registry]
    film_lattice: str
    film_miller: Miller
    substrate_miller: Miller
    termination: str
    area: float
    film_strains: tuple[float, float]
    film_unstrained: Structure
    film_cells: int
    substrate_facts: SlabFacts
    substrate_strains: tuple[float, float] = (0.0, 0.0)

    @property
    def strain(self) -> float:
        """Principal strain of the film that is largest in magnitude, signed."""
        return max(self.film_strains, key=abs)

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
    counts: SearchCounts


def find_interfaces(
    substrate: Structure,
    films: dict[str, Structure],
    limits: InterfaceLimits | None = None,
    max_candidates: int = 8,
) -> CandidateSearch:
    """Smallest well-matched interfaces of film crystals on the low-index facets of a substrate.

    Each termination of the substrate gives its best match with each film lattice: the
    smallest cell in the lowest step of strain, over the facets of the film. Candidates are
    taken from the facets in turn, so that a short list covers them, polar terminations last
    (where no other one matches, larger cells are tried for those first).

    Parameters
    ----------
    substrate
        Relaxed crystal of the alloy, any cell.
    films
        Relaxed centrosymmetric crystals of an element by name, e.g. ``bcc``, ``fcc``.
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
    cut = (limits.vacuum, limits.max_miller, limits.max_terminations)
    faces = low_index_faces("substrate", substrate, limits.substrate_thickness, *cut)
    film_faces = [low_index_faces(n, f, limits.film_thickness, *cut) for n, f in films.items()]
    all_films = [face for found in film_faces for face in found.kept]
    matches = matches_within_limits(
        faces.kept,
        all_films,
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
    chosen = in_turn(matches, faces.kept)[:max_candidates]
    counts = search_counts(faces, film_faces, matches, len(chosen), limits.max_atoms)
    contacts = {name: contact_distances(film, substrate) for name, film in films.items()}
    candidates = [_candidate(match, contacts[match.film.lattice], limits) for match in chosen]
    return CandidateSearch(candidates, _warnings(counts, faces.lost, chosen, limits), counts)


def _warnings(
    counts: SearchCounts, lost: list[str], chosen: list[Match], limits: InterfaceLimits
) -> list[str]:
    warnings = []
    if lost:
        shown = ", ".join(lost[:NAMED_TERMINATIONS])
        more = len(lost) - NAMED_TERMINATIONS
        and_more = f" and {more} more" if more > 0 else ""
        warnings.append(
            f"{len(lost)} terminations left out (narrower cuts or polar): {shown}{and_more}"
        )
    large = [match.natoms for match in chosen if match.natoms > limits.max_atoms]
    if large:
        warnings.append(
            f"{len(large)} of {len(chosen)} interfaces have more than "
            f"max_atoms={limits.max_atoms} atoms, up to {max(large)}"
        )
    if polar := sum(match.substrate.facts.polar is True for match in chosen):
        warnings.append(f"{polar} of {len(chosen)} interfaces are polar (Tasker type 3)")
    if counts.considered < counts.matched:
        warnings.append(f"{counts.considered} of {counts.matched} matched terminations considered")
    return warnings


def _candidate(match: Match, contacts: Contacts, limits: InterfaceLimits) -> InterfaceCandidate:
    film_cells = _cells(match.film.vectors, match.zsl.film_sl_vectors)
    substrate_cells = _cells(match.substrate.vectors, match.zsl.substrate_sl_vectors)
    stack = Interface.from_slabs(
        _repeated(match.substrate.slab, substrate_cells),
        _repeated(match.film.slab, film_cells),
        gap=0.0,
        # No gap is wider than the longest contact.
        vacuum_over_film=limits.vacuum + max(contacts.values()),
    )
    substrate, cell = _part(stack, "substrate"), registry_cell(film_cells, substrate_cells)
    films = [_part(stack, "film"), _turned(_part(stack, "film"))]
    registries = [find_registries(f, substrate, cell, contacts, limits.registries) for f in films]
    nested = min((0, 1), key=lambda i: round(registries[i][0].gap, 3))
    return InterfaceCandidate(
        film=films[nested],
        substrate=substrate,
        registries=registries[nested],
        film_lattice=match.film.lattice,
        film_miller=match.film.miller,
        substrate_miller=match.substrate.miller,
        termination=f"{match.film.termination.label} | {match.substrate.termination.label}",
        area=match.area,
        film_strains=match.strains,
        film_unstrained=centred_in_vacuum(match.film.slab, limits.vacuum),
        film_cells=abs(round(np.linalg.det(film_cells))),
        substrate_facts=match.substrate.facts,
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
