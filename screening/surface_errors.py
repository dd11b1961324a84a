"""Known errors of engines in surface energies, and what they leave of a work of adhesion.

Universal potentials are trained on bulk crystals and miss surface energies by a factor that
differs from element to element. The ratios below, engine over PBE, were measured once for this
project (Li against GPAW: 0.47 J/m2 on (100), 0.50 J/m2 on (110)).

By Girifalco and Good, J. Phys. Chem. 61, 904 (1957), W_ad = 2 Phi sqrt(gamma_film gamma_substrate):
factors r on the two surface energies make one of sqrt(r_film r_substrate) on W_ad, and one of
sqrt(r_substrate / r_film) on W_ad / 2 gamma_film. The intervals go from the engine's own value
to the corrected one, because that the error of a free surface carries over to an interface in
full is a model: for Li on Al(100) GPAW corrects W_ad by a factor of 1.34, the model by 1.41.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import sqrt

from misei.screening.schemas import EnergiesFrom

# engine: {element: {facet: surface energy over PBE's}}
SURFACE_ENERGY_OVER_PBE: dict[str, dict[str, dict[str, float]]] = {
    "sevennet": {
        "Li": {"100": 0.68, "110": 0.54},
        "Al": {"111": 0.74},
        "Mg": {"0001": 0.87},
        "Ca": {"111": 0.53},
        "Zn": {"0001": 1.39},
        "Ag": {"111": 0.96},
        "Cu": {"111": 0.99},
    },
    "sevennet-l3i5": {"Li": {"100": 0.68, "110": 0.60}},
    "chgnet": {"Li": {"100": 0.68, "110": 0.64}},
}
# An engine with fewer measured elements says nothing of the others: they take the range of the
# engine with most, which was trained on the same kind of data and misses Li as much.
FEWEST_ELEMENTS = 3
COMPARE = "The error differs by element: compare W_ad / 2 gamma_Li, and confirm a shortlist by DFT."

Interval = tuple[float, float]


def surface_error(
    engine: str, elements: Iterable[str], energies_from: EnergiesFrom = "potential"
) -> str:
    """Say what is known of an engine's surface energies of some elements.

    Parameters
    ----------
    engine
        Name of the engine.
    elements
        Symbols of the elements at the interface.
    energies_from
        What the energies are; DFT has no error of a potential.

    Returns
    -------
    str
        One sentence or two for the reader of a work of adhesion.
    """
    if energies_from != "potential":
        return f"{engine}: {energies_from}, no error of a potential in the energies."
    table = SURFACE_ENERGY_OVER_PBE.get(engine, {})
    symbols = sorted(set(elements))
    known = [
        f"{symbol}({facet}) {ratio:.2f}"
        for symbol in symbols
        for facet, ratio in table.get(symbol, {}).items()
    ]
    unknown = [symbol for symbol in symbols if symbol not in table]
    parts = []
    if known:
        parts.append(f"surface energy over PBE: {', '.join(known)}")
    if unknown:
        parts.append(f"no measured error for {', '.join(unknown)}")
        if table:
            low, high = _measured_range(engine)
            parts.append(f"taken as any of those measured, {low:.2f} to {high:.2f}")
    if not table:
        parts.append("the interval is unknown")
    return f"{engine}, {'; '.join(parts)}. {COMPARE}"


def adhesion_interval(
    engine: str, film: str, substrate_elements: Iterable[str], work_of_adhesion: float
) -> Interval | None:
    """Work of adhesion within the engine's errors of surface energies.

    Parameters
    ----------
    engine
        Name of the engine.
    film
        Symbol of the film's element.
    substrate_elements
        Symbols of the substrate's elements: the error of its faces lies between those of its
        elements. One without a measured ratio can have any of those that were measured.
    work_of_adhesion
        By the engine, J/m2.

    Returns
    -------
    tuple or None
        Lowest and highest PBE value that the model allows, the engine's own included; None
        where nothing was measured for the engine.
    """
    ratios = _ratios(engine, film, substrate_elements)
    if ratios is None:
        return None
    return _spread(work_of_adhesion, [1.0 / sqrt(f * s) for f, s in product(*ratios)])


def wetting_interval(
    engine: str, film: str, substrate_elements: Iterable[str], wetting_ratio: float
) -> Interval | None:
    """W_ad / 2 gamma_film within the engine's errors, like :func:`adhesion_interval`."""
    ratios = _ratios(engine, film, substrate_elements)
    if ratios is None:
        return None
    return _spread(wetting_ratio, [sqrt(f / s) for f, s in product(*ratios)])


def _spread(value: float, factors: list[float]) -> Interval:
    ends = [value, *(value * factor for factor in factors)]
    return min(ends), max(ends)


def _ratios(
    engine: str, film: str, substrate_elements: Iterable[str]
) -> tuple[Interval, Interval] | None:
    """Smallest and largest ratio to PBE of film and substrate."""
    if engine not in SURFACE_ENERGY_OVER_PBE:
        return None
    elements = [_ratio_range(engine, element) for element in set(substrate_elements)]
    lows, highs = zip(*elements, strict=True)
    return _ratio_range(engine, film), (min(lows), max(highs))


def _ratio_range(engine: str, element: str) -> Interval:
    facets = SURFACE_ENERGY_OVER_PBE[engine].get(element)
    if facets is None:
        return _measured_range(engine)
    return min(facets.values()), max(facets.values())


def _measured_range(engine: str) -> Interval:
    table = SURFACE_ENERGY_OVER_PBE[engine]
    if len(table) < FEWEST_ELEMENTS:
        table = max(SURFACE_ENERGY_OVER_PBE.values(), key=len)
    ratios = [ratio for facets in table.values() for ratio in facets.values()]
    return min(ratios), max(ratios)
