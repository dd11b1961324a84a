"""When do connected nodes wrap around a periodic cell? Union-find with periodic images.

Edges join in a given order (Newman and Ziff, Phys. Rev. Lett. 85, 4104 (2000)); every node knows
the image of its cluster's root that it belongs to, so that an edge within one cluster whose images
disagree closes a loop around the cell (Machta et al., Phys. Rev. E 54, 1332 (1996)).
"""

from __future__ import annotations

import numpy as np

from misei.screening.microstructures.compiled import Integers, compiled


@compiled
def _find(parent: Integers, image: Integers, node: int) -> int:
    # Root of a node; afterwards the node and all above it hang on the root directly, and
    # image[node] is the cell of the root relative to that of the node.
    root = node
    x = y = z = 0
    while parent[root] != root:
        x += image[root, 0]
        y += image[root, 1]
        z += image[root, 2]
        root = parent[root]
    while parent[node] != root and node != root:
        above = parent[node]
        step_x, step_y, step_z = image[node, 0], image[node, 1], image[node, 2]
        parent[node] = root
        image[node, 0], image[node, 1], image[node, 2] = x, y, z
        x -= step_x
        y -= step_y
        z -= step_z
        node = above
    return root


@compiled
def _join(
    parent: Integers, image: Integers, size: Integers, i: int, j: int, shift: Integers
) -> tuple[int, bool]:
    # Join node i and the image `shift` of node j: their root, and whether that closes a loop
    # around the cell.
    root_i, root_j = _find(parent, image, i), _find(parent, image, j)
    x = shift[0] - image[i, 0] + image[j, 0]
    y = shift[1] - image[i, 1] + image[j, 1]
    z = shift[2] - image[i, 2] + image[j, 2]
    if root_i == root_j:
        return root_i, x != 0 or y != 0 or z != 0
    if size[root_i] < size[root_j]:
        root_i, root_j, x, y, z = root_j, root_i, -x, -y, -z
    # (x, y, z) is the cell of root j relative to root i.
    parent[root_j] = root_i
    image[root_j, 0], image[root_j, 1], image[root_j, 2] = -x, -y, -z
    size[root_i] += size[root_j]
    return root_i, False


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
    parent = np.arange(count)
    image = np.zeros((count, 3), dtype=np.int64)
    size = np.ones(count, dtype=np.int64)
    for edge in range(len(first)):
        _, wraps = _join(parent, image, size, first[edge], second[edge], shifts[edge])
        if wraps:
            return edge
    return -1


@compiled
def _clusters(
    count: int, first: Integers, second: Integers, shifts: Integers
) -> tuple[Integers, Integers]:
    parent = np.arange(count)
    image = np.zeros((count, 3), dtype=np.int64)
    size = np.ones(count, dtype=np.int64)
    wrapping = np.zeros(len(first), dtype=np.bool_)
    for edge in range(len(first)):
        _, wrapping[edge] = _join(parent, image, size, first[edge], second[edge], shifts[edge])
    roots = np.array([_find(parent, image, node) for node in range(count)], dtype=np.int64)
    wraps = np.zeros(count, dtype=np.int64)
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
    return _clusters(count, first, second, shifts)
