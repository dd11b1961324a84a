"""Figures: misei plot; those of the thermodynamic stage are here."""

from __future__ import annotations

from typing import Annotated

import typer

from misei.launchers.commands import console, diffusion, wetting
from misei.launchers.commands import plot_percolation as cli_plot_percolation
from misei.launchers.commands.figures import Output, write
from misei.launchers.commands.options import (
    NEGATIVE_NUMBERS,
    AsJson,
    Excluded,
    FormulaFile,
    Formulas,
    OptionalFormulas,
    Source,
)

plot_app = typer.Typer(
    no_args_is_help=True,
    help="Figures for papers: voltage profiles, stability windows, phase and chemical potential "
    "diagrams, composites, conductivities, microstructures, as interactive HTML or PNG.\n\n"
    "[bold]Examples[/bold]\n\n"
    "misei plot profile Li10GeP2S12 -o profile.png",
)
System = Annotated[str, typer.Argument(help="Chemical system, e.g. Li-P-S, or a formula.")]


@plot_app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def profile(
    formulas: Formulas,
    output: Output,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Potential against Li uptake, with the products of every step; one panel each.

    [bold]Examples[/bold]

    misei plot profile Li10GeP2S12 -o profile.html -o profile.png

    misei plot profile Li6PS5Cl Ge --exclude Li9Ge4 -o both.png
    """
    from misei.launchers.sources import open_source
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.profiles import profile_plot
    from misei.screening.thermodynamics import reduce

    check_plot_paths(output)
    entries = open_source(source)
    write(profile_plot([reduce(f, entries, exclude or ()) for f in formulas]), output, as_json)


@plot_app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def windows(
    output: Output,
    formulas: OptionalFormulas = None,
    file: FormulaFile = None,
    as_given: Annotated[
        bool, typer.Option("--as-given", help="Keep the order; default by reduction potential.")
    ] = False,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Stability windows side by side, with the standard errors of their limits.

    [bold]Examples[/bold]

    misei plot windows Li6PS5Cl Li10GeP2S12 Li3PS4 LiCl -o windows.png

    misei plot windows --file formulas.txt --as-given -o windows.html
    """
    from misei.launchers.reductions import formulas_of
    from misei.launchers.sources import open_source
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.windows import window_plot
    from misei.screening.thermodynamics import reduce

    check_plot_paths(output)
    entries = open_source(source)
    documents = [reduce(f, entries, exclude or ()) for f in formulas_of(formulas or [], file)]
    write(window_plot(documents, as_given), output, as_json)


@plot_app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def diagram(
    system: System,
    output: Output,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Phase diagram of 2 to 4 elements; a formula is marked in the diagram of its elements.

    [bold]Examples[/bold]

    misei plot diagram Li-P-S -o ternary.png

    misei plot diagram Li10GeP2S12 -o quaternary.html
    """
    from misei.launchers.sources import open_source
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.phases import phase_diagram_plot

    check_plot_paths(output)
    write(phase_diagram_plot(system, open_source(source), exclude or ()), output, as_json)


@plot_app.command(context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def chempot(
    system: System,
    output: Output,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Chemical potential diagram of 2 or 3 elements: where each phase is stable.

    [bold]Examples[/bold]

    misei plot chempot Li-P-S -o potentials.html

    misei plot chempot Li-Ge -o potentials.png
    """
    from misei.launchers.sources import open_source
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.potentials import chemical_potential_plot

    check_plot_paths(output)
    write(chemical_potential_plot(system, open_source(source), exclude or ()), output, as_json)


plot_app.command(context_settings=NEGATIVE_NUMBERS)(cli_plot_percolation.composite)
plot_app.command(context_settings=NEGATIVE_NUMBERS)(cli_plot_percolation.conductivity)
plot_app.command(context_settings=NEGATIVE_NUMBERS)(cli_plot_percolation.microstructure)
plot_app.command()(diffusion.arrhenius)
plot_app.command()(wetting.wetting)
