"""Harmonic vibrations of a crystal by atomate2's phonon flow: F_vib(T), stability, bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from atomate2.forcefields.flows.phonons import PhononMaker
from jobflow import Flow, Job, Maker, job
from pymatgen.core import Lattice, Structure
from pymatgen.io.phonopy import get_pmg_structure

from misei.screening.schemas_vibrations import PhononCell, VibrationsDoc
from misei.structures.supercells import (
    bare,
    primitive_cell,
    repeat_distance,
    supercell_matrix,
)
from misei.workflows.displacement_statics import displaced_static
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.keys import keyed, keyed_flow
from misei.workflows.phonon_modes import (
    band_fields,
    make_displacements,
    set_forces,
    stability_fields,
    thermal_fields,
)

SUPERCELL_STEP = 0.5  # angstrom
DISPLACEMENT = 0.01  # angstrom
# q points of a segment of the band path: so many frequencies of all bands, within limits.
SEGMENT_FREQUENCIES, SEGMENT_POINTS = 4000, (12, 51)


@dataclass
class DisplacedCellMaker(Maker):
    """What atomate2's flow evaluates a displaced supercell with: an engine, in a keyed job.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance, eV/angstrom: that of the relaxation before.
    """

    name: str = "displacement"
    engine: str = "sevennet"
    fmax: float = 1e-3

    def make(self, structure: Structure, prev_dir: Any = None) -> Job:
        """Return the job of one supercell; no engine needs the folder of the relaxation."""
        return displaced_static(get_engine(self.engine, self.fmax), structure, self.name)


@dataclass
class VibrationsMaker(Maker):
    """Relax a crystal tightly, displace atoms of a supercell, sum the modes on a q mesh.

    atomate2's phonon flow makes the displacements and runs them by the engine's makers; its
    document stays in the store. phonopy (Togo, J. Phys. Soc. Jpn. 2023, 92, 012001,
    10.7566/JPSJ.92.012001) makes the dynamical matrix, the acoustic sum rule imposed. Residual
    forces of the supercell cancel, because every displacement comes with its opposite, by symmetry
    or computed.

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
    displacement: float = DISPLACEMENT
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
        engine = get_engine(self.engine, self.fmax)
        formula = formula or structure.composition.reduced_formula
        label = entry_id or formula
        primitive = primitive_cell(structure, self.symprec)
        relaxation = engine.relax(primitive, f"relax {label} for phonons")
        cell = keyed(
            choose_cell(relaxation.output.structure, self.min_length, self.max_atoms, self.symprec)
        )
        cell.name = f"supercell of {label}"
        phonons = self._phonons(cell, len(primitive))
        still = displaced_static(engine, cell.output.supercell, f"{label}: no displacement")
        forces = _displacements(phonons).output["forces"]
        for each, _ in phonons.iterflow():  # what they ask for takes the name on
            each.append_name(f"{label}: ", prepend=True)
        vibrations = keyed(
            sum_modes(
                self, phonons.output, forces, still.output, relaxation.output, formula, entry_id
            )
        )
        vibrations.name = f"vibrations of {label}"
        jobs: list[Flow | Job] = [relaxation, cell, phonons, still, vibrations]
        return Flow(jobs, output=vibrations.output, name=vibrations.name)

    def _phonons(self, cell: Job, natoms: int) -> Flow:
        """atomate2's flow on the relaxed cell.

        Its document keeps no force constants (10 MB for 250 atoms; the forces are 0.5) and free
        energies of one temperature: they lack the acoustic sum rule.
        """
        engine = get_engine(self.engine, self.fmax)
        maker: Any = PhononMaker(
            symprec=self.symprec,
            displacement=self.displacement,
            # The cell is that already; q points of the band path refer to it.
            use_symmetrized_structure="primitive",
            kpath_scheme="setyawan_curtarolo",
            bulk_relax_maker=None,
            static_energy_maker=None,
            phonon_displacement_maker=cast(
                Any, DisplacedCellMaker(engine=self.engine, fmax=self.fmax)
            ),
            generate_frequencies_eigenvectors_kwargs={
                "npoints_band": _segment_points(natoms),
                "tmin": 0,
                "tmax": 1,
            },
            store_force_constants=False,
            code="vasp" if engine.name == "vasp" else "ase",
        )
        flow = maker.make(cell.output.structure, supercell_matrix=cell.output.supercell_matrix)
        return keyed_flow(flow, version=f"{engine.name} {engine.version}")


