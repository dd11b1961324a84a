"""The command misei elasticity: elastic tensor and moduli."""

from __future__ import annotations

from typing import Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson, EngineName, RunDir, Source, Workers

NOT_IN_JSON = {"structure"}


@console.one_line_errors
def elasticity(
    phases: Annotated[
        list[str],
        typer.Argument(help="Formulas (lowest polymorph) or ids of the source, structure files."),
    ],
    engine: EngineName = "sevennet-l3i5",
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Elastic moduli: bulk B, shear G and Young's E, Poisson's and Pugh's ratio, stability.

    Stresses of strained cells with relaxed ions give the elastic tensor (in --json); the
    moduli are those of a polycrystal. A crystal that is not mechanically stable has none.

    [bold]Examples[/bold]

    misei elasticity Li6PS5Cl Li6PS5Br Li6PS5I

    misei elasticity LiAl LiMg my_alloy.cif --engine sevennet --json
    """
    from misei.launchers.elasticity import run_elasticity
    from misei.launchers.tables.elasticity import print_elasticity

    run = run_elasticity(phases, engine, workers, run_dir, source_name=source)
    if as_json:
        console.print_documents(run.documents.values(), NOT_IN_JSON)
    elif run.documents:
        print_elasticity(run.documents)
    console.exit_if_failed(run.failed)
