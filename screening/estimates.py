"""The number that a candidate is ranked by, and its interval, from one engine or from two.

What the second engine has computed counts as it is. What only the first one has is moved by the
mean difference of the two (bias) on the alloys of both, with the interval

    x + bias +- sqrt(p^2 + e^2),

p the half width that holds one further difference (:func:`misei.screening.funnel.prediction_error`)
and e the error of the second engine itself. Where too few alloys have both, nothing is moved, and
the assumed interval is widened until it holds the differences that were seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot

from misei.screening.funnel import FEWEST_ALLOYS, prediction_error
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_funnel import EngineComparison, QuantityComparison
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.screened import Screened

# Assumed, not fitted (docs/methods.md). Machine-learned potentials soften: barriers are off by 0.1
# to 0.2 eV, surface energies by up to 45 %, of which part cancels in W_ad / 2 gamma_Li. A document
# that knows its engine's errors has an interval of its own, which replaces the second number.
BARRIER_ERROR_EV = 0.15
WETTING_RATIO_RELATIVE_ERROR = 0.25
# DFT is not exact either (PBE, docs/methods.md). Barriers: supercell 0.02 eV, force tolerance up to
# 0.04 eV, k-points and cutoff of a preset, and the functional; assumed in all. Ratio: PBE gives
# 0.78 and 0.81 of the measured surface energies of Al and Cu (Patra et al., PNAS 2017, 114, E9188)
# and 0.9 of Li's; sqrt(0.8 / 0.9) is what Girifalco and Good leave of it in W_ad / 2 gamma_Li.
DFT_BARRIER_ERROR_EV = 0.10
DFT_WETTING_RATIO_RELATIVE_ERROR = 0.10

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, and whether it was moved by the bias of its engine."""

    value: float
    interval: Interval
    moved: bool = False


@dataclass(frozen=True)
class Estimates:
    """The best numbers there are for a candidate.

    Attributes
    ----------
    adhesion, migration
        Documents that they are from.
    work_of_adhesion, wetting_ratio
        J/m2 and dimensionless.
    migration_barrier, vacancy_formation_energy
        eV.
    """

    adhesion: AdhesionDoc
    migration: MigrationDoc
    work_of_adhesion: Estimate
    wetting_ratio: Estimate
    migration_barrier: Estimate
    vacancy_formation_energy: Estimate

    @property
    def energies_from(self) -> str:
        """What the energies are: a potential's, or DFT; and what was added to them."""
        sources = [
            doc.provenance.energies_from + added + (MOVED if estimate.moved else "")
            for doc, estimate, added in (
                (self.adhesion, self.wetting_ratio, ""),
                (self.migration, self.migration_barrier, _size_by(self.migration)),
            )
        ]
        if sources[0] == sources[1]:
            return sources[0]
        return f"adhesion: {sources[0]}; migration: {sources[1]}"


MOVED = ", plus the mean difference to the second engine"


def _size_by(migration: MigrationDoc) -> str:
    change = migration.size_correction
    if change is None:
        return ""
    return f" in {change.natoms} atoms, its change to {change.natoms_larger} by {change.engine}"


def estimates(
    item: Screened, comparison: EngineComparison | None, accept_unconverged: bool
) -> Estimates | None:
    """Return the numbers that a candidate is ranked by; None where a document or path is missing.

    Parameters
    ----------
    item
        The candidate.
    comparison
        Of the engines, for what the second one has not computed.
    accept_unconverged
        Whether results of the second engine that did not converge count.
    """
    second = item.usable_adhesion(accept_unconverged), item.usable_migration(accept_unconverged)
    adhesion, migration = second[0] or item.adhesion, second[1] or item.migration
    if adhesion is None or migration is None or migration.migration_barrier is None:
        return None
    of_adhesion = comparison if second[0] is None else None
    of_migration = comparison if second[1] is None else None
    barrier, formation = migration.migration_barrier, migration.vacancy_formation_energy
    work = adhesion.work_of_adhesion
    return Estimates(
        adhesion=adhesion,
        migration=migration,
        work_of_adhesion=_estimate("work_of_adhesion", work, (work, work), of_adhesion),
        wetting_ratio=_estimate(
            "wetting_ratio", adhesion.wetting_ratio, ratio_interval(adhesion), of_adhesion
        ),
        migration_barrier=_estimate(
            "migration_barrier", barrier, barrier_interval(migration, barrier), of_migration, 0.0
        ),
        vacancy_formation_energy=_estimate(
            "vacancy_formation_energy", formation, (formation, formation), of_migration
        ),
    )


def ratio_interval(adhesion: AdhesionDoc) -> Interval:
    """Interval of the document, from the engine's measured errors; a flat one without these."""
    if adhesion.wetting_ratio_interval is not None:
        return adhesion.wetting_ratio_interval
    ratio = adhesion.wetting_ratio
    spread = _ratio_error(ratio, adhesion.provenance.energies_from != "potential")
    return ratio - spread, ratio + spread


def barrier_interval(migration: MigrationDoc, barrier: float) -> Interval:
    """Barrier within the assumed error of its engine, eV; not below 0."""
    error = _barrier_error(barrier, migration.provenance.energies_from != "potential")
    return max(0.0, barrier - error), barrier + error


def _ratio_error(ratio: float, dft: bool) -> float:
    relative = DFT_WETTING_RATIO_RELATIVE_ERROR if dft else WETTING_RATIO_RELATIVE_ERROR
    return relative * abs(ratio)


def _barrier_error(_: float, dft: bool) -> float:
    return DFT_BARRIER_ERROR_EV if dft else BARRIER_ERROR_EV


# Error of an engine, from the value and whether it is DFT; the others have no interval.
_ERRORS: dict[str, Callable[[float, bool], float]] = {
    "wetting_ratio": _ratio_error,
    "migration_barrier": _barrier_error,
}


def _estimate(
    quantity: str,
    value: float,
    interval: Interval,
    comparison: EngineComparison | None,
    lowest: float = float("-inf"),
) -> Estimate:
    """Estimate from one engine's number; ``comparison`` None: it stands as it is."""
    if comparison is None:
        return Estimate(value, interval)
    found = comparison.of(quantity)
    if found.n < FEWEST_ALLOYS or found.bias is None:
        return Estimate(value, _widened(value, interval, found, lowest))
    moved = value + found.bias
    own = _ERRORS.get(quantity, lambda *_: 0.0)(moved, comparison.second_is_dft)
    error = hypot(prediction_error(found), own)
    return Estimate(moved, (max(lowest, moved - error), moved + error), moved=True)


def _widened(
    value: float, interval: Interval, found: QuantityComparison, lowest: float
) -> Interval:
    """Assumed interval, and the differences that were seen on too few alloys."""
    seen = [max(lowest, value + difference) for difference in found.differences]
    return min([interval[0], *seen]), max([interval[1], *seen])
