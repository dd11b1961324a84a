"""Bands of VASP through custodian: with VTST, without it, continued, killed and crashed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import BFGS
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Incar
from stand_in_outputs import SHIFT
from vasp_bench import Bench

from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.structures.defects import interpolate_path
from misei.workflows.engines import Engine, force_evaluations, get_engine, is_converged
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.vasp_folders import ATTEMPT

FMAX = 0.03
# Two searches of one saddle to FMAX, eV.
BARRIER_TOLERANCE = 0.005
BULK = bulk("Cu", "fcc", a=3.59, cubic=True) * (2, 2, 1)

Mode = Callable[[str], None]


def vacancy(site: int) -> Structure:
    """Sixteen sites of Cu with a vacancy on the first or second, which the first atom swaps."""
    atoms = BULK.copy()
    positions = atoms.positions.copy()
    if site == 0:
        # The atom beside the vacancy stands where the vacancy was.
        positions[1] = positions[0]
    atoms.positions = positions
    del atoms[0]
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=FMAX / 3)
    return AseAtomsAdaptor.get_structure(atoms)


@pytest.fixture(scope="module")
def ends() -> tuple[list[Structure], tuple[float, float]]:
    """Relaxed ends of a hop, and their energies as the stand-in gives them."""
    structures = [vacancy(1), vacancy(0)]
    energies = []
    for structure in structures:
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        atoms.calc = EMT()
        energies.append(float(atoms.get_potential_energy()) + SHIFT * len(atoms))
    return structures, (energies[0], energies[1])


def guess_of(ends: tuple[list[Structure], tuple[float, float]], images: int) -> PathGuess:
    """A path with some images between the ends."""
    structures, energies = ends
    path = interpolate_path(structures[0], structures[1], images)
    # A path that crosses the border of the cell must come back in one piece.
    shifted = [
        s.copy().translate_sites(range(len(s)), [-0.3, 0, 0], to_unit_cell=False) for s in path
    ]
    return PathGuess(images=shifted, end_energies=energies, mover=0)


def vasp_engine(steps: int = 150) -> Engine:
    """The engine as it is set up now."""
    return get_engine("vasp", FMAX, SaddleSettings(steps=steps))


@pytest.fixture
def vtst(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary with VTST, and the setting that says so."""
    monkeypatch.setenv("STAND_IN_VTST", "1")
    monkeypatch.setenv("MISEI_VASP_VTST", "true")


def own_barrier(guess: PathGuess) -> PathDoc:
    """The same search by the ASE engine."""
    path = get_engine("emt", FMAX).saddle_maker
    shift = SHIFT * len(guess.images[0])
    energies = tuple(energy - shift for energy in guess.end_energies)
    return path.run_ase(guess.model_copy(update={"end_energies": energies}))


@pytest.mark.usefixtures("vtst")
def test_climbing_image_finds_the_saddle_of_the_ase_search(bench: Bench, ends: tuple) -> None:
    guess = guess_of(ends, 3)
    job = vasp_engine().saddle(guess, "hop")
    path = bench.output(job)
    reference = own_barrier(guess)
    shift = SHIFT * len(guess.images[0])
    assert is_converged(path)
    assert path.state == "converged"
    assert path.method == "band"
    assert not path.warnings
    assert len(path.images) == len(path.energies) == 5
    assert path.saddle_energy - shift == pytest.approx(
        reference.saddle_energy, abs=BARRIER_TOLERANCE
    )
    assert (path.energies[0], path.energies[-1]) == guess.end_energies
    assert path.images[0] == guess.images[0]
    # No image jumped by a cell.
    steps = np.diff(path.path_length)
    assert steps.max() < 2 * steps.min()
    assert path.residual_force <= 1.02 * FMAX
    tags = Incar.from_file(bench.folder(job) / "INCAR.gz")
    assert (tags["IMAGES"], tags["LCLIMB"], tags["NSW"]) == (3, True, 50)
    # Every image is evaluated at every step.
    assert force_evaluations(path) % 3 == 0
    assert 3 <= force_evaluations(path) <= 150


