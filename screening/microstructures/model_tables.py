"""Thresholds of models that others have solved, by our Monte Carlo; ships as a table.

``python -m misei.screening.microstructures.model_tables --write`` takes three to five minutes on
two cores; ``misei thresholds`` shows the table.

Published: lattices by Xu, Wang, Lv and Deng, Front. Phys. 9, 113 (2014), and Lorenz and Ziff, J.
Phys. A 31, 8147 (1998); overlapping spheres by Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001);
overlapping prolate ellipsoids of revolution by Garboczi et al., Phys. Rev. E 52, 819 (1995). Their
values are met by axes whose angles are uniform, and not by isotropic ones, which percolate sooner
(see :func:`misei.screening.microstructures.spheroids.octant_axes`): both stand beside them.
Particles are given by the volume fraction that they cover.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from misei.screening.microstructures.finite_size import Estimate
from misei.screening.microstructures.lattices import Kind, Lattice, lattice_threshold
from misei.screening.microstructures.overlapping import covered_fraction, overlapping_threshold
from misei.screening.microstructures.spheroids import (
    Axes,
    octant_axes,
    overlapping_spheroid_threshold,
    random_axes,
)
from misei.screening.percolation import MODELS_PATH

COMMAND = "python -m misei.screening.microstructures.model_tables --write"
# Covered fraction by polar over equatorial axis.
GARBOCZI = {2.0: 0.2618, 5.0: 0.1627, 10.0: 0.0870}
LATTICES: list[tuple[Lattice, Kind, float]] = [
    ("sc", "site", 0.3116077),
    ("bcc", "site", 0.2459615),
    ("fcc", "site", 0.1992352),
    ("sc", "bond", 0.2488119),
]
# Edges in conventional cells, and samples of each, for errors of about 0.05 %.
LATTICE_RUNS = {
    "sc": ((12, 16, 24, 32), (32000, 16000, 8000, 4000)),
    "bcc": ((8, 12, 16, 24), (32000, 16000, 8000, 3000)),
    "fcc": ((8, 12, 16, 20), (16000, 6000, 3000, 1500)),
}
SPHERE_RUNS = ((1000, 3000, 10000, 30000), (20000, 10000, 3000, 1000))
SPHEROID_RUNS = ((1000, 2000, 4000), (1000, 1000, 1000))
Run = Callable[[int, np.random.Generator], Estimate]


@dataclass(frozen=True)
class Model:
    """A percolation model.

    Attributes
    ----------
    name
        With the lattice or the shape.
    run
        Finds the threshold with so many times fewer samples than the table has.
    published
        Threshold.
    exact
        Whether it is known to many digits.
    """

    name: str
    run: Run
    published: float
    exact: bool = True


def models() -> list[Model]:
    """Return all models."""
    return [
        *(Model(f"{name}, {kind}s", _lattice(name, kind), p) for name, kind, p in LATTICES),
        Model("overlapping spheres", _spheres, 0.289573),
        *(_prolate(aspect, octant_axes) for aspect in GARBOCZI),
        *(_prolate(aspect, random_axes) for aspect in GARBOCZI),
    ]


def _lattice(lattice: Lattice, kind: Kind) -> Run:
    def run(fewer: int, rng: np.random.Generator) -> Estimate:
        sizes, samples = LATTICE_RUNS[lattice]
        return lattice_threshold(lattice, kind, sizes, _fewer(samples, fewer), rng)

    return run


def _spheres(fewer: int, rng: np.random.Generator) -> Estimate:
    counts, samples = SPHERE_RUNS
    return _covered(overlapping_threshold(counts, _fewer(samples, fewer), rng))


def _prolate(aspect: float, axes: Axes) -> Model:
    name = "uniform angles" if axes is octant_axes else "isotropic"
    run = partial(_spheroids, aspect, axes)
    return Model(f"ellipsoids {aspect:g}:1, {name}", run, GARBOCZI[aspect], exact=False)


def _spheroids(aspect: float, axes: Axes, fewer: int, rng: np.random.Generator) -> Estimate:
    counts, samples = SPHEROID_RUNS
    return _covered(
        overlapping_spheroid_threshold(aspect, counts, _fewer(samples, fewer), rng, axes_of=axes)
    )


def _fewer(samples: Sequence[int], fewer: int) -> list[int]:
    return [number // fewer for number in samples]


def _covered(density: Estimate) -> Estimate:
    # Volume fraction of overlapping particles of this volume density.
    error = exp(-density.value) * density.standard_error
    return Estimate(covered_fraction(density.value), error)


def make_table(seed: int = 1) -> dict[str, Any]:
    """Compute the thresholds of all :func:`models`, with a progress bar on stderr."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in track(models(), "models", console=Console(stderr=True)):
        found = model.run(1, rng)
        rows.append(
            {
                "model": model.name,
                "threshold": round(found.value, 6),
                "standard_error": round(found.standard_error, 6),
                "published": model.published,
                "exact": model.exact,
            }
        )
    return {"command": COMMAND, "seed": seed, "models": rows}


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Thresholds of published percolation models.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    write = parser.parse_args().write
    text = json.dumps(make_table(), indent=1) + "\n"
    if write:
        MODELS_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
