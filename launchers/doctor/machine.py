"""Checks of the machine: Python, packages, torch, cores and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from misei import __version__
from misei.launchers.doctor.findings import Finding, failed, ok, skipped, warning
from misei.settings import Settings

# torch, the weights of a potential and the supercell of a barrier, with room to spare.
MEMORY_PER_WORKER_GB = 2.0
TORCH_TIMEOUT_S = 600
THREADS_VARIABLE = "OMP_NUM_THREADS"
GPU_DEVICE = Path("/dev/nvidiactl")
_ASK_TORCH = (
    "import json, torch; print(json.dumps([torch.__version__, torch.version.cuda, "
    "torch.cuda.device_count(), torch.get_num_threads()]))"
)


def check_python() -> Iterator[Finding]:
    """Python and misei themselves."""
    from packaging.specifiers import SpecifierSet

    here = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = metadata("misei")["Requires-Python"] or ""
        installed = version("misei")
    except PackageNotFoundError:
        yield failed("misei", f"{__version__}, not installed", "pip install misei")
        return
    if SpecifierSet(wanted).contains(here):
        yield ok("Python", f"{here} ({sys.executable})")
    else:
        yield failed("Python", f"{here}; misei needs {wanted}", f"make a venv with Python {wanted}")
    if installed == __version__:
        yield ok("misei", __version__)
    else:
        found = f"version {__version__}, installed as {installed}"
        yield warning("misei", found, "pip install misei again (its data files may be older)")


def check_packages() -> Iterator[Finding]:
    """Every package that misei requires, in a version that it accepts."""
    try:
        needed = [Requirement(text) for text in requires("misei") or []]
    except PackageNotFoundError:
        yield skipped("packages", "misei is not installed, so nothing says what it needs")
        return
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    problems = {r.name: problem for r in needed if (problem := _problem(r))}
    if not problems:
        yield ok("packages", f"{len(needed)} packages, as misei needs them")
        return
    wanted = " ".join(f"'{r.name}{r.specifier}'" for r in needed if r.name in problems)
    yield failed("packages", "; ".join(problems.values()), f"pip install {wanted}")


def _problem(requirement: Requirement) -> str:
    """Say what is wrong with an installed package; nothing where all is well."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} is {found} and should be {requirement.specifier}"


def check_torch() -> Iterator[Finding]:
    """Build and threads of torch, asked in a process of its own: a wrong build dies."""
    try:
        version("torch")
    except PackageNotFoundError:
        yield failed("torch", "not installed", "pip install torch (see pytorch.org for builds)")
        return
    try:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _ASK_TORCH],
            capture_output=True,
            text=True,
            timeout=TORCH_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        to_do = "is the file system slow, or the machine overloaded? Try `python -c 'import torch'`"
        yield failed("torch", f"not imported in {TORCH_TIMEOUT_S} s", to_do)
        return
    if run.returncode != 0:
        last = (run.stderr.strip().splitlines() or [f"ended with {run.returncode}"])[-1]
        yield failed(
            "torch",
            f"cannot be imported: {last}",
            "install a build for this machine's processor and libraries: see pytorch.org",
        )
        return
    name, cuda, gpus, threads = json.loads(run.stdout.splitlines()[-1])
    build = f"CUDA {cuda}" if cuda else "CPU build"
    found = f"{name}, {build}, {gpus} GPU, {threads} threads"
    if GPU_DEVICE.exists() and not gpus:
        yield warning(
            "torch",
            f"{found}, and this machine has a GPU",
            "install the CUDA build of torch that fits the driver (nvidia-smi names it): see "
            "pytorch.org",
        )
    else:
        yield ok("torch", found)


def check_resources(settings: Settings) -> Iterator[Finding]:
    """Cores and memory that this process may use, against what the workers take."""
    from dask.system import cpu_count  # both know the limits of cgroups
    from distributed.system import memory_limit

    yield _cores(settings.workers, cpu_count())
    memory = memory_limit() / 2**30
    found = f"{memory:.1f} GB for {settings.workers} workers"
    if memory < MEMORY_PER_WORKER_GB * settings.workers:
        fitting = max(1, int(memory // MEMORY_PER_WORKER_GB))
        yield warning(
            "memory",
            found,
            f"a worker takes up to {MEMORY_PER_WORKER_GB:.0f} GB: set MISEI_WORKERS={fitting} or "
            "ask the queue for more memory",
        )
    else:
        yield ok("memory", found)


def _cores(workers: int, cores: int) -> Finding:
    threads = os.environ.get(THREADS_VARIABLE, "")
    given = f", {THREADS_VARIABLE}={threads}" if threads else ""
    found = f"{cores} cores for {workers} workers (MISEI_WORKERS){given}"
    if workers > cores:
        return warning("cores", found, f"set MISEI_WORKERS={cores}: more only slow each other down")
    if threads.isdecimal() and int(threads) * workers > cores:
        return warning(
            "cores",
            found,
            f"unset {THREADS_VARIABLE}: misei shares the cores out between its workers",
        )
    return ok("cores", found)
