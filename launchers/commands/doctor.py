"""Preflight on the command line: misei doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson, RunDir
from misei.launchers.doctor.checks import Doctor

Engine = Annotated[
    str | None, typer.Option("--engine", help="Engine; default that of --campaign, or sevennet.")
]
CampaignOption = Annotated[
    Path | None, typer.Option("--campaign", help="Campaign file: its engine and its data.")
]
ClusterOption = Annotated[
    Path | None, typer.Option("--cluster", help="Cluster file; default MISEI_CLUSTER.")
]
LaunchPadOption = Annotated[bool, typer.Option("--launchpad", help="Look at FireWorks' LaunchPad.")]
TestJob = Annotated[
    bool,
    typer.Option(
        "--test-job",
        help="Run a small job on a worker: of this machine, with --cluster of the queue, with "
        "--launchpad through FireWorks.",
    ),
]
Wait = Annotated[float, typer.Option("--wait", min=0.1, help="Minutes to wait for the worker.")]
Online = Annotated[bool, typer.Option("--online", help="Ask the Materials Project, too.")]
Integrity = Annotated[bool, typer.Option("--integrity", help="Read every page of the store.")]

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


@console.one_line_errors
def doctor(
    engine: Engine = None,
    campaign: CampaignOption = None,
    cluster: ClusterOption = None,
    launchpad: LaunchPadOption = False,
    test_job: TestJob = False,
    wait: Wait = 10.0,
    online: Online = False,
    integrity: Integrity = False,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Check machine, engine, store, data, queue and LaunchPad; say what to do where one fails.

    Nothing is downloaded, and what is written to try is removed again. The exit code is 1 where a
    check failed.

    [bold]Examples[/bold]

    misei doctor

    misei doctor --campaign examples/quick.yaml --test-job

    misei doctor --cluster cluster.yaml --test-job --wait 30 --json
    """
    from misei.launchers.machine import machine_settings

    patient = Doctor(
        machine_settings(run_dir=run_dir, cluster=cluster),
        engine,
        campaign,
        launchpad,
        test_job,
        online,
        integrity,
        wait * 60,
    )
    findings = []
    with console.err.status("looking") as status:
        for finding in patient.findings():
            findings.append(finding)
            status.update(f"{finding.what}: {finding.state}")
    if as_json:
        console.print_json({"checks": [vars(finding) for finding in findings]})
    else:
        rows = [
            [f.what, f"[{STYLES[f.state]}]{f.state}[/]", escape(f.found), escape(f.to_do)]
            for f in findings
        ]
        console.print_table("misei doctor", ["check", "state", "found", "what to do"], rows)
    if patient.failed:
        raise typer.Exit(console.FAILED_RUN)
