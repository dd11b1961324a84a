"""Voltage profiles: potential against Li uptake, with the phases in equilibrium at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from misei.screening.plots.files import Plot, source_note
from misei.screening.plots.style import (
    BLUE,
    GREY,
    LIGHT,
    POTENTIAL,
    PRINTED_POTENTIAL,
    PRINTED_SIZE,
    printed_formula,
    printed_products,
    spread,
    style,
)
from misei.screening.report_html import formula, products
from misei.screening.schemas_thermodynamics import Plateau, ReductionDoc

UPTAKE = "Li uptake (per formula unit)"
# Room above the highest edge of a voltage profile, whose upper range has no end, and below 0 V.
HEADROOM_V, FOOTROOM_V = 0.6, 0.05
# Of one panel of an interactive figure, pixels.
PANEL_HEIGHT, PANEL_GAP, LINE_HEIGHT, CHARACTER_WIDTH = 400, 90, 19, 7.2
# Of one panel of a printed figure, inches.
PRINTED_WIDTH, PRINTED_HEIGHT, PRINTED_GAP, PRINTED_LINE = 4.6, 3.2, 0.75, 0.16


@dataclass(frozen=True)
class Label:
    """The products of a step.

    Attributes
    ----------
    plateau
        The step.
    potential
        Middle of its range, V vs Li/Li+: where its line starts.
    place
        Potential at which the label stands, V vs Li/Li+.
    """

    plateau: Plateau
    potential: float
    place: float


def profile_plot(docs: Sequence[ReductionDoc]) -> Plot:
    """Return the voltage profiles of one or several electrolytes, one panel each.

    Parameters
    ----------
    docs
        All on one potential scale; products stand beside their steps, the window is shaded.
    """
    return Plot(
        title=f"Voltage profile: {', '.join(doc.formula for doc in docs)}",
        note=source_note(docs[0].source, docs[0].excluded_phases),
        interactive=lambda: interactive_profiles(docs),
        printed=lambda: printed_profiles(docs),
    )


def profile_top(docs: Sequence[ReductionDoc]) -> float:
    """Upper end of the potential scale, V vs Li/Li+: the highest edge and some room."""
    edges = (plateau.potential_low for doc in docs for plateau in doc.voltage_profile)
    return max(edges, default=0.0) + HEADROOM_V


def staircase(doc: ReductionDoc, top: float) -> tuple[list[float], list[float]]:
    """Return Li uptake (per formula unit) and potential (V vs Li/Li+) of all corners."""
    corners = [
        (plateau.li_uptake, edge)
        for plateau in doc.voltage_profile
        for edge in (_upper_edge(plateau, top), plateau.potential_low)
    ]
    return [uptake for uptake, _ in corners], [potential for _, potential in corners]


def place_labels(doc: ReductionDoc, top: float, gap: float) -> list[Label]:
    """Place the products of every step beside it, at least ``gap`` (V) apart."""
    middles = [(_upper_edge(p, top) + p.potential_low) / 2 for p in doc.voltage_profile]
    places = spread(middles, gap, 0.0, top)
    return [Label(*label) for label in zip(doc.voltage_profile, middles, places, strict=True)]


def window_text(doc: ReductionDoc) -> str:
    """Describe a window in words and V."""
    low = f"{doc.reduction_potential:.2f}"
    if doc.oxidation_potential is None and doc.reduction_potential == 0:
        return "stable against Li metal, no Li to give off"
    if doc.oxidation_potential is None:
        return f"not reduced above {low} V, no Li to give off"
    if doc.oxidation_potential <= doc.reduction_potential:
        return f"no window: reduced below, oxidised above {low} V"
    return f"stability window {low} to {doc.oxidation_potential:.2f} V"


def voltage_profile(doc: ReductionDoc) -> go.Figure:
    """Draw one profile, small: products show under the pointer, oxidation by zooming out."""
    plot = go.Figure()
    plot.add_scatter(**_line(doc, profile_top([doc])))
    _add_window(plot, doc, profile_top([doc]))
    _show_reduction(plot, doc)
    return style(plot, UPTAKE, POTENTIAL, 340)


def interactive_profiles(docs: Sequence[ReductionDoc]) -> go.Figure:
    """Draw profiles one below the other, products beside every step."""
    top, rows = profile_top(docs), len(docs)
    height = rows * PANEL_HEIGHT + (rows - 1) * PANEL_GAP
    plot = make_subplots(rows=rows, cols=1, vertical_spacing=PANEL_GAP / height if rows > 1 else 0)
    volts = top + FOOTROOM_V
    for row, doc in enumerate(docs, start=1):
        plot.add_scatter(**_line(doc, top), row=row, col=1)
        _add_window(plot, doc, top, row=row, col=1)
        labels = place_labels(doc, top, LINE_HEIGHT * volts / PANEL_HEIGHT)
        _add_labels(plot, doc, labels, PANEL_HEIGHT / volts, row)
    style(plot, UPTAKE, POTENTIAL, height + 120)
    written = [products(p.products) for doc in docs for p in doc.voltage_profile]
    longest = max(len(text.replace("<sub>", "").replace("</sub>", "")) for text in written)
    plot.update_layout(margin={"t": 50, "b": 70, "r": 45 + int(CHARACTER_WIDTH * longest)})
    plot.update_yaxes(range=[-FOOTROOM_V, top])
    return plot


def printed_profiles(docs: Sequence[ReductionDoc]) -> Figure:
    """Draw profiles for print, one below the other, products beside every step."""
    top, rows = profile_top(docs), len(docs)
    figure = Figure(figsize=(PRINTED_WIDTH, rows * PRINTED_HEIGHT + (rows - 1) * PRINTED_GAP))
    # All writing lies outside the grid; the file is cut to what is drawn.
    grid = figure.add_gridspec(
        rows, 1, left=0, right=1, bottom=0, top=1, hspace=PRINTED_GAP / PRINTED_HEIGHT
    )
    panels = grid.subplots(squeeze=False)[:, 0]
    for doc, panel in zip(docs, panels, strict=True):
        panel.set_title(printed_formula(doc.formula), loc="left", fontsize=PRINTED_SIZE + 2)
        panel.set_xlabel(UPTAKE, fontsize=PRINTED_SIZE + 1)
        panel.set_ylabel(PRINTED_POTENTIAL, fontsize=PRINTED_SIZE + 1)
        panel.tick_params(labelsize=PRINTED_SIZE, direction="in")
        panel.set_xlim(*_uptake_range(doc))
        panel.set_ylim(-FOOTROOM_V, top)
        _print_panel(panel, doc, top)
    return figure


def _upper_edge(plateau: Plateau, top: float) -> float:
    return top if plateau.potential_high is None else plateau.potential_high


def _uptake_range(doc: ReductionDoc) -> tuple[float, float]:
    uptakes = [plateau.li_uptake for plateau in doc.voltage_profile]
    margin = 0.05 * max(max(uptakes) - min(uptakes), 1.0)
    return min(uptakes) - margin, max(uptakes) + margin


def _add_window(plot: go.Figure, doc: ReductionDoc, top: float, **panel: int) -> None:
    high = top if doc.oxidation_potential is None else doc.oxidation_potential
    plot.add_hrect(
        y0=doc.reduction_potential, y1=high, fillcolor=LIGHT, opacity=0.6, layer="below",
        line_width=0, **panel,
    )  # fmt: skip
    plot.add_annotation(
        xref="x domain", x=1.0, xanchor="right", y=(doc.reduction_potential + high) / 2,
        yanchor="bottom", text=window_text(doc), showarrow=False,
        font={"size": 11, "color": GREY}, **panel,
    )  # fmt: skip


def _line(doc: ReductionDoc, top: float) -> dict[str, object]:
    x, y = staircase(doc, top)
    texts = [_plateau_text(plateau) for plateau in doc.voltage_profile for _ in range(2)]
    return {
        "x": x, "y": y, "customdata": texts, "hovertemplate": "%{customdata}<extra></extra>",
        "mode": "lines+markers", "line": {"color": BLUE, "width": 2}, "marker": {"size": 5},
        "name": doc.formula, "showlegend": False,
    }  # fmt: skip


def _show_reduction(plot: go.Figure, doc: ReductionDoc) -> None:
    """Set the axes to the window and what lies below it; autorange brings back the rest."""
    edge = doc.reduction_potential if doc.oxidation_potential is None else doc.oxidation_potential
    uptake = max(doc.li_uptake_0V, 1.0)
    plot.update_yaxes(range=[-FOOTROOM_V, edge + HEADROOM_V])
    plot.update_xaxes(range=[-0.12 * uptake, 1.06 * uptake])


def _plateau_text(plateau: Plateau) -> str:
    upper = "no upper edge" if plateau.potential_high is None else f"{plateau.potential_high:.2f} V"
    names = "<br>".join(products({name: n}) for name, n in plateau.products.items())
    return f"{plateau.potential_low:.2f} V to {upper}<br>{plateau.li_uptake:+.2f} Li<br>{names}"


def _add_labels(
    plot: go.Figure, doc: ReductionDoc, labels: Sequence[Label], pixels_per_volt: float, row: int
) -> None:
    """Write the products right of the panel, a line from each to its step."""
    low, high = _uptake_range(doc)
    x = [x for label in labels for x in (label.plateau.li_uptake, high, None)]
    y = [y for label in labels for y in (label.potential, label.potential, None)]
    plot.add_scatter(
        x=x, y=y, mode="lines", line={"color": GREY, "width": 0.8, "dash": "dot"},
        hoverinfo="skip", showlegend=False, row=row, col=1,
    )  # fmt: skip
    plot.update_xaxes(range=[low, high], row=row, col=1)
    for label in labels:
        plot.add_annotation(
            xref="x domain", x=1.0, y=label.potential, ax=28, axref="pixel", ayref="pixel",
            ay=(label.potential - label.place) * pixels_per_volt, xanchor="left",
            text=products(label.plateau.products), arrowhead=0, arrowwidth=0.8,
            arrowcolor=GREY, font={"size": 12}, row=row, col=1,
        )  # fmt: skip
    plot.add_annotation(
        xref="x domain", x=0.0, yref="y domain", y=1.0, xanchor="left", yanchor="bottom",
        text=f"<b>{formula(doc.formula)}</b>", showarrow=False, font={"size": 15}, row=row, col=1,
    )  # fmt: skip


def _print_panel(panel: Axes, doc: ReductionDoc, top: float) -> None:
    high = top if doc.oxidation_potential is None else doc.oxidation_potential
    panel.axhspan(doc.reduction_potential, high, color=LIGHT, alpha=0.6, linewidth=0, zorder=0)
    panel.text(
        0.985, (doc.reduction_potential + high) / 2, window_text(doc), ha="right", va="bottom",
        transform=panel.get_yaxis_transform(), fontsize=PRINTED_SIZE - 1.5, color=GREY,
    )  # fmt: skip
    panel.plot(*staircase(doc, top), color=BLUE, linewidth=1.8)
    gap = PRINTED_LINE * (top + FOOTROOM_V) / PRINTED_HEIGHT
    right = _uptake_range(doc)[1]
    for label in place_labels(doc, top, gap):
        panel.plot(
            [label.plateau.li_uptake, right], 2 * [label.potential], ":", color=GREY, linewidth=0.6
        )
        panel.annotate(
            printed_products(label.plateau.products), xy=(1.0, label.potential),
            xytext=(1.06, label.place), xycoords=panel.get_yaxis_transform(),
            textcoords=panel.get_yaxis_transform(), va="center", fontsize=PRINTED_SIZE - 1,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": GREY,
                        "shrinkA": 0, "shrinkB": 0, "relpos": (0.0, 0.5)},
        )  # fmt: skip
