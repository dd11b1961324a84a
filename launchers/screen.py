"""Run a campaign and read its results back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, Job, JobStore

from misei.launchers.flow_records import walk_records
from misei.launchers.local import OnProgress, RunReport, run_flows
from misei.launchers.pools import InlinePool, JobPool
from misei.launchers.sources import open_source, source_inputs
from misei.launchers.stages import (
    Stage,
    first_stage,
    has_ended,
    screened_by_first,
    second_stage,
    shortlist,
    with_second,
)
from misei.screening.campaign import Campaign
from misei.screening.ranking import Ranking, Rejection, Screened, rank
from misei.screening.report import ReportData
from misei.screening.results import find_document
from misei.screening.schemas_costs import StageCost
from misei.screening.schemas_thermodynamics import ThermodynamicsDoc
from misei.workflows.campaign import CandidateFlows, candidate_flows, thermodynamics_job


class NoResultsError(ValueError):
    """A campaign of which the store holds nothing."""


@dataclass(frozen=True)
class CampaignResults:
    """What a campaign found."""

    campaign: Campaign
    thermodynamics: ThermodynamicsDoc
    screened: list[Screened]
    ranking: Ranking
    stages: list[Stage]

    def report_data(self, timing: str = "", costs: Sequence[StageCost] = ()) -> ReportData:
        """Return what the HTML report shows."""
        return ReportData(
            campaign=self.campaign.name,
            reductions=self.thermodynamics.reductions,
            interphases=self.thermodynamics.interphases,
            candidates=self.thermodynamics.candidates,
            ranking=self.ranking,
            adhesions=[s.adhesion for s in self.screened if s.adhesion is not None],
            migrations=[s.migration for s in self.screened if s.migration is not None],
            source=self.thermodynamics.source,
            timing=timing,
            vibrations=[s.vibrations for s in self.screened if s.vibrations is not None],
            elasticities=[s.elasticity for s in self.screened if s.elasticity is not None],
            refined_adhesions=[
                s.refined_adhesion for s in self.screened if s.refined_adhesion is not None
            ],
            refined_migrations=[
                s.refined_migration for s in self.screened if s.refined_migration is not None
            ],
            costs=costs,
        )


@dataclass(frozen=True)
class CampaignStages:
    """What is to be computed.

    Attributes
    ----------
    stages
        Those that can be run: the second one only once the first has ended.
    first
        Run of the thermodynamic stage.
    message
        One line on the stage that waits; empty: none does.
    """

    stages: list[Stage]
    first: RunReport
    message: str = ""

    @property
    def flows(self) -> list[Flow]:
        """Flows of all stages."""
        return [flow for stage in self.stages for flow in stage.flows]


def run_campaign(
    campaign: Campaign,
    store: JobStore,
    run_dir: Path,
    pool: JobPool,
    on_progress: OnProgress | None = None,
) -> tuple[RunReport, CampaignResults]:
    """Run every stage of a campaign; what the store holds is not computed again.

    Parameters
    ----------
    campaign
        What to screen.
    store
        Results store.
    run_dir
        Folder for files of jobs.
    pool
        Where the jobs run.
    on_progress
        As in :func:`misei.launchers.local.run_flows`; names of jobs come with their stage.

    Returns
    -------
    RunReport, CampaignResults
        What was computed, reused or failed; and the results.
    """
    total = _run_thermodynamics(campaign, store, run_dir)
    chosen, _ = _chosen(campaign, _thermodynamics(campaign, store))

    def run(stage: Stage) -> None:
        _add(total, run_flows(stage.flows, store, run_dir, pool, _of(stage, on_progress)))

    run(first_stage(campaign, chosen))
    second = _second(campaign, store, chosen)
    if second is not None:
        run(second)
    return total, collect_campaign(campaign, store)


def _of(stage: Stage, on_progress: OnProgress | None) -> OnProgress | None:
    if on_progress is None:
        return None
    return lambda report, name: on_progress(report, f"{stage.name}: {name}")


def _add(total: RunReport, report: RunReport) -> None:
    """Add a stage to a run; jobs of the stage before, which it found in the store, are known."""
    known = {*total.computed, *total.reused}
    total.computed += report.computed
    again = [name for name in report.reused if name in known]
    total.reused += [name for name in report.reused if name not in known]
    total.failed |= report.failed
    total.skipped += report.skipped
    total.total += report.total - len(again)


def campaign_stages(campaign: Campaign, store: JobStore, run_dir: Path) -> CampaignStages:
    """Run the thermodynamic stage in this process, seconds, and make the flows it asks for.

    The second stage is there once every flow of the first one has a result or has failed: it
    needs to know which candidates are best.

    Raises
    ------
    NoResultsError
        When the thermodynamic stage failed.
    """
    report = _run_thermodynamics(campaign, store, run_dir)
    chosen, _ = _chosen(campaign, _thermodynamics(campaign, store))
    stages = [first_stage(campaign, chosen)]
    if campaign.refine is None:
        return CampaignStages(stages, report)
    if not has_ended(store, chosen, screened_by_first(store, chosen)):
        return CampaignStages(
            stages,
            report,
            f"stage 2 ({campaign.refine}, the best {campaign.top}) waits for stage 1: submit again "
            "when that has ended",
        )
    second = _second(campaign, store, chosen)
    return CampaignStages([*stages, *([second] if second else [])], report)


def open_second_stage(campaign: Campaign, store: JobStore, run_dir: Path) -> str:
    """Return one line on a second stage that can be run and has not been; empty: there is none."""
    if campaign.refine is None:
        return ""
    plan = campaign_stages(campaign, store, run_dir)
    second = plan.stages[-1]
    if len(plan.stages) == 1 or all(record for _, record in walk_records(second.flows, store)):
        return ""
    return f"misei submit {campaign.name}: stage 1 has ended, {second.name} can be added"


def _run_thermodynamics(campaign: Campaign, store: JobStore, run_dir: Path) -> RunReport:
    report = run_flows([_thermodynamics_job(campaign)], store, run_dir, InlinePool())
    for name, trace in report.failed.items():
        raise NoResultsError(f"the {name} of {campaign.name!r} failed: {trace.splitlines()[-1]}")
    return report


def _second(campaign: Campaign, store: JobStore, chosen: list[CandidateFlows]) -> Stage | None:
    refined = shortlist(campaign, chosen, screened_by_first(store, chosen))
    return second_stage(campaign, refined)


def collect_campaign(campaign: Campaign, store: JobStore) -> CampaignResults:
    """Read the results of a campaign from the store and rank them.

    Raises
    ------
    NoResultsError
        When the campaign was never run with this store.
    """
    thermodynamics = _thermodynamics(campaign, store)
    chosen, left_out = _chosen(campaign, thermodynamics)
    screened = screened_by_first(store, chosen)
    refined = shortlist(campaign, chosen, screened)
    screened = with_second(store, campaign, screened, refined)
    ranking = rank(screened, campaign.gates, campaign.weights)
    ranking.rejected.extend(left_out)
    ranking.warnings.extend(_missing(campaign, screened))
    second = second_stage(campaign, refined)
    stages = [first_stage(campaign, chosen), *([second] if second else [])]
    return CampaignResults(campaign, thermodynamics, screened, ranking, stages)


def _missing(campaign: Campaign, screened: list[Screened]) -> list[str]:
    """Say where phonons or moduli were asked for and are not there."""
    return [
        f"{item.candidate.alloy}: {what} by {campaign.screen} gave no result"
        for item in screened
        for what, asked, found in (
            ("phonons", campaign.phonons, item.vibrations),
            ("elastic moduli", campaign.elastic, item.elasticity),
        )
        if asked and found is None
    ]


def _thermodynamics_job(campaign: Campaign) -> Job:
    return thermodynamics_job(campaign, source_inputs(campaign.source))


def _thermodynamics(campaign: Campaign, store: JobStore) -> ThermodynamicsDoc:
    document = find_document(store, _thermodynamics_job(campaign).uuid, ThermodynamicsDoc)
    if document is None:
        raise NoResultsError(
            f"no results of the campaign {campaign.name!r} in the store; run `misei screen` first"
        )
    return document


def _chosen(
    campaign: Campaign, thermodynamics: ThermodynamicsDoc
) -> tuple[list[CandidateFlows], list[Rejection]]:
    return candidate_flows(campaign, thermodynamics.candidates, open_source(campaign.source))
