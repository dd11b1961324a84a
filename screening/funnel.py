"""The funnel between two engines: their differences on the alloys that both have computed.

:mod:`misei.screening.estimates` has what they leave open for the alloys of the first engine alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import mean, stdev

from scipy import stats

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_funnel import EngineComparison, QuantityComparison
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.screened import Screened

# With two differences t is 6.3 and their scatter known within a factor of ten: no statistics.
FEWEST_ALLOYS = 3
# Share of further differences that the interval holds, if they are normally distributed.
COVERAGE = 0.90
TOO_FEW = "too few"
USED = "used"
SELECTION = (
    "the alloys are the best of the first engine's ranking, not a random sample: alloys that it "
    "flatters are among them more often, and for those at the bottom nothing was measured"
)

# Name and unit of each quantity that is compared, and where it comes from.
_ADHESION: dict[str, tuple[str, Callable[[AdhesionDoc], float]]] = {
    "work_of_adhesion": ("J/m2", lambda doc: doc.work_of_adhesion),
    "wetting_ratio": ("dimensionless", lambda doc: doc.wetting_ratio),
}
_MIGRATION: dict[str, tuple[str, Callable[[MigrationDoc], float]]] = {
    "migration_barrier": ("eV", lambda doc: doc.migration_barrier or 0.0),
    "vacancy_formation_energy": ("eV", lambda doc: doc.vacancy_formation_energy),
}


def compare_engines(
    screened: Sequence[Screened], accept_unconverged: bool = False
) -> EngineComparison | None:
    """Compare two engines on the alloys that both have computed.

    Parameters
    ----------
    screened
        Candidates; those without a result of the second engine do not count.
    accept_unconverged
        Whether results that did not converge count.

    Returns
    -------
    EngineComparison or None
        None where no alloy went to a second engine.
    """
    refined = [item for item in screened if item.refine is not None]
    if not refined:
        return None
    adhesions = _adhesions(refined, accept_unconverged)
    migrations = _migrations(refined, accept_unconverged)
    seconds = [second for _, second in (*adhesions.values(), *migrations.values())]
    firsts = [doc.engine for item in refined for doc in (item.adhesion, item.migration) if doc]
    return EngineComparison(
        screen=firsts[0] if firsts else "unknown",
        refine=str(refined[0].refine),
        second_is_dft=any(doc.provenance.energies_from != "potential" for doc in seconds),
        quantities=[
            *(
                compare(name, unit, {x: (read(a), read(b)) for x, (a, b) in adhesions.items()})
                for name, (unit, read) in _ADHESION.items()
            ),
            *(
                compare(name, unit, {x: (read(a), read(b)) for x, (a, b) in migrations.items()})
                for name, (unit, read) in _MIGRATION.items()
            ),
        ],
        selection=SELECTION,
    )


def _adhesions(
    refined: Sequence[Screened], accept_unconverged: bool
) -> dict[str, tuple[AdhesionDoc, AdhesionDoc]]:
    """Documents of both engines by alloy, where there are both."""
    return {
        item.candidate.alloy: (item.adhesion, second)
        for item in refined
        if item.adhesion and (second := item.usable_adhesion(accept_unconverged))
    }


def _migrations(
    refined: Sequence[Screened], accept_unconverged: bool
) -> dict[str, tuple[MigrationDoc, MigrationDoc]]:
    return {
        item.candidate.alloy: (item.migration, second)
        for item in refined
        if item.migration
        and item.migration.migration_barrier is not None
        and (second := item.usable_migration(accept_unconverged))
    }


def compare(quantity: str, unit: str, pairs: dict[str, tuple[float, float]]) -> QuantityComparison:
    """Compare one quantity by two engines.

    Parameters
    ----------
    quantity, unit
        What it is.
    pairs
        By alloy: the first engine's number and the second's.
    """
    first, second = [a for a, _ in pairs.values()], [b for _, b in pairs.values()]
    differences = [b - a for a, b in pairs.values()]
    n = len(pairs)
    return QuantityComparison(
        quantity=quantity,
        unit=unit,
        alloys=[*pairs],
        screen=first,
        refine=second,
        bias=mean(differences) if n else None,
        scatter=stdev(differences) if n >= 2 else None,
        spearman=_correlation(stats.spearmanr, first, second),
        kendall=_correlation(stats.kendalltau, first, second),
        verdict=USED if n >= FEWEST_ALLOYS else f"{TOO_FEW} ({n}; {FEWEST_ALLOYS} are needed)",
    )


def _correlation(
    method: Callable[..., tuple[float, float]], first: list[float], second: list[float]
) -> float | None:
    if len(first) < FEWEST_ALLOYS or len({*first}) == 1 or len({*second}) == 1:
        return None
    return float(method(first, second)[0])


def prediction_error(found: QuantityComparison) -> float:
    """Half width of the interval that holds one further difference, in the quantity's unit.

    t s sqrt(1 + 1/n), with s the sample standard deviation of n differences and t Student's
    quantile at n - 1 degrees of freedom for :data:`COVERAGE` (Hahn and Meeker, Statistical
    Intervals, Wiley 1991: prediction interval of one further observation).

    Raises
    ------
    ValueError
        When too few alloys were compared.
    """
    if found.n < FEWEST_ALLOYS or found.scatter is None:
        raise ValueError(f"{found.quantity} of {found.n} alloys; valid: {FEWEST_ALLOYS} or more")
    quantile = float(stats.t.ppf((1.0 + COVERAGE) / 2.0, found.n - 1))
    return quantile * found.scatter * sqrt(1.0 + 1.0 / found.n)
