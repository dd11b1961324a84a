"""Whole flows with VASP: adhesion, migration, surface energies, through custodian to documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ase.build import bulk
from jobflow import Flow
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import Incar, Kpoints
from vasp_bench import Bench

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.migration import MigrationMaker
from misei.workflows.surfaces import SurfaceEnergyMaker

# One interface of two dozen atoms.
SMALL = InterfaceLimits(
    max_atoms=24, max_strain=0.13, strain_step=0.13, film_thickness=4.0, substrate_thickness=4.0,
    registries=1, max_terminations=1,
)  # fmt: skip
ADHESION = AdhesionMaker(
    engine="emt", energy_engine="vasp", film="Cu", film_lattices=("fcc",), limits=SMALL,
    candidates=1, relaxed=1, surface_thickness=4.0,
)  # fmt: skip
MIGRATION = MigrationMaker.quick("vasp", mobile_species="Cu", min_length=5.0, cutoff=3.0, fmax=0.03)
# EMT's energies reach VASP's documents through two relaxations to their fmax, J/m2 and eV.
ADHESION_TOLERANCE = 0.02
BARRIER_TOLERANCE = 0.01

Mode = Callable[[str], None]
Runs = Callable[[], int]


def crystal(element: str) -> Structure:
    """Primitive fcc crystal."""
    return AseAtomsAdaptor.get_structure(bulk(element))


@pytest.fixture(autouse=True)
def climbing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary with VTST."""
    monkeypatch.setenv("STAND_IN_VTST", "1")
    monkeypatch.setenv("MISEI_VASP_VTST", "true")


def inputs(bench: Bench, name: str) -> list[Path]:
    """Files of that name in all job folders."""
    return sorted(bench.run_dir.glob(f"jobs/*/{name}*"))


def check_slabs(bench: Bench) -> None:
    """Every INCAR with a dipole layer has its cell fixed, and one k-point across the vacuum."""
    slabs = 0
    for file in inputs(bench, "INCAR.orig"):
        tags = Incar.from_file(file)
        if "IDIPOL" not in tags:
            continue
        slabs += 1
        grid = Kpoints.from_file(next(file.parent.glob("KPOINTS.orig*"))).kpts[0]
        assert grid[tags["IDIPOL"] - 1] == 1
        assert tags.get("ISIF", 2) == 2
        assert tags["LDIPOL"]
    assert slabs


def test_adhesion_with_energies_of_vasp(bench: Bench, runs: Runs) -> None:
    flow = ADHESION.make(crystal("Ag"), "Ag")
    document: AdhesionDoc = bench.output(flow)
    own: AdhesionDoc = bench.output(replace(ADHESION, energy_engine=None).make(crystal("Ag"), "Ag"))
    assert document.converged
    assert document.provenance.engine == "vasp"
    assert document.provenance.energies_from == "DFT on a potential's geometry"
    assert document.work_of_adhesion == pytest.approx(own.work_of_adhesion, abs=ADHESION_TOLERANCE)
    assert document.film_surface.surface_energy == pytest.approx(
        own.film_surface.surface_energy, abs=ADHESION_TOLERANCE
    )
    check_slabs(bench)
    before = runs()
    assert not bench.run(ADHESION.make(crystal("Ag"), "Ag")).computed
    assert runs() == before


def test_adhesion_by_vasp_alone(bench: Bench) -> None:
    maker = replace(ADHESION, engine="vasp", energy_engine=None)
    document: AdhesionDoc = bench.output(maker.make(crystal("Ag"), "Ag"))
    single_points = replace(ADHESION, rigid=False, energy_engine=None)
    own: AdhesionDoc = bench.output(single_points.make(crystal("Ag"), "Ag"))
    assert document.provenance.energies_from == "DFT"
    assert document.work_of_adhesion == pytest.approx(own.work_of_adhesion, abs=ADHESION_TOLERANCE)
    assert [len(i.structure) for i in document.interfaces] == [
        len(i.structure) for i in own.interfaces
    ]
    check_slabs(bench)


def test_surface_energy(bench: Bench) -> None:
    maker = SurfaceEnergyMaker(engine="vasp", millers=((1, 1, 1),), thickness=6.0)
    document: SurfaceEnergyDoc = bench.output(maker.make(crystal("Cu")))
    own: SurfaceEnergyDoc = bench.output(replace(maker, engine="emt").make(crystal("Cu")))
    assert document.converged
    assert document.surface_energy == pytest.approx(own.surface_energy, abs=ADHESION_TOLERANCE)


def test_migration_from_the_paths_of_another_engine(bench: Bench, runs: Runs) -> None:
    first = replace(MIGRATION, engine="emt")
    own: MigrationDoc = bench.output(first.make(crystal("Cu")))
    assert runs() == 0
    flow = replace(MIGRATION, start_from="emt").make(crystal("Cu"))
    document: MigrationDoc = bench.output(flow)
    assert document.converged
    assert document.started_from == "emt"
    assert document.engine == "vasp"
    assert document.provenance.energies_from == "DFT"
    assert document.migration_barrier == pytest.approx(own.migration_barrier, abs=BARRIER_TOLERANCE)
    assert document.vacancy_formation_energy == pytest.approx(
        own.vacancy_formation_energy, abs=BARRIER_TOLERANCE
    )
    assert len(document.hops[0].images) == len(own.hops[0].images)
    check_done(bench, flow, runs)


def test_migration_by_vasp_alone_survives_a_crash(bench: Bench, mode: Mode, runs: Runs) -> None:
    flow = MIGRATION.make(crystal("Cu"))
    mode("crash")
    report = bench.run(flow)
    assert report.failed
    assert report.skipped
    failed = runs()
    mode("")
    document: MigrationDoc = bench.output(MIGRATION.make(crystal("Cu")))
    assert runs() > failed
    assert document.converged
    (hop,) = document.hops
    assert hop.method == "band"
    assert len(hop.images) == MIGRATION.saddle.n_images + 2
    assert document.force_evaluations > hop.force_evaluations
    check_done(bench, flow, runs)


def check_done(bench: Bench, flow: Flow, runs: Runs) -> None:
    """The same flow again runs nothing."""
    before = runs()
    assert not bench.run(flow).computed
    assert runs() == before
