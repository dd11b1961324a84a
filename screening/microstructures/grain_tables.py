"""Table of the gap at which spherical metal grains percolate.

``python -m misei.screening.microstructures.grain_tables --write`` makes
``screening/data/spherical_grains.json``, which :mod:`misei.screening.percolation` reads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from misei.screening.microstructures.compiled import Floats
from misei.screening.microstructures.finite_size import (
    WRAPPING_PROBABILITY,
    Estimate,
    extrapolate,
    sample_thresholds,
    wrapping_quantile,
)
from misei.screening.microstructures.grains import (
    FEWEST_LARGE,
    equilibrate,
    grain_diameters,
    insert_grains,
    settling_sweeps,
    wrapping_gap,
)

TABLE_PATH = Path(__file__).parents[1] / "data" / "spherical_grains.json"
COMMAND = "python -m misei.screening.microstructures.grain_tables --write"
SEED = 1
# The number of grains does not fluctuate, which shifts thresholds by about L^-(3 - 1/nu), or
# L^-1.86 (nu = 0.876); the correction of the quantile itself falls as L^-2.3.
EXPONENT = 2.0
BATCH = 30  # samples of the large system between two looks at the error; twice as many small ones

EQUAL_FRACTIONS = (
    0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.22, 0.26, 0.3, 0.35, 0.4, 0.45, 0.49
)  # fmt: skip
EQUAL_COUNTS = (1000, 8000)
EQUAL_TOLERANCE = 0.003
TWO_SIZE_FRACTIONS = (0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3)
SIZE_RATIOS = (2, 4)
SMALL_SHARES = (0.25, 0.5, 0.75)
TWO_SIZE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Mixture:
    """Grains of one or two sizes, and how well their thresholds are wanted.

    Attributes
    ----------
    size_ratio, small_share
        As in :func:`~misei.screening.microstructures.grains.grain_diameters`.
    counts
        Numbers of grains of a small and a large system.
    fractions
        Volume fractions of the grains.
    tolerance
        Relative standard error of the gap, and of the cube of large diameter plus gap, at which
        sampling ends.
    """

    size_ratio: float
    small_share: float
    counts: tuple[int, int]
    fractions: tuple[float, ...]
    tolerance: float


def equal_grains() -> Mixture:
    """Return what the table holds for grains of one size."""
    return Mixture(1, 0.0, EQUAL_COUNTS, EQUAL_FRACTIONS, EQUAL_TOLERANCE)


def two_sizes() -> list[Mixture]:
    """Return what the table holds for grains of two sizes."""
    mixtures = []
    for size_ratio in SIZE_RATIOS:
        for small_share in SMALL_SHARES:
            per_large = 1.0 + small_share / (1.0 - small_share) * size_ratio**3
            # A multiple of 3 large grains makes the number of small ones whole.
            large = max(FEWEST_LARGE, 3 * round(2000 / per_large / 3))
            counts = round(large * per_large), round(4 * large * per_large)
            mixtures.append(
                Mixture(size_ratio, small_share, counts, TWO_SIZE_FRACTIONS, TWO_SIZE_TOLERANCE)
            )
    return mixtures


def sample_gap(diameters: Floats, sweeps: int, rng: np.random.Generator) -> float:
    """Return the wrapping gap of one equilibrated configuration, in diameters of the largest."""
    centres = equilibrate(insert_grains(diameters, rng), diameters, sweeps, rng)
    return wrapping_gap(centres, diameters) / float(diameters.max())


def percolating_gap(
    mixture: Mixture, fraction: float, rng: np.random.Generator
) -> tuple[Estimate, list[int]]:
    """Return the gap at which grains of a volume fraction percolate.

    Parameters
    ----------
    mixture
        Sizes of the grains, numbers of them, tolerance.
    fraction
        Volume fraction of all grains.
    rng
        For the configurations and the bootstrap.

    Returns
    -------
    tuple
        Gap in diameters of the large grains, of the infinite system, and the configurations
        of the small and the large system that it took.
    """
    lengths = [count ** (1.0 / 3.0) for count in mixture.counts]
    gaps: list[list[float]] = [[], []]
    while True:
        for count, batch, known in zip(mixture.counts, (2 * BATCH, BATCH), gaps, strict=True):
            sizes = grain_diameters(fraction, count, mixture.size_ratio, mixture.small_share)
            sample = partial(sample_gap, sizes, settling_sweeps(fraction))
            known.extend(sample_thresholds(sample, batch, rng).tolist())
        estimates = [wrapping_quantile(np.array(known), rng) for known in gaps]
        gap = extrapolate(lengths, estimates, EXPONENT)
        if gap.standard_error <= mixture.tolerance * min(gap.value, (1.0 + gap.value) / 3.0):
            return gap, [len(known) for known in gaps]


def table_points(mixture: Mixture, seed: int, progress: bool = False) -> list[dict[str, Any]]:
    """Return the points of the table for one mixture, one for each volume fraction."""
    label = f"size ratio {mixture.size_ratio}, small share {mixture.small_share}"
    fractions: Iterable[float] = mixture.fractions
    if progress:
        fractions = track(fractions, label, console=Console(stderr=True))
    points = []
    for number, fraction in enumerate(fractions):
        # Every point has numbers of its own, whatever else the table holds.
        names = (seed, number, round(mixture.size_ratio), round(100 * mixture.small_share))
        gap, samples = percolating_gap(mixture, fraction, np.random.default_rng(names))
        points.append(
            {
                "core_fraction": fraction,
                "gap": round(gap.value, 6),
                "standard_error": round(gap.standard_error, 6),
                "samples": samples,
                "sweeps": settling_sweeps(fraction),
            }
        )
    return points


def make_table(
    mixtures: Iterable[Mixture], seed: int = SEED, progress: bool = False
) -> dict[str, Any]:
    """Compute the table.

    Parameters
    ----------
    mixtures
        What it holds.
    seed
        Of all random numbers.
    progress
        Whether a bar on standard error shows how far it is.

    Returns
    -------
    dict
        How it was made, and under ``mixtures`` the points: ``gap`` and its ``standard_error``
        in diameters of the large grains, at a volume fraction of the grains.
    """
    return {
        "command": COMMAND,
        "seed": seed,
        "wrapping_probability": WRAPPING_PROBABILITY,
        "finite_size_exponent": EXPONENT,
        "mixtures": [
            {
                "size_ratio": mixture.size_ratio,
                "small_share": mixture.small_share,
                "grains": list(mixture.counts),
                "tolerance": mixture.tolerance,
                "points": table_points(mixture, seed, progress),
            }
            for mixture in mixtures
        ],
    }


def table_text(table: dict[str, Any]) -> str:
    """Return the table as JSON, one point in a line."""
    head = {key: value for key, value in table.items() if key != "mixtures"}
    blocks = []
    for mixture in table["mixtures"]:
        about = {key: value for key, value in mixture.items() if key != "points"}
        points = ",\n".join(f"   {json.dumps(point)}" for point in mixture["points"])
        blocks.append(f'  {json.dumps(about)[:-1]}, "points": [\n{points}\n  ]}}')
    return f'{json.dumps(head)[:-1]},\n "mixtures": [\n' + ",\n".join(blocks) + "\n ]\n}\n"


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Gaps at which spherical grains percolate.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    write = parser.parse_args().write
    text = table_text(make_table([equal_grains(), *two_sizes()], progress=True))
    if write:
        TABLE_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
