"""Commands of campaigns: misei screen, rank, export, report, reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import (
    AsJson,
    CampaignFile,
    ClusterFile,
    EngineName,
    RunDir,
    Workers,
)
from misei.launchers.tables import campaigns as tables

reference_app = typer.Typer(
    no_args_is_help=True,
    help="The bundled reference set of phases.\n\n[bold]Examples[/bold]\n\nmisei reference build",
)


@console.one_line_errors
def screen(
    campaign: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    workers: Workers = None,
    cluster: ClusterFile = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a whole campaign: from electrolytes to the ranked alloys, with exports and a report.

    A campaign that was stopped goes on where it was; what is finished is not computed again.

    [bold]Examples[/bold]

    misei screen examples/quick.yaml

    misei screen examples/argyrodite_eight_metals.yaml --workers 2

    misei screen examples/argyrodite_eight_metals.yaml --cluster cluster.yaml
    """
    from misei.launchers.campaigns import screen_campaign

    report, ranking, files = screen_campaign(campaign, workers, run_dir, cluster)
    if as_json:
        console.print_json(console.plain(ranking))
    else:
        tables.print_ranking(ranking)
        for file in files:
            console.err.print(f"wrote {file}", soft_wrap=True)
    console.print_report(report)
    if report.failed:
        raise typer.Exit(console.FAILED_RUN)


@console.one_line_errors
def rank(campaign: CampaignFile = None, run_dir: RunDir = None, as_json: AsJson = False) -> None:
    """Rank the alloys of a finished campaign; rejected ones with gate, value and limit.

    [bold]Examples[/bold]

    misei rank

    misei rank examples/quick.yaml --json
    """
    from misei.launchers.campaigns import read_campaign

    ranking = read_campaign(campaign, run_dir).ranking
    if as_json:
        console.print_json(console.plain(ranking))
    else:
        tables.print_ranking(ranking)


@console.one_line_errors
def export(
    campaign: CampaignFile = None,
    run_dir: RunDir = None,
    output: Annotated[Path | None, typer.Option(help="Folder; default RUN_DIR/CAMPAIGN.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the ranking to CSV, JSON and Markdown, with units and provenance.

    [bold]Examples[/bold]

    misei export

    misei export examples/quick.yaml --output tables
    """
    from misei.launchers.campaigns import export_campaign

    console.print_files(export_campaign(campaign, run_dir, output), as_json)


@console.one_line_errors
def report(
    campaign: CampaignFile = None,
    run_dir: RunDir = None,
    output: Annotated[
        Path | None, typer.Option(help="HTML file; default RUN_DIR/CAMPAIGN/report.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a campaign: one HTML file that needs nothing else.

    [bold]Examples[/bold]

    misei report

    misei report examples/quick.yaml --output quick.html
    """
    from misei.launchers.campaigns import report_campaign

    console.print_files([report_campaign(campaign, run_dir, output)], as_json)


@reference_app.command("build")
@console.one_line_errors
def build_reference(
    output: Annotated[Path | None, typer.Option(help="Data file; default the bundled one.")] = None,
    engine: EngineName = "sevennet-l3i5",
    workers: Workers = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Relax every curated prototype and write the reference set (about an hour on two cores).

    [bold]Examples[/bold]

    misei reference build

    misei reference build --engine chgnet --output chgnet_set.json.gz
    """
    from misei.launchers.campaigns import build_reference_file

    report, path = build_reference_file(output, engine, workers, run_dir)
    console.print_report(report)
    console.print_files([path], as_json)
