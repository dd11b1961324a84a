"""Inputs of VASP: against stored references, the Materials Project's sets, and by structure."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from pymatgen.io.vasp.sets import MPRelaxSet, MPStaticSet
from reference_cases import (
    REFERENCES,
    cases,
    interface,
    iron_oxide,
    lithium,
    lithium_aluminium,
    lithium_oxide,
    lithium_slab,
    write_inputs,
)

from misei.structures.vacuum import slab_centre
from misei.workflows.engines import get_engine
from misei.workflows.vasp_engine import preset, vasp_phonon_maker
from misei.workflows.vasp_inputs import kpoint_grid
from misei.workflows.vasp_setup import VaspSetupError

# Tags in which a crystal's inputs differ from the Materials Project's, and why no entry minds.
MORE_PRECISE = {"EDIFF", "LREAL"}
FORCES_INSTEAD_OF_ENERGY = {"EDIFFG"}
FILES = {"LCHARG", "LWAVE"}
# Methfessel-Paxton for metals, as MPMetalRelaxSet has it, Gaussian for others.
SMEARING = {"ISMEAR", "SIGMA"}
SAYS_STATIC = {"IBRION"}


def differences(found: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Name what two sets of tags differ in."""
    return [
        f"{key}: {found.get(key)!r}, not {stored.get(key)!r}"
        for key in sorted({*found, *stored})
        if found.get(key) != stored.get(key)
    ]


@pytest.mark.parametrize("name", list(cases()))
def test_inputs_are_those_of_the_reference(name: str, tmp_path: Path) -> None:
    write_inputs(name, tmp_path)
    stored = REFERENCES / name
    assert not differences(
        dict(Incar.from_file(tmp_path / "INCAR")), dict(Incar.from_file(stored / "INCAR"))
    )
    grids = [Kpoints.from_file(folder / "KPOINTS") for folder in (tmp_path, stored)]
    assert grids[0].style == grids[1].style
    assert grids[0].kpts == grids[1].kpts
    found, reference = (
        Poscar.from_file(folder / "POSCAR", check_for_potcar=False).structure
        for folder in (tmp_path, stored)
    )
    assert found.species == reference.species
    np.testing.assert_allclose(found.lattice.matrix, reference.lattice.matrix, atol=1e-8)
    np.testing.assert_allclose(found.frac_coords, reference.frac_coords, atol=1e-8)
    specs = [(folder / "POTCAR.spec").read_text().split() for folder in (tmp_path, stored)]
    assert specs[0] == specs[1]


@pytest.mark.parametrize("task", ["cell", "static"])
@pytest.mark.parametrize("structure", [lithium_aluminium(), lithium_oxide(), iron_oxide()])
def test_crystals_have_the_tags_of_the_materials_project(structure: Structure, task: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = (MPRelaxSet if task == "cell" else MPStaticSet)(structure)
        their_incar, their_grid = theirs.incar, theirs.kpoints
        ours = preset(task).get_input_set(structure, potcar_spec=True)
    named = MORE_PRECISE | FILES | SMEARING
    named |= FORCES_INSTEAD_OF_ENERGY if task == "cell" else SAYS_STATIC
    found = {text.split(":")[0] for text in differences(dict(ours["INCAR"]), dict(their_incar))}
    assert found <= named
    assert ours["INCAR"]["EDIFF"] < their_incar["EDIFF"]
    assert ours["POTCAR.spec"].split() == theirs.potcar_symbols
    assert theirs.user_potcar_functional == preset(task).user_potcar_functional
    assert np.all(np.array(ours["KPOINTS"].kpts) >= np.array(their_grid.kpts))
    assert ("LDAUU" in ours["INCAR"]) == ("Fe" in structure.symbol_set)


def test_energies_of_all_tasks_can_be_subtracted() -> None:
    tags = ["ENCUT", "PREC", "LREAL", "ISMEAR", "SIGMA", "ISPIN", "LASPH"]
    for structure in (lithium_aluminium(), lithium_oxide(), interface()):
        rows = {
            json.dumps([preset(task).get_input_set(structure, potcar_spec=True)["INCAR"].get(tag)
                        for tag in tags])
            for task in ("cell", "ions", "static", "band", "displacement")
        }  # fmt: skip
        assert len(rows) == 1


def test_slab_has_a_dipole_layer_opposite_its_vacuum() -> None:
    slab = lithium_slab()
    tags = preset("cell").get_input_set(slab, potcar_spec=True)
    # The slab lies from -3.0 to 7.32 angstrom in a cell of 24.
    assert tags["INCAR"]["IDIPOL"] == 1
    assert tags["INCAR"]["DIPOL"] == pytest.approx([2.16 / 24, 0.5, 0.5], abs=1e-4)
    # No change of the cell, even where it is asked for.
    assert tags["INCAR"]["ISIF"] == 2
    assert tags["KPOINTS"].kpts[0][0] == 1


def test_one_kpoint_across_even_a_narrow_vacuum() -> None:
    thin = Structure(np.diag([3.44, 3.44, 10.0]), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.172]])
    solid = Structure(thin.lattice, ["Li"] * 4, [[0, 0, z / 4] for z in range(4)])
    assert kpoint_grid(solid).kpts[0][2] == 3
    assert kpoint_grid(thin).kpts[0][2] == 1


