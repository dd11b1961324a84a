"""A private SLURM on this machine: its own daemons, keys, sockets and ports, gone when it stops.

It needs the programs of Debian's ``slurmctld``, ``slurmd``, ``slurm-client`` and ``munge``, but
neither systemd nor cgroups nor root. ``python tests/hpc/slurm_cluster.py FOLDER`` runs one until
its input ends or Ctrl-C.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

import slurm_processes
from slurm_processes import end_processes, free_ports, missing_programs, program, user_name

START_TIMEOUT_S = COMMAND_TIMEOUT_S = 60.0
NODE_TIMEOUT_S = 10  # without an answer for so long a node is down; less fails on a busy machine
POLL_S = 0.5  # each look starts a command of SLURM, or asks a database that Python plays
LOG_LINES = 40
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=200000,batch_sched_delay=0
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdParameters=config_overrides
SlurmctldDebug=verbose
SlurmdDebug=verbose
MailProg=/bin/true
ReturnToService=2
JobRequeue=0
KillWait=2
MinJobAge=3600
MessageTimeout=10
SlurmdTimeout={node_timeout_s}
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=30 State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Boards=1 "
    "SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory_mb}"
)


class SlurmCluster:
    """SLURM with nodes n1, n2, ... of some CPUs each, all on this machine.

    Jobs are not requeued when their node fails (``#SBATCH --requeue`` asks for it), and they are
    known for an hour after they ended.

    Parameters
    ----------
    folder
        Where the daemons' logs go. All else is in a short temporary folder: the paths of sockets
        may have 107 characters.
    nodes, cpus, memory_mb
        Number of nodes; CPUs and memory of each. They limit what jobs may ask for, nothing else.

    Attributes
    ----------
    env
        Variables that the commands of SLURM need, to be added to ``os.environ``.
    python
        The running interpreter, for job scripts.
    """

    def __init__(
        self, folder: Path, nodes: int = 2, cpus: int = 2, memory_mb: int = 16_000
    ) -> None:
        self.logs = Path(folder)
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self.python = sys.executable
        self.env: dict[str, str] = {}
        self._size = {"cpus": cpus, "memory_mb": memory_mb}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._owner = os.getpid()

    def __enter__(self) -> SlurmCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Life

    def start(self) -> None:
        """Start all daemons and wait until the nodes are idle; RuntimeError with the logs."""
        if missing := missing_programs():
            raise RuntimeError(f"programs of SLURM are missing: {', '.join(missing)}")
        self.logs.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        configuration = self._folder / "slurm.conf"
        self.env = {"SLURM_CONF": str(configuration)}
        configuration.write_text(self._configuration())
        # Unused, but slurmd loads one: this one does not mind where no cgroups are mounted.
        configuration.with_name("cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        guard = [sys.executable, slurm_processes.__file__, str(configuration)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(self.stop)
        try:
            self._start_munge()
            self.start_controller()
            for name in self.nodes:
                self._start_node(name)
            self.wait_for(self._all_idle, START_TIMEOUT_S, "all nodes idle")
        except Exception as error:
            text = f"SLURM did not start: {error}\n{self.log()}"
            self.stop()
            raise RuntimeError(text) from error

    def stop(self) -> None:
        """End every process of this cluster, jobs included, and delete its temporary folder."""
        atexit.unregister(self.stop)
        if not self.env or os.getpid() != self._owner:  # a forked process runs atexit too
            return
        end_processes(self._folder / "slurm.conf")
        for name in self._daemons:
            self._kill_daemon(name)
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._daemons, self._guard, self.env = {}, None, {}

    def _configuration(self) -> str:
        host = socket.gethostname().partition(".")[0]
        ports = free_ports(1 + len(self.nodes))
        nodes = [
            NODE.format(name=name, host=host, port=port, **self._size)
            for name, port in zip(self.nodes, ports[1:], strict=True)
        ]
        return CONFIGURATION.format(
            host=host,
            ports=ports,
            user=user_name(),
            folder=self._folder,
            node_timeout_s=NODE_TIMEOUT_S,
            nodes="\n".join(nodes),
        )

    def _start_munge(self) -> None:
        key = self._folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        files = [f"--{name}-file={self._folder}/munge.{name}" for name in ("key", "pid", "seed")]
        files += [f"--log-file={self.logs}/munge.log", f"--socket={self._folder}/munge.socket"]
        # Forced: the folder is private, which it takes for an error.
        self._start_daemon("munged", "munged", "--foreground", "--force", *files)
        self.wait_for((self._folder / "munge.socket").exists, START_TIMEOUT_S, "socket of munge")

    def start_controller(self) -> None:
        """Start slurmctld: the first time, or after :meth:`kill_controller`."""
        self._start_daemon("slurmctld", "slurmctld", "-D")

    def kill_controller(self) -> None:
        """Kill slurmctld at once; jobs go on."""
        self._kill_daemon("slurmctld")

    def _start_node(self, name: str) -> None:
        (self._folder / f"spool.{name}").mkdir(exist_ok=True)
        self._start_daemon(name, "slurmd", "-D", "-N", name, SLURMD_NODENAME=name)

    def _start_daemon(self, name: str, *command: str, **variables: str) -> None:
        executable = program(command[0])
        with (self.logs / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [str(executable), *command[1:]],
                env=os.environ | self.env | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests
            )

    def _kill_daemon(self, name: str) -> None:
        self._daemons[name].kill()
        self._daemons[name].wait()

    # Nodes

    def kill_node(self, name: str) -> None:
        """Kill a node's daemon and all its jobs at once, as when it lost power.

        The queue finds out by itself, about 20 s later: jobs end as NODE_FAIL.
        """
        self._kill_daemon(name)
        end_processes(self._folder / "slurm.conf", node=name)

    def restart_node(self, name: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start a killed node again and wait until it takes jobs."""
        if self._daemons[name].poll() is not None:
            self._start_node(name)
        self.wait_for(lambda: self._is_up(name), timeout_s, f"node {name} up")

    def node_states(self) -> dict[str, str]:
        """State of every node, e.g. idle, mixed, allocated, down*."""
        lines = self.run("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
        return dict(line.split() for line in lines)

    def _is_up(self, name: str) -> bool:
        return self.node_states().get(name) in ("idle", "mixed", "allocated")

    def _all_idle(self) -> bool:
        for name, daemon in self._daemons.items():
            if daemon.poll() is not None:
                raise RuntimeError(f"{name} ended with status {daemon.returncode}")
        states = self.node_states()
        return [states.get(name) for name in self.nodes] == ["idle"] * len(self.nodes)

    def reset(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Cancel all jobs, start what was killed, and wait until all nodes are idle."""
        if self._daemons["slurmctld"].poll() is not None:
            self.start_controller()
        for name in self.nodes:
            if self._daemons[name].poll() is not None:
                self._start_node(name)
        self.wait_for(self.node_states, timeout_s, "answer of the controller")
        self.run("scancel", "--user", user_name())
        for name, state in self.node_states().items():
            if state.startswith("drain") or state == "down":
                self.run("scontrol", "update", f"NodeName={name}", "State=RESUME")
        self.wait_for(self._all_idle, timeout_s, "all nodes idle")

    # Jobs

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Output of a command such as ``squeue``; CalledProcessError where it fails."""
        done = subprocess.run(
            [program(command[0]) or command[0], *command[1:]],
            env=os.environ | self.env,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        if done.returncode:
            output = done.stdout, done.stderr
            error = subprocess.CalledProcessError(done.returncode, command, *output)
            error.add_note(done.stderr)
            raise error
        return done.stdout

    def submit(self, script: str, folder: Path, *options: str) -> int:
        """Submit shell lines as a job that runs in a folder; its number.

        Its output goes to ``slurm-NUMBER.out`` there.
        """
        command = ("sbatch", "--parsable", f"--chdir={folder}", *options, "--wrap", script)
        return int(self.run(*command, cwd=folder))

    def jobs(self) -> dict[int, str]:
        """State of every job of the last hour by its number, e.g. PENDING, RUNNING, TIMEOUT."""
        return {number: job["JobState"] for number, job in self._details().items()}

    def job(self, number: int) -> dict[str, str]:
        """What ``scontrol show job`` says of a job: JobState, Reason, NodeList, ..."""
        return self._details()[number]

    def _details(self) -> dict[int, dict[str, str]]:
        lines = self.run("scontrol", "--oneliner", "show", "jobs").splitlines()
        found = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if "JobId=" in line]
        return {int(job["JobId"]): job for job in found}

    def wait_for_job(
        self, number: int, timeout_s: float = 120.0, states: Collection[str] = ENDED
    ) -> str:
        """Wait until a job has one of some states (all that end it); the state.

        RuntimeError where it ended in another.
        """
        what = f"job {number} in state {' or '.join(sorted(states))}"
        self.wait_for(lambda: self.jobs()[number] in {*states, *ENDED}, timeout_s, what)
        state = self.jobs()[number]
        if state not in states and state in ENDED:
            raise RuntimeError(f"no {what}: it is {state}\n{self.state()}")
        return state

    def wait_for(
        self,
        condition: Callable[[], object],
        timeout_s: float,
        what: str = "condition",
        poll_s: float = POLL_S,
    ) -> None:
        """Wait until a condition holds; TimeoutError with the state of the queue if it does not.

        A condition that a command of SLURM fails does not hold: a controller may be busy.
        """
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            with contextlib.suppress(subprocess.SubprocessError):
                if condition():
                    return
            time.sleep(poll_s)
        raise TimeoutError(f"no {what} in {timeout_s:g} s\n{self.state()}")

    def state(self) -> str:
        """Nodes and jobs as the queue's own commands print them, for messages."""
        texts = []
        for command in (("sinfo", "--Node", "--long"), ("squeue", "--states=all")):
            try:
                texts.append(self.run(*command))
            except (subprocess.SubprocessError, OSError) as error:
                texts.append(f"{command[0]}: {error}")
        return "\n".join(texts)

    def log(self, lines: int = LOG_LINES) -> str:
        """Last lines of every daemon's log, for messages."""
        texts = []
        for path in sorted(self.logs.glob("*.log")):
            content = path.read_text(errors="replace").splitlines()[-lines:]
            texts.append("\n".join([f"--- {path.name}", *content]))
        return "\n".join(texts)


def main() -> None:
    """Run one until the input ends."""
    with SlurmCluster(Path(sys.argv[1])) as cluster, contextlib.suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={cluster.env['SLURM_CONF']}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
