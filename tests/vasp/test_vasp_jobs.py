"""Single VASP jobs through custodian: happy path, corrections, failures, restarts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymatgen.core
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from atomate2 import SETTINGS
from jobflow import Job
from monty.serialization import loadfn
from pymatgen.core import Structure
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Incar
from stand_in_outputs import SHIFT
from vasp_bench import Bench

from misei.workflows.engines import force_evaluations, get_engine, is_converged
from misei.workflows.vasp_engine import preset
from misei.workflows.vasp_folders import ATTEMPT
from misei.workflows.vasp_hull import hull_entry
from misei.workflows.vasp_jobs import VaspMaker, VaspTaskDoc

FMAX = 0.02
# What two relaxations to FMAX may differ by, eV and angstrom.
ENERGY_TOLERANCE = 1e-3
LENGTH_TOLERANCE = 5e-3
# Forces are written with ten digits.
DIGITS = 1e-8

Mode = Callable[[str], None]
Runs = Callable[[], int]


def shaken_copper(seed: int = 1) -> Structure:
    """Four atoms of Cu with one of Al, off their places; Al in the middle of the list."""
    structure = AseAtomsAdaptor.get_structure(bulk("Cu", cubic=True))
    structure.replace(1, "Al")
    structure.perturb(0.1, seed=seed)
    # An atom outside the cell stays there.
    structure.translate_sites([0], [-0.05, 0.0, 0.0], to_unit_cell=False)
    return structure


def relaxation(structure: Structure | None = None) -> Job:
    """Job that relaxes the ions."""
    return get_engine("vasp", FMAX).relax_ions(structure or shaken_copper(), "Cu3Al")


def test_relaxed_cell_is_the_calculators_own(bench: Bench, runs: Runs) -> None:
    compressed = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.5))
    job = get_engine("vasp", FMAX).relax(compressed, "Cu")
    document = bench.output(job)
    atoms = bulk("Cu", a=3.5)
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=FMAX)
    assert isinstance(document, VaspTaskDoc)
    assert is_converged(document)
    assert document.output.energy == pytest.approx(
        atoms.get_potential_energy() + SHIFT, abs=ENERGY_TOLERANCE
    )
    volume = document.output.structure.volume
    assert volume ** (1 / 3) == pytest.approx(atoms.get_volume() ** (1 / 3), abs=LENGTH_TOLERANCE)
    assert document.structure == document.output.structure
    # Two runs, the second with the plane waves of the relaxed cell and the same tolerance.
    assert runs() == 2
    second = Incar.from_file(bench.folder(job) / "INCAR.relax2")
    assert second["EDIFFG"] == -FMAX
    steps = [len(c.output.ionic_steps) for c in document.calcs_reversed]
    assert steps == [1, 1]
    assert force_evaluations(document) > 2


def test_atoms_come_back_as_they_were_given(bench: Bench) -> None:
    structure = shaken_copper()
    document = bench.output(get_engine("vasp", FMAX).static(structure, "Cu3Al"))
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = EMT()
    np.testing.assert_allclose(document.output.forces, atoms.get_forces(), atol=DIGITS)
    energy = atoms.get_potential_energy() + SHIFT * len(atoms)
    assert document.output.energy == pytest.approx(energy, abs=DIGITS)
    assert document.structure.species == structure.species
    np.testing.assert_allclose(document.structure.frac_coords, structure.frac_coords, atol=DIGITS)
    assert structure.frac_coords[0, 0] < 0
    assert is_converged(document)
    assert force_evaluations(document) == 1


def test_relaxed_ions_keep_cell_and_order(bench: Bench) -> None:
    structure = shaken_copper()
    document = bench.output(relaxation(structure))
    assert is_converged(document)
    assert document.structure.lattice == structure.lattice
    assert document.structure.species == structure.species
    moved = document.structure.cart_coords - structure.cart_coords
    assert 0.01 < np.linalg.norm(moved, axis=1).max() < 1.0
    assert np.linalg.norm(document.output.forces, axis=1).max() <= FMAX


@pytest.mark.parametrize("symbol", ["Ni_pv", "Ni"])
def test_entry_stands_on_the_hull_of_the_materials_project(bench: Bench, symbol: str) -> None:
    oxide = AseAtomsAdaptor.get_structure(bulk("NiO", "rocksalt", a=4.2))
    entry = hull_entry(bench.output(get_engine("vasp", FMAX).static(oxide, "NiO")))
    spec = entry.parameters["potcar_spec"]
    assert {s["titel"].split()[1] for s in spec} == {"Ni_pv", "O"}  # codespell:ignore
    assert entry.parameters["hubbards"] == {"Ni": 6.2, "O": 0.0}
    assert entry.parameters["run_type"] == "GGA+U"
    for potential in spec:
        potential["titel"] = potential["titel"].replace("Ni_pv", symbol)  # codespell:ignore
    accepted = MaterialsProject2020Compatibility().process_entries([entry], on_error="ignore")
    assert bool(accepted) == (symbol == "Ni_pv")
    if accepted:
        names = {adjustment.name for adjustment in accepted[0].energy_adjustments}
        assert names == {
            "MP2020 anion correction (oxide)",
            "MP2020 GGA/GGA+U mixing correction (Ni)",
        }


def test_corrected_error_leaves_the_right_result(bench: Bench, mode: Mode, runs: Runs) -> None:
    plain = bench.output(relaxation())
    once = runs()
    mode("zbrent")
    other = relaxation(shaken_copper(seed=2))
    document = bench.output(other)
    assert runs() == once + 2
    assert document.custodian[0].corrections[0]["errors"] == ["zbrent"]
    incar = Incar.from_file(bench.folder(other) / "INCAR.gz")
    assert incar["EDIFF"] == pytest.approx(1e-7)
    assert incar["NELMIN"] == 8
    assert is_converged(document)
    assert document.output.energy == pytest.approx(plain.output.energy, abs=ENERGY_TOLERANCE)
    last = Incar.from_file(bench.folder(other) / "INCAR.orig.gz")
    assert last["EDIFF"] == pytest.approx(1e-6)
    # Two steps were done before the error.
    mode("")
    again = bench.output(relaxation(document.structure))
    assert force_evaluations(again) == 1
    assert force_evaluations(document) > 2


def test_unknown_crash_is_one_line_and_runs_again(bench: Bench, mode: Mode, runs: Runs) -> None:
    job = relaxation()
    mode("crash")
    error = bench.error(job)
    assert "VaspRunError: VASP gave no result" in error
    assert "XYZZY gave up, code 42" in error
    assert str(bench.folder(job)) in error
    assert "\n" not in error
    assert runs() == 1
    mode("")
    assert is_converged(bench.output(relaxation()))
    assert runs() == 2
    assert bench.run(relaxation()).reused == ["Cu3Al"]
    assert runs() == 2


def test_electronic_steps_that_run_out_are_an_error(bench: Bench, mode: Mode, runs: Runs) -> None:
    mode("no-scf")
    error = bench.error(get_engine("vasp", FMAX).static(shaken_copper(), "Cu3Al"))
    assert "after correcting Unconverged" in error
    assert "electronic steps ran out (NELM 100)" in error
    # custodian tried the algorithms it knows.
    assert runs() > 2


def test_ionic_steps_that_run_out_are_not_converged(bench: Bench, runs: Runs) -> None:
    short = preset("ions", 1e-4)
    short.user_incar_settings = {"NSW": 2}
    job = VaspMaker(input_set_generator=short).make(shaken_copper())
    document = bench.output(job)
    assert not is_converged(document)
    assert document.unconverged == ["ionic steps ran out (NSW 2)"]
    # custodian went on from the last geometry as often as it may, and every step counts.
    assert runs() == SETTINGS.VASP_CUSTODIAN_MAX_ERRORS
    assert force_evaluations(document) == 2 * runs()


def test_killed_relaxation_goes_on_from_its_last_geometry(
    bench: Bench, mode: Mode, runs: Runs
) -> None:
    job = relaxation()
    mode("killed")
    assert "it crashed or was killed" in bench.error(job)
    mode("")
    document = bench.output(relaxation())
    assert runs() == 2
    left = bench.folder(job) / f"{ATTEMPT}1"
    reached = Structure.from_file(left / "CONTCAR")
    started = document.orig_inputs.structure
    np.testing.assert_allclose(started.frac_coords % 1, reached.frac_coords % 1, atol=DIGITS)
    steps = loadfn(bench.folder(job) / "custodian.json.gz", cls=None)
    assert not steps[0]["corrections"]
    assert is_converged(document)
    np.testing.assert_allclose(
        document.structure.frac_coords, shaken_copper().frac_coords, atol=0.2
    )
    # Those of the killed run are counted.
    assert force_evaluations(document) > 2


def test_other_structure_in_the_same_folder_starts_anew(bench: Bench, mode: Mode) -> None:
    first, second = shaken_copper(), shaken_copper(seed=3)
    job = relaxation(first)
    mode("killed")
    bench.error(job)
    mode("")
    job = VaspMaker(input_set_generator=preset("ions", FMAX)).make(second)
    job.uuid = relaxation(first).uuid
    document = bench.output(job)
    np.testing.assert_allclose(
        document.orig_inputs.structure.get_sorted_structure().frac_coords % 1,
        second.get_sorted_structure().frac_coords % 1,
        atol=DIGITS,
    )


@pytest.mark.parametrize("command", ["nowhere", "env OMP_NUM_THREADS=1 nowhere -n 4 vasp_std", ""])
def test_missing_program_names_the_setting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(SETTINGS, "VASP_CMD", command)
    error = bench.error(relaxation())
    assert f"VaspSetupError: VASP_CMD is {command!r}, and there is no such program" in error
    assert "ATOMATE2_VASP_CMD" in error


def test_missing_folder_of_potentials_names_the_setting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(pymatgen.core.SETTINGS, "PMG_VASP_PSP_DIR")
    assert "VaspSetupError: PMG_VASP_PSP_DIR is None" in bench.error(relaxation())


def test_missing_potential_is_named(bench: Bench) -> None:
    gold = AseAtomsAdaptor.get_structure(bulk("Au"))
    error = bench.error(relaxation(gold))
    assert "VaspSetupError: no POTCAR 'Au' in " in error
    assert "MISEI_VASP_POTCARS" in error


def test_tags_that_change_results_are_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SETTINGS, "VASP_INCAR_UPDATES", {"NCORE": 4, "ENCUT": 600})
    assert "VASP_INCAR_UPDATES sets ENCUT," in bench.error(relaxation())
