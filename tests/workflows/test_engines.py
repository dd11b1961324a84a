"""Engines: known names, declared schemas, counted force calls, honest convergence."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from atomate2.ase.schemas import AseStructureTaskDoc
from atomate2.forcefields.schemas import ForceFieldTaskDocument
from emmet.core.neb import NebResult
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows import engines
from misei.workflows.engines import (
    SharedCalculator,
    UnknownEngineError,
    engine_names,
    force_evaluations,
    get_engine,
    is_converged,
    residual_force,
)

ENERGY_TOLERANCE_EV = 1e-6
OWN_ENGINES = ["emt", "sevennet", "sevennet-l3i5", "chgnet"]


def run(job: Any, folder: Path) -> Any:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    responses = run_locally(
        job, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
    )
    return responses[job.uuid][1].output


def distorted_copper() -> Structure:
    atoms = bulk("Cu", a=3.7, cubic=True)
    atoms.rattle(0.05, seed=1)
    return AseAtomsAdaptor.get_structure(atoms)


def hop_images(count: int = 3) -> list[Structure]:
    """A copper atom that moves into a neighbouring vacancy, along a straight line."""
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    start = atoms.copy()
    target = start.positions[0].copy()
    del start[0]
    end = start.copy()
    distances = np.linalg.norm(start.positions - target, axis=1)
    end.positions[int(distances.argmin())] = target
    ends = [AseAtomsAdaptor.get_structure(each) for each in (start, end)]
    return list(ends[0].interpolate(ends[1], nimages=count + 1, autosort_tol=0))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often EMT was really asked."""
    counter = [0]
    original = EMT.calculate

    def counted(self: EMT, *args: Any, **kwargs: Any) -> None:
        counter[0] += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(EMT, "calculate", counted)
    return counter


def test_an_unknown_engine_is_one_line_that_names_the_valid_ones() -> None:
    with pytest.raises(UnknownEngineError) as caught:
        get_engine("sevenet")
    message = str(caught.value)
    assert "'sevenet'" in message
    assert "\n" not in message
    for name in [*OWN_ENGINES, "MACE"]:
        assert name in message


def test_engine_names_are_unique_and_atomate2s_are_among_them() -> None:
    names = engine_names()
    assert len(names) == len(set(names)) > len(OWN_ENGINES)
    assert names[: len(OWN_ENGINES)] == OWN_ENGINES
    assert "Forcefield" not in names


@pytest.mark.parametrize("name", [*OWN_ENGINES, "MACE", "CHGNet"])
def test_every_job_declares_its_schema(name: str) -> None:
    """Without loading a model: that happens when a job runs."""
    engine = get_engine(name)
    copper = distorted_copper()
    document = AseStructureTaskDoc if name == "emt" else ForceFieldTaskDocument
    for make in (engine.relax, engine.relax_ions, engine.static):
        assert make(copper, "x").output_schema is document is engine.task_schema
    band = engine.neb([copper, copper], "a band")
    assert band.output_schema is NebResult
    assert band.name == "a band"


@pytest.mark.parametrize(
    ("name", "corrections"),
    [
        ("emt", "none"),
        ("sevennet", "MP2020"),
        ("sevennet-l3i5", "MP2020"),
        ("chgnet", "included"),
    ],
)
def test_corrections_are_known(name: str, corrections: str) -> None:
    assert get_engine(name).corrections == corrections


def test_versions_name_package_and_model() -> None:
    assert get_engine("sevennet").version.endswith(", 7net-0")
    assert get_engine("sevennet-l3i5").version.endswith(", 7net-l3i5")
    assert get_engine("emt").version.startswith("ase 3")


@pytest.mark.parametrize("kind", ["relax", "relax_ions", "static"])
def test_force_calls_are_counted(kind: str, calls: list[int], tmp_path: Path) -> None:
    document = run(getattr(get_engine("emt"), kind)(distorted_copper(), "x"), tmp_path)
    assert force_evaluations(document) == calls[0] >= 1
    assert (calls[0] == 1) == (kind == "static")


def test_a_relaxed_cell_costs_one_call(calls: list[int], tmp_path: Path) -> None:
    perfect = run(get_engine("emt", 0.001).relax(distorted_copper(), "x"), tmp_path)
    calls[0] = 0
    again = run(get_engine("emt", 0.01).relax(perfect.output.structure, "x"), tmp_path)
    assert force_evaluations(again) == calls[0] == 1


