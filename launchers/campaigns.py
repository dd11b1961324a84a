"""Campaigns on disk: which file, which folder, what is written where."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import perf_counter

from jobflow import JobStore

from misei.launchers.commands.console import progress
from misei.launchers.local import RunReport
from misei.launchers.machine import machine_settings
from misei.launchers.pools import open_pool
from misei.launchers.reference import build_reference_set
from misei.launchers.screen import CampaignResults, NoResultsError, collect_campaign, run_campaign
from misei.launchers.stages import stage_costs
from misei.launchers.store import open_store
from misei.screening.campaign import Campaign, load_campaign
from misei.screening.export import export_ranking
from misei.screening.ranking import Ranking
from misei.screening.report import write_report
from misei.structures.prototypes import load_prototypes
from misei.structures.reference_set import REFERENCE_SET_PATH
from misei.workflows.campaign import check_engines
from misei.workflows.engines import get_engine
from misei.workflows.reference import ReferencePhaseMaker

CAMPAIGN_COPY = "campaign.yaml"
FORMATS = {"csv": "ranking.csv", "json": "ranking.json", "markdown": "ranking.md"}


def screen_campaign(
    path: Path, workers: int | None, run_dir: Path | None, cluster: Path | None = None
) -> tuple[RunReport, Ranking, list[Path]]:
    """Run a campaign file, write exports and report; return what was run, found and written."""
    campaign = load_campaign(path)
    check_engines(campaign)
    settings = machine_settings(workers, run_dir, cluster)
    store = open_store(settings.store_location)
    start = perf_counter()
    with progress(campaign.name) as on_progress, open_pool(settings) as pool:
        report, results = run_campaign(campaign, store, settings.run_dir, pool, on_progress)
    timing = (
        f"{perf_counter() - start:.0f} s on {pool.size} processes; "
        f"{len(report.computed)} jobs computed, {len(report.reused)} found in the store"
    )
    folder = settings.run_dir / campaign.name
    folder.mkdir(parents=True, exist_ok=True)
    if path.resolve() != (folder / CAMPAIGN_COPY).resolve():
        shutil.copyfile(path, folder / CAMPAIGN_COPY)
    files = _export(results, folder)
    files.append(_report(results, folder / "report.html", store, timing))
    return report, results.ranking, files


def read_campaign(path: Path | None, run_dir: Path | None) -> CampaignResults:
    """Read a campaign's results back; without a file, those of the one screened last."""
    settings = machine_settings(run_dir=run_dir)
    return collect_campaign(_campaign(path, settings.run_dir), _store(run_dir))


def _store(run_dir: Path | None) -> JobStore:
    return open_store(machine_settings(run_dir=run_dir).store_location, must_exist=True)


def export_campaign(path: Path | None, run_dir: Path | None, output: Path | None) -> list[Path]:
    """Write the ranking in every format; return the files."""
    results = read_campaign(path, run_dir)
    folder = output or machine_settings(run_dir=run_dir).run_dir / results.campaign.name
    folder.mkdir(parents=True, exist_ok=True)
    return _export(results, folder)


def report_campaign(path: Path | None, run_dir: Path | None, output: Path | None) -> Path:
    """Write the HTML report; return the file."""
    results = read_campaign(path, run_dir)
    folder = machine_settings(run_dir=run_dir).run_dir / results.campaign.name
    return _report(results, output or folder / "report.html", _store(run_dir))


def build_reference_file(
    output: Path | None, engine: str, workers: int | None, run_dir: Path | None
) -> tuple[RunReport, Path]:
    """Relax all prototypes into a reference set; return what was run and the file."""
    get_engine(engine)
    settings = machine_settings(workers, run_dir)
    path = output or REFERENCE_SET_PATH
    with progress("reference set") as on_progress, open_pool(settings) as pool:
        report, _ = build_reference_set(
            load_prototypes().values(),
            settings.run_dir,
            path,
            pool,
            ReferencePhaseMaker(engine=engine),
            on_progress,
        )
    return report, path


def _campaign(path: Path | None, run_dir: Path) -> Campaign:
    if path is not None:
        return load_campaign(path)
    copies = sorted(run_dir.glob(f"*/{CAMPAIGN_COPY}"), key=lambda copy: copy.stat().st_mtime)
    if not copies:
        raise NoResultsError(f"no campaign was screened in {run_dir}; run `misei screen` first")
    return load_campaign(copies[-1])


def _export(results: CampaignResults, folder: Path) -> list[Path]:
    data, source = results.report_data(), results.thermodynamics.source
    adhesions = [*data.adhesions, *data.refined_adhesions]
    files: list[Path] = []
    for format_name, file_name in FORMATS.items():
        files += export_ranking(results.ranking, format_name, folder / file_name, source, adhesions)
    return files


def _report(results: CampaignResults, path: Path, store: JobStore, timing: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(results.report_data(timing, stage_costs(results.stages, store)), path)
    return path
