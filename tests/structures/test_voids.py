from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import DummySpecies, Lattice, Structure

from misei.structures.defects import DefectCell, place_hops
from misei.structures.hop_networks import percolation_dimension
from misei.structures.hop_symmetry import SupercellSymmetry, carried, find_swap
from misei.structures.hops import NoMobileSiteError
from misei.structures.reference_set import load_reference_set
from misei.structures.supercells import primitive_cell, supercell_matrix
from misei.structures.voids import NoVoidError, find_interstitial_hops, find_voids

# Voids lie at symmetric points; coordinates are rounded to 1e-8.
EXACT = 1e-6

FCC = primitive_cell(Structure.from_spacegroup(225, Lattice.cubic(4.0), ["Li"], [[0, 0, 0]]))
BCC = primitive_cell(Structure.from_spacegroup(229, Lattice.cubic(3.5), ["Li"], [[0, 0, 0]]))


def reference(name: str) -> Structure:
    phases = load_reference_set()["phases"]
    return Structure.from_dict(next(p["structure"] for p in phases if p["id"] == name))


def room(crystal: Structure, point: np.ndarray) -> float:
    return float(crystal.lattice.get_all_distances(point, crystal.frac_coords).min())


@pytest.mark.parametrize(
    ("crystal", "edge", "expected"),
    [
        # Voids per atom and their distance from it, in cubic edges.
        (FCC, 4.0, [(1, 1 / 2), (2, 3**0.5 / 4)]),  # octahedral, tetrahedral
        (BCC, 3.5, [(6, 5**0.5 / 4)]),  # tetrahedral; the octahedral point is a window
    ],
)
def test_voids_of_metals(
    crystal: Structure, edge: float, expected: list[tuple[int, float]]
) -> None:
    voids = find_voids(crystal)
    assert [len(orbit) for orbit in voids] == [count for count, _ in expected]
    for orbit, (_, distance) in zip(voids, expected, strict=True):
        for point in orbit:
            assert room(crystal, point) == pytest.approx(distance * edge, abs=EXACT)


@pytest.mark.parametrize(
    ("name", "conventional"),
    [
        ("Li2O-225", [[0.5, 0.5, 0.5]]),  # octahedral, in the empty cube of Li
        ("Li2S-225", [[0.5, 0.5, 0.5]]),
        ("LiF-225", [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]),  # tetrahedral
        ("LiCl-225", [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]),
    ],
)
def test_voids_of_cubic_salts(name: str, conventional: list[list[float]]) -> None:
    crystal = reference(name)
    (orbit,) = find_voids(crystal)
    assert len(orbit) == len(conventional)
    # The origin of the conventional cell: the anion, of which there is one.
    (anion,) = (site for site in crystal if site.specie.symbol != "Li")
    edge = 2**0.5 * crystal.lattice.a
    cubic = Lattice.cubic(edge)
    found = crystal.lattice.get_cartesian_coords(orbit - anion.frac_coords)
    axes = _cubic_axes(crystal)
    distances = cubic.get_all_distances(found @ axes.T / edge, conventional)
    # The relaxed cell is cubic to about 1e-4.
    assert distances.min(axis=1).max() < 1e-3


def _cubic_axes(crystal: Structure) -> np.ndarray:
    """Unit vectors of the cubic axes of a primitive face-centred cell, as rows."""
    a, b, c = crystal.lattice.matrix
    axes = np.array([b + c - a, a + c - b, a + b - c])
    return np.asarray(axes / np.linalg.norm(axes, axis=1)[:, None])


@pytest.mark.parametrize("crystal", [FCC, BCC, reference("LiAl-227"), reference("Li15Si4-220")])
def test_voids_are_farther_from_the_atoms_than_points_beside_them(crystal: Structure) -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(50, 3))
    directions *= 0.1 / np.linalg.norm(directions, axis=1)[:, None]
    beside = crystal.lattice.get_fractional_coords(directions)
    for orbit in find_voids(crystal):
        rooms = crystal.lattice.get_all_distances(orbit[0] + beside, crystal.frac_coords)
        # A vertex may lie 0.05 angstrom outside its polyhedron; a step of 0.1 out of a wall
        # that it lies beyond would gain more.
        assert rooms.min(axis=1).max() < room(crystal, orbit[0]) + 0.01


@pytest.mark.parametrize("name", ["LiF-225", "Li3N-191", "Li3P-194", "Li15Si4-220"])
def test_orbits_of_voids_are_those_of_the_space_group(name: str) -> None:
    crystal = reference(name)
    voids = find_voids(crystal)
    graph = find_interstitial_hops(crystal, cutoff=3.0)
    assert [len(sites) for sites in graph.orbits] == [len(orbit) for orbit in voids]
    for sites, orbit in zip(graph.orbits, voids, strict=True):
        assert graph.crystal.frac_coords[sites] == pytest.approx(orbit)
        rooms = [room(crystal, point) for point in orbit]
        assert rooms == pytest.approx([rooms[0]] * len(orbit), abs=1e-3)


