"""The interphase of a host with an additive over their ratio, and the ratio at which it shorts.

Doping is the same thing: a linear series of doped hosts is a composite of the host and its end
member. Li6PS5Cl doped with Mg to Li(6-2x)Mg(x)PS5Cl is, for the reaction with Li, r moles of
Li6PS5Cl and one of Li4MgPS5Cl with x = 1 / (1 + r): only the composition counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from math import inf, isfinite

import numpy as np
from scipy.optimize import brentq

from misei.screening.entries import EntrySource, describe
from misei.screening.formulas import parse_mixture
from misei.screening.grains import DEFAULT_GRAINS, Grains, variants
from misei.screening.interphase import interphase_class, metal_fraction
from misei.screening.percolation import Threshold, percolation_threshold
from misei.screening.schemas_composites import CompositePoint, CompositeScanDoc, GrainVariant
from misei.screening.thermodynamics import step_at, voltage_profile

# Moles of host per mole of additive: five per decade.
DEFAULT_RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.1, 1000.0, 21))
# Critical ratios are solved for in the mole fraction of the host, which is finite for the host
# alone too.
FRACTION_TOLERANCE = 1e-12


class RatioError(ValueError):
    """A ratio of host to additive that is not positive and finite."""


def scan_ratios(
    host: str,
    additive: str,
    source: EntrySource,
    ratios: Sequence[float] | None = None,
    grains: Grains = DEFAULT_GRAINS,
    excluded: Iterable[str] = (),
) -> CompositeScanDoc:
    """Return V_f,M and class of the interphase over the ratio host : additive.

    Each ratio is reduced as one composition: the products of a composite are in general not the
    sum of those of its parts.

    Parameters
    ----------
    host, additive
        Compounds or composites; for a doped host the additive is the doped end member.
    source
        Where phases, volumes and the metallic rule come from.
    ratios
        Moles of host per mole of additive; by default 0.1 to 1000.
    grains
        Size and shape of the metal grains, which set the percolation threshold.
    excluded
        Ids or formulas of phases to leave out.

    Returns
    -------
    CompositeScanDoc
        The critical ratios, where V_f,M = V_p, are looked for between all neighbours of the
        default ratios, those asked for, and both ends.

    Raises
    ------
    RatioError, FormulaError, MissingDataError, GrainsError
        For input that cannot be used.
    """
    excluded = list(excluded)
    wanted = sorted({_checked(ratio) for ratio in (ratios or DEFAULT_RATIOS)})
    threshold = percolation_threshold(grains)
    point = _interphase_of(host, additive, source, threshold, excluded)
    searched = sorted({*DEFAULT_RATIOS, *wanted})

    def metal_fraction_at(ratio: float) -> float:
        return point(ratio).metal_volume_fraction

    return CompositeScanDoc(
        host=host,
        additive=additive,
        points=[point(ratio) for ratio in wanted],
        host_alone=point(inf),
        additive_alone=point(0.0),
        critical_ratios=find_crossings(metal_fraction_at, searched, threshold.value),
        critical_ratio_interval=_interval(metal_fraction_at, searched, threshold.interval),
        percolation_threshold=threshold.value,
        percolation_threshold_interval=threshold.interval,
        threshold_model=threshold.model,
        grains=grains,
        variants=[
            _variant(name, other, metal_fraction_at, searched) for name, other in variants(grains)
        ],
        metallic_rule=source.metallic_rule,
        excluded_phases=excluded,
        source=describe(source),
    )


def _variant(
    name: str,
    grains: Grains,
    metal_fraction_at: Callable[[float], float],
    ratios: Sequence[float],
) -> GrainVariant:
    threshold = percolation_threshold(grains)
    return GrainVariant(
        change=name,
        grains=grains,
        percolation_threshold=threshold.value,
        percolation_threshold_interval=threshold.interval,
        critical_ratio=_host_rich(metal_fraction_at, ratios, threshold.value),
        critical_ratio_interval=_interval(metal_fraction_at, ratios, threshold.interval),
    )


def composite_formula(host: str, additive: str, ratio: float | None) -> str:
    """Return the text of a composite: ``16 Li6PS5Cl + Li10GeP2S12``.

    Parameters
    ----------
    host, additive
        Formulas or composites.
    ratio
        Moles of host per mole of additive; 0: the additive alone, None: the host alone.
    """
    if ratio is None:
        return host
    return f"{_scaled(host, ratio)} + {additive}" if ratio else additive


def _scaled(text: str, factor: float) -> str:
    # A formula starts with a letter or a bracket: what stands before it is the amount.
    formulas = [term.strip().lstrip(" 0123456789.") for term in text.split("+")]
    amounts = [factor * amount for amount, _ in parse_mixture(text).terms]
    return " + ".join(
        f"{np.format_float_positional(amount, trim='-')} {formula}"
        for amount, formula in zip(amounts, formulas, strict=True)
    )


def _checked(ratio: float) -> float:
    if not (isfinite(ratio) and ratio > 0):
        raise RatioError(f"ratio {ratio:g} of host to additive is not positive and finite")
    return float(ratio)


def _interphase_of(
    host: str, additive: str, source: EntrySource, threshold: Threshold, excluded: list[str]
) -> Callable[[float], CompositePoint]:
    """Return the interphase as a function of the ratio; infinity: the host alone."""

    @cache
    def point(ratio: float) -> CompositePoint:
        finite = ratio if isfinite(ratio) else None
        formula = composite_formula(host, additive, finite)
        final = step_at(voltage_profile(formula, source, excluded), 0.0)
        metal, metallic = metal_fraction(final.products, source)
        return CompositePoint(
            formula=formula,
            ratio=finite,
            metal_volume_fraction=metal,
            interphase_class=interphase_class(metal, threshold.value),
            li_uptake_0V=final.li_uptake,
            products_0V=final.named_products(),
            metallic_products=metallic,
        )

    return point


def find_crossings(
    metal_fraction_at: Callable[[float], float], ratios: Sequence[float], threshold: float
) -> list[float]:
    """Return the ratios at which V_f,M = V_p, ascending.

    Parameters
    ----------
    metal_fraction_at
        V_f,M (0 to 1) at a ratio, moles of host per mole of additive; infinity: the host alone.
    ratios
        Ascending, positive and finite: a crossing is found where V_f,M is on different sides of
        V_p at two neighbours, the ends 0 and infinity included.
    threshold
        V_p (0 to 1).
    """

    def excess(host: float) -> float:
        return metal_fraction_at(_ratio(host)) - threshold

    found = []
    grid = [0.0, *(ratio / (1.0 + ratio) for ratio in ratios), 1.0]
    for low, high in pairwise(grid):
        if (excess(low) >= 0) != (excess(high) >= 0):
            found.append(_ratio(float(brentq(excess, low, high, xtol=FRACTION_TOLERANCE))))
    return found


def _ratio(mole_fraction: float) -> float:
    return mole_fraction / (1.0 - mole_fraction) if mole_fraction < 1.0 else inf


def _host_rich(
    metal_fraction_at: Callable[[float], float], ratios: Sequence[float], threshold: float
) -> float | None:
    """Largest of the critical ratios; None: there is none."""
    return next(reversed(find_crossings(metal_fraction_at, ratios, threshold)), None)


def _interval(
    metal_fraction_at: Callable[[float], float],
    ratios: Sequence[float],
    thresholds: tuple[float, float],
) -> tuple[float | None, float | None]:
    """Host-rich crossing at either end of the interval of V_p, the smaller ratio first."""
    at_low, at_high = (_host_rich(metal_fraction_at, ratios, value) for value in thresholds)
    additive_is_metal_rich = metal_fraction_at(0.0) > metal_fraction_at(inf)
    return (at_high, at_low) if additive_is_metal_rich else (at_low, at_high)
