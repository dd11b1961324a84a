"""Spheres per second to the percolation threshold: misei against plain scipy, in turns.

One configuration of N overlapping spheres in a cube, in random order; processor time, all on one
thread, so that a busy machine harms neither. Ours finds the distance at which a cluster first
wraps around the periodic cube. Plain scipy (cKDTree.query_pairs and connected_components) bisects
the distance, to a relative tolerance of 0.001, until a cluster spans: holds a sphere within one
radius of the face x = 0 and one of x = 1, y and z being periodic. It begins from the known
threshold, give or take six standard deviations of a sample. There are two of it: one searches for
pairs at every step, the other once, at the upper end. Both thresholds tend to the same with N.

The second table is one labelling of clusters at the threshold, without a bisection.

    python benchmarks/percolation_speed.py
    python benchmarks/percolation_speed.py --spheres 10000 --repeats 20
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import pi
from statistics import median
from time import process_time

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from misei.screening.microstructures.neighbours import neighbour_links
from misei.screening.microstructures.overlapping import wrapping_distance
from misei.screening.microstructures.wrapping import wrapping_clusters

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

THRESHOLD = 0.341889  # Lorenz and Ziff, J. Chem. Phys. 114, 3659 (2001)
TOLERANCE = 1e-3  # relative, of the distance found by bisection
BRACKET = 6.0  # standard deviations of one sample around the known threshold
SPANS = (0.0, 1.0, 1.0)  # box: open in x, periodic in y and z
REPEATS = {10_000: 20, 100_000: 7, 1_000_000: 5}


def distance_of(density: float, count: int) -> float:
    """Diameter of spheres of this density pi n d^3 / 6."""
    return float((6.0 * density / (pi * count)) ** (1.0 / 3.0))


def scatter(count: int) -> float:
    """Standard deviation of the threshold of one sample, relative.

    About L^(-1 / nu), L^3 being the number of spheres and nu = 0.876.
    """
    return float(count ** (-1.0 / 0.876 / 3.0))


def bracket(count: int) -> tuple[float, float]:
    """Distances between which the threshold of one sample lies."""
    margin = BRACKET * scatter(count)
    return (
        distance_of(THRESHOLD * (1.0 - margin), count),
        distance_of(THRESHOLD * (1.0 + margin), count),
    )


def density_of(distance: float, count: int) -> float:
    """Density pi n d^3 / 6 of spheres of this diameter."""
    return pi / 6.0 * count * distance**3


def labels_of(pairs: Integers, count: int) -> Integers:
    """Cluster of each sphere, by scipy."""
    graph = coo_array((np.ones(len(pairs), dtype=bool), pairs.T), shape=(count, count))
    labels: Integers = connected_components(graph, directed=False)[1]
    return labels


def spans(pairs: Integers, centres: Floats, distance: float) -> bool:
    """Whether a cluster holds spheres that stick out of both open faces."""
    labels = labels_of(pairs, len(centres))
    left = labels[centres[:, 0] < distance / 2.0]
    right = labels[centres[:, 0] > 1.0 - distance / 2.0]
    return bool(np.intersect1d(left, right).size)


def bisect(spans_at: Callable[[float], bool], count: int) -> float:
    """Smallest distance at which a cluster spans, within a known bracket."""
    low, high = bracket(count)
    while high - low > TOLERANCE * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if spans_at(middle) else (middle, high)
    return 0.5 * (low + high)


def searching_each_time(centres: Floats) -> float:
    """Spanning distance; pairs are searched for at every step."""
    tree = cKDTree(centres, boxsize=SPANS)

    def spans_at(distance: float) -> bool:
        return spans(tree.query_pairs(distance, output_type="ndarray"), centres, distance)

    return bisect(spans_at, len(centres))


def searching_once(centres: Floats) -> float:
    """Spanning distance; all pairs are searched for once, and short ones taken at every step."""
    count = len(centres)
    _, largest = bracket(count)
    pairs = cKDTree(centres, boxsize=SPANS).query_pairs(largest, output_type="ndarray")
    separation = centres[pairs[:, 1]] - centres[pairs[:, 0]]
    separation[:, 1:] -= np.round(separation[:, 1:])
    squares = np.einsum("ij,ij->i", separation, separation)

    def spans_at(distance: float) -> bool:
        return spans(pairs[squares < distance**2], centres, distance)

    return bisect(spans_at, count)


def our_labels(centres: Floats) -> float:
    """Clusters at the threshold, and which of them wrap: number of clusters."""
    links = neighbour_links(centres, distance_of(THRESHOLD, len(centres)))
    roots, _ = wrapping_clusters(len(centres), links.first, links.second, links.shifts)
    return float(np.count_nonzero(roots == np.arange(len(centres))))


def plain_labels(centres: Floats) -> float:
    """Clusters at the threshold by scipy: number of clusters."""
    distance = distance_of(THRESHOLD, len(centres))
    pairs = cKDTree(centres, boxsize=1.0).query_pairs(distance, output_type="ndarray")
    return float(labels_of(pairs, len(centres)).max() + 1)


Method = Callable[[Floats], float]
THRESHOLDS: dict[str, Method] = {
    "misei": wrapping_distance,
    "scipy, pairs once": searching_once,
    "scipy, pairs each step": searching_each_time,
}
LABELLINGS: dict[str, Method] = {"misei": our_labels, "scipy": plain_labels}
Times = dict[str, list[float]]


def in_turns(
    methods: dict[str, Method], count: int, repeats: int, done: Callable[[], None]
) -> tuple[Times, Times]:
    """Seconds and results of every method, each repeat on a new configuration for all."""
    seconds: Times = {name: [] for name in methods}
    results: Times = {name: [] for name in methods}
    for repeat in range(repeats):
        centres = np.random.default_rng(repeat).random((count, 3))
        for name, method in methods.items():
            start = process_time()
            results[name].append(method(centres))
            seconds[name].append(process_time() - start)
        done()
    return seconds, results


def print_times(seconds: Times, count: int) -> None:
    """Print medians and ranges, and how many times longer the others take, repeat by repeat."""
    ours = seconds["misei"]
    for name, times in seconds.items():
        ratios = sorted(b / a for a, b in zip(ours, times, strict=True))
        print(
            f"{count:8d}  {name:24}{1e3 * median(times):9.1f} ms "
            f"({1e3 * min(times):.1f} to {1e3 * max(times):.1f})"
            f"{count / median(times):12.3g} spheres/s"
            f"   {median(ratios):5.1f} x ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )


def print_agreement(results: Times, count: int) -> None:
    """Print the mean densities found, and what one sample scatters."""
    densities = {
        name: [density_of(distance, count) for distance in distances]
        for name, distances in results.items()
    }
    found = ", ".join(f"{name} {np.mean(values):.4f}" for name, values in densities.items())
    offset = np.mean(densities["misei"]) - np.mean(densities["scipy, pairs once"])
    error = THRESHOLD * scatter(count) * np.sqrt(2.0 / len(densities["misei"]))
    print(f"          eta: {found}; differ by {offset:+.4f}, expected scatter {error:.4f}")


def main() -> None:
    """Print both tables; exit with 1 where the labellings count different clusters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spheres", type=int, nargs="*", default=list(REPEATS))
    parser.add_argument("--repeats", type=int, help="of every size (default: fewer of large ones)")
    arguments = parser.parse_args()
    sizes = {n: arguments.repeats or REPEATS.get(n, 5) for n in arguments.spheres}
    for methods in (THRESHOLDS, LABELLINGS):
        in_turns(methods, 1000, 1, lambda: None)  # compiles
    measured = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("configurations", total=2 * sum(sizes.values()))
        for methods in (THRESHOLDS, LABELLINGS):
            for count, repeats in sizes.items():
                measured.append(
                    (methods, count, in_turns(methods, count, repeats, lambda: bar.advance(task)))
                )
    print("threshold of one configuration")
    for methods, count, (seconds, results) in measured:
        if methods is LABELLINGS and count == next(iter(sizes)):
            print("clusters at one distance")
        print_times(seconds, count)
        if methods is THRESHOLDS:
            print_agreement(results, count)
        elif results["misei"] != results["scipy"]:
            raise SystemExit(f"clusters differ: {results}")


if __name__ == "__main__":
    main()
