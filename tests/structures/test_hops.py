from __future__ import annotations

import numpy as np
import pytest
from pymatgen.analysis.dimensionality import get_structure_components
from pymatgen.analysis.graphs import StructureGraph
from pymatgen.core import Lattice, Structure

from misei.structures.hop_networks import (
    percolating_networks,
    percolation_dimension,
    shortest_percolating_hops,
)
from misei.structures.hops import NoMobileSiteError, find_hops
from misei.structures.supercells import primitive_cell, repeat_distance, supercell_matrix

FCC = primitive_cell(Structure.from_spacegroup(225, Lattice.cubic(4.0), ["Li"], [[0, 0, 0]]))
BCC = primitive_cell(Structure.from_spacegroup(229, Lattice.cubic(3.5), ["Li"], [[0, 0, 0]]))
B32 = primitive_cell(
    Structure.from_spacegroup(227, Lattice.cubic(6.37), ["Li", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
)
# Two kinds of Li: cube corners (orbit 0) and the ends of a dumbbell along c (orbit 1).
TWO_ORBITS = Structure(
    Lattice.tetragonal(4.0, 9.0), ["Li"] * 3, [[0, 0, 0], [0.5, 0.5, 0.35], [0.5, 0.5, 0.65]]
)


def tetragonal(a: float, c: float) -> Structure:
    return Structure(Lattice.tetragonal(a, c), ["Li"], [[0, 0, 0]])


@pytest.mark.parametrize(
    ("crystal", "cutoff", "multiplicities"),
    [
        (FCC, 3.0, [6]),  # 12 neighbours at a / sqrt 2, each hop shared by two sites
        (FCC, 4.1, [6, 3]),
        (BCC, 3.6, [4, 3]),
        (B32, 3.0, [4]),  # diamond sublattice: 2 sites, 4 neighbours
    ],
)
def test_distinct_hops_of_known_lattices(
    crystal: Structure, cutoff: float, multiplicities: list[int]
) -> None:
    graph = find_hops(crystal, "Li", cutoff)
    assert [hop.multiplicity for hop in graph.hops] == multiplicities
    assert all(hop.reversible for hop in graph.hops)
    assert percolation_dimension(graph.hops) == 3
    assert percolation_dimension(graph.hops[:1]) == 3


def test_every_neighbour_pair_is_in_one_hop() -> None:
    graph = find_hops(TWO_ORBITS, "Li", 5.0)
    start, *_ = TWO_ORBITS.get_neighbor_list(5.0)
    assert sum(hop.multiplicity for hop in graph.hops) == len(start) / 2
    assert graph.orbits == [[0], [1, 2]]
    labels = [hop.label for hop in graph.hops]
    assert len(set(labels)) == len(labels)
    assert not next(hop for hop in graph.hops if hop.orbits == (0, 1)).reversible


def test_edges_join_sites_at_the_length_of_the_hop() -> None:
    for hop in find_hops(TWO_ORBITS, "Li", 5.0).hops:
        for i, j, *cell in hop.edges:
            assert TWO_ORBITS[i].distance(TWO_ORBITS[j], cell) == pytest.approx(hop.distance)
            assert (i == 0, j == 0) == (hop.orbits[0] == 0, hop.orbits[1] == 0)


def test_a_path_through_an_atom_is_no_hop() -> None:
    lengths = [hop.distance for hop in find_hops(tetragonal(3.0, 3.0), "Li", 6.1).hops]
    # Edge, face and body diagonal; twice the edge runs through a neighbour.
    assert lengths[:3] == pytest.approx([3.0, 3.0 * 2**0.5, 3.0 * 3**0.5])
    assert 6.0 not in np.round(lengths, 3)


def test_host_atom_blocks() -> None:
    blocked = Structure(Lattice.orthorhombic(4.0, 9.0, 9.0), ["Li", "Ag"], [[0, 0, 0], [0.5, 0, 0]])
    assert find_hops(blocked, "Li", 5.0).hops == []


@pytest.mark.parametrize(
    ("lengths", "dimension"), [((3, 9, 9), 1), ((3, 3, 9), 2), ((3, 3, 3), 3), ((9, 9, 9), 0)]
)
def test_dimension_of_chains_layers_and_frameworks(
    lengths: tuple[int, int, int], dimension: int
) -> None:
    crystal = Structure(Lattice.orthorhombic(*lengths), ["Li"], [[0, 0, 0]])
    assert percolation_dimension(find_hops(crystal, "Li", 4.0).hops) == dimension


@pytest.mark.parametrize("seed", range(5))
def test_dimension_agrees_with_pymatgen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = Structure(Lattice.cubic(9.0), ["Li"] * 7, rng.random((7, 3)))
    hops = [hop for hop in find_hops(crystal, "Li", 5.5).hops if rng.random() < 0.4]
    edges = {(i, j, (0, 0, 0), tuple(cell)): None for hop in hops for i, j, *cell in hop.edges}
    components = get_structure_components(StructureGraph.from_edges(crystal, edges))
    assert percolation_dimension(hops) == max(c["dimensionality"] for c in components)


def test_shortest_percolating_hops() -> None:
    graph = find_hops(tetragonal(3.0, 4.0), "Li", 5.1)
    chosen, left_out = shortest_percolating_hops(graph)
    # a within the layer, then c; the diagonals are longer (3 sqrt 2 > 4).
    assert [hop.distance for hop in chosen] == pytest.approx([3.0, 4.0])
    assert [hop.distance for hop in left_out] == pytest.approx([3 * 2**0.5, 5.0])


def test_hops_that_do_not_percolate_are_not_chosen() -> None:
    pair = Structure(Lattice.cubic(9.0), ["Li", "Li"], [[0, 0, 0], [0.3, 0, 0]])
    chosen, left_out = shortest_percolating_hops(find_hops(pair, "Li", 5.0))
    assert chosen == []
    assert len(left_out) == 1


def barriers_of(*arguments) -> dict[int, float]:
    return {d: network.barrier for d, network in percolating_networks(*arguments).items()}


def test_barriers_by_dimension() -> None:
    graph = find_hops(tetragonal(3.0, 4.0), "Li", 4.1)
    in_plane, along_c = graph.hops
    barriers = barriers_of(graph.orbits, [along_c, in_plane], [1.5, 1.2], [1.0])
    # In the layer 1.2 - 1.0, which is two-dimensional at once; along c 1.5 - 1.0.
    assert barriers == pytest.approx({1: 0.2, 2: 0.2, 3: 0.5})


def test_barrier_counts_from_the_lowest_vacancy_of_the_network() -> None:
    graph = find_hops(TWO_ORBITS, "Li", 4.4)
    # The dumbbell (2.7 A) joins layers in which corners and dumbbell ends alternate (4.23 A);
    # corners alone make layers too (4.0 A).
    dumbbell, corners, mixed = (
        next(hop for hop in graph.hops if hop.orbits == pair) for pair in [(1, 1), (0, 0), (0, 1)]
    )
    vacancies = [0.3, 0.1]
    alone = barriers_of(graph.orbits, [corners], [0.9], vacancies)
    assert alone == pytest.approx({1: 0.9 - 0.3, 2: 0.9 - 0.3})
    both = barriers_of(graph.orbits, [corners, mixed], [0.9, 0.4], vacancies)
    assert both == pytest.approx({1: 0.4 - 0.1, 2: 0.4 - 0.1})
    all_hops = [corners, mixed, dumbbell]
    barriers = barriers_of(graph.orbits, all_hops, [0.9, 0.4, 0.7], vacancies)
    assert barriers == pytest.approx({1: 0.4 - 0.1, 2: 0.4 - 0.1, 3: 0.7 - 0.1})


def test_missing_mobile_element() -> None:
    with pytest.raises(NoMobileSiteError, match="no Na in LiAl; it holds Al, Li"):
        find_hops(B32, "Na")


@pytest.mark.parametrize(
    ("crystal", "min_length", "atoms", "distance"),
    [
        (FCC, 8.0, 27, 3 * 4.0 / 2**0.5),  # primitive 3 x 3 x 3; conventional 2 x 2 x 2 has 32
        (BCC, 10.0, 54, 10.5),  # conventional 3 x 3 x 3; primitive 4 x 4 x 4 has 64
        (B32, 8.0, 32, 2 * 6.37 / 2**0.5),
        (B32, 4.0, 4, 6.37 / 2**0.5),  # big enough as it is
    ],
)
def test_supercell_rule(crystal: Structure, min_length: float, atoms: int, distance: float) -> None:
    supercell = crystal.make_supercell(supercell_matrix(crystal, min_length), in_place=False)
    assert len(supercell) == atoms
    assert repeat_distance(supercell.lattice) == pytest.approx(distance)
