"""Monte Carlo of cherry-pit percolation; ``python -m misei.screening.cherry_pit --write``.

Equilibrated hard spheres in a periodic cube, at a given volume fraction of the cores; the
shells then grow until a cluster wraps around the cube. That needs each configuration only
once: pairs join in the order of their distance (Newman and Ziff, Phys. Rev. Lett. 85, 4104
(2000)), with the wrapping test of Machta et al., Phys. Rev. E 54, 1332 (1996).
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from misei.screening.percolation import TABLE_PATH

# At the threshold a cluster wraps around a periodic cube in at least one direction with this
# probability, the same for all 3D percolation models (Wang et al., Phys. Rev. E 87, 052107
# (2013)). The threshold is therefore this quantile of the single-configuration thresholds,
# with a finite-size error that falls as about L^-2.
WRAPPING_PROBABILITY = 0.45997
# Allowance for it with 1,000 spheres or more, relative. Overlapping spheres (eta_c = 0.341889,
# Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001)) come out 0.2 % high with 250 to 1,000
# spheres, because their number does not fluctuate.
FINITE_SIZE_ERROR = 0.004
# Attempted moves per sphere after random insertion: at 30 % cores eta_c falls by 0.5 % from 5
# to 20 sweeps, which is the slowest case.
SWEEPS = 20
# Images of a periodic cell packed into one integer; clusters span far fewer cells than this.
_IMAGE_BASE = np.array([1, 1000, 1000_000])
# Cores of 0 to 30 %: a hard-sphere fluid that random insertion still reaches.
CORE_FRACTIONS = (0.0, 0.003, 0.01, 0.03, 0.06, 0.10, 0.15, 0.22, 0.30)

Points = NDArray[np.float64]
Indices = NDArray[np.int64]


def sphere_diameter(fraction: float, count: int) -> float:
    """Diameter of spheres of this density pi n d^3 / 6 in a unit cube."""
    return float((6.0 * fraction / (pi * count)) ** (1.0 / 3.0))


def insert_spheres(count: int, diameter: float, rng: np.random.Generator) -> Points:
    """Insert hard spheres at random into a periodic unit cube (random sequential addition).

    Returns
    -------
    ndarray of shape (count, 3)
    """
    placed = np.empty((0, 3))
    while len(placed) < count:
        trial = rng.random((count, 3))
        if len(placed):
            gap, _ = cKDTree(placed, boxsize=1.0).query(trial)
            trial = trial[gap >= diameter]
        # Of two trials that overlap the earlier one stays.
        pairs = cKDTree(trial, boxsize=1.0).query_pairs(diameter, output_type="ndarray")
        keep = np.ones(len(trial), dtype=bool)
        for first, second in pairs[np.argsort(pairs[:, 0], kind="stable")]:
            keep[second] &= not keep[first]
        placed = np.concatenate([placed, trial[keep]])[:count]
    return placed


def equilibrate(points: Points, diameter: float, sweeps: float, rng: np.random.Generator) -> Points:
    """Move hard spheres by Metropolis Monte Carlo, many independent ones at a time.

    One sphere in every second cell (along each axis) of a randomly placed grid is sent
    anywhere in its cell, if it fits there. Cells are at least a diameter wide, so that moved
    spheres cannot meet, and hold the same spheres until the grid is placed anew.

    Parameters
    ----------
    points
        Centres in a periodic unit cube, shape (count, 3).
    sweeps
        Attempted moves per sphere, on average.

    Returns
    -------
    ndarray of shape (count, 3)
        The equilibrated centres, displaced as a whole.
    """
    count = len(points)
    cells = 2 * int(0.5 / max(diameter, 0.7 * count ** (-1.0 / 3.0)))
    neighbours = _neighbour_cells(cells)
    attempts = 0
    while attempts < sweeps * count:
        points = (points + rng.random(3)) % 1.0
        members = _cell_members(points, cells)
        for corner in rng.permutation(list(product((0, 1), repeat=3))):
            active = (
                np.arange(cells**3)
                .reshape(cells, cells, cells)[corner[0] :: 2, corner[1] :: 2, corner[2] :: 2]
                .ravel()
            )
            attempts += _move_one_per_cell(points, members, active, neighbours, diameter, rng)
    return points


def _neighbour_cells(cells: int) -> Indices:
    # Shape (cells^3, 27): each cell and those around it.
    index = np.indices((cells,) * 3).reshape(3, -1)
    offsets = np.array(list(product((-1, 0, 1), repeat=3))).T
    around = (index[:, :, None] + offsets[:, None, :]) % cells
    cell: Indices = np.ravel_multi_index(tuple(around), (cells,) * 3)
    return cell


def _cell_members(points: Points, cells: int) -> Indices:
    # Shape (cells^3, most spheres in a cell), padded with -1.
    index = (points * cells).astype(int) % cells
    cell = np.ravel_multi_index(tuple(index.T), (cells,) * 3)
    order = np.argsort(cell)
    occupation = np.bincount(cell, minlength=cells**3)
    first = np.cumsum(occupation) - occupation
    members = np.full((cells**3, occupation.max()), -1)
    members[cell[order], np.arange(len(points)) - first[cell[order]]] = order
    return members


def _move_one_per_cell(
    points: Points,
    members: Indices,
    active: Indices,
    neighbours: Indices,
    diameter: float,
    rng: np.random.Generator,
) -> int:
    # Changes `points`; returns the number of attempted moves.
    cells = round(len(members) ** (1 / 3))
    occupation = (members[active] >= 0).sum(axis=1)
    active, occupation = active[occupation > 0], occupation[occupation > 0]
    chosen = members[active, rng.integers(occupation)]
    corner = np.stack(np.unravel_index(active, (cells,) * 3), axis=1)
    target = (corner + rng.random((len(active), 3))) / cells
    others = members[neighbours[active]].reshape(len(active), -1)
    vectors = points[others] - target[:, None, :]
    vectors -= np.round(vectors)
    overlaps = np.einsum("ijk,ijk->ij", vectors, vectors) < diameter**2
    overlaps &= (others >= 0) & (others != chosen[:, None])
    free = ~overlaps.any(axis=1)
    points[chosen[free]] = target[free]
    return len(active)


def wrapping_distance(points: Points) -> float:
    """Return the centre distance at which connected points first wrap around the cube.

    Parameters
    ----------
    points
        Centres in a periodic unit cube, shape (count, 3).
    """
    reach = sphere_diameter(0.6, len(points))
    while (distance := _wrapping_distance(points, reach)) is None:
        reach *= 1.1
    return distance


def _wrapping_distance(points: Points, reach: float) -> float | None:
    pairs = cKDTree(points, boxsize=1.0).query_pairs(reach, output_type="ndarray")
    vectors = points[pairs[:, 1]] - points[pairs[:, 0]]
    images = -np.round(vectors)
    distances = np.linalg.norm(vectors + images, axis=1)
    order = np.argsort(distances)
    shifts = (images.astype(int) @ _IMAGE_BASE)[order].tolist()
    edge = _first_wrapping_edge(len(points), pairs[order].tolist(), shifts)
    return None if edge is None else float(distances[order[edge]])


def _first_wrapping_edge(count: int, pairs: list[list[int]], shifts: list[int]) -> int | None:
    # Union-find in which every point knows its periodic image relative to its parent: a pair
    # of one cluster whose images disagree closes a loop around the cell.
    parent = list(range(count))
    image = [0] * count
    size = [1] * count
    for number, ((i, j), shift) in enumerate(zip(pairs, shifts, strict=True)):
        image_j = -shift
        while parent[i] != i:
            image_j -= image[i]
            i = parent[i]
        while parent[j] != j:
            image_j += image[j]
            j = parent[j]
        if i == j:
            if image_j != 0:
                return number
            continue
        if size[i] < size[j]:
            i, j, image_j = j, i, -image_j
        parent[j], image[j] = i, -image_j
        size[i] += size[j]
    return None


def critical_shell_density(
    core_fraction: float, spheres: int, samples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the critical shell density at a given volume fraction of the hard cores.

    Parameters
    ----------
    core_fraction
        Volume fraction of the cores, 0 (overlapping spheres) to 0.3.
    spheres, samples
        Spheres per configuration and number of independent configurations.

    Returns
    -------
    tuple
        eta_c = pi n (D + delta)^3 / 6 and its standard error (bootstrap over the
        configurations, and :data:`FINITE_SIZE_ERROR`).
    """
    diameter = sphere_diameter(core_fraction, spheres)
    distances = np.empty(samples)
    for sample in range(samples):
        points = insert_spheres(spheres, diameter, rng)
        if core_fraction > 0:
            points = equilibrate(points, diameter, SWEEPS, rng)
        distances[sample] = wrapping_distance(points)
    densities = pi * spheres * distances**3 / 6.0
    resampled = rng.choice(densities, (1000, samples))
    spread = np.quantile(resampled, WRAPPING_PROBABILITY, axis=1).std()
    density = float(np.quantile(densities, WRAPPING_PROBABILITY))
    return density, float(np.hypot(spread, FINITE_SIZE_ERROR * density))


def make_table(spheres: int = 1500, samples: int = 300, seed: int = 1) -> dict[str, Any]:
    """Compute eta_c for all :data:`CORE_FRACTIONS`; lambda follows as (V_p / eta_c)^(1/3)."""
    rng = np.random.default_rng(seed)
    points = []
    for fraction in CORE_FRACTIONS:
        density, error = critical_shell_density(fraction, spheres, samples, rng)
        points.append(
            {
                "core_fraction": fraction,
                "lambda": round((fraction / density) ** (1.0 / 3.0), 5),
                "shell_density": round(density, 5),
                "standard_error": round(error, 5),
            }
        )
    return {
        "command": "python -m misei.screening.cherry_pit --write",
        "spheres": spheres,
        "samples": samples,
        "sweeps": SWEEPS,
        "seed": seed,
        "points": points,
    }


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Table of the cherry-pit percolation threshold.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    write = parser.parse_args().write
    text = json.dumps(make_table(), indent=1) + "\n"
    if write:
        TABLE_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
