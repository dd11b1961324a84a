"""Small systems and a coarse preset for the tests of GPAW."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import bulk
from jobflow import CURRENT_JOB, Job
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_paths import PathGuess
from misei.structures.defects import interpolate_path
from misei.structures.hop_symmetry import SupercellSymmetry, find_swap
from misei.workflows import gpaw_calculator, journal
from misei.workflows.gpaw_calculator import GpawModel, GpawPreset
from misei.workflows.journal import JOURNAL_SWITCH

# Far from converged, but each number is still the derivative of another.
COARSE = GpawPreset((200.0, 200.0, 200.0), kspacing=1.1, smearing_eV=0.2, density_tolerance=1e-5)


def iterations(model: GpawModel) -> int:
    """Of the last evaluation, to self-consistency."""
    return int(model._dft.dft.scf_loop.niter)


def evaluate(atoms: Atoms, preset: GpawPreset = COARSE) -> dict[str, Any]:
    model = GpawModel(preset)
    model.calculate(atoms)
    return dict(model.results)


def displaced_lithium(step: float = 0.1) -> Atoms:
    """Two atoms of bcc Li, one of them off its site by a step along x, angstrom."""
    atoms = bulk("Li", "bcc", a=3.44, cubic=True)
    atoms.positions[0, 0] += step
    return atoms


def aluminium_hop() -> PathGuess:
    """A vacancy of a four-atom cell of fcc Al and its neighbour change places.

    No force acts on the three atoms by symmetry, so the ends need no relaxation; their energies
    are zero.
    """
    perfect = AseAtomsAdaptor.get_structure(bulk("Al", cubic=True))
    initial = perfect.copy()
    initial.remove_sites([0])
    mover = 0
    image = perfect[1].distance_and_image(perfect[0])[1]
    coords = initial.frac_coords.copy()
    coords[mover] = perfect[0].frac_coords + image
    final = Structure(perfect.lattice, initial.species, coords)
    swap = find_swap(SupercellSymmetry.of(perfect), initial, final, mover)
    images = interpolate_path(initial, final, 3)
    return PathGuess(images=images, end_energies=(0.0, 0.0), mover=mover, swap=swap)


@contextmanager
def running_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A job in a folder, under a runner that keeps journals; every restart file is written."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv(JOURNAL_SWITCH, "1")
    monkeypatch.setattr(gpaw_calculator, "RESTART_AFTER_S", 0.0)
    journal._open_journals.clear()
    CURRENT_JOB.job = Job(print)
    try:
        yield
    finally:
        CURRENT_JOB.reset()
        journal._open_journals.clear()
