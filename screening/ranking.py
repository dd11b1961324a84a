"""Rank Li alloys: gates with reasons, the Pareto front, a weighted score with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from misei.screening.estimates import (
    BARRIER_ERROR_EV,
    WETTING_RATIO_RELATIVE_ERROR,
    Estimates,
    estimates,
)
from misei.screening.funnel import compare_engines
from misei.screening.schemas_adhesion import contact_angle
from misei.screening.schemas_funnel import EngineComparison
from misei.screening.schemas_ranking import Gates, RankedAlloy, Ranking, Rejection, Weights
from misei.screening.schemas_vibrations import VibrationsDoc, at
from misei.screening.screened import Screened

__all__ = [
    "BARRIER_ERROR_EV",
    "WETTING_RATIO_RELATIVE_ERROR",
    "Gates",
    "RankedAlloy",
    "Ranking",
    "Rejection",
    "Screened",
    "Weights",
    "rank",
]

MODULI = ("bulk_modulus", "shear_modulus", "youngs_modulus", "poisson_ratio", "pugh_ratio")


@dataclass(frozen=True)
class _Passed:
    """A candidate that passed the gates, with its numbers."""

    item: Screened
    numbers: Estimates

    @property
    def point(self) -> tuple[float, float]:
        """Wetting ratio and migration barrier (eV)."""
        return self.numbers.wetting_ratio.value, self.numbers.migration_barrier.value


def rank(screened: Sequence[Screened], gates: Gates, weights: Weights) -> Ranking:
    """Apply the gates and rank what passes.

    Parameters
    ----------
    screened
        Candidates with their adhesion and migration documents (None: failed or not run). Where
        some have those of a second engine, the first one's numbers of the others are moved by
        the mean difference of both (:mod:`misei.screening.estimates`).
    gates
        Limits; the first one that fails rejects.
    weights
        Weights of the score.

    Returns
    -------
    Ranking
        Score = weighted mean of affinity w / (1 + w), w = W_ad / 2 gamma_Li (1/2 where Li just
        wets completely), and mobility ``1 - E_m / max_migration_barrier``, clipped to 0...1. With
        one engine no score depends on which other candidates are in the list.
    """
    comparison = compare_engines(screened, gates.accept_unconverged)
    rejected, passed = [], []
    for item in screened:
        numbers = estimates(item, comparison, gates.accept_unconverged)
        rejection = _first_failed_gate(item, numbers, gates)
        if rejection is not None:
            rejected.append(rejection)
        elif numbers is not None:
            passed.append(_Passed(item, numbers))
    scores = [_score(*candidate.point, gates, weights) for candidate in passed]
    order = sorted(range(len(passed)), key=lambda i: (-scores[i], passed[i].item.candidate.alloy))
    intervals = _rank_intervals([candidate.numbers for candidate in passed], gates, weights)
    front = _pareto([candidate.point for candidate in passed])
    candidates = [
        _ranked(passed[i], position, intervals[i], scores[i], front[i], comparison)
        for position, i in enumerate(order, start=1)
    ]
    return Ranking(
        candidates=candidates,
        rejected=rejected,
        gates=gates,
        weights=weights,
        comparison=comparison,
        warnings=[w for s in screened for w in s.refinement_warnings(gates.accept_unconverged)],
    )


def _first_failed_gate(item: Screened, numbers: Estimates | None, gates: Gates) -> Rejection | None:
    alloy, hull = item.candidate.alloy, item.candidate.e_above_hull
    if not hull <= gates.max_e_above_hull:  # NaN fails as well
        return Rejection(alloy=alloy, gate="e_above_hull", value=hull, limit=gates.max_e_above_hull)
    found = {
        "adhesion": numbers.adhesion if numbers else item.adhesion,
        "migration": numbers.migration if numbers else item.migration,
    }
    for name, document in found.items():
        if document is None:
            return Rejection(alloy=alloy, gate=name, value="no result", limit="a result")
    for name, document in found.items():
        if document and not document.converged and not gates.accept_unconverged:
            return Rejection(
                alloy=alloy, gate=f"{name} converged", value="not converged", limit="converged"
            )
    if gates.dynamically_stable and item.vibrations and not item.vibrations.dynamically_stable:
        return _unstable(alloy, item.vibrations)
    return _first_failed_limit(alloy, numbers, gates)


def _unstable(alloy: str, vibrations: VibrationsDoc) -> Rejection:
    return Rejection(
        alloy=alloy,
        gate="dynamically_stable",
        value=f"lowest mode {vibrations.lowest_frequency:.2f} THz "
        f"at q = {at(vibrations.lowest_frequency_q)}",
        limit=f"no mode below {-vibrations.imaginary_tolerance:g} THz",
    )


def _first_failed_limit(alloy: str, numbers: Estimates | None, gates: Gates) -> Rejection | None:
    if numbers is None:
        return Rejection(
            alloy=alloy,
            gate="migration_barrier",
            value="no percolating path",
            limit=gates.max_migration_barrier,
        )
    checks: list[tuple[str, float, float, Callable[[float, float], bool]]] = [
        ("strain", abs(numbers.adhesion.strain), gates.max_strain, float.__le__),
        (
            "wetting_ratio",
            numbers.wetting_ratio.value,
            gates.min_wetting_ratio,
            float.__ge__,
        ),
        (
            "migration_barrier",
            numbers.migration_barrier.value,
            gates.max_migration_barrier,
            float.__le__,
        ),
    ]
    for gate, value, limit, passes in checks:
        if not passes(float(value), float(limit)):
            return Rejection(alloy=alloy, gate=gate, value=value, limit=limit)
    return None


def _score(wetting_ratio: float, barrier: float, gates: Gates, weights: Weights) -> float:
    affinity = max(0.0, wetting_ratio) / (1.0 + max(0.0, wetting_ratio))
    mobility = min(1.0, max(0.0, 1.0 - barrier / gates.max_migration_barrier))
    total = weights.wetting_ratio + weights.migration_barrier
    return (weights.wetting_ratio * affinity + weights.migration_barrier * mobility) / total


def _rank_intervals(
    numbers: Sequence[Estimates], gates: Gates, weights: Weights
) -> list[tuple[int, int]]:
    """Best rank: its own numbers at their best and all others' at their worst; and the reverse.

    Equal scores can come in either order, so they count for the worst rank only.
    """
    low, high = [], []
    for found in numbers:
        ratios, barriers = found.wetting_ratio.interval, found.migration_barrier.interval
        low.append(_score(ratios[0], barriers[1], gates, weights))
        high.append(_score(ratios[1], barriers[0], gates, weights))
    everyone = range(len(numbers))
    return [
        (
            1 + sum(low[j] > high[i] for j in everyone if j != i),
            1 + sum(high[j] >= low[i] for j in everyone if j != i),
        )
        for i in everyone
    ]


def _pareto(figures: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each (wetting ratio, barrier) is dominated by none."""

    def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
        return a[0] >= b[0] and a[1] <= b[1] and a != b

    return [not any(dominates(other, point) for other in figures) for point in figures]


