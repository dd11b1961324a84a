"""Last steps of a work of adhesion: energies of a second engine, and the document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobflow import Job, Response, job

from misei.screening.schemas_adhesion import (
    AdhesionDoc,
)
from misei.screening.schemas_interfaces import best_first, best_interface
from misei.screening.schemas_registries import SamplingDoc
from misei.structures.interfaces import InterfaceCandidate
from misei.workflows.adhesion_results import (
    Crystals,
    Parts,
    adhesion_document,
    interface_document,
    label_of,
    unique_evaluations,
)
from misei.workflows.engines import get_engine
from misei.workflows.interface_relaxation import StartDoc, second_energies
from misei.workflows.interface_size import next_size, size_step
from misei.workflows.keys import keyed, replaced_by

if TYPE_CHECKING:
    from misei.workflows.adhesion import AdhesionMaker


@job(output_schema=AdhesionDoc)
def confirm_interfaces(
    maker: AdhesionMaker,
    crystals: Crystals,
    candidates: list[InterfaceCandidate],
    samplings: list[SamplingDoc],
    parts: list[Parts],
    starts: list[StartDoc],
    spent: int,
    warnings: list[str],
) -> Response[Any]:
    """Take energies of the second engine for the best of the relaxed interfaces."""
    first, by_relaxation = replace(maker, energy_engine=None), crystals.by_relaxation()
    documents = [
        interface_document(first, by_relaxation, *facts)
        for facts in zip(candidates, samplings, parts, strict=True)
    ]
    order = [documents.index(document) for document in best_first(documents)]
    chosen = order[: maker.confirmed]
    screened = [documents[k].model_copy(update={"structure": None}) for k in order]
    spent += unique_evaluations(parts) - unique_evaluations([parts[k] for k in chosen])
    engine = get_engine(str(maker.energy_engine), maker.fmax)
    bulk = engine.static(crystals.crystal, f"{crystals.alloy} bulk energy")
    jobs: dict[str, Job] = {bulk.uuid: bulk}
    energies = []
    for k in chosen:
        label = label_of(crystals, candidates[k])
        energies.append(second_energies(maker, parts[k], starts[k], label, jobs))
    collect = keyed(
        collect_adhesion(
            maker,
            crystals.model_copy(update={"screened": screened}),
            [candidates[k] for k in chosen],
            [samplings[k] for k in chosen],
            energies,
            spent,
            warnings,
            bulk.output.output.energy,
        )
    )
    collect.name = f"{crystals.alloy} {maker.name}"
    return replaced_by([*jobs.values(), collect])


@job(output_schema=AdhesionDoc)
def collect_adhesion(
    maker: AdhesionMaker,
    crystals: Crystals,
    candidates: list[InterfaceCandidate],
    samplings: list[SamplingDoc],
    parts: list[Parts],
    spent: int,
    warnings: list[str],
    energy: float | None = None,
) -> AdhesionDoc | Response[Any]:
    """Gather the relaxed interfaces; the best one goes on to thicker slabs if it is to.

    ``energy`` (eV) is that of the alloy's crystal by a second engine.
    """
    if energy is not None:
        crystals = crystals.model_copy(update={"energy": energy})
    interfaces = [
        interface_document(maker, crystals, *facts)
        for facts in zip(candidates, samplings, parts, strict=True)
    ]
    spent += unique_evaluations(parts)
    if not maker.converge:
        return adhesion_document(maker, crystals, interfaces, spent, warnings)
    number = interfaces.index(best_interface(interfaces))
    step = size_step(interfaces[number], candidates[number], maker.limits, spent)
    return next_size(
        maker, crystals, interfaces, number, candidates[number], [step], spent, warnings
    )
