"""Attempt frequency of a hop from the vibrations of its initial state and its saddle.

Vineyard, J. Phys. Chem. Solids 1957, 3, 121: nu* is the product of the frequencies of the initial
state over that of the real frequencies of the saddle. The atoms near the hop vibrate, the others
stand: what is far from it vibrates alike in both states and cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator
from ase.vibrations import VibrationsData
from jobflow import Job, Maker, OutputReference, Response, job
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy import constants

from misei.screening.schemas_diffusion import PrefactorDoc, vineyard_prefactor
from misei.workflows.displacement_statics import displacement_calculator, working
from misei.workflows.engines import DEFAULT_ENGINE, get_engine
from misei.workflows.hessians import displaced_cells, hessian
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.vibrations import DisplacedCellMaker

# Saddles nearer than this (angstrom, all coordinates) to their initial state are that state.
SAME_STATE = 0.1
SHELLS = 6  # radii at which nu* is kept, from half the radius to the radius
EV_TO_THZ = constants.elementary_charge / constants.h / constants.tera


class PrefactorError(ValueError):
    """Two structures that are no initial state and saddle of a hop."""


@dataclass
class PrefactorMaker(Maker):
    """Vineyard's prefactor of one hop.

    Attributes
    ----------
    name
        Name of the job.
    engine
        Name of the engine: the one that relaxed the two states.
    radius
        Atoms this near the mover at the saddle vibrate, angstrom; beyond the cell, all do. For
        the fcc vacancy by EMT 5 angstrom are off by 15 % (Cu) to a factor of 3 (Al, 0.03 eV of a
        barrier at 300 K); the document keeps nu* of smaller radii, which swings as much.
    displacement
        Of the central differences, angstrom.
    """

    name: str = "Vineyard prefactor"
    engine: str = DEFAULT_ENGINE
    radius: float = 5.0
    displacement: float = 0.01

    def make(
        self,
        initial: Structure | OutputReference,
        saddle: Structure | OutputReference,
        mover: int,
        hop: str = "",
    ) -> Job:
        """Make the job of one hop.

        Parameters
        ----------
        initial, saddle
            Relaxed initial state and saddle, the same atoms in the same order; or references.
        mover
            Index of the atom that hops.
        hop
            What the hop is called.

        Returns
        -------
        Job
            Output: :class:`PrefactorDoc`. It raises :class:`PrefactorError` as
            :func:`distances_at_saddle` does.
        """
        engine = get_engine(self.engine)
        vibrations = self.compute(initial, saddle, mover, hop)
        vibrations.name = f"{hop}: vibrations" if hop else self.name
        return keyed(vibrations, version=f"{engine.name} {engine.version}")

    @job(output_schema=PrefactorDoc)
    def compute(
        self, initial: Structure, saddle: Structure, mover: int, hop: str
    ) -> PrefactorDoc | Response[Any]:
        """Displace the atoms around the hop in both states.

        Engines with an ASE calculator do so in this job, whose journal outlives a kill; for the
        others each displacement is a job.
        """
        engine = get_engine(self.engine)
        _, atoms = atoms_around(initial, saddle, mover, self.radius)
        cells = [[*displaced_cells(state, atoms, self.displacement)] for state in (initial, saddle)]
        if (calculator := displacement_calculator(engine)) is not None:
            with working(calculator):
                forces = [[_forces(cell, calculator) for cell in ends] for ends in cells]
            return self.summed(initial, saddle, mover, hop, forces)
        maker = DisplacedCellMaker(f"{hop or self.name}: displacement", self.engine)
        statics = [[maker.make(cell) for cell in ends] for ends in cells]
        outputs = [[static.output.output.forces for static in ends] for ends in statics]
        collect = keyed(
            self.collect(initial, saddle, mover, hop, outputs),
            version=f"{engine.name} {engine.version}",
        )
        return replaced_by([*statics[0], *statics[1], collect])

    @job(output_schema=PrefactorDoc)
    def collect(
        self, initial: Structure, saddle: Structure, mover: int, hop: str, forces: list[Any]
    ) -> PrefactorDoc:
        """Make the document of forces that other jobs computed."""
        return self.summed(initial, saddle, mover, hop, forces)

    def summed(
        self, initial: Structure, saddle: Structure, mover: int, hop: str, forces: list[Any]
    ) -> PrefactorDoc:
        """Return the document of the forces (eV/angstrom) of all cells of both states."""
        engine = get_engine(self.engine)
        settings = {"radius_A": self.radius, "displacement_A": self.displacement}
        radius, atoms = atoms_around(initial, saddle, mover, self.radius)
        ends = [
            hessian(state, atoms, [np.array(f) for f in cells], self.displacement)
            for state, cells in zip((initial, saddle), forces, strict=True)
        ]
        distances = distances_at_saddle(initial, saddle, mover)
        residual = max(float(np.linalg.norm(cells[0], axis=1).max()) for cells in forces)
        return _judged(
            PrefactorDoc(
                hop=hop,
                engine=engine.name,
                mover=mover,
                radius=radius,
                atoms_moved=atoms,
                displacement=self.displacement,
                **_shells(ends, distances, radius),
                residual_force=residual,
                force_evaluations=sum(len(cells) for cells in forces),
                converged=True,
                provenance=engine.provenance(settings),
            )
        )


def _forces(cell: Structure, calculator: Calculator) -> NDArray[np.float64]:
    system = AseAtomsAdaptor.get_atoms(cell, msonable=False)
    system.calc = calculator
    return np.asarray(system.get_forces())


def atoms_around(
    initial: Structure, saddle: Structure, mover: int, radius: float
) -> tuple[float, list[int]]:
    """Return the radius, no longer than the cell has room for, and the atoms within it.

    Parameters
    ----------
    initial, saddle, mover
        As in :meth:`PrefactorMaker.make`.
    radius
        Around the mover at the saddle, angstrom.

    Raises
    ------
    PrefactorError
        As :func:`distances_at_saddle`.
    """
    distances = distances_at_saddle(initial, saddle, mover)
    radius = min(radius, float(distances.max()))
    return radius, np.flatnonzero(distances <= radius).tolist()


def _shells(
    states: Sequence[VibrationsData], distances: NDArray[np.float64], radius: float
) -> dict[str, Any]:
    """Fields on the frequencies, of all atoms displaced and of those within smaller radii."""
    radii = np.linspace(radius / 2, radius, SHELLS).tolist()
    modes = [
        [_frequencies(state, np.flatnonzero(distances <= shell).tolist()) for state in states]
        for shell in radii
    ]
    return {
        "frequencies_initial": modes[-1][0],
        "frequencies_saddle": modes[-1][1],
        "shell_radii": radii,
        "shell_frequencies": [vineyard_prefactor(*pair) for pair in modes],
    }


def _judged(document: PrefactorDoc) -> PrefactorDoc:
    """Say that a document without an attempt frequency has none."""
    if document.attempt_frequency is None:
        document.converged = False
        document.warnings.append(
            f"{document.hop or 'the hop'} has {document.imaginary_modes_initial} imaginary modes "
            f"in its initial state and {document.imaginary_modes_saddle} at its saddle, not 0 and "
            "1: no attempt frequency"
        )
    return document


def distances_at_saddle(initial: Structure, saddle: Structure, mover: int) -> NDArray[np.float64]:
    """Return the distances of all atoms from the mover at the saddle, angstrom.

    Raises
    ------
    PrefactorError
        When the two are not of the same atoms, or the same state, or there is no such mover.
    """
    if initial.species != saddle.species:
        raise PrefactorError(
            f"initial state {initial.formula} and saddle {saddle.formula} are not of the same "
            "atoms in the same order"
        )
    if not 0 <= mover < len(saddle):
        raise PrefactorError(f"no atom {mover} hops; valid: 0 to {len(saddle) - 1}")
    steps = saddle.frac_coords - initial.frac_coords
    steps -= np.rint(steps)
    moved = float(np.linalg.norm(saddle.lattice.get_cartesian_coords(steps)))
    if moved < SAME_STATE:
        raise PrefactorError(
            f"the saddle lies {moved:.3f} angstrom from the initial state: they are the same state"
        )
    centre = saddle.frac_coords[mover]
    return np.asarray(saddle.lattice.get_all_distances(centre, saddle.frac_coords)).ravel()


def _frequencies(state: VibrationsData, atoms: Sequence[int]) -> list[float]:
    """Frequencies (THz, ascending, imaginary negative) of some of the atoms displaced."""
    block = 3 * np.searchsorted(state.get_indices(), atoms)[:, None] + np.arange(3)
    part = np.ix_(block.ravel(), block.ravel())
    vibrations = VibrationsData.from_2d(state.get_atoms(), state.get_hessian_2d()[part], atoms)
    energies = vibrations.get_energies()  # hbar omega, complex, eV
    frequencies = EV_TO_THZ * (energies.real - np.abs(energies.imag))
    if len(atoms) == len(state.get_atoms()):
        # Translations: zero but for the noise of the forces.
        frequencies = np.delete(frequencies, np.argsort(np.abs(frequencies))[:3])
    return [float(frequency) for frequency in np.sort(frequencies)]
