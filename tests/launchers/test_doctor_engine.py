from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from misei.launchers.doctor import engine as doctor_engine
from misei.launchers.doctor.engine import EngineProbe, check_engine, probe_apart, probe_engine
from misei.launchers.doctor.findings import Check, Finding, run_checks


def rows(name: str) -> dict[str, Finding]:
    checks = [Check("engine", lambda: check_engine(name, {}))]
    return {finding.what: finding for finding in run_checks(checks)}


@pytest.fixture(scope="module")
def emt() -> EngineProbe:
    return probe_engine("emt")


def test_emt_is_sound(emt: EngineProbe) -> None:
    assert emt.faults() == []
    # The fcc minimum of ASE's EMT for Al is at 3.99 angstrom, its zero of energy.
    assert 0 < emt.energy + 0.005 < 0.01
    assert emt.energies_strained[0] != emt.energies_strained[1]


def test_engine_in_a_process_of_its_own(emt: EngineProbe) -> None:
    keep: dict[str, EngineProbe] = {}
    found = {finding.what: finding.state for finding in check_engine("emt", keep)}
    assert found == {
        "engine": "ok", "engine package": "ok", "weights": "skipped", "evaluation": "ok",
    }  # fmt: skip
    assert keep["emt"].energy == emt.energy


def test_unknown_engine() -> None:
    found = rows("sevennett")["engine"]
    assert found.state == "failed"
    assert "unknown engine 'sevennett'; valid: emt, sevennet" in found.found


def test_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_engine, "version", version)
    assert rows("chgnet")["engine package"].to_do == "pip install 'misei[chgnet]'"
    found = rows("MACE")
    assert list(found) == ["engine", "engine package"]
    assert found["engine package"].state == "failed"
    assert found["engine package"].to_do == "pip install mace-torch"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"force_by_symmetry": 0.1}, "symmetry forbids"),
        ({"force_by_symmetry": float("nan")}, "symmetry forbids"),
        ({"energies_strained": (-1.0, 1.0)}, "no minimum"),
        ({"restoring_force": -0.2}, "not pushed back"),
    ],
)
def test_engine_against_physics(
    wrong: dict[str, Any], said: str, emt: EngineProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = emt.model_copy(update=wrong)
    monkeypatch.setattr(doctor_engine, "probe_apart", lambda _: probe)
    keep: dict[str, EngineProbe] = {}
    found = {finding.what: finding for finding in check_engine("emt", keep)}["evaluation"]
    assert found.state == "failed"
    assert said in found.found
    assert found.to_do
    assert keep == {}


@pytest.mark.parametrize(
    ("code", "stderr", "state", "said"),
    [
        (-4, "", "failed", "SIGILL"),
        (-9, "", "failed", "SIGKILL"),
        (1, "Traceback\nModuleNotFoundError: No module named 'mace'", "failed", "'mace'"),
        (
            1,
            f"OSError: {doctor_engine.NETWORK_IS_SHUT}\nRuntimeError: offline",
            "failed",
            "weights",
        ),
        (1, "TypeError: the engine 'gpaw' has no ASE calculator", "skipped", "no ASE calculator"),
        (3, "", "failed", "ended with 3"),
    ],
)
def test_evaluation_that_ends_badly(
    code: int, stderr: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.CompletedProcess([], code, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    found = probe_apart("x")
    assert isinstance(found, Finding)
    assert (found.state, said in found.found) == (state, True)
    assert found.to_do or state == "skipped"


def test_evaluation_takes_the_cores_of_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], 3, "", "")
    given: dict[str, str] = {}
    monkeypatch.setattr(subprocess, "run", lambda *_, env, **__: given.update(env) or ended)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("MISEI_WORKERS", "4")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    probe_apart("emt")
    assert (given["OMP_NUM_THREADS"], given["MKL_NUM_THREADS"]) == ("2", "3")


def test_evaluation_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_engine, "PROBE_TIMEOUT_S", 0.01)
    found = probe_apart("emt")
    assert isinstance(found, Finding)
    assert (found.state, "not done in" in found.found) == ("failed", True)


def test_nothing_is_fetched() -> None:
    code = (
        "import socket, urllib.request\n"
        "from misei.launchers.doctor.engine import _shut_network\n"
        "listening = socket.create_server(('127.0.0.1', 0))\n"
        "_shut_network()\n"
        "urllib.request.urlopen('http://127.0.0.1:%d/weights' % listening.getsockname()[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1
    assert doctor_engine.NETWORK_IS_SHUT in ended.stderr.splitlines()[-1]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of an installed package ``potential``."""
    path = tmp_path / "potential" / "model.pth"
    path.parent.mkdir()
    path.write_bytes(b"numbers" * 100)
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    info = tmp_path / "potential-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: potential\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"potential/model.pth,sha256={digest.rstrip('=')},700\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return path


def test_weights_as_released(weights: Path) -> None:
    found = doctor_engine._weights("potential")
    assert (found.state, "1 files" in found.found) == ("ok", True)


@pytest.mark.parametrize("content", [b"numbers" * 99, b"NUMBERS" * 100, None])
def test_damaged_weights(content: bytes | None, weights: Path) -> None:
    if content is None:
        weights.unlink()
    else:
        weights.write_bytes(content)
    found = doctor_engine._weights("potential")
    assert found.state == "failed"
    assert str(weights) in found.found
    assert found.to_do == "pip install --force-reinstall --no-deps potential"
