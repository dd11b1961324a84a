"""Arrhenius plot: diffusivities over the inverse temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from misei.screening.plots.files import Plot
from misei.screening.plots.percolation_style import BAND_OPACITY, small_print
from misei.screening.plots.ranking import LINE_COLOURS
from misei.screening.plots.style import GREY, PRINTED_SIZE, printed_formula, style
from misei.screening.report_html import formula
from misei.screening.schemas_diffusion import DiffusionDoc

INVERSE = "1000 / T (K<sup>-1</sup>)"
PRINTED_INVERSE = "1000 / T (K$^{-1}$)"
DIFFUSIVITY = "Diffusivity (cm<sup>2</sup>/s)"
PRINTED_DIFFUSIVITY = "Diffusivity (cm$^{2}$/s)"
TOP = "T (K)"
TRACER, DEFECT = "tracer D*", "one defect D_d"
DASHES = {TRACER: "solid", DEFECT: "dash"}
HEIGHT = 560  # pixels
PRINTED_WIDTH, PRINTED_HEIGHT = 4.6, 3.6  # inches
# Temperatures of the top axis are whole multiples of this, K.
TICK_STEP = 50.0
CLOSEST_TICKS = 0.06  # share of the axis


class ArrheniusPlotError(ValueError):
    """Documents that an Arrhenius plot cannot show."""


@dataclass(frozen=True)
class Line:
    """One diffusivity of one document.

    Attributes
    ----------
    doc
        Where it comes from.
    kind
        :data:`TRACER` or :data:`DEFECT`.
    colour
        Of the document.
    inverse
        1000 / T, 1/K.
    values, low, high
        cm2/s; the interval is for the error of the barriers.
    """

    doc: DiffusionDoc
    kind: str
    colour: str
    inverse: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def has_band(self) -> bool:
        """One band a document: of what is asked for, tracers where they are known."""
        return self.kind == TRACER or self.doc.tracer_diffusivities is None


def arrhenius_plot(docs: Sequence[DiffusionDoc]) -> Plot:
    """Return log D over 1000 / T, with temperatures on top.

    Parameters
    ----------
    docs
        Tracers are full lines, single defects dashed ones; bands are the interval of the
        barriers' error. Phases with structural defects of unknown fraction have no tracer line.

    Raises
    ------
    ArrheniusPlotError
        When there is no document, or one without a diffusivity above zero.
    """
    lines = arrhenius_lines(docs)
    return Plot(
        title=f"Diffusivities in {', '.join(doc.alloy for doc in docs)}",
        note=small_print(_note(docs)),
        interactive=lambda: interactive_arrhenius(lines),
        printed=lambda: printed_arrhenius(lines),
    )


def arrhenius_lines(docs: Sequence[DiffusionDoc]) -> list[Line]:
    """Return the lines to draw, those of a document in one colour."""
    if not docs:
        raise ArrheniusPlotError("an Arrhenius plot needs at least one diffusivity")
    lines = []
    for doc, colour in zip(docs, cycle(LINE_COLOURS), strict=False):
        if min(doc.defect_diffusivities) <= 0:
            raise ArrheniusPlotError(f"{doc.alloy} has no diffusivity above zero to draw")
        for kind, values in (
            (TRACER, doc.tracer_diffusivities), (DEFECT, doc.defect_diffusivities)
        ):  # fmt: skip
            if values is not None:
                pairs = zip(doc.temperatures_K, values, strict=True)
                low, high = np.array([doc.interval(t, value) for t, value in pairs]).T
                inverse = 1000.0 / np.array(doc.temperatures_K)
                lines.append(Line(doc, kind, colour, inverse, np.array(values), low, high))
    return lines


def _note(docs: Sequence[DiffusionDoc]) -> str:
    errors = sorted({doc.barrier_error for doc in docs})
    parts = [f"Bands: barriers off by {' or '.join(f'{error:g}' for error in errors)} eV."]
    for doc in docs:
        text = (
            f"{doc.alloy}: {doc.mechanism} ({doc.engine}), nu* {doc.attempt_frequency:.3g} THz "
            f"({doc.attempt_frequency_origin}), x_d {doc.defect_fraction_origin}"
        )
        if doc.correlation_factors is not None:
            text += f", f {doc.correlation_factors[doc.temperatures_K.index(300.0)]:.3g} at 300 K"
        parts.append(text + (", structural defects." if doc.structural_vacancies else "."))
    return " ".join(parts)


def _label(line: Line, write: str) -> str:
    kind = line.kind.replace("D_d", write)
    mechanism = line.doc.mechanism if line.kind == DEFECT else ""
    return kind.replace("one defect", f"one {mechanism}")


def temperature_ticks(lines: Sequence[Line]) -> list[float]:
    """Return temperatures for the top axis (K), none too close to the next."""
    inverse = np.concatenate([line.inverse for line in lines])
    low, high = inverse.min(), inverse.max()
    first = np.ceil(1000.0 / high / TICK_STEP) * TICK_STEP
    ticks: list[float] = []
    for temperature in np.arange(first, 1000.0 / low + 1e-6, TICK_STEP).tolist():
        apart = 1000.0 / ticks[-1] - 1000.0 / temperature if ticks else np.inf
        if apart >= CLOSEST_TICKS * (high - low):
            ticks.append(temperature)
    return ticks


def interactive_arrhenius(lines: Sequence[Line]) -> go.Figure:
    """Draw diffusivities for the screen."""
    plot = go.Figure()
    for line in lines:
        name = f"{formula(line.doc.alloy)}, {_label(line, 'D<sub>d</sub>')}"
        if line.has_band:
            plot.add_scatter(
                x=[*line.inverse, *line.inverse[::-1]], y=[*line.low, *line.high[::-1]],
                fill="toself", fillcolor=line.colour, opacity=BAND_OPACITY, mode="lines",
                line={"width": 0}, hoverinfo="skip", showlegend=False, legendgroup=name,
            )  # fmt: skip
        plot.add_scatter(
            x=line.inverse, y=line.values, mode="lines+markers", name=name, legendgroup=name,
            line={"color": line.colour, "dash": DASHES[line.kind], "width": 2},
            customdata=np.column_stack([line.doc.temperatures_K, line.low, line.high]),
            hovertemplate="%{customdata[0]:.0f} K: %{y:.2e} cm<sup>2</sup>/s<br>"
            "%{customdata[1]:.0e} to %{customdata[2]:.0e}<extra>" + name + "</extra>",
        )  # fmt: skip
    ticks = temperature_ticks(lines)
    # Plotly draws an axis only where a trace is on it.
    plot.add_scatter(
        x=[1000.0 / t for t in ticks], y=[lines[0].values[0]] * len(ticks), xaxis="x2",
        mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    style(plot, INVERSE, DIFFUSIVITY, HEIGHT)
    plot.update_yaxes(type="log", exponentformat="power")
    plot.update_layout(
        margin={"t": 60},
        xaxis2={
            "overlaying": "x", "side": "top", "matches": "x", "title": {"text": TOP},
            "tickvals": [1000.0 / t for t in ticks], "ticktext": [f"{t:g}" for t in ticks],
        },
    )  # fmt: skip
    return plot


def printed_arrhenius(lines: Sequence[Line]) -> Figure:
    """Draw diffusivities for print."""
    figure = Figure(figsize=(PRINTED_WIDTH, PRINTED_HEIGHT))
    panel = figure.add_axes((0, 0, 1, 1))
    for line in lines:
        dash = "-" if line.kind == TRACER else "--"
        panel.plot(line.inverse, line.values, dash, color=line.colour, linewidth=1.6)
        if line.has_band:
            panel.fill_between(
                line.inverse, line.low, line.high, color=line.colour, alpha=BAND_OPACITY,
                linewidth=0,
            )  # fmt: skip
    panel.set_yscale("log")
    panel.set_xlabel(PRINTED_INVERSE, fontsize=PRINTED_SIZE + 1)
    panel.set_ylabel(PRINTED_DIFFUSIVITY, fontsize=PRINTED_SIZE + 1)
    panel.tick_params(which="both", labelsize=PRINTED_SIZE, direction="in")
    panel.minorticks_off()
    ticks = temperature_ticks(lines)
    top = panel.secondary_xaxis("top")
    top.set_xticks([1000.0 / t for t in ticks], [f"{t:g}" for t in ticks])
    top.tick_params(labelsize=PRINTED_SIZE, direction="in")
    top.set_xlabel(TOP, fontsize=PRINTED_SIZE + 1)
    _print_legend(panel, lines)
    return figure


def _print_legend(panel: Axes, lines: Sequence[Line]) -> None:
    alloys = {id(line.doc): line for line in lines}.values()
    handles = [
        Line2D([], [], color=line.colour, linewidth=1.6, label=_alloy_label(line))
        for line in alloys
    ]
    kinds = {_label(line, "$D_{\\mathrm{d}}$"): line.kind for line in lines}
    handles += [
        Line2D([], [], color=GREY, linewidth=1.6, label=label.replace("D*", "$D^{*}$"),
               linestyle="-" if kind == TRACER else "--")
        for label, kind in kinds.items()
    ]  # fmt: skip
    panel.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False,
        fontsize=PRINTED_SIZE - 1, borderaxespad=0.2,
    )  # fmt: skip


def _alloy_label(line: Line) -> str:
    text = printed_formula(line.doc.alloy)
    return f"{text} (structural)" if line.doc.structural_vacancies else text
