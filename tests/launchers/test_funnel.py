"""Two stages end to end: two copper alloys by EMT, the best one by a stand-in for DFT."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import second_engine
from jobflow import JobStore
from pymatgen.core import Lattice, Structure

from misei.launchers import screen, stages
from misei.launchers.job_runs import JobId, record_store
from misei.launchers.local import RunReport
from misei.launchers.pools import InlinePool
from misei.launchers.screen import (
    CampaignResults,
    CampaignStages,
    campaign_stages,
    collect_campaign,
    open_second_stage,
    run_campaign,
)
from misei.launchers.stages import stage_costs
from misei.launchers.store import open_store
from misei.screening.campaign import Campaign
from misei.screening.ranking import rank
from misei.screening.report import render_report
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_thermodynamics import AlloyCandidate
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.screened import Screened
from misei.structures.interfaces import InterfaceLimits
from misei.workflows import adhesion
from misei.workflows import campaign as workflows
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.migration import MigrationMaker
from misei.workflows.refine import REFINED_FMAX, best_network

LATTICES = {"Cu3Au": 3.75, "Cu3Pt": 3.69}
# eV; two searches of one saddle, to 0.02 and to 0.03 eV/angstrom.
BARRIER_TOLERANCE = 0.005
LIMITS = InterfaceLimits(
    max_atoms=40, max_strain=0.08, strain_step=0.08, film_thickness=4.0, substrate_thickness=4.0,
    registries=1,
)  # fmt: skip
GATES = {"min_wetting_ratio": 0.0, "max_migration_barrier": 3.0, "max_strain": 0.2}
CAMPAIGN = Campaign(
    name="alloys", electrolytes=["Li6PS5Cl"], metals=["Ag"], screen="emt",
    refine=second_engine.NAME, top=1, gates=GATES,
)  # fmt: skip


def crystal(alloy: str) -> Structure:
    """Cu3X in the L1_2 structure."""
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Structure(Lattice.cubic(LATTICES[alloy]), [alloy[3:], "Cu", "Cu", "Cu"], sites)


def makers(engine: str, preset: str) -> tuple[AdhesionMaker, MigrationMaker]:
    """Makers of copper in place of lithium, for which EMT has no parameters."""
    sticking = AdhesionMaker(
        engine=engine, film="Cu", film_lattices=("fcc",), limits=LIMITS, candidates=2, relaxed=2,
        surface_thickness=6.0,
    )  # fmt: skip
    return sticking, MigrationMaker.quick(engine, mobile_species="Cu", min_length=7.0, cutoff=3.0)


def candidate(alloy: str) -> AlloyCandidate:
    return AlloyCandidate(
        alloy=alloy, metal=alloy[3:], entry_id=alloy, e_above_hull=0.0, equilibrium_with_li=True,
        potential_low=0.0, potential_high=0.1, volume_per_atom=12.0,
    )  # fmt: skip


class Killed(BaseException):
    """Stands for the end of the head process."""


@dataclass
class Runs:
    """What the same campaign gave: before anything, killed in stage 2, and started again."""

    folder: Path
    store: JobStore
    before: CampaignStages
    killed: dict[JobId, str]
    between: CampaignStages
    names: list[str]
    report: RunReport
    results: CampaignResults

    @property
    def refined(self) -> Screened:
        return next(item for item in self.results.screened if item.refine)


@pytest.fixture(scope="module", autouse=True)
def alloys() -> Iterator[None]:
    source = SimpleNamespace(find=lambda name: [SimpleNamespace(structure=crystal(name))])
    chosen = [candidate(alloy) for alloy in LATTICES]
    with pytest.MonkeyPatch.context() as patch:
        second_engine.install(patch)
        patch.setattr(workflows, "property_makers", makers)
        patch.setattr(stages, "property_makers", makers)
        # pymatgen expands a space group for each: a third of the time of these tests.
        patch.setattr(adhesion, "cubic_crystal", cache(adhesion.cubic_crystal))
        patch.setattr(
            screen,
            "candidate_flows",
            lambda campaign, *_: workflows.candidate_flows(campaign, chosen, source),
        )
        yield


def ends(store: JobStore) -> dict[JobId, str]:
    """When each job ended."""
    records = record_store(store).query({}, ["uuid", "index", "ended_at"])
    return {(doc["uuid"], doc["index"]): doc["ended_at"] for doc in records}


@pytest.fixture(scope="module")
def runs(alloys: None, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("funnel")
    store = open_store(folder / "results.sqlite")

    def kill(report: RunReport, name: str) -> None:
        if name.startswith("stage 2") and len(report.computed) == 3:
            raise Killed

    before = campaign_stages(CAMPAIGN, store, folder)
    with pytest.raises(Killed):
        run_campaign(CAMPAIGN, store, folder, InlinePool(), kill)
    killed, between = ends(store), campaign_stages(CAMPAIGN, store, folder)
    with (
        closing(sqlite3.connect(folder / "results.sqlite")) as whole,
        closing(sqlite3.connect(folder / "killed.sqlite")) as copy,
    ):
        whole.backup(copy)  # with what is in the write-ahead log
    names: list[str] = []
    report, results = run_campaign(
        CAMPAIGN, store, folder, InlinePool(), lambda _, name: names.append(name)
    )
    return Runs(folder, store, before, killed, between, names, report, results)


def test_second_stage_waits_for_the_first(runs: Runs) -> None:
    assert [stage.name for stage in runs.before.stages] == ["stage 1 (emt)"]
    assert "stage 2 (stand-in, the best 1) waits for stage 1: submit again" in runs.before.message
    assert [stage.name for stage in runs.between.stages] == ["stage 1 (emt)", "stage 2 (stand-in)"]
    assert runs.between.message == ""


def test_status_says_that_the_second_stage_can_be_added(runs: Runs) -> None:
    killed = open_store(runs.folder / "killed.sqlite")
    line = open_second_stage(CAMPAIGN, killed, runs.folder)
    assert line == "misei submit alloys: stage 1 has ended, stage 2 (stand-in) can be added"
    assert open_second_stage(CAMPAIGN, runs.store, runs.folder) == ""
    one = CAMPAIGN.model_copy(update={"refine": None})
    assert open_second_stage(one, killed, runs.folder) == ""


def test_killed_run_goes_on_and_computes_nothing_again(runs: Runs) -> None:
    assert runs.report.failed == {}
    after = ends(runs.store)
    assert {identity: after[identity] for identity in runs.killed} == runs.killed
    assert len(runs.report.computed) == len(after) - len(runs.killed)
    # The jobs of stage 1 that stage 2 holds as well count once.
    assert runs.report.total == len(runs.report.computed) + len(runs.report.reused)
    assert {name.split(":")[0] for name in runs.names} == {"stage 1 (emt)", "stage 2 (stand-in)"}


def test_best_alloy_has_the_second_engine_s_numbers(runs: Runs) -> None:
    item, ranking = runs.refined, runs.results.ranking
    first = rank([replace(s, refine=None, refined_adhesion=None, refined_migration=None)
                  for s in runs.results.screened], CAMPAIGN.gates, CAMPAIGN.weights)  # fmt: skip
    assert item.candidate.alloy == first.candidates[0].alloy
    assert item.refined_adhesion is not None
    assert item.refined_migration is not None
    rows = {row.alloy: row for row in ranking.candidates}
    row, other = (rows.pop(item.candidate.alloy), *rows.values())
    assert (row.engine, row.migration_engine) == ("stand-in", "stand-in")
    assert row.energies_from == "adhesion: DFT on a potential's geometry; migration: DFT"
    assert row.wetting_ratio == item.refined_adhesion.wetting_ratio
    assert row.screen_wetting_ratio == item.adhesion.wetting_ratio
    assert row.screen_migration_barrier == item.migration.migration_barrier
    assert (other.engine, other.energies_from) == ("emt", "potential")
    assert ranking.comparison is not None
    barriers = ranking.comparison.of("migration_barrier")
    assert (barriers.alloys, barriers.verdict) == ([row.alloy], "too few (1; 3 are needed)")
    assert ranking.warnings == []


def test_second_engine_goes_along_the_first_one_s_network(runs: Runs) -> None:
    first, second = runs.refined.migration, runs.refined.refined_migration
    assert second.started_from == "emt"
    assert second.supercell == first.supercell
    assert {hop.label for hop in second.hops} == set(best_network(first))
    assert second.crystal.lattice.a / first.crystal.lattice.a == pytest.approx(
        second_engine.LENGTH, abs=1e-3
    )
    # What the stand-in does to every energy.
    assert second.migration_barrier == pytest.approx(
        second_engine.ENERGY * first.migration_barrier, abs=BARRIER_TOLERANCE
    )
    assert second.provenance.settings["fmax_eV_per_A"] == REFINED_FMAX


def test_second_engine_takes_the_first_one_s_interface(runs: Runs) -> None:
    first, second = runs.refined.adhesion, runs.refined.refined_adhesion
    assert [i.termination for i in second.interfaces] == [first.best.termination]
    relaxed, kept = first.best.structure, second.best.structure
    assert np.allclose(relaxed.cart_coords, kept.cart_coords)
    assert second.provenance.settings["geometries_from"].startswith("emt")


def test_costs_of_the_stages(runs: Runs) -> None:
    first, second = stage_costs(runs.results.stages, runs.store)
    assert (first.stage, first.energies_from) == ("stage 1 (emt)", "potential")
    assert (second.stage, second.energies_from) == ("stage 2 (stand-in)", "DFT")
    assert first.jobs + second.jobs == len(ends(runs.store)) - 1  # thermodynamics
    migrations = [item.migration.force_evaluations for item in runs.results.screened]
    # Both alloys' migrations count the relaxation of the metal, which is one job.
    assert first.force_evaluations > sum(migrations) - max(migrations) / 2
    assert second.force_evaluations > runs.refined.refined_migration.force_evaluations


def test_report_has_the_sections_of_the_funnel(runs: Runs) -> None:
    costs = stage_costs(runs.results.stages, runs.store)
    page = render_report(runs.results.report_data("1 s", costs))
    assert "Engines compared</h2>" in page
    assert f'<td class="num">{costs[1].force_evaluations}</td>' in page
    assert "By the second engine" in page


def test_failed_refinement_leaves_the_first_engine_s_numbers(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(runs.folder / "killed.sqlite")
    element = runs.refined.candidate.metal
    monkeypatch.setattr(second_engine, "FAILS_FOR", {element})
    report, results = run_campaign(CAMPAIGN, store, runs.folder / "again", InlinePool())
    assert report.failed
    assert all("the stand-in gave up" in trace for trace in report.failed.values())
    alloy = runs.refined.candidate.alloy
    row = next(row for row in results.ranking.candidates if row.alloy == alloy)
    assert (row.engine, row.migration_engine) == ("emt", "emt")
    assert row.migration_barrier == runs.refined.migration.migration_barrier
    assert results.ranking.warnings == [
        f"{alloy}: {what} by stand-in has no result; the first engine's numbers stand"
        for what in ("adhesion", "migration")
    ]
    assert collect_campaign(CAMPAIGN, store).ranking == results.ranking


def test_phonons_and_moduli_are_asked_for_and_missed_where_they_are_not_there(runs: Runs) -> None:
    campaign = CAMPAIGN.model_copy(update={"phonons": True, "elastic": True})
    chosen, _ = screen.candidate_flows(campaign)
    assert [len(item.flows) for item in chosen] == [4, 4]
    for item in chosen:
        schemas = {job.uuid: job.output_schema for flow in item.flows for job, _ in flow.iterflow()}
        assert schemas[item.vibrations.output.uuid] is VibrationsDoc
        assert schemas[item.elasticity.output.uuid] is ElasticityDoc
    # Stage 1 is not finished for this campaign, so that stage 2 waits.
    assert campaign_stages(campaign, runs.store, runs.folder).message
    assert collect_campaign(campaign, runs.store).ranking.warnings == [
        f"{alloy}: {what} by emt gave no result"
        for alloy in LATTICES
        for what in ("phonons", "elastic moduli")
    ]
