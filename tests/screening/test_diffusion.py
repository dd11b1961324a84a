"""Diffusivities against closed formulas, exact correlation factors and kinetic Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from misei.screening.diffusion import (
    DEFAULT_ATTEMPT_FREQUENCY,
    DEFAULT_BARRIER_ERROR,
    DiffusionInputError,
    diffusion,
    jump_network,
)
from misei.screening.random_walks import (
    K_B,
    JumpNetwork,
    defect_diffusivity,
    principal_values,
    spread_per_cell,
)
from misei.screening.schemas import Provenance
from misei.screening.schemas_diffusion import DiffusionDoc, PrefactorDoc
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.screening.tracer_correlation import vacancy_correlation
from misei.structures.hops import find_hops

# Closed formulas and linear algebra: rounding.
ROUNDING = 1e-10
# Literature gives four figures; boxes of up to 4,000 states leave 3e-4 (sc).
CORRELATION_TOLERANCE = 5e-4
# Monte Carlo: standard errors.
SIGMAS = 4.0
CM2_PER_A2_THZ = 1e-4
A = 4.0  # angstrom
PROVENANCE = Provenance(engine="toy", engine_version="1", misei_version="0")


def crystal(kind: str) -> Structure:
    number, coords = {
        "sc": (221, [0, 0, 0]), "bcc": (229, [0, 0, 0]), "fcc": (225, [0, 0, 0]),
        "diamond": (227, [0, 0, 0]), "hcp": (194, [1 / 3, 2 / 3, 0.25]),
    }[kind]  # fmt: skip
    lattice = Lattice.cubic(A) if kind != "hcp" else Lattice.hexagonal(A, A * np.sqrt(8 / 3))
    return Structure.from_spacegroup(number, lattice, ["Li"], [coords]).get_primitive_structure()


def nearest(kind: str) -> float:
    return A * {"sc": 1, "bcc": np.sqrt(3) / 2, "fcc": np.sqrt(0.5), "diamond": np.sqrt(3) / 4}.get(
        kind, 1.0
    )


def migration(
    structure: Structure,
    cutoff: float,
    barrier: Callable[[int], float] = lambda orbit: 0.3,
    formation: tuple[float, ...] = (0.5,),
    **fields: object,
) -> MigrationDoc:
    """Document of hops up to a cutoff; the saddle lies this far above the first site."""
    graph = find_hops(structure, cutoff=cutoff)
    hops = []
    for hop in graph.hops:
        first, second = (formation[orbit] for orbit in hop.orbits)
        saddle = first + barrier(hop.orbits[1])
        hops.append(
            HopDoc(
                label=hop.label, sites=hop.orbits, distance=hop.distance, edges=hop.edges,
                multiplicity=hop.multiplicity, energies=[first, saddle, second],
                path_length=[0.0, 1.0, 2.0], residual_force=0.0, force_evaluations=1,
                converged=True, provenance=PROVENANCE,
            )
        )  # fmt: skip
    values = {
        "alloy": structure.composition.reduced_formula, "engine": "toy", "crystal": structure,
        "orbits": graph.orbits, "hops": hops, "barriers_by_dimension": {"1": 0.3},
        "vacancy_energies": list(formation), "supercell": np.eye(3, dtype=int).tolist(),
        "natoms": 1, "force_evaluations": 1, "converged": True, "provenance": PROVENANCE,
    }  # fmt: skip
    return MigrationDoc.model_validate(values | fields)


def jump(temperature: float, barrier: float) -> float:
    return float(np.exp(-barrier / (K_B * temperature)))


# D of one vacancy is z / 6 d^2 w: with d the nearest distance all three come to a^2 w.
@pytest.mark.parametrize(("kind", "neighbours"), [("sc", 6), ("bcc", 8), ("fcc", 12)])
def test_one_hop_of_cubic_lattices(kind: str, neighbours: int) -> None:
    doc = diffusion(migration(crystal(kind), nearest(kind) + 0.1), [400.0], 2.0)
    for temperature, value, axes in zip(
        doc.temperatures_K, doc.defect_diffusivities, doc.principal_diffusivities, strict=True
    ):
        expected = CM2_PER_A2_THZ * A**2 * 2.0 * jump(temperature, 0.3)
        assert value == pytest.approx(expected, rel=ROUNDING)
        assert axes == pytest.approx([expected] * 3, rel=ROUNDING)
    assert doc.geometry_factor == pytest.approx(neighbours / 6, rel=ROUNDING)
    assert doc.hop_length == pytest.approx(nearest(kind), rel=ROUNDING)
    assert sum(doc.rate_control.values()) == pytest.approx(1.0, abs=1e-6)


def chain(low: float, high: float) -> JumpNetwork:
    """Two sites along x with jumps of two kinds by turns, and nothing across."""
    return JumpNetwork(
        np.diag([A, 5.0, 6.0]), np.array([0.0, 0.0]),
        np.array([[0, 1, 0, 0, 0], [1, 0, 1, 0, 0]]), np.array([low, high]),
    )  # fmt: skip


@pytest.mark.parametrize("high", [0.2, 0.5, 3.0])
def test_alternating_barriers_are_resistors_in_series(high: float) -> None:
    # 3 eV at 300 K: rates that differ by 10^48 and lose no digit.
    slow, fast = jump(300.0, high), jump(300.0, 0.2)
    tensor = defect_diffusivity(chain(0.2, high), 300.0, 1.0)
    effective = 2 * slow * fast / (slow + fast)
    # Jumps of a/2 at the effective rate, each way: D = (a/2)^2 w.
    assert tensor[0, 0] == pytest.approx(CM2_PER_A2_THZ * (A / 2) ** 2 * effective, rel=ROUNDING)
    assert principal_values(tensor)[:2] == (0.0, 0.0)


def test_layers_do_not_conduct_across() -> None:
    slabs = Structure(Lattice.tetragonal(3.0, 9.0), ["Li"], [[0, 0, 0]])
    doc = diffusion(migration(slabs, 3.1), [300.0])
    low, middle, high = doc.principal_diffusivities[0]
    assert low == 0.0
    assert middle == pytest.approx(high, rel=ROUNDING)
    assert doc.defect_diffusivities[0] == pytest.approx(2 * high / 3, rel=ROUNDING)
    # Exact for the square lattice: 1 / (pi - 1).
    assert doc.correlation_factors is not None
    assert doc.correlation_factors[0] == pytest.approx(1 / (pi - 1), abs=CORRELATION_TOLERANCE)


def random_network(seed: int) -> JumpNetwork:
    rng = np.random.default_rng(seed)
    rows = [(i, (i + 1) % 5, *rng.integers(-1, 2, 3)) for i in range(5)]
    rows += [(*rng.integers(5, size=2), *rng.integers(-1, 2, 3)) for _ in range(12)]
    jumps = np.array([row for row in rows if row[0] != row[1] or any(row[2:])])
    saddles = rng.uniform(0.3, 0.5, len(jumps))
    return JumpNetwork(rng.normal(size=(3, 3)), rng.uniform(0, 0.2, 5), jumps, saddles)


@pytest.mark.parametrize("seed", range(3))
def test_pseudo_inverse_of_the_rate_matrix_gives_the_same(seed: int) -> None:
    """Allnatt and Lidiard's formula, in coordinates where the sites lie anywhere."""
    network, temperature = random_network(seed), 500.0
    beta = 1 / (K_B * temperature)
    weights = np.exp(-beta * network.site_energies)
    weights /= weights.sum()
    places = np.random.default_rng(9).uniform(size=(5, 3))
    bare, rates, bias = np.zeros((3, 3)), np.zeros((5, 5)), np.zeros((5, 3))
    for (i, j, *cell), saddle in zip(network.jumps, network.saddle_energies, strict=True):
        for start, end, sign in ((i, j, 1), (j, i, -1)):
            rate = np.exp(-beta * (saddle - network.site_energies[start]))
            step = sign * (places[j] + cell - places[i]) @ network.lattice
            bare += 0.5 * weights[start] * rate * np.outer(step, step)
            bias[start] += np.sqrt(weights[start]) * rate * step
            rates[start, start] -= rate
            rates[start, end] += rate * np.sqrt(weights[start] / weights[end])
    expected = CM2_PER_A2_THZ * (bare + bias.T @ np.linalg.pinv(rates, rcond=1e-10) @ bias)
    tensor = defect_diffusivity(network, temperature, 1.0)
    assert tensor == pytest.approx(expected, rel=1e-8, abs=1e-10 * np.trace(expected))


