"""Pairs of points closer than a distance, in a periodic unit cube, by linked cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from misei.screening.microstructures.compiled import Floats, Integers, compiled

# Cells are stacked in columns along z. A column and half of the 8 columns around it: every pair
# of neighbouring columns once.
COLUMNS = ((0, 0), (0, 1), (1, -1), (1, 0), (1, 1))
MIN_CELLS = 3  # along each axis, so that no two images of a cell are neighbours of one cell


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
        positions = np.flatnonzero(which) if which.dtype == np.bool_ else which
        shifts = np.take(self.shifts, positions, axis=0)  # faster than by an index
        return Links(self.first[positions], self.second[positions], shifts, self.lengths[positions])

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
        Every pair once, neighbouring pairs close to each other; lengths are centre distances.

    Raises
    ------
    ValueError
        For a reach outside 0 to 0.5, or points outside the cube.
    """
    if not 0.0 < reach <= 0.5:
        raise ValueError(f"reach {reach:.3f} is not in 0 to 0.5, half the periodic cube")
    if len(centres) and not (centres.min() >= 0.0 and centres.max() <= 1.0):
        raise ValueError(f"coordinates {centres.min():g} to {centres.max():g} are not in 0 to 1")
    # About one point in a cell: smaller cells only cost empty visits.
    cells = min(int(1.0 / reach), round(len(centres) ** (1.0 / 3.0)))
    if cells < MIN_CELLS:
        return _all_pairs(centres, reach)
    order, starts, points = _sorted_by_cell(centres, cells)
    room = 64 + int(len(centres) * 0.6 * _expected_neighbours(len(centres), reach))
    while True:
        found, first, second, shifts, lengths = _links(order, starts, points, cells, reach, room)
        if found <= room:
            return Links(first[:found], second[:found], shifts[:found], lengths[:found])
        room = found


def _expected_neighbours(count: int, reach: float) -> float:
    return count * 4.0 / 3.0 * np.pi * reach**3


def _all_pairs(centres: Floats, reach: float) -> Links:
    first, second = np.triu_indices(len(centres), 1)
    separation = centres[second] - centres[first]
    shifts = -np.round(separation).astype(np.int64)
    lengths = np.linalg.norm(separation + shifts, axis=1)
    return Links(first, second, shifts, lengths).take(lengths < reach)


@compiled
def _sorted_by_cell(centres: Floats, cells: int) -> tuple[Integers, Integers, Floats]:
    # The points cell by cell, and where each cell starts. A column has cells + 2 layers: below
    # and above it stands the image of its other end, so that the points of three cells on top
    # of each other always lie together.
    layers = cells + 2
    cell_of = np.empty(len(centres), dtype=np.int64)
    starts = np.zeros(cells * cells * layers + 1, dtype=np.int64)
    for point in range(len(centres)):
        x = min(int(centres[point, 0] * cells), cells - 1)
        y = min(int(centres[point, 1] * cells), cells - 1)
        z = min(int(centres[point, 2] * cells), cells - 1)
        cell_of[point] = (x * cells + y) * layers + z + 1
        for image in range(-1, 2):
            if 0 <= z + 1 + image * cells < layers:
                starts[cell_of[point] + image * cells + 1] += 1
    starts = np.cumsum(starts)
    room = starts.copy()
    order = np.empty(starts[-1], dtype=np.int64)
    points = np.empty((starts[-1], 3))
    for point in range(len(centres)):
        layer = cell_of[point] % layers
        for image in range(-1, 2):
            if 0 <= layer + image * cells < layers:
                place = room[cell_of[point] + image * cells]
                room[cell_of[point] + image * cells] += 1
                order[place] = point
                points[place, 0] = centres[point, 0]
                points[place, 1] = centres[point, 1]
                points[place, 2] = centres[point, 2] + image
    return order, starts, points


@compiled
def _links(
    order: Integers, starts: Integers, points: Floats, cells: int, reach: float, room: int
) -> tuple[int, Integers, Integers, Integers, Floats]:
    # Counts on when the room is full, so that the caller knows how much is needed.
    first = np.empty(room, dtype=np.int64)
    second = np.empty(room, dtype=np.int64)
    shifts = np.empty((room, 3), dtype=np.int64)
    lengths = np.empty(room)
    layers = cells + 2
    found = 0
    for column in range(cells * cells):
        for step_x, step_y in COLUMNS:
            x, y = column // cells + step_x, column % cells + step_y
            shift_x, shift_y = x // cells, y // cells
            other = (x - shift_x * cells) * cells + y - shift_y * cells
            bottom, top = starts[other * layers + 1], starts[other * layers + layers - 1]
            for layer in range(1, cells + 1):
                here, there = column * layers + layer, other * layers + layer
                for i in range(starts[here], starts[here + 1]):
                    begin = i + 1 if other == column else starts[there - 1]
                    for j in range(begin, starts[there + 2]):
                        square = (points[j, 0] + shift_x - points[i, 0]) ** 2
                        square += (points[j, 1] + shift_y - points[i, 1]) ** 2
                        square += (points[j, 2] - points[i, 2]) ** 2
                        if square < reach * reach:
                            if found < room:
                                first[found], second[found] = order[i], order[j]
                                shifts[found, 0], shifts[found, 1] = shift_x, shift_y
                                shifts[found, 2] = int(j >= top) - int(j < bottom)
                                lengths[found] = np.sqrt(square)
                            found += 1
    return found, first, second, shifts, lengths
