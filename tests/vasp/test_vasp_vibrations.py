"""Vibrations by VASP through atomate2's phonon flow; the stand-in evaluates with EMT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from misei.screening.schemas_vibrations import VibrationsDoc
from misei.structures.prototypes import load_prototypes
from misei.workflows.vibrations import VibrationsMaker

# eV/atom; two optimizers end at lattice constants that differ a little, and forces have ten digits.
SAME_FREE_ENERGY = 1e-5


def maker(engine: str) -> VibrationsMaker:
    return VibrationsMaker(engine=engine, min_length=6.0, mesh_length=20.0)


def test_vibrations_are_those_of_the_calculator_behind_and_computed_once(
    bench: Any, runs: Callable[[], int], tmp_path: Path
) -> None:
    crystal = load_prototypes()["Cu-225"].structure()
    flow = maker("vasp").make(crystal, "Cu")
    document = bench.output(flow)
    emt = maker("emt").make(crystal, "Cu")
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(emt, store=store, log=False, root_dir=tmp_path, create_folders=True)
    direct = VibrationsDoc.model_validate(store.get_output(emt.output.uuid, load=True))
    assert document.converged
    assert document.free_energy(300) == pytest.approx(direct.free_energy(300), abs=SAME_FREE_ENERGY)
    assert document.dynamically_stable
    assert (document.engine, document.provenance.energies_from) == ("vasp", "DFT")
    done = runs()
    again = bench.run(maker("vasp").make(crystal, "Cu"))
    assert (again.computed, runs()) == ([], done)
