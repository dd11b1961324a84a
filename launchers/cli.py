"""The command line of misei."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from misei import __version__
from misei.launchers import (
    cli_design,
    cli_diffusion,
    cli_percolation,
    cli_thermodynamics,
    cli_vibrations,
    console,
    tables,
)
from misei.launchers.cli_mp import mp_app
from misei.launchers.cli_plot import plot_app
from misei.launchers.options import (
    NEGATIVE_NUMBERS,
    AsJson,
    CampaignFile,
    Crystal,
    Cutoff,
    EngineName,
    Mechanism,
    Preset,
    RunDir,
    Source,
    Workers,
)

app = typer.Typer(
    name="misei",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Screen Li alloys for metal-incorporated SEI (MI-SEI) design.\n\n"
    "From the formulas of solid electrolytes to a ranked list of Li alloys: reduction products, "
    "metal fraction against the percolation threshold, work of adhesion, Li migration barriers.\n\n"
    "[bold]Examples[/bold]\n\n"
    "misei screen examples/quick.yaml\n\n"
    "misei interphase Li6PS5Cl '16 Li6PS5Cl + Li10GeP2S12'",
)
reference_app = typer.Typer(
    no_args_is_help=True,
    help="The bundled reference set of phases.\n\n[bold]Examples[/bold]\n\nmisei reference build",
)
app.add_typer(reference_app, name="reference")
app.add_typer(mp_app, name="mp")
app.add_typer(plot_app, name="plot")


def _version(show: bool) -> None:
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command(context_settings=NEGATIVE_NUMBERS)(cli_thermodynamics.reduce)
app.command(context_settings=NEGATIVE_NUMBERS)(cli_thermodynamics.interphase)
app.command()(cli_thermodynamics.alloys)
app.command(context_settings=NEGATIVE_NUMBERS)(cli_design.design)
app.command(context_settings=NEGATIVE_NUMBERS)(cli_design.compatibility)
app.command(context_settings=NEGATIVE_NUMBERS)(cli_percolation.conductivity)
app.command()(cli_percolation.thresholds)
app.command()(cli_percolation.calibrate)
app.command()(cli_vibrations.vibrations)
app.command()(cli_diffusion.diffusivity)


@app.command()
@console.one_line_errors
def adhesion(
    alloy: Crystal,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    energy_engine: Annotated[
        str | None, typer.Option(help="Engine for the energies, on the geometries of --engine.")
    ] = None,
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Work of adhesion of Li on an alloy or a salt, and whether Li wets it.

    The standard preset considers more interfaces and thickens slabs until W_ad stands still.

    [bold]Examples[/bold]

    misei adhesion LiAl

    misei adhesion my_alloy.cif --preset standard --json
    """
    from misei.launchers.single import run_adhesion

    document = run_adhesion(
        alloy, engine, preset, workers, run_dir, source, energy_engine=energy_engine
    )
    if as_json:
        without_cells = {"interfaces": {"__all__": {"structure"}}}
        console.print_json(console.plain(document, exclude=without_cells))
        return
    tables.print_adhesion(document)


@app.command()
@console.one_line_errors
def barrier(
    alloy: Crystal,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    mechanism: Mechanism = "vacancy",
    cutoff: Cutoff = 5.0,
    start_from: Annotated[
        str | None, typer.Option(help="Cheaper engine whose relaxed ends and paths this one takes.")
    ] = None,
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Li migration barriers in an alloy or a salt, and the best path that percolates.

    The quick preset computes the shortest hops that percolate. The standard one searches every
    hop up to the cutoff and enlarges the supercell until E_m and E_f stand still (0.02 eV).

    [bold]Examples[/bold]

    misei barrier LiAl

    misei barrier Li2O --preset standard --cutoff 4

    misei barrier POSCAR --engine sevennet-l3i5 --start-from sevennet --json
    """
    from misei.launchers.single import run_barrier

    document = run_barrier(
        alloy, engine, preset, workers, run_dir, source,
        mechanism=mechanism, cutoff=cutoff, start_from=start_from,
    )  # fmt: skip
    if as_json:
        without_cells = {"crystal": True, "hops": {"__all__": {"images"}}}
        console.print_json(console.plain(document, exclude=without_cells))
        return
    tables.print_migration(document)


@app.command()
@console.one_line_errors
def screen(
    campaign: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    workers: Workers = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a whole campaign: from electrolytes to the ranked alloys, with exports and a report.

    A campaign that was stopped goes on where it was; what is finished is not computed again.

    [bold]Examples[/bold]

    misei screen examples/quick.yaml

    misei screen examples/argyrodite_eight_metals.yaml --workers 2
    """
    from misei.launchers.campaigns import screen_campaign

    report, ranking, files = screen_campaign(campaign, workers, run_dir)
    if as_json:
        console.print_json(console.plain(ranking))
    else:
        tables.print_ranking(ranking)
        for file in files:
            console.err.print(f"wrote {file}", soft_wrap=True)
    console.print_report(report)
    if report.failed:
        raise typer.Exit(console.FAILED_RUN)


@app.command()
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


@app.command()
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


@app.command()
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


if __name__ == "__main__":
    app()
