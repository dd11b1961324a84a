"""Elastic tensors by EMT: against second derivatives of the energy, symmetry, failures, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import BFGS
from ase.units import GPa
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.core.operations import SymmOp
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.linalg import sqrtm

from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.structures.prototypes import load_prototypes
from misei.structures.supercells import DisorderedCrystalError
from misei.workflows import elasticity
from misei.workflows.elasticity import ElasticityMaker
from misei.workflows.engines import SharedEmtRelaxMaker

MAKER = ElasticityMaker(engine="emt", fmax=1e-4)
# GPa; both derivatives are of fourth order in strains up to 1 %.
ENERGY_TOLERANCE = 0.1
# GPa; relaxations of rotated and repeated cells end within fmax of each other.
CELL_TOLERANCE = 0.05
# GPa; the fit makes the tensor symmetric, what is left is rounding.
SYMMETRY_TOLERANCE = 1e-6
STRAIN = 4e-3

Matrix = NDArray[np.float64]


def run(maker: ElasticityMaker, crystal: Structure, folder: Path) -> RunReport:
    return run_flows([maker.make(crystal)], open_store(folder / "r.sqlite"), folder, InlinePool())


def compute(maker: ElasticityMaker, crystal: Structure, folder: Path) -> ElasticityDoc:
    report = run(maker, crystal, folder)
    assert report.failed == {}
    document = find_document(
        open_store(folder / "r.sqlite"), maker.make(crystal).output.uuid, ElasticityDoc
    )
    assert document is not None
    return document


def stiffness(crystal: Structure, direction: Matrix, relax: bool = False) -> float:
    """Second derivative of the energy density by a Green-Lagrange strain, GPa, by ase alone."""

    def energy(strain: float) -> float:
        atoms = AseAtomsAdaptor.get_atoms(crystal)
        stretch = np.real(sqrtm(np.eye(3) + 2 * strain * direction))
        atoms.set_cell(atoms.cell.array @ stretch, scale_atoms=True)
        atoms.calc = EMT()
        if relax:
            BFGS(atoms, logfile=None).run(fmax=1e-6)
        return float(atoms.get_potential_energy())

    e = [energy(k * STRAIN) for k in (-2, -1, 0, 1, 2)]
    second = (-e[0] + 16 * e[1] - 30 * e[2] + 16 * e[3] - e[4]) / (12 * STRAIN**2)
    return float(second / crystal.volume / GPa)


def shear(i: int, j: int) -> Matrix:
    """Strain whose engineering component is one."""
    direction = np.zeros((3, 3))
    direction[i, j] = direction[j, i] = 0.5
    return direction


def fcc(element: str) -> Structure:
    return load_prototypes()[f"{element}-225"].structure()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elasticity")


@pytest.fixture(scope="module")
def aluminium(folder: Path) -> ElasticityDoc:
    return compute(MAKER, fcc("Al"), folder)


@pytest.fixture(scope="module")
def hexagonal(folder: Path) -> ElasticityDoc:
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu", "hcp", a=2.55, c=4.2))
    return compute(MAKER, crystal, folder)


def test_the_tensor_is_the_second_derivative_of_the_energy(aluminium: ElasticityDoc) -> None:
    """Sign, units and the factor two of shear strains; B is that of the energy over volume."""
    tensor = np.array(aluminium.elastic_tensor_GPa)
    crystal = aluminium.structure
    assert tensor[0, 0] == pytest.approx(
        stiffness(crystal, np.diag([1.0, 0, 0])), abs=ENERGY_TOLERANCE
    )
    assert tensor[3, 3] == pytest.approx(stiffness(crystal, shear(1, 2)), abs=ENERGY_TOLERANCE)
    # Of a cubic crystal that is dilated alike along all axes: d2E / de2 = 9 V B.
    bulk_modulus = stiffness(crystal, np.eye(3)) / 9
    assert aluminium.bulk_modulus == pytest.approx(bulk_modulus, abs=ENERGY_TOLERANCE)
    assert np.abs(aluminium.residual_stress_GPa).max() < ENERGY_TOLERANCE


def test_a_cubic_tensor_has_three_constants(aluminium: ElasticityDoc) -> None:
    tensor = np.array(aluminium.elastic_tensor_GPa)
    c11, c12, c44 = tensor[0, 0], tensor[0, 1], tensor[3, 3]
    expected = np.diag([c11 - c12] * 3 + [c44] * 3)
    expected[:3, :3] += c12
    assert tensor == pytest.approx(expected, abs=SYMMETRY_TOLERANCE)
    assert aluminium.deformations == 6  # xx at four strains; yz at two, its sign being symmetry
    assert aluminium.bulk_modulus == pytest.approx((c11 + 2 * c12) / 3)
    assert aluminium.shear_modulus_voigt == pytest.approx((c11 - c12 + 3 * c44) / 5)
    assert aluminium.lowest_eigenvalue == pytest.approx(c11 - c12)
    assert aluminium.mechanically_stable
    assert aluminium.converged
    assert 0 < aluminium.nonlinearity < 0.15
    assert aluminium.warnings == []


def test_averages_are_those_of_an_isotropic_solid(hexagonal: ElasticityDoc) -> None:
    b, g = hexagonal.bulk_modulus, hexagonal.shear_modulus
    e, nu = hexagonal.youngs_modulus, hexagonal.poisson_ratio
    assert b is not None
    assert g is not None
    assert nu is not None
    assert e == pytest.approx(9 * b * g / (3 * b + g))
    assert e == pytest.approx(2 * g * (1 + nu))
    assert e == pytest.approx(3 * b * (1 - 2 * nu))
    assert hexagonal.pugh_ratio == pytest.approx(b / g)
    for kind, mean in (("bulk", b), ("shear", g)):
        reuss = getattr(hexagonal, f"{kind}_modulus_reuss")
        voigt = getattr(hexagonal, f"{kind}_modulus_voigt")
        assert reuss < voigt
        assert mean == pytest.approx((reuss + voigt) / 2)


def test_ions_are_relaxed_in_the_deformed_cell(hexagonal: ElasticityDoc) -> None:
    """A basal shear moves the two atoms of an hcp cell against each other."""
    c66 = hexagonal.elastic_tensor_GPa[5][5]
    relaxed = stiffness(hexagonal.structure, shear(0, 1), relax=True)
    assert c66 == pytest.approx(relaxed, abs=ENERGY_TOLERANCE)
    clamped = stiffness(hexagonal.structure, shear(0, 1))
    assert clamped > c66 + 10 * ENERGY_TOLERANCE


def rotated(crystal: Structure) -> Structure:
    operation = SymmOp.from_axis_angle_and_translation([1, 2, 3], 40.0)
    return crystal.copy().apply_operation(operation)


CELLS: dict[str, Callable[[Structure], Structure]] = {
    "rotated": rotated,
    "another basis": lambda crystal: crystal.copy().make_supercell(
        [[1, 1, 0], [0, 1, 1], [1, 0, 2]]
    ),
}


@pytest.mark.parametrize("cell", CELLS)
def test_the_choice_of_the_cell_changes_nothing(
    cell: str, aluminium: ElasticityDoc, folder: Path
) -> None:
    document = compute(MAKER, CELLS[cell](aluminium.structure), folder)
    assert np.array(document.elastic_tensor_GPa) == pytest.approx(
        np.array(aluminium.elastic_tensor_GPa), abs=CELL_TOLERANCE
    )


def test_a_crystal_that_is_not_stable_has_no_moduli_and_says_so(folder: Path) -> None:
    crystal = Structure(Lattice.cubic(2.85), ["Cu", "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    document = compute(MAKER, crystal, folder)
    assert document.lowest_eigenvalue < 0
    assert not document.mechanically_stable
    assert document.bulk_modulus is document.pugh_ratio is document.youngs_modulus is None
    (warning,) = document.warnings
    assert "Cu is not mechanically stable" in warning


def test_a_deformation_that_fails_is_the_only_one_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    relax, calls = SharedEmtRelaxMaker.run_ase, iter(range(1000))

    def fail_once(maker: Any, *arguments: Any, **options: Any) -> Any:
        if not maker.relax_cell and next(calls) == 2:
            raise RuntimeError("no memory left")
        return relax(maker, *arguments, **options)

    monkeypatch.setattr(SharedEmtRelaxMaker, "run_ase", fail_once)
    first = run(MAKER, fcc("Cu"), tmp_path)
    assert len(first.failed) == 1
    assert "elasticity of Cu" in first.skipped
    again = run(MAKER, fcc("Cu"), tmp_path)
    assert again.failed == {}
    assert [name for name in again.computed if name.startswith("deformed")] == list(first.failed)
    assert run(MAKER, fcc("Cu"), tmp_path).computed == []


def test_a_relaxation_that_did_not_converge_shows(
    aluminium: ElasticityDoc, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relaxations that aluminium has, under a judge who accepts none of the deformed cells."""
    monkeypatch.setattr(elasticity, "is_converged", lambda task: task.input.relax_cell)
    document = compute(replace(MAKER, symprec=0.011), fcc("Al"), folder)
    assert document.elastic_tensor_GPa == aluminium.elastic_tensor_GPa
    assert not document.converged
    (warning,) = document.warnings
    assert warning.startswith("6 of 6 deformed cells of Al did not reach")


