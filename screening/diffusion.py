"""D(T) of an alloy from its migration barriers: D* = f x_d D_d, every factor stated.

D_d, the diffusivity of one defect, holds the geometry of the hops and the correlation of unequal
ones (:mod:`misei.screening.random_walks`); x_d is the fraction of defects, f the correlation
factor of tracers (:mod:`misei.screening.tracer_correlation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from pymatgen.core import Structure

from misei.screening.random_walks import (
    A2_THZ_TO_CM2_PER_S,
    K_B,
    Floats,
    JumpNetwork,
    defect_diffusivity,
    principal_values,
    spread_per_cell,
)
from misei.screening.schemas_diffusion import (
    ROOM_TEMPERATURE,
    DiffusionDoc,
    FractionOrigin,
    PrefactorDoc,
)
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.tracer_correlation import Correlation, vacancy_correlation

DEFAULT_TEMPERATURES = (250.0, 275.0, 300.0, 325.0, 350.0, 400.0, 450.0, 500.0, 600.0)  # K
# THz. The mean frequency of a Debye solid is 3/4 k theta_D / h: 5.4 THz for Li metal (theta_D
# 344 K, Kittel, Introduction to Solid State Physics). For Li in solids 1 THz (Morgan, Van der
# Ven, Ceder, Electrochem. Solid-State Lett. 2004, 7, A30) to 10 THz (Van der Ven, Ceder, Asta,
# Tepesch, Phys. Rev. B 2001, 64, 184307) are in use.
DEFAULT_ATTEMPT_FREQUENCY = 5.0
DEFAULT_BARRIER_ERROR = 0.15  # eV, of a potential: see docs/accuracy.md
# They hold percents of vacancies on Li sites whatever the temperature: Kishio and Brittain,
# J. Phys. Chem. Solids 1979, 40, 933 (LiAl; LiGa is isotypic); Weppner and Huggins, J.
# Electrochem. Soc. 1977, 124, 1569 (Li3Sb, Li3Bi).
STRUCTURAL_VACANCY_PHASES = ("LiAl", "LiGa", "Li3Sb", "Li3Bi")
# Above it, defects meet too often to be independent.
DILUTE = 0.05
# Forward and backward barriers may miss the energies of their ends by this much, eV.
BALANCE_TOLERANCE = 0.02
# Relative change of a rate by which the control of a hop over D is found.
RATE_CHANGE = 1e-4


class DiffusionInputError(ValueError):
    """A temperature, frequency or fraction that is none, or a document without its hops."""


def diffusion(
    migration: MigrationDoc,
    temperatures: Sequence[float] = DEFAULT_TEMPERATURES,
    attempt_frequency: float | PrefactorDoc = DEFAULT_ATTEMPT_FREQUENCY,
    defect_fraction: float | None = None,
    barrier_error: float = DEFAULT_BARRIER_ERROR,
) -> DiffusionDoc:
    """Return the diffusivities of a crystal.

    Parameters
    ----------
    migration
        Hops with their barriers and the formation energies of the defect.
    temperatures
        K; 300 K is added.
    attempt_frequency
        nu* of all hops: a stated value in THz, or one from vibrations.
    defect_fraction
        x_d in place of the thermal one. Without it, phases with structural defects have a D_d
        but no D*.
    barrier_error
        eV, for the intervals.

    Raises
    ------
    DiffusionInputError
        For a value that is none, and a document that an older misei wrote.
    """
    grid = sorted({ROOM_TEMPERATURE, *temperatures})
    check_inputs(grid, defect_fraction, barrier_error)
    prefactor = attempt_frequency if isinstance(attempt_frequency, PrefactorDoc) else None
    frequency = checked_frequency(attempt_frequency)
    network = jump_network(migration)
    fractions, origin = _fractions(migration, grid, defect_fraction)
    return DiffusionDoc(
        **_migration_fields(migration),
        temperatures_K=grid,
        principal_diffusivities=[
            principal_values(defect_diffusivity(network, t, frequency)) for t in grid
        ],
        attempt_frequency=frequency,
        attempt_frequency_origin="stated" if prefactor is None else "vibrations",
        defect_fractions=fractions,
        defect_fraction_origin=origin,
        barrier_error=barrier_error,
        **_correlation_fields(migration, network, grid),
        **_control_fields(migration, network, frequency),
        converged=migration.converged and (prefactor is None or prefactor.converged),
        warnings=[*_warnings(migration, fractions), *(prefactor.warnings if prefactor else [])],
    )


def _migration_fields(migration: MigrationDoc) -> dict[str, Any]:
    return {
        "alloy": migration.alloy,
        "mobile_species": migration.mobile_species,
        "mechanism": migration.mechanism,
        "engine": migration.engine,
        "migration_barrier": migration.migration_barrier,
        "formation_energy": migration.vacancy_formation_energy,
        "structural_vacancies": has_structural_defects(migration),
        "provenance": migration.provenance,
    }


def check_inputs(
    temperatures: Sequence[float], fraction: float | None, barrier_error: float
) -> None:
    """Refuse, before anything is computed, what :func:`diffusion` would refuse."""
    for temperature in temperatures:
        if not 0 < temperature < np.inf:
            raise DiffusionInputError(f"{temperature:g} K is no temperature; valid: above 0")
    if fraction is not None and not 0 < fraction < 1:
        raise DiffusionInputError(f"{fraction:g} is no fraction of defects; valid: between 0 and 1")
    if not 0 <= barrier_error < np.inf:
        raise DiffusionInputError(f"{barrier_error:g} eV is no error; valid: 0 or more")


def checked_frequency(given: float | PrefactorDoc) -> float:
    """Return an attempt frequency in THz.

    Raises
    ------
    DiffusionInputError
        When there is none, or it is not positive.
    """
    value = given.attempt_frequency if isinstance(given, PrefactorDoc) else given
    if value is None:
        raise DiffusionInputError("vibrations with other than one imaginary mode at the saddle")
    if not 0 < value < np.inf:
        raise DiffusionInputError(f"{value:g} THz is no attempt frequency; valid: above 0")
    return value


def _crystal(migration: MigrationDoc) -> Structure:
    if migration.crystal is None or not all(hop.edges for hop in migration.hops):
        raise DiffusionInputError(
            f"the hops of {migration.alloy} were stored without the sites that they join; "
            f"compute them again with `misei barrier {migration.alloy}`"
        )
    return migration.crystal


def jump_network(migration: MigrationDoc) -> JumpNetwork:
    """Return sites and jumps of the defect of a document, energies from the metal.

    The saddle of a hop is the mean of the two that its ends give, so that detailed balance holds.

    Raises
    ------
    DiffusionInputError
        When the document has no crystal, written before misei kept it.
    """
    lattice = _crystal(migration).lattice.matrix
    place = {site: k for k, site in enumerate(chain.from_iterable(migration.orbits))}
    energies = [
        energy
        for sites, energy in zip(migration.orbits, migration.vacancy_energies, strict=True)
        for _ in sites
    ]
    jumps = [(place[i], place[j], *cell) for h in migration.hops for i, j, *cell in h.edges]
    saddles = [np.mean(_saddles(migration, n)) for n in _hop_of_jump(migration)]
    return JumpNetwork(
        lattice=lattice,
        site_energies=np.array(energies),
        jumps=np.array(jumps, dtype=np.int64).reshape(-1, 5),
        saddle_energies=np.array(saddles),
    )


def _hop_of_jump(migration: MigrationDoc) -> list[int]:
    """Return the number of the hop that each jump of the network belongs to."""
    return [n for n, hop in enumerate(migration.hops) for _ in hop.edges]


def _saddles(migration: MigrationDoc, number: int) -> tuple[float, float]:
    """Saddle of a hop from its first and from its second site, eV from the metal."""
    hop = migration.hops[number]
    first, second = (migration.vacancy_energies[orbit] for orbit in hop.sites)
    return first + hop.barrier_forward, second + hop.barrier_backward


def has_structural_defects(migration: MigrationDoc) -> bool:
    """Whether the composition sets the fraction of defects, not the temperature."""
    formula = _crystal(migration).composition.reduced_formula
    known = migration.mechanism == "vacancy" and formula in STRUCTURAL_VACANCY_PHASES
    return known or migration.structural_defects


def thermal_fraction(migration: MigrationDoc, temperature: float) -> float:
    """Return the equilibrium fraction of independent defects beside the metal.

    Parameters
    ----------
    migration
        Document with formation energies.
    temperature
        K.

    Returns
    -------
    float
        Vacancies per site, or interstitials per atom of the mobile species. Without
        vibrational entropy of formation.
    """
    counts = np.array([len(sites) for sites in migration.orbits])
    energies = np.array(migration.vacancy_energies) / (K_B * temperature)
    defects = float((counts / (np.exp(energies) + 1.0)).sum())
    if migration.mechanism == "vacancy":
        return defects / float(counts.sum())
    voids = {site for sites in migration.orbits for site in sites}
    atoms = [
        n for n, site in enumerate(_crystal(migration))
        if site.specie.symbol == migration.mobile_species and n not in voids
    ]  # fmt: skip
    return defects / len(atoms)


def _fractions(
    migration: MigrationDoc, grid: Sequence[float], given: float | None
) -> tuple[list[float] | None, FractionOrigin]:
    if given is not None:
        return [given] * len(grid), "given"
    if has_structural_defects(migration):
        return None, "unknown"
    return [thermal_fraction(migration, t) for t in grid], "thermal"


def _correlation_fields(
    migration: MigrationDoc, network: JumpNetwork, grid: Sequence[float]
) -> dict[str, Any]:
    if migration.mechanism == "interstitial":
        found: list[Correlation | None] = [Correlation(1.0, 0.0, 0)] * len(grid)
        origin = "exact: the atom that moves is the defect"
    else:
        found = _correlations(network, grid)
        origin = "computed: walk of tracer and vacancy on the hops, extrapolated in the box"
    known = [correlation for correlation in found if correlation is not None]
    if len(known) < len(grid):
        return {
            "correlation_factors": None,
            "correlation_error": 0.0,
            "correlation_origin": "none: no network of the computed hops percolates",
        }
    if migration.mechanism == "vacancy":
        origin += f" (up to {max(c.sites for c in known)} sites)"
    return {
        "correlation_factors": [correlation.factor for correlation in known],
        "correlation_error": max(correlation.error for correlation in known),
        "correlation_origin": origin,
    }


def _correlations(network: JumpNetwork, grid: Sequence[float]) -> list[Correlation | None]:
    """Correlation factor at each temperature; equal ratios of the rates have equal factors."""
    known: dict[bytes, Correlation | None] = {}
    found = []
    for temperature in grid:
        fluxes = network.fluxes(temperature)
        ratios = np.round(fluxes / fluxes.max(initial=0.0), 12) if len(fluxes) else fluxes
        key = ratios.tobytes()
        if key not in known:
            known[key] = vacancy_correlation(
                network.lattice, network.n_sites, network.jumps, fluxes
            )
        found.append(known[key])
    return found


def _control_fields(
    migration: MigrationDoc, network: JumpNetwork, frequency: float
) -> dict[str, Any]:
    """Rate control of the hops and geometry factor of the limiting one, at 300 K."""
    fluxes, hop_of_jump = network.fluxes(ROOM_TEMPERATURE), np.array(_hop_of_jump(migration))
    whole = _mean_spread(network, fluxes)
    if whole == 0.0:
        none = dict.fromkeys(("limiting_hop", "hop_length", "geometry_factor"))
        return {"rate_control": {}, **none}
    control = {}
    for n, hop in enumerate(migration.hops):
        changed = np.where(hop_of_jump == n, (1.0 + RATE_CHANGE) * fluxes, fluxes)
        control[hop.label] = (_mean_spread(network, changed) / whole - 1.0) / RATE_CHANGE
    limiting = max(range(len(migration.hops)), key=lambda n: control[migration.hops[n].label])
    hop = migration.hops[limiting]
    rise = float(np.mean(_saddles(migration, limiting))) - min(migration.vacancy_energies)
    rate = frequency * np.exp(-rise / (K_B * ROOM_TEMPERATURE))
    diffusivity = A2_THZ_TO_CM2_PER_S * frequency * whole
    return {
        "rate_control": control,
        "limiting_hop": hop.label,
        "hop_length": hop.distance,
        "geometry_factor": diffusivity / (A2_THZ_TO_CM2_PER_S * rate * hop.distance**2),
    }


def _mean_spread(network: JumpNetwork, fluxes: Floats) -> float:
    """Isotropic mean of D_d over the attempt frequency, angstrom^2."""
    reduced = spread_per_cell(network.n_sites, network.jumps, fluxes)
    return float(np.trace(network.lattice.T @ reduced @ network.lattice)) / 3


def _warnings(migration: MigrationDoc, fractions: Sequence[float] | None) -> list[str]:
    alloy, found = migration.alloy, []
    if fractions is None:
        found.append(
            f"{alloy}: its composition sets the fraction of defects, not the temperature (E_f "
            f"{min(migration.vacancy_energies):.2f} eV); give it for the diffusivity of tracers"
        )
    elif max(fractions) > DILUTE:
        found.append(
            f"{alloy}: up to {100 * max(fractions):.2g} % of the sites are defects, treated as "
            f"independent, which holds below {100 * DILUTE:g} %"
        )
    if migration.migration_barrier is None:
        found.append(f"no network of the computed hops of {alloy} percolates: D is zero")
    for n, hop in enumerate(migration.hops):
        forward, backward = _saddles(migration, n)
        if abs(forward - backward) > BALANCE_TOLERANCE:
            found.append(
                f"{alloy} {hop.label}: its ends put the saddle {1000 * abs(forward - backward):.0f}"
                " meV apart; the mean is used"
            )
    if not migration.converged:
        found.append(f"the barriers of {alloy} are not converged")
    return found
