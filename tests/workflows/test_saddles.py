"""Saddles: shortcuts agree with plain bands, curvatures with the Hessian, bounds with saddles."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import FIRE
from ase.vibrations import Vibrations
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from saddle_hops import FMAX, asymmetric_hop, document, interstitial_hop, search, vacancy_hop

from misei.screening.schemas_paths import PathGuess
from misei.structures.defects import interpolate_path
from misei.structures.hop_symmetry import Swap
from misei.workflows import saddle_search
from misei.workflows.calculators import SharedCalculator
from misei.workflows.saddle_bands import tangent
from misei.workflows.saddle_modes import across, lowest_modes
from misei.workflows.saddle_search import SaddleSearch
from misei.workflows.saddle_settings import SaddleSettings

# What issue and physics ask of a shortcut. Forces of 0.02 eV/angstrom leave 1 to 3 meV each.
SAME_SADDLE_EV = 0.005
# A mirrored image against its own evaluation: the supercell's symmetry holds to 1e-8 angstrom.
MIRRORED_EV = 1e-4
# Ritz values of a few directions lie above the Hessian's lowest, for first neighbours by 5 to 8 %.
LOWEST_CURVATURE = 0.12
# Finite differences of 0.01 and 0.02 angstrom, eV/angstrom^2.
DIFFERENCES = 0.05


@cache
def plain_band(name: str) -> tuple[float, int]:
    """Saddle energy by ASE's NEB alone: 5 images, climbing, FIRE; and its evaluations."""
    guess = asymmetric_hop() if name == "asymmetric" else vacancy_hop(name)
    images = interpolate_path(guess.images[0], guess.images[-1], 5)
    path = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in images]
    calculator = SharedCalculator(EMT())
    for image in path:
        image.calc = calculator.__deepcopy__({})
    band = NEB(path, k=5.0, climb=True, method="improvedtangent")
    assert FIRE(band, logfile=None).run(fmax=FMAX, steps=500)
    return max(image.get_potential_energy() for image in path), calculator.evaluations


def hessian(atoms: Atoms, folder: str) -> NDArray[np.float64]:
    copy = atoms.copy()
    copy.calc = EMT()
    vibrations = Vibrations(copy, name=folder)
    vibrations.run()
    return np.asarray(vibrations.get_vibrations().get_hessian_2d())


@pytest.mark.parametrize("metal", ["Cu", "Al", "Au"])
def test_a_relaxed_midpoint_is_the_saddle_of_a_plain_band(metal: str) -> None:
    energy, evaluations = plain_band(metal)
    doc = document(vacancy_hop(metal))
    assert doc.converged
    # Ends, saddle, and an image half way down on either side.
    assert (doc.method, doc.saddle, doc.warnings) == ("midpoint", 2, [])
    assert len(doc.images) == 5
    assert doc.energies == sorted(doc.energies[:3]) + sorted(doc.energies[3:], reverse=True)
    assert doc.saddle_energy == pytest.approx(energy, abs=SAME_SADDLE_EV)
    assert doc.residual_force <= FMAX
    assert sum(c < 0 for c in doc.curvatures) == 1
    # The aim of the shortcut; far more is reached.
    assert 6 * doc.force_evaluations < evaluations


@pytest.mark.parametrize(
    ("choices", "method"),
    [
        ({}, "one image"),
        ({"one_image": False}, "band"),
        ({"one_image": False, "climb_alone": False}, "band"),
    ],
)
def test_other_hops_have_the_saddle_of_a_plain_band(choices: dict[str, bool], method: str) -> None:
    energy, evaluations = plain_band("asymmetric")
    guess = asymmetric_hop()
    assert guess.swap is None
    doc = document(guess, **choices)
    assert doc.converged
    assert doc.method == method
    assert doc.saddle_energy == pytest.approx(energy, abs=SAME_SADDLE_EV)
    assert doc.residual_force <= FMAX
    assert doc.energies[0] == guess.end_energies[0]
    assert doc.energies[-1] == guess.end_energies[1]
    if choices.get("climb_alone", True):
        assert 2.5 * doc.force_evaluations < evaluations


@pytest.mark.parametrize(
    ("shortcut", "one_image", "method"),
    [(True, True, "midpoint"), (False, True, "one image"), (False, False, "band")],
)
def test_every_shortcut_can_be_switched_off(shortcut: bool, one_image: bool, method: str) -> None:
    doc = document(vacancy_hop("Cu"), shortcut=shortcut, one_image=one_image)
    assert doc.method == method
    assert doc.saddle_energy == pytest.approx(plain_band("Cu")[0], abs=SAME_SADDLE_EV)


