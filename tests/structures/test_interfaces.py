"""Interfaces: one per cell, parts that are the slabs, strain in the film, registries."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from misei.structures.facets import distinct_terminations, low_index_millers, oriented_crystal
from misei.structures.interfaces import (
    CandidateSearch,
    InterfaceCandidate,
    InterfaceError,
    InterfaceLimits,
    find_interfaces,
)
from misei.structures.registry import contact_distances, registry_cell
from misei.structures.slabs import cubic_crystal, face_area

BCC_A = 3.44
LIMITS = InterfaceLimits(max_atoms=80, strain_step=0.06)


def bcc(a: float = BCC_A) -> Structure:
    """Primitive bcc Li."""
    cell = Structure.from_spacegroup("Im-3m", Lattice.cubic(a), ["Li"], [[0, 0, 0]])
    return cell.get_primitive_structure()


def zintl_lial() -> Structure:
    """LiAl, B32 (NaTl)."""
    return Structure.from_spacegroup(
        "Fd-3m:2", Lattice.cubic(6.37), ["Li", "Al"], [[0.375, 0.375, 0.375], [0.125, 0.125, 0.125]]
    )


def antifluorite(a: float = 4.65) -> Structure:
    """Li2O."""
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), ["Li", "O"], [[0.25, 0.25, 0.25], [0, 0, 0]]
    )


@pytest.fixture(scope="module")
def oxide() -> CandidateSearch:
    """All candidates of bcc and fcc Li on Li2O."""
    films = {"bcc": bcc(), "fcc": cubic_crystal("Li", "fcc")}
    return find_interfaces(antifluorite(), films, InterfaceLimits(), 100)


@pytest.fixture(scope="module")
def lial_candidates() -> list[InterfaceCandidate]:
    """Candidates of bcc Li on LiAl."""
    return find_interfaces(zintl_lial(), {"bcc": bcc()}, LIMITS, 12).candidates


@pytest.fixture(scope="module")
def self_candidates() -> list[InterfaceCandidate]:
    """Candidates of bcc Li on itself."""
    return find_interfaces(bcc(), {"bcc": bcc()}, LIMITS).candidates


def coordination(interface: Structure) -> np.ndarray:
    """Number of neighbours within the second shell of bcc."""
    return np.array([len(interface.get_neighbors(site, 1.05 * BCC_A)) for site in interface])


@pytest.mark.parametrize(
    ("miller", "spacing"),
    [
        ((1, 0, 0), BCC_A / 2),
        ((1, 1, 0), BCC_A / np.sqrt(2)),
        ((1, 1, 1), BCC_A / (2 * np.sqrt(3))),  # the film as pymatgen stacks it is a twin
    ],
)
def test_self_interface_in_perfect_registry_is_the_thicker_slab(self_candidates, miller, spacing):
    candidate = next(c for c in self_candidates if c.substrate_miller == miller)
    assert candidate.film_miller == miller
    assert candidate.strain == pytest.approx(0.0, abs=1e-6)
    assert candidate.registries[0].gap == pytest.approx(spacing, abs=1e-3)
    interface = candidate.interface(candidate.registries[0])
    heights = interface.cart_coords[:, 2]
    assert np.diff(np.sort(heights)) == pytest.approx(spacing, abs=1e-3)
    # Away from the outer faces all atoms have bulk coordination, 8 + 6.
    inner = (heights - heights.min() > 3.5) & (heights.max() - heights > 3.5)
    assert inner.any()
    assert set(coordination(interface)[inner]) == {14}


def test_slabs_are_the_parts_of_an_interface_with_one_vacuum(lial_candidates):
    for candidate in lial_candidates:
        for registry in candidate.registries:
            interface = candidate.interface(registry)
            n_substrate = len(candidate.substrate)
            assert len(interface) == n_substrate + len(candidate.film) == candidate.natoms
            assert interface.lattice == candidate.film.lattice == candidate.substrate.lattice
            moved = interface.cart_coords[n_substrate:] - candidate.film.cart_coords
            assert moved == pytest.approx(np.broadcast_to(moved[0], moved.shape))
            assert interface.cart_coords[:n_substrate] == pytest.approx(
                candidate.substrate.cart_coords
            )
            heights = interface.frac_coords[:, 2] * interface.lattice.c
            assert heights.min() > 0
            assert heights.max() < interface.lattice.c
            assert interface.lattice.c - np.ptp(heights) >= LIMITS.vacuum
            gaps = np.diff(np.sort(heights))
            assert gaps.max() < 3.2  # nothing but the outside is empty


def test_no_atoms_are_closer_than_contact(lial_candidates):
    contact = min(contact_distances(bcc(), zintl_lial()).values())
    for candidate in lial_candidates:
        distances = candidate.interface(candidate.registries[0]).distance_matrix
        shortest = distances[~np.eye(len(distances), dtype=bool)].min()
        assert shortest > 0.9 * contact  # the film itself is strained by up to 7 %


def test_strain_is_all_in_the_film(lial_candidates):
    for candidate in lial_candidates:
        assert abs(candidate.strain) <= LIMITS.max_strain
        bulk_density = 2 / BCC_A**3
        heights = candidate.film.cart_coords[:, 2]
        planes = len(np.unique(heights.round(2)))
        # Area per atom and plane against the unstrained facet: (1 + e1)(1 + e2).
        spacing = np.ptp(heights) / (planes - 1)
        dilation = candidate.area * spacing * planes * bulk_density / len(candidate.film)
        assert abs(dilation - 1) <= 2.1 * abs(candidate.strain)
        substrate = zintl_lial()
        bonds = candidate.substrate.get_neighbor_list(2.9)[3]
        assert bonds.min() == pytest.approx(substrate.get_neighbor_list(2.9)[3].min(), abs=1e-3)


def test_strain_of_a_uniformly_smaller_film_is_known():
    search = find_interfaces(bcc(BCC_A), {"bcc": bcc(BCC_A / 1.03)}, LIMITS)
    for candidate in search.candidates:
        assert candidate.strain == pytest.approx(0.03, abs=1e-4)


def test_every_termination_is_a_candidate(lial_candidates):
    alloy = zintl_lial()
    wanted = {
        (miller, termination.label)
        for miller in low_index_millers(alloy)
        for termination in distinct_terminations(oriented_crystal(alloy, miller))
    }
    got = {(c.substrate_miller, c.termination.split(" | ")[1]) for c in lial_candidates}
    assert got <= wanted
    matched = {miller for miller, _ in got}
    assert got == {(miller, label) for miller, label in wanted if miller in matched}
    assert len(got) == len(lial_candidates)  # none twice


def test_limits_that_are_exceeded_are_reported():
    limits = InterfaceLimits(max_atoms=5)
    search = find_interfaces(bcc(), {"bcc": bcc()}, limits)
    assert any("more than max_atoms=5 atoms" in warning for warning in search.warnings)
    with pytest.raises(InterfaceError, match="no interface within"):
        find_interfaces(bcc(), {"bcc": bcc()}, InterfaceLimits(max_atoms=4, hard_max_atoms=6))


def assert_counts_add_up(search: CandidateSearch) -> None:
    counts = search.counts
    assert counts.pairings == counts.terminations * counts.film_lattices
    assert counts.pairings == counts.considered + sum(counts.left_out.values())
    assert counts.matched == counts.considered + counts.left_out["list length"]
    assert counts.considered == len(search.candidates)


def test_every_termination_is_counted(oxide):
    # Li2O: (100) ends with O or Li2, (110) with Li2O, (111) with one of three planes.
    assert (oxide.counts.facets, oxide.counts.terminations) == (3, 6)
    assert (oxide.counts.film_lattices, oxide.counts.film_facets) == (2, 6)
    assert oxide.counts.polar_terminations == 4
    assert oxide.counts.left_out["termination limit"] == 0
    assert_counts_add_up(oxide)


def test_reasons_for_leaving_terminations_out():
    films = {"bcc": bcc()}
    few = find_interfaces(zintl_lial(), films, InterfaceLimits(max_terminations=1), 2)
    assert few.counts.left_out["termination limit"] == 3  # of four on (111)
    assert few.counts.considered == 2
    assert any("2 of 3 matched" in warning for warning in few.warnings)
    assert_counts_add_up(few)
    tight = find_interfaces(zintl_lial(), films, InterfaceLimits(max_atoms=60, max_strain=0.05))
    assert tight.counts.left_out["strain"] > 0
    assert_counts_add_up(tight)
    tiny = find_interfaces(zintl_lial(), films, InterfaceLimits(max_atoms=16))
    assert tiny.counts.left_out["atoms"] > 0
    assert_counts_add_up(tiny)


def test_polar_terminations_come_last_and_are_said(oxide):
    polar = [candidate.substrate_facts.polar for candidate in oxide.candidates]
    assert polar == sorted(polar)
    assert {False, True} == set(polar)
    for candidate in oxide.candidates:
        assert candidate.substrate_facts.equivalent_faces
        assert candidate.substrate_facts.polar is not candidate.substrate_facts.stoichiometric


def test_cells_are_enlarged_where_only_polar_terminations_fit():
    # Within 80 atoms and 6 % only (100) of Li2O matches this film, and it is polar.
    limits = InterfaceLimits(max_strain=0.06, strain_step=0.06, max_atoms=80)
    search = find_interfaces(antifluorite(), {"bcc": bcc(3.51)}, limits)
    assert {(c.substrate_facts.polar, c.natoms > 80) for c in search.candidates} == {
        (False, True),
        (True, False),
    }
    assert search.candidates[0].substrate_facts.polar is False


def test_strained_film_is_whole_cells_of_the_unstrained_one(oxide, lial_candidates):
    for candidate in [*oxide.candidates, *lial_candidates]:
        unstrained = candidate.film_unstrained
        assert candidate.film_cells * len(unstrained) == len(candidate.film)
        dilation = candidate.area / (candidate.film_cells * face_area(unstrained))
        first, second = candidate.film_strains
        assert dilation == pytest.approx((1 + first) * (1 + second), rel=1e-6)
        assert candidate.substrate_strains == (0.0, 0.0)


def test_unstrained_films_are_the_same_for_all_substrates(oxide, lial_candidates):
    def by_facet(candidates):
        return {(c.film_lattice, c.film_miller): c.film_unstrained.to_json() for c in candidates}

    one, other = by_facet(oxide.candidates), by_facet(lial_candidates)
    shared = one.keys() & other.keys()
    assert shared
    assert all(one[facet] == other[facet] for facet in shared)


def test_candidates_are_sound(oxide, lial_candidates):
    assert all(candidate.natoms <= LIMITS.max_atoms for candidate in lial_candidates)
    for candidate in [*oxide.candidates, *lial_candidates]:
        assert candidate.natoms <= InterfaceLimits().hard_max_atoms
        assert np.linalg.det(candidate.film.lattice.matrix) > 0
        n_substrate = len(candidate.substrate)
        for registry in candidate.registries:
            interface = candidate.interface(registry)
            heights = interface.cart_coords[:, 2]
            # A film atom may sink into a hollow, but stays over the planes below the first.
            assert heights[n_substrate:].min() > heights[:n_substrate].max()
            assert interface.distance_matrix[:n_substrate, n_substrate:].min() > 1.9


def test_contacts_of_lithium_with_a_salt():
    contacts = contact_distances(bcc(), antifluorite())
    # Li on O as in the oxide; Li on Li between the metal and the oxide's 2.33.
    assert contacts["Li", "O"] == pytest.approx(4.65 * np.sqrt(3) / 4)
    assert contacts["Li", "Li"] == pytest.approx((BCC_A * np.sqrt(3) / 2 + 4.65 / 2) / 2)


def test_registry_cell_is_generated_by_both_lattices():
    # 2 x 1 of the film on 3 x 1 of the substrate: translations of 1/2 and 1/3 make 1/6.
    cell = registry_cell(np.diag([2, 1]), np.diag([3, 1]))
    assert abs(np.linalg.det(cell)) == pytest.approx(1 / 6)
    # Coherent cells: any registry of the unit cell is distinct.
    unit = registry_cell(np.array([[1, 0], [0, 1]]), np.array([[1, 0], [0, 1]]))
    assert abs(np.linalg.det(unit)) == pytest.approx(1.0)
    # A rotated coincidence cell (sqrt 5): area 1/25.
    rotated = registry_cell(np.array([[2, 1], [-1, 2]]), np.array([[2, -1], [1, 2]]))
    assert abs(np.linalg.det(rotated)) == pytest.approx(1 / 25)


def test_candidate_survives_json():
    candidate = find_interfaces(bcc(), {"bcc": bcc()}, LIMITS).candidates[0]
    copy = InterfaceCandidate.from_dict(candidate.as_dict())
    assert copy.interface(copy.registries[0]) == candidate.interface(candidate.registries[0])
