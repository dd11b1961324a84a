"""The adhesion flow with EMT: jobs, documents, sharing and round trips."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jobflow import Flow, Job, JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from misei.screening.schemas_adhesion import LOWEST_INTERFACE_ENERGY, AdhesionDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import UnknownEngineError
from misei.workflows.surfaces import SurfaceEnergyMaker, symmetric_slabs

SMALL = InterfaceLimits(
    max_atoms=40, max_strain=0.12, strain_step=0.12, film_thickness=6.0, substrate_thickness=6.0
)
# Relaxation of metal slabs changes their W_ad by less than this, J/m2 (EMT, measured: 0.05).
RIGID_TOLERANCE = 0.1
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
    assert document.selection == LOWEST_INTERFACE_ENERGY
    assert document.interface_energy == min(i.interface_energy for i in document.interfaces)
    low, high = document.work_of_adhesion_range
    assert 0 < low <= document.work_of_adhesion <= high
    assert document.film_surface.formula == "Cu"
    # EMT: the close-packed facet of Cu is the lowest.
    assert document.film_surface.miller == (1, 1, 1)
    facets = {facet.miller: facet.surface_energy for facet in document.film_surface.facets}
    assert set(facets) == {(1, 0, 0), (1, 1, 0), (1, 1, 1)}
    assert document.film_surface.surface_energy == min(facets.values())
    for interface in document.interfaces:
        assert interface.structure.composition.chemical_system == "Ag-Cu"
        assert len(interface.structure) == interface.natoms
        assert abs(interface.strain) <= SMALL.max_strain
        assert interface.strain in interface.strains
        assert interface.strain_energy > 0
        assert interface.equivalent_faces
        assert interface.stoichiometric
        assert interface.registry.evaluations > 1
        assert interface.registry.converged
    assert document.surface_error.startswith("emt, no measured error for Ag, Cu")
    assert document.wetting_ratio_interval is None
    assert document.provenance.energies_from == "potential"
    facets = {tuple(interface.substrate_miller) for interface in document.interfaces}
    assert len(facets) == MAKER.relaxed
    relaxed, rest = document.warnings[-2:]
    assert relaxed.startswith(f"{MAKER.relaxed} of {MAKER.candidates} candidates relaxed")
    assert rest.startswith("not relaxed: (")


def test_relaxed_films_in_the_document_gain_over_rigid_ones(silver):
    flow, store = silver
    document = AdhesionDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    for interface in document.interfaces:
        # Rigid slabs are those cut from the crystals, so that relaxing gains little in metals.
        assert interface.rigid_work_of_adhesion == pytest.approx(
            interface.work_of_adhesion, abs=RIGID_TOLERANCE
        )


def test_all_force_evaluations_are_counted(silver, monkeypatch, tmp_path):
    calls = []
    calculate = SharedCalculator.calculate

    def counted(self, *args, **kwargs):
        calls.append(1)
        return calculate(self, *args, **kwargs)

    monkeypatch.setattr(SharedCalculator, "calculate", counted)
    film = MAKER.film_flow()
    store = run(film, tmp_path / "film")
    surface = store.get_output(film.output.uuid, load=True)["surface"]
    crystals = len(calls) - surface["force_evaluations"]
    assert crystals > 0
    calls.clear()
    flow, _ = silver
    again = AdhesionDoc.model_validate(
        run(MAKER.make(fcc("Ag", 4.06), "Ag"), tmp_path / "all").get_output(
            flow.output.uuid, load=True
        )
    )
    # Those of the crystals of film and alloy are not the adhesion's.
    assert again.force_evaluations < len(calls) < again.force_evaluations + 2 * crystals + 20


def test_single_points_choose_where_nothing_moves(tmp_path):
    maker = replace(MAKER, rigid=False, relaxed=1)
    flow = maker.make(fcc("Ag", 4.06), "Ag")
    store = run(flow, tmp_path)
    document = AdhesionDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    assert document.interfaces[0].registry.evaluations == 1
    assert not document.interfaces[0].registry.converged


def test_size_converges_and_the_last_one_counts(tmp_path):
    maker = replace(MAKER, converge=True, candidates=2, relaxed=2)
    flow = maker.make(fcc("Ni", 3.5), "Ni")
    document = AdhesionDoc.model_validate(
        run(flow, tmp_path).get_output(flow.output.uuid, load=True)
    )
    steps = document.size_steps
    assert document.size_converged
    assert len(steps) >= 2
    assert abs(steps[-1].value - steps[-2].value) < maker.tolerance
    assert steps[-1].film_thickness > steps[0].film_thickness + 2
    assert steps[-1].substrate_thickness > steps[0].substrate_thickness + 2
    assert steps[-1].vacuum == steps[0].vacuum + 4.0 * (len(steps) - 1)
    assert steps[-1].value in [interface.work_of_adhesion for interface in document.interfaces]
    assert len(document.interfaces) == 2
    assert len(document.film_surface.thickness_steps) >= 2


def test_size_that_does_not_fit_is_said(tmp_path):
    maker = replace(MAKER, converge=True, converge_max_atoms=10, candidates=1, relaxed=1)
    flow = maker.make(fcc("Ag", 4.06), "Ag")
    document = AdhesionDoc.model_validate(
        run(flow, tmp_path).get_output(flow.output.uuid, load=True)
    )
    assert document.size_converged is False
    assert any("not converged with slab thickness" in text for text in document.warnings)


def test_energies_of_another_engine_are_single_points(silver, tmp_path):
    # EMT twice: the single points must give back what the relaxations gave.
    maker = replace(MAKER, energy_engine="emt", relaxed=1)
    flow = maker.make(fcc("Ag", 4.06), "Ag")
    store = run(flow, tmp_path)
    document = AdhesionDoc.model_validate(store.get_output(flow.output.uuid, load=True))
    first, first_store = silver
    plain = AdhesionDoc.model_validate(first_store.get_output(first.output.uuid, load=True))
    (interface,) = document.interfaces
    same = next(
        i
        for i in plain.interfaces
        if i.termination == interface.termination
        and i.substrate_miller == interface.substrate_miller
    )
    # Energies in the interface's cell are those of the small cells, repeated.
    assert interface.work_of_adhesion == pytest.approx(same.work_of_adhesion, abs=1e-4)
    assert interface.interface_energy == pytest.approx(same.interface_energy, abs=1e-4)
    assert document.provenance.settings["geometries_from"].startswith("emt")


def test_nothing_is_computed_twice(silver):
    _, store = silver
    uuids = [d["uuid"] for d in store.query({"name": {"$regex": "candidate|slab|bulk"}})]
    assert len(uuids) == len(set(uuids)) > 0


def test_rebuilt_flow_has_the_same_jobs(silver):
    flow, _ = silver
    again = MAKER.make(fcc("Ag", 4.06), "Ag")
    assert job_uuids(again) == job_uuids(flow)
    finer = replace(MAKER, fmax=0.01)
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


def test_polar_facets_of_a_salt_are_left_out():
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.62), ["Li", "O"], [[0.25] * 3, [0, 0, 0]]
    ).get_primitive_structure()
    slabs, left_out = symmetric_slabs(salt, SurfaceEnergyMaker(engine="emt"), 8.0)
    assert set(slabs) == {(1, 1, 0), (1, 1, 1)}
    assert ["(1, 0, 0)" in text for text in left_out] == [True]
    for slab in slabs.values():
        assert slab.composition.reduced_formula == "Li2O"


def test_chosen_facets_survive_the_way_to_a_worker() -> None:
    maker = SurfaceEnergyMaker(millers=((1, 1, 1), (1, 0, 0)))
    assert json.loads(maker.to_json(), cls=MontyDecoder) == maker
