"""Stability windows of many electrolytes side by side, a bar from reduction to oxidation each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from plotly.basedatatypes import BaseTraceType

from misei.screening.plots.files import Plot, source_note
from misei.screening.plots.profiles import window_text
from misei.screening.plots.style import (
    BLUE,
    GREEN,
    GREY,
    LEGEND_ABOVE,
    ORANGE,
    POTENTIAL,
    PRINTED_POTENTIAL,
    PRINTED_SIZE,
    RED,
    printed_formula,
    style,
)
from misei.screening.report_html import formula, products
from misei.screening.schemas_thermodynamics import ReductionDoc

# Kinds of windows and their colours, in the order of the legend.
WINDOW, STABLE, OPEN, CLOSED = (
    "stability window", "stable against Li metal", "no oxidation limit (holds no Li)",
    "no window (reduced below, oxidised above)",
)  # fmt: skip
COLOURS = {WINDOW: BLUE, STABLE: GREEN, OPEN: ORANGE, CLOSED: RED}
# Room beside the lowest and the highest limit for their numbers, over the highest limit.
LABEL_ROOM = 0.11
# Windows narrower than this are drawn as a mark, V: a bar of 1 mV cannot be seen.
NARROW_V = 0.005
ROW_HEIGHT = 30  # pixels
OPEN_PATTERN = {"shape": "/", "fgcolor": "white", "fgopacity": 0.6, "size": 8}
PRINTED_ROW, PRINTED_WIDTH = 0.24, 4.6  # inches


@dataclass(frozen=True)
class Limit:
    """One end of a window.

    Attributes
    ----------
    row
        Place of its electrolyte, 0 at the top.
    potential, error
        V vs Li/Li+ and its standard error in V (None: unknown).
    side
        -1: the number stands left of it; 1: right.
    """

    row: int
    potential: float
    error: float | None
    side: int

    @property
    def outer(self) -> float:
        """Outer end of the whisker, V vs Li/Li+."""
        return self.potential + self.side * (self.error or 0.0)


def window_plot(docs: Sequence[ReductionDoc], as_given: bool = False) -> Plot:
    """Return the windows of electrolytes, one row each; whiskers are standard errors.

    Parameters
    ----------
    docs
        The electrolytes, at least one.
    as_given
        Keep their order; by default those that are reduced least easily come first.
    """
    rows = list(docs) if as_given else sorted(docs, key=_stability)
    note = source_note(rows[0].source, rows[0].excluded_phases)
    with_errors = any(limit.error is not None for limit in limits(rows))
    return Plot(
        title=f"Stability windows of {len(rows)} electrolytes",
        note=note + ("; whiskers: standard error" if with_errors else ""),
        interactive=lambda: interactive_windows(rows),
        printed=lambda: printed_windows(rows),
    )


def _stability(doc: ReductionDoc) -> tuple[float, float]:
    high = doc.oxidation_potential
    return doc.reduction_potential, float("-inf") if high is None else -high


def window_kind(doc: ReductionDoc) -> str:
    """Return which of the kinds in :data:`COLOURS` a window is."""
    low, high = doc.reduction_potential, doc.oxidation_potential
    if high is not None and high - low < NARROW_V:
        return CLOSED
    if low == 0:
        return STABLE
    return OPEN if high is None else WINDOW


def limits(docs: Sequence[ReductionDoc]) -> list[Limit]:
    """Return the ends of all windows; 0 V and the open end of one without Li are none."""
    found = []
    for row, doc in enumerate(docs):
        if doc.reduction_potential > 0 and window_kind(doc) != CLOSED:
            found.append(Limit(row, doc.reduction_potential, doc.reduction_potential_error, -1))
        if doc.oxidation_potential is not None:
            found.append(Limit(row, doc.oxidation_potential, doc.oxidation_potential_error, 1))
    return found


def potential_range(docs: Sequence[ReductionDoc]) -> tuple[float, float]:
    """Return the ends of the potential axis, V vs Li/Li+; open windows reach its upper end."""
    found = limits(docs)
    # The number beside a bar takes its room in the figure, not in volts.
    room = LABEL_ROOM * max([1.0, *(limit.outer for limit in found)])
    ends = [limit.outer + limit.side * room for limit in found]
    return min([0.0, *ends]), max([1.0, *ends])


def interactive_windows(docs: Sequence[ReductionDoc]) -> go.Figure:
    """Draw windows for the screen, the first on top."""
    plot = go.Figure()
    low, high = potential_range(docs)
    for kind in COLOURS:
        chosen = [(row, doc) for row, doc in enumerate(docs) if window_kind(doc) == kind]
        if chosen:
            plot.add_trace(_trace(chosen, kind, high))
    known = [limit for limit in limits(docs) if limit.error is not None]
    plot.add_scatter(
        x=[limit.potential for limit in known], y=[limit.row for limit in known], mode="markers",
        name="standard error", hoverinfo="skip", showlegend=False, marker={"size": 1},
        error_x={"type": "data", "array": [limit.error for limit in known], "thickness": 1.2,
                 "width": 4, "color": "black"},
    )  # fmt: skip
    for limit in limits(docs):
        plot.add_annotation(
            x=limit.outer, y=limit.row, text=f"{limit.potential:.2f}", showarrow=False,
            xshift=8 * limit.side, xanchor="left" if limit.side > 0 else "right",
            font={"size": 11, "color": GREY},
        )  # fmt: skip
    style(plot, POTENTIAL, "", 150 + ROW_HEIGHT * len(docs))
    plot.update_layout(barmode="overlay", legend=LEGEND_ABOVE)
    plot.update_xaxes(range=[low, high])
    names = [f"{formula(doc.formula)} " for doc in docs]
    plot.update_yaxes(
        tickvals=list(range(len(docs))), ticktext=names, ticks="", range=[len(docs) - 0.4, -0.6]
    )
    return plot


def _trace(chosen: Sequence[tuple[int, ReductionDoc]], kind: str, edge: float) -> BaseTraceType:
    """Bars of one kind, or marks where there is no window."""
    rows, docs = [row for row, _ in chosen], [doc for _, doc in chosen]
    common = {
        "y": rows, "name": kind, "customdata": [_hover(doc) for doc in docs],
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip
    if kind == CLOSED:
        mark = {"symbol": "diamond", "size": 9, "color": COLOURS[kind]}
        return go.Scatter(
            x=[doc.oxidation_potential for doc in docs], mode="markers", marker=mark, **common
        )
    shape = {"color": COLOURS[kind], "line_width": 0}
    if kind == OPEN:
        shape["pattern"] = OPEN_PATTERN
    return go.Bar(
        base=[doc.reduction_potential for doc in docs],
        x=[_end(doc, edge) - doc.reduction_potential for doc in docs],
        orientation="h", width=0.55, marker=shape, **common,
    )  # fmt: skip


def _end(doc: ReductionDoc, edge: float) -> float:
    return edge if doc.oxidation_potential is None else doc.oxidation_potential


def _hover(doc: ReductionDoc) -> str:
    hull = doc.e_above_hull
    return "<br>".join(
        [
            f"<b>{formula(doc.formula)}</b>",
            window_text(doc),
            f"at 0 V: {products(doc.products_0V)}",
            "no such phase in the source" if hull is None else f"{hull:.3f} eV/atom above the hull",
        ]
    )


def printed_windows(docs: Sequence[ReductionDoc]) -> Figure:
    """Draw windows for print, the first on top."""
    figure = Figure(figsize=(PRINTED_WIDTH, PRINTED_ROW * (len(docs) + 0.4)))
    panel = figure.add_axes((0, 0, 1, 1))
    low, high = potential_range(docs)
    for row, doc in enumerate(docs):
        _print_row(panel, row, doc, high)
    for limit in limits(docs):
        if limit.error is not None:
            panel.errorbar(
                limit.potential, limit.row, xerr=limit.error, color="black", linewidth=0.9,
                capsize=2,
            )  # fmt: skip
        panel.annotate(
            f"{limit.potential:.2f}", (limit.outer, limit.row), xytext=(4 * limit.side, 0),
            textcoords="offset points", ha="left" if limit.side > 0 else "right", va="center",
            fontsize=PRINTED_SIZE - 2, color=GREY,
        )  # fmt: skip
    panel.set_xlim(low, high)
    panel.set_ylim(len(docs) - 0.3, -0.7)
    panel.set_xlabel(PRINTED_POTENTIAL, fontsize=PRINTED_SIZE + 1)
    panel.set_yticks(
        range(len(docs)), [printed_formula(doc.formula) for doc in docs], fontsize=PRINTED_SIZE
    )
    panel.tick_params(axis="x", labelsize=PRINTED_SIZE, direction="in")
    panel.tick_params(axis="y", length=0)
    _print_legend(panel, docs)
    return figure


def _print_row(panel: Axes, row: int, doc: ReductionDoc, edge: float) -> None:
    kind = window_kind(doc)
    if kind == CLOSED:
        panel.plot(doc.reduction_potential, row, "D", color=COLOURS[kind], markersize=5)
        return
    start = doc.reduction_potential
    panel.barh(
        row, _end(doc, edge) - start, left=start, height=0.55, color=COLOURS[kind], linewidth=0,
        hatch="////" if kind == OPEN else None, hatchcolor="white",
    )  # fmt: skip


def _print_legend(panel: Axes, docs: Sequence[ReductionDoc]) -> None:
    kinds = {window_kind(doc) for doc in docs}
    handles = [
        Line2D([], [], marker="D" if kind == CLOSED else "s", linestyle="", color=colour,
               markersize=5 if kind == CLOSED else 7, label=kind)
        for kind, colour in COLOURS.items() if kind in kinds
    ]  # fmt: skip
    panel.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False,
        fontsize=PRINTED_SIZE - 1, handletextpad=0.3, borderaxespad=0.2,
    )  # fmt: skip
