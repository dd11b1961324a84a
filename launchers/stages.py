"""The stages of a campaign: all candidates with one engine, the best of them with a second."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from jobflow import Flow, JobStore
from monty.json import MontyDecoder
from pydantic import BaseModel

from misei.launchers.flow_records import walk_records
from misei.launchers.job_runs import JobId
from misei.screening.campaign import Campaign
from misei.screening.ranking import rank
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_costs import StageCost
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_paths import PathDoc
from misei.screening.schemas_registries import SamplingDoc
from misei.screening.schemas_runs import JobRecord
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.screened import Screened
from misei.screening.supercell_size import in_larger_supercell
from misei.workflows.campaign import CandidateFlows, property_makers
from misei.workflows.engines import force_evaluations, get_engine
from misei.workflows.refine import RefinedFlows, refined_flows

D = TypeVar("D", bound=BaseModel)


@dataclass(frozen=True)
class Stage:
    """Flows that one engine computes.

    Attributes
    ----------
    name
        For progress and messages, e.g. ``stage 2 (gpaw-fast)``.
    engine
        Its name.
    flows
        What is to be computed; they may hold jobs of the stage before, which are finished.
    """

    name: str
    engine: str
    flows: list[Flow] = field(default_factory=list)


def first_stage(campaign: Campaign, chosen: list[CandidateFlows]) -> Stage:
    """Return all candidates with the first engine."""
    name = f"stage 1 ({campaign.screen})" if campaign.refine else campaign.screen
    return Stage(name, campaign.screen, [flow for item in chosen for flow in item.flows])


def second_stage(campaign: Campaign, refined: dict[str, RefinedFlows]) -> Stage | None:
    """Return the shortlist with the second engine; None where there is none."""
    if campaign.refine is None:
        return None
    flows = [flow for pair in refined.values() for flow in (pair.adhesion, pair.migration)]
    return Stage(f"stage 2 ({campaign.refine})", campaign.refine, flows)


def has_ended(store: JobStore, chosen: list[CandidateFlows], screened: list[Screened]) -> bool:
    """Whether each flow of the first stage has its result, or a job that failed.

    Parameters
    ----------
    store
        Results store.
    chosen
        Candidates with their flows.
    screened
        What was found for them, in the same order.
    """
    for item, result in zip(chosen, screened, strict=True):
        pairs = (
            (item.adhesion, result.adhesion),
            (item.migration, result.migration),
            (item.vibrations, result.vibrations),
            (item.elasticity, result.elasticity),
        )
        open_flows = [flow for flow, found in pairs if flow is not None and found is None]
        if not all(_failed(flow, store) for flow in open_flows):
            return False
    return True


def _failed(flow: Flow, store: JobStore) -> bool:
    records = (record for _, record in walk_records([flow], store))
    return any(record is not None and record.state == "failed" for record in records)


def screened_by_first(store: JobStore, chosen: list[CandidateFlows]) -> list[Screened]:
    """Read what the first engine found."""
    return [
        Screened(
            item.candidate,
            _found(store, item.adhesion, AdhesionDoc),
            _found(store, item.migration, MigrationDoc),
            _found(store, item.vibrations, VibrationsDoc),
            _found(store, item.elasticity, ElasticityDoc),
        )
        for item in chosen
    ]


def shortlist(
    campaign: Campaign, chosen: list[CandidateFlows], screened: list[Screened]
) -> dict[str, RefinedFlows]:
    """Make the flows of the second stage, by alloy: the best that pass the gates.

    Parameters
    ----------
    campaign
        Second engine, gates and how many.
    chosen
        Candidates with their flows.
    screened
        What the first engine found for them, in the same order.
    """
    if campaign.refine is None:
        return {}
    makers = property_makers(campaign.screen, campaign.preset)
    best = rank(screened, campaign.gates, campaign.weights).candidates[: campaign.top]
    found = {s.candidate.alloy: (c, s) for c, s in zip(chosen, screened, strict=True)}
    flows = {}
    for row in best:
        item, result = found[row.alloy]
        if result.migration is not None:
            flows[row.alloy] = refined_flows(
                makers, campaign.refine, item.structure, row.alloy, result.migration
            )
    return flows


def with_second(
    store: JobStore, campaign: Campaign, screened: list[Screened], refined: dict[str, RefinedFlows]
) -> list[Screened]:
    """Add what the second engine found."""
    return [
        item
        if (flows := refined.get(item.candidate.alloy)) is None
        else replace(
            item,
            refined_adhesion=_found(store, flows.adhesion, AdhesionDoc),
            refined_migration=_refined_migration(store, flows, item.migration),
            refine=campaign.refine,
        )
        for item in screened
    ]


def _refined_migration(
    store: JobStore, flows: RefinedFlows, first: MigrationDoc | None
) -> MigrationDoc | None:
    second = _found(store, flows.migration, MigrationDoc)
    return second if second is None or first is None else in_larger_supercell(second, first)


def _found(store: JobStore, flow: Flow | None, schema: type[D]) -> D | None:
    return None if flow is None else find_document(store, flow.output.uuid, schema)


def stage_costs(stages: list[Stage], store: JobStore) -> list[StageCost]:
    """Sum jobs, time and force evaluations of stages; a job counts for the first that has it."""
    seen: set[JobId] = set()
    costs = []
    for stage in stages:
        records = {
            identity: record
            for identity, record in walk_records(stage.flows, store)
            if record is not None and record.state == "finished" and identity not in seen
        }
        seen |= records.keys()
        costs.append(_cost(stage, records, store))
    return costs


def _cost(stage: Stage, records: dict[JobId, JobRecord], store: JobStore) -> StageCost:
    engine = get_engine(stage.engine)
    counted = (PathDoc, SamplingDoc, engine.task_schema)
    names = [schema.__name__ for schema in counted]
    criteria = {
        "uuid": {"$in": sorted({uuid for uuid, _ in records})},
        "output.@class": {"$in": names},
    }
    found = store.query(criteria, ["uuid", "index", "output"])
    outputs = [doc["output"] for doc in found if (doc["uuid"], doc["index"]) in records]
    return StageCost(
        stage=stage.name,
        energies_from=engine.energies_from,
        jobs=len(records),
        seconds=sum(record.seconds for record in records.values()),
        force_evaluations=sum(_evaluations(output) for output in outputs),
    )


def _evaluations(output: dict[str, Any]) -> int:
    document = MontyDecoder().process_decoded(output)
    if isinstance(document, SamplingDoc):
        return document.force_evaluations
    return force_evaluations(document)
