"""Barriers and defect energies from the finished jobs of a migration flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from misei.screening.schemas import Provenance
from misei.screening.schemas_migration import HopDoc, MigrationDoc, OutOfReachDoc, SupercellStep
from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.structures.hop_networks import PercolatingNetwork, percolating_networks
from misei.structures.hops import HopGraph
from misei.structures.supercells import repeat_distance, supercell_matrix
from misei.workflows.engines import force_evaluations, is_converged
from misei.workflows.migration_plan import MigrationPlan, PlannedHop, plan_hops

# Equivalent defects relaxed apart differ by no more than this (eV) unless something moved that
# should not have.
ENERGY_TOLERANCE = 0.03
# The next supercell of a series has its images at least this much further apart, angstrom.
SUPERCELL_STEP = 1.0


def migration_document(
    plan: MigrationPlan,
    perfect: Any,
    defects: list[Any],
    guesses: list[PathGuess],
    paths: list[PathDoc],
    provenance: Provenance,
) -> MigrationDoc:
    """Combine defects and saddles into percolating barriers.

    Parameters
    ----------
    plan
        Hops, defects and where they lie.
    perfect
        Task document of the perfect supercell.
    defects
        Task documents of the relaxed defects, in the order of ``plan.sites``.
    guesses, paths
        In the order of ``plan.hops``.
    provenance
        Engine and settings.

    Returns
    -------
    MigrationDoc
        With E_f = E(vacancy) + mu - E(perfect), or E(interstitial) - mu - E(perfect).
    """
    formation = formation_energies(plan, perfect, defects)
    offset = formation[0] - defects[0].output.energy
    lowest, warnings = _orbit_energies(plan, formation)
    networks = _networks(plan, paths, lowest, offset)
    wandered = _wandered(plan, defects)
    finished = [
        _hop_document(planned, path, guess.mover, wandered, provenance)
        for planned, guess, path in zip(plan.hops, guesses, paths, strict=True)
        if path.state != "out of reach"
    ]
    relaxed = all(is_converged(defect) for defect in defects)
    searched = sum(path.force_evaluations for path in paths)
    return MigrationDoc(
        alloy=plan.cell.perfect.composition.reduced_formula,
        mobile_species=plan.cell.mobile_species,
        mechanism=plan.cell.mechanism,
        engine=provenance.engine,
        crystal=plan.cell.crystal,
        orbits=plan.orbits,
        hops=finished,
        hops_out_of_reach=[
            _out_of_reach(planned, path, offset - min(lowest))
            for planned, path in zip(plan.hops, paths, strict=True)
            if path.state == "out of reach"
        ],
        hops_not_computed=plan.left_out,
        barriers_by_dimension={str(d): network.barrier for d, network in networks.items()},
        vacancy_energies=lowest,
        supercell=plan.cell.matrix,
        natoms=len(plan.cell.ideal(plan.sites[0])),
        force_evaluations=plan.references_evaluations
        + sum(map(force_evaluations, [perfect, *defects]))
        + searched,
        converged=plan.references_converged and relaxed and all(hop.converged for hop in finished),
        warnings=[
            *warnings,
            *_unconverged(plan, defects),
            *(f"{hop.label}: {text}" for hop in finished for text in hop.warnings),
            *_network_warnings(plan, networks),
        ],
        provenance=provenance,
    )


def _unconverged(plan: MigrationPlan, defects: list[Any]) -> list[str]:
    return [
        f"{plan.cell.mechanism} on site {site} is not converged"
        for site, defect in zip(plan.sites, defects, strict=True)
        if not is_converged(defect)
    ]


def formation_energies(plan: MigrationPlan, perfect: Any, defects: list[Any]) -> list[float]:
    """Return the formation energy of each relaxed defect from the mobile element's metal, eV."""
    sign = 1.0 if plan.cell.mechanism == "vacancy" else -1.0
    offset = sign * plan.chemical_potential - perfect.output.energy
    return [float(defect.output.energy + offset) for defect in defects]


