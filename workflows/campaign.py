"""The flows of a campaign: thermodynamics first, then the properties of each alloy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Job, job
from pymatgen.core import Structure

from misei.screening.alloys import alloy_candidates
from misei.screening.campaign import Campaign
from misei.screening.entries import EntrySource, describe
from misei.screening.grains import Grains
from misei.screening.interphase import interphase
from misei.screening.ranking import Rejection
from misei.screening.schemas_thermodynamics import AlloyCandidate, ThermodynamicsDoc
from misei.screening.sources import get_source
from misei.screening.thermodynamics import reduce
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.elasticity import ElasticityMaker
from misei.workflows.engines import get_engine
from misei.workflows.keys import keyed
from misei.workflows.migration import MigrationMaker
from misei.workflows.vibrations import VibrationsMaker

PRESETS = ("smallest", "quick", "standard")


class UnknownPresetError(ValueError):
    """A preset that the makers do not have."""


@dataclass(frozen=True)
class CandidateFlows:
    """One candidate, its crystal, and the flows that compute its properties.

    Vibrations and elasticity are None where the campaign does not ask for them.
    """

    candidate: AlloyCandidate
    structure: Structure
    adhesion: Flow
    migration: Flow
    vibrations: Flow | None = None
    elasticity: Flow | None = None

    @property
    def flows(self) -> list[Flow]:
        """All that is to be computed."""
        asked = (self.adhesion, self.migration, self.vibrations, self.elasticity)
        return [flow for flow in asked if flow is not None]


def check_engines(campaign: Campaign) -> None:
    """Refuse engines that do not exist before anything is computed.

    Raises
    ------
    UnknownEngineError
        With the valid names.
    """
    get_engine(campaign.screen)
    if campaign.refine is not None:
        get_engine(campaign.refine)


@job(output_schema=ThermodynamicsDoc)
def screen_thermodynamics(
    electrolytes: list[str],
    metals: list[str],
    excluded_phases: list[str],
    grains: dict[str, float],
    source_inputs: dict[str, Any],
) -> ThermodynamicsDoc:
    """Reduction, interphase and candidate alloys of one source, as one document."""
    source, metal_grains = get_source(**source_inputs), Grains.model_validate(grains)
    return ThermodynamicsDoc(
        reductions=[reduce(e, source, excluded_phases) for e in electrolytes],
        interphases=[interphase(e, source, metal_grains, excluded_phases) for e in electrolytes],
        candidates=[c for metal in metals for c in alloy_candidates(metal, source)],
        source=describe(source),
    )


def thermodynamics_job(campaign: Campaign, source_inputs: dict[str, Any]) -> Job:
    """Return the keyed job of the thermodynamic stage; its output is a ThermodynamicsDoc.

    Parameters
    ----------
    campaign
        What to screen.
    source_inputs
        Arguments of :func:`misei.screening.sources.get_source`: a source that does not change.
    """
    stage = screen_thermodynamics(
        campaign.electrolytes,
        campaign.metals,
        campaign.excluded_phases,
        campaign.interphase.model_dump(),
        source_inputs,
    )
    stage.name = "thermodynamics"
    return keyed(stage, version=str(sorted(describe(get_source(**source_inputs)).items())))


def property_makers(engine: str, preset: str) -> tuple[AdhesionMaker, MigrationMaker]:
    """Return the makers of a preset with an engine.

    ``smallest`` has the smallest interfaces and supercells, for DFT on few cores.

    Raises
    ------
    UnknownEngineError, UnknownPresetError
        When the engine or the preset is not known.
    """
    get_engine(engine)
    if preset not in PRESETS:
        raise UnknownPresetError(f"unknown preset {preset!r}; valid: {', '.join(PRESETS)}")
    if preset == "smallest":
        return AdhesionMaker.smallest(engine, None), MigrationMaker.smallest(engine)
    if preset == "quick":
        return AdhesionMaker.quick(engine), MigrationMaker.quick(engine)
    return AdhesionMaker.standard(engine), MigrationMaker.standard(engine)


def candidate_flows(
    campaign: Campaign, candidates: list[AlloyCandidate], source: EntrySource
) -> tuple[list[CandidateFlows], list[Rejection]]:
    """Choose the candidates that a campaign computes, and make their flows.

    Parameters
    ----------
    campaign
        Choices of alloys, engine, preset and size limit.
    candidates
        Alloys of the thermodynamic stage.
    source
        Where their crystals come from.

    Returns
    -------
    list of CandidateFlows, list of Rejection
        What to compute, and the alloys left out with the reason.
    """
    chosen: list[CandidateFlows] = []
    rejected: list[Rejection] = []
    for candidate in candidates:
        if campaign.alloys == "equilibrium" and not candidate.equilibrium_with_li:
            rejected.append(
                Rejection(
                    alloy=candidate.alloy,
                    gate="potential_low",
                    value=candidate.potential_low,  # it takes up more Li below this potential
                    limit=0.0,
                )
            )
            continue
        structure = source.find(candidate.entry_id)[0].structure
        if len(structure) > campaign.max_atoms:
            rejected.append(
                Rejection(
                    alloy=candidate.alloy,
                    gate="max_atoms",
                    value=float(len(structure)),
                    limit=float(campaign.max_atoms),
                )
            )
            continue
        chosen.append(_flows(campaign, candidate, structure))
    return chosen, rejected


def _flows(campaign: Campaign, candidate: AlloyCandidate, structure: Structure) -> CandidateFlows:
    adhesion, migration = property_makers(campaign.screen, campaign.preset)
    crystal = (structure, candidate.alloy, candidate.entry_id)
    return CandidateFlows(
        candidate,
        structure,
        adhesion.make(structure, candidate.alloy),
        migration.make(structure, candidate.alloy),
        VibrationsMaker(engine=campaign.screen).make(*crystal) if campaign.phonons else None,
        ElasticityMaker(engine=campaign.screen).make(*crystal) if campaign.elastic else None,
    )
