"""Engines: known names, declared schemas, counted force calls, honest convergence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from atomate2.ase.schemas import AseStructureTaskDoc
from atomate2.forcefields.schemas import ForceFieldTaskDocument
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.workflows import calculators
from misei.workflows.engines import (
    SaddleSettings,
    UnknownEngineError,
    engine_names,
    force_evaluations,
    get_engine,
    is_converged,
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


def hop_guess() -> PathGuess:
    """A copper atom that moves into a neighbouring vacancy, along a straight line."""
    perfect = AseAtomsAdaptor.get_structure(bulk("Cu", cubic=True) * (2, 2, 2))
    mover = int(perfect.distance_matrix[0, 1:].argmin())
    step = perfect[mover + 1].distance_and_image(perfect[0])[1]
    ends = [perfect.copy().remove_sites([0]) for _ in range(2)]
    coords = ends[1].frac_coords.copy()
    coords[mover] = perfect[0].frac_coords + step
    ends[1] = Structure(perfect.lattice, ends[1].species, coords)
    images = ends[0].interpolate(ends[1], nimages=4, pbc=False)
    return PathGuess(images=images, end_energies=(0.0, 0.0), mover=mover)


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
    saddle = engine.saddle(hop_guess(), "a saddle")
    assert saddle.output_schema is PathDoc
    assert saddle.name == "a saddle"


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


def test_a_saddle_counts_its_calls_and_converges(calls: list[int], tmp_path: Path) -> None:
    document = run(get_engine("emt", 0.1).saddle(hop_guess(), "x"), tmp_path)
    assert is_converged(document)
    assert document.residual_force <= 0.1
    assert force_evaluations(document) == calls[0]
    assert document.provenance.engine == "emt"
    assert len(document.energies) == 5
    # Straight hop between equivalent sites: the middle is the saddle.
    assert document.saddle == 2


def test_a_saddle_with_too_few_steps_says_so(tmp_path: Path) -> None:
    engine = get_engine("emt", 0.001, SaddleSettings(steps=2))
    document = run(engine.saddle(hop_guess(), "x"), tmp_path)
    assert not is_converged(document)
    assert document.state == "steps"
    assert document.residual_force > 0.001


def test_settings_of_saddles_make_other_jobs() -> None:
    guess = hop_guess()
    jobs = [
        get_engine("emt", fmax, SaddleSettings(**settings)).saddle(guess, "x").uuid
        for fmax, settings in [
            (0.02, {}),
            (0.03, {}),
            (0.02, {"steps": 7}),
            (0.02, {"shortcut": False}),
            (0.02, {"climb_alone": False}),
            (0.02, {"check_modes": False}),
            (0.02, {"n_images": 5}),
            (0.02, {"optimizer": "FIRE"}),
        ]
    ]
    assert len(set(jobs)) == len(jobs)
    limited = guess.model_copy(update={"give_up_above": 1.0})
    assert get_engine("emt", 0.02).saddle(guess, "y").uuid == jobs[0]
    assert get_engine("emt", 0.02).saddle(limited, "x").uuid not in jobs


def test_provenance_says_what_the_energies_are() -> None:
    provenance = get_engine("sevennet").provenance({"fmax_eV_per_A": 0.05})
    assert provenance.engine == "sevennet"
    assert provenance.engine_version.endswith("7net-0")
    assert provenance.energies_from == "potential"
    assert provenance.settings == {"fmax_eV_per_A": 0.05}


def test_an_engine_gives_a_calculator_that_counts() -> None:
    atoms = bulk("Cu")
    atoms.calc = get_engine("emt").get_calculator()
    atoms.get_forces()
    assert atoms.calc.evaluations == 1


def test_a_model_is_loaded_once_per_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[tuple[str, dict[str, Any]]] = []

    def load(name: str, **kwargs: Any) -> EMT:
        loaded.append((name, kwargs))
        return EMT()

    monkeypatch.setattr(calculators, "ase_calculator", load)
    calculators.load_force_field.cache_clear()
    try:
        engine = get_engine("sevennet", 0.1)
        for job in (
            engine.static(distorted_copper(), "x"),
            engine.relax_ions(distorted_copper(), "x"),
            engine.saddle(hop_guess(), "x"),
        ):
            run(job, tmp_path)
        assert len(loaded) == 1
        assert loaded[0][1]["model"] == "7net-0"
        run(get_engine("sevennet-l3i5").static(distorted_copper(), "x"), tmp_path)
        assert [kwargs["model"] for _, kwargs in loaded] == ["7net-0", "7net-l3i5"]
    finally:
        calculators.load_force_field.cache_clear()


@pytest.mark.parametrize("kind", ["relax", "static", "saddle"])
def test_jobs_survive_json(kind: str, tmp_path: Path) -> None:
    engine = get_engine("emt", 0.1)
    argument = hop_guess() if kind == "saddle" else distorted_copper()
    job = getattr(engine, kind)(argument, "x")
    again = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder), cls=MontyDecoder)
    assert again.uuid == job.uuid
    assert again.output_schema is job.output_schema
    assert type(again.maker) is type(job.maker)
    here, there = run(job, tmp_path), run(again, tmp_path)
    assert force_evaluations(here) == force_evaluations(there)
    assert is_converged(here) == is_converged(there) == (kind != "static")


@pytest.mark.slow
def test_sevennet_takes_its_weights_from_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import socket

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    calculators.load_force_field.cache_clear()
    lithium = AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.44))
    document = run(get_engine("sevennet").static(lithium, "Li"), tmp_path)
    # Materials Project, mp-135: -1.91 eV/atom.
    assert document.output.energy == pytest.approx(-1.91, abs=0.03)
    assert document.output.n_steps == force_evaluations(document) == 1
