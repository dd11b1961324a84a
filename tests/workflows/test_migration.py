from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_migration import MigrationDoc
from misei.structures.defects import DefectCell
from misei.structures.hops import NoMobileSiteError, find_hops
from misei.structures.supercells import DisorderedCrystalError
from misei.workflows.migration import MigrationMaker, UnknownChoiceError
from misei.workflows.migration_plan import MigrationPlan, guess_path, known_ends, plan_hops
from misei.workflows.saddle_search import SaddleSettings

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
BAND_TOLERANCE = 0.005  # eV; two searches of one saddle at fmax 0.02 eV/angstrom


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
    assert cu3au.mechanism == "vacancy"
    assert len(cu3au.vacancy_energies) == 2
    assert not cu3au.structural_defects
    assert set(cu3au.barriers_by_dimension) == {"1", "2"}
    assert cu3au.percolation_dimensions == 2
    assert cu3au.hops_not_computed
    assert any("upper bound" in warning for warning in cu3au.warnings)
    assert cu3au.provenance.settings["saddle"]["n_images"] == 3
    assert cu3au.provenance.energies_from == "potential"


def test_paths_hold_ends_and_images(cu3au: MigrationDoc) -> None:
    for hop in cu3au.hops:
        assert len(hop.energies) == len(hop.path_length) == len(hop.images) >= 3
        assert hop.path_length == sorted(hop.path_length)
        # The mover alone travels the hop; all atoms together travel a little more.
        assert hop.path_length[-1] > 0.95 * hop.distance
        mover = hop.images[-1][hop.mover].coords - hop.images[0][hop.mover].coords
        assert np.linalg.norm(mover) == pytest.approx(hop.distance, abs=0.3)
        assert hop.residual_force <= 1.02 * QUICK.fmax
        assert hop.curvatures[0] < 0 < hop.curvatures[1]
        assert len(hop.edges) == hop.multiplicity


def test_force_evaluations_count_more_than_the_searches(cu3au: MigrationDoc) -> None:
    searches = sum(hop.force_evaluations for hop in cu3au.hops)
    defects = len(cu3au.vacancy_energies)
    assert cu3au.force_evaluations >= searches + defects + 3


def test_all_hops_are_computed_on_request(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", min_length=7.0, cutoff=3.7, hop_selection="all"
    )
    doc = run(maker.make(COPPER), tmp_path)
    # 12 first and 6 second neighbours.
    assert [hop.multiplicity for hop in doc.hops] == [6, 3]
    assert doc.hops_not_computed == []


def test_hops_above_the_best_network_are_given_up(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", min_length=7.0, cutoff=3.7, hop_selection="bounded"
    )
    doc = run(maker.make(COPPER), tmp_path / "bounded")
    (finished,), (given_up,) = doc.hops, doc.hops_out_of_reach
    assert doc.converged
    every = run(replace(maker, hop_selection="all").make(COPPER), tmp_path / "all")
    second = every.hops[1]
    assert given_up.label == second.label
    assert given_up.force_evaluations < second.force_evaluations
    # The bound lies between the network's saddle and its own.
    (formation,) = doc.vacancy_energies
    assert finished.barrier_forward < given_up.lower_bound <= second.barrier_forward
    assert doc.migration_barrier == pytest.approx(every.migration_barrier, abs=BAND_TOLERANCE)
    assert formation == pytest.approx(every.vacancy_energies[0])


def test_a_search_out_of_steps_is_continued(tmp_path: Path, cu3au: MigrationDoc) -> None:
    short = replace(QUICK, saddle=SaddleSettings(steps=6), rounds=9)
    doc = run(short.make(CU3AU), tmp_path)
    assert doc.converged
    assert doc.migration_barrier == pytest.approx(cu3au.migration_barrier, abs=BAND_TOLERANCE)
    # Started again from the interpolation it would never end.
    assert max(hop.force_evaluations for hop in doc.hops) > short.saddle.steps


def test_a_search_that_ends_unfinished_says_so_and_is_kept(tmp_path: Path) -> None:
    short = replace(QUICK, saddle=SaddleSettings(steps=3), rounds=0)
    doc = run(short.make(CU3AU), tmp_path)
    assert not doc.converged
    unfinished = [hop for hop in doc.hops if not hop.converged]
    assert unfinished
    assert all(hop.images and hop.warnings for hop in unfinished)
    assert all(hop.residual_force > short.fmax for hop in unfinished)