@pytest.mark.usefixtures("vtst")
def test_band_out_of_steps_goes_on_from_its_images(bench: Bench, ends: tuple) -> None:
    guess = guess_of(ends, 3)
    first = bench.output(vasp_engine(steps=6).saddle(guess, "hop"))
    assert first.state == "steps"
    assert not is_converged(first)
    assert first.warnings == ["not converged after 2 steps of each image"]
    assert first.force_evaluations == 6
    further = guess.model_copy(update={"previous": first})
    job = vasp_engine().saddle(further, "hop continued")
    path = bench.output(job)
    started = Structure.from_file(bench.folder(job) / "02" / "POSCAR.orig.gz")
    np.testing.assert_allclose(started.frac_coords, first.images[2].frac_coords, atol=1e-8)
    assert np.abs(started.frac_coords - guess.images[2].frac_coords).max() > 1e-4
    assert is_converged(path)
    assert path.force_evaluations > 6
    assert path.energies[0] == guess.end_energies[0]


def test_plain_band_is_no_saddle(bench: Bench, ends: tuple) -> None:
    guess = guess_of(ends, 2)
    path = bench.output(vasp_engine().saddle(guess, "hop"))
    reference = own_barrier(guess)
    assert not is_converged(path)
    # Another round would not change anything.
    assert path.state == "converged"
    assert len(path.warnings) == 1
    assert "MISEI_VASP_VTST" in path.warnings[0]
    below = reference.saddle_energy + SHIFT * len(guess.images[0]) - path.saddle_energy
    assert below > BARRIER_TOLERANCE


def test_plain_band_with_an_image_on_a_symmetric_saddle_is_one(bench: Bench, ends: tuple) -> None:
    path = bench.output(vasp_engine().saddle(guess_of(ends, 1), "hop"))
    assert path.residual_force <= 1.02 * FMAX
    assert is_converged(path)


def test_vtst_that_the_binary_lacks_is_found_out(
    bench: Bench, ends: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISEI_VASP_VTST", "true")
    # Without VTST nothing moves the images: POTIM is 0.
    path = bench.output(vasp_engine(steps=30).saddle(guess_of(ends, 2), "hop"))
    assert path.state == "steps"
    assert not is_converged(path)


def test_other_binaries_have_other_keys(ends: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    guess = guess_of(ends, 1)
    plain = vasp_engine().saddle(guess, "hop").uuid
    monkeypatch.setenv("MISEI_VASP_VTST", "true")
    assert vasp_engine().saddle(guess, "hop").uuid != plain
    monkeypatch.delenv("MISEI_VASP_VTST")
    assert vasp_engine().saddle(guess, "hop").uuid == plain


@pytest.mark.usefixtures("vtst")
def test_killed_band_goes_on_from_its_last_images(bench: Bench, ends: tuple, mode: Mode) -> None:
    job = vasp_engine().saddle(guess_of(ends, 3), "hop")
    mode("killed")
    assert "VaspRunError" in bench.error(job)
    mode("")
    path = bench.output(job)
    assert is_converged(path)
    assert (bench.folder(job) / f"{ATTEMPT}1" / "01" / "OSZICAR").exists()
    inner = zip(path.images[1:-1], guess_of(ends, 3).images[1:-1], strict=True)
    assert all(np.abs(a.frac_coords - b.frac_coords).max() < 0.3 for a, b in inner)
    # Two steps of each image were lost with the killed run, and are counted.
    kept = Structure.from_file(bench.folder(job) / f"{ATTEMPT}1" / "02" / "CONTCAR")
    started = Structure.from_file(bench.folder(job) / "02" / "POSCAR.orig.gz")
    np.testing.assert_allclose((kept.frac_coords - started.frac_coords + 0.5) % 1, 0.5, atol=1e-8)
    assert path.force_evaluations > 6


def test_crashed_band_is_one_line(bench: Bench, ends: tuple, mode: Mode) -> None:
    mode("crash")
    error = bench.error(vasp_engine().saddle(guess_of(ends, 1), "hop"))
    assert "VaspRunError: VASP gave no result" in error
    assert "XYZZY gave up" in error


def test_electronic_steps_that_run_out_in_a_band(bench: Bench, ends: tuple, mode: Mode) -> None:
    mode("no-scf")
    path = bench.output(vasp_engine(steps=2).saddle(guess_of(ends, 1), "hop"))
    assert not is_converged(path)
    assert "electronic steps ran out in the last step of an image" in path.warnings
