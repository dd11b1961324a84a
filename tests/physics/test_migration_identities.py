from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.mep import NEB
from ase.optimize import FIRE
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_migration import MigrationDoc
from misei.workflows.migration import MigrationMaker
from misei.workflows.saddle_settings import SaddleSettings

# Tolerances in eV. A band at fmax 0.02 eV/angstrom knows its saddle to about 0.005.
BAND_TOLERANCE = 0.01
# A shortcut against the whole climbing band, both at fmax 0.02 eV/angstrom.
SHORTCUT_TOLERANCE = 0.005
# Barriers and formation energies in supercells with images 10 angstrom apart and more.
SUPERCELL_TOLERANCE = 0.02
# Two relaxations of equivalent vacancies.
SYMMETRY_TOLERANCE = 0.002
# fcc Li: 0.147 eV by SevenNet-0 in large cells, 0.13 by DFT.
FCC_LI_BARRIER = 0.147
FCC_LI_TOLERANCE = 0.02
# DFT; machine-learned potentials soften vacancies as they soften surfaces.
FCC_LI_FORMATION = 0.60


def run(maker: MigrationMaker, crystal: Structure, folder: Path) -> MigrationDoc:
    flow = maker.make(crystal)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        flow, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
    )
    return MigrationDoc.model_validate(store.get_output(flow.output.uuid, load=True))


@pytest.fixture(scope="module")
def copper(tmp_path_factory: pytest.TempPathFactory) -> MigrationDoc:
    maker = MigrationMaker.quick("emt", mobile_species="Cu")
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu"))
    return run(maker, crystal, tmp_path_factory.mktemp("copper"))


def test_copper_by_ase_alone(copper: MigrationDoc) -> None:
    barrier, formation = ase_copper_vacancy()
    assert copper.migration_barrier == pytest.approx(barrier, abs=BAND_TOLERANCE)
    assert copper.vacancy_formation_energy == pytest.approx(formation, abs=BAND_TOLERANCE)


def ase_copper_vacancy() -> tuple[float, float]:
    """Barrier and formation energy of the vacancy in eV, with another optimizer and band."""
    unit = bulk("Cu")
    unit.calc = EMT()
    FIRE(FrechetCellFilter(unit), logfile=None).run(1e-3)
    perfect = unit * (4, 4, 4)
    perfect.calc = EMT()
    neighbour = min(range(1, 64), key=lambda k: perfect.get_distance(0, k, mic=True))
    ends = [perfect.copy(), perfect.copy()]
    ends[1].positions[neighbour] -= perfect.get_distance(0, neighbour, mic=True, vector=True)
    for end in ends:
        del end[0]
        end.calc = EMT()
        FIRE(end, logfile=None).run(0.01)
    images = [ends[0], *(ends[0].copy() for _ in range(5)), ends[1]]
    for image in images[1:-1]:
        image.calc = EMT()
    band = NEB(images, climb=True, k=0.1)
    band.interpolate(mic=True)
    FIRE(band, logfile=None).run(0.01)
    saddle = max(image.get_potential_energy() for image in images)
    vacancy = ends[0].get_potential_energy()
    return saddle - vacancy, vacancy - 63 / 64 * perfect.get_potential_energy()


def test_copper_hop_is_its_own_reverse(copper: MigrationDoc) -> None:
    (hop,) = copper.hops
    assert hop.multiplicity == 6
    assert hop.barrier_forward == pytest.approx(hop.barrier_backward, abs=SYMMETRY_TOLERANCE)
    assert copper.barriers_by_dimension == {str(d): copper.migration_barrier for d in (1, 2, 3)}
    assert copper.converged


FULL_BAND = SaddleSettings(shortcut=False, one_image=False, climb_alone=False, n_images=5)
# Layers of fcc, one of Au and three of Cu: the middle one and its neighbours are two kinds.
LAYERS = Structure.from_spacegroup(
    123,
    Lattice.tetragonal(2.65, 7.5),
    ["Au", "Cu", "Cu"],
    [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]],
)