def test_what_each_job_may_change(tmp_path: Path) -> None:
    engine, start = get_engine("emt", 0.01), distorted_copper()
    bulk_doc, ions, static = (
        run(make(start, "x"), tmp_path) for make in (engine.relax, engine.relax_ions, engine.static)
    )
    assert bulk_doc.output.energy < ions.output.energy < static.output.energy
    assert static.output.structure.matches(start, ltol=1e-6, stol=1e-6, angle_tol=1e-6)
    assert np.allclose(ions.output.structure.lattice.matrix, start.lattice.matrix)
    assert not np.allclose(ions.output.structure.frac_coords, start.frac_coords, atol=1e-4)
    # Forces of a static are those of the structure as it stands.
    atoms = start.to_ase_atoms()
    atoms.calc = EMT()
    assert static.output.energy == pytest.approx(
        atoms.get_potential_energy(), abs=ENERGY_TOLERANCE_EV
    )
    assert is_converged(bulk_doc)
    assert is_converged(ions)
    assert not is_converged(static)


def test_a_cell_that_ran_out_of_steps_is_not_converged(tmp_path: Path) -> None:
    """By symmetry no force acts on an atom of fcc copper: only the stress tells."""
    engine = get_engine("emt", 0.01)
    engine.relax_maker.steps = 2
    stretched = AseAtomsAdaptor.get_structure(bulk("Cu", a=4.0))
    document = run(engine.relax(stretched, "x"), tmp_path)
    assert document.is_force_converged
    assert not is_converged(document)


def test_a_band_counts_its_calls_and_converges(calls: list[int], tmp_path: Path) -> None:
    document = run(get_engine("emt", 0.1).neb(hop_images(), "x"), tmp_path)
    assert is_converged(document)
    assert residual_force(document) <= 1.02 * 0.1
    # Checking the final band asks three or five images once more, outside the count.
    assert 3 <= calls[0] - force_evaluations(document) <= 5
    energies = document.energies
    assert len(energies) == 5
    # Straight hop between equivalent sites: the ends are alike, the middle is the saddle.
    assert energies[0] == pytest.approx(energies[-1], abs=1e-3)
    assert energies.index(max(energies)) == 2


def test_a_band_with_too_few_steps_says_so(tmp_path: Path) -> None:
    engine = get_engine("emt", 0.001)
    engine.neb_maker.steps = 2
    document = run(engine.neb(hop_images(), "x"), tmp_path)
    assert not is_converged(document)
    assert residual_force(document) > 0.001


def test_copies_of_a_calculator_share_model_and_counter() -> None:
    atoms = bulk("Cu")
    first = SharedCalculator(EMT())
    second = deepcopy(first)
    assert second.model is first.model
    for calculator, scale in ((first, 1.0), (second, 1.1)):
        atoms.calc = calculator
        atoms.set_cell(bulk("Cu").cell * scale, scale_atoms=True)
        atoms.get_forces()
        atoms.get_potential_energy()
        atoms.get_stress()
    assert first.evaluations == second.evaluations == 2
    assert first.results["energy"] != second.results["energy"]
    assert first.name == "emt"


def test_a_model_is_loaded_once_per_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[tuple[str, dict[str, Any]]] = []

    def load(name: str, **kwargs: Any) -> EMT:
        loaded.append((name, kwargs))
        return EMT()

    monkeypatch.setattr(engines, "ase_calculator", load)
    engines._load_force_field.cache_clear()
    try:
        engine = get_engine("sevennet", 0.1)
        for job in (
            engine.static(distorted_copper(), "x"),
            engine.relax_ions(distorted_copper(), "x"),
            engine.neb(hop_images(1), "x"),
        ):
            run(job, tmp_path)
        assert len(loaded) == 1
        assert loaded[0][1]["model"] == "7net-0"
        run(get_engine("sevennet-l3i5").static(distorted_copper(), "x"), tmp_path)
        assert [kwargs["model"] for _, kwargs in loaded] == ["7net-0", "7net-l3i5"]
    finally:
        engines._load_force_field.cache_clear()


@pytest.mark.parametrize("kind", ["relax", "static", "neb"])
def test_jobs_survive_json(kind: str, tmp_path: Path) -> None:
    engine = get_engine("emt", 0.1)
    job = engine.neb(hop_images(1), "x") if kind == "neb" else engine.relax(distorted_copper(), "x")
    again = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder), cls=MontyDecoder)
    assert again.uuid == job.uuid
    assert again.output_schema is job.output_schema
    assert type(again.maker) is type(job.maker)
    here, there = run(job, tmp_path), run(again, tmp_path)
    assert force_evaluations(here) == force_evaluations(there)
    assert is_converged(there)


@pytest.mark.slow
def test_sevennet_takes_its_weights_from_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import socket

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    engines._load_force_field.cache_clear()
    lithium = AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.44))
    document = run(get_engine("sevennet").static(lithium, "Li"), tmp_path)
    # Materials Project, mp-135: -1.91 eV/atom.
    assert document.output.energy == pytest.approx(-1.91, abs=0.03)
    assert document.output.n_steps == force_evaluations(document) == 1
