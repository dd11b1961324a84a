"""The command line as users and other programs see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import two_alloys
from typer.testing import CliRunner, Result

from misei.launchers.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
COMMANDS = (
    "screen", "reduce", "interphase", "alloys", "adhesion", "barrier", "rank", "export", "report",
    "design", "compatibility", "vibrations",
)  # fmt: skip

CAMPAIGN = """\
name: one-metal
electrolytes: [Li6PS5Cl, 16 Li6PS5Cl + Li10GeP2S12]
metals: [Zn]
"""


def misei(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "misei.launchers.cli", *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where :func:`invoke` runs commands; what they write stays out of the repository."""
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str) -> Result:
    """Run a command in this process: another one takes seconds for its imports alone."""
    return CliRunner().invoke(app, arguments)


def answer(*arguments: str) -> Any:
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command: str) -> None:
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert f"misei {command}" in done.stdout.split("Examples")[1]


def test_reduce_gives_products_and_windows() -> None:
    lpsc, lgps, lps = answer("reduce", "Li6PS5Cl", "Li10GeP2S12", "Li3PS4")
    assert set(lpsc["products_0V"]) == {"Li2S", "Li3P", "LiCl"}
    assert set(lgps["products_0V"]) == {"Li2S", "Li3P", "Li15Ge4"}
    assert set(lps["products_0V"]) == {"Li2S", "Li3P"}
    # 5 Li2S + Li3P + LiCl holds 14 Li, 8 more than Li6PS5Cl.
    assert lpsc["li_uptake_0V"] == pytest.approx(8)
    assert lpsc["products_0V"]["Li2S"] == pytest.approx(5)
    for document in (lpsc, lgps, lps):
        # Published: 1.71 V (Zhu, He, Mo 2015).
        assert document["reduction_potential"] == pytest.approx(1.71, abs=0.15)
        assert document["reaction_energy_0V"] < 0
        assert document["source"]["name"]
        assert document["voltage_profile"][-1]["potential_low"] == 0


def test_reduce_streams_a_file_of_formulas(tmp_path: Path) -> None:
    (tmp_path / "formulas.txt").write_text("Li6PS5Cl # argyrodite\nXx2S\n\nGe\n")
    done = invoke("reduce", "LiCl", "--file", "formulas.txt", "-o", "out.csv")
    assert done.exit_code == 1
    assert "1 of 4" in done.stderr
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame["formula"]) == ["LiCl", "Li6PS5Cl", "Xx2S", "Ge"]
    assert frame["error"].notna().tolist() == [False, False, True, False]
    assert not list(tmp_path.glob("*.partial"))
    lines = invoke("reduce", "Ge", "Li3PS4", "--format", "jsonl")
    assert lines.exit_code == 0
    assert [json.loads(line)["formula"] for line in lines.stdout.splitlines()] == ["Ge", "Li3PS4"]


def test_reduce_gives_the_plateaus_of_a_metal() -> None:
    done = invoke("reduce", "Ge", "--exclude", "Li9Ge4")
    assert done.exit_code == 0
    profile = done.stdout.split("Voltage profile of Ge")[1]
    assert "0.25 Li15Ge4" in profile
    assert "Li9Ge4" not in profile
    assert "Excluded: Li9Ge4" in done.stdout


def test_interphase_reproduces_the_experiment() -> None:
    formulas = (
        "Li6PS5Cl", "16 Li6PS5Cl + Li10GeP2S12", "4 Li6PS5Cl + Li10GeP2S12", "Li10GeP2S12",
    )  # fmt: skip
    documents = answer("interphase", *formulas)
    fractions = [document["metal_volume_fraction"] for document in documents]
    # From crystal volumes of the products (Su et al. 2025).
    assert fractions == pytest.approx([0, 0.013, 0.037, 0.10], abs=0.004)
    classes = [document["interphase_class"] for document in documents]
    assert classes == ["SEI", "MI-SEI", "MCI", "MCI"]
    assert all("cherry-pit" in document["threshold_model"] for document in documents)


