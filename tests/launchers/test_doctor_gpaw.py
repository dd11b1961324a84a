"""What the doctor says of GPAW, whatever is installed here."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest

from misei.launchers.doctor import gpaw as doctor_gpaw
from misei.launchers.doctor.engine import check_engine
from misei.launchers.doctor.findings import Finding
from misei.launchers.doctor.gpaw import GpawBuild, ask_gpaw, check_gpaw, missing_for_build
from misei.settings import Settings

COMPLETE = GpawBuild(
    version="26.7.0", libxc="5.2.3", blas=True, fftw=True, mpi=True, paw_sets=["Al.PBE", "Li.PBE"]
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_gpaw, "version", lambda _: "26.7.0")


def rows(
    monkeypatch: pytest.MonkeyPatch, settings: Settings | None = None, **wrong: Any
) -> dict[str, Finding]:
    build = COMPLETE.model_copy(update=wrong)
    monkeypatch.setattr(doctor_gpaw, "ask_gpaw", lambda: build)
    return {row.what: row for row in check_gpaw(settings or Settings())}


@pytest.mark.usefixtures("installed")
def test_a_complete_build(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(monkeypatch)
    assert list(found) == ["engine package", "GPAW build", "PAW sets", "MPI ranks"]
    assert {row.state for row in found.values()} == {"ok"}
    assert found["GPAW build"].found == "26.7.0 with libxc 5.2.3, BLAS, FFTW, MPI"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("wrong", "row", "state", "to_do"),
    [
        ({"libxc": ""}, "GPAW build", "warning", "libxc-dev"),
        ({"blas": False}, "GPAW build", "warning", "libopenblas-dev"),
        ({"paw_sets": ["Al.PBE"]}, "PAW sets", "failed", "gpaw-data"),
        ({"mpi": False}, "MPI ranks", "skipped", "openmpi"),
    ],
)
def test_what_a_build_lacks(
    wrong: dict[str, Any], row: str, state: str, to_do: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rows(monkeypatch, **wrong)[row]
    assert (found.state, to_do in found.to_do) == (state, True)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("mpi", "command", "workers", "state", "said"),
    [
        (False, "sh -n {ranks}", 1, "failed", "without MPI"),
        (True, "mpiexec-of-nowhere -n {ranks}", 1, "failed", "'mpiexec-of-nowhere'"),
        (True, "sh -n {ranks}", 1, "ok", "2 ranks"),
        (True, "sh -n {ranks}", 100, "warning", "100 workers"),
    ],
)
def test_ranks(
    mpi: bool, command: str, workers: int, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_gpaw, "cpu_count", lambda: 4)
    settings = Settings(gpaw_ranks=2, gpaw_mpi_command=command, workers=workers, cluster=None)
    found = rows(monkeypatch, settings, mpi=mpi)["MPI ranks"]
    assert (found.state, said in found.found) == (state, True)
    assert bool(found.to_do) == (state != "ok")


def test_gpaw_that_is_not_installed_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_gpaw, "version", version)
    monkeypatch.setattr(doctor_gpaw, "missing_for_build", lambda: ["g++", "libxc-dev"])
    found = {row.what: row for row in check_engine("gpaw-fast", {})}
    assert list(found) == ["engine", "engine package"]
    assert found["engine package"].state == "failed"
    assert found["engine package"].to_do.startswith("apt-get install g++ libxc-dev (")
    assert "CC=g++ pip install 'misei[gpaw]'" in found["engine package"].to_do


def test_what_a_build_would_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_gpaw.shutil, "which", lambda _: None)
    assert {"g++", "libxc-dev", "libopenblas-dev"} <= set(missing_for_build())
    monkeypatch.setattr(doctor_gpaw.shutil, "which", lambda name: f"/usr/bin/{name}")

    def linker(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, int(command[-1] == "-lxc"))

    monkeypatch.setattr(subprocess, "run", linker)
    assert set(missing_for_build()) - {"python3-dev"} == {"libxc-dev"}


def test_a_library_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Traceback\nImportError: libxc.so.9: cannot open shared object file"
    ended = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    found = ask_gpaw()
    assert isinstance(found, Finding)
    assert (found.what, found.state) == ("GPAW build", "failed")
    assert "libxc.so.9" in found.found
    assert "libxc-dev" in found.to_do


def test_what_gpaw_says_of_itself() -> None:
    pytest.importorskip("gpaw")
    build = ask_gpaw()
    assert isinstance(build, GpawBuild)
    assert {"Li.PBE", "Al.PBE", "F.PBE"} <= set(build.paw_sets)
    assert int(build.version.split(".")[0]) >= 26
