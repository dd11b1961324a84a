"""Smallest in-plane cells of slabs."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from misei.structures.interfaces import InterfaceLimits, find_interfaces
from misei.structures.slab_cells import slab_cell
from misei.structures.slabs import face_area, symmetric_slab

# Cells and coordinates are rounded to 1e-8 angstrom.
ENERGY_TOLERANCE = 1e-5  # eV
VACUUM = 12.0


def fcc(element: str, a: float) -> Structure:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [element], [[0, 0, 0]])
    return cell.get_primitive_structure()


def energy(structure: Structure) -> float:
    atoms = structure.to_ase_atoms()
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


@pytest.mark.parametrize("cells", [[[2, 0], [0, 3]], [[2, 1], [-1, 2]], [[1, 0], [0, 1]]])
def test_small_cell_times_its_count_is_the_slab(cells):
    small = symmetric_slab(fcc("Cu", 3.6), (1, 1, 1), 6.0, VACUUM)
    matrix = np.eye(3, dtype=int)
    matrix[:2, :2] = cells
    large = small.make_supercell(matrix, in_place=False)
    cell = slab_cell(large, VACUUM)
    assert cell.count == round(abs(np.linalg.det(cells)))
    assert face_area(cell.slab) * cell.count == pytest.approx(face_area(large))
    assert cell.count * energy(cell.slab) == pytest.approx(energy(large), abs=ENERGY_TOLERANCE)


def test_slabs_of_an_interface_are_their_small_cells_repeated():
    limits = InterfaceLimits(max_atoms=40, max_strain=0.12, strain_step=0.12, film_thickness=6.0)
    found = find_interfaces(fcc("Ag", 4.06), {"fcc": fcc("Cu", 3.59)}, limits, 3).candidates
    for part in (slab for candidate in found for slab in (candidate.film, candidate.substrate)):
        cell = slab_cell(part, VACUUM)
        assert cell.count * len(cell.slab) == len(part)
        assert cell.count * energy(cell.slab) == pytest.approx(energy(part), abs=ENERGY_TOLERANCE)


def test_displacements_of_the_small_cell_carry_over():
    small = symmetric_slab(fcc("Cu", 3.6), (1, 0, 0), 6.0, VACUUM)
    large = small.make_supercell([[2, 1, 0], [-1, 2, 0], [0, 0, 1]], in_place=False)
    cell = slab_cell(large, VACUUM)
    moved = cell.slab.copy()
    moved.translate_sites([0], [0.1, -0.2, 0.3], frac_coords=False)
    moved.translate_sites([1], [-0.1, 0.2, -0.3], frac_coords=False)
    everywhere = np.ones(len(large), dtype=bool)
    displaced = cell.displaced(large, moved, everywhere)
    assert cell.count * energy(moved) == pytest.approx(energy(displaced), abs=ENERGY_TOLERANCE)
    assert energy(displaced) > energy(large)
    nowhere = cell.displaced(large, moved, ~everywhere)
    assert np.allclose(nowhere.cart_coords, large.cart_coords)


def test_one_different_atom_makes_the_slab_its_own_cell():
    large = symmetric_slab(fcc("Cu", 3.6), (1, 0, 0), 6.0, VACUUM) * (2, 2, 1)
    large.replace(0, "Ag")
    assert slab_cell(large, VACUUM).count == 1
