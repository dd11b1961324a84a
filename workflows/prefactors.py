"""Attempt frequency of a hop from the vibrations of its initial state and its saddle.

Vineyard, J. Phys. Chem. Solids 1957, 3, 121: nu* is the product of the frequencies of the initial
state over that of the real frequencies of the saddle. The atoms near the hop vibrate, the others
stand: what is far from it vibrates alike in both states and cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator
from ase.vibrations import Vibrations, VibrationsData
from jobflow import Job, Maker, OutputReference, job
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy import constants

from misei.screening.schemas import Provenance
from misei.screening.schemas_diffusion import PrefactorDoc, vineyard_prefactor
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import DEFAULT_ENGINE, get_engine
from misei.workflows.keys import keyed

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
    def compute(self, initial: Structure, saddle: Structure, mover: int, hop: str) -> PrefactorDoc:
        """Displace the atoms around the hop in both states."""
        engine = get_engine(self.engine)
        settings = {"radius_A": self.radius, "displacement_A": self.displacement}
        provenance = engine.provenance(settings)
        return vineyard(
            initial, saddle, mover, engine.get_calculator(), provenance,
            self.radius, self.displacement, hop,
        )  # fmt: skip


def vineyard(
    initial: Structure,
    saddle: Structure,
    mover: int,
    calculator: SharedCalculator,
    provenance: Provenance,
    radius: float = 5.0,
    displacement: float = 0.01,
    hop: str = "",
) -> PrefactorDoc:
    """Return the attempt frequency of a hop.

    Parameters
    ----------
    initial, saddle
        Relaxed, the same atoms in the same order.
    mover
        Index of the atom that hops.
    calculator
        Counts its evaluations.
    provenance, hop
        Of the forces; what the hop is called.
    radius, displacement
        As in :class:`PrefactorMaker`, angstrom.

    Raises
    ------
    PrefactorError
        As :func:`distances_at_saddle`.
    """
    distances = distances_at_saddle(initial, saddle, mover)
    radius = min(radius, float(distances.max()))
    atoms = np.flatnonzero(distances <= radius).tolist()
    before = calculator.evaluations
    ends = [_hessian(state, atoms, calculator, displacement) for state in (initial, saddle)]
    evaluations = calculator.evaluations - before
    shells = _shells([state for state, _ in ends], distances, radius)
    return _judged(
        PrefactorDoc(
            hop=hop,
            engine=provenance.engine,
            mover=mover,
            radius=radius,
            atoms_moved=atoms,
            displacement=displacement,
            **shells,
            residual_force=max(force for _, force in ends),
            force_evaluations=evaluations,
            converged=True,
            provenance=provenance,
        )
    )


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


def _hessian(
    state: Structure, atoms: Sequence[int], calculator: Calculator, displacement: float
) -> tuple[VibrationsData, float]:
    """Hessian of the atoms, and the largest force on an atom of the state, eV/angstrom."""
    system = AseAtomsAdaptor.get_atoms(state, msonable=False)
    system.calc = calculator
    force = float(np.linalg.norm(system.get_forces(), axis=1).max())
    with TemporaryDirectory() as folder:
        vibrations = Vibrations(system, indices=list(atoms), name=folder, delta=displacement)
        vibrations.run()
        return vibrations.get_vibrations(), force


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
