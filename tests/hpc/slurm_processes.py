"""Programs, ports and processes of a private SLURM.

Run by itself it is the guard of a cluster, which ends it when its owner is gone.

What belongs to a cluster is known by ``SLURM_CONF`` in its environment. The daemons that watch
over jobs (slurmstepd) wipe theirs; they listen on a socket in the cluster's folder.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import socket
import sys
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not in every user's PATH
PORTS = (10_000, 32_000)


def missing_programs() -> list[str]:
    """Programs that a cluster needs and this machine lacks."""
    return [name for name in PROGRAMS if program(name) is None]


def program(name: str) -> str | None:
    """Path of a program, also where only root's PATH has it."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join([path, *SYSTEM_FOLDERS]))


def user_name() -> str:
    """Whom this process runs as, whatever the environment says."""
    return pwd.getpwuid(os.getuid()).pw_name


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nothing listens on.

    They are below those that the system gives to clients, so that they are still free after a
    daemon was down for a while.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        while len(ports) < number:
            candidate = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", random.randrange(*PORTS)))
                ports.append(candidate.getsockname()[1])
    return ports


def end_processes(configuration: Path, node: str | None = None) -> None:
    """Kill all processes of a cluster, or of one of its nodes, until none is left."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    while found := [one for one in processes(configuration, node) if one.pid not in spared]:
        # The watchers first: they would report the ends of their jobs.
        for process in sorted(found, key=lambda one: not _is_watcher(one)):
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=0.1)


def processes(configuration: Path, node: str | None = None) -> list[psutil.Process]:
    """All processes of a cluster, or of one of its nodes, with what its jobs have started."""
    variables = {"SLURM_CONF": str(configuration)} | ({"SLURMD_NODENAME": node} if node else {})
    spool = f"{configuration.parent}/spool." + (f"{node}/" if node else "")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = variables.items() <= process.environ().items()
            if mine or (_is_watcher(process) and _listens_in(process, spool)):
                found += [process, *process.children(recursive=True)]
    return [process for process in found if _is_alive(process)]


def _is_watcher(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name() == "slurmstepd" or process.cmdline()[:1] == ["slurmstepd:"]
    return False


def _listens_in(process: psutil.Process, spool: str) -> bool:
    sockets = process.net_connections("unix")
    return any(str(one.laddr).startswith(spool) for one in sockets)


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def main() -> None:
    """End the cluster of a configuration file when the owner closes our input, or is killed."""
    configuration = Path(sys.argv[1])
    sys.stdin.read()
    end_processes(configuration)
    shutil.rmtree(configuration.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
