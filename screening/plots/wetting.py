"""Wetting by Li: W_ad / 2 gamma_Li of alloys and salts, with intervals and wetting lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from misei.screening.plots.files import Plot
from misei.screening.plots.style import (
    BLUE,
    GREEN,
    GREY,
    LEGEND_ABOVE,
    ORANGE,
    PRINTED_SIZE,
    printed_formula,
    style,
)
from misei.screening.report_html import WETTING_RATIO, formula
from misei.screening.results import Queryable, find_documents
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.structures.polarity import ANIONS

STABLE_FACE = "on the most stable face"
ALLOY, SALT = "alloy", "salt"
COLOURS = {ALLOY: BLUE, SALT: ORANGE}
# Critical wetting lines by W_ad / 2 gamma_Li.
LINES = {0.5: "contact angle 90°", 1.0: "complete wetting"}
# The texts stand on the outer sides of their lines, so that they never meet.
SIDES = {0.5: "right", 1.0: "left"}
PRINTED_RATIO = r"$W_\mathrm{ad}\,/\,2\gamma_\mathrm{Li}$"
ROW_HEIGHT = 44  # pixels
PRINTED_WIDTH, PRINTED_ROW = 5.2, 0.34  # inches
# Room for the numbers right of the bars, as a share of the axis.
NUMBERS_ROOM = 0.3


class NothingToPlotError(ValueError):
    """A figure of no results."""


def wetting_plot(docs: Sequence[AdhesionDoc]) -> Plot:
    """Return bars of W_ad / 2 gamma_Li, the best wetted first, with W_ad and contact angle.

    Parameters
    ----------
    docs
        At least one; alloys and salts are told apart by their elements.

    Raises
    ------
    NothingToPlotError
        When there are none.
    """
    if not docs:
        raise NothingToPlotError("no work of adhesion to plot; `misei adhesion` computes one")
    rows = sorted(docs, key=lambda doc: -doc.wetting_ratio)
    return Plot(
        title=f"Wetting of {len(rows)} phases by Li",
        note=_note(rows),
        interactive=lambda: interactive_wetting(rows),
        printed=lambda: printed_wetting(rows),
    )


def stored_adhesions(store: Queryable, phases: Sequence[str], engine: str) -> list[AdhesionDoc]:
    """Return the last result of each phase in a results store.

    Parameters
    ----------
    store
        Connected results store.
    phases
        Names of alloys and salts, as they were run.
    engine
        Engine of their energies.

    Raises
    ------
    NothingToPlotError
        When one of them has no result.
    """
    found = []
    for phase in phases:
        docs = find_documents(
            store, AdhesionDoc, accept_unconverged=True, alloy=phase, engine=engine
        )
        if not docs:
            raise NothingToPlotError(
                f"no work of adhesion of {phase!r} by {engine} in the results store; "
                f"`misei adhesion {phase} --engine {engine}` computes it"
            )
        found.append(docs[0])
    return found


def _note(docs: Sequence[AdhesionDoc]) -> str:
    engines = sorted({f"{doc.engine} ({doc.provenance.energies_from})" for doc in docs})
    unknown = [doc.alloy for doc in docs if doc.wetting_ratio_interval is None]
    without = f"; unknown for {', '.join(unknown)}" if unknown else ""
    return (
        f"Energies: {', '.join(engines)}; whiskers: the engine's measured errors in surface "
        f"energies{without}"
    )


def kind(doc: AdhesionDoc) -> str:
    """Return whether a document is of a salt (it holds an anion) or an alloy."""
    structure = doc.best.structure
    symbols = set(structure.symbol_set) if structure is not None else set()
    return SALT if symbols & ANIONS else ALLOY


def _whiskers(doc: AdhesionDoc) -> tuple[float, float]:
    """Lengths below and above the value; none where the error is unknown."""
    if doc.wetting_ratio_interval is None:
        return 0.0, 0.0
    low, high = doc.wetting_ratio_interval
    return doc.wetting_ratio - low, high - doc.wetting_ratio


def _axis_range(docs: Sequence[AdhesionDoc]) -> tuple[float, float]:
    highest = max(1.0, *(doc.wetting_ratio + _whiskers(doc)[1] for doc in docs))
    lowest = min(0.0, *(doc.wetting_ratio - _whiskers(doc)[0] for doc in docs))
    return 1.05 * lowest, highest / (1.0 - NUMBERS_ROOM)


def _stable_faces(docs: Sequence[AdhesionDoc]) -> list[tuple[int, float]]:
    """Row and ratio on the most stable face, where that is known."""
    ratios = [doc.wetting_ratio_on_stable_face for doc in docs]
    return [(row, ratio) for row, ratio in enumerate(ratios) if ratio is not None]


def _numbers(doc: AdhesionDoc) -> str:
    return f"{doc.work_of_adhesion:.2f} J/m², {doc.contact_angle:.0f}°"


def interactive_wetting(docs: Sequence[AdhesionDoc]) -> go.Figure:
    """Draw the bars for the screen, the first on top."""
    plot = go.Figure()
    for name, colour in COLOURS.items():
        chosen = [(row, doc) for row, doc in enumerate(docs) if kind(doc) == name]
        if chosen:
            plot.add_trace(_bars(chosen, name, colour))
    stable = _stable_faces(docs)
    plot.add_scatter(
        x=[ratio for _, ratio in stable], y=[row for row, _ in stable], mode="markers",
        name=STABLE_FACE, marker={"symbol": "diamond-open", "size": 10, "color": "black"},
        hovertemplate=f"{STABLE_FACE}: %{{x:.2f}}<extra></extra>",
    )  # fmt: skip
    for ratio, text in LINES.items():
        plot.add_vline(
            x=ratio, line={"color": GREEN, "dash": "dash", "width": 1.5}, annotation_text=text,
            annotation_position="top", annotation_xanchor=SIDES[ratio],
            annotation_font={"size": 11, "color": GREEN},
        )  # fmt: skip
    low, high = _axis_range(docs)
    for row, doc in enumerate(docs):
        plot.add_annotation(
            x=doc.wetting_ratio + _whiskers(doc)[1], y=row, text=_numbers(doc), showarrow=False,
            xshift=8, xanchor="left", font={"size": 12, "color": GREY},
            bgcolor="rgba(255, 255, 255, 0.8)",
        )  # fmt: skip
    style(plot, f"{WETTING_RATIO} (dimensionless)", "", 170 + ROW_HEIGHT * len(docs))
    plot.update_layout(barmode="overlay", legend={**LEGEND_ABOVE, "y": 1.08}, margin_t=70)
    plot.update_xaxes(range=[low, high])
    plot.update_yaxes(
        tickvals=list(range(len(docs))), ticktext=[f"{formula(doc.alloy)} " for doc in docs],
        ticks="", range=[len(docs) - 0.4, -0.6],
    )  # fmt: skip
    return plot


def _bars(chosen: Sequence[tuple[int, AdhesionDoc]], name: str, colour: str) -> go.Bar:
    docs = [doc for _, doc in chosen]
    whiskers = [_whiskers(doc) for doc in docs]
    return go.Bar(
        y=[row for row, _ in chosen], x=[doc.wetting_ratio for doc in docs], orientation="h",
        width=0.55, name=name, marker={"color": colour},
        error_x={
            "type": "data", "symmetric": False, "arrayminus": [low for low, _ in whiskers],
            "array": [high for _, high in whiskers], "thickness": 1.2, "width": 4,
            "color": "black",
        },
        customdata=[_hover(doc) for doc in docs], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _hover(doc: AdhesionDoc) -> str:
    gamma = doc.interface_energy
    return "<br>".join(
        [
            f"<b>{formula(doc.alloy)}</b>",
            f"W<sub>ad</sub> {doc.work_of_adhesion:.3f} J/m²",
            f"{WETTING_RATIO} {doc.wetting_ratio:.2f}",
            f"contact angle {doc.contact_angle:.0f}°",
            escape(doc.wetting_verdict),
            "interface energy unknown"
            if gamma is None
            else f"&gamma;<sub>int</sub> {gamma:.3f} J/m²",
            f"strain of Li {100 * doc.strain:.1f} %",
        ]
    )


def printed_wetting(docs: Sequence[AdhesionDoc]) -> Figure:
    """Draw the bars for print, the first on top."""
    figure = Figure(figsize=(PRINTED_WIDTH, PRINTED_ROW * (len(docs) + 0.6)))
    panel = figure.add_axes((0, 0, 1, 1))
    for row, doc in enumerate(docs):
        panel.barh(row, doc.wetting_ratio, height=0.55, color=COLOURS[kind(doc)])
        below, above = _whiskers(doc)
        if below or above:
            panel.errorbar(
                doc.wetting_ratio, row, xerr=np.array([[below], [above]]), color="black",
                linewidth=0.9, capsize=2,
            )  # fmt: skip
        panel.annotate(
            _numbers(doc), (doc.wetting_ratio + above, row), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=PRINTED_SIZE - 2, color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )  # fmt: skip
    for row, ratio in _stable_faces(docs):
        panel.plot(ratio, row, "D", color="black", markerfacecolor="none", markersize=5)
    panel.set_xlim(*_axis_range(docs))
    panel.set_ylim(len(docs) - 0.4, -0.8)
    _print_axes(panel, docs)
    return figure


def _print_axes(panel: Axes, docs: Sequence[AdhesionDoc]) -> None:
    for ratio, text in LINES.items():
        panel.axvline(ratio, color=GREEN, linestyle="--", linewidth=0.9, zorder=0)
        panel.annotate(
            text, (ratio, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", ha=SIDES[ratio], fontsize=PRINTED_SIZE - 2, color=GREEN,
        )  # fmt: skip
    panel.set_xlabel(PRINTED_RATIO, fontsize=PRINTED_SIZE + 1)
    names = [printed_formula(doc.alloy) for doc in docs]
    panel.set_yticks(range(len(docs)), names, fontsize=PRINTED_SIZE)
    panel.tick_params(axis="x", labelsize=PRINTED_SIZE, direction="in")
    panel.tick_params(axis="y", length=0)
    kinds = [name for name in COLOURS if any(kind(doc) == name for doc in docs)]
    handles: list[Artist] = [Patch(color=COLOURS[name], label=name) for name in kinds]
    if _stable_faces(docs):
        handles.append(
            Line2D([], [], marker="D", color="black", markerfacecolor="none", linestyle="",
                   markersize=5, label=STABLE_FACE)
        )  # fmt: skip
    panel.legend(
        handles=handles, loc="lower right",
        frameon=False, fontsize=PRINTED_SIZE - 1,
    )  # fmt: skip