def test_kinetic_monte_carlo_of_two_unlike_sites() -> None:
    temperature, walkers, steps = 600.0, 4000, 1500
    jumps = [(0, 1, 0, 0, 0), (1, 0, 1, 0, 0), (1, 0, 0, 1, 0), (1, 0, 0, 0, 1)]
    network = JumpNetwork(
        A * np.eye(3), np.array([0.0, 0.05]), np.array(jumps), np.array([0.25, 0.1, 0.2, 0.2])
    )
    rates = np.exp(
        -(network.saddle_energies - network.site_energies[:, None]) / (K_B * temperature)
    )
    rng = np.random.default_rng(7)
    site, cell, time = np.zeros(walkers, dtype=int), np.zeros((walkers, 3)), np.zeros(walkers)
    total = rates.sum(axis=1)
    for _ in range(steps):
        time += rng.exponential(1 / total[site])
        ranges = np.cumsum(rates[site], axis=1)
        chosen = (rng.uniform(size=walkers)[:, None] * ranges[:, -1:] > ranges).sum(axis=1)
        # From site 0 to 1 every jump is taken backwards but the first.
        cell += np.where(site[:, None] == 1, 1, -1) * network.jumps[chosen, 2:]
        site = 1 - site
    squares = (A * cell) ** 2
    found = squares.mean(axis=0) / (2 * time.mean())
    error = squares.std(axis=0) / np.sqrt(walkers) / (2 * time.mean())
    expected = np.diag(defect_diffusivity(network, temperature, 1.0)) / CM2_PER_A2_THZ
    assert (np.abs(found - expected) < SIGMAS * error).all()
    # Along x slow and fast jumps alternate: uncorrelated they would lead further.
    uncorrelated = A**2 * network.fluxes(temperature)[1]
    assert uncorrelated > 2 * expected[0]


