"""Facets, terminations and symmetric slabs."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.core.surface import SlabGenerator
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from misei.structures.facets import (
    PLANE_TOLERANCE,
    SlabError,
    cuts,
    distinct_terminations,
    low_index_millers,
    oriented_crystal,
)
from misei.structures.slabs import (
    MAX_EQUIVALENT,
    centred_in_vacuum,
    cubic_crystal,
    excess_atoms,
    face_area,
    facet_slab,
    symmetric_slab,
)

BCC_A = 3.44
# Slabs of perfect crystals are symmetric to the rounding of their coordinates.
PERFECT = 1e-3


def bcc_lithium() -> Structure:
    """Conventional bcc Li."""
    return Structure.from_spacegroup("Im-3m", Lattice.cubic(BCC_A), ["Li"], [[0, 0, 0]])


def zintl_lial() -> Structure:
    """LiAl, B32 (NaTl)."""
    return Structure.from_spacegroup(
        "Fd-3m:2", Lattice.cubic(6.37), ["Li", "Al"], [[0.375, 0.375, 0.375], [0.125, 0.125, 0.125]]
    )


def cscl_liag() -> Structure:
    """LiAg, B2 (CsCl)."""
    return Structure(Lattice.cubic(3.17), ["Li", "Ag"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def monoclinic_alloy() -> Structure:
    """Li5M as in C2/m: low symmetry, but centrosymmetric."""
    return Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(9.0, 4.2, 5.1, 105.0),
        ["Mg", "Li", "Li"],
        [[0.0, 0.0, 0.0], [0.31, 0.0, 0.12], [0.14, 0.0, 0.56]],
    )


def zinc_blende() -> Structure:
    """LiM in the structure of sphalerite (F-43m): nothing reverses [111]."""
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(5.9), ["Li", "Mg"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


def reversals(slab: Structure) -> int:
    """Number of operations of a slab, as a crystal, that reverse its normal."""
    operations = SpacegroupAnalyzer(slab, symprec=PERFECT).get_symmetry_operations(cartesian=True)
    return sum(bool(np.isclose(op.rotation_matrix[2, 2], -1.0)) for op in operations)


@pytest.mark.parametrize(
    ("miller", "area", "spacing"),
    [
        ((1, 0, 0), BCC_A**2, BCC_A / 2),
        ((1, 1, 0), BCC_A**2 / np.sqrt(2), BCC_A / np.sqrt(2)),
        ((1, 1, 1), BCC_A**2 * np.sqrt(3), BCC_A / (2 * np.sqrt(3))),
    ],
)
def test_facets_of_bcc_have_the_smallest_cell_and_repeat(miller, area, spacing):
    assert len(oriented_crystal(bcc_lithium(), miller).cell) == 1
    slab = symmetric_slab(bcc_lithium(), miller, 10.0, 12.0)
    assert face_area(slab) == pytest.approx(area)
    heights = np.sort(slab.cart_coords[:, 2])
    assert np.diff(heights) == pytest.approx(spacing)
    assert slab.lattice.c - np.ptp(heights) == pytest.approx(12.0)


def test_slab_does_not_depend_on_the_cell_it_is_given():
    conventional = symmetric_slab(bcc_lithium(), (1, 1, 0), 10.0, 12.0)
    primitive = symmetric_slab(bcc_lithium().get_primitive_structure(), (1, 1, 0), 10.0, 12.0)
    assert len(conventional) == len(primitive)
    assert face_area(conventional) == pytest.approx(face_area(primitive))


def test_terminations_that_differ_in_the_upper_face_are_all_kept():
    # B32 (111) stacks Li Li Al Al: four planes, four different upper faces. pymatgen's
    # filter takes two of them for one slab seen from its two sides.
    crystal = oriented_crystal(zintl_lial(), (1, 1, 1))
    terminations = distinct_terminations(crystal)
    assert sorted(t.label.split("@")[0] for t in terminations) == ["Al1", "Al1", "Li1", "Li1"]
    assert len({t.label for t in terminations}) == 4
    generator = SlabGenerator(crystal.cell, (0, 0, 1), 8.0, 12.0, primitive=False)
    assert len(generator.get_slabs(ftol=PLANE_TOLERANCE)) == 3


def test_equivalent_cuts_are_merged():
    # B2 (111) alternates Li and Ag, B2 (110) has one kind of plane.
    liag = cscl_liag()
    assert len(distinct_terminations(oriented_crystal(liag, (1, 1, 1)))) == 2
    assert len(distinct_terminations(oriented_crystal(liag, (1, 1, 0)))) == 1
    # B32 (100): two cuts per repeat, related by the diamond glide.
    crystal = oriented_crystal(zintl_lial(), (1, 0, 0))
    assert len(cuts(crystal)) == 2
    assert len(distinct_terminations(crystal)) == 1
    assert crystal.period == pytest.approx(crystal.repeat / 2)


def test_facet_of_dense_planes_is_cut_where_they_are_farthest():
    # Planes of a high index lie closer than PLANE_TOLERANCE: none is a plane of its own.
    crystal = oriented_crystal(cscl_liag(), (5, 4, 3))
    assert crystal.repeat / len(crystal.cell) < PLANE_TOLERANCE
    assert distinct_terminations(crystal)


def test_facet_slab_ends_with_its_termination_and_is_thick_enough():
    crystal = oriented_crystal(zintl_lial(), (1, 1, 1))
    for termination in distinct_terminations(crystal):
        slab, facts = facet_slab(crystal, termination, 8.0, 12.0)
        heights = slab.frac_coords[:, 2] * slab.lattice.c
        assert slab.lattice.c == pytest.approx(facts.thickness + 12.0)
        assert 0 < heights.min() < heights.max() < facts.thickness
        assert 8.0 <= facts.thickness <= MAX_EQUIVALENT * 8.0
        top = slab[int(np.argmax(heights))].specie.symbol
        assert termination.label.startswith(top)
        assert termination.spacing == pytest.approx(6.37 / np.sqrt(3) / 4, abs=0.01)


def test_atoms_of_a_slab_are_those_of_the_crystal():
    bulk = monoclinic_alloy()
    shortest = bulk.get_neighbor_list(4.0)[3].min()
    for miller in ((1, 0, 0), (1, 1, 1)):
        crystal = oriented_crystal(bulk, miller)
        for termination in distinct_terminations(crystal):
            slab, facts = facet_slab(crystal, termination, 8.0, 12.0)
            assert slab.get_neighbor_list(4.0)[3].min() == pytest.approx(shortest, abs=PERFECT)
            # As many atoms as the crystal has in this volume, to one cut of planes.
            density = len(slab) / (face_area(slab) * facts.thickness)
            assert density == pytest.approx(len(bulk) / bulk.volume, rel=0.25)


@pytest.mark.parametrize(
    "bulk", [bcc_lithium(), cscl_liag(), zintl_lial(), monoclinic_alloy(), zinc_blende()]
)
def test_equivalent_faces_are_exchanged_by_an_operation_that_reverses_the_normal(bulk):
    for miller in low_index_millers(bulk):
        crystal = oriented_crystal(bulk, miller)
        for termination in distinct_terminations(crystal):
            slab, facts = facet_slab(crystal, termination, 8.0, 12.0)
            assert bool(reversals(centred_in_vacuum(slab, 12.0))) is facts.equivalent_faces
            if crystal.reversing.size:
                assert facts.equivalent_faces


def test_facet_that_nothing_reverses_gives_a_stoichiometric_slab():
    crystal = oriented_crystal(zinc_blende(), (1, 1, 1))
    assert crystal.reversing.size == 0
    for termination in distinct_terminations(crystal):
        slab, facts = facet_slab(crystal, termination, 8.0, 12.0)
        assert not facts.equivalent_faces
        assert facts.stoichiometric
        assert slab.composition.reduced_formula == zinc_blende().composition.reduced_formula
        assert facts.remarks == ["the two faces of the slab differ"]


def test_thick_repeat_that_nothing_reverses_is_cut_where_it_is_thick_enough():
    cell = zinc_blende()
    cell.scale_lattice(cell.volume * 27)  # one repeat of (111) is 10.2 angstrom
    crystal = oriented_crystal(cell, (1, 1, 1))
    facts = [facet_slab(crystal, t, 11.0, 12.0)[1] for t in distinct_terminations(crystal)]
    assert all(f.thickness < 1.5 * 11.0 for f in facts)
    assert not any(f.stoichiometric for f in facts)


def test_excess_is_counted_from_whole_formula_units():
    crystal = oriented_crystal(cscl_liag(), (1, 0, 0))
    for termination in distinct_terminations(crystal):
        slab, facts = facet_slab(crystal, termination, 8.0, 12.0)
        # Planes of Li and Ag alternate: with two alike faces one plane is too many.
        sign = 1 if termination.label.startswith("Li") else -1
        assert facts.excess["Li"] * 2 * face_area(slab) == pytest.approx(sign)
        assert facts.excess["Ag"] == 0.0
        assert not facts.stoichiometric
    assert excess_atoms(Composition("Li7Ge2"), Composition("Li15Ge4")) == {"Ge": 0.0, "Li": -0.5}


def test_widest_planes_come_first():
    assert low_index_millers(bcc_lithium())[0] in {(1, 0, 0), (1, 1, 0), (1, 1, 1)}
    spacings = [bcc_lithium().lattice.d_hkl(m) for m in low_index_millers(bcc_lithium())]
    assert spacings == sorted(spacings, reverse=True)


def test_film_crystal_has_the_metallic_bond_length():
    for lattice, neighbours in (("bcc", 8), ("fcc", 12)):
        crystal = cubic_crystal("Li", lattice)
        assert len(crystal) == 1
        assert len(crystal.get_neighbors(crystal[0], 2 * 1.52 + 0.01)) == neighbours


def test_errors_name_the_value():
    with pytest.raises(SlabError, match="'hcp'; valid: bcc, fcc"):
        cubic_crystal("Li", "hcp")
    with pytest.raises(SlabError, match="'Cl'"):
        cubic_crystal("Cl", "bcc")
    with pytest.raises(SlabError, match=r"\(0, 0, 0\)"):
        oriented_crystal(bcc_lithium(), (0, 0, 0))


def test_facet_without_symmetric_slab_is_refused():
    # B2 (100) alternates Li and Ag planes: every stoichiometric slab has two different faces.
    with pytest.raises(SlabError, match="no stoichiometric slab"):
        symmetric_slab(cscl_liag(), (1, 0, 0), 8.0, 12.0)
