"""The adhesion flow with EMT: jobs, documents, sharing and round trips."""

from __future__ import annotations

import json

import pytest
from jobflow import Flow, Job, JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from misei.screening.schemas_adhesion import AdhesionDoc, SurfaceEnergyDoc
from misei.screening.surface_errors import surface_error
from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.engines import UnknownEngineError
from misei.workflows.surfaces import SurfaceEnergyMaker

SMALL = InterfaceLimits(
    max_atoms=40, max_strain=0.12, strain_step=0.12, film_thickness=6.0, substrate_thickness=6.0
)
MAKER = AdhesionMaker(
    engine="emt",
    film="Cu",
    film_lattices=("fcc",),
    limits=SMALL,
    candidates=3,
    relaxed=2,
    surface_thickness=8.0,
)


def fcc(element: str, a: float) -> Structure:
    """Primitive fcc crystal."""
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [element], [[0, 0, 0]])
    return cell.get_primitive_structure()


def run(flow: Flow, path) -> JobStore:
    """Run a flow in this process and return its store."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        flow, store=store, log=False, create_folders=True, root_dir=path, ensure_success=True
    )
    return store


def job_uuids(flow: Flow) -> set[str]:
    """Uuids of the jobs of a flow."""
    return {job.uuid for job, _ in flow.iterflow()}


@pytest.fixture(scope="module")
def silver(tmp_path_factory) -> tuple[Flow, JobStore]:
    """Cu on Ag, finished."""
    flow = MAKER.make(fcc("Ag", 4.06), "Ag")
    return flow, run(flow, tmp_path_factory.mktemp("silver"))


def test_document_of_copper_on_silver(silver):
    flow, store = silver
    document = AdhesionDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    assert document.converged
    assert len(document.interfaces) == MAKER.relaxed
    assert document.work_of_adhesion == max(i.work_of_adhesion for i in document.interfaces) > 0
    assert document.film_surface.formula == "Cu"
    # EMT: the close-packed facet of Cu is the lowest.
    assert document.film_surface.miller == (1, 1, 1)
    assert set(document.film_surface.provenance.settings["surface_energies_J_per_m2"]) == {
        "(1, 0, 0)",
        "(1, 1, 0)",
        "(1, 1, 1)",
    }
    for interface in document.interfaces:
        assert interface.structure.composition.chemical_system == "Ag-Cu"
        assert len(interface.structure) == interface.natoms
        assert abs(interface.strain) <= SMALL.max_strain
    assert document.surface_error.startswith("emt, no measured error for Ag, Cu")


def test_nothing_is_computed_twice(silver):
    _, store = silver
    uuids = [d["uuid"] for d in store.query({"name": {"$regex": "candidate|slab|bulk"}})]
    assert len(uuids) == len(set(uuids)) > 0


def test_rebuilt_flow_has_the_same_jobs(silver):
    flow, _ = silver
    again = MAKER.make(fcc("Ag", 4.06), "Ag")
    assert job_uuids(again) == job_uuids(flow)
    finer = AdhesionMaker(**{**vars(MAKER), "fmax": 0.01})
    assert not job_uuids(finer.make(fcc("Ag", 4.06), "Ag")) & job_uuids(flow)


def test_film_is_shared_between_alloys(tmp_path):
    film = MAKER.film_flow()
    alloys = [MAKER.make(fcc(m, a), m, film=film.output) for m, a in (("Ag", 4.06), ("Pd", 3.88))]
    flow = Flow([film, *alloys])
    assert len(job_uuids(flow)) == len(list(flow.iterflow()))
    store = run(flow, tmp_path)
    documents = [
        AdhesionDoc.model_validate(store.get_output(alloy.output.uuid, load=True))
        for alloy in alloys
    ]
    assert documents[0].film_surface == documents[1].film_surface
    assert [d.alloy for d in documents] == ["Ag", "Pd"]


def test_jobs_survive_json():
    for job, _ in MAKER.make(fcc("Ag", 4.06), "Ag").iterflow():
        copy = MontyDecoder().process_decoded(json.loads(json.dumps(job, cls=MontyEncoder)))
        assert isinstance(copy, Job)
        assert copy.uuid == job.uuid
        assert job.output_schema is not None


def test_maker_survives_json():
    assert AdhesionMaker.from_dict(json.loads(MAKER.to_json())).limits == SMALL


def test_presets_aim_at_what_they_say():
    assert AdhesionMaker.quick().limits.max_atoms < AdhesionMaker.standard().limits.max_atoms
    assert AdhesionMaker.quick("emt").engine == "emt"


def test_unknown_engine_is_refused_before_anything_runs():
    with pytest.raises(UnknownEngineError, match="'sevenet'"):
        AdhesionMaker.quick("sevenet").make(fcc("Ag", 4.06), "Ag")


def test_relaxation_that_did_not_converge_is_in_the_document(tmp_path, monkeypatch):
    monkeypatch.setattr("misei.workflows.surfaces.is_converged", lambda document: False)
    maker = SurfaceEnergyMaker(engine="emt", thickness=6.0)
    flow = maker.make(fcc("Cu", 3.6))
    store = run(flow, tmp_path)
    document = SurfaceEnergyDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    assert not document.converged


def test_surface_error_names_what_was_not_measured():
    text = surface_error("sevennet", ["Li", "Ge"])
    assert "Li(100) 0.68" in text
    assert "no measured error for Ge" in text
