"""What phonopy makes of displacements and forces: modes, their stability, thermal quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
from pymatgen.core import Structure
from pymatgen.io.phonopy import get_phonopy_structure
from scipy import constants

# phonopy gives thermal quantities in kJ/mol and J/K/mol of primitive cells.
EV_IN_J_PER_MOL = constants.elementary_charge * constants.Avogadro


def make_displacements(
    primitive: Structure, supercell: Sequence[Sequence[int]], displacement: float, symprec: float
) -> Phonopy:
    """Return phonopy's object of a crystal, with its symmetry-distinct displacements.

    Parameters
    ----------
    primitive
        Primitive cell.
    supercell
        3 x 3 matrix on it; rows are the new lattice vectors.
    displacement
        Length of a displacement, angstrom.
    symprec
        Symmetry tolerance, angstrom.
    """
    phonons = Phonopy(
        get_phonopy_structure(primitive),
        # phonopy's supercell vectors are the columns.
        supercell_matrix=np.transpose(supercell),
        primitive_matrix="P",
        symprec=symprec,
    )
    phonons.generate_displacements(distance=displacement)
    return phonons


def set_forces(phonons: Phonopy, forces: Sequence[NDArray[np.float64]]) -> float:
    """Make the force constants, the acoustic sum rule imposed.

    Parameters
    ----------
    phonons
        From :func:`make_displacements`.
    forces
        eV/angstrom, (atoms, 3) each, in the order of the displacements.

    Returns
    -------
    float
        Largest frequency of an acoustic mode at Gamma before the rule is imposed, THz.
    """
    phonons.forces = np.array(forces)
    phonons.produce_force_constants()
    residual = float(np.sort(np.abs(phonons.get_frequencies([0, 0, 0])))[2])
    phonons.symmetrize_force_constants()
    return residual


def stability_fields(phonons: Phonopy, tolerance: float) -> dict[str, Any]:
    """Return the fields of a VibrationsDoc on imaginary modes.

    Only q points commensurate with the supercell count: there the dynamical matrix is what the
    forces say, elsewhere it is interpolated, and dips of soft acoustic branches below zero
    near Gamma come and go with the supercell.
    """
    points = get_commensurate_points(phonons.supercell_matrix)
    frequencies = phonons.run_qpoints(points).frequencies.copy()
    gamma = int(np.argmin(np.abs(points).sum(axis=1)))
    acoustic = np.argsort(np.abs(frequencies[gamma]))[:3]
    frequencies[gamma, acoustic] = 0.0
    counted = np.ones_like(frequencies, dtype=bool)
    counted[gamma, acoustic] = False
    lowest_q, _ = np.unravel_index(
        np.argmin(np.where(counted, frequencies, np.inf)), frequencies.shape
    )
    return {
        "lowest_frequency": float(frequencies[counted].min(initial=np.inf)),
        "lowest_frequency_q": tuple(float(x) for x in points[lowest_q]),
        "imaginary_tolerance": tolerance,
        "imaginary_modes": int((frequencies < -tolerance).sum()),
    }


def thermal_fields(
    phonons: Phonopy, mesh_length: float, temperatures: Sequence[float]
) -> dict[str, Any]:
    """Return the fields of a VibrationsDoc that are sums over the modes of a q mesh.

    Parameters
    ----------
    phonons
        With force constants.
    mesh_length
        N = round(length |a*|) points along each axis, Gamma-centred; angstrom.
    temperatures
        K.
    """
    mesh = phonons.run_mesh(mesh_length)
    thermal = phonons.run_thermal_properties(temperatures=temperatures, exclude_gamma_acoustic=True)
    values = (thermal.free_energy, thermal.entropy, thermal.heat_capacity)
    free_energy, entropy, heat_capacity = (
        np.asarray(value) / (EV_IN_J_PER_MOL * len(phonons.primitive)) for value in values
    )
    acoustic_at_gamma = 3
    omitted = thermal.number_of_modes - thermal.number_of_integrated_modes - acoustic_at_gamma
    return {
        "mesh": tuple(int(n) for n in mesh.mesh_numbers),
        "temperatures_K": list(temperatures),
        "free_energies": (1000.0 * free_energy).tolist(),
        "entropies": entropy.tolist(),
        "heat_capacities": heat_capacity.tolist(),
        "omitted_fraction": float(omitted / thermal.number_of_modes),
    }
