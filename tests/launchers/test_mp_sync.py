from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mp_server import ELEMENTS, KEY, VERSION, numbers
from typer.testing import CliRunner, Result

from misei.launchers.cli import app
from misei.screening.chemical_systems import subsystems
from misei.screening.materials_project.sync import BATCH
from misei.settings import Settings

if TYPE_CHECKING:
    from mp_server import Service

ALL = subsystems(ELEMENTS)
KILL_TIMEOUT_S = 60


@pytest.fixture
def environment(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Variables that send misei to the local service and an empty cache."""
    variables = {
        "MISEI_MP_ENDPOINT": service.url,
        "MISEI_MP_API_KEY": KEY,
        "MISEI_MP_CACHE_DIR": str(tmp_path / "cache"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["mp", *arguments])
    assert KEY not in result.output
    return result


def answer(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def contents(folder: Path) -> dict[str, Any]:
    """Entries of every file, and its header but for the time of the fetch."""
    found = {}
    for path in sorted(folder.rglob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        del document["header"]["fetched_at"]
        found[str(path.relative_to(folder))] = document
    return found


@pytest.mark.usefixtures("environment")
def test_formulas_stand_for_their_elements_with_li(service: Service) -> None:
    result = answer("sync", "P2S5", "--chemsys", "S-Li")
    assert result["systems"] == ["Li-S", "Li-P-S"]
    assert result["fetched"] == numbers(subsystems(["Li", "P", "S"]))
    assert result["already_there"] == []
    assert result["entries"] == sum(result["fetched"].values())
    again = answer("sync", "Li7P3S11")
    assert again["fetched"] == {}
    assert len(again["already_there"]) == len(subsystems(["Li", "P", "S"]))
    assert again["entries"] == result["entries"]
    assert len(service.fetched_systems()) == len(subsystems(["Li", "P", "S"]))


@pytest.mark.usefixtures("environment")
def test_file_of_formulas_and_another_cache(tmp_path: Path) -> None:
    formulas = tmp_path / "electrolytes.txt"
    formulas.write_text("Li2S\n# a comment\nLiCl\n")
    result = answer("sync", "--file", str(formulas), "--cache", str(tmp_path / "mine"))
    assert result["systems"] == ["Li-S", "Cl-Li"]
    assert Path(result["folder"]) == tmp_path / "mine" / "GGA_GGA+U" / VERSION
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("environment")
def test_summary_and_progress_are_on_their_streams(service: Service) -> None:
    service.thermo = [d for d in service.thermo if d["chemsys"] != "Cl-P"]
    result = run("sync", "--chemsys", "Cl-P")
    assert result.exit_code == 0
    assert "3 chemical systems fetched, 0 already there" in result.stdout
    assert "Materials Project: 3/3 Cl-P" in result.stderr
    assert "no phase of exactly Cl-P" in result.stderr


@pytest.mark.usefixtures("environment")
def test_list(service: Service) -> None:
    assert answer("list") == []
    answer("sync", "Li2S")
    answer("sync", "Li2S", "--thermo-type", "R2SCAN")
    service.version = "2025.10.01"
    result = run("sync", "--chemsys", "Li")
    assert "a new folder beside 2025.09.25" in result.stderr
    rows = answer("list")
    found = [(r["thermo_type"], r["database_version"], r["systems"]) for r in rows]
    assert found == [
        ("GGA_GGA+U", VERSION, 3), ("GGA_GGA+U", "2025.10.01", 1), ("R2SCAN", VERSION, 3),
    ]  # fmt: skip
    assert rows[0]["entries"] == sum(numbers(["Li", "S", "Li-S"]).values())
    assert VERSION in run("list").stdout


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "misei mp sync Li6PS5Cl"),
        (["Xx2S"], "Xx"),
        (["--chemsys", "Li-Xx"], "Xx"),
        (["--chemsys", "Li-*"], "Li-*"),
        (["--chemsys", "Li6PS5Cl"], "Li6PS5Cl"),
        (["--chemsys", "Li-S-Li"], "twice"),
        (["--chemsys", "Li", "--thermo-type", "PBE"], "GGA_GGA+U, R2SCAN"),
        (["--chemsys", "At-Li"], "no phase of At"),
        (["--file", "missing.txt"], "missing.txt"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], named: str) -> None:
    result = run("sync", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert named in result.stderr.splitlines()[-1]
    assert [line for line in result.stderr.splitlines() if "Materials Project: " not in line] == [
        result.stderr.splitlines()[-1]
    ]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("status", "named"), [(403, "API key"), (429, "wait"), (500, "HTTP 500")])
def test_errors_of_the_service_are_one_line(service: Service, status: int, named: str) -> None:
    service.status = status
    result = run("sync", "Li2S")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert named in result.stderr


def sync_process(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "misei.launchers.cli", "mp", "sync"]
    return subprocess.Popen(
        [*command, "--chemsys", "-".join(ELEMENTS)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_when_files_appear(process: subprocess.Popen[bytes], cache: Path) -> None:
    """Kill -9 once the first batch is there."""
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while len(list(cache.rglob("*.json.gz"))) < BATCH:
        assert process.poll() is None, "the sync ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_sync_goes_on_where_it_was(
    service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    service.delay_s = 0.3
    kill_when_files_appear(sync_process(environment), tmp_path / "cache")
    service.delay_s = 0.0
    before = contents(tmp_path / "cache")
    held = [Path(name).name.removesuffix(".json.gz") for name in before]
    assert BATCH <= len(held) < len(ALL)

    service.requests.clear()
    assert sync_process(environment).wait(KILL_TIMEOUT_S) == 0
    assert sorted(service.fetched_systems()) == sorted(set(ALL) - set(held))

    whole = tmp_path / "uninterrupted"
    answer("sync", "--chemsys", "-".join(ELEMENTS), "--cache", str(whole))
    after = contents(tmp_path / "cache")
    assert after == contents(whole)
    assert len(after) == len(ALL)
    assert before.items() <= after.items()


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().mp_cache_dir == tmp_path / "misei" / "mp"  # type: ignore[call-arg]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert Settings().mp_cache_dir.is_absolute()  # type: ignore[call-arg]
    monkeypatch.setenv("MISEI_MP_API_KEY", KEY)
    assert KEY not in repr(Settings())  # type: ignore[call-arg]
