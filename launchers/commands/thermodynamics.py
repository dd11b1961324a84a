"""Commands of the thermodynamic stage: reduce, interphase, alloys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.grain_options import with_grain_options
from misei.launchers.commands.options import (
    AsJson,
    Excluded,
    FormulaFile,
    Formulas,
    OptionalFormulas,
    Source,
    Temperature,
)
from misei.launchers.tables import thermodynamics as tables

if TYPE_CHECKING:
    from misei.screening.grains import Grains


@console.one_line_errors
def reduce(
    formulas: OptionalFormulas = None,
    file: FormulaFile = None,
    exclude: Excluded = None,
    source: Source = None,
    temperature: Temperature = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print every plateau (default for one formula).")
    ] = False,
    row_format: Annotated[
        str | None, typer.Option("--format", help="Stream rows to stdout: csv or jsonl.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Stream rows to a .csv or .jsonl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reduction against Li: products at 0 V, stability window, voltage profile.

    Of electrolytes, salts and metals alike. With --format or --output each result is written as
    soon as it is found; a formula that cannot be reduced gets a row with the reason (exit code 1).

    [bold]Examples[/bold]

    misei reduce Li6PS5Cl Li10GeP2S12

    misei reduce "4 Li6PS5Cl + Li10GeP2S12" --json

    misei reduce Ge --exclude Li9Ge4

    misei reduce --file formulas.txt --output windows.csv

    misei reduce Al --temperature 300
    """
    from misei.launchers import reductions
    from misei.launchers.sources import open_source

    wanted = reductions.formulas_of(formulas or [], file)
    reduce_one = reductions.reducer(open_source(source), temperature, exclude or [])
    if format_ := reductions.row_format(row_format, output):
        failures = reductions.write_rows(wanted, reduce_one, format_, output)
        if failures:
            console.err.print(f"{failures} of {len(wanted)} formulas failed: see their rows")
            raise typer.Exit(console.FAILED_RUN)
        return
    documents = [reduce_one(formula) for formula in wanted]
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_reductions(documents)
    for document in documents if profile or len(documents) == 1 else ():
        tables.print_profile(document)


@console.one_line_errors
@with_grain_options
def interphase(
    grains: Grains,
    formulas: Formulas,
    exclude: Excluded = None,
    source: Source = None,
    temperature: Temperature = None,
    as_json: AsJson = False,
) -> None:
    """Metal volume fraction of the interphase at 0 V, and its class: SEI, MI-SEI or MCI.

    The probability of each class is its share of the range of grain diameter over
    tunnelling length that one experiment leaves open (`misei calibrate`).

    [bold]Examples[/bold]

    misei interphase Li6PS5Cl "16 Li6PS5Cl + Li10GeP2S12" Li10GeP2S12

    misei interphase Li10GeP2S12 --grain-diameter 10 --spread 2 --json
    """
    from misei.launchers.sources import open_source
    from misei.launchers.temperatures import at_temperature
    from misei.screening.interphase import interphase as find_interphase

    excluded = exclude or []
    interphase_of = at_temperature(
        lambda formula, entries: find_interphase(formula, entries, grains, excluded),
        open_source(source),
        temperature,
        excluded,
    )
    documents = [interphase_of(formula) for formula in formulas]
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_interphases(documents)


@console.one_line_errors
def alloys(
    metals: Annotated[list[str], typer.Argument(help="Metals M, e.g. Mg Al Ag.")],
    tolerance: Annotated[
        float, typer.Option(help="List phases up to this far above the hull, eV/atom.", min=0.0)
    ] = 0.0,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Li alloys of a metal on the hull, and the one in equilibrium with Li metal.

    [bold]Examples[/bold]

    misei alloys Mg Al Ag

    misei alloys Ge --tolerance 0.02 --json
    """
    from misei.launchers.sources import open_source
    from misei.screening.alloys import alloy_candidates

    entries = open_source(source)
    found = [c for metal in metals for c in alloy_candidates(metal, entries, tolerance)]
    if as_json:
        console.print_json([console.plain(candidate) for candidate in found])
        return
    tables.print_alloys(found)