def test_curvatures_bound_the_hessians_from_above(tmp_path: Path) -> None:
    guess = vacancy_hop("Cu")
    found, _ = search(guess)
    exact = np.linalg.eigvalsh(hessian(found.path[2], str(tmp_path / "vibrations")))
    lowest = found.curvatures[0]
    assert exact[0] - DIFFERENCES <= lowest < 0
    assert lowest == pytest.approx(exact[0], rel=LOWEST_CURVATURE)
    # Next to it stand the three translations.
    assert found.curvatures[1] >= exact[4] - DIFFERENCES > 0


def test_two_curvatures_fall_from_the_top_of_a_hill() -> None:
    atoms = AseAtomsAdaptor.get_atoms(hill_guess().images[2], msonable=False)
    atoms.calc = SharedCalculator(Hill())
    hop_direction = np.array([[1.0, 0, 0], [0, 0, 0]])
    modes = lowest_modes(atoms, [hop_direction, *across(hop_direction, 0)])
    assert modes.negative == 2


class Hill(Calculator):  # type: ignore[misc]
    """The first atom between (4, 5, 5) and (6, 5, 5): two saddles beside a hill in the middle."""

    implemented_properties = ("energy", "forces")
    barrier, wall, aside = 0.5, 0.8, 0.4

    def calculate(self, atoms: Any = None, *args: Any) -> None:
        super().calculate(atoms, *args)
        x, y, z = self.atoms.positions[0] - 5.0
        well, valley = x**2 - 1, y**2 - self.aside * (1 - x**2)
        energy = self.barrier * well**2 + self.wall * valley**2 + z**2
        slope = [
            4 * self.barrier * well * x + 4 * self.wall * valley * self.aside * x,
            4 * self.wall * valley * y,
            2 * z,
        ]
        self.results = {"energy": energy, "forces": -np.array([slope, [0, 0, 0]])}


def hill_guess() -> PathGuess:
    lattice = Lattice.cubic(10.0)
    images = [
        Structure(lattice, ["H", "He"], [[x, 5, 5], [0, 0, 0]], coords_are_cartesian=True)
        for x in (4.0, 4.5, 5.0, 5.5, 6.0)
    ]
    inversion = Swap((-np.eye(3)).tolist(), [10.0] * 3, [0, 1], 0, [5.0] * 3)
    return PathGuess(images=images, end_energies=(0.0, 0.0), mover=0, swap=inversion)


def test_a_symmetric_path_that_is_not_the_lowest_is_left() -> None:
    found = SaddleSearch(hill_guess(), SharedCalculator(Hill()), SaddleSettings(fmax=0.001))
    found.run()
    assert found.state == "converged"
    assert found.method == "band"
    assert any("not the lowest" in warning for warning in found.warnings)
    fields = found.document_fields()
    assert max(fields["energies"]) == pytest.approx(Hill.barrier, abs=1e-4)
    top = fields["images"][int(np.argmax(fields["energies"]))].cart_coords[0]
    assert abs(top[1] - 5.0) == pytest.approx(np.sqrt(Hill.aside), abs=0.01)
    # On the hill itself: barrier + wall x aside^2.
    assert sum(c < 0 for c in found.curvatures) == 1


def test_half_a_band_leads_to_a_symmetric_minimum() -> None:
    doc = document(interstitial_hop())
    assert doc.converged
    assert doc.method == "half band"
    middle = len(doc.images) // 2
    assert doc.energies[middle] < doc.saddle_energy
    assert doc.saddle < middle
    assert doc.residual_force <= FMAX
    assert doc.energies == pytest.approx(doc.energies[::-1], abs=1e-6)
    assert doc.path_length == sorted(doc.path_length)
    for image, energy in zip(doc.images, doc.energies, strict=True):
        atoms = AseAtomsAdaptor.get_atoms(image, msonable=False)
        atoms.calc = EMT()
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=MIRRORED_EV)
    # No atom jumps where the halves meet.
    steps = np.diff(doc.path_length)
    assert steps == pytest.approx(steps[::-1], abs=0.01)


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_saddle_out_of_reach_is_given_up(shortcut: bool) -> None:
    guess = vacancy_hop("Cu")
    whole = document(guess, shortcut=shortcut)
    limit = whole.saddle_energy - 0.3
    given_up = document(guess.model_copy(update={"give_up_above": limit}), shortcut=shortcut)
    assert given_up.state == "out of reach"
    assert not given_up.converged
    assert given_up.lower_bound is not None
    assert limit < given_up.lower_bound <= whole.saddle_energy
    assert given_up.force_evaluations < 0.7 * whole.force_evaluations
    assert len(given_up.energies) == len(given_up.images)
    # A saddle that is of interest is found as ever.
    kept = guess.model_copy(update={"give_up_above": whole.saddle_energy + SAME_SADDLE_EV})
    assert document(kept, shortcut=shortcut).saddle_energy == whole.saddle_energy


