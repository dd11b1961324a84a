"""Rank Li alloys: gates with reasons, the Pareto front, a weighted score with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

from misei.screening.schemas import Document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_thermodynamics import AlloyCandidate

# Assumed, not fitted (docs/methods.md). Machine-learned potentials soften: barriers are off by 0.1
# to 0.2 eV, surface energies by up to 45 %, of which part cancels in W_ad / 2 gamma_Li. A document
# that knows its engine's errors has an interval of its own, which replaces the second number.
BARRIER_ERROR_EV = 0.15
WETTING_RATIO_RELATIVE_ERROR = 0.25


class Gates(BaseModel):
    """Limits that a candidate must meet; each rejection names its gate."""

    model_config = ConfigDict(extra="forbid")

    max_e_above_hull: float = Field(default=0.03, ge=0, description="eV/atom.")
    min_wetting_ratio: float = Field(
        default=0.5, description="W_ad / 2 gamma_Li; 0.5 is a contact angle of 90 degrees."
    )
    max_migration_barrier: float = Field(default=0.6, gt=0, description="E_m of the best path, eV.")
    max_strain: float = Field(
        default=0.10, gt=0, description="Film strain of the interface (1 = 100 %)."
    )
    accept_unconverged: bool = Field(
        default=False, description="Rank results that did not converge."
    )


class Weights(BaseModel):
    """Weights of the score; only their ratio matters."""

    model_config = ConfigDict(extra="forbid")

    wetting_ratio: float = Field(default=0.5, ge=0)
    migration_barrier: float = Field(default=0.5, ge=0)

    @model_validator(mode="after")
    def _not_all_zero(self) -> Weights:
        if self.wetting_ratio + self.migration_barrier == 0:
            raise ValueError("at least one weight must be above 0")
        return self


@dataclass(frozen=True)
class Screened:
    """A candidate with what was computed for it."""

    candidate: AlloyCandidate
    adhesion: AdhesionDoc | None
    migration: MigrationDoc | None


class RankedAlloy(Document):
    """One line of the ranking."""

    rank: int
    rank_interval: tuple[int, int] = Field(
        description="Best and worst rank when each number moves by its error."
    )
    alloy: str
    metal: str
    score: float = Field(description="Weighted score between 0 and 1.")
    pareto: bool = Field(description="No candidate is better in both W_ad/2gamma and E_m.")
    work_of_adhesion: float = Field(description="J/m2.")
    wetting_ratio: float = Field(description="W_ad / 2 gamma_Li of the same engine.")
    wetting_ratio_interval: tuple[float, float]
    contact_angle: float = Field(description="Degrees.")
    strain: float = Field(description="Film strain (1 = 100 %).")
    migration_barrier: float = Field(description="E_m of the best percolating path, eV.")
    migration_barrier_interval: tuple[float, float] = Field(description="eV.")
    percolation_dimensions: int
    vacancy_formation_energy: float = Field(description="E_f from Li metal, eV.")
    activation_energy: float = Field(description="E_m + E_f, eV.")
    e_above_hull: float = Field(description="eV/atom.")
    equilibrium_with_li: bool
    engine: str
    engine_version: str
    energies_from: str = Field(description="What the energies are: a potential's, or DFT.")


class Rejection(Document):
    """A candidate that a gate stopped."""

    alloy: str
    gate: str
    value: float | str | None = Field(description="What it had, in the unit of the limit.")
    limit: float | str | None = Field(description="What the gate asks.")


class Ranking(Document):
    """Ranked candidates, best first, and the rejected ones with reasons."""

    candidates: list[RankedAlloy]
    rejected: list[Rejection]
    gates: Gates
    weights: Weights


def rank(screened: Sequence[Screened], gates: Gates, weights: Weights) -> Ranking:
    """Apply the gates and rank what passes.

    Parameters
    ----------
    screened
        Candidates with their adhesion and migration documents (None: failed or not run).
    gates
        Limits; the first one that fails rejects.
    weights
        Weights of the score.

    Returns
    -------
    Ranking
        Score = weighted mean of affinity w / (1 + w), w = W_ad / 2 gamma_Li (1/2 where Li just
        wets completely), and mobility ``1 - E_m / max_migration_barrier``, clipped to 0...1: no
        score depends on which other candidates are in the list.
    """
    rejected, passed = [], []
    for item in screened:
        rejection = _first_failed_gate(item, gates)
        if rejection is not None:
            rejected.append(rejection)
        else:
            passed.append(item)
    scores = [_score(*_figures(item), gates, weights) for item in passed]
    order = sorted(range(len(passed)), key=lambda i: (-scores[i], passed[i].candidate.alloy))
    intervals = _rank_intervals(passed, gates, weights)
    front = _pareto([_figures(item) for item in passed])
    candidates = [
        _ranked(passed[i], position, intervals[i], scores[i], front[i])
        for position, i in enumerate(order, start=1)
    ]
    return Ranking(candidates=candidates, rejected=rejected, gates=gates, weights=weights)


def _first_failed_gate(item: Screened, gates: Gates) -> Rejection | None:
    alloy, hull = item.candidate.alloy, item.candidate.e_above_hull
    if not hull <= gates.max_e_above_hull:  # NaN fails as well
        return Rejection(alloy=alloy, gate="e_above_hull", value=hull, limit=gates.max_e_above_hull)
    adhesion, migration = item.adhesion, item.migration
    if adhesion is None:
        return Rejection(alloy=alloy, gate="adhesion", value="no result", limit="a result")
    if migration is None:
        return Rejection(alloy=alloy, gate="migration", value="no result", limit="a result")
    for name, document in (("adhesion", adhesion), ("migration", migration)):
        if not document.converged and not gates.accept_unconverged:
            return Rejection(
                alloy=alloy, gate=f"{name} converged", value="not converged", limit="converged"
            )
    checks: list[tuple[str, float | None, float, Callable[[float, float], bool]]] = [
        ("strain", abs(adhesion.strain), gates.max_strain, float.__le__),
        ("wetting_ratio", adhesion.wetting_ratio, gates.min_wetting_ratio, float.__ge__),
        (
            "migration_barrier",
            migration.migration_barrier,
            gates.max_migration_barrier,
            float.__le__,
        ),
    ]
    for gate, value, limit, passes in checks:
        if value is None:
            return Rejection(alloy=alloy, gate=gate, value="no percolating path", limit=limit)
        if not passes(float(value), float(limit)):
            return Rejection(alloy=alloy, gate=gate, value=value, limit=limit)
    return None


def _figures(item: Screened) -> tuple[float, float]:
    """Wetting ratio and migration barrier (eV) of a candidate that passed the gates."""
    assert item.adhesion is not None
    assert item.migration is not None
    assert item.migration.migration_barrier is not None
    return item.adhesion.wetting_ratio, item.migration.migration_barrier


def _score(wetting_ratio: float, barrier: float, gates: Gates, weights: Weights) -> float:
    affinity = max(0.0, wetting_ratio) / (1.0 + max(0.0, wetting_ratio))
    mobility = min(1.0, max(0.0, 1.0 - barrier / gates.max_migration_barrier))
    total = weights.wetting_ratio + weights.migration_barrier
    return (weights.wetting_ratio * affinity + weights.migration_barrier * mobility) / total


def _ratio_interval(adhesion: AdhesionDoc) -> tuple[float, float]:
    """Interval of the document, from the engine's measured errors; a flat one without these."""
    if adhesion.wetting_ratio_interval is not None:
        return adhesion.wetting_ratio_interval
    spread = WETTING_RATIO_RELATIVE_ERROR * abs(adhesion.wetting_ratio)
    return adhesion.wetting_ratio - spread, adhesion.wetting_ratio + spread


