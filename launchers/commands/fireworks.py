"""Campaigns through FireWorks: misei submit, launch, status, retry, resume, cancel."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson, RunDir

Campaign = Annotated[Path, typer.Argument(help="Campaign file (YAML).")]
CampaignOrAll = Annotated[
    str | None, typer.Argument(help="Campaign file or name; by default every campaign.")
]
Category = Annotated[
    str | None,
    typer.Option(help="FireWorks' worker category of all jobs; default each job's engine."),
]
TakenCategory = Annotated[
    str | None, typer.Option("--category", help="Take only jobs of this worker category.")
]
ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="Cluster file; default MISEI_CLUSTER.")
]
Hidden = typer.Option(hidden=True)  # between a queue job and its script


@console.one_line_errors
def submit(
    campaign: Campaign, category: Category = None, run_dir: RunDir = None, as_json: AsJson = False
) -> None:
    """Add a campaign's jobs to FireWorks' LaunchPad (MISEI_LAUNCHPAD).

    Thermodynamics runs here, in seconds. What is finished, or in the LaunchPad already, is not
    added again.

    [bold]Examples[/bold]

    export MISEI_LAUNCHPAD=mongodb://USER:PASSWORD@HOST/DATABASE

    misei submit examples/quick.yaml

    misei launch --cluster cluster.yaml
    """
    from misei.launchers.fireworks.campaigns import submit_campaign

    done = submit_campaign(campaign, run_dir, category)
    if as_json:
        console.print_json(asdict(done))
        return
    there = ", ".join(f"{count} {state}" for state, count in done.present.items()) or "none"
    print(
        f"{done.campaign}: {done.submitted} jobs added, {done.finished} finished before, "
        f"in the LaunchPad before: {there}"
    )
    if done.message:
        print(done.message)


@console.one_line_errors
def launch(
    cluster: ClusterFile = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Queue jobs; default as many as work is ready for.")
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Run jobs in this terminal until none is ready.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes, with --here.")] = 1,
    category: TakenCategory = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Only write my_qadapter.yaml and my_fworker.yaml for qlaunch here."),
    ] = None,
    folder: Annotated[Path | None, Hidden] = None,
    idle: Annotated[float, Hidden] = 0.0,
    run_seconds: Annotated[float | None, Hidden] = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Run what is in the LaunchPad: by workers in the queue, or here.

    A queue job gets MISEI_LAUNCHPAD and the other settings from this environment; no password
    is written into its script.

    [bold]Examples[/bold]

    misei cluster slurm > cluster.yaml

    misei launch --cluster cluster.yaml

    misei launch --here --workers 2
    """
    from misei.launchers.fireworks.campaigns import LAUNCHES, write_configuration
    from misei.launchers.machine import machine_settings

    settings = machine_settings(run_dir=run_dir, cluster=cluster)
    if write is not None:
        console.print_files(write_configuration(settings, write, category), as_json)
    elif here:
        place = folder or settings.run_dir.resolve() / LAUNCHES
        _launch_here(place, workers, as_json, category=category, idle_s=idle, run_s=run_seconds)
    else:
        _launch_to_queue(settings, jobs, category, as_json)


def _launch_here(folder: Path, workers: int, as_json: bool, **choices: Any) -> None:
    from misei.launchers.fireworks.rockets import run_crew, run_rockets

    if workers > 1:
        run_crew(workers, folder, **choices)
        return
    with console.progress("launch") as on_progress:
        report = run_rockets(folder, on_progress=on_progress, **choices)
    if as_json:
        console.print_json(asdict(report))
    else:
        failed = "".join(f"; failed: {name}" for name in report.failed)
        print(f"{report.ran} jobs run, {len(report.failed)} of them failed{failed}")
    if report.failed:
        console.err.print("misei status: why they failed", soft_wrap=True)
        raise typer.Exit(console.FAILED_RUN)


def _launch_to_queue(settings: Any, jobs: int | None, category: str | None, as_json: bool) -> None:
    from misei.launchers.fireworks.campaigns import launch_to_queue

    done = launch_to_queue(settings, jobs, category)
    if as_json:
        submitted = [console.plain(job) for job in done.submitted]
        console.print_json({"submitted": submitted, "active": done.active, "ready": done.ready})
        return
    numbers = ", ".join(job.number for job in done.submitted) or "none"
    print(f"{done.ready} jobs ready; queue jobs submitted: {numbers}; before: {done.active}")


