"""Wave functions of GPAW on disk: what a killed job goes on from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

RESTART_FILE = "restart.gpw"
UNFINISHED_FILE = "restart.part.gpw"
# Parameters that change the way to self-consistency, not where it ends; GPAW adds the number of
# bands, which follows from the atoms, when it reads a file.
LEFT_OUT = ("maxiter", "mixer", "nbands")


def write_restart(dft: Any, folder: Path) -> None:
    """Write density and wave functions into a folder; a kill meanwhile leaves the older file.

    In double precision: GPAW 26.7 loses the scale of wave functions that it reads back from
    single precision, and then needs more iterations than from scratch.
    """
    # All ranks call write, one of them holds the file.
    dft.write(str(folder / UNFINISHED_FILE), mode="all")
    if dft.comm.rank == 0:
        os.replace(folder / UNFINISHED_FILE, folder / RESTART_FILE)
    dft.comm.barrier()


def read_restart(folder: Path, atoms: Atoms, fresh: Any, txt: str) -> Any:
    """Return the calculation in a folder, or None where there is none to go on from.

    Parameters
    ----------
    folder
        Folder of the job.
    atoms
        Structure that is to be evaluated; positions and cell may differ from those in the file.
    fresh
        GPAW calculation with the parameters that the file must have.
    txt
        File of GPAW's log.
    """
    path = folder / RESTART_FILE
    if not (path.is_file() and _fits(path, atoms, fresh.params.todict())):
        return None
    from gpaw import GPAW

    return GPAW(str(path), txt=txt)


def remove_restart(folder: Path) -> None:
    """Remove what a job that has ended does not need."""
    for name in (RESTART_FILE, UNFINISHED_FILE):
        (folder / name).unlink(missing_ok=True)


def _fits(path: Path, atoms: Atoms, parameters: dict[str, Any]) -> bool:
    import gpaw
    from ase.io import ulm
    from ase.io.trajectory import read_atoms

    try:
        with ulm.open(path) as reader:
            stored = read_atoms(reader.atoms)
            known = _plain(reader.parameters.asdict())
            version = reader.gpaw_version
    # Whatever a file that was cut off or overwritten makes the reader stumble over.
    except Exception:
        return False
    same_atoms = np.array_equal(stored.numbers, atoms.numbers)
    same_pbc = np.array_equal(stored.pbc, atoms.pbc)
    return same_atoms and same_pbc and (known, version) == (_plain(parameters), gpaw.__version__)


def _plain(parameters: dict[str, Any]) -> Any:
    """Parameters that count, as a file gives them back: lists for tuples."""
    kept = {name: value for name, value in parameters.items() if name not in LEFT_OUT}
    return json.loads(json.dumps(kept, default=np.ndarray.tolist))
