from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from misei.launchers.commands.doctor import doctor
from misei.launchers.doctor import folders as doctor_folders
from misei.launchers.doctor import machine as doctor_machine
from misei.launchers.doctor.checks import Doctor
from misei.launchers.doctor.findings import Check, Finding, ok, run_checks
from misei.settings import Settings

PASSWORD = "p%40ss/word"
STATES = {"ok", "warning", "failed", "skipped"}

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(doctor)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in os.environ if name.startswith("MISEI_")]
    for name in [*names, "MP_API_KEY", "PMG_MAPI_KEY", "OMP_NUM_THREADS"]:
        monkeypatch.delenv(name, raising=False)


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--engine", "emt", "--run-dir", str(tmp_path), *arguments])


def only(findings: Iterator[Finding], what: str) -> Finding:
    """The row of this name."""
    (found,) = [finding for finding in findings if finding.what == what]
    return found


def quick(monkeypatch: pytest.MonkeyPatch, **replaced: Any) -> None:
    """Replace the checks by others, by module."""
    checks = {
        "machine": ("check_python", "check_packages", "check_torch", "check_resources"),
        "folders": ("check_space", "check_run_dir"),
        "engine": ("check_engine",),
        "databases": ("check_store", "check_launchpad"),
        "data": ("check_key", "check_cache"),
        "queue": ("check_queue",),
    }
    for module, names in checks.items():
        for name in names:
            look = replaced.get(name, lambda *_, name=name: [ok(name, "fine")])
            monkeypatch.setattr(f"misei.launchers.doctor.{module}.{name}", look)


def test_healthy_machine(tmp_path: Path) -> None:
    result = run(tmp_path, "--json")
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["checks"]
    assert all(set(check) == {"what", "state", "found", "to_do"} for check in checks)
    states = {check["what"]: check["state"] for check in checks}
    assert set(states.values()) <= STATES - {"failed"}
    needed = ["Python", "misei", "packages", "torch", "run_dir", "file locks", "engine", "store"]
    assert [states[what] for what in needed] == ["ok"] * len(needed)
    assert states["evaluation"] == "ok"
    assert [states[what] for what in ("queue", "LaunchPad", "test job")] == ["skipped"] * 3
    assert list(tmp_path.iterdir()) == []


def test_crash_is_a_failed_row_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> Iterator[Finding]:
        yield ok("torch", "half way")
        raise RuntimeError(f"mongodb://me:{PASSWORD}@host/db\nand p@ss/word broke")

    monkeypatch.setenv("MISEI_LAUNCHPAD", f"mongodb://me:{PASSWORD}@host/db")
    quick(monkeypatch, check_torch=crash)
    result = run(tmp_path, "--json")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert PASSWORD not in result.output
    assert "p@ss/word" not in result.output
    checks = json.loads(result.stdout)["checks"]
    half, crashed = (check for check in checks if check["what"] == "torch")
    assert (half["state"], crashed["state"]) == ("ok", "failed")
    assert crashed["found"] == "RuntimeError: mongodb://host/db and *** broke"
    assert checks[-1]["what"] == "test job"


def test_missing_module_of_a_check_is_its_own_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    monkeypatch.setitem(__import__("sys").modules, "misei.launchers.doctor.queue", None)
    result = run(tmp_path, "--json")
    states = {check["what"]: check["state"] for check in json.loads(result.stdout)["checks"]}
    assert states.pop("queue") == "failed"
    assert "failed" not in states.values()


def test_table_says_what_to_do_and_warnings_are_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Finding("memory", "warning", "[2 GB]", "close the browser")
    quick(monkeypatch, check_resources=lambda *_: [row])
    result = run(tmp_path)
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if "memory" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "memory", "warning", "[2 GB]", "close the browser",
    ]  # fmt: skip


def test_bad_setting_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISEI_WORKERS", "none")
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("misei: MISEI_WORKERS='none'")


def test_engines_of_the_campaign_and_a_test_job_only_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def look(name: str, probes: dict[str, object]) -> list[Finding]:
        asked.append(name)
        return []

    quick(monkeypatch, check_engine=look)
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(
        "name: x\nelectrolytes: [Li6PS5Cl]\nmetals: [Ag]\nscreen: chgnet\nrefine: emt\n"
    )
    patient = Doctor(Settings(run_dir=tmp_path), campaign_file=campaign, test_job=True)
    assert only(patient.findings(), "test job").state == "skipped"
    assert asked == ["chgnet", "emt"]