@pytest.mark.parametrize(
    ("crystal", "method"),
    [(AseAtomsAdaptor.get_structure(bulk("Cu")), "midpoint"), (LAYERS, "one image")],
)
def test_a_shortcut_finds_the_saddle_of_the_full_band(
    crystal: Structure, method: str, tmp_path: Path
) -> None:
    maker = MigrationMaker.quick("emt", mobile_species="Cu", min_length=6.5, cutoff=3.0)
    short = run(maker, crystal, tmp_path / "short")
    full = run(replace(maker, saddle=FULL_BAND), crystal, tmp_path / "full")
    (quick,), (whole,) = short.hops, full.hops
    assert (quick.method, whole.method) == (method, "band")
    for direction in ("barrier_forward", "barrier_backward"):
        expected = getattr(whole, direction)
        assert getattr(quick, direction) == pytest.approx(expected, abs=SHORTCUT_TOLERANCE)
    assert 2 * quick.force_evaluations < whole.force_evaluations


def test_barriers_do_not_depend_on_the_supercell(tmp_path: Path) -> None:
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu"))
    docs = [
        run(
            MigrationMaker(engine="emt", mobile_species="Cu", min_length=length, cutoff=3.0),
            crystal,
            tmp_path / str(length),
        )
        for length in (10.0, 12.5)
    ]
    assert docs[0].natoms < docs[1].natoms
    for quantity in ("migration_barrier", "vacancy_formation_energy"):
        small, large = (getattr(doc, quantity) for doc in docs)
        assert small == pytest.approx(large, abs=SUPERCELL_TOLERANCE)


def test_forward_minus_backward_is_the_difference_of_the_vacancies(tmp_path: Path) -> None:
    maker = MigrationMaker.quick("emt", mobile_species="Cu", min_length=6.5, cutoff=3.0)
    doc = run(maker, LAYERS, tmp_path)
    hop = next(hop for hop in doc.hops if hop.sites == (0, 1))
    first, second = doc.vacancy_energies
    lowest = min(doc.vacancy_energies)
    assert doc.migration_barrier == pytest.approx(
        first + hop.barrier_forward - lowest, abs=SYMMETRY_TOLERANCE
    )
    assert abs(second - first) > 10 * SYMMETRY_TOLERANCE
    assert hop.barrier_forward - hop.barrier_backward == pytest.approx(
        second - first, abs=SYMMETRY_TOLERANCE
    )


@pytest.mark.slow
@pytest.mark.science
def test_vacancy_of_fcc_lithium(tmp_path: Path) -> None:
    crystal = Structure.from_spacegroup(225, Lattice.cubic(4.33), ["Li"], [[0, 0, 0]])
    doc = run(MigrationMaker.quick("sevennet", min_length=10.0), crystal, tmp_path)
    assert doc.converged
    assert doc.migration_barrier == pytest.approx(FCC_LI_BARRIER, abs=FCC_LI_TOLERANCE)
    # SevenNet-0 softens: it gives 0.42 eV. A vacancy still costs energy, less than by DFT.
    assert 0 < doc.vacancy_formation_energy < FCC_LI_FORMATION


@pytest.mark.slow
@pytest.mark.science
def test_the_path_beside_a_symmetric_ridge_is_found(tmp_path: Path) -> None:
    """Li2S: the mover passes beside the line between the sites, lower by some meV."""
    crystal = Structure.from_spacegroup(
        225, Lattice.cubic(5.72), ["S", "Li"], [[0] * 3, [0.25] * 3]
    )
    maker = MigrationMaker.quick("sevennet", min_length=7.0, cutoff=3.0)
    short = run(maker, crystal, tmp_path / "short")
    full = run(replace(maker, saddle=FULL_BAND), crystal, tmp_path / "full")
    assert short.hops[0].method == "midpoint"
    assert short.converged
    # The plain band stays on the ridge, or falls off it to the same side.
    assert short.migration_barrier <= full.migration_barrier + SHORTCUT_TOLERANCE
    assert short.migration_barrier == pytest.approx(full.migration_barrier, abs=BAND_TOLERANCE)