def highest_saddle_of_interest(
    plan: MigrationPlan, defects: list[Any], paths: list[PathDoc]
) -> float | None:
    """Saddle energy above which no hop can lie on a better network than those found, eV.

    None where the finished hops do not percolate, so that every hop is of interest.
    """
    lowest, _ = _orbit_energies(plan, [float(defect.output.energy) for defect in defects])
    networks = _networks(plan, paths, lowest, 0.0)
    return max((network.saddle_energy for network in networks.values()), default=None)


def _networks(
    plan: MigrationPlan, paths: list[PathDoc], lowest: list[float], offset: float
) -> dict[int, PercolatingNetwork]:
    """Percolating networks of the finished hops, in the scale of ``lowest``; ``offset`` to it."""
    finished = [k for k, path in enumerate(paths) if path.state != "out of reach"]
    networks = percolating_networks(
        plan.orbits,
        [plan.hops[k].hop for k in finished],
        [paths[k].saddle_energy + offset for k in finished],
        lowest,
    )
    return {
        dimension: replace(network, hops=tuple(finished[n] for n in network.hops))
        for dimension, network in networks.items()
    }


def _wandered(plan: MigrationPlan, defects: list[Any]) -> set[int]:
    """Sites whose defect moved away as it relaxed."""
    pairs = zip(plan.sites, defects, strict=True)
    return {site for site, defect in pairs if plan.cell.wandered(defect.structure, site)}


def _hop_document(
    planned: PlannedHop, path: PathDoc, mover: int, wandered: set[int], provenance: Provenance
) -> HopDoc:
    # Not a failure: where a defect has no minimum of its own (split vacancies) the path starts
    # from the minimum it fell into, and its saddle counts as any other.
    lost = sorted({source for source in planned.sources if source in wandered})
    hop = planned.hop
    return HopDoc(
        label=hop.label,
        sites=hop.orbits,
        distance=hop.distance,
        multiplicity=hop.multiplicity,
        edges=hop.edges,
        method=path.method,
        energies=path.energies,
        path_length=path.path_length,
        images=path.images,
        mover=mover,
        curvatures=path.curvatures,
        residual_force=path.residual_force,
        force_evaluations=path.force_evaluations,
        converged=path.converged,
        warnings=[
            *(f"the defect on supercell site {site} moved as it relaxed" for site in lost),
            *path.warnings,
        ],
        provenance=provenance,
    )


def _out_of_reach(planned: PlannedHop, path: PathDoc, offset: float) -> OutOfReachDoc:
    if path.lower_bound is None:
        raise AssertionError(f"{planned.hop.label} was given up without a bound")
    return OutOfReachDoc(
        label=planned.hop.label,
        distance=planned.hop.distance,
        multiplicity=planned.hop.multiplicity,
        lower_bound=path.lower_bound + offset,
        force_evaluations=path.force_evaluations,
    )


def _orbit_energies(plan: MigrationPlan, energies: list[float]) -> tuple[list[float], list[str]]:
    """Lowest energy of the defects relaxed on each orbit, eV, and doubts."""
    by_orbit: list[list[float]] = [[] for _ in plan.orbits]
    for orbit, energy in zip(plan.site_orbits, energies, strict=True):
        by_orbit[orbit].append(energy)
    warnings = [
        f"equivalent defects of orbit {orbit} relaxed to energies {max(found) - min(found):.3f} "
        "eV apart: the supercell breaks the symmetry or the crystal is unstable"
        for orbit, found in enumerate(by_orbit)
        if max(found) - min(found) > ENERGY_TOLERANCE
    ]
    return [min(found) for found in by_orbit], warnings


def _network_warnings(plan: MigrationPlan, networks: dict[int, PercolatingNetwork]) -> list[str]:
    if not networks:
        return ["no network of hops within the cutoff percolates"]
    if plan.left_out:
        return [f"upper bound: {len(plan.left_out)} longer hops within the cutoff not computed"]
    return []


