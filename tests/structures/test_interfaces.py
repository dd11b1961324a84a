"""Interfaces: one per cell, parts that are the slabs, strain in the film, registries."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from misei.structures.interfaces import (
    InterfaceCandidate,
    InterfaceError,
    InterfaceLimits,
    find_interfaces,
)
from misei.structures.registry import contact_distances, registry_cell
from misei.structures.slabs import distinct_terminations, facet_generator, low_index_millers

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
        for termination in distinct_terminations(facet_generator(alloy, miller, 8.0, 12.0))
    }
    got = {(c.substrate_miller, c.termination.split(" | ")[1]) for c in lial_candidates}
    assert got <= wanted
    matched = {miller for miller, _ in got}
    assert got == {(miller, label) for miller, label in wanted if miller in matched}
    assert len(got) == len(lial_candidates)  # none twice


def test_limits_that_are_exceeded_are_reported():
    limits = InterfaceLimits(max_atoms=5)
    search = find_interfaces(bcc(), {"bcc": bcc()}, limits)
    assert any("over max_atoms=5" in warning for warning in search.warnings)
    with pytest.raises(InterfaceError, match="no interface within"):
        find_interfaces(bcc(), {"bcc": bcc()}, InterfaceLimits(max_atoms=4, hard_max_atoms=6))


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
