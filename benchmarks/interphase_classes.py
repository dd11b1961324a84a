"""Classes of interphases beside those seen in experiments, and critical ratios of a host.

The calibration rests on the four composites of Su et al. alone; the electrolytes of
published_classes.csv (citations recalled) and all critical ratios are predictions. Prints the
Markdown tables of docs/percolation.md:

    python benchmarks/interphase_classes.py
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from markdown import table

from misei.launchers.sources import open_source
from misei.screening.calibration import calibrate
from misei.screening.composites import scan_ratios
from misei.screening.entries import EntrySource
from misei.screening.interphase import interphase

PUBLISHED = Path(__file__).with_name("published_classes.csv")
HOST = "Li6PS5Cl"
ADDITIVES = (
    "Li10GeP2S12", "Li10SnP2S12", "Li10SiP2S12", "Li3InCl6", "Li3YCl6", "Li2ZrCl6", "Li4SnS4",
    "LiAlCl4",
)  # fmt: skip
# Doped Li6PS5Cl: the end member, the dopant M, and the series over its content x.
DOPANTS = {
    "Li7SiS5Cl": "Li(6+x)P(1-x)Si(x)S5Cl",
    "Li7GeS5Cl": "Li(6+x)P(1-x)Ge(x)S5Cl",
    "Li7SnS5Cl": "Li(6+x)P(1-x)Sn(x)S5Cl",
    "Li4MgPS5Cl": "Li(6-2x)Mg(x)PS5Cl",
    "Li4ZnPS5Cl": "Li(6-2x)Zn(x)PS5Cl",
    "Li3AlPS5Cl": "Li(6-3x)Al(x)PS5Cl",
    "Li3InPS5Cl": "Li(6-3x)In(x)PS5Cl",
    "Li5AgPS5Cl": "Li(6-x)Ag(x)PS5Cl",
}


def calibration_table(source: EntrySource) -> str:
    """The four composites of the calibration."""
    found = calibrate(source)
    rows = []
    for one in found.observations:
        doc = one.interphase
        chances = doc.class_probabilities
        rows.append(
            [doc.formula, f"{100 * doc.metal_volume_fraction:.2f}", one.seen, doc.interphase_class]
            + [f"{100 * p:.0f}" for p in chances.values()]
        )
    low, high = found.closeness_interval
    return (
        table(
            ["interphase from", "V_f,M (%)", "seen", "computed", "P(SEI) (%)", "P(MI-SEI) (%)",
             "P(MCI) (%)"], rows,
        )
        + f"\n\nD / delta: {low:.3f} to {high:.3f}."
    )  # fmt: skip


def prediction_table(source: EntrySource) -> str:
    """Electrolytes that were not used in the calibration."""
    rows = []
    for one in csv.DictReader(PUBLISHED.read_text().splitlines()):
        doc = interphase(one["formula"], source)
        metals = ", ".join(doc.metallic_products) or "none"
        percent = f"{100 * doc.metal_volume_fraction:.1f}"
        chance = f"{100 * doc.class_probabilities['MCI']:.0f}"
        rows.append(
            [one["name"], percent, metals, chance, doc.interphase_class, one["seen"], one["source"]]
        )
    return table(
        ["electrolyte", "V_f,M (%)", "metals", "P(MCI) (%)", "computed", "seen", "source"], rows
    )


def ratio_tables(source: EntrySource) -> str:
    """Critical ratios of additives, and critical contents of dopants."""
    additives, dopants = [], []
    for additive in (*ADDITIVES, *DOPANTS):
        doc = scan_ratios(HOST, additive, source)
        metals = ", ".join(doc.additive_alone.metallic_products) or "none"
        alone = f"{100 * doc.additive_alone.metal_volume_fraction:.1f}"
        ratio, bounds = doc.critical_ratio, doc.critical_ratio_interval
        if additive in ADDITIVES:
            cells = [_number(ratio), " to ".join(_number(bound) for bound in bounds)]
            additives.append([additive, metals, alone, *cells])
        else:
            cells = [_content(ratio), " to ".join(_content(bound) for bound in bounds[::-1])]
            dopants.append([DOPANTS[additive], metals, alone, *cells])
    columns = ["metals", "V_f,M of it alone (%)"]
    return "\n\n".join(
        [
            table([f"additive to {HOST}", *columns, "critical ratio", "range"], additives),
            table(["doped host", "metals", "V_f,M at x = 1 (%)", "critical x", "range"], dopants),
        ]
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"


def _content(ratio: float | None) -> str:
    # One mole of the end member and `ratio` of the host.
    return "none" if ratio is None else f"{1.0 / (1.0 + ratio):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="bundled", help="bundled, mp or mp-cache")
    source = open_source(parser.parse_args().source)
    for part in (calibration_table, prediction_table, ratio_tables):
        print(f"{part(source)}\n")


if __name__ == "__main__":
    main()