def test_equivalent_settings_have_the_same_voids() -> None:
    crystal = reference("Li15Si4-220")
    shifted = crystal.copy()
    shifted.translate_sites(range(len(crystal)), [0.137, 0.291, 0.713])
    sizes, other = (
        [(len(orbit), round(room(c, orbit[0]), 3)) for orbit in find_voids(c)]
        for c in (crystal, shifted)
    )
    assert sizes == other


def test_host_comes_first_and_voids_are_marked() -> None:
    graph = find_interstitial_hops(FCC, cutoff=1.9)
    assert graph.crystal[0] == FCC[0]
    assert [isinstance(site.specie, DummySpecies) for site in graph.crystal] == [False] + 3 * [True]
    assert graph.orbits == [[1], [2, 3]]
    # Each octahedral void has eight tetrahedral ones around it.
    (hop,) = graph.hops
    assert (hop.label, hop.multiplicity, hop.reversible) == ("void0-void1 1.73 A", 8, False)
    assert percolation_dimension(graph.hops) == 3


@pytest.mark.parametrize(
    ("crystal", "length", "multiplicity"),
    [
        # Neighbouring tetrahedra, sqrt(2)/4 of the edge apart: 6 voids, 4 neighbours each.
        (BCC, 2**0.5 / 4 * 3.5, 12),
        (Structure(BCC.lattice.scale(3.0**3 / 2), ["Li"], [[0, 0, 0]]), 2**0.5 / 4 * 3.0, 12),
        # Tetrahedral voids of rock salt make a simple cubic lattice: 2 voids, 6 neighbours.
        (reference("LiF-225"), 2**-0.5 * reference("LiF-225").lattice.a, 6),
    ],
)
def test_shortest_hops_between_voids(crystal: Structure, length: float, multiplicity: int) -> None:
    hop = find_interstitial_hops(crystal, cutoff=3.0).hops[0]
    assert hop.distance == pytest.approx(length, abs=1e-3)
    assert hop.multiplicity == multiplicity
    assert hop.reversible
    assert percolation_dimension([hop]) == 3


def test_hop_through_a_gap_between_atoms_that_is_too_narrow_is_none() -> None:
    crystal = reference("Li2O-225")
    # From one empty cube to the next across their common edge, between two Li 2.3 apart.
    assert find_interstitial_hops(crystal, cutoff=0.71 * 2**0.5 * crystal.lattice.a).hops == []


def test_void_hops_are_placed_carried_and_reversed() -> None:
    crystal = reference("LiF-225")
    graph = find_interstitial_hops(crystal, cutoff=2.1)
    cell = DefectCell(graph.crystal, supercell_matrix(crystal, 8.0), "interstitial", "Li")
    (first, *_), (ends,) = place_hops(cell, graph.hops, graph.origins)
    symmetry = SupercellSymmetry.of(cell.perfect)
    initial, final, mover = cell.ideal_ends(ends)
    swap = find_swap(symmetry, initial, final, mover)
    assert swap is not None
    assert swap.image(initial).cart_coords == pytest.approx(final.cart_coords, abs=0.01)
    for site in (ends.initial, ends.final):
        ideal, target = cell.ideal(first), cell.ideal(site)
        there = carried(symmetry, ideal, ideal, cell.point(first), target, cell.point(site))
        assert there is not None
        assert there.cart_coords == pytest.approx(target.cart_coords, abs=0.01)


def test_voids_too_small_are_none() -> None:
    # Cubes of anions around Li, filled like CsCl: the flat octahedra and the tetrahedra
    # leave 0.56 of an edge to an anion, 0.65 of the Li-anion distance.
    crystal = Structure(Lattice.cubic(3.2), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert find_voids(crystal) == []
    with pytest.raises(NoVoidError, match="no void in LiF is large enough for Li"):
        find_interstitial_hops(crystal)
    # The same lattice of two metals is body-centred, and its tetrahedra count.
    crystal.replace(1, "Mg")
    assert [len(orbit) for orbit in find_voids(crystal)] == [12]


def test_missing_mobile_element() -> None:
    with pytest.raises(NoMobileSiteError, match="no Na in LiF; it holds F, Li"):
        find_interstitial_hops(reference("LiF-225"), "Na")


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        # In the plane of Li between the Li2N layers: middles of its triangles and of its edges.
        # 12 more vertices lie outside their polyhedra and belong to these.
        ("Li3N-191", [2, 3]),
        # The octahedron on the sixfold screw axis, distorted so that it has six vertices.
        ("Li3P-194", [2]),
    ],
)
def test_vertices_of_one_void_count_once(name: str, sizes: list[int]) -> None:
    assert [len(orbit) for orbit in find_voids(reference(name))] == sizes