@pytest.mark.parametrize("name", ["Cu", "Al", "Au", "Ni", "Pt", "asymmetric"])
def test_no_bound_exceeds_the_saddle(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []
    original = saddle_search.lower_bound

    def noted(*args: Any) -> float:
        bounds.append(original(*args))
        return bounds[-1]

    monkeypatch.setattr(saddle_search, "lower_bound", noted)
    guess = asymmetric_hop() if name == "asymmetric" else vacancy_hop(name)
    found, _ = search(guess.model_copy(update={"give_up_above": np.inf}))
    assert found.state == "converged"
    assert len(bounds) > 1
    saddle = max(found.document_fields()["energies"])
    # The saddle itself is known to the square of the forces left.
    assert max(bounds) <= saddle + 0.001


@pytest.mark.parametrize("name", ["Cu", "asymmetric"])
def test_a_search_that_ran_out_of_steps_is_continued(name: str) -> None:
    guess = asymmetric_hop() if name == "asymmetric" else vacancy_hop(name)
    whole, first = document(guess), document(guess, steps=5)
    assert (first.state, first.converged) == ("steps", False)
    assert "5 steps" in first.warnings[0]
    assert first.curvatures == []
    second = document(guess.model_copy(update={"previous": first}))
    assert second.converged
    assert second.method == whole.method
    assert second.saddle_energy == pytest.approx(whole.saddle_energy, abs=SAME_SADDLE_EV)
    # What was reached is not searched again; only where it stands is evaluated once more.
    again = second.force_evaluations - first.force_evaluations
    assert again < whole.force_evaluations
    assert max(first.energies) == pytest.approx(
        max(document(guess.model_copy(update={"previous": first}), steps=1).energies), abs=1e-6
    )


def test_a_lost_climbing_image_leaves_the_work_to_the_band(monkeypatch: pytest.MonkeyPatch) -> None:
    guess = asymmetric_hop()
    alone = document(guess)
    monkeypatch.setattr(saddle_search, "CLIMB_STEPS", 2)
    together = document(guess)
    assert together.converged
    assert together.force_evaluations > alone.force_evaluations
    assert together.saddle_energy == pytest.approx(alone.saddle_energy, abs=SAME_SADDLE_EV)


def test_unchecked_saddles_say_so() -> None:
    checked = document(vacancy_hop("Cu"))
    unchecked = document(vacancy_hop("Cu"), check_modes=False)
    assert unchecked.curvatures == []
    assert unchecked.saddle_energy == checked.saddle_energy
    assert 3 <= checked.force_evaluations - unchecked.force_evaluations <= 7


def test_a_path_over_a_deep_minimum_is_remarked() -> None:
    guess = vacancy_hop("Cu")
    lifted = (guess.end_energies[0] + 3.0, guess.end_energies[1] + 3.0)
    found, _ = search(guess.model_copy(update={"end_energies": lifted}))
    assert any("below both ends" in warning for warning in found.warnings)


def test_tangents_are_those_of_ases_band() -> None:
    guess = asymmetric_hop()
    path = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in guess.images]
    for image in path:
        image.calc = EMT()
    band = NEB(path, k=0.0, climb=False, method="improvedtangent")
    projected = band.get_forces().reshape(3, -1, 3)
    for k in (1, 2, 3):
        along, forces = tangent(path, k), path[k].get_forces()
        assert projected[k - 1] == pytest.approx(forces - np.vdot(forces, along) * along, abs=1e-9)


def test_equal_searches_give_equal_documents() -> None:
    first, second = (document(asymmetric_hop()) for _ in range(2))
    assert first.model_dump(exclude={"provenance"}) == second.model_dump(exclude={"provenance"})


def test_the_saddle_is_the_image_that_met_the_forces() -> None:
    """Where the path is flat, images that are only roughly relaxed may lie above the saddle."""
    guess = vacancy_hop("Al", 5)
    roof = SaddleSearch(guess, SharedCalculator(EMT()), SaddleSettings(fmax=FMAX, shortcut=False))
    roof.run()
    top = int(np.argmax([image.get_potential_energy() for image in roof.path]))
    pushed = roof.path[top].copy()
    pushed.positions += 0.002
    pushed.rattle(0.01, seed=3)
    pushed.calc = SharedCalculator(EMT())
    assert pushed.get_potential_energy() - roof.path[top].get_potential_energy() > 0
    images = len(roof.path)
    roof.path.insert(top, pushed)
    roof._keep_below(top + 1)
    assert len(roof.path) == images
    assert roof.document_fields()["residual_force"] <= FMAX
