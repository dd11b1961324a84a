"""Wrapping of periodic graphs, against a search that carries displacements along."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from misei.screening.microstructures.wrapping import (
    FEW,
    first_wrapping_edge,
    wrapping_clusters,
    wrapping_length,
)

GRAPHS = range(40)  # seeds; with 30 nodes and 60 edges clusters are of many sizes
NODES, EDGES = 30, 60


def random_graph(seed, nodes=NODES, edges=EDGES):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, nodes, (2, edges))
    # Few links leave their image, so that clusters may grow before one wraps.
    shifts = rng.integers(-2, 3, (edges, 3)) * (rng.random((edges, 1)) < 0.1)
    return first, second, shifts


def unwrapped(nodes, first, second, shifts):
    """Cluster of each node, and clusters that wrap, by breadth-first search."""
    neighbours = [[] for _ in range(nodes)]
    for i, j, shift in zip(first, second, shifts, strict=True):
        neighbours[i].append((j, shift))
        neighbours[j].append((i, -shift))
    cluster, place, wrapping = {}, {}, set()
    for start in range(nodes):
        if start in cluster:
            continue
        cluster[start], place[start] = start, np.zeros(3, dtype=int)
        queue = deque([start])
        while queue:
            i = queue.popleft()
            for j, shift in neighbours[i]:
                if j not in cluster:
                    cluster[j], place[j] = start, place[i] + shift
                    queue.append(j)
                elif (place[i] + shift != place[j]).any():
                    wrapping.add(start)
    return np.array([cluster[i] for i in range(nodes)]), wrapping


def ring(nodes, turns, rng):
    """Edges of a chain that leaves the cell `turns` times in x and closes, in random order."""
    first = np.arange(nodes)
    shifts = np.zeros((nodes, 3), dtype=np.int64)
    shifts[rng.choice(nodes, turns, replace=False), 0] = 1
    order = rng.permutation(nodes)
    return first[order], np.roll(first, -1)[order], shifts[order]


@pytest.mark.parametrize("turns", [1, 2, 500])
def test_a_ring_around_the_cell_wraps_with_its_last_edge_in_any_order(turns):
    rng = np.random.default_rng(turns)
    for _ in range(5):
        assert first_wrapping_edge(600, *ring(600, turns, rng)) == 599


def test_a_loop_within_the_cell_does_not_wrap():
    first, second, shifts = ring(4, 0, np.random.default_rng(0))
    assert first_wrapping_edge(4, first, second, shifts) == -1
    # Nor does one that leaves the cell and comes back.
    shifts[0], shifts[1] = [1, 0, -1], [0, 1, 0]
    shifts[2] = -shifts[0] - shifts[1]
    loop = np.arange(4), np.roll(np.arange(4), -1)
    assert first_wrapping_edge(4, *loop, shifts) == -1
    assert not wrapping_clusters(4, *loop, shifts)[1].any()


def test_a_node_linked_to_its_own_image_wraps_and_one_linked_to_itself_does_not():
    node = np.array([0])
    assert first_wrapping_edge(1, node, node, np.array([[0, -1, 0]])) == 0
    assert first_wrapping_edge(1, node, node, np.array([[0, 0, 0]])) == -1


def test_opposite_windings_do_not_cancel_between_directions():
    # Two chains from node 0 to node 599, one in x and one in y: displacements differ.
    half = np.arange(599)
    shifts = np.zeros((1198, 3), dtype=np.int64)
    shifts[:599, 0], shifts[599:, 1] = 1, 1
    first = np.concatenate([half, [0], half[1:] + 599])
    second = np.concatenate([half + 1, half[1:] + 599, [599]])
    assert first_wrapping_edge(1198, first, second, shifts) == 1197


@pytest.mark.parametrize("seed", GRAPHS)
def test_first_wrapping_edge_is_the_first_after_which_a_search_finds_a_wrapping_cluster(seed):
    first, second, shifts = random_graph(seed)
    edges = range(EDGES + 1)
    wraps = [bool(unwrapped(NODES, first[:n], second[:n], shifts[:n])[1]) for n in edges]
    expected = wraps.index(True) - 1 if True in wraps else -1
    assert first_wrapping_edge(NODES, first, second, shifts) == expected


@pytest.mark.parametrize("seed", GRAPHS)
def test_clusters_are_those_of_scipy_and_wrap_as_a_search_says(seed):
    first, second, shifts = random_graph(seed, edges=25)
    roots, wraps = wrapping_clusters(NODES, first, second, shifts)
    graph = coo_array((np.ones(25), (first, second)), shape=(NODES, NODES))
    count, labels = connected_components(graph, directed=False)
    assert len(set(zip(roots, labels, strict=True))) == count == len(set(roots))
    cluster, wrapping = unwrapped(NODES, first, second, shifts)
    assert wraps.tolist() == [int(start in wrapping) for start in cluster]


def test_random_graphs_are_neither_all_wrapping_nor_none():
    found = [first_wrapping_edge(NODES, *random_graph(seed)) for seed in GRAPHS]
    assert min(found) < max(found)
    some = [wrapping_clusters(NODES, *random_graph(seed, edges=25))[1].mean() for seed in GRAPHS]
    assert 0.0 < np.mean(some) < 1.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [None, 1, 10])
def test_wrapping_length_is_that_of_the_first_wrapping_edge_after_a_sort(seed, levels):
    nodes, edges = 4 * FEW, 10 * FEW
    first, second, shifts = random_graph(seed, nodes, edges)
    rng = np.random.default_rng(seed)
    # Few levels: many edges of equal lengths.
    lengths = rng.random(edges) if levels is None else rng.integers(0, levels, edges) / levels
    order = np.argsort(lengths)
    edge = first_wrapping_edge(nodes, first[order], second[order], shifts[order])
    assert edge > 0
    assert wrapping_length(nodes, first, second, shifts, lengths) == lengths[order[edge]]


@pytest.mark.parametrize("edges", [0, 10, 5 * FEW])
def test_wrapping_length_is_infinite_where_nothing_wraps(edges):
    first, second, _ = random_graph(0, 1000, edges)
    lengths = np.random.default_rng(0).random(edges)
    flat = np.zeros((edges, 3), dtype=np.int64)
    assert wrapping_length(1000, first, second, flat, lengths) == np.inf