def _displacements(flow: Flow) -> Job:
    """Return the job of atomate2's flow that gives the forces of all displacements."""
    return next(job for job, _ in flow.iterflow() if job.name == "run_phonon_displacements")


def _segment_points(natoms: int) -> int:
    return int(np.clip(SEGMENT_FREQUENCIES // (3 * natoms), *SEGMENT_POINTS))


@job(output_schema=PhononCell)
def choose_cell(
    relaxed: Structure, min_length: float, max_atoms: int, symprec: float
) -> PhononCell:
    """Take the relaxation's rounding out of the coordinates, and choose the supercell."""
    primitive = primitive_cell(relaxed, symprec)
    length = min_length
    while True:
        matrix = supercell_matrix(primitive, length, symprec)
        natoms = round(abs(np.linalg.det(matrix))) * len(primitive)
        if natoms <= max(max_atoms, len(primitive)):
            columns = np.transpose(matrix).tolist()
            supercell = make_displacements(primitive, columns, DISPLACEMENT, symprec).supercell
            return PhononCell(
                structure=primitive,
                supercell_matrix=columns,
                supercell=bare(get_pmg_structure(supercell)),
            )
        length -= SUPERCELL_STEP


@job(output_schema=VibrationsDoc)
def sum_modes(
    maker: VibrationsMaker,
    document: Any,
    forces: list[Any],
    still: Any,
    relaxation: Any,
    formula: str,
    entry_id: str | None,
) -> VibrationsDoc:
    """Make the force constants, sum the modes on the mesh and judge the stability.

    Forces of the cell without displacement are subtracted, which atomate2 does not do: those of a
    potential need not have the symmetry that phonopy relies on where it saves a displacement
    (SevenNet-0, Li5Mg: 2.5e-4 eV/angstrom along the twofold axis on an inversion centre, which
    alone makes a mode of -4.7 THz).
    """
    engine = get_engine(maker.engine, maker.fmax)
    primitive, supercell = bare(document.structure), document.supercell_matrix
    phonons = make_displacements(primitive, supercell, maker.displacement, maker.symprec)
    residual = np.array(still.output.forces)
    acoustic_residual = set_forces(phonons, [np.array(each) - residual for each in forces])
    provenance = engine.provenance(_settings(maker))
    provenance.source_ids = [entry_id] if entry_id else []
    vibrations = VibrationsDoc(
        formula=formula,
        entry_id=entry_id,
        engine=engine.name,
        structure=primitive,
        natoms=len(primitive),
        supercell=np.rint(np.transpose(supercell)).astype(int).tolist(),
        supercell_natoms=len(phonons.supercell),
        displacements=len(forces),
        residual_force=float(np.linalg.norm(residual, axis=1).max()),
        acoustic_residual=acoustic_residual,
        **thermal_fields(phonons, maker.mesh_length, maker.temperatures_K),
        **stability_fields(phonons, maker.imaginary_tolerance),
        **band_fields(phonons, document.phonon_bandstructure, maker.imaginary_tolerance),
        converged=is_converged(relaxation),
        provenance=provenance,
    )
    vibrations.warnings = _warnings(maker, vibrations)
    return vibrations


def _warnings(maker: VibrationsMaker, document: VibrationsDoc) -> list[str]:
    matrix = np.array(document.supercell) @ document.structure.lattice.matrix
    reached = repeat_distance(Lattice(matrix))
    warnings = []
    if reached < maker.min_length:
        warnings.append(
            f"periodic images in the supercell of {document.formula} are {reached:.1f} angstrom "
            f"apart instead of {maker.min_length:g}: more than {maker.max_atoms} atoms otherwise"
        )
    if document.dynamically_stable and document.imaginary_on_path:
        lowest = document.imaginary_on_path[0]
        warnings.append(
            f"{document.formula} has no imaginary mode at the q points of its supercell, but one "
            f"of {lowest.frequency:.2f} THz interpolated at {lowest.at}: a larger supercell decides"
        )
    return warnings


def _settings(maker: VibrationsMaker) -> dict[str, Any]:
    return {
        "fmax_eV_per_angstrom": maker.fmax,
        "displacement_angstrom": maker.displacement,
        "min_length_angstrom": maker.min_length,
        "max_atoms": maker.max_atoms,
        "mesh_length_angstrom": maker.mesh_length,
        "symprec_angstrom": maker.symprec,
    }
