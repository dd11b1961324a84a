"""Batches of structures: the numbers of single evaluations, counted, journaled, one call."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import BFGS
from ase.spacegroup import crystal

from misei.workflows import batched
from misei.workflows.batched import BatchedNEB, evaluate_batch, gains
from misei.workflows.calculators import SharedCalculator
from misei.workflows.journal import Journal

# float32 has 24 bits, 1.2e-7 of a number from one to the next. A batch sums in another order,
# which costs a few of these steps of the largest number.
FLOAT32_RELATIVE = 1e-6
# Forces are sums over some 50 neighbours of terms of up to 10 eV/angstrom.
FLOAT32_FORCE = 2e-5
# eV/angstrom^3. Stress is a sum of pair terms r f / V of 0.1 and more that cancel to 1e-3 or
# less: rounding goes with the terms (1e-7 of them) and not with what is left.
FLOAT32_STRESS = 2e-8
PROPERTIES = {"energy", "free_energy", "forces", "stress"}


def distorted(count: int, seed: int = 0) -> list[Atoms]:
    """Copper cells of different sizes, rattled and sheared."""
    cells = [bulk("Cu", cubic=True) * (1, 1, 1 + index) for index in range(count)]
    return [perturbed(atoms, seed + index) for index, atoms in enumerate(cells)]


def perturbed(atoms: Atoms, seed: int) -> Atoms:
    strain = 0.03 * np.random.default_rng(seed).normal(size=(3, 3))
    atoms.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
    atoms.rattle(0.06, seed=seed)
    return atoms


def hop(images: int = 3) -> list[Atoms]:
    """A copper atom on its way into a neighbouring vacancy, ends included."""
    start = bulk("Cu", cubic=True) * (2, 2, 2)
    vacancy = start.positions[0].copy()
    del start[0]
    end = start.copy()
    distances = np.linalg.norm(start.positions - vacancy, axis=1)
    end.positions[int(distances.argmin())] = vacancy
    # The inner images differ from the line, so that no two share their energies by symmetry.
    path = [start, *(start.copy() for _ in range(images)), end]
    for index, image in enumerate(path[1:-1], start=1):
        image.positions += (end.positions - start.positions) * index / (images + 1)
        image.rattle(0.03, seed=index)
    return path


@pytest.fixture
def emt_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """EMT behaves as an engine that takes batches; the sizes of the batches it was given."""
    sizes: list[int] = []

    def one_call(calculator: EMT, images: list[Atoms]) -> list[dict[str, Any]]:
        sizes.append(len(images))
        return evaluate_batch(calculator, images, together=False)

    monkeypatch.setattr(batched, "_is_sevennet", lambda calculator: isinstance(calculator, EMT))
    monkeypatch.setattr(batched, "_one_call", one_call)
    return sizes


def with_shared(path: list[Atoms]) -> SharedCalculator:
    shared = SharedCalculator(EMT())
    for image in path:
        image.calc = deepcopy(shared)
    return shared


def assert_same(ours: dict[str, Any], single: dict[str, Any]) -> None:
    """A batch's results and a single evaluation's, within float32."""
    assert set(ours) == set(single)
    for name in ("energy", "free_energy"):
        assert ours[name] == pytest.approx(single[name], rel=FLOAT32_RELATIVE)
    assert np.allclose(ours["forces"], single["forces"], rtol=0, atol=FLOAT32_FORCE)
    assert np.allclose(ours["stress"], single["stress"], rtol=0, atol=FLOAT32_STRESS)


@pytest.mark.parametrize("together", [None, True, False])
def test_other_calculators_evaluate_one_after_the_other(together: bool | None) -> None:
    images = distorted(3)
    results = evaluate_batch(EMT(), images, together)
    for image, found in zip(images, results, strict=True):
        image.calc = EMT()
        assert found["energy"] == image.get_potential_energy()
        assert np.array_equal(found["forces"], image.get_forces())
        assert np.array_equal(found["stress"], image.get_stress())
    assert not gains(EMT())
    assert evaluate_batch(EMT(), []) == []


def test_results_of_different_structures_do_not_share_memory() -> None:
    first, second = evaluate_batch(EMT(), distorted(2, seed=5))
    assert not np.shares_memory(first["forces"], second["forces"])
    same_size = evaluate_batch(EMT(), [distorted(1, seed)[0] for seed in (1, 2)])
    assert not np.allclose(same_size[0]["forces"], same_size[1]["forces"])


@pytest.mark.parametrize("together", [True, False])
def test_a_batch_of_n_counts_n(emt_batches: list[int], together: bool) -> None:
    shared = SharedCalculator(EMT())
    images = distorted(3)
    results = evaluate_batch(shared, images, together)
    assert (shared.evaluations, shared.fresh) == (3, 3)
    assert emt_batches == ([3] if together else [])
    assert isinstance(shared.model, EMT)
    for found, single in zip(results, evaluate_batch(EMT(), images, False), strict=True):
        assert set(found) == PROPERTIES
        assert np.array_equal(found["forces"], single["forces"])


def test_what_a_journal_knows_is_not_evaluated_again(
    emt_batches: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.bin")
    for module in ("batched", "calculators"):
        monkeypatch.setattr(f"misei.workflows.{module}.current_journal", lambda: journal)
    images = distorted(4)
    before = evaluate_batch(SharedCalculator(EMT()), images[1:2], together=True)
    shared = SharedCalculator(EMT())
    results = evaluate_batch(shared, images, together=True)
    assert emt_batches == [3]
    assert (shared.evaluations, shared.fresh) == (4, 3)
    assert np.array_equal(results[1]["forces"], before[0]["forces"])
    assert len(Journal(journal.path).known) == 4
    # Started again, everything is there.
    again = SharedCalculator(EMT())
    replayed = evaluate_batch(again, images, together=True)
    assert (again.evaluations, again.fresh, emt_batches) == (4, 0, [3])
    for found, first in zip(replayed, results, strict=True):
        assert np.array_equal(found["forces"], first["forces"])


def test_a_batch_too_large_for_the_memory_is_halved(
    emt_batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    fits = batched._one_call

    def at_most_two(calculator: EMT, images: list[Atoms]) -> list[dict[str, Any]]:
        if len(images) > 2:
            raise torch.OutOfMemoryError
        return fits(calculator, images)

    monkeypatch.setattr(batched, "_one_call", at_most_two)
    images = distorted(5)
    results = evaluate_batch(EMT(), images, together=True)
    assert emt_batches == [2, 1, 2]
    for found, single in zip(results, evaluate_batch(EMT(), images, False), strict=True):
        assert found["energy"] == single["energy"]


def test_a_band_is_evaluated_in_one_batch_per_step(emt_batches: list[int]) -> None:
    """The same forces and the same relaxation as ASE's own band, evaluations counted alike."""
    settings = {"climb": True, "method": "improvedtangent", "k": 0.5}
    plain, ours = hop(), hop()
    plain_shared, our_shared = with_shared(plain), with_shared(ours)
    their_band, our_band = NEB(plain, **settings), BatchedNEB(ours, together=True, **settings)
    assert np.array_equal(our_band.get_forces(), their_band.get_forces())
    assert emt_batches == [3]
    assert our_shared.evaluations == our_shared.fresh == plain_shared.evaluations == 5
    our_band.get_forces()  # nothing has moved
    assert our_shared.evaluations == 5
    for band in (their_band, our_band):
        BFGS(band, logfile=None).run(fmax=0.05, steps=4)
    assert our_shared.evaluations == plain_shared.evaluations
    assert set(emt_batches) == {3}
    for image, expected in zip(ours, plain, strict=True):
        assert np.array_equal(image.positions, expected.positions)


