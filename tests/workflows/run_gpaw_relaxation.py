"""Relaxation of a small crystal by GPAW that kills itself: run_gpaw_relaxation.py FOLDER LIVES.

Prints evaluations made here, iterations of the first of them, evaluations needed, the energy.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from gpaw_systems import COARSE, displaced_lithium, iterations
from jobflow import JobStore
from maggma.stores import MemoryStore
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows import gpaw_calculator
from misei.workflows.engines import force_evaluations
from misei.workflows.gpaw_calculator import PRESETS, GpawModel
from misei.workflows.gpaw_engine import gpaw_engine

if __name__ == "__main__":
    os.chdir(sys.argv[1])
    lives, spent = int(sys.argv[2]), list[int]()
    PRESETS["coarse"] = COARSE
    gpaw_calculator.RESTART_AFTER_S = 0.0
    original = GpawModel.calculate

    def mortal(self: GpawModel, *args: Any, **kwargs: Any) -> None:
        if len(spent) == lives:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, *args, **kwargs)
        spent.append(iterations(self))

    GpawModel.calculate = mortal  # type: ignore[method-assign]
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    structure = AseAtomsAdaptor.get_structure(displaced_lithium())
    document = gpaw_engine("coarse", 0.003, None).relax_ions(structure, "x").run(store).output
    needed = force_evaluations(document)
    print(json.dumps([len(spent), spent[0], needed, document.output.energy]))
