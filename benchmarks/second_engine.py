"""What an expensive engine saves when it starts from the ends and paths of a cheap one.

Computes the same barriers by the expensive engine alone and from the cheap engine's relaxed
defects and saddles, and prints its force evaluations with and without:

    python benchmarks/second_engine.py LiF Li2S Li3Ag --engine sevennet-l3i5 --start-from sevennet
"""

from __future__ import annotations

import argparse
from math import prod
from pathlib import Path

from markdown import number, table

from misei.launchers.single import run_barrier
from misei.screening.schemas_migration import MigrationDoc

SAME_BARRIER = 0.010  # eV; both meet the same force tolerance, from different sides
HEADINGS = (
    "crystal", "atoms", "E_m (eV) alone", "E_m (eV) from the first", "difference (meV)",
    "evaluations of the second engine: alone", "from the first", "ratio",
)  # fmt: skip


def row(formula: str, alone: MigrationDoc, refined: MigrationDoc) -> list[str]:
    """One line of the table."""
    before, after = alone.migration_barrier or 0.0, refined.migration_barrier or 0.0
    return [
        formula,
        str(alone.natoms),
        number(before, 3),
        number(after, 3),
        number(1000 * (after - before), 1),
        str(alone.force_evaluations),
        str(refined.force_evaluations),
        number(alone.force_evaluations / refined.force_evaluations, 2),
    ]


def main() -> int:
    """Run the command line; 1 when barriers differ by more than 10 meV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crystals", nargs="*", default=["LiF", "Li2S", "Li3Ag"])
    parser.add_argument("--engine", default="sevennet-l3i5", help="the expensive one")
    parser.add_argument("--start-from", default="sevennet", help="the cheap one")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    pairs: dict[str, tuple[MigrationDoc, MigrationDoc]] = {}
    for formula in options.crystals:
        alone, refined = (
            run_barrier(
                formula, options.engine, options.preset, options.workers, options.run_dir,
                start_from=start_from,
            )
            for start_from in (None, options.start_from)
        )  # fmt: skip
        pairs[formula] = alone, refined
    print(table(HEADINGS, [row(formula, *pair) for formula, pair in pairs.items()]))
    ratios = [a.force_evaluations / r.force_evaluations for a, r in pairs.values()]
    print(f"\ngeometric mean of the ratios {prod(ratios) ** (1 / len(ratios)):.2f}")
    differences = [
        abs((a.migration_barrier or 0.0) - (r.migration_barrier or 0.0)) for a, r in pairs.values()
    ]
    return int(max(differences) > SAME_BARRIER)


if __name__ == "__main__":
    raise SystemExit(main())
