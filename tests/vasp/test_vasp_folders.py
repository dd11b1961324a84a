"""What earlier attempts leave in a job's folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Poscar

from misei.workflows.vasp_folders import (
    ATTEMPT,
    ionic_steps_before,
    last_geometry,
    set_aside,
    unwrapped,
    write_start,
)

START = AseAtomsAdaptor.get_structure(bulk("Cu", cubic=True))
STEP = "   {number} F= -.1E+01 E0= -.1E+01  d E =-.1E-02\n"


def attempt(folder: Path, start: Structure, contcar: str) -> None:
    """What a killed run leaves, moved aside."""
    write_start(start, folder)
    (folder / "CONTCAR").write_text(contcar)
    (folder / "OSZICAR").write_text(STEP.format(number=1) + STEP.format(number=2))
    set_aside(folder)


def moved(by: float) -> Structure:
    """The start with an atom moved, Cartesian angstrom."""
    structure = START.copy()
    structure.translate_sites([0], [-by, 0, 0], frac_coords=False, to_unit_cell=True)
    return structure


def test_only_files_of_vasp_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    for name in ("INCAR", "vasprun.xml.gz", "error.1.tar.gz", "01/POSCAR", "answer.json", "lock"):
        (tmp_path / name).write_text(name)
    set_aside(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{ATTEMPT}1", "answer.json", "lock"}
    assert (tmp_path / f"{ATTEMPT}1" / "01" / "POSCAR").exists()
    set_aside(tmp_path)
    assert not (tmp_path / f"{ATTEMPT}2").exists()


def test_last_readable_geometry_of_the_same_start_counts(tmp_path: Path) -> None:
    assert last_geometry(START, tmp_path) == START
    attempt(tmp_path, START, Poscar(moved(0.1)).get_str(significant_figures=16))
    attempt(tmp_path, moved(1.0), Poscar(moved(1.1)).get_str())
    attempt(tmp_path, START, Poscar(moved(0.2)).get_str()[:200])
    attempt(tmp_path, START, "")
    found = last_geometry(START, tmp_path)
    # Wrapped to the other side of the cell by VASP, and back again.
    np.testing.assert_allclose(found[0].coords, START[0].coords - [0.1, 0, 0], atol=1e-8)


def test_unwrapped_undoes_jumps_of_whole_cells() -> None:
    wrapped = moved(0.1)
    assert wrapped.frac_coords[0, 0] > 0.9
    assert unwrapped(wrapped, START).frac_coords[0, 0] == pytest.approx(-0.1 / START.lattice.a)


def test_steps_of_lost_runs_are_counted_once(tmp_path: Path) -> None:
    attempt(tmp_path, START, "")
    other = "other algorithm\n" + STEP.format(number=1)
    (tmp_path / "OSZICAR").write_text("the run that counts\n" + STEP.format(number=1))
    # Two handlers corrected one run; then a last correction, after which nothing was run.
    for number, text in enumerate((other, other, (tmp_path / "OSZICAR").read_text()), start=1):
        with tarfile.open(tmp_path / f"error.{number}.tar.gz", "w:gz") as tar:
            member = tarfile.TarInfo("error/OSZICAR")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    assert ionic_steps_before(tmp_path) == 2 + 1
