"""The command line of misei."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from misei import __version__
from misei.launchers import (
    cli_campaigns,
    cli_cluster,
    cli_design,
    cli_diffusion,
    cli_doctor,
    cli_fireworks,
    cli_percolation,
    cli_properties,
    cli_thermodynamics,
    cli_vibrations,
)
from misei.launchers.cli_mp import mp_app
from misei.launchers.cli_plot import plot_app
from misei.launchers.cli_remote import remote_app
from misei.launchers.options import NEGATIVE_NUMBERS

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
app.add_typer(cli_campaigns.reference_app, name="reference")
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
        cli_campaigns.screen,
        cli_campaigns.rank,
        cli_campaigns.export,
        cli_campaigns.report,
    ],
    "Clusters": [
        cli_doctor.doctor,
        cli_cluster.cluster,
        cli_fireworks.submit,
        cli_fireworks.launch,
        cli_fireworks.status,
        cli_fireworks.retry,
        cli_fireworks.resume,
        cli_fireworks.cancel,
    ],
    "Electrolytes": [
        cli_thermodynamics.reduce,
        cli_thermodynamics.interphase,
        cli_design.design,
        cli_design.compatibility,
        cli_percolation.conductivity,
        cli_percolation.thresholds,
        cli_percolation.calibrate,
    ],
    "Alloys and other crystals": [
        cli_thermodynamics.alloys,
        cli_properties.adhesion,
        cli_properties.barrier,
        cli_diffusion.diffusivity,
        cli_vibrations.vibrations,
    ],
}
for panel, commands in PANELS.items():
    # Amounts of electrolytes are arguments and may look like options.
    settings = NEGATIVE_NUMBERS if panel == "Electrolytes" else {}
    for command in commands:
        app.command(rich_help_panel=panel, context_settings=settings)(command)


if __name__ == "__main__":
    app()
