"""GPAW on several MPI ranks, driven from a process that knows nothing of MPI."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

from ase import Atoms

from misei.workflows.gpaw_calculator import (
    GpawCalculator,
    GpawError,
    GpawPreset,
    import_gpaw,
    job_folder,
)
from misei.workflows.gpaw_server import ANSWER, decode_answer, encode_request

END_TIMEOUT_S = 10.0


class GpawRanks(GpawCalculator):
    """As :class:`~misei.workflows.gpaw_calculator.GpawModel`, in processes of its own.

    Parameters
    ----------
    preset
        Accuracy.
    ranks
        MPI ranks.
    command
        Starts a program on them, ``{ranks}`` their number: ``mpiexec -n {ranks}``.
    """

    def __init__(self, preset: GpawPreset, ranks: int, command: str) -> None:
        super().__init__(preset)
        self.ranks = ranks
        self.command = shlex.split(command.format(ranks=ranks))
        self._server: subprocess.Popen[str] | None = None
        self._messages: IO[str] | None = None

    def close(self) -> None:
        """End the processes; the next evaluation starts new ones."""
        if self._server is not None:
            try:
                self._server.communicate(timeout=END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None

    def _evaluate(self, atoms: Atoms) -> dict[str, Any]:
        return decode_answer(self._ask(encode_request(atoms, self.grid, job_folder())))

    def _ask(self, request: str) -> str:
        server = self._server or self._start()
        assert server.stdin is not None
        assert server.stdout is not None
        with suppress(BrokenPipeError):  # what it said before it ended says why
            server.stdin.write(request)
            server.stdin.flush()
        for line in server.stdout:
            if line.startswith(ANSWER):
                return line
        raise self._end_of(server)

    def _start(self) -> subprocess.Popen[str]:
        problem = ranks_problem(self.command)
        if problem:
            raise GpawError(problem)
        # A file, as nobody empties a pipe while the ranks compute.
        self._messages = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        module = [sys.executable, "-W", "ignore", "-m", "misei.workflows.gpaw_server"]
        self._server = subprocess.Popen(
            [*self.command, *module, json.dumps(asdict(self.preset))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env={**os.environ, **self._environment()},
        )
        return self._server

    def _environment(self) -> dict[str, str]:
        """Variables of the ranks."""
        variables = {"GPAW_MPI_BACKEND": "cgpaw", "OMP_NUM_THREADS": "1"}
        if shutil.which("ssh") is None:
            # Open MPI 4 looks for it on a single machine, too, and ends without it.
            variables["OMPI_MCA_plm_rsh_agent"] = ""
        return variables

    def _end_of(self, server: subprocess.Popen[str]) -> GpawError:
        code, self._server = server.wait(), None
        said = ""
        if self._messages is not None:
            self._messages.seek(0)
            said = essence(self._messages.read())
        return GpawError(f"GPAW on {self.ranks} ranks ended with {code}: {said}")

    def __del__(self) -> None:
        if getattr(self, "_server", None) is not None:
            self.close()


def essence(messages: str) -> str:
    """Return the line of a failed program's messages that says most.

    Parameters
    ----------
    messages
        Of Python: the exception counts; of MPI: what it says first.
    """
    lines = [line for line in messages.splitlines() if line.strip(" -\t")]
    trace = next((k for k, line in enumerate(lines) if line.startswith("Traceback")), None)
    if trace is not None:  # what was raised stands behind it, not indented; every rank says it
        lines = [line for line in lines[trace:] if not line.startswith((" ", "Traceback"))]
    return (lines or ["it said nothing"])[0].strip()


def ranks_problem(command: list[str]) -> str:
    """Say why GPAW cannot run on several ranks here; nothing where it can.

    Parameters
    ----------
    command
        That starts programs on ranks.
    """
    import_gpaw()
    from gpaw import cgpaw

    if not cgpaw.have_mpi:
        return (
            "MISEI_GPAW_RANKS is more than 1, and GPAW was built without MPI: `misei doctor "
            "--engine gpaw-fast` says how to build it with"
        )
    if shutil.which(command[0]) is None:
        return (
            f"{command[0]!r} (MISEI_GPAW_MPI_COMMAND) is not on the PATH: install an MPI, e.g. "
            "apt-get install openmpi-bin"
        )
    return ""
