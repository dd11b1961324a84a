"""Where the numbers of a ranking come from and what they are worth, in words and in a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import pandas as pd

from misei import __version__
from misei.screening.estimates import (
    BARRIER_ERROR_EV,
    DFT_BARRIER_ERROR_EV,
    DFT_WETTING_RATIO_RELATIVE_ERROR,
    WETTING_RATIO_RELATIVE_ERROR,
)
from misei.screening.funnel import COVERAGE
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_funnel import EngineComparison
from misei.screening.schemas_ranking import Ranking

UNITS = {
    "score": "0 to 1",
    "work_of_adhesion": "J/m2",
    "wetting_ratio": "dimensionless",
    "contact_angle": "deg",
    "strain": "fraction",
    "migration_barrier": "eV",
    "vacancy_formation_energy": "eV",
    "activation_energy": "eV",
    "e_above_hull": "eV/atom",
    "lowest_frequency": "THz",
    "bulk_modulus": "GPa",
    "shear_modulus": "GPa",
    "youngs_modulus": "GPa",
    "poisson_ratio": "dimensionless",
    "pugh_ratio": "dimensionless",
    "screen_wetting_ratio": "dimensionless",
    "screen_migration_barrier": "eV",
    "potential_low": "V vs Li/Li+",
    "max_atoms": "atoms",
}


def provenance(
    ranking: Ranking, source: Mapping[str, str], adhesions: Sequence[AdhesionDoc]
) -> dict[str, str]:
    """Return where the numbers come from and what they are worth, as titled lines.

    Parameters
    ----------
    ranking, source, adhesions
        As in :func:`export_ranking`.
    """
    engines = {f"{doc.engine} ({doc.provenance.engine_version})" for doc in adhesions}
    engines |= {f"{c.engine} ({c.engine_version})" for c in ranking.candidates}
    engines |= {f"{c.migration_engine} ({c.migration_engine_version})" for c in ranking.candidates}
    return {
        "misei version": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "engine": "; ".join(sorted(engines)) or "none: no candidate was computed",
        "energies": "; ".join(sorted({c.energies_from for c in ranking.candidates})) or "none",
        "thermodynamic source": "; ".join(f"{key}: {text}" for key, text in source.items()),
        "gates": "; ".join(_gates(ranking)),
        "weights": "; ".join(f"{k} = {v:g}" for k, v in ranking.weights.model_dump().items()),
        "intervals": intervals_text(),
        **_funnel_facts(ranking),
        "surface energies": "; ".join(
            f"{', '.join(alloys)}: {text}" for text, alloys in surface_errors(adhesions).items()
        )
        or "none computed",
    }


def intervals_text() -> str:
    """Say what the intervals of a ranking are, of one engine's numbers."""
    return (
        "wetting_ratio from the engine's measured surface errors, where none are known "
        f"+- {100 * WETTING_RATIO_RELATIVE_ERROR:.0f} % "
        f"(DFT +- {100 * DFT_WETTING_RATIO_RELATIVE_ERROR:.0f} %); "
        f"migration_barrier +- {BARRIER_ERROR_EV:g} eV (DFT +- {DFT_BARRIER_ERROR_EV:g} eV); "
        "rank_best and rank_worst: the ranks that these errors leave open"
    )


def funnel_text(comparison: EngineComparison) -> str:
    """Say how two engines' numbers are put together, and what the comparison rests on."""
    return (
        f"{comparison.refine} where it has computed an alloy; else {comparison.screen} plus the "
        f"mean difference of both, with the {100 * COVERAGE:.0f} % prediction interval of one more "
        f"difference and the error of {comparison.refine}; where too few alloys have both, "
        f"{comparison.screen} as it is, with its interval widened to the differences seen. Mind "
        f"that {comparison.selection}"
    )


def _funnel_facts(ranking: Ranking) -> dict[str, str]:
    facts = {}
    if ranking.comparison is not None:
        facts["two engines"] = funnel_text(ranking.comparison)
        facts["differences"] = "; ".join(_differences(ranking.comparison))
    if ranking.warnings:
        facts["warnings"] = "; ".join(ranking.warnings)
    return facts


def _differences(comparison: EngineComparison) -> Iterable[str]:
    for row in comparison_frame(comparison).to_dict("records"):
        numbers = ", ".join(
            f"{name} {row[name]:.3f}"
            for name in ("bias", "scatter", "Spearman", "Kendall")
            if row[name] is not None and not pd.isna(row[name])
        )
        yield (
            f"{row['quantity']} ({row['unit']}), {row['alloys']} alloys"
            f"{': ' if numbers else ''}{numbers}, {row['in the intervals']}"
        )


def _gates(ranking: Ranking) -> list[str]:
    gates = []
    for name, value in ranking.gates.model_dump().items():
        unit = UNITS.get(name.removeprefix("max_").removeprefix("min_"), "")
        gates.append(f"{name} = {value} {unit}".strip())
    return gates


def surface_errors(adhesions: Iterable[AdhesionDoc]) -> dict[str, list[str]]:
    """Return what is known of the surface energies' error: text, and the alloys it is for."""
    texts: dict[str, list[str]] = defaultdict(list)
    for doc in adhesions:
        texts[doc.surface_error].append(doc.alloy)
    return dict(texts)


def comparison_frame(comparison: EngineComparison) -> pd.DataFrame:
    """Differences of two engines, one line a quantity; missing where too few alloys have both."""
    rows = [
        {
            "quantity": found.quantity,
            "unit": found.unit,
            "alloys": found.n,
            "bias": found.bias,
            "scatter": found.scatter,
            "Spearman": found.spearman,
            "Kendall": found.kendall,
            "in the intervals": found.verdict,
        }
        for found in comparison.quantities
    ]
    return pd.DataFrame(rows)
