"""Checks of GPAW: what its build lacks, its PAW sets, and whether it can run on several ranks."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dask.system import cpu_count
from pydantic import BaseModel, Field

from misei.launchers.doctor.findings import Finding, failed, ok, skipped, warning
from misei.settings import Settings

INSTALL = "CC=g++ pip install 'misei[gpaw]'"
BUILD_AGAIN = "CC=g++ pip install --force-reinstall --no-deps --no-cache-dir --no-binary gpaw gpaw"
# What a build links to, and the package of Debian and Ubuntu that has it.
LIBRARIES = {"xc": "libxc-dev", "blas": "libopenblas-dev"}
TIMEOUT_S = 120
_ASK = """
import json, gpaw
from gpaw import cgpaw, setup_paths
names = sorted({p.name.removesuffix(".gz") for f in setup_paths for p in f.glob("*.PBE*")})
print(json.dumps({"version": gpaw.__version__, "libxc": gpaw.get_libraries()["libxc"],
    "blas": hasattr(cgpaw, "mmm"), "fftw": hasattr(cgpaw, "FFTWPlan"), "mpi": cgpaw.have_mpi,
    "paw_sets": names}))
"""


class GpawBuild(BaseModel):
    """What GPAW says of itself."""

    version: str = Field(description="Of the package.")
    libxc: str = Field(description="Version of libxc; empty without it.")
    blas: bool = Field(description="Whether its own code calls a BLAS.")
    fftw: bool = Field(description="Whether its own code calls FFTW.")
    mpi: bool = Field(description="Whether it can run on several ranks.")
    paw_sets: list[str] = Field(description="Files of PBE.")


def check_gpaw(settings: Settings) -> Iterator[Finding]:
    """Package, build, PAW sets and ranks; a failed row where it cannot be used."""
    try:
        yield ok("engine package", f"gpaw {version('gpaw')}")
    except PackageNotFoundError:
        yield _not_installed()
        return
    build = ask_gpaw()
    if isinstance(build, Finding):
        yield build
        return
    yield _judged(build)
    yield _paw_sets(build)
    yield _ranks(build, settings)


def _not_installed() -> Finding:
    missing = missing_for_build()
    found = "gpaw is not installed"
    if not missing:
        return failed("engine package", f"{found}; all it is built with is here", INSTALL)
    packages = " ".join(missing)
    to_do = f"apt-get install {packages} (or what your system calls them), then {INSTALL}"
    return failed("engine package", f"{found}, and its build would lack {packages}", to_do)


def missing_for_build() -> list[str]:
    """Debian's names of the packages that building GPAW would miss."""
    missing = [] if shutil.which("g++") else ["g++"]
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing.append("python3-dev")
    # Without a compiler nothing says which libraries are there.
    return missing + [p for name, p in LIBRARIES.items() if "g++" in missing or not _links(name)]


def _links(library: str) -> bool:
    command = ["g++", "-x", "c++", "/dev/null", "-shared", "-o", "/dev/null", f"-l{library}"]
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT_S).returncode == 0


def ask_gpaw() -> GpawBuild | Finding:
    """Import GPAW in a process of its own; a row where that fails."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _ASK],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    if run.returncode == 0:
        return GpawBuild(**json.loads(run.stdout.splitlines()[-1]))
    last = (run.stderr.strip().splitlines() or [f"ended with {run.returncode}"])[-1]
    return failed(
        "GPAW build",
        f"cannot be imported: {last}",
        f"install the libraries it was built with (apt-get install {' '.join(LIBRARIES.values())})"
        f"; if that is not enough, {BUILD_AGAIN}",
    )


def _judged(build: GpawBuild) -> Finding:
    parts = {
        f"libxc {build.libxc}": bool(build.libxc),
        "BLAS": build.blas,
        "FFTW": build.fftw,
        "MPI": build.mpi,
    }
    have = [name for name, there in parts.items() if there]
    found = f"{build.version} with {', '.join(have) or 'nothing'}"
    if build.libxc and build.blas:
        return ok("GPAW build", found)
    packages = "libxc-dev libopenblas-dev"
    to_do = f"apt-get install {packages}, then {BUILD_AGAIN}: without BLAS it is many times slower"
    return warning("GPAW build", found, to_do)


def _paw_sets(build: GpawBuild) -> Finding:
    if "Li.PBE" in build.paw_sets:
        return ok("PAW sets", f"{len(build.paw_sets)} files of PBE")
    return failed(
        "PAW sets",
        f"{len(build.paw_sets)} files of PBE, none of Li",
        "pip install gpaw-data, or name the folder of the sets in GPAW_SETUP_PATH",
    )


def _ranks(build: GpawBuild, settings: Settings) -> Finding:
    ranks, what = settings.gpaw_ranks, "MPI ranks"
    rebuild = f"apt-get install libopenmpi-dev openmpi-bin, then {BUILD_AGAIN}"
    if ranks == 1 and not build.mpi:
        return skipped(what, "one rank (MISEI_GPAW_RANKS); for more it needs MPI", rebuild)
    if ranks == 1:
        return ok(what, "one rank; MISEI_GPAW_RANKS asks for more")
    found = f"{ranks} ranks (MISEI_GPAW_RANKS)"
    if not build.mpi:
        return failed(what, f"{found}, and GPAW was built without MPI", rebuild)
    program = shlex.split(settings.gpaw_mpi_command)[0]
    if shutil.which(program) is None:
        to_do = "apt-get install openmpi-bin, or set MISEI_GPAW_MPI_COMMAND"
        return failed(what, f"{found}, and {program!r} is not on the PATH", to_do)
    if settings.cluster is None and ranks * settings.workers > cpu_count():
        return warning(
            what,
            f"{found} for each of {settings.workers} workers, on {cpu_count()} cores",
            f"set MISEI_WORKERS={max(1, cpu_count() // ranks)}: more only slow each other down",
        )
    return ok(what, f"{found}, started by {settings.gpaw_mpi_command!r}")
