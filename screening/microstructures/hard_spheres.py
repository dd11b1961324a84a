"""Hard spheres in a periodic unit cube: linked cells, random insertion, event chains, compiled.

The kernels of :mod:`misei.screening.microstructures.grains`, which says what they are for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled

LARGEST_DIAMETER = 1.0 / 3.0  # that a sphere cannot meet its own image
GROWTH = 1.005  # of a diameter in one step


class Cells(NamedTuple):
    """Linked cells: one grid for every size of grain, with about one grain in a cell.

    Attributes
    ----------
    size
        Grid of each grain, shape (count,).
    diameters
        Full-grown diameter in each grid, shape (sizes,).
    edges
        Cells along an edge of the cube, shape (sizes,).
    starts
        First cell of each grid, shape (sizes,).
    heads
        A grain in each cell or -1, shape (cells,).
    following
        Next grain in the same cell or -1, shape (count,).
    """

    size: Integers
    diameters: Floats
    edges: Integers
    starts: Integers
    heads: Integers
    following: Integers


def empty_cells(diameters: Floats) -> Cells:
    """Return cells for spheres of these diameters, shape (count,), without any in them.

    Raises
    ------
    ValueError
        For a diameter beyond :data:`LARGEST_DIAMETER`.
    """
    sizes, size, counts = np.unique(diameters, return_inverse=True, return_counts=True)
    if sizes[-1] > LARGEST_DIAMETER:
        raise ValueError(f"grain diameter {sizes[-1]:.3f} is more than a third of the cube")
    edges = np.maximum(1, np.round(counts ** (1.0 / 3.0)).astype(np.int64))
    ends = np.cumsum(edges**3)
    heads = np.full(ends[-1], -1)
    return Cells(size, sizes, edges, ends - edges**3, heads, np.full(len(diameters), -1))


@compiled
def _cell(cells: Cells, centres: Floats, grain: int) -> int:
    edge = cells.edges[cells.size[grain]]
    cell = 0
    for axis in range(3):
        # The remainder is for a coordinate of 1.0, which rounding can give.
        cell = cell * edge + int(centres[grain, axis] * edge) % edge
    return cells.starts[cells.size[grain]] + cell


@compiled
def _put(cells: Cells, grain: int, cell: int) -> None:
    cells.following[grain] = cells.heads[cell]
    cells.heads[cell] = grain


@compiled
def _remove(cells: Cells, grain: int, cell: int) -> None:
    if cells.heads[cell] == grain:
        cells.heads[cell] = cells.following[grain]
        return
    before = cells.heads[cell]
    while cells.following[before] != grain:
        before = cells.following[before]
    cells.following[before] = cells.following[grain]


@compiled
def fill(cells: Cells, centres: Floats) -> None:
    """Put spheres into the empty cells; centres are 0 to 1, shape (count, 3)."""
    for grain in range(len(centres)):
        _put(cells, grain, _cell(cells, centres, grain))


@compiled
def _wrapped(difference: float) -> float:
    # To the nearest image, -0.5 to 0.5.
    if difference > 0.5:
        return difference - 1.0
    return difference + 1.0 if difference < -0.5 else difference


@compiled
def _inside(index: int, edge: int) -> int:
    # Of a cell at most one period away; faster than the remainder.
    if index >= edge:
        return index - edge
    return index + edge if index < 0 else index


@compiled
def _around(coordinate: float, reach: float, edge: int) -> tuple[int, int]:
    # First and last cell within reach, at most once around the cube.
    width = min(reach, 0.5)
    return int(np.floor((coordinate - width) * edge)), int(np.floor((coordinate + width) * edge))


@compiled
def _fits(cells: Cells, centres: Floats, diameters: Floats, grain: int) -> bool:
    # Whether the grain overlaps none of those in the cells.
    x, y, z = centres[grain]
    for grid in range(len(cells.edges)):
        edge = cells.edges[grid]
        reach = 0.5 * (diameters[grain] + cells.diameters[grid])
        (i_low, i_high), (j_low, j_high) = _around(x, reach, edge), _around(y, reach, edge)
        k_low, k_high = _around(z, reach, edge)
        for i in range(i_low, i_high + 1):
            for j in range(j_low, j_high + 1):
                row = cells.starts[grid] + (_inside(i, edge) * edge + _inside(j, edge)) * edge
                for k in range(k_low, k_high + 1):
                    other = cells.heads[row + _inside(k, edge)]
                    while other >= 0:
                        dx, dy = _wrapped(x - centres[other, 0]), _wrapped(y - centres[other, 1])
                        dz = _wrapped(z - centres[other, 2])
                        contact = 0.5 * (diameters[grain] + diameters[other])
                        if other != grain and dx * dx + dy * dy + dz * dz < contact * contact:
                            return False
                        other = cells.following[other]
    return True


@compiled
def insert(
    cells: Cells, centres: Floats, diameters: Floats, order: Integers, rng: np.random.Generator
) -> None:
    """Fill the empty cells by random sequential insertion in the given order.

    Writes ``centres``, shape (count, 3).
    """
    for grain in order:
        while True:
            for axis in range(3):
                centres[grain, axis] = rng.random()
            if _fits(cells, centres, diameters, grain):
                break
        _put(cells, grain, _cell(cells, centres, grain))


@compiled
def grow(cells: Cells, centres: Floats, diameters: Floats, final: Floats) -> None:
    """Let every sphere with room for it grow by a step towards its final diameter.

    Writes ``diameters``, shape (count,).
    """
    for grain in range(len(centres)):
        before = diameters[grain]
        if before < final[grain]:
            diameters[grain] = min(final[grain], GROWTH * before)
            if not _fits(cells, centres, diameters, grain):
                diameters[grain] = before


@compiled
def _free_path(
    cells: Cells, centres: Floats, diameters: Floats, grain: int, axis: int, path: float
) -> tuple[float, int]:
    # How far the grain can move along the axis, at most `path`, and which grain it then hits.
    hit = -1
    second, third = (axis + 1) % 3, (axis + 2) % 3
    x, y, z = centres[grain, axis], centres[grain, second], centres[grain, third]
    for grid in range(len(cells.edges)):
        edge = cells.edges[grid]
        along, across, upward = edge ** (2 - axis), edge ** (2 - second), edge ** (2 - third)
        reach = 0.5 * (diameters[grain] + cells.diameters[grid])
        (j_low, j_high), (k_low, k_high) = _around(y, reach, edge), _around(z, reach, edge)
        i = int(x * edge)
        while i <= (x + path + reach) * edge:
            plane = cells.starts[grid] + _inside(i, edge) * along
            for j in range(j_low, j_high + 1):
                row = plane + _inside(j, edge) * across
                for k in range(k_low, k_high + 1):
                    other = cells.heads[row + _inside(k, edge) * upward]
                    while other >= 0:
                        dy = _wrapped(y - centres[other, second])
                        dz = _wrapped(z - centres[other, third])
                        contact = 0.5 * (diameters[grain] + diameters[other])
                        square = contact * contact - dy * dy - dz * dz
                        if square > 0.0 and other != grain:
                            ahead = centres[other, axis] - x
                            # Those behind count as an image ahead, which is out of reach.
                            ahead = (ahead + 1.0 if ahead < 0.0 else ahead) - np.sqrt(square)
                            if ahead < path:
                                path, hit = max(ahead, 0.0), other
                        other = cells.following[other]
            i += 1
    return path, hit


@compiled
def event_chains(
    cells: Cells, centres: Floats, diameters: Floats, path: float, chains: int,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    """Run event chains along the three axes in turn; return the number of single moves.

    Each starts from a random sphere, which moves until it hits another, which moves on, until
    ``path`` is used up. Writes ``centres``.
    """
    moves = 0
    for chain in range(chains):
        grain, left = int(rng.random() * len(centres)), path
        while grain >= 0:
            step, hit = _free_path(cells, centres, diameters, grain, chain % 3, left)
            before = _cell(cells, centres, grain)
            centres[grain, chain % 3] = (centres[grain, chain % 3] + step) % 1.0
            after = _cell(cells, centres, grain)
            if after != before:
                _remove(cells, grain, before)
                _put(cells, grain, after)
            moves, grain, left = moves + 1, hit, left - step
    return moves
