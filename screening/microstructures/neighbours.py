"""Pairs of points closer than a distance, in a periodic unit cube, by linked cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled

# Half of the 26 cells around a cell: every pair of neighbouring cells once.
HALF_SHELL = np.array(
    [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) > (0, 0, 0)]
)


@dataclass(frozen=True)
class Links:
    """Pairs of nodes of a periodic unit cube.

    Attributes
    ----------
    first, second
        Nodes, shape (links,).
    shifts
        Periodic image of the second node that the first is paired with, shape (links, 3).
    lengths
        What orders the links, shape (links,): centre distances, gaps between surfaces, or scale
        factors at which two particles touch, as the maker of the links says.
    """

    first: Integers
    second: Integers
    shifts: Integers
    lengths: Floats

    def __len__(self) -> int:
        return len(self.first)

    def take(self, which: Integers | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Links:
        """Return some of the links, by positions or a mask."""
        return Links(self.first[which], self.second[which], self.shifts[which], self.lengths[which])

    def by_length(self) -> Links:
        """Return the links, the shortest first."""
        return self.take(np.argsort(self.lengths))


def neighbour_links(centres: Floats, reach: float) -> Links:
    """Return all pairs of points whose centres are closer than ``reach``.

    Parameters
    ----------
    centres
        Points of the periodic unit cube, coordinates 0 to 1, shape (count, 3).
    reach
        At most half the cube, so that a pair counts once.

    Returns
    -------
    Links
        Every pair once, in no order; lengths are centre distances.

    Raises
    ------
    ValueError
        For a reach beyond 0.5.
    """
    if reach > 0.5:
        raise ValueError(f"reach {reach:.3f} is more than half the periodic cube")
    # About one point in a cell: smaller cells only cost empty visits.
    cells = max(1, min(int(1.0 / reach), round(len(centres) ** (1.0 / 3.0))))
    if cells < 3:
        first, second = np.triu_indices(len(centres), 1)
        separation = centres[second] - centres[first]
        shifts = -np.round(separation).astype(np.int64)
        lengths = np.linalg.norm(separation + shifts, axis=1)
        return Links(first, second, shifts, lengths).take(lengths < reach)
    cell = np.minimum((centres * cells).astype(np.int64), cells - 1)
    flat = (cell[:, 0] * cells + cell[:, 1]) * cells + cell[:, 2]
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(cells**3 + 1))
    points = np.ascontiguousarray(centres[order])
    room = 64 + int(len(centres) * 1.2 * _expected_neighbours(len(centres), reach) / 2)
    while True:
        found, first, second, shifts, lengths = _links(points, starts, cells, reach, room)
        if found <= room:
            break
        room = found
    return Links(order[first[:found]], order[second[:found]], shifts[:found], lengths[:found])


def _expected_neighbours(count: int, reach: float) -> float:
    return count * 4.0 / 3.0 * np.pi * reach**3


@compiled
def _links(
    points: Floats, starts: Integers, cells: int, reach: float, room: int
) -> tuple[int, Integers, Integers, Integers, Floats]:
    # Points are sorted by cell; starts holds the first point of each cell. Counts on when the
    # room is full, so that the caller knows how much is needed.
    first = np.empty(room, dtype=np.int64)
    second = np.empty(room, dtype=np.int64)
    shifts = np.zeros((room, 3), dtype=np.int64)
    lengths = np.empty(room)
    shift = np.zeros(3, dtype=np.int64)
    there = np.zeros(3, dtype=np.int64)
    found = 0
    for cell in range(cells**3):
        here = (cell // (cells * cells), cell // cells % cells, cell % cells)
        for neighbour in range(-1, len(HALF_SHELL)):
            for axis in range(3):
                there[axis] = here[axis] + (HALF_SHELL[neighbour, axis] if neighbour >= 0 else 0)
                shift[axis] = there[axis] // cells
                there[axis] -= shift[axis] * cells
            other = (there[0] * cells + there[1]) * cells + there[2]
            for i in range(starts[cell], starts[cell + 1]):
                begin = i + 1 if neighbour < 0 else starts[other]
                for j in range(begin, starts[other + 1]):
                    square = 0.0
                    for axis in range(3):
                        square += (points[j, axis] + shift[axis] - points[i, axis]) ** 2
                    if square < reach * reach:
                        if found < room:
                            first[found], second[found] = i, j
                            shifts[found, 0] = shift[0]
                            shifts[found, 1] = shift[1]
                            shifts[found, 2] = shift[2]
                            lengths[found] = np.sqrt(square)
                        found += 1
    return found, first, second, shifts, lengths
