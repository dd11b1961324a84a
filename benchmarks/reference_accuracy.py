"""Compare the bundled reference set with formation energies of another database.

Reads CSV files with the columns formula and e_form_eV_per_atom (for example the public matbench
mp_e_form set, split by chemical system) and prints a Markdown report:

    python benchmarks/reference_accuracy.py FOLDER > docs/accuracy_table.md

The legacy Materials Project corrections in such files are undone before anything is compared, so
that raw PBE formation energies stand beside the potential's: pymatgen's anion corrections (oxide,
peroxide, superoxide, sulfide by the bonds of our own crystal), and the gases' fitted references.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections import defaultdict
from math import sqrt
from pathlib import Path
from statistics import mean, median

from pymatgen.analysis import compatibility
from pymatgen.analysis.compatibility import AnionCorrection
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from pymatgen.core.entries import ComputedStructureEntry

from misei.screening.entries import BundledSource
from misei.screening.hulls import phase_diagram
from misei.structures.reference_set import REFERENCE_SET_PATH, load_reference_set

# PBE energies of N2, F2, Cl2 and H2 in the Materials Project (-8.336, -1.911, -1.849 and -3.392
# eV/atom) less the legacy fitted ones (-7.952, -1.421, -1.254 and -3.240 in pymatgen's
# MPCompatibility.yaml): what the scheme added to a formation energy, eV per atom of the gas.
GAS_SHIFT = {"N": -0.384, "F": -0.491, "Cl": -0.595, "H": -0.152}
LEGACY_CONFIG = Path(compatibility.__file__).with_name("MPCompatibility.yaml")
NEAR_HULL = 0.020  # reference phases within this of the reference hull are compared, eV/atom
LIMIT_FORMATION = 0.040  # eV/atom
LIMIT_HULL = 0.030  # eV/atom

Rows = dict[str, float]


def read_reference(folder: Path) -> dict[str, Rows]:
    """Lowest formation energy (eV/atom) of each formula, by file (chemical system)."""
    systems: dict[str, Rows] = {}
    for path in sorted(folder.glob("*.csv")):
        rows: Rows = {}
        for row in csv.DictReader(path.read_text().splitlines()):
            formula = Composition(row["formula"]).reduced_formula
            rows[formula] = min(rows.get(formula, 9.9), float(row["e_form_eV_per_atom"]))
        systems[path.stem] = rows
    return systems


def near_hull(rows: Rows) -> list[str]:
    """Compounds of a file within NEAR_HULL of its own hull, chemical system by system."""
    elements = {e for f in rows for e in Composition(f).elements}
    entries = [PDEntry(Composition(f), e * Composition(f).num_atoms) for f, e in rows.items()]
    entries += [PDEntry(Composition(e.symbol), 0.0) for e in elements]
    found = []
    for entry in entries:
        inside = [e for e in entries if set(e.composition) <= set(entry.composition)]
        distance = PhaseDiagram(inside).get_e_above_hull(entry)
        if len(entry.composition) > 1 and distance is not None and distance <= NEAR_HULL:
            found.append(entry.composition.reduced_formula)
    return sorted(set(found))


def raw_reference(formula: str, value: float, source: BundledSource) -> float:
    """Undo the legacy corrections of a formation energy (eV/atom)."""
    composition = Composition(formula).fractional_composition
    gas = sum(GAS_SHIFT.get(element.symbol, 0.0) * x for element, x in composition.items())
    entry = source.find(formula)[0]
    bare = ComputedStructureEntry(entry.structure, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen says "sulfide" for each sulfide
        anion = AnionCorrection(LEGACY_CONFIG).get_correction(bare).nominal_value
    return float(value - gas - anion / entry.composition.num_atoms)


def own_formation_energies(source: BundledSource) -> dict[str, float]:
    """Lowest uncorrected formation energy (eV/atom) of each formula of the bundled set."""
    phases = load_reference_set(source.path)["phases"]
    energies: dict[str, float] = {}
    for phase in phases:
        formula = Composition(phase["formula"]).reduced_formula
        energy = phase["energy"] / phase["natoms"]
        energies[formula] = min(energies.get(formula, 9.9), energy)
    elements = {f: e for f, e in energies.items() if len(Composition(f)) == 1}
    by_symbol = {Composition(f).elements[0].symbol: e for f, e in elements.items()}
    return {
        formula: energy
        - sum(
            by_symbol[e.symbol] * x for e, x in Composition(formula).fractional_composition.items()
        )
        for formula, energy in energies.items()
    }


def own_distance_from_hull(formula: str, source: BundledSource) -> float:
    """Distance of a composition's lowest phase from the bundled hull, eV/atom."""
    diagram = phase_diagram(source, [e.symbol for e in Composition(formula).elements])
    entry = source.find(formula)[0]
    return float(diagram.get_e_above_hull(entry) or 0.0)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of CSV files")
    parser.add_argument("--set", type=Path, default=REFERENCE_SET_PATH, help="reference set")
    arguments = parser.parse_args()
    source = BundledSource(arguments.set)
    own = own_formation_energies(source)
    known = {e.symbol for f in own for e in Composition(f).elements}
    by_system: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    missing: set[str] = set()
    seen: set[str] = set()
    for rows in read_reference(arguments.folder).values():
        systems: dict[frozenset[str], Rows] = defaultdict(dict)
        for formula, value in rows.items():
            systems[frozenset(e.symbol for e in Composition(formula).elements)][formula] = value
        inside = {f: e for s, r in systems.items() if s <= known for f, e in r.items()}
        for formula in near_hull(inside):
            if formula in seen:
                continue
            seen.add(formula)
            if formula not in own:
                missing.add(formula)
                continue
            difference = own[formula] - raw_reference(formula, rows[formula], source)
            chemsys = "-".join(sorted(e.symbol for e in Composition(formula).elements))
            by_system[chemsys].append(
                (formula, difference, own_distance_from_hull(formula, source))
            )
    print_report(by_system, missing)


