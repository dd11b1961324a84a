"""The command line of misei."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from misei import __version__
from misei.launchers import console, tables

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

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Formulas = Annotated[
    list[str], typer.Argument(help="Formulas or composites, e.g. '16 Li6PS5Cl + Li10GeP2S12'.")
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Phase (formula or id) to leave out; may be repeated."),
]
EngineName = Annotated[str, typer.Option("--engine", help="Engine for energies and forces.")]
Preset = Annotated[str, typer.Option("--preset", help="quick or standard.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; default MISEI_WORKERS or 2.")
]
RunDir = Annotated[
    Path | None, typer.Option("--run-dir", help="Results folder; default MISEI_RUN_DIR or runs.")
]
Crystal = Annotated[
    str, typer.Argument(help="Formula of the bundled set, or a structure file (CIF, POSCAR).")
]
CampaignFile = Annotated[
    Path | None,
    typer.Argument(help="Campaign file; by default the campaign screened last in this folder."),
]

# A formula that starts with a minus is a wrong formula, not an unknown option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


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


@app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def reduce(formulas: Formulas, exclude: Excluded = None, as_json: AsJson = False) -> None:
    """Reduction against Li: products at 0 V, stability window, voltage profile.

    [bold]Examples[/bold]

    misei reduce Li6PS5Cl Li10GeP2S12

    misei reduce "4 Li6PS5Cl + Li10GeP2S12" --json

    misei reduce Ge --exclude Li9Ge4
    """
    from misei.screening.entries import BundledSource
    from misei.screening.thermodynamics import reduce as reduce_formula

    documents = [reduce_formula(f, BundledSource(), exclude or ()) for f in formulas]
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_reductions(documents)


@app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def interphase(
    formulas: Formulas,
    grain_diameter: Annotated[
        float | None, typer.Option(help="Diameter of the metal grains in nm; default 2.")
    ] = None,
    tunnelling_length: Annotated[
        float | None, typer.Option(help="Gap that electrons tunnel across in nm; default 2.5.")
    ] = None,
    exclude: Excluded = None,
    as_json: AsJson = False,
) -> None:
    """Metal volume fraction of the interphase at 0 V, and its class: SEI, MI-SEI or MCI.

    [bold]Examples[/bold]

    misei interphase Li6PS5Cl "16 Li6PS5Cl + Li10GeP2S12" Li10GeP2S12

    misei interphase Li10GeP2S12 --grain-diameter 10 --json
    """
    from misei.screening.entries import BundledSource
    from misei.screening.interphase import interphase as find_interphase

    inputs: dict[str, Any] = {
        "grain_diameter_nm": grain_diameter,
        "tunnelling_length_nm": tunnelling_length,
    }
    given = {name: value for name, value in inputs.items() if value is not None}
    documents = [
        find_interphase(f, BundledSource(), excluded=exclude or (), **given) for f in formulas
    ]
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_interphases(documents)


@app.command()
@console.one_line_errors
def alloys(
    metals: Annotated[list[str], typer.Argument(help="Metals M, e.g. Mg Al Ag.")],
    tolerance: Annotated[
        float, typer.Option(help="List phases up to this far above the hull, eV/atom.", min=0.0)
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Li alloys of a metal on the hull, and the one in equilibrium with Li metal.

    [bold]Examples[/bold]

    misei alloys Mg Al Ag

    misei alloys Ge --tolerance 0.02 --json
    """
    from misei.screening.alloys import alloy_candidates
    from misei.screening.entries import BundledSource

    source = BundledSource()
    found = [c for metal in metals for c in alloy_candidates(metal, source, tolerance)]
    if as_json:
        console.print_json([console.plain(candidate) for candidate in found])
        return
    tables.print_alloys(found)


@app.command()
@console.one_line_errors
def adhesion(
    alloy: Crystal,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    workers: Workers = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Work of adhesion of Li on an alloy, and whether Li wets it.

    [bold]Examples[/bold]

    misei adhesion LiAl

    misei adhesion my_alloy.cif --preset standard --json
    """
    from misei.launchers.single import run_adhesion

    document = run_adhesion(alloy, engine, preset, workers, run_dir)
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
    workers: Workers = None,
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """Li migration barriers in an alloy by CI-NEB, and the best path that percolates.

    [bold]Examples[/bold]

    misei barrier LiAl

    misei barrier POSCAR --engine sevennet-l3i5 --json
    """
    from misei.launchers.single import run_barrier

    document = run_barrier(alloy, engine, preset, workers, run_dir)
    if as_json:
        console.print_json(console.plain(document))
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

    _print_files(export_campaign(campaign, run_dir, output), as_json)


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

    _print_files([report_campaign(campaign, run_dir, output)], as_json)


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
    _print_files([path], as_json)


def _print_files(files: list[Path], as_json: bool) -> None:
    if as_json:
        console.print_json({"files": [str(file) for file in files]})
    else:
        for file in files:
            print(file)


if __name__ == "__main__":
    app()