# Compaan and Haven 1956, Montet 1973; hcp is the mean over directions.
@pytest.mark.parametrize(
    ("kind", "exact"),
    [("sc", 0.6531), ("bcc", 0.7272), ("fcc", 0.7815), ("diamond", 0.5), ("hcp", 0.7813)],
)
def test_correlation_factors_of_the_literature(kind: str, exact: float) -> None:
    doc = diffusion(migration(crystal(kind), nearest(kind) + 0.1), [300.0])
    assert doc.correlation_factors == pytest.approx([exact], abs=CORRELATION_TOLERANCE)
    assert doc.correlation_error < 2e-3
    assert "computed" in doc.correlation_origin


def test_tracers_cannot_pass_each_other_in_a_channel() -> None:
    jumps = np.array([[0, 0, 1, 0, 0]])
    found = vacancy_correlation(np.eye(3), 1, jumps, np.array([1.0]))
    assert found is not None
    assert found.factor <= found.error < 0.05


def test_beyond_equilibrium_faster_jumps_change_no_correlation_factor() -> None:
    # Diamond's jumps, one of the four fast; beyond 10^6 rates are not resolved.
    jumps = np.array([[0, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1]])
    factors = []
    for fast in (1.0, 1e4, 1e30):
        found = vacancy_correlation(np.eye(3), 2, jumps, np.array([fast, 1.0, 1.0, 1.0]))
        assert found is not None
        factors.append(found.factor)
    assert factors[0] == pytest.approx(0.5, abs=CORRELATION_TOLERANCE)
    assert factors[1] == pytest.approx(factors[2], abs=CORRELATION_TOLERANCE)
    assert abs(factors[1] - factors[0]) > 10 * CORRELATION_TOLERANCE


