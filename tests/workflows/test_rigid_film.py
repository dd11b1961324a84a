"""Registry and gap between rigid slabs, with EMT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from misei.structures.interfaces import InterfaceCandidate, InterfaceLimits, find_interfaces
from misei.structures.registry import Registry
from misei.workflows.calculators import SharedCalculator
from misei.workflows.rigid_film import MAX_STEPS, sample_registries

# The search ends at a force per area whose energy is 0.002 J/m2 above the minimum: at most
# 0.0005 eV for the cells of one atom per layer here, 0.1 angstrom of sliding.
SHIFT_TOLERANCE = 0.1  # angstrom
ENERGY_TOLERANCE = 0.002  # eV


def copper() -> Structure:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.59), ["Cu"], [[0, 0, 0]])
    return cell.get_primitive_structure()


@pytest.fixture(scope="module")
def candidate() -> InterfaceCandidate:
    """Cu on Cu(100), unstrained."""
    limits = InterfaceLimits(max_atoms=20, registries=2)
    found = find_interfaces(copper(), {"fcc": copper()}, limits).candidates
    return next(c for c in found if c.substrate_miller == (1, 0, 0))


def sample(candidate: InterfaceCandidate, registries: list[Registry], relax: bool = True):
    calculator = SharedCalculator(EMT())
    sampled = sample_registries(
        [candidate.interface(registry) for registry in registries],
        len(candidate.film),
        [(registry.shift, registry.gap) for registry in registries],
        calculator,
        relax,
    )
    assert calculator.evaluations == sum(registry.evaluations for registry in sampled)
    return sampled


def test_displaced_film_finds_the_perfect_registry(candidate):
    perfect = candidate.registries[0]
    displaced = Registry((perfect.shift[0] + 0.15, perfect.shift[1] + 0.1), perfect.gap + 0.4)
    (at_rest,), (found,) = sample(candidate, [perfect]), sample(candidate, [displaced])
    assert found.converged
    assert found.energy == pytest.approx(at_rest.energy, abs=ENERGY_TOLERANCE)
    apart = np.array(found.shift) - at_rest.shift
    apart -= np.rint(apart)
    in_plane = np.linalg.norm(apart @ candidate.film.lattice.matrix[:2])
    assert in_plane < SHIFT_TOLERANCE
    assert abs(found.gap - at_rest.gap) < SHIFT_TOLERANCE


def test_shift_and_gap_give_back_the_energy(candidate):
    start = Registry(candidate.registries[0].shift, candidate.registries[0].gap + 0.3)
    (found,) = sample(candidate, [start])
    (again,) = sample(candidate, [Registry(found.shift, found.gap)], relax=False)
    assert again.energy == pytest.approx(found.energy, abs=1e-6)


def test_poor_registry_is_left_after_its_first_evaluation(candidate):
    best, worst = candidate.registries[0], replace(candidate.registries[1])
    sampled = sample(candidate, [worst, best])
    assert sampled[1].energy < sampled[0].energy
    assert sampled[1].converged
    assert not sampled[0].converged
    assert sampled[0].evaluations < sampled[1].evaluations <= MAX_STEPS or (
        sampled[0].evaluations == 1
    )


def test_single_points_cost_one_evaluation_each(candidate):
    sampled = sample(candidate, candidate.registries, relax=False)
    assert [registry.evaluations for registry in sampled] == [1] * len(candidate.registries)
    assert [registry.gap for registry in sampled] == [r.gap for r in candidate.registries]
