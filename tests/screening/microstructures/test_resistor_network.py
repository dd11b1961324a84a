from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from misei.screening.microstructures.neighbours import Links
from misei.screening.microstructures.resistor_network import (
    grain_conductances,
    joined,
    matrix_links,
    network_conductivity,
)

ROUNDING = 1e-10  # relative; of a direct solution, conductances within a few orders of magnitude
# At a contrast of 1e-12 the sum of a row keeps four digits of what leaves a cluster.
CONTRAST_ROUNDING = 1e-4  # relative
# Effective medium theory of bond-diluted lattices is exact to first order in 1 - p (Kirkpatrick,
# Rev. Mod. Phys. 45, 574 (1973)); at p = 0.8 60 samples lie within 0.001 of it. Three standard
# errors of 8 samples.
MEDIUM_TOLERANCE = 0.01  # in the conductivity of the full lattice
BOND_THRESHOLD = 0.248812  # simple cubic, Lorenz and Ziff, Phys. Rev. E 57, 230 (1998)
# At the threshold sigma falls with the edge as L^-(t / nu): 2.282(5), Normand and Herrmann, Int. J.
# Mod. Phys. C 6, 813 (1995). Three standard errors of the samples here.
FINITE_SIZE_EXPONENT, EXPONENT_TOLERANCE = 2.282, 0.25


def cubic_lattice(edge: int) -> tuple[np.ndarray, Links]:
    cells = np.array(list(product(range(edge), repeat=3)))
    number = np.arange(edge**3).reshape(edge, edge, edge)
    first = np.tile(number.ravel(), 3)
    second = np.concatenate([np.roll(number, -1, axis).ravel() for axis in range(3)])
    shifts = np.zeros((3, edge**3, 3), dtype=np.int64)
    for axis in range(3):
        shifts[axis, cells[:, axis] == edge - 1, axis] = 1
    lengths = np.full(len(first), 1.0 / edge)
    return cells / edge, Links(first, second, shifts.reshape(-1, 3), lengths)


def chain(positions: list[float]) -> tuple[np.ndarray, Links]:
    # Nodes on a line around the cube along x, each linked to the next one.
    count = len(positions)
    centres = np.column_stack([positions, np.full(count, 0.5), np.full(count, 0.5)])
    first = np.arange(count)
    shifts = np.zeros((count, 3), dtype=np.int64)
    shifts[-1, 0] = 1
    return centres, Links(first, (first + 1) % count, shifts, np.ones(count))


def test_cubic_lattice_conducts_as_one_link_over_its_length() -> None:
    centres, links = cubic_lattice(5)
    conductivity = network_conductivity(centres, links, np.full(len(links), 3.0))
    assert conductivity == pytest.approx(3.0 * 5, rel=ROUNDING)


def test_links_in_series() -> None:
    # 1 / (1/2 + 1/3 + 1/6) = 1, wherever the nodes are; nothing conducts along y and z.
    centres, links = chain([0.1, 0.2, 0.7])
    conductivity = network_conductivity(centres, links, np.array([2.0, 3.0, 6.0]))
    assert conductivity == pytest.approx([1.0, 0.0, 0.0], abs=ROUNDING)


def test_links_in_parallel() -> None:
    # The first link three times over: 1 / (1/(2 + 3 + 1) + 1/3 + 1/2) = 1.
    centres, links = chain([0.0, 0.3, 0.6])
    links = joined(links, links.take(np.array([0, 0])))
    conductivity = network_conductivity(centres, links, np.array([2.0, 3.0, 2.0, 3.0, 1.0]))
    assert conductivity[0] == pytest.approx(1.0, rel=ROUNDING)


def test_single_node_linked_to_its_own_image() -> None:
    centres, links = chain([0.4])
    assert network_conductivity(centres, links, np.array([7.0])) == pytest.approx([7.0, 0.0, 0.0])


def test_dead_ends_and_floating_clusters_carry_nothing() -> None:
    centres, links = chain([0.0, 0.25, 0.5, 0.75])
    branch = np.array([[0.3, 0.6, 0.5], [0.1, 0.1, 0.1], [0.9, 0.9, 0.9], [0.2, 0.1, 0.1]])
    shifts = np.array([[0, 0, 0], [-1, -1, -1], [0, 0, 0]])
    # Node 4 hangs on the chain; 5, 6 and 7 are a cluster of their own.
    loose = Links(np.array([1, 5, 5]), np.array([4, 6, 7]), shifts, np.ones(3))
    alone = network_conductivity(centres, links, np.ones(4))
    together = network_conductivity(
        np.concatenate([centres, branch]), joined(links, loose), np.array([1, 1, 1, 1, 9, 9, 9.0])
    )
    assert together == pytest.approx(alone, abs=ROUNDING)


def test_two_separate_wrapping_clusters_add_up() -> None:
    centres, links = chain([0.1, 0.6])
    across = Links(links.first + 2, links.second + 2, links.shifts[:, [2, 0, 1]], links.lengths)
    centres = np.concatenate([centres, centres[:, [1, 0, 2]] * [0.5, 1.0, 0.3]])
    conductivity = network_conductivity(centres, joined(links, across), np.array([2, 2, 4, 4.0]))
    assert conductivity == pytest.approx([1.0, 2.0, 0.0], abs=ROUNDING)


