"""Commands of the thermodynamic stage: reduce, interphase, alloys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from misei.launchers import console
from misei.launchers import tables_thermodynamics as tables
from misei.launchers.options import AsJson, Excluded, Formulas


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