def test_alloys_marks_the_one_in_equilibrium_with_li() -> None:
    found = answer("alloys", "Ge")
    assert [a["alloy"] for a in found if a["equilibrium_with_li"]] == ["Li15Ge4"]
    assert all(a["e_above_hull"] == 0 for a in found)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["reduce", "Xx2S"], "Xx"),
        (["reduce"], "no formula"),
        (["reduce", "--file", "missing.txt"], "missing.txt"),
        (["reduce", "Ge", "-o", "windows.xlsx"], "csv, jsonl"),
        (["reduce", "Ge", "--source", "oqmd"], "bundled, mp, mp-cache"),
        (["reduce", "Li2WO4"], "W"),
        (["reduce", "-2 Li6PS5Cl + Li3PS4"], "-2"),
        (["interphase", "Li6PS5Cl + -1 Li10GeP2S12"], "-1"),
        (["interphase", "Li6PS5Cl", "--grain-diameter", "-1"], "-1"),
        (["alloys", "Cl"], "Cl"),
        (["vibrations"], "no phase given"),
        (["vibrations", "Li9Xe"], "Li9Xe"),
        (["vibrations", "--system", "Li-Xx"], "Xx"),
        (["vibrations", "--system", "Li-U"], "U"),
        (["vibrations", "Al", "--engine", "vaspy"], "vaspy"),
        (["adhesion", "LiAl", "--engine", "vaspy"], "vaspy"),
        (["adhesion", "LiAl", "--preset", "slow"], "slow"),
        (["barrier", "Li7Xy"], "Xy"),
        (["barrier", "missing.cif"], "missing.cif"),
        (["barrier", "MgS"], "MgS"),
        (["screen", "missing.yaml"], "missing.yaml"),
        (["rank"], "misei screen"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr


def test_misspelt_campaign_key_is_named(tmp_path: Path) -> None:
    """In a process of its own, where nothing that is imported may write to stderr either."""
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN + "metalls: [Mg]\n")
    done = misei("screen", "campaign.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "metalls" in done.stderr
    assert "metals" in done.stderr.split("valid:")[1]
    assert not (tmp_path / "runs").exists()


def test_bad_environment_is_named(tmp_path: Path) -> None:
    done = misei("barrier", "LiAl", cwd=tmp_path, MISEI_WORKERS="many")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "MISEI_WORKERS" in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_campaigns_of_known_phases(path: Path) -> None:
    from misei.screening.alloys import alloy_candidates
    from misei.screening.campaign import load_campaign
    from misei.screening.entries import BundledSource
    from misei.workflows.campaign import candidate_flows

    campaign = load_campaign(path)
    source = BundledSource()
    candidates = [c for metal in campaign.metals for c in alloy_candidates(metal, source)]
    chosen, _ = candidate_flows(campaign, candidates, source)
    assert {item.candidate.metal for item in chosen} == set(campaign.metals)


@pytest.fixture(scope="module")
def screening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the campaign, its results and exports."""
    folder = tmp_path_factory.mktemp("screen")
    shutil.copytree(two_alloys.local_run(), folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def screened(screening: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, as the one where commands run."""
    monkeypatch.chdir(screening)
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what a run sets, to be gone after the test
    return screening


@pytest.mark.slow
@pytest.mark.science
def test_screen_ranks_and_exports(screened: Path) -> None:
    ranking = answer("rank")
    alloys = {c["alloy"] for c in ranking["candidates"]} | {r["alloy"] for r in ranking["rejected"]}
    assert "Li3Cd" in alloys
    for rejection in ranking["rejected"]:
        assert rejection["gate"]
    files = answer("export")["files"]
    assert {Path(file).suffix for file in files} == {".csv", ".json", ".md"}
    table = pd.read_csv(screened / "runs/two-alloys/ranking.csv", comment="#")
    assert len(table) == len(ranking["candidates"])
    report = (screened / "runs/two-alloys/report.html").read_text()
    assert "Li3Cd" in report.replace("<sub>", "").replace("</sub>", "")
    assert 'src="http' not in report


@pytest.mark.slow
@pytest.mark.science
def test_screen_again_computes_nothing(screened: Path) -> None:
    before = answer("rank")
    done = misei("screen", "campaign.yaml", cwd=screened)
    assert done.returncode == 0
    assert "0 computed" in done.stderr
    assert answer("rank") == before


@pytest.mark.slow
@pytest.mark.science
def test_single_properties_reuse_the_campaign(screened: Path) -> None:
    barrier = answer("barrier", "Li3Cd")
    assert barrier["converged"]
    assert barrier["engine"] == "sevennet"
    assert barrier["percolation_dimensions"] in (1, 2, 3)
    assert 0 < barrier["migration_barrier"] < 1
    assert barrier["vacancy_formation_energy"] is not None
    assert len(barrier["hops"]) >= 1
    assert barrier["force_evaluations"] > 0
    adhesion = answer("adhesion", "Li3Cd")
    assert set(adhesion) >= {
        "alloy", "work_of_adhesion", "contact_angle", "strain", "area", "natoms", "engine",
        "converged",
    }  # fmt: skip
    assert adhesion["work_of_adhesion"] > 0
    assert 0 <= adhesion["contact_angle"] <= 180
    done = invoke("barrier", "Li3Cd")
    assert "0 computed" in done.stderr
