"""The figure of wetting: misei plot wetting."""

from __future__ import annotations

from typing import Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.figures import Output, write
from misei.launchers.commands.options import AsJson, EngineName, RunDir

Phases = Annotated[
    list[str], typer.Argument(help="Alloys and salts, by the names they were run with.")
]


@console.one_line_errors
def wetting(
    phases: Phases,
    output: Output,
    engine: EngineName = "sevennet",
    run_dir: RunDir = None,
    as_json: AsJson = False,
) -> None:
    """W_ad / 2 gamma_Li of alloys and salts against the wetting lines, from finished runs.

    [bold]Examples[/bold]

    misei plot wetting LiAl Li15Si4 Li2O LiF -o wetting.png
    """
    from misei.launchers.machine import machine_settings
    from misei.launchers.store import open_store
    from misei.screening.plots.files import check_plot_paths
    from misei.screening.plots.wetting import stored_adhesions, wetting_plot

    check_plot_paths(output)
    store = open_store(machine_settings(None, run_dir).store_location, must_exist=True)
    write(wetting_plot(stored_adhesions(store, phases, engine)), output, as_json)
