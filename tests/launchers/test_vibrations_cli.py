"""`misei vibrations`: results, resume, errors, and the phases that a chemical system needs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from misei.launchers import vibrations
from misei.launchers.cli import app
from misei.launchers.commands import console
from misei.launchers.commands import vibrations as commands
from misei.launchers.vibrations import VibrationsRun
from misei.screening.entries import BundledSource, ReferenceEntry
from misei.screening.schemas import Provenance
from misei.screening.schemas_vibrations import ImaginaryMode, VibrationsDoc
from misei.screening.vibrations import competing_phases
from misei.workflows.vibrations import VibrationsMaker


def misei(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "misei.launchers.cli", "vibrations", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_metal_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process than the one that asks again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what a run sets, to be gone after the test
    options = ("Al", "--engine", "emt", "--workers", "1", "--min-length", "8")
    first = misei(*options, "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (document,) = json.loads(first.stdout)
    assert document["entry_id"] == "Al-225"
    assert document["engine"] == "emt"
    assert document["dynamically_stable"]
    assert document["supercell_natoms"] == 27  # 3 x 3 x 3, 8.5 angstrom; 12 take 125
    assert "structure" not in document
    assert "bands" not in document
    again = CliRunner().invoke(app, ["vibrations", *options, "--plot", "bands.svg"])
    assert again.exit_code == 0
    assert "0 computed" in again.stderr
    assert "meV/atom" in again.stdout
    assert "THz" in again.stdout
    assert (tmp_path / "bands.svg").read_text().lstrip().startswith("<?xml")


def test_the_command_s_supercell_is_the_maker_s() -> None:
    # Written twice, because the command must not import the maker to show its help.
    option = inspect.signature(commands.vibrations).parameters["min_length"]
    assert option.default == VibrationsMaker.min_length


def test_a_plot_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    options = ["vibrations", "Al", "--engine", "emt", "--run-dir", str(tmp_path)]
    refused = CliRunner().invoke(app, [*options, "--plot", "bands.bmp"])
    assert refused.exit_code == 2
    assert "'bands.bmp'" in refused.stderr
    assert ".png, .svg, .pdf" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_imaginary_modes_are_listed_with_their_q(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "out", Console(width=160))
    (entry,) = BundledSource().find("Al-225")
    document = made_up(entry, stable=False)
    document.imaginary = [ImaginaryMode(q=(0.5, 0.0, 0.25), frequency=-1.25, count=6)]
    document.imaginary_on_path = [ImaginaryMode(q=(0.1, 0.0, 0.0), frequency=-0.75, count=1)]
    commands._print(VibrationsRun(documents={"Al-225": document}))
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "(0." in line]
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows][-2:]
    assert cells[0][1:4] == ["(0.5, 0, 0.25)", "-1.250", "6"]
    assert cells[1][1:4] == ["(0.1, 0, 0)", "-0.750", "1"]
    assert "computed" in cells[0][4]
    assert "interpolated" in cells[1][4]


def made_up(entry: ReferenceEntry, stable: bool) -> VibrationsDoc:
    return VibrationsDoc(
        formula=entry.data["formula"], entry_id=str(entry.entry_id), engine="toy",
        structure=entry.structure, natoms=len(entry.structure),
        supercell=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], supercell_natoms=len(entry.structure),
        displacements=1, mesh=(1, 1, 1), temperatures_K=[0.0, 1000.0], free_energies=[0.0, 0.0],
        entropies=[0.0, 0.0], heat_capacities=[0.0, 0.0], lowest_frequency=1.0,
        lowest_frequency_q=(0.0, 0.0, 0.0), imaginary_tolerance=0.1,
        imaginary_modes=0 if stable else 1, omitted_fraction=0.0, acoustic_residual=0.0,
        converged=True, provenance=Provenance(engine="toy", engine_version="1"),
    )  # fmt: skip


@pytest.mark.parametrize("lost", ["the lowest", "all"])
def test_a_system_goes_on_with_the_polymorph_that_takes_the_place_of_an_unstable_one(
    lost: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    polymorphs = [str(entry.entry_id) for entry in BundledSource().find("Li")]
    unstable = polymorphs[:1] if lost == "the lowest" else polymorphs
    rounds: list[list[str]] = []

    def compute(entries: Iterable[ReferenceEntry], maker: Any, settings: Any, run: Any) -> None:
        rounds.append([str(entry.entry_id) for entry in entries])
        for entry in entries:
            entry_id = str(entry.entry_id)
            run.documents[entry_id] = made_up(entry, entry_id not in unstable)

    monkeypatch.setattr(vibrations, "_compute", compute)
    run = vibrations.run_vibrations([], ["Li-Al"], "emt", run_dir=tmp_path)
    first = {str(e.entry_id) for e in competing_phases(BundledSource(), ["Al"])}
    assert set(rounds[0]) == first
    assert polymorphs[0] in first
    if lost == "the lowest":
        assert rounds[1:] == [[polymorphs[1]]]
        assert run.missing == {"Li-Al": ()}
    else:
        assert [i for round_ in rounds[1:] for i in round_] == polymorphs[1:]
        assert all("dynamically unstable" in text for text in run.missing["Li-Al"])
