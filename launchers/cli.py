"""The command line of misei."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from misei import __version__
from misei.launchers.commands import (
    campaigns,
    cluster,
    design,
    diffusion,
    doctor,
    elasticity,
    fireworks,
    percolation,
    properties,
    thermodynamics,
    vibrations,
)
from misei.launchers.commands.mp import mp_app
from misei.launchers.commands.options import NEGATIVE_NUMBERS
from misei.launchers.commands.plot import plot_app
from misei.launchers.commands.remote import remote_app

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
app.add_typer(campaigns.reference_app, name="reference")
app.add_typer(mp_app, name="mp")
app.add_typer(plot_app, name="plot")
app.add_typer(remote_app, name="remote")


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


PANELS: dict[str, list[Callable[..., None]]] = {
    "Campaigns": [
        campaigns.screen,
        campaigns.rank,
        campaigns.export,
        campaigns.report,
    ],
    "Clusters": [
        doctor.doctor,
        cluster.cluster,
        fireworks.submit,
        fireworks.launch,
        fireworks.status,
        fireworks.retry,
        fireworks.resume,
        fireworks.cancel,
    ],
    "Electrolytes": [
        thermodynamics.reduce,
        thermodynamics.interphase,
        design.design,
        design.compatibility,
        percolation.conductivity,
        percolation.thresholds,
        percolation.calibrate,
    ],
    "Alloys and other crystals": [
        thermodynamics.alloys,
        properties.adhesion,
        properties.barrier,
        diffusion.diffusivity,
        vibrations.vibrations,
        elasticity.elasticity,
    ],
}
for panel, commands in PANELS.items():
    # Amounts of electrolytes are arguments and may look like options.
    settings = NEGATIVE_NUMBERS if panel == "Electrolytes" else {}
    for command in commands:
        app.command(rich_help_panel=panel, context_settings=settings)(command)


if __name__ == "__main__":
    app()
