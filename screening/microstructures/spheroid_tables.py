"""Table of the gap at which metal grains that are not round percolate.

``python -m misei.screening.microstructures.spheroid_tables --write`` makes
``screening/data/spheroidal_grains.json``, which :mod:`misei.screening.percolation` reads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from misei.screening.microstructures.finite_size import (
    WRAPPING_PROBABILITY,
    Estimate,
    extrapolate,
    sample_thresholds,
    wrapping_quantile,
)
from misei.screening.microstructures.hard_spheroids import hard_spheroids
from misei.screening.microstructures.spheroid_grains import wrapping_gap
from misei.screening.percolation import SPHEROIDS_PATH

COMMAND = "python -m misei.screening.microstructures.spheroid_tables --write"
SEED = 1
ASPECTS = (0.1, 0.2, 0.5, 2.0, 5.0, 10.0)
CORE_FRACTIONS = (0.003, 0.01, 0.03, 0.07, 0.13)
# Longer or flatter ones order over hundreds of sweeps when denser; they are then so close (about a
# tenth of D) that it hardly matters.
LONG, LONG_DENSEST = 8.0, 0.11
# A small and a large system. The number of grains does not fluctuate, which shifts thresholds by
# about L^-(3 - 1/nu), or L^-1.86 (nu = 0.876); the quantile itself is off by about L^-2.3.
COUNTS = (500, 2000)
EXPONENT = 2.0
SWEEPS = 60  # attempted moves of each grain after insertion
TOLERANCE = 0.01  # relative standard error of the gap at which sampling ends
BATCH = 30  # samples of the large system between two looks at the error; twice as many small ones


def points() -> list[tuple[float, float]]:
    """Return the aspect ratios and core fractions of the table."""
    return [
        (aspect, fraction)
        for aspect in ASPECTS
        for fraction in CORE_FRACTIONS
        if max(aspect, 1.0 / aspect) < LONG or fraction <= LONG_DENSEST
    ]


def sample_gap(
    aspect: float, core_fraction: float, count: int, sweeps: int, rng: np.random.Generator
) -> float:
    """Return the wrapping gap of one equilibrated configuration, in D."""
    return wrapping_gap(hard_spheroids(core_fraction, aspect, count, sweeps, rng))


def percolating_gap(
    aspect: float,
    core_fraction: float,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
    counts: tuple[int, int] = COUNTS,
) -> tuple[Estimate, list[int]]:
    """Return the gap at which spheroids of a volume fraction percolate.

    Parameters
    ----------
    aspect
        Polar over equatorial semi-axis.
    core_fraction
        Volume fraction of the spheroids.
    rng
        For the configurations and the bootstrap.
    tolerance
        Relative standard error at which sampling ends.
    counts
        Grains in the small and the large system.

    Returns
    -------
    tuple
        delta_c / D of the infinite system, and the configurations of the small and the large
        system that it took.
    """
    gaps: list[list[float]] = [[], []]
    while True:
        for count, batch, known in zip(counts, (2 * BATCH, BATCH), gaps, strict=True):
            sample = partial(sample_gap, aspect, core_fraction, count, SWEEPS)
            known.extend(sample_thresholds(sample, batch, rng).tolist())
        estimates = [wrapping_quantile(np.array(known), rng) for known in gaps]
        gap = extrapolate([count ** (1.0 / 3.0) for count in counts], estimates, EXPONENT)
        if gap.standard_error <= tolerance * gap.value:
            return gap, [len(known) for known in gaps]


def make_table(
    wanted: Sequence[tuple[float, float]], seed: int = SEED, tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Compute the table, with a progress bar on standard error.

    Parameters
    ----------
    wanted
        Aspect ratios and core fractions.
    seed
        Of all random numbers.
    tolerance
        Relative standard error of the gaps.

    Returns
    -------
    dict
        How it was made, and under ``points`` the ``gap`` delta_c / D with its standard error, D
        being the diameter of a sphere of the volume of one grain.
    """
    rows = []
    for aspect, fraction in track(wanted, "spheroids", console=Console(stderr=True)):
        # Every point has numbers of its own, whatever else the table holds.
        rng = np.random.default_rng((seed, round(1e6 * aspect), round(1e6 * fraction)))
        gap, samples = percolating_gap(aspect, fraction, rng, tolerance)
        rows.append(
            {
                "aspect": aspect,
                "core_fraction": fraction,
                "gap": round(gap.value, 6),
                "standard_error": round(gap.standard_error, 6),
                "samples": samples,
            }
        )
    return {
        "command": COMMAND,
        "seed": seed,
        "wrapping_probability": WRAPPING_PROBABILITY,
        "finite_size_exponent": EXPONENT,
        "grains": list(COUNTS),
        "sweeps": SWEEPS,
        "tolerance": tolerance,
        "points": rows,
    }


def table_text(table: dict[str, Any]) -> str:
    """Return the table as JSON, one point in a line."""
    head = json.dumps({key: value for key, value in table.items() if key != "points"}, indent=1)
    rows = ",\n".join(f"  {json.dumps(row)}" for row in table["points"])
    return f'{head[:-2]},\n "points": [\n{rows}\n ]\n}}\n'


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Gaps at which spheroidal grains percolate.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    write = parser.parse_args().write
    text = table_text(make_table(points()))
    if write:
        SPHEROIDS_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