def test_tracers_are_the_product_of_the_stated_factors() -> None:
    doc = diffusion(migration(crystal("fcc"), nearest("fcc") + 0.1), [250.0, 500.0])
    assert doc.temperatures_K == [250.0, 300.0, 500.0]
    assert doc.tracer_diffusivities is not None
    for k, temperature in enumerate(doc.temperatures_K):
        vacancies = 1 / (np.exp(0.5 / (K_B * temperature)) + 1)
        assert doc.tracer_diffusivities[k] == pytest.approx(
            doc.correlation_factors[k] * vacancies * doc.defect_diffusivities[k], rel=ROUNDING
        )
    assert doc.defect_fit is not None
    assert doc.tracer_fit is not None
    assert doc.defect_fit.activation_energy == pytest.approx(0.3, rel=ROUNDING)
    prefactor = CM2_PER_A2_THZ * A**2 * DEFAULT_ATTEMPT_FREQUENCY
    assert doc.defect_fit.prefactor == pytest.approx(prefactor, rel=1e-8)
    # Vacancies on a share of the sites are not quite Boltzmann's.
    assert doc.tracer_fit.activation_energy == pytest.approx(0.8, abs=1e-5)
    low, high = doc.tracer_interval_300K
    assert high / low == pytest.approx(np.exp(2 * DEFAULT_BARRIER_ERROR / (K_B * 300.0)))
    assert low < doc.tracer_diffusivity_300K < high
    assert (doc.attempt_frequency_origin, doc.defect_fraction_origin) == ("stated", "thermal")
    assert doc.warnings == []
    assert DiffusionDoc.model_validate(doc.model_dump()) == doc


def test_structural_vacancies_need_a_given_fraction() -> None:
    negative = migration(crystal("fcc"), nearest("fcc") + 0.1, formation=(-0.1,))
    by_name = migration(
        Structure.from_spacegroup(216, Lattice.cubic(6.4), ["Li", "Al"], [[0] * 3, [0.25] * 3]), 4.6
    )
    for document in (negative, by_name):
        doc = diffusion(document)
        assert doc.structural_vacancies
        assert doc.defect_fraction_origin == "unknown"
        assert doc.tracer_diffusivities is None
        assert doc.tracer_fit is None
        assert doc.defect_diffusivity_300K > 0
        assert "composition" in doc.warnings[0]
        given = diffusion(document, defect_fraction=0.02)
        assert given.tracer_diffusivity_300K == pytest.approx(
            0.02 * given.correlation_factors[2] * given.defect_diffusivity_300K, rel=ROUNDING
        )
        assert given.structural_vacancies
        assert given.warnings == []


def test_many_defects_are_warned_of() -> None:
    doc = diffusion(migration(crystal("fcc"), nearest("fcc") + 0.1, formation=(0.05,)))
    assert any("independent" in warning for warning in doc.warnings)


def test_interstitials_are_counted_per_atom() -> None:
    # Octahedral and tetrahedral voids of fcc: the atom is the first site, the voids the last.
    voids = find_hops(crystal("sc"), cutoff=A + 0.1)
    cell = Structure(Lattice.cubic(A), ["Li", "Li"], [[0.5] * 3, [0] * 3])
    shifted = [[[1, 1, *cell_[2:]] for cell_ in hop.edges] for hop in voids.hops]
    base = migration(crystal("sc"), A + 0.1, formation=(0.4,))
    hops = [
        hop.model_copy(update={"edges": edges})
        for hop, edges in zip(base.hops, shifted, strict=True)
    ]
    document = base.model_copy(
        update={"mechanism": "interstitial", "crystal": cell, "orbits": [[1]], "hops": hops}
    )
    doc = diffusion(document)
    assert doc.correlation_factors == [1.0] * len(doc.temperatures_K)
    room = doc.temperatures_K.index(300.0)
    expected = 1 / (np.exp(0.4 / (K_B * 300.0)) + 1)
    assert doc.defect_fractions[room] == pytest.approx(expected, rel=ROUNDING)
    assert doc.defect_diffusivity_300K == pytest.approx(
        CM2_PER_A2_THZ * A**2 * DEFAULT_ATTEMPT_FREQUENCY * jump(300.0, 0.3), rel=ROUNDING
    )


