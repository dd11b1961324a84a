"""A stand-in for VASP: reads its inputs in the working folder, answers in its formats.

Energies are ASE's EMT. What it is asked for it takes from INCAR, POSCAR, KPOINTS and POTCAR alone,
and refuses what VASP would refuse. STAND_IN_MODE makes it fail:

- ``zbrent``: stops after two ionic steps until custodian tightens EDIFF below 1e-6;
- ``crash``: ends with code 1 and an unknown message;
- ``no-scf``: electronic steps always run out;
- ``killed``: is killed after two ionic steps.

STAND_IN_VTST=1 makes it a binary with the VTST code. Each run appends a line to STAND_IN_LOG.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.mep import NEB
from ase.optimize import BFGS, LBFGS
from stand_in_inputs import Inputs, InputsError, read_inputs
from stand_in_outputs import Folder

# Ionic steps of the modes that end early.
EARLY = 2


def mode() -> str:
    """How this run fails; empty: it does not."""
    return os.environ.get("STAND_IN_MODE", "")


def has_vtst() -> bool:
    """Whether this binary has the VTST code."""
    return os.environ.get("STAND_IN_VTST") == "1"


def main() -> int:
    """Run what the inputs ask for; return the exit code."""
    if log := os.environ.get("STAND_IN_LOG"):
        with open(log, "a") as file:
            file.write(f"{Path.cwd()}\n")
    try:
        inputs = read_inputs(Path.cwd())
    except InputsError as error:
        print(f" ERROR: {error}")
        return 1
    print(" running on    1 total cores")
    if mode() == "crash":
        print(" LAPACK: Routine XYZZY gave up, code 42", file=sys.stderr)
        return 1
    return band(inputs) if inputs.images else single(inputs)


def single(inputs: Inputs) -> int:
    """A static or a relaxation."""
    atoms = inputs.atoms
    atoms.calc = EMT()
    folder = Folder(Path.cwd(), inputs)
    folder.add_step(atoms)
    steps = inputs.steps
    if steps > 1:
        system = FrechetCellFilter(atoms) if inputs.tags.get("ISIF", 2) == 3 else atoms
        optimizer = BFGS(system, logfile=None, maxstep=0.2)
        for _ in optimizer.irun(fmax=-inputs.tags["EDIFFG"], steps=steps - 1):
            if optimizer.nsteps:
                folder.add_step(atoms)
            if ended := ends_early([folder], inputs):
                return ended
    folder.write(electrons_run_out=mode() == "no-scf")
    return 0


def ends_early(folders: list[Folder], inputs: Inputs) -> int:
    """Exit code of a run that ends after some steps; 0: it goes on."""
    zbrent = mode() == "zbrent" and inputs.tags["EDIFF"] >= 1e-6
    if len(folders[0].steps) < EARLY or not (zbrent or mode() == "killed"):
        return 0
    # VASP writes as it goes: what it had is there.
    for folder in folders:
        folder.write(unfinished=True)
    if mode() == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    print(" ZBRENT: fatal error in bracketing")
    print("     please rerun with smaller EDIFF, or copy CONTCAR to POSCAR and continue")
    return 1


def band(inputs: Inputs) -> int:
    """A nudged elastic band; it climbs, and VTST's optimizer moves it, only with VTST."""
    images = inputs.images
    for image in images:
        image.calc = EMT()
    climb = has_vtst() and bool(inputs.tags.get("LCLIMB"))
    chain = NEB(images, k=-inputs.tags["SPRING"], climb=climb, method="improvedtangent")
    folders = [Folder(Path.cwd() / f"{number:02}", inputs) for number in range(1, len(images) - 1)]

    def add_steps() -> None:
        for folder, image in zip(folders, images[1:-1], strict=True):
            folder.add_step(image)

    stuck = not has_vtst() and inputs.tags["IBRION"] == 3 and inputs.tags.get("POTIM", 0.5) == 0
    add_steps()
    if not stuck:
        optimizer = LBFGS(chain, logfile=None, maxstep=0.1)
        for _ in optimizer.irun(fmax=-inputs.tags["EDIFFG"], steps=inputs.steps - 1):
            if optimizer.nsteps:
                add_steps()
            if ended := ends_early(folders, inputs):
                return ended
    else:
        for _ in range(inputs.steps - 1):
            add_steps()
    for folder in folders:
        folder.write(electrons_run_out=mode() == "no-scf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
