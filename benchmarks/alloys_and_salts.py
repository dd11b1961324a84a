"""Li migration barriers, or works of adhesion of Li, of the Li-richest alloys and the SEI's salts.

Runs what `misei barrier` and `misei adhesion` run, one crystal after the other, and prints the
Markdown tables of docs/migration.md and docs/adhesion.md with wall time and force evaluations:

    python benchmarks/alloys_and_salts.py barriers --cutoff 4.2
    python benchmarks/alloys_and_salts.py adhesion --preset quick

Started again it finds what is finished in the run folder; wall times are those of the run that
computed a crystal (kept beside the store).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from markdown import number, table

from misei.launchers.single import RunError, run_adhesion, run_barrier
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc

# What coexists with Li metal of each metal of examples/argyrodite_eight_metals.yaml.
ALLOYS = ("LiZn", "Li5Mg", "Li9Al4", "Li3Ag", "Li13In3", "Li15Ge4", "Li21Si5", "Li17Sn4")
SALTS = ("Li2O", "LiF", "LiCl", "Li2S", "Li3P", "Li3N")
BARRIER_HEADINGS = (
    "crystal", "E_m 1D / 2D / 3D (eV)", "E_f (eV)", "E_m + E_f (eV)", "hops computed / given up",
    "saddles by midpoint / one image / other", "atoms", "change with supercell (eV)",
    "force evaluations", "wall time (min)",
)  # fmt: skip
ADHESION_HEADINGS = (
    "crystal", "facet of the best interface", "W_ad (J/m2)", "range of W_ad (J/m2)",
    "W_ad / 2 gamma_Li", "on the most stable face", "theta (degrees)", "gamma_int (J/m2)",
    "strain of Li (%)", "atoms",
    "verdict", "force evaluations", "wall time (min)",
)  # fmt: skip


class Times:
    """Wall times in minutes by crystal, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.minutes: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, key: str, seconds: float) -> None:
        """Add to the time of a crystal: a run that was stopped goes on."""
        self.minutes[key] = self.minutes.get(key, 0.0) + seconds / 60
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.minutes, indent=1))


def barrier_row(formula: str, doc: MigrationDoc, minutes: float | None) -> list[str]:
    """One line of the table of barriers."""
    by_dimension = (doc.barriers_by_dimension.get(d) for d in ("1", "2", "3"))
    methods = [hop.method for hop in doc.hops]
    others = len([m for m in methods if m not in ("midpoint", "one image")])
    *_, before, last = [None, None, *doc.supercell_steps]
    change = "-"
    if before is not None and last is not None:
        change = " / ".join(
            number(abs(a - b), 3)
            for a, b in (
                (last.migration_barrier or 0.0, before.migration_barrier or 0.0),
                (last.formation_energy, before.formation_energy),
            )
        )
    return [
        formula,
        " / ".join(number(barrier) for barrier in by_dimension),
        number(doc.vacancy_formation_energy),
        number(doc.activation_energy),
        f"{len(doc.hops)} / {len(doc.hops_out_of_reach)}",
        f"{methods.count('midpoint')} / {methods.count('one image')} / {others}",
        str(doc.natoms),
        change,
        str(doc.force_evaluations),
        number(minutes, 1),
    ]


def adhesion_row(formula: str, doc: AdhesionDoc, minutes: float | None) -> list[str]:
    """One line of the table of works of adhesion."""
    best = doc.best
    ratio = number(doc.wetting_ratio)
    if doc.wetting_ratio_interval is not None:
        low, high = doc.wetting_ratio_interval
        ratio += f" ({low:.2f} to {high:.2f})"
    low, high = doc.work_of_adhesion_range
    return [
        formula,
        f"{best.substrate_miller}, {best.film_lattice} Li {best.film_miller}",
        number(doc.work_of_adhesion),
        f"{low:.2f} to {high:.2f}",
        ratio,
        number(doc.wetting_ratio_on_stable_face),
        f"{doc.contact_angle:.0f}",
        number(doc.interface_energy),
        f"{100 * doc.strain:+.1f}",
        str(doc.natoms),
        doc.wetting_verdict,
        str(doc.force_evaluations),
        number(minutes, 1),
    ]


def run_one(formula: str, options: argparse.Namespace) -> list[str]:
    """Compute one crystal or find it in the store; its line of the table."""
    times = Times(options.run_dir / f"{options.property}_minutes.json")
    key = f"{formula} {options.engine} {options.preset}"
    common: tuple[Any, ...] = (
        formula, options.engine, options.preset, options.workers, options.run_dir,
    )  # fmt: skip
    start, known = time.perf_counter(), key in times.minutes
    if options.property == "barriers":
        barriers = run_barrier(*common, cutoff=options.cutoff)
    else:
        adhesion = run_adhesion(*common)
    if not known:
        times.add(key, time.perf_counter() - start)
    minutes = times.minutes.get(key)
    if options.property == "barriers":
        return barrier_row(formula, barriers, minutes)
    return adhesion_row(formula, adhesion, minutes)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("property", choices=("barriers", "adhesion"))
    parser.add_argument("crystals", nargs="*", default=[*ALLOYS, *SALTS], help="formulas")
    parser.add_argument("--engine", default="sevennet")
    parser.add_argument("--preset", default="standard", help="quick or standard")
    parser.add_argument("--cutoff", type=float, default=4.2, help="longest hop, angstrom")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    rows, failed = [], 0
    for formula in options.crystals:
        try:
            rows.append(run_one(formula, options))
        except RunError as error:
            print(error, file=sys.stderr)
            failed = 1
    headings = BARRIER_HEADINGS if options.property == "barriers" else ADHESION_HEADINGS
    print(table(headings, rows))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
