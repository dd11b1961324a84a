"""The interphase of a host with additives over their ratio, and the ratios at which it shorts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log10

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from misei.screening.percolation import NEVER
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
from misei.screening.plots.composites_printed import printed_composites
from misei.screening.plots.files import Plot, source_note
from misei.screening.plots.percolation_style import METAL, THRESHOLD, small_print
from misei.screening.plots.ranking import BAND, CLASS_COLOURS
from misei.screening.plots.style import (
    GREY,
    LEGEND_ABOVE,
    ORANGE,
    style,
)
from misei.screening.report_html import formula, products
from misei.screening.schemas_composites import CompositePoint, CompositeScanDoc

# Of the lines, as plotly names them.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")
MAIN_HEIGHT, ROW_HEIGHT = 430, 34  # pixels


def composite_plot(
    docs: Sequence[CompositeScanDoc], marked: Iterable[float] = (), with_variants: bool = False
) -> Plot:
    """Return V_f,M over the ratio of a host to one or several additives.

    Parameters
    ----------
    docs
        Scans of one host with one set of grains, a line each.
    marked
        Ratios to point out, mol host per mol additive.
    with_variants
        Whether to add the critical ratios with other grains.
    """
    marked = list(marked)
    first = docs[0]
    what = "Band, whiskers: over the range of the inputs"
    if first.percolation_threshold >= NEVER:
        what = "These grains never percolate"
    note = (
        f"V_p: {first.threshold_model}. {what}. Metallic: "
        f"{first.metallic_rule}. {source_note(first.source, first.excluded_phases)}"
    )
    return Plot(
        title=f"Interphase of {first.host} with {', '.join(doc.additive for doc in docs)}",
        note=small_print(note),
        interactive=lambda: interactive_composites(docs, marked, with_variants),
        printed=lambda: printed_composites(docs, marked, with_variants),
    )


def interactive_composites(
    docs: Sequence[CompositeScanDoc], marked: Sequence[float] = (), with_variants: bool = False
) -> go.Figure:
    """Draw V_f,M over the ratio for the screen, the critical ratios in a strip below."""
    within, rows = frame(docs), strip_rows(docs, with_variants)
    strip = ROW_HEIGHT * len(rows)
    plot = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[MAIN_HEIGHT, strip],
        vertical_spacing=12 / (MAIN_HEIGHT + strip),
    )  # fmt: skip
    _add_threshold(plot, docs[0], within)
    for line, doc in enumerate(docs):
        _add_line(plot, line, doc, within)
        _add_crossings(plot, line, doc, within)
    for i, row in enumerate(rows):
        _add_strip_row(plot, i, row, within)
    for kind in classes(docs):
        plot.add_scatter(
            x=[None], y=[None], mode="markers", name=kind, legendrank=1,
            marker={"size": 9, "color": CLASS_COLOURS[kind]}, row=1, col=1,
        )  # fmt: skip
    for ratio in marked:
        plot.add_vline(ratio, line={"color": GREY, "width": 1}, layer="below")
        plot.add_annotation(
            x=log10(ratio), y=1.0, yref="y domain", yanchor="top", xanchor="left", showarrow=False,
            text=f"{ratio:g} : 1", font={"size": 12, "color": GREY},
        )  # fmt: skip
    style(plot, "", "", MAIN_HEIGHT + strip + 140)
    _set_axes(plot, docs, rows, within)
    return plot


def _add_threshold(plot: go.Figure, doc: CompositeScanDoc, within: Frame) -> None:
    low, high = (100 * value for value in doc.percolation_threshold_interval)
    value, interval = threshold_text(doc)
    left, right = within.x_range
    if interval:
        plot.add_scatter(
            x=[left, right, right, left], y=[low, low, high, high], fill="toself", fillcolor=BAND,
            mode="lines", line={"width": 0}, hoverinfo="skip", name=interval, legendrank=3, row=1,
            col=1,
        )  # fmt: skip
    if value:
        plot.add_scatter(
            x=[left, right], y=2 * [100 * doc.percolation_threshold], mode="lines",
            line={"color": ORANGE, "width": 2}, name=f"{THRESHOLD} = {value}", legendrank=2,
            hovertemplate=f"V<sub>p</sub> = {value} ({interval})<extra></extra>", row=1, col=1,
        )  # fmt: skip


def _add_line(plot: go.Figure, line: int, doc: CompositeScanDoc, within: Frame) -> None:
    colour = LINES[line % len(LINES)]
    for pair in dashed(doc, within):
        plot.add_scatter(
            x=[x for x, _ in pair], y=[y for _, y in pair], mode="lines", hoverinfo="skip",
            line={"color": colour, "width": 1, "dash": "dot"}, showlegend=False, row=1, col=1,
        )  # fmt: skip
    points = [point for point in doc.points if point.metal_volume_fraction > 0]
    plot.add_scatter(
        x=[point.ratio for point in points],
        y=[100 * point.metal_volume_fraction for point in points],
        mode="lines", line={"color": colour, "width": 1.5}, hoverinfo="skip", showlegend=False,
        row=1, col=1,
    )  # fmt: skip
    for without in (False, True):
        _add_points(plot, line, [p for p in all_points(doc) if _no_metal(p) == without], within)


def _no_metal(point: CompositePoint) -> bool:
    return point.metal_volume_fraction == 0


def _add_points(
    plot: go.Figure, line: int, points: Sequence[CompositePoint], within: Frame
) -> None:
    """Draw points by class; those without metal stand on the axis."""
    if not points:
        return
    places = [place(point, within) for point in points]
    plot.add_scatter(
        x=[x for x, _ in places], y=[y for _, y in places], mode="markers+text",
        text=["no metal" if _no_metal(p) and not p.ratio else "" for p in points],
        textposition="top center", textfont={"size": 11, "color": GREY},
        marker={
            "size": 9, "symbol": SYMBOLS[line % len(SYMBOLS)],
            "color": [CLASS_COLOURS[point.interphase_class] for point in points],
            "line": {"color": LINES[line % len(LINES)], "width": 0.8},
        },
        customdata=[_hover(point) for point in points], showlegend=False,
        hovertemplate="%{customdata}<extra></extra>", cliponaxis=not _no_metal(points[0]),
        row=1, col=1,
    )  # fmt: skip


def _hover(point: CompositePoint) -> str:
    metal = f"V<sub>f,M</sub> = {100 * point.metal_volume_fraction:.3g} %"
    return "<br>".join(
        [
            f"<b>{formula(point.formula)}</b>",
            f"{metal}, {point.interphase_class}",
            *(products({name: amount}) for name, amount in point.products_0V.items()),
        ]
    )


def _add_crossings(plot: go.Figure, line: int, doc: CompositeScanDoc, within: Frame) -> None:
    colour = LINES[line % len(LINES)]
    for ratio in doc.critical_ratios:
        plot.add_scatter(
            x=[ratio, ratio], y=[100 * doc.percolation_threshold, within.floor], mode="lines",
            line={"color": colour, "width": 1, "dash": "dot"}, showlegend=False,
            hovertemplate=f"critical ratio {ratio:.3g}<extra></extra>", row=1, col=1,
        )  # fmt: skip


def _add_strip_row(plot: go.Figure, place: int, row: StripRow, within: Frame) -> None:
    colour = LINES[row.line % len(LINES)]
    ends = row.ends(within)
    if ends:
        plot.add_scatter(
            x=list(ends), y=[place, place], mode="lines", line={"color": colour, "width": 2},
            hoverinfo="skip", showlegend=False, row=2, col=1,
        )  # fmt: skip
    if row.value is not None:
        symbol = SYMBOLS[row.line % len(SYMBOLS)]
        plot.add_scatter(
            x=[row.value], y=[place], mode="markers", showlegend=False,
            marker={"size": 10, "color": "white" if row.changed else colour, "symbol": symbol,
                    "line": {"color": colour, "width": 1.5}},
            hovertemplate=f"critical ratio {row.text}<extra></extra>", row=2, col=1,
        )  # fmt: skip
    plot.add_annotation(
        x=1.01, xref="x2 domain", xanchor="left", y=place, yref="y2", text=row.text,
        showarrow=False, font={"size": 12},
    )  # fmt: skip


def _set_axes(
    plot: go.Figure, docs: Sequence[CompositeScanDoc], rows: Sequence[StripRow], within: Frame
) -> None:
    names = ("additive<br>alone", "host<br>alone")
    ticks = within.x_ticks(names)
    plot.update_xaxes(
        type="log", range=[log10(x) for x in within.x_range], tickvals=list(ticks),
        ticktext=list(ticks.values()), minor={"ticks": ""}, title="",
    )  # fmt: skip
    plot.update_xaxes(title=ratio_title(docs, formula), row=2, col=1)
    numbers = within.y_ticks()
    plot.update_yaxes(
        type="log", range=[log10(within.floor), log10(within.top)], tickvals=numbers,
        ticktext=[f"{number:g}" for number in numbers], title=METAL, row=1, col=1,
    )  # fmt: skip
    plot.update_yaxes(
        type="linear", range=[len(rows) - 0.4, -0.6], tickvals=list(range(len(rows))), ticks="",
        ticktext=[f"{row.name if row.changed else formula(row.name)} " for row in rows], title="",
        row=2, col=1,
    )  # fmt: skip
    plot.add_annotation(
        x=1.01, xref="x2 domain", xanchor="left", y=1.0, yref="y2 domain", yanchor="bottom",
        text="<b>critical ratio</b>", showarrow=False, font={"size": 12},
    )  # fmt: skip
    plot.update_layout(legend=LEGEND_ABOVE, margin={"r": 150})