def _barrier_interval(barrier: float) -> tuple[float, float]:
    return max(0.0, barrier - BARRIER_ERROR_EV), barrier + BARRIER_ERROR_EV


def _rank_intervals(
    passed: Sequence[Screened], gates: Gates, weights: Weights
) -> list[tuple[int, int]]:
    """Best rank: its own numbers at their best and all others' at their worst; and the reverse.

    Equal scores can come in either order, so they count for the worst rank only.
    """
    low, high = [], []
    for item in passed:
        assert item.adhesion is not None
        _, barrier = _figures(item)
        ratios, barriers = _ratio_interval(item.adhesion), _barrier_interval(barrier)
        low.append(_score(ratios[0], barriers[1], gates, weights))
        high.append(_score(ratios[1], barriers[0], gates, weights))
    everyone = range(len(passed))
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
    item: Screened, position: int, interval: tuple[int, int], score: float, pareto: bool
) -> RankedAlloy:
    assert item.adhesion is not None
    assert item.migration is not None
    adhesion, migration = item.adhesion, item.migration
    ratio, barrier = _figures(item)
    return RankedAlloy(
        rank=position,
        rank_interval=interval,
        alloy=item.candidate.alloy,
        metal=item.candidate.metal,
        score=score,
        pareto=pareto,
        work_of_adhesion=adhesion.work_of_adhesion,
        wetting_ratio=ratio,
        wetting_ratio_interval=_ratio_interval(adhesion),
        contact_angle=adhesion.contact_angle,
        strain=adhesion.strain,
        migration_barrier=barrier,
        migration_barrier_interval=_barrier_interval(barrier),
        percolation_dimensions=migration.percolation_dimensions,
        vacancy_formation_energy=migration.vacancy_formation_energy,
        activation_energy=barrier + migration.vacancy_formation_energy,
        e_above_hull=item.candidate.e_above_hull,
        equilibrium_with_li=item.candidate.equilibrium_with_li,
        engine=adhesion.engine,
        engine_version=adhesion.provenance.engine_version,
        energies_from=_energies_from(adhesion, migration),
    )


def _energies_from(adhesion: AdhesionDoc, migration: MigrationDoc) -> str:
    sources = adhesion.provenance.energies_from, migration.provenance.energies_from
    if sources[0] == sources[1]:
        return sources[0]
    return f"adhesion: {sources[0]}; migration: {sources[1]}"