def test_supercells_grow_until_nothing_changes(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", cutoff=3.0, min_length=5.0, supercell_tolerance=0.02
    )
    doc = run(maker.make(COPPER), tmp_path)
    steps = doc.supercell_steps
    assert len(steps) >= 3
    assert [step.natoms for step in steps] == sorted({step.natoms for step in steps})
    assert doc.natoms == steps[-1].natoms
    assert doc.migration_barrier == steps[-1].migration_barrier
    *_, before, last = steps
    assert abs(last.migration_barrier - before.migration_barrier) < maker.supercell_tolerance
    assert abs(last.formation_energy - before.formation_energy) < maker.supercell_tolerance
    assert not any("not converged with the supercell" in text for text in doc.warnings)


def test_supercells_stop_at_the_limit_and_say_so(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", cutoff=3.0, min_length=5.0, supercell_tolerance=1e-6,
        max_atoms=30,
    )  # fmt: skip
    doc = run(maker.make(COPPER), tmp_path)
    assert doc.natoms < 30
    assert any("not converged with the supercell" in text for text in doc.warnings)


def test_an_interstitial_hops_between_voids(tmp_path: Path) -> None:
    maker = MigrationMaker.quick(
        "emt", mobile_species="Cu", min_length=6.5, cutoff=4.0, mechanism="interstitial"
    )
    doc = run(maker.make(COPPER), tmp_path)
    assert doc.mechanism == "interstitial"
    # The octahedral void and the tetrahedral one, which is the way from one to the next.
    assert sorted(len(sites) for sites in doc.orbits) == [1, 2]
    assert doc.natoms == 28
    octahedral, tetrahedral = doc.vacancy_energies
    assert 0 < octahedral < tetrahedral
    assert set(doc.barriers_by_dimension) == {"1", "2", "3"}
    assert doc.migration_barrier >= tetrahedral - octahedral - BAND_TOLERANCE


def test_a_path_of_another_engine_is_taken_over(cu3au: MigrationDoc) -> None:
    graph = find_hops(cu3au.crystal, "Cu", 3.0)
    larger = cu3au.crystal.copy()
    larger.scale_lattice(1.02**3 * larger.volume)
    cell = DefectCell(larger, cu3au.supercell, "vacancy", "Cu")
    hop = cu3au.hops[0]
    same = [h for h in graph.hops if h.label == hop.label]
    (planned,), *_ = plan_hops(cell, graph, same)
    ends = [cell.ideal(site) for site in planned.sources]
    # The other engine's coordinates may differ by whole cells.
    shifted = [
        Structure(i.lattice, i.species, i.frac_coords + np.arange(len(i))[:, None] % 2)
        for i in hop.images
    ]
    guess = guess_path.original(cell, planned, ends, [0.0, 0.0], 3, None, shifted)
    assert len(guess.images) == len(hop.images)
    moved = guess.images[1].frac_coords - guess.images[0].frac_coords
    known = hop.images[1].frac_coords - cell.ideal_ends(planned.ends)[0].frac_coords
    assert moved == pytest.approx(known, abs=1e-6)
    plan = MigrationPlan(
        cell, graph.orbits, [planned], [], [], [planned.ends.initial], [0], 0.0, True, 0
    )
    (start,) = known_ends(plan, cu3au).values()
    assert start.frac_coords == pytest.approx(hop.images[0].frac_coords)
    assert start.lattice == cell.sites.lattice


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
    assert quick.hop_selection == "shortest-percolating"
    assert standard.hop_selection == "bounded"
    assert quick.supercell_tolerance is None


def test_bad_crystals_are_refused() -> None:
    with pytest.raises(NoMobileSiteError, match="Cu holds no Li"):
        MigrationMaker.quick("emt").make(COPPER)
    alloy = Structure(Lattice.cubic(4.0), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedCrystalError, match="order it first"):
        QUICK.make(alloy)


@pytest.mark.parametrize(
    ("field", "value", "valid"),
    [("mechanism", "knock-on", "vacancy, interstitial"), ("hop_selection", "best", "bounded")],
)
def test_unknown_choices_are_refused(field: str, value: str, valid: str) -> None:
    with pytest.raises(UnknownChoiceError, match=f"unknown {field} '{value}'; valid: .*{valid}"):
        MigrationMaker(**{field: value})


def test_an_engine_does_not_start_from_itself() -> None:
    with pytest.raises(UnknownChoiceError, match="start_from 'emt' is the engine itself"):
        replace(QUICK, start_from="emt").make(CU3AU)
