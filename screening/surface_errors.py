"""Known errors of engines in surface energies, and what they leave of a work of adhesion.

Universal potentials are trained on bulk crystals and miss surface energies by a factor that
differs from one to the next. The ratios below, engine over PBE, were measured once for this
project; docs/adhesion.md has the tables with cutoffs, k-points and uncertainties (PBE by GPAW on
slabs relaxed with SevenNet-0; Li 0.47 J/m2 on (100), 0.50 J/m2 on (110)). Those marked below
are of the engine's presets, most on thin slabs, by benchmarks/dft_adhesion.py.

By Girifalco and Good, J. Phys. Chem. 61, 904 (1957), W_ad = 2 Phi sqrt(gamma_film gamma_substrate):
factors r on the two surface energies make one of sqrt(r_film r_substrate) on W_ad. That the error
of a free surface carries over to an interface in full is a model. It corrects W_ad of Li on Al(100)
by a factor of 1.41 (ratios of the table), on Al(110) by 1.52, Mg(0001) by 1.71, LiMg(111) by 1.41
and Cu(111) by 1.16 (ratios of the interface's own slabs); GPAW corrects it by 1.34, 1.24, 1.37,
1.40 and 1.05. So the logarithm of the correction is 0.85, 0.50, 0.59, 0.99 and 0.35 of the model's.
On Li2O(110) it is 0.91, on LiF(110) -0.6: the potential's W_ad is too high there, although its
surface energies are too low. gamma_film is a free surface: its correction in W_ad / 2 gamma_film is
one in full.
"""

from __future__ import annotations

from itertools import product

from pymatgen.core import Composition

from misei.screening.schemas import EnergiesFrom
from misei.structures.polarity import ANIONS

# engine: {element or salt: {facet: surface energy over PBE's}}
SURFACE_ENERGY_OVER_PBE: dict[str, dict[str, dict[str, float]]] = {
    "sevennet": {
        # All (110) but Li's, Li(111), Mg, Cu, LiAl and LiMg, its (111) Mg-ended, by gpaw-fast, over
        # which SevenNet-0 has 0.69 and 0.53 on Li(100) and (110); Ca, Zn and Ag by gpaw-standard.
        "Li": {"100": 0.68, "110": 0.54, "111": 0.73},
        "Al": {"111": 0.74, "110": 0.66},
        "Mg": {"0001": 0.90},
        "LiMg": {"111": 0.69, "110": 0.65},
        "LiAl": {"100": 0.85, "111": 0.97},
        "Ca": {"111": 0.58},
        "Zn": {"0001": 1.42},
        "Ag": {"111": 0.94},
        "Cu": {"111": 1.01},
        # In in SevenNet-0's own cell, which is fcc; Sn as cut; Si and Ge unreconstructed, 1 x 1.
        "In": {"111": 0.63},
        "Sn": {"100": 0.68},
        "Si": {"111": 0.51},
        "Ge": {"111": 0.48},
        "Sb": {"0001": 0.87},
        "LiF": {"100": 0.94, "110": 0.92},
        "LiCl": {"100": 1.01},
        "Li2O": {"111": 0.93, "110": 0.93},
        "Li2S": {"111": 0.81},
    },
    "sevennet-l3i5": {"Li": {"100": 0.68, "110": 0.60}},
    "chgnet": {"Li": {"100": 0.68, "110": 0.64}},
}
# An engine with fewer measured phases says nothing of the others: they take the range of the
# engine with most, which was trained on the same kind of data and misses Li as much.
FEWEST_PHASES = 3
# Part of the model's correction of W_ad, as a power, that interfaces of Li have by GPAW: with
# metals and alloys, and with salts, of which SevenNet-0 binds Li too well to LiF.
CARRIED_OVER = (0.3, 1.0)
CARRIED_OVER_TO_SALTS = (-0.7, 1.0)
COMPARE = "The error differs by element: compare W_ad / 2 gamma_Li, and confirm a shortlist by DFT."

