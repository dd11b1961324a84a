"""Harmonic vibrations of a crystal by finite displacements: F_vib(T) and dynamical stability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jobflow import Flow, Maker, Response, job
from phonopy import Phonopy
from pymatgen.core import Lattice, Structure
from pymatgen.io.phonopy import get_pmg_structure

from misei.screening.schemas import Provenance
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.structures.supercells import (
    bare,
    primitive_cell,
    repeat_distance,
    supercell_matrix,
)
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.phonon_modes import (
    make_displacements,
    set_forces,
    stability_fields,
    thermal_fields,
)

SUPERCELL_STEP = 0.5  # angstrom


# atomate2's PhononMaker is not used: its inner jobs get random uuids and declare no schema, so
# that nothing finished could be found again; it needs seekpath and always writes band plots; and
# it keeps imaginary modes along the band path only.
@dataclass
class VibrationsMaker(Maker):
    """Relax a crystal tightly, displace atoms of a supercell, sum the modes on a q mesh.

    phonopy (Togo, J. Phys. Soc. Jpn. 2023, 92, 012001, 10.7566/JPSJ.92.012001) chooses the
    displacements by symmetry and makes the dynamical matrix. Residual forces of the supercell
    without displacement are subtracted; the acoustic sum rule is imposed on the force constants.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance of the relaxation, eV/angstrom.
    displacement
        Length of a displacement, angstrom.
    min_length
        Least distance between periodic images in the supercell, angstrom.
    max_atoms
        Where such a supercell has more atoms, images are allowed to come nearer, down to the
        primitive cell itself; the document then has a warning.
    mesh_length
        Length that sets the q mesh, angstrom: N = round(length |a*|) (phonopy).
    temperatures_K
        Ascending, K.
    imaginary_tolerance
        Modes at minus this frequency or above do not count as imaginary, THz.
    symprec
        Symmetry tolerance, angstrom.
    """

    name: str = "vibrations"
    engine: str = "sevennet"
    fmax: float = 1e-3
    displacement: float = 0.01
    min_length: float = 12.0
    max_atoms: int = 250
    mesh_length: float = 60.0
    temperatures_K: tuple[float, ...] = tuple(float(t) for t in range(0, 1001, 20))
    imaginary_tolerance: float = 0.1
    symprec: float = 0.01

    def make(self, structure: Structure, formula: str = "", entry_id: str | None = None) -> Flow:
        """Return the flow of one crystal; its output is a :class:`VibrationsDoc`.

        Parameters
        ----------
        structure
            Ordered crystal in any cell.
        formula
            As the document names it; the reduced formula by default.
        entry_id
            Id in the thermodynamic source.

        Raises
        ------
        DisorderedCrystalError
            When a site is partially occupied.
        """
        formula = formula or structure.composition.reduced_formula
        label = entry_id or formula
        relaxation = get_engine(self.engine, self.fmax).relax(
            primitive_cell(structure, self.symprec), f"relax {label} for phonons"
        )
        phonons = keyed(displace_atoms(self, relaxation.output, formula, entry_id))
        phonons.name = f"vibrations of {label}"
        return Flow([relaxation, phonons], output=phonons.output, name=phonons.name)


@job(output_schema=VibrationsDoc)
def displace_atoms(
    maker: VibrationsMaker, relaxation: Any, formula: str, entry_id: str | None
) -> Response[Any]:
    """Compute the forces of the supercell as it stands and of each displacement."""
    engine = get_engine(maker.engine, maker.fmax)
    # The relaxation kept the symmetry; its rounding is taken out of the coordinates.
    primitive = primitive_cell(relaxation.output.structure, maker.symprec)
    matrix = _choose_supercell(maker, primitive)
    phonons = make_displacements(primitive, matrix, maker.displacement, maker.symprec)
    label = entry_id or formula
    displaced = phonons.supercells_with_displacements or []
    cells = [phonons.supercell, *displaced]
    statics = [
        engine.static(bare(get_pmg_structure(cell)), f"{label} displacement {number}")
        for number, cell in enumerate(cells)
    ]
    collect = keyed(
        sum_modes(
            maker, primitive, matrix, [s.output for s in statics], relaxation, formula, entry_id
        )
    )
    collect.name = f"free energies of {label}"
    return replaced_by([*statics, collect])


@job(output_schema=VibrationsDoc)
def sum_modes(
    maker: VibrationsMaker,
    primitive: Structure,
    matrix: list[list[int]],
    statics: list[Any],
    relaxation: Any,
    formula: str,
    entry_id: str | None,
) -> VibrationsDoc:
    """Make the force constants and sum the modes on the mesh."""
    engine = get_engine(maker.engine, maker.fmax)
    residual, *forces = (np.array(static.output.forces) for static in statics)
    phonons = make_displacements(primitive, matrix, maker.displacement, maker.symprec)
    acoustic_residual = set_forces(phonons, [displaced - residual for displaced in forces])
    return VibrationsDoc(
        formula=formula,
        entry_id=entry_id,
        engine=engine.name,
        structure=primitive,
        natoms=len(primitive),
        supercell=matrix,
        supercell_natoms=len(phonons.supercell),
        displacements=len(forces),
        acoustic_residual=acoustic_residual,
        **thermal_fields(phonons, maker.mesh_length, maker.temperatures_K),
        **stability_fields(phonons, maker.imaginary_tolerance),
        converged=is_converged(relaxation),
        warnings=_supercell_warnings(maker, phonons, formula),
        provenance=Provenance(
            engine=engine.name,
            engine_version=engine.version,
            source_ids=[entry_id] if entry_id else [],
            settings=_settings(maker),
        ),
    )


def _choose_supercell(maker: VibrationsMaker, primitive: Structure) -> list[list[int]]:
    length = maker.min_length
    while True:
        matrix = supercell_matrix(primitive, length, maker.symprec)
        natoms = round(abs(np.linalg.det(matrix))) * len(primitive)
        if natoms <= max(maker.max_atoms, len(primitive)):
            return matrix
        length -= SUPERCELL_STEP


def _supercell_warnings(maker: VibrationsMaker, phonons: Phonopy, formula: str) -> list[str]:
    reached = repeat_distance(Lattice(phonons.supercell.cell))
    if reached >= maker.min_length:
        return []
    return [
        f"periodic images in the supercell of {formula} are {reached:.1f} angstrom apart instead "
        f"of {maker.min_length:g}: more than {maker.max_atoms} atoms otherwise"
    ]


def _settings(maker: VibrationsMaker) -> dict[str, Any]:
    return {
        "fmax_eV_per_angstrom": maker.fmax,
        "displacement_angstrom": maker.displacement,
        "min_length_angstrom": maker.min_length,
        "max_atoms": maker.max_atoms,
        "mesh_length_angstrom": maker.mesh_length,
        "symprec_angstrom": maker.symprec,
    }
