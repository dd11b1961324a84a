"""Commands that combine solids: design (host and additive), compatibility (coatings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.grain_options import with_grain_options
from misei.launchers.commands.options import (
    AsJson,
    Excluded,
    Source,
)
from misei.launchers.tables import design as tables

if TYPE_CHECKING:
    from misei.screening.grains import Grains

Solid = Annotated[str, typer.Argument(help="Formula or composite.", show_default=False)]


@console.one_line_errors
@with_grain_options
def design(
    grains: Grains,
    host: Solid,
    additive: Solid,
    ratio: Annotated[
        list[float] | None,
        typer.Option(
            help="Moles of host per mole of additive; may be repeated; default 0.1 to 1000."
        ),
    ] = None,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """How much of an additive a host takes before its interphase with Li shorts.

    Gives the metal volume fraction V_f,M of the interphase at 0 V over the ratio
    of host to additive, and the critical ratio, where V_f,M is the percolation
    threshold V_p.

    A doped host is a composite of the host and its doped end member:
    Li6PS5Cl + Li4MgPS5Cl is Li(6-2x)Mg(x)PS5Cl with x = 1 / (1 + ratio).

    [bold]Examples[/bold]

    misei design Li6PS5Cl Li10GeP2S12

    misei design Li6PS5Cl Li3InCl6 --ratio 4 --ratio 16 --json

    misei design Li6PS5Cl Li4MgPS5Cl --grain-diameter 3 --aspect-ratio 2
    """
    from misei.launchers.sources import open_source
    from misei.screening.composites import scan_ratios

    document = scan_ratios(host, additive, open_source(source), ratio, grains, exclude or ())
    if as_json:
        console.print_json(console.plain(document))
        return
    tables.print_design(document)


@console.one_line_errors
def compatibility(
    coatings: Annotated[
        list[str],
        typer.Argument(help="Coatings or interlayers: compounds, alloys, composites."),
    ],
    electrolytes: Annotated[
        list[str], typer.Option("--with", help="Electrolyte behind the coating; may be repeated.")
    ],
    potential: Annotated[
        float, typer.Option(help="Of the Li reservoir in the open case, V vs Li/Li+.")
    ] = 0.0,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Whether a coating or interlayer gets on with Li metal and with an electrolyte.

    Three reactions: the coating with Li metal at 0 V, with the electrolyte, and
    with the electrolyte open to Li at the potential. The mutual energy is what
    the contact adds to what each solid does alone.

    [bold]Examples[/bold]

    misei compatibility LiF Li3N LiIn --with Li6PS5Cl

    misei compatibility "LiMg + LiF" --with Li6PS5Cl --with Li3PS4 --potential 0.5 --json
    """
    from misei.launchers.sources import open_source
    from misei.screening.compatibility import compatibility_table

    documents = compatibility_table(
        coatings, electrolytes, open_source(source), potential, exclude or ()
    )
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_compatibility(documents)
