"""What the doctor says of VASP, of which nothing is on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from misei.launchers.doctor.engine import check_engine
from misei.launchers.doctor.findings import Check, Finding, run_checks
from misei.launchers.doctor.vasp import ELF, VTST_MARK, check_vasp, has_vtst
from misei.workflows import vasp_setup


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without VASP; what lies in the folder is on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(vasp_setup.ATOMATE2, "VASP_CMD", "vasp_std")
    monkeypatch.setattr(vasp_setup.ATOMATE2, "VASP_INCAR_UPDATES", {})
    monkeypatch.delitem(vasp_setup.PYMATGEN, "PMG_VASP_PSP_DIR", raising=False)
    monkeypatch.delenv("MISEI_VASP_VTST", raising=False)
    return tmp_path


def rows() -> dict[str, Finding]:
    return {row.what: row for row in check_vasp()}


def program(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    (folder / name).chmod(0o755)


@pytest.mark.usefixtures("nowhere")
def test_nothing_is_there_and_each_row_says_what_to_set() -> None:
    found = {
        row.what: row for row in run_checks([Check("engine", lambda: check_engine("vasp", {}))])
    }
    assert list(found) == [
        "engine", "VASP command", "POTCARs", "INCAR tags", "VTST", "evaluation",
    ]  # fmt: skip
    states = {what: row.state for what, row in found.items()}
    assert states["VASP command"] == states["POTCARs"] == "failed"
    assert states["VTST"] == states["evaluation"] == "skipped"
    assert "ATOMATE2_VASP_CMD" in found["VASP command"].to_do
    assert "'vasp_std'" in found["VASP command"].found
    assert "pmg config -p" in found["POTCARs"].to_do
    assert "PMG_VASP_PSP_DIR" in found["POTCARs"].found


def test_a_folder_without_lithium(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vasp_setup.PYMATGEN, "PMG_VASP_PSP_DIR", str(nowhere))
    found = rows()["POTCARs"]
    assert (found.state, "'Li_sv'" in found.found) == ("failed", True)
    assert "MISEI_VASP_POTCARS" in found.to_do


@pytest.mark.usefixtures("nowhere")
def test_tags_that_would_change_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vasp_setup.ATOMATE2, "VASP_INCAR_UPDATES", {"ENCUT": 300, "NCORE": 4})
    found = rows()["INCAR tags"]
    assert (found.state, "ENCUT" in found.found, "NCORE" in found.found) == ("failed", True, False)


@pytest.mark.parametrize(
    ("holds", "expected", "state"),
    [(True, True, "ok"), (False, False, "ok"), (True, False, "warning"), (False, True, "failed")],
)
def test_vtst_against_the_binary(
    holds: bool, expected: bool, state: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISEI_VASP_VTST", str(expected))
    monkeypatch.setattr(vasp_setup.ATOMATE2, "VASP_CMD", "mpirun -n 16 vasp_std")
    program(nowhere, "mpirun", ELF + VTST_MARK)
    program(nowhere, "vasp_std", ELF + b"\0" * 5000 + (VTST_MARK if holds else b""))
    found = rows()
    assert found["VASP command"].state == "ok"
    assert found["VTST"].state == state
    assert bool(found["VTST"].to_do) == (state != "ok")


def test_a_script_does_not_say_whether_it_has_vtst(nowhere: Path) -> None:
    program(nowhere, "vasp_std", b"#!/bin/sh\n# VTST: version 4\n")
    assert has_vtst("vasp_std") is None
    assert rows()["VTST"].state == "skipped"
    assert has_vtst("vasp_of_nowhere") is None