def prefactor(saddle: list[float], **fields: object) -> PrefactorDoc:
    values = {
        "hop": "toy", "engine": "toy", "mover": 0, "radius": 1.0, "atoms_moved": [0],
        "displacement": 0.01, "frequencies_initial": [4.0, 5.0, 6.0],
        "frequencies_saddle": saddle, "shell_radii": [], "shell_frequencies": [],
        "residual_force": 0.0, "force_evaluations": 14, "converged": True,
        "provenance": PROVENANCE,
    }  # fmt: skip
    return PrefactorDoc.model_validate(values | fields)


def test_frequency_from_vibrations() -> None:
    document = migration(crystal("fcc"), nearest("fcc") + 0.1)
    doc = diffusion(document, attempt_frequency=prefactor([-3.0, 5.0, 8.0]))
    assert doc.attempt_frequency == pytest.approx(4.0 * 5.0 * 6.0 / (5.0 * 8.0))
    assert doc.attempt_frequency_origin == "vibrations"
    ratio = doc.defect_diffusivity_300K / diffusion(document).defect_diffusivity_300K
    assert ratio == pytest.approx(3.0 / DEFAULT_ATTEMPT_FREQUENCY, rel=ROUNDING)
    with pytest.raises(DiffusionInputError, match="imaginary"):
        diffusion(document, attempt_frequency=prefactor([-3.0, -1.0, 8.0]))


def test_ends_that_disagree_on_the_saddle_are_warned_of() -> None:
    document = migration(crystal("fcc"), nearest("fcc") + 0.1)
    (hop,) = document.hops
    skewed = hop.model_copy(update={"energies": [0.0, 0.3, 0.1]})
    changed = document.model_copy(update={"hops": [skewed]})
    doc = diffusion(changed)
    assert any("100 meV" in warning for warning in doc.warnings)
    assert jump_network(changed).saddle_energies == pytest.approx([0.5 + 0.25] * 6)


def test_hops_that_do_not_percolate() -> None:
    document = migration(crystal("fcc"), nearest("fcc") - 0.1, barriers_by_dimension={})
    doc = diffusion(document)
    assert doc.defect_diffusivities == [0.0] * len(doc.temperatures_K)
    assert doc.tracer_diffusivities is None
    assert doc.correlation_factors is None
    assert doc.geometry_factor is None
    assert doc.rate_control == {}
    assert any("percolates" in warning for warning in doc.warnings)


def test_refused_input() -> None:
    document = migration(crystal("fcc"), nearest("fcc") + 0.1)
    for wrong, text in (
        ({"temperatures": [-5.0]}, "-5 K"), ({"defect_fraction": 1.5}, "1.5"),
        ({"attempt_frequency": 0.0}, "0 THz"), ({"barrier_error": -0.1}, "-0.1 eV"),
    ):  # fmt: skip
        with pytest.raises(DiffusionInputError, match=text):
            diffusion(document, **wrong)
    with pytest.raises(DiffusionInputError, match="misei barrier Li"):
        diffusion(document.model_copy(update={"crystal": None}))


def test_spread_does_not_depend_on_the_order_of_the_sites() -> None:
    network = random_network(5)
    order = np.array([3, 0, 4, 2, 1])
    jumps = network.jumps.copy()
    jumps[:, :2] = order[jumps[:, :2]]
    fluxes = network.fluxes(500.0)
    assert spread_per_cell(5, jumps, fluxes) == pytest.approx(
        spread_per_cell(5, network.jumps, fluxes), rel=ROUNDING, abs=ROUNDING * fluxes.max()
    )
