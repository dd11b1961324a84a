"""Percolation thresholds of models that are known exactly or to many digits, by our Monte Carlo.

Lattices: Xu, Wang, Lv and Deng, Front. Phys. 9, 113 (2014); Lorenz and Ziff, J. Phys. A 31, 8147
(1998). Overlapping spheres: Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001). Overlapping prolate
ellipsoids of revolution: Garboczi et al., Phys. Rev. E 52, 819 (1995), who drew both angles of an
axis from uniform distributions, so that axes crowd around the pole; isotropic ones, which have no
published value here, follow. Particles are given by the volume fraction that they cover.

    python benchmarks/percolation_thresholds.py           # 3 to 5 minutes on 2 cores
    python benchmarks/percolation_thresholds.py --quick   # a twentieth of the samples
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp
from time import perf_counter

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

QUICK = 20  # so many times fewer samples
EXACT_TOLERANCE = 0.01  # relative, of models that are known exactly or to many digits
# Covered fraction by polar over equatorial axis.
GARBOCZI = {2.0: 0.2618, 5.0: 0.1627, 10.0: 0.0870}
COLUMNS = ["model", "threshold", "error", "published", "off by (%)", "in errors", "time (s)"]
Run = Callable[[int, np.random.Generator], Estimate]


@dataclass(frozen=True)
class Model:
    """A percolation model: how to run it with a share of the samples, and what is published."""

    name: str
    run: Run
    published: float | None
    exact: bool = True


def of_lattice(
    lattice: Lattice,
    kind: Kind,
    sizes: Sequence[int],
    samples: Sequence[int],
    fewer: int,
    rng: np.random.Generator,
) -> Estimate:
    """Share of open sites or bonds."""
    return lattice_threshold(lattice, kind, sizes, [n // fewer for n in samples], rng)


def of_spheres(
    counts: Sequence[float], samples: Sequence[int], fewer: int, rng: np.random.Generator
) -> Estimate:
    """Volume fraction that spheres cover."""
    return covered(overlapping_threshold(counts, [n // fewer for n in samples], rng))


def of_spheroids(
    aspect: float,
    axes: Axes,
    counts: Sequence[float],
    samples: int,
    fewer: int,
    rng: np.random.Generator,
) -> Estimate:
    """Volume fraction that prolate ellipsoids of revolution cover."""
    return covered(
        overlapping_spheroid_threshold(aspect, counts, samples // fewer, rng, axes_of=axes)
    )


def covered(density: Estimate) -> Estimate:
    """Volume fraction of overlapping particles of this volume density."""
    slope = exp(-density.value)
    return Estimate(covered_fraction(density.value), slope * density.standard_error)


def models() -> list[Model]:
    """All models, with sizes and samples for errors of about 0.05 % (ellipsoids: 0.3 %)."""
    large, edges = (32000, 16000, 8000, 4000), (12, 16, 24, 32)
    spheres = partial(of_spheres, (1000, 3000, 10000, 30000), (20000, 10000, 3000, 1000))
    body = partial(of_lattice, "bcc", "site", (8, 12, 16, 24), (32000, 16000, 8000, 3000))
    face = partial(of_lattice, "fcc", "site", (8, 12, 16, 20), (16000, 6000, 3000, 1500))
    return [
        Model("sc, sites", partial(of_lattice, "sc", "site", edges, large), 0.3116077),
        Model("bcc, sites", body, 0.2459615),
        Model("fcc, sites", face, 0.1992352),
        Model("sc, bonds", partial(of_lattice, "sc", "bond", edges, large), 0.2488119),
        Model("overlapping spheres", spheres, 0.289573),
        *(prolate(aspect, "Garboczi's axes", octant_axes) for aspect in GARBOCZI),
        *(prolate(aspect, "isotropic", random_axes) for aspect in GARBOCZI),
    ]


def prolate(aspect: float, name: str, axes: Axes) -> Model:
    """Prolate ellipsoids; those of Garboczi et al. have a published value."""
    run = partial(of_spheroids, aspect, axes, (1000, 2000, 4000), 1000)
    published = GARBOCZI[aspect] if axes is octant_axes else None
    return Model(f"prolate ellipsoids {aspect:g}:1, {name}", run, published, exact=False)


def row(model: Model, found: Estimate, seconds: float) -> list[str]:
    """One line of the table."""
    cells = [model.name, f"{found.value:.6f}", f"{found.standard_error:.6f}"]
    if model.published is None:
        cells += ["-", "-", "-"]
    else:
        difference = found.value - model.published
        errors = f"{difference / found.standard_error:+.1f}" if model.exact else "-"
        cells += [f"{model.published:.7g}", f"{100 * difference / model.published:+.3f}", errors]
    return [*cells, f"{seconds:.1f}"]


def compile_all() -> None:
    """Compile before anything is timed."""
    rng = np.random.default_rng(0)
    lattice_threshold("sc", "site", (4, 5), 10, rng)
    overlapping_threshold((200, 300), 10, rng)
    overlapping_spheroid_threshold(2.0, (200, 300), 10, rng)


def main() -> None:
    """Print the table; exit with 1 where an exact threshold is missed by more than 1 %."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the samples")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    rows, wrong = [COLUMNS], []
    compile_all()
    for model in track(models(), "models", console=Console(stderr=True)):
        start = perf_counter()
        found = model.run(QUICK if arguments.quick else 1, rng)
        rows.append(row(model, found, perf_counter() - start))
        exact = model.published if model.exact else None
        if exact is not None and abs(found.value / exact - 1.0) > EXACT_TOLERANCE:
            wrong.append(model.name)
    for first, *others in rows:
        print(f"{first:40}" + "".join(f"{cell:>12}" for cell in others))
    if wrong:
        raise SystemExit(f"more than {EXACT_TOLERANCE:.0%} off: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
