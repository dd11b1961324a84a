"""Checks of an engine: package, weights, and a small crystal against what physics demands.

The crystal is computed in a process of its own, without network: an engine that would fetch
its weights says so instead, and a build that does not suit the processor takes nothing down.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from pydantic import BaseModel, Field

from misei import __version__
from misei.launchers.doctor.findings import Finding, failed, ok, skipped
from misei.launchers.doctor.gpaw import check_gpaw
from misei.launchers.machine import machine_settings
from misei.launchers.pools import thread_settings

PROBE_TIMEOUT_S = 600
# Of density functional theory: on one slow core, with the finest preset.
DFT_TIMEOUT_S = 3600
WEIGHT_SUFFIXES = {".pth", ".pt", ".tar", ".ckpt", ".model"}
NETWORK_IS_SHUT = "misei doctor shuts the network"

# fcc Al: every engine of misei knows it, EMT included.
LATTICE_PARAMETER = 4.05  # angstrom, experiment: Kittel, Introduction to Solid State Physics
STRAIN = 0.06  # linear; more than any sound engine is off
DISPLACEMENT = 0.1  # angstrom
FORCE_NOISE = 5e-3  # eV/angstrom: single precision
# The same engine on another processor: single precision, another order of sums.
ENERGY_NOISE = 1e-4  # eV/atom


class EngineProbe(BaseModel):
    """What an engine gives for fcc Al on one machine."""

    host: str = Field(description="Machine.")
    engine: str = Field(description="Name of the engine.")
    engine_version: str = Field(description="Its packages and model.")
    misei_version: str = Field(description="Of the package that ran it.")
    energy: float = Field(description="At the experimental lattice parameter, eV/atom.")
    force_by_symmetry: float = Field(description="Largest, of the perfect crystal; eV/angstrom.")
    restoring_force: float = Field(description="On a displaced atom, back; eV/angstrom.")
    energies_strained: tuple[float, float] = Field(description="Compressed, stretched; eV/atom.")
    seconds: float = Field(description="For everything, loading included, s.")
    memory_gb: float = Field(description="Most that the process held, GB.")

    def faults(self) -> list[str]:
        """Say which expectations of physics are not met."""
        found = []
        if not self.force_by_symmetry < FORCE_NOISE:
            found.append(
                f"forces of {self.force_by_symmetry:.3g} eV/A in a crystal where symmetry "
                "forbids any"
            )
        if not min(self.energies_strained) > self.energy:
            found.append(f"fcc Al has no minimum near {LATTICE_PARAMETER} A")
        if not self.restoring_force > FORCE_NOISE:
            found.append("a displaced atom is not pushed back")
        return found


def probe_engine(name: str) -> EngineProbe:
    """Compute fcc Al, perfect, strained and with an atom displaced: some seconds.

    Raises
    ------
    TypeError
        When the engine has no ASE calculator.
    """
    start = perf_counter()
    from misei.workflows.engines import get_engine

    engine = get_engine(name)
    calculator = engine.get_calculator()
    perfect, forces = _evaluate(calculator, 1.0)
    _, displaced = _evaluate(calculator, 1.0, DISPLACEMENT)
    compressed, stretched = (_evaluate(calculator, 1.0 + s)[0] for s in (-STRAIN, STRAIN))
    return EngineProbe(
        host=socket.gethostname(),
        engine=name,
        engine_version=engine.version,
        misei_version=__version__,
        energy=perfect,
        force_by_symmetry=float(abs(forces).max()),
        restoring_force=-float(displaced[0][0]),
        energies_strained=(compressed, stretched),
        seconds=perf_counter() - start,
        memory_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    )


def _evaluate(calculator: Any, scale: float, displacement: float = 0.0) -> tuple[float, Any]:
    """Return energy (eV/atom) and forces (eV/angstrom) of fcc Al, its first atom displaced."""
    from ase.build import bulk

    atoms = bulk("Al", "fcc", a=LATTICE_PARAMETER * scale, cubic=True)
    atoms.positions[0, 0] += displacement
    atoms.calc = calculator
    return float(atoms.get_potential_energy()) / len(atoms), atoms.get_forces()


def probe_apart(name: str) -> EngineProbe | Finding:
    """Run :func:`probe_engine` as a worker would, without network; a row where it fails."""
    from misei.workflows.engines import DFT_ENGINES

    timeout = DFT_TIMEOUT_S if name in DFT_ENGINES else PROBE_TIMEOUT_S
    try:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "misei.launchers.doctor.engine", name],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={
                **os.environ,
                **thread_settings(machine_settings().workers),
                "HF_HUB_OFFLINE": "1",
            },
        )
    except subprocess.TimeoutExpired:
        return failed(
            "evaluation",
            f"four atoms of Al were not done in {timeout} s",
            "is the machine overloaded, or its file system slow?",
        )
    if run.returncode == 0:
        return EngineProbe.model_validate_json(run.stdout.strip().splitlines()[-1])
    return _failure(name, run.returncode, run.stderr)


def _failure(name: str, code: int, stderr: str) -> Finding:
    lines = stderr.strip().splitlines()
    last = lines[-1] if lines else f"ended with {code} and said nothing"
    if code < 0:
        return failed(
            "evaluation",
            f"the process was killed by {signal.Signals(-code).name}",
            "SIGKILL: give it more memory. SIGILL, SIGSEGV: install a build of the engine's "
            "packages for this processor",
        )
    if NETWORK_IS_SHUT in stderr:
        return failed(
            "evaluation",
            f"the weights of {name} are not on this machine: {last}",
            f"fetch them once where there is network: run a calculation with --engine {name}",
        )
    if last.startswith("TypeError") and "no ASE calculator" in last:
        return skipped("evaluation", last.removeprefix("TypeError: "))
    if name.startswith("gpaw"):
        return failed("evaluation", last, "do as it says; docs/engines.md says more on GPAW")
    return failed("evaluation", last, f"see atomate2's force fields on how to install {name}")


def check_engine(name: str, keep: dict[str, EngineProbe]) -> Iterator[Finding]:
    """Engine, package and weights; what it gives for fcc Al is put into ``keep``."""
    from misei.workflows.engines import get_engine

    engine = get_engine(name)
    yield ok("engine", f"{name}: {engine.version}")
    if name == "vasp":
        from misei.launchers.doctor.vasp import check_vasp

        yield from check_vasp()
    elif name.startswith("gpaw-"):
        yield from _if_none_failed(check_gpaw(machine_settings()), lambda: _evaluated(name, keep))
    else:
        yield from _if_none_failed(_installed(name, engine.version), lambda: _evaluated(name, keep))


def _if_none_failed(
    rows: Iterator[Finding], then: Callable[[], Iterator[Finding]]
) -> Iterator[Finding]:
    usable = True
    for finding in rows:
        usable = usable and finding.state != "failed"
        yield finding
    if usable:
        yield from then()


def _installed(name: str, engine_version: str) -> Iterator[Finding]:
    package = _package(name, engine_version)
    try:
        found = f"{package} {version(package)}" if package else "of no package misei knows"
    except PackageNotFoundError:
        extra = "'misei[chgnet]'" if package == "chgnet" else package
        yield failed("engine package", f"{package} is not installed", f"pip install {extra}")
        return
    yield ok("engine package", found)
    yield _weights(package)


def _evaluated(name: str, keep: dict[str, EngineProbe]) -> Iterator[Finding]:
    probe = probe_apart(name)
    if isinstance(probe, Finding):
        yield probe
        return
    yield _judged(probe)
    if not probe.faults():
        keep[name] = probe


def _judged(probe: EngineProbe) -> Finding:
    found = (
        f"fcc Al {probe.energy:.4f} eV/atom, forces vanish by symmetry; {probe.seconds:.1f} s, "
        f"{probe.memory_gb:.1f} GB"
    )
    if not (faults := probe.faults()):
        return ok("evaluation", found)
    return failed(
        "evaluation", "; ".join(faults), "the weights or packages are not what they should be: "
        "install the engine's package again",
    )  # fmt: skip


def _package(name: str, engine_version: str) -> str:
    """Distribution that holds an engine's code; empty where none is known."""
    package = engine_version.split()[0]
    if package != "atomate2":
        return package
    from atomate2.forcefields.utils import MLFF, _get_pkg_name  # no public name

    return _get_pkg_name(MLFF(name)) or ""


