"""Look of all figures: the colours of Okabe and Ito, which the colour-blind can tell apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from pymatgen.util.string import latexify
from scipy.optimize import isotonic_regression

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
GREY, LIGHT = "#6B7680", "#DDE3E8"
POTENTIAL = "Potential (V vs Li/Li<sup>+</sup>)"
PRINTED_POTENTIAL = "Potential (V vs Li/Li$^{+}$)"
FONT = "system-ui, Segoe UI, Helvetica, Arial, sans-serif"
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
PRINTED_SIZE = 9  # points, of a figure one column and a half wide
# Characters that matplotlib reads as mathematics; formulas hold none of them.
_MATHEMATICS = re.compile(r"([$\\])")


def style(plot: go.Figure, x_title: str, y_title: str, height: int) -> go.Figure:
    """Give an interactive figure the common look; titles are HTML, the height is in pixels."""
    plot.update_layout(
        template="simple_white",
        height=height,
        margin={"l": 70, "r": 25, "t": 30, "b": 60},
        font={"family": FONT, "size": 13},
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
        hoverlabel={"align": "left"},
    )
    plot.update_xaxes(title=x_title, automargin=True)
    plot.update_yaxes(title=y_title, automargin=True)
    return plot


def printed_formula(text: str) -> str:
    """Return a formula or composite with subscripts, for matplotlib."""
    return str(latexify(_MATHEMATICS.sub(r"\\\1", text)))


def printed_products(amounts: Mapping[str, float]) -> str:
    """Return phases with their moles, for matplotlib: ``5 Li2S + Li3P``."""
    return " + ".join(
        printed_formula(name) if f"{amount:.3g}" == "1" else f"{amount:.3g} {printed_formula(name)}"
        for name, amount in amounts.items()
    )


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels along one axis as little as possible until none touches the next.

    Parameters
    ----------
    places
        Where the labels would best be, in falling order.
    gap
        Smallest distance of two neighbours; made smaller where the range has no room for it.
    low, high
        The range that they must stay in.

    Returns
    -------
    list of float
        Places in falling order, nearest to the wanted ones in the least-squares sense.
    """
    if len(places) < 2:
        return [min(max(place, low), high) for place in places]
    gap = min(gap, (high - low) / (len(places) - 1))
    shifts = gap * np.arange(len(places))
    # With the gaps taken out, the labels only have to keep their order.
    kept = isotonic_regression(np.asarray(places) + shifts, increasing=False).x
    kept = np.clip(kept, low + shifts[-1], high)
    return [float(place) for place in kept - shifts]
