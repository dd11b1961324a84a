"""Effective conductivity of periodic resistor networks, and the resistors of grains in a matrix.

Lengths are in edges of a periodic unit cube. A conductance is in the unit of conductivity times
that edge.
"""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from math import pi

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu
from scipy.spatial import Voronoi

from misei.screening.microstructures.compiled import Floats, Integers
from misei.screening.microstructures.neighbours import Links
from misei.screening.microstructures.wrapping import wrapping_clusters

# Points are copied beyond the cube, at first this far, in mean point distances; further where
# voids are wide.
MARGIN, WIDER = 2.0, 1.5
FILLED = 1e-9  # relative; how exactly the cells must fill the cube


def network_conductivity(centres: Floats, links: Links, conductances: Floats) -> Floats:
    """Return the effective conductivity of a network along each edge of the cube.

    A mean field of one is applied along each edge in turn. What is left of the potential is
    periodic and solves Kirchhoff's equations; the conductivity is the power that is dissipated.
    The equations are solved directly (SuperLU): where conductances span many orders of magnitude
    iterations stop too early.

    Parameters
    ----------
    centres
        Nodes in the periodic unit cube, shape (count, 3).
    links
        Resistors; any number may join the same two nodes.
    conductances
        Of the links, zero or positive, shape (links,).

    Returns
    -------
    ndarray of shape (3,)
        Zero in a direction in which nothing conducts around the cube.
    """
    conducting = conductances > 0
    links, conductances = links.take(conducting), conductances[conducting]
    roots, wraps = wrapping_clusters(len(centres), links.first, links.second, links.shifts)
    # A cluster that does not wrap takes one potential in the field, and no current flows in it.
    carrying = wraps[links.first] == 1
    links, conductances = links.take(carrying), conductances[carrying]
    steps = centres[links.second] + links.shifts - centres[links.first]
    free = np.flatnonzero((wraps == 1) & (roots != np.arange(len(centres))))
    potentials = _potentials(len(centres), links, conductances, steps, free)
    drops = steps + potentials[links.second] - potentials[links.first]
    conductivity: Floats = conductances @ drops**2
    return conductivity


def _potentials(
    count: int, links: Links, conductances: Floats, steps: Floats, free: Integers
) -> Floats:
    # The periodic part, shape (count, 3). Only `free` nodes have one: of each cluster one node
    # is held at zero, since potentials are known up to a constant.
    potentials = np.zeros((count, 3))
    if len(free) == 0:
        return potentials
    ends = np.concatenate([links.first, links.second])
    others = np.concatenate([links.second, links.first])
    twice = np.concatenate([conductances, conductances])
    rows, columns = np.concatenate([ends, ends]), np.concatenate([ends, others])
    laplacian = csc_array((np.concatenate([twice, -twice]), (rows, columns)), shape=(count, count))
    currents = np.concatenate([steps, -steps]) * twice[:, None]
    sources = np.stack([np.bincount(ends, axis, count) for axis in currents.T], axis=1)
    # The matrix is symmetric and diagonally dominant: no pivoting, and little fill.
    solver = splu(
        laplacian[free][:, free],
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    potentials[free] = solver.solve(sources[free])
    return potentials


def matrix_links(centres: Floats) -> tuple[Links, Floats]:
    """Return the resistors of a homogeneous matrix of conductivity one.

    Each point stands for its Voronoi cell, and neighbouring cells are linked by face area over
    centre distance: the two-point flux of finite volumes, exact in a uniform field because
    centre lines are normal to the faces.

    Parameters
    ----------
    centres
        Points in the periodic unit cube, shape (count, 3).

    Returns
    -------
    tuple
        Links, lengths being centre distances, and their conductances, shape (links,).
    """
    margin = MARGIN * len(centres) ** (-1.0 / 3.0)
    while True:
        links, areas = _faces(*_with_copies(centres, min(margin, 1.0)))
        # Pyramids from the points to the faces fill the cube, unless a copy was missed.
        if margin >= 1.0 or abs(areas @ links.lengths / 3.0 - 1.0) < FILLED:
            return links, areas / links.lengths
        margin *= WIDER


def _with_copies(centres: Floats, margin: float) -> tuple[Floats, Integers, Integers]:
    # Points of the cube and of a margin around it, the point each is a copy of, and its image.
    images = np.array(list(product((-1, 0, 1), repeat=3)))
    copies = (centres + images[:, None]).reshape(-1, 3)
    near = np.flatnonzero(((copies > -margin) & (copies < 1.0 + margin)).all(axis=1))
    image, owner = np.divmod(near, len(centres))
    return copies[near], owner, images[image]


def _faces(points: Floats, owners: Integers, shifts: Integers) -> tuple[Links, Floats]:
    # Every Voronoi face of the cube once: between two points inside or, of two opposite images of
    # one face, the one between a point inside and an image ahead of the cube. And its area.
    cells = Voronoi(points)
    order = shifts @ np.array([9, 3, 1])
    first, second = cells.ridge_points.T
    swap = order[first] != 0
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    faces = np.flatnonzero((order[first] == 0) & (order[second] >= 0))
    first, second = first[faces], second[faces]
    distances = np.linalg.norm(points[second] - points[first], axis=1)
    links = Links(owners[first], owners[second], shifts[second], distances)
    return links, _areas(cells.vertices, [cells.ridge_vertices[face] for face in faces])


def _areas(vertices: Floats, polygons: list[list[int]]) -> Floats:
    # Vertices follow each other around a polygon; triangles of each edge with its first vertex.
    sizes = np.array([len(polygon) for polygon in polygons])
    corners = np.concatenate([np.array(polygon) for polygon in polygons])
    starts = np.cumsum(sizes) - sizes
    following = np.arange(1, len(corners) + 1)
    following[starts + sizes - 1] = starts
    origin = np.repeat(vertices[corners[starts]], sizes, axis=0)
    triangles = np.cross(vertices[corners] - origin, vertices[corners[following]] - origin)
    areas: Floats = 0.5 * np.linalg.norm(np.add.reduceat(triangles, starts), axis=1)
    return areas


def grain_conductances(gaps: Floats, diameter: float) -> Floats:
    """Return the conductances of links between grains whose paths have conductivity one.

    A link is a rod from centre to centre that holds the metal of one grain, half of it from
    either end: its section is pi D^3 / 6 over its length D + gap.

    Parameters
    ----------
    gaps
        Between the surfaces of linked grains, shape (links,).
    diameter
        D of the grains.
    """
    conductances: Floats = pi * diameter**3 / 6.0 / (diameter + gaps) ** 2
    return conductances


def joined(first: Links, second: Links) -> Links:
    """Return the links of two networks on the same nodes, those of the first one first."""
    pairs = ((getattr(first, f.name), getattr(second, f.name)) for f in fields(Links))
    return Links(*(np.concatenate(pair) for pair in pairs))