def _weights(package: str) -> Finding:
    """Compare the weights that a package brought along with its list of files."""
    weights = _recorded_weights(package) if package else []
    if not weights:
        return skipped("weights", "none in the package; the evaluation needs no network for any")
    for path, digest in weights:
        if (problem := _damage(path, digest)) is not None:
            return failed(
                "weights",
                f"{path} {problem}",
                f"pip install --force-reinstall --no-deps {package}",
            )
    size = sum(path.stat().st_size for path, _ in weights) / 1e6
    return ok("weights", f"{len(weights)} files in {package} as released, {size:.0f} MB")


def _recorded_weights(package: str) -> list[tuple[Path, str]]:
    """Return path and checksum of weights; importlib.metadata's files() leaves out missing ones."""
    installed = distribution(package)
    record = csv.reader((installed.read_text("RECORD") or "").splitlines())
    return [
        (Path(str(installed.locate_file(path))), digest)
        for path, digest, _ in record
        if Path(path).suffix in WEIGHT_SUFFIXES
    ]


def _damage(path: Path, recorded: str) -> Literal["is missing", "is damaged"] | None:
    if not path.is_file():
        return "is missing"
    if not recorded:
        return None
    # "sha256=...", base64 for URLs without padding (PEP 376).
    algorithm, _, digest = recorded.partition("=")
    found = hashlib.new(algorithm, path.read_bytes()).digest()
    same = base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest
    return None if same else "is damaged"


def _shut_network() -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(NETWORK_IS_SHUT)

    socket.getaddrinfo = refuse
    socket.socket.connect = refuse  # type: ignore[method-assign]


if __name__ == "__main__":
    _shut_network()
    result = json.dumps(probe_engine(sys.argv[1]).model_dump())
    print(f"\n{result}")
