"""Figures of percolation: misei plot composite, conductivity, microstructure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.figures import Output, write
from misei.launchers.commands.grain_options import with_grain_options
from misei.launchers.commands.options import (
    AsJson,
    Excluded,
    OptionalFormulas,
    SigmaInsulator,
    SigmaMetal,
    Source,
)

if TYPE_CHECKING:
    from misei.screening.grains import Grains


@console.one_line_errors
@with_grain_options
def composite(
    grains: Grains,
    host: Annotated[str, typer.Argument(help="Formula or composite.", show_default=False)],
    additives: Annotated[
        list[str], typer.Argument(help="Formulas or composites, a line each.", show_default=False)
    ],
    output: Output,
    ratio: Annotated[
        list[float] | None,
        typer.Option(help="Moles of host per mole of additive to point out; may be repeated."),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Add the critical ratios with other grains.")
    ] = False,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Metal fraction of the interphase over the ratio of a host to additives.

    The percolation threshold is a line with its interval; the ratio at which
    the interphase shorts stands below, with its interval.

    [bold]Examples[/bold]

    misei plot composite Li6PS5Cl Li10GeP2S12 --ratio 4 --ratio 16 -o composite.png

    misei plot composite Li6PS5Cl Li10GeP2S12 Li3InCl6 -o both.html
    """
    from misei.launchers.sources import open_source
    from misei.screening.composites import DEFAULT_RATIOS, scan_ratios
    from misei.screening.plots.composites import composite_plot
    from misei.screening.plots.files import check_plot_paths

    check_plot_paths(output)
    entries = open_source(source)
    ratios = [*DEFAULT_RATIOS, *(ratio or ())]
    documents = [
        scan_ratios(host, additive, entries, ratios, grains, exclude or ())
        for additive in additives
    ]
    write(composite_plot(documents, ratio or (), variants), output, as_json)


@console.one_line_errors
@with_grain_options
def conductivity(
    grains: Grains,
    output: Output,
    formulas: OptionalFormulas = None,
    sigma_metal: SigmaMetal = None,
    sigma_insulator: SigmaInsulator = None,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Electronic conductivity against metal fraction, through the threshold.

    Networks of grains with their Monte Carlo, beside the percolation law and the
    mixing rule; formulas are marked at the metal fraction of their interphase.

    [bold]Examples[/bold]

    misei plot conductivity -o conductivity.png

    misei plot conductivity "16 Li6PS5Cl + Li10GeP2S12" Li10GeP2S12 -o marked.html
    """
    from misei.screening.conductivity import LI2S_CONDUCTIVITY, LITHIUM_CONDUCTIVITY
    from misei.screening.plots.conductivity import conductivity_plot
    from misei.screening.plots.files import check_plot_paths

    check_plot_paths(output)
    metal = LITHIUM_CONDUCTIVITY if sigma_metal is None else sigma_metal
    insulator = LI2S_CONDUCTIVITY if sigma_insulator is None else sigma_insulator
    marks = _metal_fractions(formulas or (), grains, exclude or (), source)
    write(conductivity_plot(marks, grains, metal, insulator), output, as_json)


@console.one_line_errors
@with_grain_options
def microstructure(
    grains: Grains,
    output: Output,
    formulas: OptionalFormulas = None,
    metal_fraction: Annotated[
        list[float] | None,
        typer.Option(help="V_f,M (0 to 1) to draw; may be repeated; default 0.6 and 1.6 V_p."),
    ] = None,
    box: Annotated[
        float | None, typer.Option(help="Edge of the box, nm; default so that it holds 600 grains.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 1,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Grains of the metal in a box, below and above the percolation threshold.

    Each panel is one Monte Carlo sample, true to scale; the cluster that spans
    the box is coloured. A formula is drawn at the metal fraction of its interphase.

    [bold]Examples[/bold]

    misei plot microstructure -o grains.png -o grains.html

    misei plot microstructure "16 Li6PS5Cl + Li10GeP2S12" Li10GeP2S12 --box 25 -o two.png

    misei plot microstructure --metal-fraction 0.013 --metal-fraction 0.0375 -o two.png
    """
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.microstructures import microstructure_plot

    check_plot_paths(output)
    fractions = _metal_fractions(formulas or (), grains, exclude or (), source)
    fractions += [("", fraction) for fraction in metal_fraction or ()]
    write(microstructure_plot(fractions, grains, box, seed), output, as_json)


def _metal_fractions(
    formulas: Sequence[str], grains: Grains, excluded: Sequence[str], source: str | None
) -> list[tuple[str, float]]:
    """Return electrolytes with V_f,M of their interphases (0 to 1)."""
    from misei.launchers.sources import open_source
    from misei.screening.interphase import interphase

    if not formulas:
        return []
    entries = open_source(source)
    documents = [interphase(formula, entries, grains, excluded) for formula in formulas]
    return [(document.formula, document.metal_volume_fraction) for document in documents]
