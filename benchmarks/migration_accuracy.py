"""Migration barriers and vacancy formation energies against published DFT values.

Prints the Markdown table of docs/migration.md:

    python benchmarks/migration_accuracy.py --engine sevennet

The published values, PBE or similar, are a collection whose papers are not recorded here; a range
where they scatter. Those of silicides may be of single hops and not of a network.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from ase.build import bulk
from markdown import number, table
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.launchers.single import read_crystal, run_flow
from misei.screening.schemas_migration import MigrationDoc
from misei.workflows.migration import MigrationMaker

HEADINGS = (
    "crystal", "E_m (eV)", "E_m by DFT (eV)", "E_f (eV)", "E_f by DFT (eV)", "atoms",
    "change with supercell (eV)", "force evaluations",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A crystal and what DFT gives for its vacancy, eV (one value, or a range)."""

    name: str
    mobile: str
    barrier: str
    formation: str = "-"

    def structure(self) -> Structure:
        """The crystal before relaxation."""
        lattices = {"fcc Li": ("fcc", 4.33), "hcp Li": ("hcp", 3.06)}
        if self.name in lattices:
            lattice, a = lattices[self.name]
            return AseAtomsAdaptor.get_structure(bulk("Li", lattice, a=a))
        if self.name.startswith("fcc "):
            return AseAtomsAdaptor.get_structure(bulk(self.mobile))
        return read_crystal(self.name)[1]


CASES = (
    Case("fcc Li", "Li", "0.13", "0.60"),
    Case("hcp Li", "Li", "0.10 to 0.12", "0.63"),
    Case("Li15Si4", "Li", "0.32"),
    Case("LiSi", "Li", "0.31"),
    Case("Li2O", "Li", "0.15 to 0.34"),
    Case("LiF", "Li", "0.73"),
    Case("fcc Cu", "Cu", "0.72"),
    Case("fcc Al", "Al", "0.58"),
    Case("fcc Ag", "Ag", "0.70"),
)


def row(case: Case, options: argparse.Namespace) -> list[str]:
    """Compute one crystal or find it in the store; its line of the table."""
    maker = MigrationMaker.standard(
        options.engine, mobile_species=case.mobile, cutoff=options.cutoff
    )
    flow = maker.make(case.structure(), case.name)
    doc = run_flow(flow, MigrationDoc, options.workers, options.run_dir)
    change = "-"
    if len(doc.supercell_steps) > 1:
        before, last = doc.supercell_steps[-2:]
        change = number(
            max(
                abs((last.migration_barrier or 0.0) - (before.migration_barrier or 0.0)),
                abs(last.formation_energy - before.formation_energy),
            ),
            3,
        )
    return [
        case.name,
        number(doc.migration_barrier, 3),
        case.barrier,
        number(doc.vacancy_formation_energy),
        case.formation,
        str(doc.natoms),
        change,
        str(doc.force_evaluations),
    ]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crystals", nargs="*", help=f"of {', '.join(c.name for c in CASES)}")
    parser.add_argument("--engine", default="sevennet")
    parser.add_argument("--cutoff", type=float, default=4.2, help="longest hop, angstrom")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    unknown = set(options.crystals) - {case.name for case in CASES}
    if unknown:
        names = ", ".join(case.name for case in CASES)
        parser.error(f"unknown crystals {', '.join(sorted(unknown))}; valid: {names}")
    chosen = [case for case in CASES if case.name in options.crystals or not options.crystals]
    print(table(HEADINGS, [row(case, options) for case in chosen]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
