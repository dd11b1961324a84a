"""Composites in print: see :mod:`misei.screening.plots.composites`."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from misei.screening.plots.composite_frame import (
    LINES,
    Frame,
    StripRow,
    all_points,
    classes,
    dashed,
    frame,
    place,
    ratio_title,
    strip_rows,
    threshold_text,
)
from misei.screening.plots.percolation_style import (
    BAND_OPACITY,
    PRINTED_METAL,
    PRINTED_THRESHOLD,
)
from misei.screening.plots.ranking import CLASS_COLOURS
from misei.screening.plots.style import GREY, ORANGE, PRINTED_SIZE, printed_formula
from misei.screening.schemas_composites import CompositePoint, CompositeScanDoc

MARKERS = ("o", "s", "D", "^", "*")  # of the lines
WIDTH, HEIGHT, ROW, VARIANT_ROW, GAP = 4.6, 3.3, 0.22, 0.3, 0.08  # inches
NAME_WIDTH = 22  # characters


def printed_composites(
    docs: Sequence[CompositeScanDoc], marked: Sequence[float] = (), with_variants: bool = False
) -> Figure:
    """Draw V_f,M over the ratio for print, the critical ratios in a strip below."""
    within, rows = frame(docs), strip_rows(docs, with_variants)
    strip = (VARIANT_ROW if with_variants else ROW) * len(rows) + 0.05
    figure = Figure(figsize=(WIDTH, HEIGHT + strip + GAP))
    # All writing lies outside the grid; the file is cut to what is drawn.
    grid = figure.add_gridspec(
        2, 1, left=0, right=1, bottom=0, top=1, height_ratios=[HEIGHT, strip],
        hspace=2 * GAP / (HEIGHT + strip),
    )  # fmt: skip
    panel, below = grid.subplots(sharex=True, squeeze=False)[:, 0]
    _print_threshold(panel, docs[0])
    for line, doc in enumerate(docs):
        _print_line(panel, line, doc, within)
    for i, row in enumerate(rows):
        _print_strip_row(below, i, row, within)
    _print_axes(panel, within)
    _print_strip_axes(below, rows, within)
    below.set_xlabel(ratio_title(docs, printed_formula), fontsize=PRINTED_SIZE + 1)
    _print_legend(panel, docs)
    for ratio in marked:
        for axes in (panel, below):
            axes.axvline(ratio, color=GREY, linewidth=0.7, zorder=0.5)
        panel.annotate(
            f"{ratio:g} : 1", (ratio, 1.0), xycoords=panel.get_xaxis_transform(), xytext=(2, -3),
            textcoords="offset points", va="top", fontsize=PRINTED_SIZE - 1, color=GREY,
        )  # fmt: skip
    return figure


def _print_threshold(panel: Axes, doc: CompositeScanDoc) -> None:
    value, interval = threshold_text(doc)
    low, high = (100 * value for value in doc.percolation_threshold_interval)
    if value:
        panel.axhline(
            100 * doc.percolation_threshold, color=ORANGE, linewidth=1.4, zorder=1,
            label=f"{PRINTED_THRESHOLD} = {value}",
        )  # fmt: skip
    if interval:
        panel.axhspan(
            low, high, color=ORANGE, alpha=BAND_OPACITY, linewidth=0, zorder=0, label=interval
        )


def _print_line(panel: Axes, line: int, doc: CompositeScanDoc, within: Frame) -> None:
    colour = LINES[line % len(LINES)]
    for pair in dashed(doc, within):
        panel.plot(*zip(*pair, strict=True), ":", color=colour, linewidth=0.9)
    points = [point for point in doc.points if point.metal_volume_fraction > 0]
    places = [place(point, within) for point in points]
    panel.plot([x for x, _ in places], [y for _, y in places], color=colour, linewidth=1.1)
    for point in all_points(doc):
        _print_point(panel, line, point, within)
    panel.vlines(
        doc.critical_ratios, within.floor, 100 * doc.percolation_threshold, color=colour,
        linewidth=0.8, linestyle=":",
    )  # fmt: skip


def _print_point(panel: Axes, line: int, point: CompositePoint, within: Frame) -> None:
    pure, metal = not point.ratio, point.metal_volume_fraction > 0
    panel.plot(
        *place(point, within), MARKERS[line % len(MARKERS)], markersize=6.5 if pure else 5,
        markerfacecolor=CLASS_COLOURS[point.interphase_class], clip_on=metal, zorder=3,
        markeredgecolor=LINES[line % len(LINES)], markeredgewidth=0.6,
    )  # fmt: skip
    if pure and not metal:
        panel.annotate(
            "no metal", place(point, within), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=PRINTED_SIZE - 2, color=GREY,
        )  # fmt: skip


def _print_strip_row(below: Axes, place: int, row: StripRow, within: Frame) -> None:
    colour = LINES[row.line % len(LINES)]
    ends = row.ends(within)
    if ends:
        below.plot(ends, [place, place], color=colour, linewidth=1.2)
        closed = [x for x, known in zip(ends, row.interval, strict=True) if known]
        below.plot(closed, [place] * len(closed), "|", color=colour, markersize=6)
    if row.value is not None:
        below.plot(
            row.value, place, MARKERS[row.line % len(MARKERS)], color=colour, markersize=5,
            markerfacecolor="white" if row.changed else colour,
        )  # fmt: skip
    below.annotate(
        row.text, (1.0, place), xycoords=below.get_yaxis_transform(), xytext=(6, 0),
        textcoords="offset points", va="center", fontsize=PRINTED_SIZE - 1,
    )  # fmt: skip


def _print_axes(panel: Axes, within: Frame) -> None:
    panel.set(xscale="log", yscale="log", ylim=(within.floor, within.top))
    panel.set_xlim(*within.x_range)
    numbers = within.y_ticks()
    panel.set_yticks(numbers, [f"{number:g}" for number in numbers])
    panel.yaxis.set_minor_locator(NullLocator())
    panel.set_ylabel(PRINTED_METAL, fontsize=PRINTED_SIZE + 1)
    panel.tick_params(labelsize=PRINTED_SIZE, direction="in")
    panel.tick_params(axis="x", labelbottom=False)


def _print_strip_axes(below: Axes, rows: Sequence[StripRow], within: Frame) -> None:
    ticks = within.x_ticks(("additive\nalone", "host\nalone"))
    below.set_xticks(list(ticks), list(ticks.values()))
    below.minorticks_off()
    below.set_ylim(len(rows) - 0.4, -0.6)
    names = [
        fill(row.name, NAME_WIDTH) if row.changed else printed_formula(row.name) for row in rows
    ]
    below.set_yticks(range(len(rows)), names)
    below.tick_params(labelsize=PRINTED_SIZE, direction="in")
    below.tick_params(axis="y", length=0, labelsize=PRINTED_SIZE - 1)
    below.annotate(
        "critical ratio", (1.0, 1.0), xycoords="axes fraction", xytext=(6, 4),
        textcoords="offset points", fontsize=PRINTED_SIZE - 1, color=GREY,
    )  # fmt: skip


def _print_legend(panel: Axes, docs: Sequence[CompositeScanDoc]) -> None:
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=CLASS_COLOURS[kind],
               label=kind)
        for kind in classes(docs)
    ]  # fmt: skip
    threshold, _ = panel.get_legend_handles_labels()
    panel.legend(
        handles=[*handles, *threshold], loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5,
        frameon=False, fontsize=PRINTED_SIZE - 1, handletextpad=0.3, columnspacing=1.0,
        borderaxespad=0.2,
    )  # fmt: skip
