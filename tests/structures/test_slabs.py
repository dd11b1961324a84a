"""Facets, terminations and symmetric slabs."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from misei.structures.slabs import (
    PLANE_TOLERANCE,
    SlabError,
    cubic_crystal,
    distinct_terminations,
    face_area,
    facet_generator,
    facet_slab,
    low_index_millers,
    symmetric_slab,
)

BCC_A = 3.44


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


@pytest.mark.parametrize(
    ("miller", "area", "spacing"),
    [
        ((1, 0, 0), BCC_A**2, BCC_A / 2),
        ((1, 1, 0), BCC_A**2 / np.sqrt(2), BCC_A / np.sqrt(2)),
        ((1, 1, 1), BCC_A**2 * np.sqrt(3), BCC_A / (2 * np.sqrt(3))),
    ],
)
def test_facets_of_bcc_have_the_smallest_cell_and_repeat(miller, area, spacing):
    generator = facet_generator(bcc_lithium(), miller, 10.0, 12.0)
    assert len(generator.oriented_unit_cell) == 1
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
    generator = facet_generator(zintl_lial(), (1, 1, 1), 8.0, 12.0)
    terminations = distinct_terminations(generator)
    assert sorted(t.label.split("@")[0] for t in terminations) == ["Al1", "Al1", "Li1", "Li1"]
    assert len({t.label for t in terminations}) == 4
    assert len(generator.get_slabs(ftol=PLANE_TOLERANCE)) == 3


def test_equivalent_cuts_are_merged():
    # B2 (111) alternates Li and Ag, B2 (110) has one kind of plane, bcc only one.
    liag = cscl_liag()
    assert len(distinct_terminations(facet_generator(liag, (1, 1, 1), 8.0, 12.0))) == 2
    assert len(distinct_terminations(facet_generator(liag, (1, 1, 0), 8.0, 12.0))) == 1
    # B32 (100): two cuts per repeat, related by the diamond glide.
    generator = facet_generator(zintl_lial(), (1, 0, 0), 8.0, 12.0)
    assert len(generator.gen_possible_terminations(ftol=PLANE_TOLERANCE)) == 2
    assert len(distinct_terminations(generator)) == 1


def test_facet_slab_ends_with_its_termination_and_is_cut_to_thickness():
    generator = facet_generator(zintl_lial(), (1, 1, 1), 8.0, 12.0)
    for termination in distinct_terminations(generator):
        slab = facet_slab(generator, termination, 8.0)
        heights = slab.frac_coords[:, 2] * slab.lattice.c
        assert np.ptp(heights) <= 8.0 + PLANE_TOLERANCE
        top = slab[int(np.argmax(heights))].specie.symbol
        assert termination.label.startswith(top)
        assert termination.spacing == pytest.approx(6.37 / np.sqrt(3) / 4, abs=0.01)


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
        facet_generator(bcc_lithium(), (0, 0, 0), 8.0, 12.0)


def test_facet_without_symmetric_slab_is_refused():
    # B2 (100) alternates Li and Ag planes: every stoichiometric slab has two different faces.
    with pytest.raises(SlabError, match="no stoichiometric slab"):
        symmetric_slab(cscl_liag(), (1, 0, 0), 8.0, 12.0)
