"""A second engine's small supercell, and what the first engine's larger ones add to it."""

from __future__ import annotations

import pytest

from misei.screening.schemas import Provenance
from misei.screening.schemas_migration import MigrationDoc, SupercellStep
from misei.screening.supercell_size import in_larger_supercell

EXACT = 1e-12


def step(natoms: int, barrier: float | None, formation: float) -> SupercellStep:
    return SupercellStep(
        natoms=natoms, image_distance=6.0, migration_barrier=barrier, formation_energy=formation,
        force_evaluations=1,
    )  # fmt: skip


def migration(
    natoms: int, barriers: dict[str, float], formation: list[float], *steps: SupercellStep
) -> MigrationDoc:
    return MigrationDoc(
        alloy="LiAl", engine="emt", hops=[], barriers_by_dimension=barriers,
        vacancy_energies=formation, supercell=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], natoms=natoms,
        supercell_steps=list(steps), force_evaluations=1, converged=True,
        provenance=Provenance(engine="emt", engine_version="1"),
    )  # fmt: skip


SERIES = migration(63, {"1": 0.10}, [0.55], step(15, 0.20, 0.60), step(63, 0.10, 0.55))


def test_what_the_first_engine_s_series_changes_is_added() -> None:
    second = migration(15, {"1": 0.21, "3": 0.25}, [0.54, 0.70])
    found = in_larger_supercell(second, SERIES)
    assert found.barriers_by_dimension == pytest.approx({"1": 0.11, "3": 0.15}, abs=EXACT)
    assert found.vacancy_energies == pytest.approx([0.49, 0.65], abs=EXACT)
    change = found.size_correction
    assert change is not None
    assert (change.natoms, change.natoms_larger) == (15, 63)
    assert change.migration_barrier == pytest.approx(-0.10, abs=EXACT)
    assert change.formation_energy == pytest.approx(-0.05, abs=EXACT)
    # Differences of the engines are those in the same supercell.
    assert found.migration_barrier - SERIES.migration_barrier == pytest.approx(0.01, abs=EXACT)


def test_an_engine_that_agrees_in_the_small_supercell_agrees_in_the_large_one() -> None:
    found = in_larger_supercell(migration(15, {"1": 0.20}, [0.60]), SERIES)
    assert found.migration_barrier == pytest.approx(SERIES.migration_barrier, abs=EXACT)
    assert found.vacancy_formation_energy == pytest.approx(0.55, abs=EXACT)


def test_no_barrier_falls_below_zero() -> None:
    found = in_larger_supercell(migration(15, {"1": 0.05}, [0.60]), SERIES)
    assert found.migration_barrier == 0.0


@pytest.mark.parametrize(
    "first",
    [
        migration(15, {"1": 0.20}, [0.60]),
        migration(15, {"1": 0.20}, [0.60], step(15, 0.20, 0.60)),
        migration(63, {"1": 0.10}, [0.55], step(31, 0.20, 0.60), step(63, 0.10, 0.55)),
        migration(63, {"1": 0.10}, [0.55], step(15, None, 0.60), step(63, 0.10, 0.55)),
    ],
    ids=["no series", "no larger one", "another supercell", "no path in the small one"],
)
def test_without_a_series_the_numbers_stand(first: MigrationDoc) -> None:
    second = migration(15, {"1": 0.21}, [0.54])
    assert in_larger_supercell(second, first) is second
