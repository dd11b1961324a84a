"""Networks that vacancy hops form: in how many dimensions they percolate, at which barrier."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import networkx as nx
import numpy as np

from misei.structures.hops import LENGTH_TOLERANCE, Hop, HopGraph, reversed_edges


def percolating_components(hops: Sequence[Hop]) -> list[tuple[int, frozenset[int]]]:
    """Find the connected networks of hops and in how many dimensions each is endless.

    A closed walk that ends on an image of its first site shows a direction in which the
    network is endless; the rank of all those lattice vectors is the dimensionality. pymatgen's
    ``get_structure_components`` counts the same (Larsen et al., Phys. Rev. Mater. 2019, 3,
    034003), 0.4 s at 85 sites where this takes milliseconds and is called a hundred times.

    Parameters
    ----------
    hops
        Hops of the network, each with all its equivalents.

    Returns
    -------
    list of (int, frozenset of int)
        Dimensionality (0 to 3) and sites of each component; sites without a hop are left out.
    """
    edges = np.array([edge for hop in hops for edge in hop.edges], dtype=np.int64).reshape(-1, 5)
    both = np.vstack([edges, reversed_edges(edges)])
    steps = {(i, j): np.array(cell) for i, j, *cell in both.tolist()}
    graph = nx.Graph(steps.keys())
    components = []
    for sites in nx.connected_components(graph):
        root = next(iter(sites))
        cell_of = {root: np.zeros(3, dtype=np.int64)}
        for i, j in nx.bfs_edges(graph, root):
            cell_of[j] = cell_of[i] + steps[i, j]
        loops = [cell_of[i] + cell - cell_of[j] for i, j, *cell in edges.tolist() if i in sites]
        components.append((int(np.linalg.matrix_rank(np.array(loops))), frozenset(sites)))
    return components


def percolation_dimension(hops: Sequence[Hop]) -> int:
    """Highest dimensionality (0 to 3) among the networks that hops form."""
    return max((dimension for dimension, _ in percolating_components(hops)), default=0)


def shortest_percolating_hops(graph: HopGraph) -> tuple[list[Hop], list[Hop]]:
    """Choose short hops that percolate in as many dimensions as all hops together do.

    Hops up to the shortest length at which that dimensionality is reached, less those,
    longest first, without which it is reached as well. A barrier of this network is an
    upper bound: a longer hop that is left out may have a lower saddle.

    Parameters
    ----------
    graph
        Hops of a crystal.

    Returns
    -------
    chosen, left_out
        Both shortest first. Nothing is chosen when the hops form no endless network.
    """
    hops = graph.hops
    goal = percolation_dimension(hops)
    if goal == 0:
        return [], list(hops)
    # Dimensionality grows with the number of hops: the first sufficient one by bisection.
    count = 1 + bisect_left(
        range(1, len(hops) + 1), goal, key=lambda n: percolation_dimension(hops[:n])
    )
    longest = hops[count - 1].distance + LENGTH_TOLERANCE
    chosen = [hop for hop in hops if hop.distance <= longest]
    for hop in reversed(chosen.copy()):
        fewer = [other for other in chosen if other is not hop]
        if percolation_dimension(fewer) == goal:
            chosen = fewer
    return chosen, [hop for hop in hops if hop not in chosen]


@dataclass(frozen=True)
class PercolatingNetwork:
    """The easiest network of hops that is endless in some number of dimensions.

    Attributes
    ----------
    saddle_energy
        Highest saddle that must be passed, eV.
    lowest_energy
        Energy of the lowest site of the network, eV.
    hops
        Positions, in the list given, of the hops that make it.
    """

    saddle_energy: float
    lowest_energy: float
    hops: tuple[int, ...]

    @property
    def barrier(self) -> float:
        """Highest saddle above the lowest site, eV."""
        return self.saddle_energy - self.lowest_energy


def percolating_networks(
    orbits: Sequence[Sequence[int]],
    hops: Sequence[Hop],
    saddle_energies: Sequence[float],
    site_energies: Sequence[float],
) -> dict[int, PercolatingNetwork]:
    """Easiest network that percolates in at least 1, 2 and 3 dimensions.

    Hops are opened in the order of their saddle energies, which is the order of the rates
    at which thermal defects make them, until a network is endless in enough dimensions. Its
    barrier is the last saddle above the lowest site of that network.

    Parameters
    ----------
    orbits
        Sites of each orbit, as in :class:`HopGraph`.
    hops
        Hops with known saddles.
    saddle_energies
        Energy of the saddle of each hop in eV.
    site_energies
        Energy of the defect on each orbit in eV, on the same scale.

    Returns
    -------
    dict
        Network by number of dimensions; those never reached are left out.
    """
    energy_of = {
        site: energy for sites, energy in zip(orbits, site_energies, strict=True) for site in sites
    }
    networks: dict[int, PercolatingNetwork] = {}
    opened: list[int] = []
    for k, saddle in sorted(enumerate(saddle_energies), key=itemgetter(1)):
        opened.append(k)
        components = percolating_components([hops[n] for n in opened])
        for dimension in {1, 2, 3} - set(networks):
            endless = [sites for reached, sites in components if reached >= dimension]
            if endless:
                sites = min(endless, key=lambda found: min(energy_of[s] for s in found))
                members = tuple(n for n in opened if hops[n].edges[0][0] in sites)
                lowest = min(energy_of[site] for site in sites)
                networks[dimension] = PercolatingNetwork(saddle, lowest, members)
    return dict(sorted(networks.items()))
