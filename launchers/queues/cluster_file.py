"""The cluster file: what a job of the queue asks for, for dask-jobqueue and FireWorks alike."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

QueueSystem = Literal["slurm", "pbs", "sge", "lsf"]
QUEUE_SYSTEMS: tuple[str, ...] = get_args(QueueSystem)

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d)(?::([0-5]\d))?")
# A worker needs a minute to import torch and load an engine's weights.
MIN_WALLTIME_S = 60
_WALLTIME_FORM = 'write hours, minutes and seconds in quotes, e.g. "24:00:00" or "2-12:00:00"'

Line = Annotated[str, Field(pattern=r"^[^\n]*\S[^\n]*$")]


class ClusterFileError(ValueError):
    """A cluster file that cannot be read, with the key at fault, or an unknown queue system."""


class Cluster(BaseModel):
    """What one job of the queue asks for, and how many of them run.

    Attributes
    ----------
    queue_system
        ``slurm``, ``pbs``, ``sge`` or ``lsf``.
    max_jobs
        Jobs in the queue at once, waiting or running.
    cores
        Cores of one queue job, all on one node.
    workers_per_job
        misei processes of one queue job; its cores and memory are shared out between them.
    memory_gb
        Memory of one queue job, GiB.
    walltime
        Of one queue job: ``HH:MM:SS``, ``HH:MM`` or ``D-HH:MM:SS``.
    queue
        Partition or queue; None leaves it to the queue system, as with ``account``.
    setup
        Shell lines before the worker starts.
    directives
        Further directive lines of the job script, without ``#SBATCH``, ``#PBS``, ``#$`` or
        ``#BSUB``.
    skip_directives
        Texts; a generated directive line that holds one is left out.
    interface
        Network interface by which compute nodes and this one talk, e.g. ``ib0``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue_system: QueueSystem
    max_jobs: int = Field(4, ge=1)
    cores: int = Field(ge=1)
    workers_per_job: int = Field(1, ge=1)
    memory_gb: float = Field(gt=0, allow_inf_nan=False)
    walltime: str
    queue: Line | None = None
    account: Line | None = None
    setup: tuple[str, ...] = ()
    directives: tuple[Line, ...] = ()
    skip_directives: tuple[Line, ...] = ()
    interface: Line | None = None

    @field_validator("setup", "directives", "skip_directives", mode="before")
    @classmethod
    def _none_is_empty(cls, lines: Any) -> Any:
        return () if lines is None else lines

    @field_validator("walltime", mode="before")
    @classmethod
    def _readable_walltime(cls, walltime: Any) -> str:
        # YAML reads 24:00:00 without quotes as a number, of seconds.
        seconds = walltime if type(walltime) is int else _seconds(walltime)
        if seconds < MIN_WALLTIME_S:
            raise ValueError(f"{seconds} s is less than {MIN_WALLTIME_S} s; {_WALLTIME_FORM}")
        return _hours_minutes_seconds(seconds)

    @field_validator("directives")
    @classmethod
    def _bare_directives(cls, directives: tuple[str, ...]) -> tuple[str, ...]:
        for line in directives:
            if line.lstrip().startswith("#"):
                raise ValueError(f"write {line!r} without #SBATCH, #PBS, #$ or #BSUB")
        return directives

    @model_validator(mode="after")
    def _a_core_for_each_worker(self) -> Cluster:
        if self.workers_per_job > self.cores:
            raise ValueError(
                f"workers_per_job: {self.workers_per_job} processes need as many cores, "
                f"and cores is {self.cores}"
            )
        return self

    @property
    def walltime_s(self) -> int:
        """Walltime of one queue job, s."""
        return _seconds(self.walltime)

    @property
    def queue_walltime(self) -> str:
        """Walltime as the queue system's directive takes it (LSF: ``HH:MM``, rounded up)."""
        if self.queue_system != "lsf":
            return self.walltime
        return _hours_minutes_seconds(-(-self.walltime_s // 60) * 60).removesuffix(":00")

    @property
    def threads_per_worker(self) -> int:
        """Cores that each misei process may use."""
        return self.cores // self.workers_per_job

    @property
    def workers(self) -> int:
        """Jobs of a flow that run at once when every queue job runs."""
        return self.max_jobs * self.workers_per_job


def _seconds(walltime: Any) -> int:
    match = _WALLTIME.fullmatch(walltime.strip()) if isinstance(walltime, str) else None
    if match is None:
        raise ValueError(f"not a walltime; {_WALLTIME_FORM}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _hours_minutes_seconds(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def load_cluster(path: Path) -> Cluster:
    """Read and check a cluster file.

    Parameters
    ----------
    path
        YAML file with the keys of :class:`Cluster`.

    Raises
    ------
    ClusterFileError
        When the file is missing or not YAML, or a key or value is wrong; one line that names it.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ClusterFileError(
            f"cannot read the cluster file {path}: {error.strerror}; "
            f"`misei cluster slurm > {path.name}` writes one ({', '.join(QUEUE_SYSTEMS)})"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClusterFileError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ClusterFileError(f"{path} holds no keys; valid: {', '.join(Cluster.model_fields)}")
    try:
        return Cluster.model_validate(content)
    except ValidationError as error:
        raise ClusterFileError(f"{path}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {where!r}; valid: {', '.join(Cluster.model_fields)}"
    if problem["type"] == "missing":
        return f"the key {where!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    # What concerns two keys names them itself.
    return f"{where}: {message} (got {problem['input']!r})" if where else message


def template(queue_system: str) -> str:
    """Return a commented cluster file to start from.

    Parameters
    ----------
    queue_system
        ``slurm``, ``pbs``, ``sge`` or ``lsf``.

    Raises
    ------
    ClusterFileError
        When the queue system is another one.
    """
    if queue_system not in QUEUE_SYSTEMS:
        raise ClusterFileError(
            f"unknown queue system {queue_system!r}; valid: {', '.join(QUEUE_SYSTEMS)}"
        )
    return (files("misei.launchers.queues") / "templates" / f"{queue_system}.yaml").read_text()