def test_a_cell_that_collapses_when_it_is_deformed_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stress of one deformed cell is that of another structure: here one dilated by 3 %."""
    relax, calls = SharedEmtRelaxMaker.run_ase, iter(range(1000))

    def collapse_once(maker: Any, crystal: Structure, **options: Any) -> Any:
        if not maker.relax_cell and next(calls) == 5:
            crystal = Structure(crystal.lattice.scale(1.03 * crystal.volume), ["Ag"], [[0, 0, 0]])
        return relax(maker, crystal, **options)

    monkeypatch.setattr(SharedEmtRelaxMaker, "run_ase", collapse_once)
    document = compute(MAKER, fcc("Ag"), tmp_path)
    assert document.nonlinearity > elasticity.MAX_NONLINEARITY
    assert "stresses of Ag are not linear in the strain" in document.warnings[0]


def test_partial_occupancies_are_refused() -> None:
    crystal = Structure(Lattice.cubic(3.0), [{"Li": 0.5, "Mg": 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedCrystalError, match=r"Li0\.5Mg0\.5 has partial occupancies"):
        MAKER.make(crystal)


def test_the_flow_is_keyed_by_its_content() -> None:
    def uuids(maker: ElasticityMaker) -> list[str]:
        return [job.uuid for job, _ in maker.make(fcc("Al")).iterflow()]

    assert uuids(MAKER) == uuids(ElasticityMaker(engine="emt", fmax=1e-4))
    # Other strains on the same relaxed crystal.
    other = uuids(replace(MAKER, strains=(-0.005, 0.005)))
    assert other[0] == uuids(MAKER)[0]
    assert not set(other[1:]) & set(uuids(MAKER))


def test_tensors_that_are_none_are_refused(aluminium: ElasticityDoc) -> None:
    content = aluminium.model_dump()
    lopsided = np.array(aluminium.elastic_tensor_GPa)
    lopsided[0, 1] += 1
    for tensor, problem in ((lopsided, "symmetric"), (lopsided[:3, :3], r"6 x 6, not .*\(3, 3\)")):
        with pytest.raises(ValueError, match=problem):
            ElasticityDoc.model_validate(content | {"elastic_tensor_GPa": tensor.tolist()})


def test_deformed_cells_keep_the_k_points_of_the_crystal() -> None:
    lithium = Structure.from_spacegroup("Im-3m", Lattice.cubic(3.44), ["Li"], [[0, 0, 0]])
    grids = set()
    for strain in (0.97, 1.0, 1.03):
        deformed = lithium.copy()
        deformed.scale_lattice(strain**3 * lithium.volume)
        maker = elasticity.DeformedCellMaker(engine="gpaw-fast", undeformed=lithium)
        grids.add(maker.make(deformed).maker.grid)
    assert grids == {(8, 8, 8)}
