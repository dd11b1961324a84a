"""What phonopy makes of displacements and forces: modes, their stability, thermal quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
from pymatgen.core import Structure
from pymatgen.io.phonopy import get_phonopy_structure
from scipy import constants

from misei.screening.schemas_vibrations import (
    BandSegment,
    ImaginaryMode,
    PhononBands,
    PhononDensity,
)

QPoint: TypeAlias = tuple[float, float, float]
# What a document keeps of a path: far below the width of a line in a figure.
QPOINT_DIGITS, FREQUENCY_DIGITS = 6, 4
DEGENERATE = 0.01  # THz
# phonopy gives thermal quantities in kJ/mol and J/K/mol of primitive cells.
EV_IN_J_PER_MOL = constants.elementary_charge * constants.Avogadro


def make_displacements(
    primitive: Structure, supercell: Sequence[Sequence[float]], displacement: float, symprec: float
) -> Phonopy:
    """Return phonopy's object of a crystal, with its symmetry-distinct displacements.

    Parameters
    ----------
    primitive
        Primitive cell.
    supercell
        3 x 3 matrix on it; columns are the new lattice vectors.
    displacement
        Length of a displacement, angstrom.
    symprec
        Symmetry tolerance, angstrom.
    """
    phonons = Phonopy(
        get_phonopy_structure(primitive),
        supercell_matrix=np.rint(supercell).astype(int),
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
    residual = float(np.sort(np.abs(phonons.run_qpoints([[0, 0, 0]]).frequencies[0]))[2])
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
    frequencies[gamma, acoustic] = np.inf
    lowest_q, _ = np.unravel_index(np.argmin(frequencies), frequencies.shape)
    imaginary = _imaginary_modes(phonons, points, frequencies, tolerance)
    return {
        "lowest_frequency": float(frequencies.min()),
        "lowest_frequency_q": _star(phonons, points[lowest_q]),
        "imaginary_tolerance": tolerance,
        "imaginary_modes": sum(mode.count for mode in imaginary),
        "imaginary": imaginary,
    }


def _imaginary_modes(
    phonons: Phonopy,
    points: NDArray[np.float64],
    frequencies: NDArray[np.float64],
    tolerance: float,
) -> list[ImaginaryMode]:
    by_star: dict[QPoint, list[float]] = {}
    for point, values in zip(points, frequencies, strict=True):
        if (below := values[values < -tolerance]).size:
            by_star.setdefault(_star(phonons, point), []).extend(below)
    modes: list[ImaginaryMode] = []
    for q, found in by_star.items():
        values = np.sort(found)
        modes += [
            ImaginaryMode(q=q, frequency=float(equal.mean()), count=len(equal))
            for equal in np.split(values, np.flatnonzero(np.diff(values) > DEGENERATE) + 1)
        ]
    return sorted(modes, key=lambda mode: mode.frequency)


def _star(phonons: Phonopy, point: NDArray[np.float64]) -> QPoint:
    """Return one of the q points that are equivalent by symmetry: always the same one."""
    images = phonons.primitive_symmetry.reciprocal_operations @ point
    images = np.vstack([images, -images])  # time reversal
    inside = np.round(0.5 - (0.5 - images + 1e-8) % 1.0, 6) + 0.0  # in (-1/2, 1/2], no -0.0
    x, y, z = max(inside.tolist())
    return x, y, z


def band_fields(phonons: Phonopy, path: Any, tolerance: float) -> dict[str, Any]:
    """Return the fields of a VibrationsDoc along a band path.

    Parameters
    ----------
    phonons
        With force constants.
    path
        pymatgen's PhononBandStructureSymmLine of the same primitive cell; its q points and labels
        count, not its frequencies, which lack the acoustic sum rule.
    tolerance
        THz.
    """
    qpoints = [tuple(q.frac_coords.tolist()) for q in path.qpoints]
    frequencies = phonons.run_qpoints(qpoints).frequencies
    segments = [
        BandSegment(
            start=branch["start_index"], end=branch["end_index"],
            start_label=path.qpoints[branch["start_index"]].label,
            end_label=path.qpoints[branch["end_index"]].label,
        )
        for branch in path.branches
    ]  # fmt: skip
    bands = PhononBands(
        segments=segments,
        qpoints=np.round(qpoints, QPOINT_DIGITS).tolist(),
        distances=np.round(path.distance, QPOINT_DIGITS).tolist(),
        frequencies=np.round(frequencies, FREQUENCY_DIGITS).tolist(),
    )
    return {"bands": bands, "imaginary_on_path": _imaginary_on_path(bands, tolerance)}


def _imaginary_on_path(bands: PhononBands, tolerance: float) -> list[ImaginaryMode]:
    found: dict[QPoint, ImaginaryMode] = {}  # neighbouring segments share a q point
    for segment in bands.segments:
        values = np.array(bands.frequencies[segment.start : segment.end + 1])
        lowest = int(values.min(axis=1).argmin())
        if (frequency := float(values[lowest].min())) < -tolerance:
            q = bands.qpoints[segment.start + lowest]
            count = int((values[lowest] < -tolerance).sum())
            found[q] = ImaginaryMode(q=q, frequency=frequency, count=count)
    return sorted(found.values(), key=lambda mode: mode.frequency)


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
    density = phonons.run_total_dos()
    omitted = thermal.number_of_modes - thermal.number_of_integrated_modes - acoustic_at_gamma
    return {
        "mesh": tuple(int(n) for n in mesh.mesh_numbers),
        "temperatures_K": list(temperatures),
        "free_energies": (1000.0 * free_energy).tolist(),
        "entropies": entropy.tolist(),
        "heat_capacities": heat_capacity.tolist(),
        "density": PhononDensity(
            frequencies=np.round(density.frequency_points, FREQUENCY_DIGITS).tolist(),
            densities=np.round(np.asarray(density.dos), FREQUENCY_DIGITS).tolist(),
        ),
        "omitted_fraction": float(omitted / thermal.number_of_modes),
    }
