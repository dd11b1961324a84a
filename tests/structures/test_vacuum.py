"""Slabs are told from crystals by the gap between planes of atoms."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from misei.structures.vacuum import vacuum_axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vacuum_is_found_along_each_vector_and_across_the_boundary(axis: int) -> None:
    lengths = [3.0, 3.0, 3.0]
    lengths[axis] = 15.0
    first, second = [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]
    first[axis], second[axis] = 0.9, 0.1  # 3 angstrom apart, through the boundary
    slab = Structure(Lattice.orthorhombic(*lengths), ["Li", "Li"], [first, second])
    assert vacuum_axis(slab) == axis
    assert vacuum_axis(slab, least=12.5) is None


def test_a_long_cell_of_a_crystal_has_none() -> None:
    lithium = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert vacuum_axis(lithium * (1, 1, 6)) is None


def test_the_gap_is_the_distance_of_planes_in_a_skewed_cell() -> None:
    # The vector is 9 angstrom long, but its planes are 9 sin(30) = 4.5 angstrom apart.
    lattice = Lattice.from_parameters(3.0, 3.0, 9.0, 90.0, 30.0, 90.0)
    assert vacuum_axis(Structure(lattice, ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.0]])) is None
