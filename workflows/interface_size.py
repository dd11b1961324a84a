"""Convergence of W_ad with the thickness of both slabs and the vacuum.

Both slabs grow by 3.5 angstrom and the vacuum by 4 angstrom together, until W_ad changes by
less than the tolerance or the cell would have too many atoms. The last W_ad counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jobflow import Job, Response, job
from pymatgen.core import Structure

from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc
from misei.screening.schemas_registries import SamplingDoc
from misei.screening.schemas_surfaces import SizeStep
from misei.structures.interfaces import InterfaceCandidate, InterfaceLimits
from misei.structures.thicker import thicker_interface
from misei.workflows.adhesion_results import (
    Crystals,
    Parts,
    adhesion_document,
    interface_document,
    unique_evaluations,
)
from misei.workflows.interface_relaxation import relaxed_interface, sampling, second_energies
from misei.workflows.keys import keyed, replaced_by

if TYPE_CHECKING:
    from misei.workflows.adhesion import AdhesionMaker

THICKNESS_STEP = 3.5  # angstrom, of each slab
VACUUM_STEP = 4.0  # angstrom


def size_step(
    interface: InterfaceDoc, candidate: InterfaceCandidate, limits: InterfaceLimits, spent: int
) -> SizeStep:
    """One step of the convergence as it goes into the document."""
    return SizeStep(
        film_thickness=_height(candidate.film),
        substrate_thickness=_height(candidate.substrate),
        vacuum=limits.vacuum,
        natoms=candidate.natoms,
        value=interface.work_of_adhesion,
        force_evaluations=spent,
    )


def _height(slab: Structure) -> float:
    return float(np.ptp(slab.cart_coords[:, 2]))


def next_size(
    maker: AdhesionMaker,
    crystals: Crystals,
    interfaces: list[InterfaceDoc],
    number: int,
    candidate: InterfaceCandidate,
    steps: list[SizeStep],
    spent: int,
    warnings: list[str],
) -> AdhesionDoc | Response[Any]:
    """Go on with thicker slabs, or end where W_ad stands still or the cell gets too large.

    Parameters
    ----------
    maker
        Settings.
    crystals
        What the interfaces are made of.
    interfaces
        Relaxed; one of them is repeated with growing slabs.
    number
        Its index.
    candidate
        It as cut first.
    steps
        Sizes so far.
    spent
        Force evaluations so far.
    warnings
        Of the search.
    """
    if len(steps) > 1 and abs(steps[-1].value - steps[-2].value) < maker.tolerance:
        return adhesion_document(maker, crystals, interfaces, spent, warnings, steps, True)
    limits = _grown(maker.limits, len(steps))
    film = crystals.film.crystals[candidate.film_lattice]
    thicker = thicker_interface(candidate, crystals.crystal, film, limits)
    if thicker is None or thicker.natoms > maker.converge_max_atoms:
        return adhesion_document(maker, crystals, interfaces, spent, warnings, steps, False)
    jobs: dict[str, Job] = {}
    label = f"{crystals.alloy} thicker {len(steps)}"
    sampled = sampling(maker, thicker, label, jobs)
    relax = keyed(
        relax_thicker(
            maker, crystals, interfaces, number, candidate, thicker, sampled, steps, spent, warnings
        )
    )
    relax.name = f"{label} relax"
    return replaced_by([*jobs.values(), relax])


def _grown(limits: InterfaceLimits, steps: int) -> InterfaceLimits:
    return replace(
        limits,
        film_thickness=limits.film_thickness + steps * THICKNESS_STEP,
        substrate_thickness=limits.substrate_thickness + steps * THICKNESS_STEP,
        vacuum=limits.vacuum + steps * VACUUM_STEP,
    )


@job(output_schema=AdhesionDoc)
def relax_thicker(
    maker: AdhesionMaker,
    crystals: Crystals,
    interfaces: list[InterfaceDoc],
    number: int,
    candidate: InterfaceCandidate,
    thicker: InterfaceCandidate,
    sampled: SamplingDoc,
    steps: list[SizeStep],
    spent: int,
    warnings: list[str],
) -> Response[Any]:
    """Relax the thicker interface with its slabs."""
    jobs: dict[str, Job] = {}
    label = f"{crystals.alloy} thicker {len(steps)}"
    parts, start = relaxed_interface(maker, thicker, sampled, label, jobs)
    if maker.energy_engine is not None:
        parts = second_energies(maker, parts, start, label, jobs)
    judge = keyed(
        judge_size(
            maker, crystals, interfaces, number, candidate, thicker, sampled, parts, steps, spent,
            warnings,
        )
    )  # fmt: skip
    judge.name = f"{label} compare"
    return replaced_by([*jobs.values(), judge])


@job(output_schema=AdhesionDoc)
def judge_size(
    maker: AdhesionMaker,
    crystals: Crystals,
    interfaces: list[InterfaceDoc],
    number: int,
    candidate: InterfaceCandidate,
    thicker: InterfaceCandidate,
    sampled: SamplingDoc,
    parts: Parts,
    steps: list[SizeStep],
    spent: int,
    warnings: list[str],
) -> AdhesionDoc | Response[Any]:
    """Put the thicker interface in the place of the thinner one, and compare their W_ad."""
    interface = interface_document(maker, crystals, thicker, sampled, parts)
    cost = sampled.force_evaluations + unique_evaluations([parts])
    limits = _grown(maker.limits, len(steps))
    steps = [*steps, size_step(interface, thicker, limits, cost)]
    interfaces = [*interfaces[:number], interface, *interfaces[number + 1 :]]
    return next_size(maker, crystals, interfaces, number, candidate, steps, spent + cost, warnings)