@console.one_line_errors
def status(
    campaign: CampaignOrAll = None,
    tracebacks: Annotated[
        bool, typer.Option(help="Print whole tracebacks of failed jobs.")
    ] = False,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Count a campaign's jobs by state, with the error of each that failed or was lost.

    Without a LaunchPad it says what the results store knows of earlier runs.

    [bold]Examples[/bold]

    misei status

    misei status --tracebacks

    misei status examples/quick.yaml --json
    """
    from misei.launchers.fireworks.campaigns import campaign_status

    found = campaign_status(campaign, run_dir)
    if as_json:
        console.print_json(console.plain(found))
        return
    for counts in found.campaigns:
        rows = [("all", counts.counts), *counts.flows.items()]
        states = list(counts.counts)
        console.print_table(
            counts.campaign or found.where,
            ["flow", *states],
            [[flow, *(count.get(state, 0) for state in states)] for flow, count in rows],
        )
    for job in found.failed:
        where = f" ({job.folder})" if job.folder else ""
        print(f"{job.state}: {job.job}: {job.error}{where}")
        if tracebacks and job.traceback:
            print(job.traceback)
    for folder, error in found.ended.items():
        print(f"queue job ended: {error} ({folder})")
    if found.queue_jobs:
        print(f"in the queue: {', '.join(found.queue_jobs)}")
    for line in found.advice:
        console.err.print(line, soft_wrap=True)


@console.one_line_errors
def retry(
    campaign: CampaignOrAll = None,
    job: Annotated[str | None, typer.Option(help="Name or uuid of one failed job.")] = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Make failed jobs ready again, once the reason is mended; what is finished stays.

    [bold]Examples[/bold]

    misei retry

    misei retry --job 'LiZn relax bulk'
    """
    from misei.launchers.fireworks import campaigns, control

    launchpad, query, _ = campaigns.control(campaign, run_dir)
    names = control.retry(launchpad, query, job, _say("again"))
    if as_json:
        console.print_json({"retried": names})
    else:
        print(f"{len(names)} jobs to be run again")


@console.one_line_errors
def resume(campaign: CampaignOrAll = None, run_dir: RunDir = None, as_json: AsJson = False) -> None:
    """Bring back lost runs (killed workers, scancel, walltime, dead nodes) and cancelled jobs.

    A run whose queue job or process is gone is lost at once; of others FireWorks' heartbeat is
    awaited. Evaluations that a lost run had finished are not computed again.

    [bold]Examples[/bold]

    misei resume

    misei launch --cluster cluster.yaml
    """
    from misei.launchers.fireworks import campaigns, control

    launchpad, query, _ = campaigns.control(campaign, run_dir)
    done = control.resume(launchpad, query, _say("back"))
    if as_json:
        console.print_json(asdict(done))
    else:
        print(f"{len(done.lost)} lost runs and {len(done.cancelled)} cancelled jobs are back")


@console.one_line_errors
def cancel(campaign: CampaignOrAll = None, run_dir: RunDir = None, as_json: AsJson = False) -> None:
    """Stop what waits and cancel its queue jobs; finished results stay, misei resume undoes it.

    [bold]Examples[/bold]

    misei cancel

    misei cancel examples/quick.yaml
    """
    from misei.launchers.fireworks import campaigns, control

    launchpad, query, settings = campaigns.control(campaign, run_dir)
    done = control.cancel(launchpad, query, settings.run_dir, _say("cancelled"))
    if as_json:
        console.print_json(asdict(done))
        return
    queue_jobs = ", ".join(done.queue_jobs) or "none"
    print(f"{len(done.jobs)} jobs cancelled; queue jobs cancelled: {queue_jobs}")
    for name in done.still_running:
        print(f"still running, in a worker outside the queue or beside another campaign: {name}")


def _say(word: str) -> Any:
    def say(name: str) -> None:
        console.err.print(f"{word}: {name}", soft_wrap=True)

    return say
