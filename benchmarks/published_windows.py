"""Windows and products at 0 V of the electrolytes of the field, beside published ones.

Published values stand in published_windows.csv and published_plateaus.csv, each with its source
(the column `confirmed` says whether it was looked up or recalled); the rest is computed here
from a source of entries. Prints the Markdown tables of docs/windows.md:

    python benchmarks/published_windows.py
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from pymatgen.core import Composition

from misei.launchers.sources import open_source
from misei.screening.entries import EntrySource
from misei.screening.interphase import interphase
from misei.screening.schemas_thermodynamics import ReductionDoc
from misei.screening.thermodynamics import reduce

WINDOWS = Path(__file__).with_name("published_windows.csv")
PLATEAUS = Path(__file__).with_name("published_plateaus.csv")
ELECTROLYTES = {
    "Sulfides": [
        "Li2S", "Li3PS4", "Li7P3S11", "Li7PS6", "Li6PS5Cl", "Li6PS5Br", "Li6PS5I",
        "Li10GeP2S12", "Li10SiP2S12", "Li10SnP2S12", "Li4SnS4", "Li4GeS4",
    ],
    "Halides": [
        "LiF", "LiCl", "LiBr", "LiI", "Li3OCl", "Li3InCl6", "Li3YCl6", "Li3YBr6", "Li2ZrCl6",
        "Li3ScCl6",
    ],
    "Oxides and oxysalts": [
        "Li2O", "Li3PO4", "Li2PO2N", "Li7La3Zr2O12", "Li3La5Ti9O27", "LiLaTi2O6", "LiTi2P3O12",
        "Li13Al3Ti17P30O120", "LiGe2P3O12", "Li3AlGe3P6O24", "LiAlO2", "Li5AlO4", "LiNbO3",
        "Li2CO3", "Li2SiO3",
    ],
    "Others": ["Li3N", "Li3P", "LiBH4"],
}  # fmt: skip
METALS = ["Ge", "Si", "Sn", "Pb", "Sb", "Bi", "Al", "Ga", "In", "Mg", "Zn", "Cd", "Ag", "Au"]
COMMON_NAMES = {
    "Li13Al3Ti17P30O120": "Li1.3Al0.3Ti1.7(PO4)3 (LATP)",
    "Li3AlGe3P6O24": "Li1.5Al0.5Ge1.5(PO4)3 (LAGP)",
    "Li7La3Zr2O12": "Li7La3Zr2O12 (LLZO)",
    "Li3La5Ti9O27": "Li3La5Ti9O27 (LLTO)",
    "Li2PO2N": "Li2PO2N (LiPON)",
}

Rows = list[dict[str, str]]


def read_rows(path: Path) -> Rows:
    """Rows of a table of published values."""
    return list(csv.DictReader(path.read_text().splitlines()))


def rows_of(formula: str, rows: Rows) -> Rows:
    """Rows of a composition, however its formula is written."""
    wanted = Composition(formula).fractional_composition
    same = (r for r in rows if Composition(r["formula"]).fractional_composition == wanted)
    return list(same)


def mark(sources: list[str], source: str) -> int:
    """Number of a source in the list of notes, added when it is new."""
    if source not in sources:
        sources.append(source)
    return sources.index(source) + 1


def cited(rows: Rows, column: str, sources: list[str]) -> str:
    """Published values of a column, each with the number of its source."""
    values = [f"{r[column]} [{mark(sources, r['source'])}]" for r in rows if r[column]]
    return ", ".join(values) or "-"


def with_error(value: float | None, error: float | None) -> str:
    """Potential with its standard error."""
    if value is None:
        return "-"
    return f"{value:.2f}" if error is None else f"{value:.2f} ± {error:.2f}"


def line(doc: ReductionDoc, source: EntrySource, rows: Rows, notes: list[str]) -> str:
    """One electrolyte as a row of the table."""
    phase = interphase(doc.formula, source)
    hull = "no phase" if doc.e_above_hull is None else f"{1000 * doc.e_above_hull:.0f}"
    products = " + ".join(f"{n:.3g} {p}" for p, n in doc.products_0V.items())
    cells = [
        COMMON_NAMES.get(doc.formula, doc.formula),
        hull,
        with_error(doc.reduction_potential, doc.reduction_potential_error),
        cited(rows, "reduction_V", notes),
        with_error(doc.oxidation_potential, doc.oxidation_potential_error),
        cited(rows, "oxidation_V", notes),
        products,
        cited(rows, "products_0V", notes),
        f"{100 * phase.metal_volume_fraction:.1f}",
        str(phase.interface_type),
    ]
    return "| " + " | ".join(cells) + " |"


def print_windows(source: EntrySource, published: Rows, notes: list[str]) -> None:
    """Print a table of windows for each family."""
    for family, formulas in ELECTROLYTES.items():
        print(f"## {family}\n")
        print(
            "| electrolyte | e_above_hull (meV/atom) | reduced below (V) | published | "
            "oxidized above (V) | published | products at 0 V (mol) | published | V_f,M (%) | "
            "type |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for formula in formulas:
            print(line(reduce(formula, source), source, rows_of(formula, published), notes))
        print()


def print_plateaus(source: EntrySource, published: Rows, notes: list[str]) -> None:
    """Print the lithiation plateaus of the metals."""
    print("## Lithiation plateaus of metals and metalloids\n")
    print("| metal | plateaus (V): phase formed | published plateaus (V) |")
    print("|---|---|---|")
    for metal in METALS:
        steps = reduce(metal, source).voltage_profile[1:]
        plateaus = "; ".join(f"{s.potential_high:.3f}: {', '.join(s.products)}" for s in steps)
        known = [
            f"{r['plateaus_V']} ({r['conditions']}) [{mark(notes, r['source'])}]"
            for r in published
            if r["metal"] == metal
        ]
        print(f"| {metal} | {plateaus or 'none'} | {'<br>'.join(known) or '-'} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="bundled", help="bundled, mp or mp-cache")
    source = open_source(parser.parse_args().source)
    notes: list[str] = []
    print_windows(source, read_rows(WINDOWS), notes)
    print_plateaus(source, read_rows(PLATEAUS), notes)
    print("\nPublished values:\n")
    for number, note in enumerate(notes, 1):
        print(f"{number}. {note}")


if __name__ == "__main__":
    main()
