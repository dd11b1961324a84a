"""Commands of one property of one crystal: misei adhesion, barrier."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import (
    AsJson,
    Crystal,
    Cutoff,
    EngineName,
    Mechanism,
    Preset,
    RunDir,
    Source,
    Workers,
)
from misei.launchers.tables import campaigns as tables


@console.one_line_errors
def adhesion(
    alloy: Crystal,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    energy_engine: Annotated[
        str | None, typer.Option(help="Engine for the energies, on the geometries of --engine.")
    ] = None,
    confirmed: Annotated[
        int, typer.Option(min=1, help="Of the relaxed interfaces, how many --energy-engine gets.")
    ] = 1,
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Work of adhesion of Li on an alloy, a metal or a salt, and whether Li wets it.

    The standard preset considers more interfaces and thickens slabs until W_ad stands still.

    [bold]Examples[/bold]

    misei adhesion LiAl

    misei adhesion my_alloy.cif --preset standard --json

    misei adhesion LiAl --preset smallest --energy-engine gpaw-fast
    """
    from misei.launchers.single import run_adhesion

    energies: dict[str, Any] = {"energy_engine": energy_engine, "confirmed": confirmed}
    document = run_adhesion(
        alloy, engine, preset, workers, run_dir, source, **(energies if energy_engine else {})
    )
    if as_json:
        without_cells = {"interfaces": {"__all__": {"structure"}}}
        console.print_json(console.plain(document, exclude=without_cells))
        return
    tables.print_adhesion(document)


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
