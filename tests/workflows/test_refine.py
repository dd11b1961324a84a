"""The second stage's makers: which hops, whose labels, which jobs are found again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from misei.screening.schemas import Provenance
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.structures.hops import find_hops
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.migration import MigrationMaker
from misei.workflows.migration_plan import labelled_as
from misei.workflows.refine import (
    REFINED_FMAX,
    HopsNotFoundError,
    RefinedMigrationMaker,
    best_network,
    refined_adhesion,
    refined_migration,
)

PROVENANCE = Provenance(engine="emt", engine_version="1")
CRYSTAL = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
# Simple cubic: a hop along each axis percolates in one dimension.
AXES = {"x": [0, 0, 1, 0, 0], "y": [0, 0, 0, 1, 0], "z": [0, 0, 0, 0, 1]}


def hop(label: str, edge: list[int], barrier: float, natoms: int = 7) -> HopDoc:
    cell = Structure(Lattice.cubic(6.0), ["Li"] * natoms, [[k / 8, 0, 0] for k in range(natoms)])
    return HopDoc(
        label=label, sites=(0, 0), distance=3.0, multiplicity=1, edges=[edge],
        energies=[-10.0, -10.0 + barrier, -10.0], path_length=[0.0, 1.5, 3.0], images=[cell] * 3,
        residual_force=0.01, force_evaluations=5, converged=True, provenance=PROVENANCE,
    )  # fmt: skip


def migration(hops: list[HopDoc]) -> MigrationDoc:
    return MigrationDoc(
        alloy="Li", engine="emt", crystal=CRYSTAL, orbits=[[0]], hops=hops,
        barriers_by_dimension={"1": 0.1}, vacancy_energies=[0.4],
        supercell=[[2, 0, 0], [0, 2, 0], [0, 0, 2]], natoms=7, force_evaluations=15, converged=True,
        provenance=PROVENANCE,
    )  # fmt: skip


def test_best_network_has_the_hops_up_to_the_lowest_percolating_saddle() -> None:
    hops = [hop("x", AXES["x"], 0.3), hop("y", AXES["y"], 0.1), hop("z", AXES["z"], 0.2)]
    assert best_network(migration(hops)) == ("y",)


def test_of_equal_networks_the_one_of_most_dimensions() -> None:
    hops = [hop("x", AXES["x"], 0.3), hop("y", AXES["y"], 0.1), hop("z", AXES["z"], 0.1)]
    assert best_network(migration(hops)) == ("y", "z")


def test_hops_of_smaller_supercells_do_not_count() -> None:
    hops = [hop("x", AXES["x"], 0.3), hop("y", AXES["y"], 0.1, natoms=3)]
    assert best_network(migration(hops)) == ("x",)


def test_nothing_percolates() -> None:
    assert best_network(migration([])) == ()


def test_documents_of_an_older_version_leave_the_choice_to_the_second_engine() -> None:
    old = migration([hop("x", AXES["x"], 0.3)]).model_copy(update={"orbits": []})
    assert best_network(old) == ()
    maker = refined_migration(MigrationMaker.quick("emt", cutoff=4.5), "other", old)
    chosen, _, left_out = maker._select(maker._hops(CRYSTAL))
    assert [h.label for h in chosen] == ["Li0-Li0 3.00 A"]
    assert [h.label for h in left_out] == ["Li0-Li0 4.24 A"]


@pytest.fixture
def maker() -> RefinedMigrationMaker:
    first = MigrationMaker.standard("emt", cutoff=4.5)
    graph = find_hops(CRYSTAL, "Li", 4.5)
    found = migration([hop(graph.hops[0].label, graph.hops[0].edges[0], 0.1)])
    return refined_migration(first, "other", found)


def test_hops_are_known_by_their_edges_in_another_lattice(maker: RefinedMigrationMaker) -> None:
    label = find_hops(CRYSTAL, "Li", 4.5).hops[0]
    known = migration([hop(label.label, label.edges[0], 0.1)])
    grown = CRYSTAL.copy()
    grown.scale_lattice(1.02**3 * CRYSTAL.volume)
    assert find_hops(grown, "Li", 4.5).hops[0].label == "Li0-Li0 3.06 A"
    graph = labelled_as(maker._hops(grown), known)
    chosen, later, left_out = maker._select(graph)
    assert [h.label for h in chosen] == ["Li0-Li0 3.00 A"] == [*maker.network]
    assert chosen[0].distance == pytest.approx(3.06)
    assert later == []
    assert [h.label for h in left_out] == ["Li0-Li0 4.33 A"]


def test_a_hop_that_is_not_there_is_named(maker: RefinedMigrationMaker) -> None:
    maker.network = (*maker.network, "Li0-Li0 9.00 A")
    with pytest.raises(HopsNotFoundError, match=r"no hop Li0-Li0 9\.00 A .* relaxed with other"):
        maker._select(maker._hops(CRYSTAL))


def test_maker_starts_from_the_first_one_s_own_jobs(maker: RefinedMigrationMaker) -> None:
    first = MigrationMaker.standard("emt", cutoff=4.5)
    # What larger supercells change is the first engine's: the second has the smallest.
    assert maker._of_engine("emt") == replace(first, supercell_tolerance=None)
    assert (maker.start_from, maker.fmax, maker.saddle) == ("emt", REFINED_FMAX, first.saddle)
    assert maker.supercell_tolerance is None
    copy = json.loads(json.dumps(maker, cls=MontyEncoder), cls=MontyDecoder)
    assert copy == maker


def test_adhesion_confirms_one_interface_and_keeps_its_size() -> None:
    first = AdhesionMaker.standard("emt")
    second = refined_adhesion(first, "other")
    assert (second.engine, second.energy_engine, second.confirmed) == ("emt", "other", 1)
    assert second.converge is False
    assert (second.limits, second.candidates, second.relaxed) == (
        first.limits, first.candidates, first.relaxed,
    )  # fmt: skip