Interval = tuple[float, float]


def surface_error(
    engine: str, film: str, substrate: str, energies_from: EnergiesFrom = "potential"
) -> str:
    """Say what is known of an engine's surface energies of a film and a substrate.

    Parameters
    ----------
    engine
        Name of the engine.
    film
        Symbol of the film's element.
    substrate
        Formula of the substrate.
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
    phases = sorted({film, *_measured_as(engine, substrate)})
    known = [
        f"{phase}({facet}) {ratio:.2f}"
        for phase in phases
        for facet, ratio in table.get(phase, {}).items()
    ]
    unknown = [phase for phase in phases if phase not in table]
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


def _measured_as(engine: str, substrate: str) -> list[str]:
    """Phases whose errors bracket that of a substrate: its own, or those of its elements."""
    composition = Composition(substrate)
    formula = composition.reduced_formula
    if formula in SURFACE_ENERGY_OVER_PBE.get(engine, {}):
        return [formula]
    return [element.symbol for element in composition.elements]


def adhesion_interval(
    engine: str, film: str, substrate: str, work_of_adhesion: float
) -> Interval | None:
    """Work of adhesion within the engine's errors of surface energies.

    Parameters
    ----------
    engine
        Name of the engine.
    film
        Symbol of the film's element.
    substrate
        Formula of the substrate. Where it was not measured itself, the error of its faces lies
        between those of its elements; one without a measured ratio can have any that was.
    work_of_adhesion
        By the engine, J/m2.

    Returns
    -------
    tuple or None
        Lowest and highest PBE value that the model allows, the engine's own included; None
        where nothing was measured for the engine.
    """
    ratios = _ratios(engine, film, substrate)
    if ratios is None:
        return None
    parts = _carried_over(substrate)
    return _spread(work_of_adhesion, [(f * s) ** (-p / 2) for f, s, p in product(*ratios, parts)])


def wetting_interval(
    engine: str, film: str, substrate: str, wetting_ratio: float
) -> Interval | None:
    """W_ad / 2 gamma_film within the engine's errors, like :func:`adhesion_interval`.

    gamma_film is corrected in full, W_ad by the part of its correction that was measured.
    """
    ratios = _ratios(engine, film, substrate)
    if ratios is None:
        return None
    parts = _carried_over(substrate)
    return _spread(wetting_ratio, [f * (f * s) ** (-p / 2) for f, s, p in product(*ratios, parts)])


def _carried_over(substrate: str) -> Interval:
    symbols = {element.symbol for element in Composition(substrate).elements}
    return CARRIED_OVER_TO_SALTS if symbols & ANIONS else CARRIED_OVER


def _spread(value: float, factors: list[float]) -> Interval:
    ends = [value, *(value * factor for factor in factors)]
    return min(ends), max(ends)


def _ratios(engine: str, film: str, substrate: str) -> tuple[Interval, Interval] | None:
    """Smallest and largest ratio to PBE of film and substrate."""
    if engine not in SURFACE_ENERGY_OVER_PBE:
        return None
    ranges = [_ratio_range(engine, phase) for phase in _measured_as(engine, substrate)]
    lows, highs = zip(*ranges, strict=True)
    return _ratio_range(engine, film), (min(lows), max(highs))


def _ratio_range(engine: str, phase: str) -> Interval:
    facets = SURFACE_ENERGY_OVER_PBE[engine].get(phase)
    if facets is None:
        return _measured_range(engine)
    return min(facets.values()), max(facets.values())


def _measured_range(engine: str) -> Interval:
    table = SURFACE_ENERGY_OVER_PBE[engine]
    if len(table) < FEWEST_PHASES:
        table = max(SURFACE_ENERGY_OVER_PBE.values(), key=len)
    ratios = [ratio for facets in table.values() for ratio in facets.values()]
    return min(ratios), max(ratios)
