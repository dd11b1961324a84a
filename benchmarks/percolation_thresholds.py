"""Percolation thresholds of models with published ones, by our Monte Carlo, and what they cost.

The models, with their sources, are those of `misei thresholds`; with another seed than its
table. Exits with 1 where an exact threshold is missed by more than 1 %.

    python benchmarks/percolation_thresholds.py           # 2.5 minutes on 2 cores
    python benchmarks/percolation_thresholds.py --quick   # a tenth of the samples
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.progress import track

from misei.screening.microstructures.finite_size import Estimate
from misei.screening.microstructures.lattices import lattice_threshold
from misei.screening.microstructures.model_tables import Model, models
from misei.screening.microstructures.overlapping import overlapping_threshold
from misei.screening.microstructures.spheroids import overlapping_spheroid_threshold

QUICK = 10  # so many times fewer samples
EXACT_TOLERANCE = 0.01  # relative, of models that are known exactly or to many digits
COLUMNS = ["model", "threshold", "error", "published", "off by (%)", "in errors", "time (s)"]


def row(model: Model, found: Estimate, seconds: float) -> list[str]:
    """One line of the table."""
    difference = found.value - model.published
    return [
        model.name,
        f"{found.value:.6f}",
        f"{found.standard_error:.6f}",
        f"{model.published:.7g}",
        f"{100 * difference / model.published:+.3f}",
        f"{difference / found.standard_error:+.1f}" if model.exact else "-",
        f"{seconds:.1f}",
    ]


def compile_all() -> None:
    """Compile before anything is timed."""
    rng = np.random.default_rng(0)
    lattice_threshold("sc", "site", (4, 5), 10, rng)
    overlapping_threshold((200, 300), 10, rng)
    overlapping_spheroid_threshold(2.0, (200, 300), 10, rng)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples")
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    rows, wrong = [COLUMNS], []
    compile_all()
    for model in track(models(), "models", console=Console(stderr=True)):
        start = perf_counter()
        found = model.run(QUICK if arguments.quick else 1, rng)
        rows.append(row(model, found, perf_counter() - start))
        if model.exact and abs(found.value / model.published - 1.0) > EXACT_TOLERANCE:
            wrong.append(model.name)
    for first, *others in rows:
        print(f"{first:30}" + "".join(f"{cell:>12}" for cell in others))
    if wrong:
        raise SystemExit(f"more than {EXACT_TOLERANCE:.0%} off: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
