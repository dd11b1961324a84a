from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.build import bulk
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_migration import MigrationDoc
from misei.structures.hops import NoMobileSiteError
from misei.structures.supercells import DisorderedCrystalError
from misei.workflows.migration import MigrationMaker

COPPER = AseAtomsAdaptor.get_structure(bulk("Cu"))
# fcc with every fourth (001) layer of Au: the middle layer of Cu is one kind, its neighbours
# another.
CU3AU = Structure.from_spacegroup(
    123,
    Lattice.tetragonal(2.65, 7.5),
    ["Au", "Cu", "Cu"],
    [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]],
)
# Hops across the Au layer are longer than the cutoff.
QUICK = MigrationMaker.quick("emt", mobile_species="Cu", min_length=6.5, cutoff=3.0)


def run(flow: Flow, folder: Path) -> MigrationDoc:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        flow, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
    )
    return MigrationDoc.model_validate(store.get_output(flow.output.uuid, load=True))


@pytest.fixture(scope="module")
def cu3au(tmp_path_factory: pytest.TempPathFactory) -> MigrationDoc:
    return run(QUICK.make(CU3AU), tmp_path_factory.mktemp("cu3au"))


def test_document_of_two_sublattices(cu3au: MigrationDoc) -> None:
    assert cu3au.converged
    assert cu3au.alloy == "Cu3Au"
    assert cu3au.engine == "emt"
    assert len(cu3au.vacancy_energies) == 2
    assert set(cu3au.barriers_by_dimension) == {"1", "2"}
    assert cu3au.percolation_dimensions == 2
    assert cu3au.hops_not_computed
    assert any("upper bound" in warning for warning in cu3au.warnings)
    assert cu3au.provenance.settings["n_images"] == 3


def test_bands_hold_ends_and_images(cu3au: MigrationDoc) -> None:
    for hop in cu3au.hops:
        assert len(hop.energies) == len(hop.path_length) == 3 + 2
        assert hop.path_length == sorted(hop.path_length)
        # The mover alone travels the hop; all atoms together travel a little more.
        assert hop.path_length[-1] > 0.95 * hop.distance
        assert hop.residual_force <= 1.02 * QUICK.fmax


def test_force_evaluations_count_more_than_the_bands(cu3au: MigrationDoc) -> None:
    bands = sum(hop.force_evaluations for hop in cu3au.hops)
    vacancies = len(cu3au.vacancy_energies)
    assert cu3au.force_evaluations >= bands + vacancies + 3


def test_all_hops_are_computed_on_request(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", min_length=7.0, cutoff=3.7, hop_selection="all", n_images=1
    )
    doc = run(maker.make(COPPER), tmp_path)
    # 12 first and 6 second neighbours.
    assert [hop.multiplicity for hop in doc.hops] == [6, 3]
    assert doc.hops_not_computed == []


def test_a_rebuilt_flow_has_the_same_jobs() -> None:
    first, second = QUICK.make(CU3AU), QUICK.make(CU3AU)
    assert first.job_uuids == second.job_uuids
    assert all(job.output_schema is not None for job in first.jobs)
    rebuilt = json.loads(json.dumps(first, cls=MontyEncoder), cls=MontyDecoder)
    assert rebuilt.job_uuids == first.job_uuids


def test_the_metal_itself_is_relaxed_once() -> None:
    assert len(QUICK.make(CU3AU).jobs) == 3
    assert len(QUICK.make(COPPER).jobs) == 2


def test_presets_differ_in_cost() -> None:
    quick, standard = MigrationMaker.quick("emt"), MigrationMaker.standard("emt")
    assert quick.n_images < standard.n_images
    assert quick.min_length < standard.min_length


def test_bad_crystals_are_refused() -> None:
    with pytest.raises(NoMobileSiteError, match="Cu holds no Li"):
        MigrationMaker.quick("emt").make(COPPER)
    alloy = Structure(Lattice.cubic(4.0), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedCrystalError, match="order it first"):
        QUICK.make(alloy)
