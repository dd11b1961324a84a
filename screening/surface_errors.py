"""Known errors of engines in surface energies.

Universal potentials are trained on bulk crystals and miss surface energies by a factor that
differs from element to element. The ratios below, engine over PBE, were measured once for this
project (Li against GPAW: 0.47 J/m2 on (100), 0.50 J/m2 on (110)).
"""

from __future__ import annotations

from collections.abc import Iterable

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


def surface_error(engine: str, elements: Iterable[str]) -> str:
    """Say what is known of an engine's surface energies of some elements.

    Parameters
    ----------
    engine
        Name of the engine.
    elements
        Symbols of the elements at the interface.

    Returns
    -------
    str
        One sentence or two for the reader of a work of adhesion.
    """
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
    return (
        f"{engine}, {'; '.join(parts)}. The error differs by element: compare W_ad / 2 gamma_Li, "
        "and confirm a shortlist by DFT."
    )