def test_only_images_that_moved_are_evaluated(emt_batches: list[int]) -> None:
    path = hop()
    shared = with_shared(path)
    band = BatchedNEB(path, together=True, method="improvedtangent")
    band.get_forces()
    for image in path[1:3]:
        image.rattle(0.01, seed=7)
    band.get_forces()
    assert emt_batches == [3, 2]
    assert shared.evaluations == 5 + 2


def test_a_band_over_plain_calculators_is_left_to_ase(emt_batches: list[int]) -> None:
    plain, ours = hop(), hop()
    for image in [*plain, *ours]:
        image.calc = EMT()
    forces = BatchedNEB(ours, together=True, method="improvedtangent").get_forces()
    assert np.array_equal(forces, NEB(plain, method="improvedtangent").get_forces())
    assert emt_batches == []


def test_two_models_in_one_band_are_not_mixed(emt_batches: list[int]) -> None:
    path = hop()
    for image in path:
        image.calc = SharedCalculator(EMT())
    BatchedNEB(path, together=True, method="improvedtangent").get_forces()
    assert emt_batches == []


def salts_and_alloys() -> list[Atoms]:
    """Li2O and LiAl in cells of different sizes, and bcc Li; perturbed."""
    li2o = crystal(
        ["O", "Li"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[4.65] * 3 + [90] * 3
    )
    lial = crystal(
        ["Li", "Al"],
        [(0.125,) * 3, (0.375,) * 3],
        spacegroup=227,
        setting=2,
        cellpar=[6.37] * 3 + [90] * 3,
    )
    cells = [li2o * (2, 1, 1), li2o * (1, 1, 1), lial * (2, 1, 1), bulk("Li", a=3.43) * (2, 2, 2)]
    return [perturbed(atoms, seed) for seed, atoms in enumerate(cells)]


@pytest.mark.slow
@pytest.mark.science
@pytest.mark.parametrize(
    ("model", "modal"), [("7net-0", None), ("7net-mf-0", "PBE"), ("7net-mf-0", "R2SCAN")]
)
def test_a_sevennet_batch_gives_the_numbers_of_single_evaluations(
    model: str, modal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calculators = pytest.importorskip("sevenn.calculator")
    calculator = calculators.SevenNetCalculator(model, modal=modal, device="cpu")
    images = salts_and_alloys()
    calls = [0]
    forward = type(calculator.model).forward

    def counted(*args: Any) -> Any:
        calls[0] += 1
        return forward(*args)

    monkeypatch.setattr(type(calculator.model), "forward", counted)
    together = evaluate_batch(calculator, images, together=True)
    assert calls == [1]
    singles = evaluate_batch(calculator, images, together=False)
    assert calls == [1 + len(images)]
    assert not gains(calculator)  # on a CPU
    for ours, single, image in zip(together, singles, images, strict=True):
        assert ours["forces"].shape == (len(image), 3)
        assert ours["stress"].shape == (6,)
        assert np.abs(single["forces"]).max() > 500 * FLOAT32_FORCE  # there is much to compare
        assert_same(ours, single)
