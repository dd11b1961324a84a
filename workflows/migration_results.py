"""Barriers and vacancy energies from the finished jobs of a migration flow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from emmet.core.neb import NebResult
from monty.json import MSONable
from pymatgen.core import Structure

from misei.screening.schemas import Provenance
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.structures.hop_networks import percolating_barriers
from misei.structures.hops import Hop
from misei.structures.vacancies import HopEndpoints, vacancy_wandered
from misei.workflows.engines import force_evaluations, is_converged, residual_force

# Equivalent vacancies relaxed apart, or an image below both ends, differ by no more than
# this (eV) unless something moved that should not have.
ENERGY_TOLERANCE = 0.03


@dataclass(frozen=True)
class MigrationPlan(MSONable):
    """What a migration flow computes, known once the crystal is relaxed.

    Attributes
    ----------
    crystal
        Relaxed primitive cell.
    orbits
        Sites of each orbit of the mobile element.
    hops, endpoints
        Hops to compute and where each lies in the supercell.
    hops_left_out
        Labels of the other hops up to the cutoff.
    matrix
        Supercell matrix on the primitive cell.
    vacancies
        Sites of the perfect supercell that are emptied, first one per orbit.
    chemical_potential
        Energy of the metal of the mobile element, eV/atom.
    references_converged, references_evaluations
        Of the relaxations of crystal and metal.
    """

    crystal: Structure
    orbits: list[list[int]]
    hops: list[Hop]
    endpoints: list[HopEndpoints]
    hops_left_out: list[str]
    matrix: list[list[int]]
    vacancies: list[int]
    chemical_potential: float
    references_converged: bool
    references_evaluations: int

    @property
    def orbit_of_vacancy(self) -> dict[int, int]:
        """Orbit of each vacant supercell site."""
        orbit_of = {self.vacancies[k]: k for k in range(len(self.orbits))}
        for hop, ends in zip(self.hops, self.endpoints, strict=True):
            orbit_of[ends.initial], orbit_of[ends.final] = hop.orbits
        return orbit_of


def migration_document(
    mobile_species: str,
    plan: MigrationPlan,
    perfect: Any,
    vacancies: list[Any],
    bands: list[NebResult],
    provenance: Provenance,
) -> MigrationDoc:
    """Combine vacancies and bands into percolating barriers.

    Parameters
    ----------
    mobile_species
        Element that moves.
    plan
        Hops, vacancies and where they lie.
    perfect
        Task document of the perfect supercell.
    vacancies
        Task documents of the relaxed vacancies, in the order of ``plan.vacancies``.
    bands
        In the order of ``plan.hops``.
    provenance
        Engine and settings.

    Returns
    -------
    MigrationDoc
        With E_f = E(vacancy) + mu - E(perfect), and barriers from the saddles.
    """
    supercell = plan.crystal.make_supercell(plan.matrix, in_place=False)
    documents = dict(zip(plan.vacancies, vacancies, strict=True))
    moved = {
        site
        for site, document in documents.items()
        if vacancy_wandered(supercell, document.structure, site)
    }
    hops = [
        _hop_document(hop, ends, band, moved, provenance)
        for hop, ends, band in zip(plan.hops, plan.endpoints, bands, strict=True)
    ]
    offset = plan.chemical_potential - perfect.output.energy
    formation = {site: doc.output.energy + offset for site, doc in documents.items()}
    lowest, warnings = _orbit_energies(plan, formation)
    barriers = percolating_barriers(
        plan.orbits, plan.hops, [max(hop.energies) + offset for hop in hops], lowest
    )
    unconverged = [site for site, doc in documents.items() if not is_converged(doc)]
    return MigrationDoc(
        alloy=plan.crystal.composition.reduced_formula,
        mobile_species=mobile_species,
        engine=provenance.engine,
        hops=hops,
        hops_not_computed=plan.hops_left_out,
        barriers_by_dimension={str(d): barrier for d, barrier in barriers.items()},
        vacancy_energies=lowest,
        supercell=plan.matrix,
        natoms=len(supercell) - 1,
        force_evaluations=plan.references_evaluations
        + sum(map(force_evaluations, [perfect, *vacancies, *bands])),
        converged=plan.references_converged
        and not unconverged
        and all(hop.converged for hop in hops),
        warnings=[
            *warnings,
            *(f"vacancy on supercell site {site} is not converged" for site in unconverged),
            *(f"{hop.label}: {text}" for hop in hops for text in hop.warnings),
            *_network_warnings(plan, barriers),
        ],
        provenance=provenance,
    )


def _hop_document(
    hop: Hop, ends: HopEndpoints, band: NebResult, moved: set[int], provenance: Provenance
) -> HopDoc:
    energies = [float(energy) for energy in band.energies or []]
    wandered = [site for site in (ends.initial, ends.final) if site in moved]
    # Not a failure: where a vacancy has no minimum of its own (split vacancies) the band starts
    # from the minimum it fell into, and its saddle counts as any other.
    warnings = [f"the vacancy on supercell site {site} moved as it relaxed" for site in wandered]
    if not is_converged(band):
        warnings.append(f"band not converged: residual force {residual_force(band):.3f} eV/A")
    if min(energies) < min(energies[0], energies[-1]) - ENERGY_TOLERANCE:
        warnings.append("the band passes a lower minimum between its ends")
    return HopDoc(
        label=hop.label,
        sites=hop.orbits,
        distance=hop.distance,
        multiplicity=hop.multiplicity,
        energies=energies,
        path_length=_path_length(band),
        residual_force=residual_force(band),
        force_evaluations=force_evaluations(band),
        converged=is_converged(band),
        warnings=warnings,
        provenance=provenance,
    )


def _path_length(band: NebResult) -> list[float]:
    """Cumulative length of the band in the space of all coordinates, angstrom."""
    images = band.images or []
    total = [0.0]
    for before, after in pairwise(images):
        step = after.frac_coords - before.frac_coords
        cartesian = (step - np.rint(step)) @ before.lattice.matrix
        total.append(total[-1] + float(np.linalg.norm(cartesian)))
    return total


def _orbit_energies(
    plan: MigrationPlan, formation: dict[int, float]
) -> tuple[list[float], list[str]]:
    """Lowest formation energy of the vacancies relaxed on each orbit, eV, and doubts."""
    energies: list[list[float]] = [[] for _ in plan.orbits]
    for site, orbit in plan.orbit_of_vacancy.items():
        energies[orbit].append(formation[site])
    warnings = [
        f"equivalent vacancies of orbit {orbit} relaxed to energies {max(found) - min(found):.3f} "
        "eV apart: the supercell breaks the symmetry or the crystal is unstable"
        for orbit, found in enumerate(energies)
        if max(found) - min(found) > ENERGY_TOLERANCE
    ]
    lowest = [min(found) for found in energies]
    if min(lowest) < 0.0:
        warnings.append(
            f"vacancies form spontaneously (E_f = {min(lowest):.2f} eV against the metal): "
            "structural vacancies, E_m is the activation energy"
        )
    stable = lowest.index(min(lowest))
    if plan.hops and not any(stable in hop.orbits for hop in plan.hops):
        warnings.append(f"the most stable vacancy (orbit {stable}) lies on no computed hop")
    return lowest, warnings


def _network_warnings(plan: MigrationPlan, barriers: dict[int, float]) -> list[str]:
    warnings = []
    if plan.hops_left_out and barriers:
        warnings.append(
            f"upper bound: {len(plan.hops_left_out)} longer hops within the cutoff not computed"
        )
    if not barriers:
        warnings.append("no network of hops within the cutoff percolates")
    return warnings
