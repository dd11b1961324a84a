"""GPAW on one or more MPI ranks as a process: structures come in, energies and forces go out.

``mpiexec -n 4 python -m misei.workflows.gpaw_server PRESET``, the preset as JSON. Rank 0 reads a
request per line from its standard input and answers on its standard output, in lines of JSON
that begin with :data:`ANSWER` (MPI may print there too). It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from ase import Atoms

from misei.workflows.gpaw_calculator import GpawError, GpawModel, GpawPreset

ANSWER = "misei-gpaw "


def encode_request(atoms: Atoms, grid: tuple[int, int, int] | None, folder: Path | None) -> str:
    """Return a structure as a line; floats in JSON come back bit by bit.

    Parameters
    ----------
    atoms
        Structure.
    grid
        k-points; None: by the structure.
    folder
        Of the job, for GPAW's log and restart file; None: write nothing.
    """
    request = {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "grid": grid,
        "folder": None if folder is None else str(folder),
    }
    return json.dumps(request) + "\n"


def decode_answer(line: str) -> dict[str, Any]:
    """Return results of an evaluation from an answer's line.

    Raises
    ------
    GpawError
        As the server met it.
    """
    answer = json.loads(line.removeprefix(ANSWER))
    if "error" in answer:
        raise GpawError(answer["error"])
    return {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in answer.items()
    }


def _evaluate(model: GpawModel, line: str) -> dict[str, Any]:
    request = json.loads(line)
    grid, folder = request.pop("grid"), request.pop("folder")
    model.grid = None if grid is None else (grid[0], grid[1], grid[2])
    model.folder = None if folder is None else Path(folder)
    try:
        model.calculate(Atoms(**request))
    except GpawError as error:  # met by all ranks alike
        return {"error": str(error)}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else float(value)
        for name, value in model.results.items()
    }


def _read_input(requests: SimpleQueue[str]) -> None:
    """Pass lines on; when the input ends, whoever asked is gone and so is the server."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def serve(preset: GpawPreset) -> None:
    """Answer requests until the input ends."""
    from gpaw.mpi import broadcast, world

    model = GpawModel(preset)
    requests: SimpleQueue[str] = SimpleQueue()
    if world.rank == 0:
        Thread(target=_read_input, args=(requests,), daemon=True).start()
    while True:
        line = broadcast(requests.get() if world.rank == 0 else None, 0, comm=world)
        answer = _evaluate(model, line)
        if world.rank == 0:
            print(ANSWER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    try:
        serve(GpawPreset(**json.loads(sys.argv[1])))
    except BaseException:  # the other ranks wait for this one for ever, unless mpiexec ends them
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