def print_report(by_system: dict[str, list[tuple[str, float, float]]], missing: set[str]) -> None:
    """Print the table per system, the outliers, and what the bundled set lacks."""
    everything = [d for rows in by_system.values() for _, d, _ in rows]
    print(
        f"{len(everything)} phases within {1000 * NEAR_HULL:.0f} meV/atom of the reference hull: "
        f"mean absolute difference {1000 * mean(map(abs, everything)):.0f} meV/atom, median "
        f"{1000 * median(map(abs, everything)):.0f}, root mean square "
        f"{1000 * sqrt(mean(d**2 for d in everything)):.0f}, largest "
        f"{1000 * max(everything, key=abs):+.0f}.\n"
    )
    print("| system | phases | mean abs. difference (meV/atom) | largest (meV/atom) |")
    print("|---|---|---|---|")
    for system, rows in sorted(by_system.items()):
        worst = max(rows, key=lambda row: abs(row[1]))
        size = 1000 * mean(abs(difference) for _, difference, _ in rows)
        print(f"| {system} | {len(rows)} | {size:.0f} | {1000 * worst[1]:+.0f} ({worst[0]}) |")
    print("\nBeyond the limits (formation energy 40, own hull 30 meV/atom):\n")
    print("| phase | formation energy - reference (meV/atom) | above own hull (meV/atom) |")
    print("|---|---|---|")
    for rows in by_system.values():
        for formula, difference, distance in rows:
            if abs(difference) > LIMIT_FORMATION or distance > LIMIT_HULL:
                print(f"| {formula} | {1000 * difference:+.0f} | {1000 * distance:.0f} |")
    print(f"\nNot in the bundled set: {', '.join(sorted(missing)) or 'none'}.")


if __name__ == "__main__":
    main()
