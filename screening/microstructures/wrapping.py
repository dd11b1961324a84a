"""When do connected nodes wrap around a periodic cell? Union-find with periodic images.

Edges join in a given order (Newman and Ziff, Phys. Rev. Lett. 85, 4104 (2000)); every node knows
the image of its cluster's root that it belongs to, so that an edge within one cluster whose images
disagree closes a loop around the cell (Machta et al., Phys. Rev. E 54, 1332 (1996)).
"""

from __future__ import annotations

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled

# A forest has shape (nodes, 2): the node above each node, or minus the cluster's size at a root;
# and the cell of the node above relative to that of the node. Cells (x, y, z) are packed into
# x + IMAGES (y + IMAGES z), which adds like a vector.
IMAGES = 1 << 20
# So few edges are sorted rather than halved, and so many stand for all where the median is wanted.
FEW = 1000


@compiled
def _single_nodes(count: int) -> Integers:
    forest = np.zeros((count, 2), dtype=np.int64)
    forest[:, 0] = -1
    return forest


@compiled
def _find(forest: Integers, node: int) -> tuple[int, int]:
    # Root of a node and its cell relative to that of the node; hangs every second node on the
    # way on the one two above.
    cell = 0
    while forest[node, 0] >= 0:
        above = forest[node, 0]
        if forest[above, 0] < 0:
            return above, cell + forest[node, 1]
        forest[node, 0] = forest[above, 0]
        forest[node, 1] += forest[above, 1]
        cell += forest[node, 1]
        node = forest[node, 0]
    return node, cell


@compiled
def _join(forest: Integers, i: int, j: int, shift: int) -> bool:
    # Join node i and the image `shift` of node j: does that close a loop around the cell?
    root_i, cell_i = _find(forest, i)
    root_j, cell_j = _find(forest, j)
    cell = shift + cell_j - cell_i  # of root j relative to root i
    if root_i == root_j:
        return cell != 0
    if forest[root_i, 0] > forest[root_j, 0]:
        root_i, root_j, cell = root_j, root_i, -cell
    forest[root_i, 0] += forest[root_j, 0]
    forest[root_j, 0] = root_i
    forest[root_j, 1] = -cell
    return False


@compiled
def _packed(shift: Integers) -> int:
    cell: int = shift[0] + IMAGES * (shift[1] + IMAGES * shift[2])
    return cell


@compiled
def _first_wrapping(
    forest: Integers, first: Integers, second: Integers, shifts: Integers, edges: Integers
) -> int:
    # Join some edges in their order, up to the first that closes a loop: its place in `edges`.
    for place, edge in enumerate(edges):
        if _join(forest, first[edge], second[edge], _packed(shifts[edge])):
            return place
    return -1


@compiled
def first_wrapping_edge(count: int, first: Integers, second: Integers, shifts: Integers) -> int:
    """Return the position of the first edge with which a cluster wraps around the cell.

    Parameters
    ----------
    count
        Number of nodes.
    first, second
        Nodes that each edge joins, shape (edges,), in the order in which edges appear.
    shifts
        Periodic image of the second node that the first is joined to, in cells, shape (edges, 3).

    Returns
    -------
    int
        -1 where all edges together do not wrap.
    """
    return _first_wrapping(_single_nodes(count), first, second, shifts, np.arange(len(first)))


@compiled
def _split(edges: Integers, lengths: Floats, pivot: float) -> tuple[Integers, Integers]:
    # Edges shorter than the pivot and the others, in their order. Each is written to both, which
    # is faster than to jump.
    short, long = np.empty_like(edges), np.empty_like(edges)
    found = 0
    for place, edge in enumerate(edges):
        short[found] = edge
        long[place - found] = edge
        found += lengths[edge] < pivot
    return short[:found], long[: len(edges) - found]


def wrapping_length(
    count: int, first: Integers, second: Integers, shifts: Integers, lengths: Floats
) -> float:
    """Return the length of the edge with which a cluster wraps around the cell, shortest first.

    Like :func:`first_wrapping_edge` after a sort, but faster: sorts only what lies close to the
    answer, which it finds by halving the edges.

    Parameters
    ----------
    count, first, second, shifts
        As for :func:`first_wrapping_edge`; fastest where neighbours have close numbers and
        edges near each other stand together.
    lengths
        What orders the edges, shape (edges,).

    Returns
    -------
    float
        Infinity where all edges together do not wrap.
    """
    forest, edges = _single_nodes(count), np.arange(len(lengths))
    while len(edges) > FEW:
        pivot = np.median(lengths[edges[:: len(edges) // FEW]])
        short, long = _split(edges, lengths, float(pivot))
        if len(short) == 0:  # equal lengths
            break
        trial = forest.copy()
        if _first_wrapping(trial, first, second, shifts, short) >= 0:
            edges = short
        else:
            forest, edges = trial, long
    edges = edges[np.argsort(lengths[edges])]
    place = _first_wrapping(forest, first, second, shifts, edges)
    return float(lengths[edges[place]]) if place >= 0 else np.inf


@compiled
def _clusters(
    forest: Integers, first: Integers, second: Integers, shifts: Integers
) -> tuple[Integers, Integers]:
    wrapping = np.zeros(len(first), dtype=np.bool_)
    for edge in range(len(first)):
        wrapping[edge] = _join(forest, first[edge], second[edge], _packed(shifts[edge]))
    roots = np.array([_find(forest, node)[0] for node in range(len(forest))], dtype=np.int64)
    wraps = np.zeros(len(forest), dtype=np.int64)
    wraps[roots[first[wrapping]]] = 1
    return roots, wraps[roots]


def wrapping_clusters(
    count: int, first: Integers, second: Integers, shifts: Integers
) -> tuple[Integers, Integers]:
    """Return the cluster of every node and whether that cluster wraps around the cell.

    Parameters
    ----------
    count, first, second, shifts
        As for :func:`first_wrapping_edge`; the order of the edges does not matter.

    Returns
    -------
    tuple
        One node of each node's cluster, and 1 where the cluster wraps, else 0; both of shape
        (count,).
    """
    return _clusters(_single_nodes(count), first, second, shifts)
