"""Electronic conductivity of an interphase through the percolation threshold."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from misei.screening.conductivity import LI2S_CONDUCTIVITY, LITHIUM_CONDUCTIVITY
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.interphase import interphase_class
from misei.screening.percolation import NEVER, Threshold, percolation_threshold
from misei.screening.plots.conductivity_scene import LAW, MIXING, NETWORK, Scene
from misei.screening.plots.files import Plot
from misei.screening.plots.labels import label_points
from misei.screening.plots.percolation_style import (
    BAND_OPACITY,
    METAL,
    PRINTED_METAL,
    PRINTED_THRESHOLD,
    THRESHOLD,
    small_print,
)
from misei.screening.plots.ranking import BAND, CLASS_COLOURS
from misei.screening.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    PRINTED_SIZE,
    printed_formula,
    style,
)
from misei.screening.report_html import formula

SIGMA = "Electronic conductivity \u03c3<sub>e</sub> (S/cm)"
PRINTED_SIGMA = "Electronic conductivity $\\sigma_{\\mathrm{e}}$ (S/cm)"
HEIGHT = 560  # pixels
PRINTED_WIDTH, PRINTED_HEIGHT = 4.6, 3.5  # inches


class ConductivityPlotError(ValueError):
    """A conductivity that cannot be drawn."""


def conductivity_plot(
    marks: Sequence[tuple[str, float]] = (),
    grains: Grains = DEFAULT_GRAINS,
    sigma_metal: float = LITHIUM_CONDUCTIVITY,
    sigma_insulator: float = LI2S_CONDUCTIVITY,
) -> Plot:
    """Return sigma_e over V_f,M, through the percolation threshold.

    Parameters
    ----------
    marks
        Names and V_f,M (0 to 1) of electrolytes to mark.
    grains
        Size and shape of the metal grains, which set the threshold.
    sigma_metal, sigma_insulator
        Of the metal's paths and of the rest, S/cm.

    Raises
    ------
    ConductivityPlotError
        For grains that never percolate.
    ConductivityInputError, GrainsError
        As :func:`misei.screening.conductivity.electronic_conductivity` and
        :func:`misei.screening.percolation.percolation_threshold`.
    """
    threshold = percolation_threshold(grains)
    if threshold.value >= NEVER:
        raise ConductivityPlotError(f"these grains never percolate: {grains.description()}")
    scene = Scene(threshold, grains.closeness, sigma_metal, sigma_insulator, marks)
    scene.mark_range(0.0)  # refuses conductivities that are none
    note = (
        f"V_p: {threshold.model}. Metal {sigma_metal:g} S/cm, insulator {sigma_insulator:g} S/cm. "
        f"Monte Carlo: resistor networks of grains with D / delta = {scene.row['closeness']:g} at "
        "the same V / V_p, with standard errors. Whiskers of electrolytes: over the interval of "
        "V_p."
    )
    return Plot(
        title="Electronic conductivity of the interphase",
        note=small_print(note),
        interactive=lambda: interactive_conductivity(scene),
        printed=lambda: printed_conductivity(scene),
    )


def _interval_text(threshold: Threshold) -> str:
    low, high = (f"{100 * value:.2g}" for value in threshold.interval)
    return f"{low} to {high} %"


def _ends(scene: Scene) -> tuple[float, float]:
    """Return the ends of the axis of conductivities, S/cm: powers of ten."""
    return (
        10.0 ** (np.floor(log10(scene.sigma_insulator)) - 1),
        10.0 ** np.ceil(log10(scene.sigma_metal)),
    )


def interactive_conductivity(scene: Scene) -> go.Figure:
    """Draw the conductivity for the screen."""
    plot = go.Figure()
    low, high = _ends(scene)
    _add_threshold(plot, scene.threshold, low, high)
    lines = scene.lines
    looks = {
        MIXING: {"color": GREY, "dash": "dot"}, NETWORK: {"color": BLUE, "width": 2.5},
        LAW: {"color": "black", "dash": "dash"},
    }  # fmt: skip
    for name, look in looks.items():
        shown = lines[name] > 0
        plot.add_scatter(
            x=100 * scene.fractions[shown], y=lines[name][shown], mode="lines", line=look,
            name=name, hovertemplate="%{x:.3g} %: %{y:.2e} S/cm<extra>" + name + "</extra>",
        )  # fmt: skip
    fraction, value, error = scene.samples.T
    plot.add_scatter(
        x=100 * fraction, y=value, mode="markers", name="Monte Carlo",
        error_y={"type": "data", "array": error, "thickness": 1.2, "width": 3},
        marker={"color": "white", "size": 7, "line": {"color": BLUE, "width": 1.5}},
        hovertemplate="%{x:.3g} %: %{y:.2e} S/cm<extra>Monte Carlo</extra>",
    )  # fmt: skip
    _add_marks(plot, scene)
    style(plot, METAL, SIGMA, HEIGHT)
    plot.update_xaxes(range=[-0.02 * 100 * scene.end, 100 * scene.end])
    plot.update_yaxes(type="log", range=[log10(low), log10(high)], exponentformat="power", dtick=2)
    return plot


def _add_threshold(plot: go.Figure, threshold: Threshold, low: float, high: float) -> None:
    left, right = (100 * value for value in threshold.interval)
    plot.add_scatter(
        x=[left, right, right, left], y=[low, low, high, high], fill="toself", fillcolor=BAND,
        mode="lines", line={"width": 0}, hoverinfo="skip", name=_interval_text(threshold),
        legendrank=1002,
    )  # fmt: skip
    value = 100 * threshold.value
    plot.add_scatter(
        x=[value, value], y=[low, high], mode="lines", line={"color": ORANGE, "width": 2},
        hoverinfo="skip", name=f"{THRESHOLD} = {value:.3g} %", legendrank=1001,
    )  # fmt: skip


def _add_marks(plot: go.Figure, scene: Scene) -> None:
    texts = scene.mark_texts(formula)
    for i, (text, (_, fraction)) in enumerate(zip(texts, scene.marks, strict=True), start=1):
        value, low, high = scene.mark_range(fraction)
        kind = interphase_class(fraction, scene.threshold.value)
        plot.add_scatter(
            x=[100 * fraction], y=[value], mode="markers+text", text=[f"<b>{i}</b>"], name=text,
            textposition="bottom right", cliponaxis=False, legendrank=1010 + i,
            error_y={"type": "data", "array": [high - value], "arrayminus": [value - low],
                     "thickness": 1.5, "width": 5, "color": "black"},
            marker={"size": 11, "color": CLASS_COLOURS[kind], "symbol": "diamond",
                    "line": {"color": "black", "width": 1}},
            hovertemplate=f"{text}, {kind}<br>{value:.2g} S/cm ({low:.2g} to {high:.2g})"
            "<extra></extra>",
        )  # fmt: skip


def printed_conductivity(scene: Scene) -> Figure:
    """Draw the conductivity for print."""
    figure = Figure(figsize=(PRINTED_WIDTH, PRINTED_HEIGHT))
    panel = figure.add_axes((0, 0, 1, 1))
    threshold, lines = scene.threshold, scene.lines
    fraction, value, error = scene.samples.T
    percent = 100 * scene.fractions
    (network,) = panel.plot(percent, lines[NETWORK], color=BLUE, linewidth=2, label=NETWORK)
    samples = panel.errorbar(
        100 * fraction, value, error, linestyle="", marker="o", markersize=4, color=BLUE,
        markerfacecolor="white", elinewidth=0.9, capsize=1.5, label="Monte Carlo", zorder=4,
    )  # fmt: skip
    shown = lines[LAW] > 0
    (law,) = panel.plot(percent[shown], lines[LAW][shown], "k--", linewidth=0.9, label=LAW)
    (mixing,) = panel.plot(percent, lines[MIXING], ":", color=GREY, linewidth=1.3, label=MIXING)
    line = panel.axvline(
        100 * threshold.value, color=ORANGE, linewidth=1.4, zorder=1,
        label=f"{PRINTED_THRESHOLD} = {100 * threshold.value:.3g} %",
    )  # fmt: skip
    left, right = (100 * value for value in threshold.interval)
    band = panel.axvspan(
        left, right, color=ORANGE, alpha=BAND_OPACITY, linewidth=0, zorder=0,
        label=_interval_text(threshold),
    )  # fmt: skip
    figure.legend(
        handles=[network, samples, law, mixing, line, band], loc="lower left", ncols=3,
        bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=PRINTED_SIZE - 1, borderaxespad=0.2,
    )  # fmt: skip
    panel.set(xlim=(-2 * scene.end, 100 * scene.end), yscale="log", ylim=_ends(scene))
    panel.set_xlabel(PRINTED_METAL, fontsize=PRINTED_SIZE + 1)
    panel.set_ylabel(PRINTED_SIGMA, fontsize=PRINTED_SIZE + 1)
    panel.tick_params(which="both", labelsize=PRINTED_SIZE, direction="in")
    panel.minorticks_off()
    _print_marks(panel, scene)
    return figure


def _print_marks(panel: Axes, scene: Scene) -> None:
    """Mark electrolytes by numbers, with their names where the figure is empty."""
    if not scene.marks:
        return
    numbers = []
    for i, (_, fraction) in enumerate(scene.marks, start=1):
        value, low, high = scene.mark_range(fraction)
        panel.plot(2 * [100 * fraction], [low, high], "k-_", linewidth=1, markersize=6, zorder=5)
        panel.plot(
            100 * fraction, value, "D", markersize=6, markeredgecolor="black",
            markeredgewidth=0.7, zorder=6, clip_on=False,
            color=CLASS_COLOURS[interphase_class(fraction, scene.threshold.value)],
        )  # fmt: skip
        numbers.append((f"$\\mathbf{{{i}}}$", 100 * fraction, value))
    panel.text(
        0.97, 0.4, "\n".join(scene.mark_texts(printed_formula)), ha="right", va="center",
        multialignment="left", transform=panel.transAxes, fontsize=PRINTED_SIZE - 1,
        linespacing=1.4,
    )  # fmt: skip
    label_points(panel, numbers, PRINTED_SIZE)
