"""In-plane registry and gap of a film, with film and substrate as rigid bodies.

Three coordinates (two shifts, one gap) instead of three per atom: the force on the film as
a whole is their gradient. Registries of one candidate are searched side by side, always the
one that promises the lowest energy next, so that the poor ones cost one evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.filters import Filter
from ase.optimize import BFGS
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_registries import RegistryDoc
from misei.structures.slabs import face_area

# The film is at rest when the force on it is below this, eV/angstrom per angstrom^2 of interface:
# with the stiffness below, the energy is then 0.002 J/m2 above its minimum.
FORCE_PER_AREA = 0.005
# Stiffness of a metallic interface per area, eV/angstrom^4, the optimizer's first guess:
# W_ad / l^2 in the universal binding curve of Rose, Ferrante and Smith, Phys. Rev. Lett. 47, 675
# (1981), with W_ad of 1 J/m2 and l of 0.7 angstrom.
STIFFNESS_PER_AREA = 0.12
MAX_STEP = 0.3  # angstrom
MAX_STEPS = 15

Floats = NDArray[np.float64]


class RigidFilm(Filter):  # type: ignore[misc]
    """A film that moves as one body over a fixed substrate, to ASE's optimizers one atom.

    Parameters
    ----------
    atoms
        Interface.
    film
        Indices of the film's atoms.
    """

    def __init__(self, atoms: Atoms, film: Sequence[int]) -> None:
        super().__init__(atoms, indices=film)
        self.start = atoms.positions[self.index]
        self.shift = np.zeros((1, 3))

    def __len__(self) -> int:
        return 1

    def get_positions(self) -> Floats:
        """Shift of the film from where it started, (1, 3), angstrom."""
        return self.shift.copy()

    def set_positions(self, positions: Floats, **_: Any) -> None:
        """Shift the film to here from where it started."""
        self.shift = np.array(positions)
        moved = self.atoms.get_positions()
        moved[self.index] = self.start + self.shift
        self.atoms.set_positions(moved)

    def get_forces(self, **_: Any) -> Floats:
        """Force on the film as a whole, (1, 3), eV/angstrom."""
        return np.asarray(self.atoms.get_forces()[self.index].sum(axis=0, keepdims=True))


class _Search:
    """One registry on its way to its minimum."""

    def __init__(self, interface: Structure, n_film: int, calculator: Calculator) -> None:
        atoms = AseAtomsAdaptor.get_atoms(interface, msonable=False)
        atoms.calc = calculator
        self.area = face_area(interface)
        self.film = RigidFilm(atoms, range(len(atoms) - n_film, len(atoms)))
        self.optimizer = BFGS(
            cast(Atoms, self.film),  # anything with ASE's optimizable protocol will do
            logfile=None,
            maxstep=MAX_STEP,
            alpha=STIFFNESS_PER_AREA * self.area,
        )
        self.run = self.optimizer.irun(FORCE_PER_AREA * self.area, MAX_STEPS)
        self.evaluations = 0
        self.best, self.best_shift = np.inf, np.zeros(3)
        self.promised = -np.inf
        self.converged = self.finished = False

    def advance(self) -> None:
        """Spend one evaluation."""
        self.converged = bool(next(self.run))
        self.evaluations += 1
        self.finished = self.converged or self.evaluations > MAX_STEPS
        energy = float(self.film.get_potential_energy())
        if energy < self.best:
            self.best, self.best_shift = energy, self.film.get_positions()[0]
        self.promised = self.best if self.finished else energy - self._expected_gain()

    def _expected_gain(self) -> float:
        """Return how far below the minimum of the quadratic model lies, eV."""
        force = self.film.get_forces().ravel()
        state = self.optimizer.state
        hessian = self.optimizer.H0 if state is None else state.hessian
        values, vectors = np.linalg.eigh(hessian)
        return float(0.5 * np.sum((vectors.T @ force) ** 2 / np.abs(values)))


def sample_registries(
    interfaces: Sequence[Structure],
    n_film: int,
    registries: Sequence[tuple[tuple[float, float], float]],
    calculator: Calculator,
    relax: bool = True,
) -> list[RegistryDoc]:
    """Energies of the registries of one candidate, with shift and gap at their minimum.

    Every registry is evaluated where its atoms touch. Then the one that promises the lowest
    energy (that of its quadratic model, from the force on the film) takes the next step, until
    the lowest one is at rest.

    Parameters
    ----------
    interfaces
        One structure a registry, the film's atoms last.
    n_film
        Number of atoms of the film.
    registries
        Their shifts (fractions of a and b) and gaps (angstrom).
    calculator
        Of energies and forces.
    relax
        False: only the first evaluation of each.

    Returns
    -------
    list of RegistryDoc
        In the order given. Those left behind are not converged.
    """
    searches = [_Search(interface, n_film, deepcopy(calculator)) for interface in interfaces]
    for search in searches:
        search.advance()
    while relax:
        front = min(searches, key=lambda search: search.promised)
        if front.finished:
            break
        front.advance()
    return [
        _registry_doc(search, interface, registry)
        for search, interface, registry in zip(searches, interfaces, registries, strict=True)
    ]


def _registry_doc(
    search: _Search, interface: Structure, start: tuple[tuple[float, float], float]
) -> RegistryDoc:
    moved = interface.lattice.get_fractional_coords(search.best_shift)
    shift, gap = start
    return RegistryDoc(
        shift=((shift[0] + moved[0]) % 1.0, (shift[1] + moved[1]) % 1.0),
        gap=gap + float(search.best_shift[2]),
        energy=search.best,
        evaluations=search.evaluations,
        converged=search.converged,
    )