def test_centre_of_a_slab_does_not_depend_on_the_origin() -> None:
    slab = lithium_slab()
    centre = slab_centre(slab, 0)
    for shift in (0.13, 0.5, 0.77):
        moved = slab.copy().translate_sites(range(len(slab)), [shift, 0, 0])
        assert (slab_centre(moved, 0) - shift - centre + 0.5) % 1 == pytest.approx(0.5)


def test_spin_where_an_element_has_a_moment() -> None:
    slab = lithium_slab()
    magnetic = slab.copy()
    magnetic.replace(3, "Ni")
    for structure, spin in ((slab, 1), (magnetic, 2)):
        tags = preset("ions").get_input_set(structure, potcar_spec=True)["INCAR"]
        assert tags["ISPIN"] == spin
        assert ("MAGMOM" in tags) == (spin == 2)


def test_kpoint_spacing_is_that_of_the_small_cell_in_a_large_one() -> None:
    cell, large = lithium(), lithium((3, 3, 3))
    small, fewer = (np.array(kpoint_grid(s).kpts[0]) for s in (cell, large))
    assert np.all(small == small[0])
    assert np.all(np.abs(3 * fewer - small) < 3)


@pytest.mark.parametrize("task", ["cell", "ions", "static", "band", "displacement"])
def test_presets_survive_json(task: Any) -> None:
    inputs = preset(task, 0.02)
    read = json.loads(json.dumps(inputs, cls=MontyEncoder), cls=MontyDecoder)
    structure = lithium_aluminium()
    first, second = (i.get_input_set(structure, potcar_spec=True) for i in (inputs, read))
    assert dict(first["INCAR"]) == dict(second["INCAR"])
    assert first["KPOINTS"].kpts == second["KPOINTS"].kpts


def test_settings_change_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    crystal = lithium_aluminium()
    usual = get_engine("vasp", 0.02).relax(crystal, "LiAl").uuid
    assert get_engine("vasp", 0.02).relax(crystal, "another name").uuid == usual
    assert get_engine("vasp", 0.03).relax(crystal, "LiAl").uuid != usual
    monkeypatch.setenv("MISEI_VASP_POTCARS", "PBE_54")
    assert get_engine("vasp", 0.02).relax(crystal, "LiAl").uuid != usual
    assert preset("cell").user_potcar_functional == "PBE_54"


@pytest.mark.parametrize(("variable", "value"), [("VTST", "maybe"), ("POTCARS", "PBE_99")])
def test_invalid_settings_are_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"MISEI_VASP_{variable}", value)
    with pytest.raises(
        VaspSetupError, match=f"^MISEI_VASP_{variable}='{value}': Input should"
    ) as e:
        get_engine("vasp")
    assert "\n" not in str(e.value)


def test_displacements_of_phonons_are_tighter_than_statics() -> None:
    inputs = vasp_phonon_maker().input_set_generator
    tags = inputs.get_input_set(lithium_aluminium(), potcar_spec=True)["INCAR"]
    assert (tags["EDIFF"], tags["ISYM"], tags["NSW"]) == (1e-8, 0, 0)