def _ranked(
    candidate: _Passed,
    position: int,
    interval: tuple[int, int],
    score: float,
    pareto: bool,
    comparison: EngineComparison | None,
) -> RankedAlloy:
    item, numbers = candidate.item, candidate.numbers
    adhesion, migration = numbers.adhesion, numbers.migration
    ratio, barrier = numbers.wetting_ratio, numbers.migration_barrier
    return RankedAlloy(
        rank=position,
        rank_interval=interval,
        alloy=item.candidate.alloy,
        metal=item.candidate.metal,
        score=score,
        pareto=pareto,
        work_of_adhesion=numbers.work_of_adhesion.value,
        wetting_ratio=ratio.value,
        wetting_ratio_interval=ratio.interval,
        contact_angle=contact_angle(ratio.value),
        strain=adhesion.strain,
        migration_barrier=barrier.value,
        migration_barrier_interval=barrier.interval,
        percolation_dimensions=migration.percolation_dimensions,
        vacancy_formation_energy=numbers.vacancy_formation_energy.value,
        activation_energy=barrier.value + numbers.vacancy_formation_energy.value,
        e_above_hull=item.candidate.e_above_hull,
        equilibrium_with_li=item.candidate.equilibrium_with_li,
        engine=adhesion.engine,
        engine_version=adhesion.provenance.engine_version,
        migration_engine=migration.engine,
        migration_engine_version=migration.provenance.engine_version,
        energies_from=numbers.energies_from,
        **_further_columns(item, comparison),
    )


def _further_columns(item: Screened, comparison: EngineComparison | None) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if item.vibrations is not None:
        columns["lowest_frequency"] = item.vibrations.lowest_frequency
        columns["dynamically_stable"] = item.vibrations.dynamically_stable
    if item.elasticity is not None:
        columns |= {name: getattr(item.elasticity, name) for name in MODULI}
    if comparison is not None:
        if item.adhesion is not None:
            columns["screen_wetting_ratio"] = item.adhesion.wetting_ratio
        if item.migration is not None:
            columns["screen_migration_barrier"] = item.migration.migration_barrier
    return columns