def larger_supercell(
    plan: MigrationPlan,
    defects: list[Any],
    paths: list[PathDoc],
    documents: Sequence[MigrationDoc],
    tolerance: float,
    max_atoms: int,
) -> MigrationPlan | None:
    """Plan of the next supercell of a convergence series, or None where it ends.

    It ends when E_m and E_f changed by less than ``tolerance`` (eV) between the last two
    supercells, when nothing percolates, or when the next supercell, with periodic images
    :data:`SUPERCELL_STEP` further apart, has more than ``max_atoms``. Only the hops of the best
    network are computed again.
    """
    lowest, _ = _orbit_energies(plan, [float(defect.output.energy) for defect in defects])
    networks = _networks(plan, paths, lowest, 0.0)
    if not networks or _supercell_change(documents) < tolerance:
        return None
    best = min(networks.values(), key=lambda network: network.barrier)
    hops = [plan.hops[k].hop for k in best.hops]
    distance = repeat_distance(plan.cell.perfect.lattice) + SUPERCELL_STEP
    matrix = supercell_matrix(plan.cell.crystal, distance)
    cell = replace(plan.cell, matrix=matrix)
    if len(cell.perfect) > max_atoms:
        return None
    planned, sites, site_orbits = plan_hops(
        cell, HopGraph(plan.cell.crystal, plan.orbits, hops), hops
    )
    return replace(
        plan, cell=cell, hops=planned, later=[], left_out=[], sites=sites, site_orbits=site_orbits,
        references_evaluations=0,
    )  # fmt: skip


def _supercell_change(documents: Sequence[MigrationDoc]) -> float:
    """Largest change of E_m and E_f between the last two supercells, eV."""
    if len(documents) < 2:
        return float("inf")
    before, after = documents[-2:]
    return max(
        abs((after.migration_barrier or 0.0) - (before.migration_barrier or 0.0)),
        abs(after.vacancy_formation_energy - before.vacancy_formation_energy),
    )


def with_supercell_steps(documents: Sequence[MigrationDoc], tolerance: float) -> MigrationDoc:
    """Document of the largest supercell, with the hops that only the smallest one has.

    Parameters
    ----------
    documents
        Results of the series, smallest supercell first; hops other than those of the best
        network are in the first one only.
    tolerance
        Change of E_m and E_f that counts as converged, eV.
    """
    first, last = documents[0], documents[-1]
    again = {hop.label for hop in last.hops}
    change = _supercell_change(documents)
    warnings = [] if change < tolerance else [
        f"not converged with the supercell: {last.natoms} atoms, "
        + (f"last change {change:.3f} eV" if len(documents) > 1 else "no larger one was allowed")
    ]  # fmt: skip
    return last.model_copy(
        update={
            "hops": [*last.hops, *(hop for hop in first.hops if hop.label not in again)],
            "hops_out_of_reach": first.hops_out_of_reach,
            "hops_not_computed": first.hops_not_computed,
            "barriers_by_dimension": {
                **first.barriers_by_dimension, **last.barriers_by_dimension,
            },
            "supercell_steps": [_step(document) for document in documents],
            "force_evaluations": sum(document.force_evaluations for document in documents),
            "warnings": [*dict.fromkeys([*first.warnings, *last.warnings, *warnings])],
            "converged": all(document.converged for document in documents),
        }
    )  # fmt: skip


def _step(document: MigrationDoc) -> SupercellStep:
    if document.crystal is None:
        raise AssertionError("the document holds no crystal")
    supercell = document.crystal.make_supercell(document.supercell, in_place=False)
    return SupercellStep(
        natoms=document.natoms,
        image_distance=repeat_distance(supercell.lattice),
        migration_barrier=document.migration_barrier,
        formation_energy=document.vacancy_formation_energy,
        force_evaluations=document.force_evaluations,
    )
