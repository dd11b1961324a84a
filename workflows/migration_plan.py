"""What a migration flow computes: hops in a supercell, and the first guess of each path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.build import bulk
from jobflow import job
from monty.json import MSONable
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_paths import PathGuess
from misei.structures.defects import DefectCell, HopEndpoints, interpolate_path, place_hops
from misei.structures.hop_symmetry import SupercellSymmetry, carried, find_swap
from misei.structures.hops import Hop, HopGraph
from misei.structures.supercells import primitive_cell

# Lattice constants of two engines differ by less; hops that differ by more are not the same.
SAME_HOP = 0.1


@dataclass(frozen=True)
class PlannedHop(MSONable):
    """A hop, where it lies in the supercell, and what its ends are carried from.

    Attributes
    ----------
    hop, ends
        The hop and its place.
    sources
        Relaxed sites of the plan that a symmetry operation carries onto the two ends.
    """

    hop: Hop
    ends: HopEndpoints
    sources: tuple[int, int]


@dataclass(frozen=True)
class MigrationPlan(MSONable):
    """What a migration flow computes, known once the crystal is relaxed.

    Attributes
    ----------
    cell
        Supercell and mechanism.
    orbits
        Sites of each orbit that the defect visits, in the primitive cell.
    hops
        Hops to compute.
    later
        Hops to compute only as far as they could lie on the best network.
    left_out
        Labels of the other hops up to the cutoff.
    sites, site_orbits
        Sites of the supercell on which a defect is relaxed, and the orbit of each.
    chemical_potential
        Energy of the metal of the mobile element, eV/atom.
    references_converged, references_evaluations
        Of the relaxations of crystal and metal.
    """

    cell: DefectCell
    orbits: list[list[int]]
    hops: list[PlannedHop]
    later: list[PlannedHop]
    left_out: list[str]
    sites: list[int]
    site_orbits: list[int]
    chemical_potential: float
    references_converged: bool
    references_evaluations: int


def plan_hops(
    cell: DefectCell, graph: HopGraph, hops: Sequence[Hop]
) -> tuple[list[PlannedHop], list[int], list[int]]:
    """Place hops in the supercell, with one relaxed defect per orbit where symmetry allows.

    A defect of the same orbit that no operation of the supercell carries there (the supercell
    may be less symmetric than the crystal) is relaxed itself.

    Returns
    -------
    planned
        One per hop.
    sites, site_orbits
        Defects to relax and their orbits, first one per orbit.
    """
    _, endpoints = place_hops(cell, hops, graph.origins)
    sites, _ = place_hops(cell, [], graph.origins)
    site_orbits = list(range(len(sites)))
    symmetry = SupercellSymmetry.of(cell.perfect)
    source_of: dict[int, int] = {site: site for site in sites}

    def source(site: int, orbit: int) -> int:
        if site not in source_of:
            first = sites[orbit]
            ideal = cell.ideal(first)
            found = carried(
                symmetry, ideal, ideal, cell.point(first), cell.ideal(site), cell.point(site)
            )
            source_of[site] = site if found is None else first
            if found is None:
                sites.append(site)
                site_orbits.append(orbit)
        return source_of[site]

    planned = []
    for hop, ends in zip(hops, endpoints, strict=True):
        pair = (source(ends.initial, hop.orbits[0]), source(ends.final, hop.orbits[1]))
        planned.append(PlannedHop(hop, ends, pair))
    return planned, sites, site_orbits


@job(output_schema=PathGuess)
def guess_path(
    cell: DefectCell,
    planned: PlannedHop,
    relaxed: Sequence[Structure],
    energies: Sequence[float],
    n_images: int,
    give_up_above: float | None = None,
    known: Sequence[Structure] | None = None,
) -> PathGuess:
    """Make the first guess of a path between two relaxed defects.

    Parameters
    ----------
    cell
        Supercell and mechanism.
    planned
        The hop.
    relaxed, energies
        Relaxed defects on ``planned.sources``, and their energies in eV.
    n_images
        Images between the ends.
    give_up_above
        Energy in eV above which a saddle is of no interest.
    known
        Path of another engine in its own supercell, whose displacements are taken over.

    Returns
    -------
    PathGuess
        Ends carried from the relaxed defects by symmetry, images between them by IDPP.
    """
    symmetry = SupercellSymmetry.of(cell.perfect)
    ideal_initial, ideal_final, mover = cell.ideal_ends(planned.ends)
    initial = _carry(symmetry, cell, planned, 0, relaxed[0], ideal_initial)
    swap = find_swap(symmetry, ideal_initial, ideal_final, mover)
    if swap is None:
        final = _carry(symmetry, cell, planned, 1, relaxed[1], ideal_final)
    else:
        # Both ends relaxed alike, whatever symmetry the defect itself has lost.
        final = swap.image(initial)
    if known is None:
        images = interpolate_path(initial, final, n_images)
    else:
        images = [initial, *_taken_over(known, initial), final]
    return PathGuess(
        images=images,
        end_energies=(energies[0], energies[0] if swap else energies[1]),
        mover=mover,
        swap=swap,
        give_up_above=give_up_above,
    )


def _carry(
    symmetry: SupercellSymmetry,
    cell: DefectCell,
    planned: PlannedHop,
    end: int,
    relaxed: Structure,
    target: Structure,
) -> Structure:
    source = planned.sources[end]
    site = (planned.ends.initial, planned.ends.final)[end]
    structure = carried(
        symmetry, relaxed, cell.ideal(source), cell.point(source), target, cell.point(site)
    )
    if structure is None:
        raise AssertionError(f"no operation carries the defect on site {source} to {site}")
    return structure


def labelled_as(graph: HopGraph, known: MigrationDoc) -> HopGraph:
    """Give hops the labels that another engine's document has for them.

    A label holds the length of its hop, which differs between the crystals of two engines; the
    edges, sites with lattice vectors, do not.

    Parameters
    ----------
    graph
        Hops of this engine's crystal, whose sites are in the order of the other's.
    known
        What the other engine found.
    """
    labels = {
        edge: (hop.label, hop.distance) for hop in known.hops for edge in _directed(hop.edges)
    }

    def relabelled(hop: Hop) -> Hop:
        found = [labels[edge] for edge in _directed(hop.edges) if edge in labels]
        same = [label for label, distance in found if abs(distance / hop.distance - 1) < SAME_HOP]
        return replace(hop, label=same[0]) if same else hop

    return replace(graph, hops=[relabelled(hop) for hop in graph.hops])


def _directed(edges: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """Edges (i, j, a, b, c) in both directions."""
    return [edge for i, j, a, b, c in edges for edge in ((i, j, a, b, c), (j, i, -a, -b, -c))]


def known_ends(plan: MigrationPlan, known: MigrationDoc) -> dict[int, Structure]:
    """Relaxed defects of another engine, by the site of this one's supercell that they are on.

    Parameters
    ----------
    plan
        Of this engine, with the supercell matrix of the other.
    known
        What the other engine found.
    """
    images = {hop.label: hop.images for hop in known.hops if hop.images}
    ends: dict[int, Structure] = {}
    for planned in plan.hops:
        site, path = planned.ends.initial, images.get(planned.hop.label)
        if site in plan.sites and path:
            ideal = plan.cell.ideal(site)
            ends[site] = Structure(ideal.lattice, ideal.species, path[0].frac_coords)
    return ends


def _taken_over(known: Sequence[Structure], initial: Structure) -> list[Structure]:
    """Images between the ends of another engine's path, in this engine's supercell."""
    images, before = [], initial.frac_coords
    for image in known[1:-1]:
        # An ideal coordinate of 0 for one engine may be 1 for the other.
        before = image.frac_coords - np.rint(image.frac_coords - before)
        images.append(Structure(initial.lattice, initial.species, before))
    return images


def elemental_crystal(element: str) -> Structure:
    """Return ASE's reference state: the element's stable crystal at ambient conditions."""
    return primitive_cell(AseAtomsAdaptor.get_structure(bulk(element)))
