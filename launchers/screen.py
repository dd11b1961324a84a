"""Run a campaign and read its results back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, Job, JobStore

from misei.launchers.local import OnProgress, RunReport, run_flows
from misei.launchers.pools import InlinePool, JobPool
from misei.launchers.sources import open_source, source_inputs
from misei.screening.campaign import Campaign
from misei.screening.ranking import Ranking, Rejection, Screened, rank
from misei.screening.report import ReportData
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
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

    def report_data(self, timing: str = "") -> ReportData:
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
        )


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
        As in :func:`misei.launchers.local.run_flows`.

    Returns
    -------
    RunReport, CampaignResults
        What was computed, reused or failed; and the results.
    """
    flows, first = campaign_flows(campaign, store, run_dir)
    report = run_flows(flows, store, run_dir, pool, on_progress)
    report.total += first.total
    report.computed += first.computed
    report.reused += first.reused
    return report, collect_campaign(campaign, store)


def campaign_flows(
    campaign: Campaign, store: JobStore, run_dir: Path
) -> tuple[list[Flow], RunReport]:
    """Run the thermodynamic stage in this process, seconds, and make the flows it asks for.

    Returns
    -------
    list of Flow, RunReport
        Adhesion and migration of each candidate; whether thermodynamics was in the store.

    Raises
    ------
    NoResultsError
        When the thermodynamic stage failed.
    """
    report = run_flows([_thermodynamics_job(campaign)], store, run_dir, InlinePool())
    for name, trace in report.failed.items():
        raise NoResultsError(f"the {name} of {campaign.name!r} failed: {trace.splitlines()[-1]}")
    chosen, _ = _chosen(campaign, _thermodynamics(campaign, store))
    return [flow for item in chosen for flow in (item.adhesion, item.migration)], report


def collect_campaign(campaign: Campaign, store: JobStore) -> CampaignResults:
    """Read the results of a campaign from the store and rank them.

    Raises
    ------
    NoResultsError
        When the campaign was never run with this store.
    """
    thermodynamics = _thermodynamics(campaign, store)
    chosen, left_out = _chosen(campaign, thermodynamics)
    screened = [
        Screened(
            item.candidate,
            find_document(store, item.adhesion.output.uuid, AdhesionDoc),
            find_document(store, item.migration.output.uuid, MigrationDoc),
        )
        for item in chosen
    ]
    ranking = rank(screened, campaign.gates, campaign.weights)
    ranking.rejected.extend(left_out)
    return CampaignResults(campaign, thermodynamics, screened, ranking)


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