def test_network_that_does_not_wrap_insulates() -> None:
    centres, links = cubic_lattice(4)
    # Without the links that cross a face of the cube nothing gets around.
    inside = ~links.shifts.any(axis=1)
    assert inside.any()
    conductances = inside.astype(float)
    assert network_conductivity(centres, links, conductances).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("count", [1, 3, 20, 400])
def test_matrix_alone_is_homogeneous(count: int) -> None:
    centres = np.random.default_rng(count).random((count, 3))
    links, conductances = matrix_links(centres)
    conductivity = network_conductivity(centres, links, 0.7 * conductances)
    assert conductivity == pytest.approx(0.7, rel=ROUNDING)


def test_matrix_around_a_lattice() -> None:
    # Cells that meet in more than three faces: areas of zero must not matter.
    centres, _ = cubic_lattice(3)
    links, conductances = matrix_links(centres)
    assert network_conductivity(centres, links, conductances) == pytest.approx(1.0, rel=ROUNDING)
    assert conductances @ links.lengths**2 == pytest.approx(3.0, rel=ROUNDING)


def test_layers_in_a_matrix() -> None:
    # Metal rods along y and z in two layers of four. Each layer is at one potential, so that
    # along x the matrix is alone, and along y and z both conduct side by side.
    centres, links = cubic_lattice(4)
    matrix, faces = matrix_links(centres)
    contrast = 1e-12
    steps = centres[links.second] + links.shifts - centres[links.first]
    in_metal = (np.abs(steps[:, 0]) < 1e-9) & (centres[links.first][:, 0] < 0.4)
    metal = links.take(in_metal)
    conductances = np.concatenate([np.full(len(metal), 0.25), contrast * faces])
    conductivity = network_conductivity(centres, joined(metal, matrix), conductances)
    expected = [contrast, 0.5 + contrast, 0.5 + contrast]
    assert conductivity == pytest.approx(expected, rel=CONTRAST_ROUNDING)


def test_isolated_pairs_of_grains_leave_the_insulator_insulating() -> None:
    # Twelve orders of magnitude between the links of floating clusters and what is around them.
    centres = np.random.default_rng(3).random((300, 3))
    matrix, faces = matrix_links(centres)
    nearest = matrix.by_length().take(np.arange(40))

    def conductivity(insulator: float) -> float:
        conductances = np.concatenate([np.ones(40), insulator * faces])
        return float(network_conductivity(centres, joined(nearest, matrix), conductances).mean())

    assert conductivity(1e-12) / 1e-12 == pytest.approx(
        conductivity(1e-7) / 1e-7, rel=CONTRAST_ROUNDING
    )
    assert conductivity(1e-12) > 1e-12


@pytest.mark.parametrize("share", [0.8, 0.9])
def test_diluted_lattice_follows_effective_medium_theory(share: float) -> None:
    rng = np.random.default_rng(5)
    centres, links = cubic_lattice(12)
    samples = [
        network_conductivity(centres, links, (rng.random(len(links)) < share) / 12).mean()
        for _ in range(8)
    ]
    assert np.mean(samples) == pytest.approx((share - 1 / 3) / (2 / 3), abs=MEDIUM_TOLERANCE)


def test_conductivity_exponent_at_the_threshold() -> None:
    rng = np.random.default_rng(6)
    edges, samples = np.array([6, 9, 13, 19]), [600, 400, 300, 150]
    means, errors = np.empty(4), np.empty(4)
    for size, (edge, count) in enumerate(zip(edges.tolist(), samples, strict=True)):
        centres, links = cubic_lattice(edge)
        drawn = [
            network_conductivity(
                centres, links, (rng.random(len(links)) < BOND_THRESHOLD) / edge
            ).mean()
            for _ in range(count)
        ]
        means[size], errors[size] = np.mean(drawn), np.std(drawn) / np.sqrt(count)
    slope = np.polyfit(np.log(edges), np.log(means), 1, w=means / errors)[0]
    assert -slope == pytest.approx(FINITE_SIZE_EXPONENT, abs=EXPONENT_TOLERANCE)


def test_rod_between_grains_holds_the_metal_of_one() -> None:
    # D = 0.2, gap 0.1: length 0.3, section pi D^3 / 6 / 0.3, conductance section / length.
    section = np.pi * 0.2**3 / 6 / 0.3
    assert grain_conductances(np.array([0.1]), 0.2) == pytest.approx(section / 0.3)


def test_grains_on_a_lattice_never_beat_the_mixing_rule() -> None:
    # Touching spheres with six neighbours hold just the metal that the mixing rule takes.
    edge = 4
    centres, links = cubic_lattice(edge)
    paths = grain_conductances(np.zeros(len(links)), 1.0 / edge)
    assert network_conductivity(centres, links, paths) == pytest.approx(np.pi / 6, rel=ROUNDING)