def test_secrets_that_are_no_uri_are_hidden_and_paths_are_not() -> None:
    row = Finding("x", "ok", "key abc at https://user:word@host/p", "https://u@host")
    (shown,) = run_checks([Check("x", lambda: [row])], ["abc"])
    assert shown == Finding("x", "ok", "key *** at https://host/p", "https://host")


def test_path_of_the_store_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "mine.sqlite")
    monkeypatch.setenv("MISEI_STORE", path)
    quick(monkeypatch, check_store=lambda *_: [ok("store", path)])
    result = run(tmp_path, "--json")
    checks = {check["what"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["store"]["found"] == path


def test_python_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "metadata", lambda _: {"Requires-Python": ">=3.99"})
    found = only(doctor_machine.check_python(), "Python")
    assert (found.state, ">=3.99" in found.to_do) == ("failed", True)


def test_packages_missing_and_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "phonopy":
            raise PackageNotFoundError(name)
        return "0.1" if name == "numpy" else "9999"

    monkeypatch.setattr(doctor_machine, "version", version)
    found = only(doctor_machine.check_packages(), "packages")
    assert found.state == "failed"
    assert "phonopy is not installed" in found.found
    assert "numpy is 0.1 and should be >=" in found.found
    assert found.to_do.startswith("pip install 'numpy>=")
    assert "chgnet" not in found.found  # an extra


@pytest.mark.parametrize(
    ("code", "has_gpu", "state", "said"),
    [
        ("raise ImportError('libtorch.so: no')", False, "failed", "libtorch.so: no"),
        ("import os; os.abort()", False, "failed", "ended with -6"),
        ("print('[\"2.9\", null, 0, 1]')", True, "warning", "CPU build"),
        ('print(\'["2.9", "12.6", 1, 1]\')', True, "ok", "CUDA 12.6, 1 GPU"),
    ],
)
def test_torch(
    code: str,
    has_gpu: bool,
    state: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor_machine, "_ASK_TORCH", code)
    monkeypatch.setattr(doctor_machine, "GPU_DEVICE", tmp_path if has_gpu else tmp_path / "none")
    (found,) = doctor_machine.check_torch()
    assert found.state == state
    assert said in found.found


def test_more_workers_than_cores_and_memory() -> None:
    cores, memory = doctor_machine.check_resources(Settings(workers=10_000))
    assert (cores.state, memory.state) == ("warning", "warning")
    assert "MISEI_WORKERS=" in cores.to_do
    assert "MISEI_WORKERS=" in memory.to_do


def test_too_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    cores, _ = doctor_machine.check_resources(Settings(workers=1))
    assert (cores.state, "OMP_NUM_THREADS" in cores.to_do) == ("warning", True)


@pytest.mark.parametrize(
    ("limit", "state"), [("FREE_TO_RUN_GB", "failed"), ("FREE_TO_BE_AT_EASE_GB", "warning")]
)
def test_space(limit: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_folders, limit, 1e12)
    (found,) = doctor_folders.check_space(tmp_path / "runs")
    assert (found.state, "MISEI_RUN_DIR" in found.to_do) == (state, True)


@pytest.mark.parametrize("place", ["file/runs", "/proc/runs"])
def test_run_dir_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    """By no one: a folder without permissions is no obstacle to root."""
    (tmp_path / "file").touch()
    (found,) = doctor_folders.check_run_dir(tmp_path / place, for_queue=False)
    assert (found.what, found.state) == ("run_dir", "failed")
    assert "MISEI_RUN_DIR" in found.to_do


def test_run_dir_is_not_made(tmp_path: Path) -> None:
    rows = list(doctor_folders.check_run_dir(tmp_path / "new" / "runs", for_queue=False))
    assert [row.state for row in rows] == ["ok"] * 3
    assert list(tmp_path.iterdir()) == []


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    found = only(doctor_folders.check_run_dir(tmp_path, for_queue=False), "file locks")
    assert (found.state, "not implemented" in found.found) == ("failed", True)


def test_locks_that_do_not_keep_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    found = only(doctor_folders.check_run_dir(tmp_path, for_queue=False), "file locks")
    assert (found.state, "keep other processes out" in found.found) == ("failed", True)


def test_run_dir_for_a_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_folders, "network_file_system", lambda _: None)
    found = only(doctor_folders.check_run_dir(tmp_path, for_queue=True), "file system")
    assert (found.state, "MISEI_RUN_DIR" in found.to_do) == ("warning", True)
    monkeypatch.setattr(doctor_folders, "network_file_system", lambda _: "nfs4")
    found = only(doctor_folders.check_run_dir(tmp_path, for_queue=True), "file system")
    assert (found.state, "nfs4" in found.found) == ("ok", True)
