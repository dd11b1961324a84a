"""Figures of the report; its voltage profiles are in profiles.py."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import dist

import plotly.graph_objects as go

from misei.screening.plots.style import BLUE, GREEN, GREY, LEGEND_ABOVE, ORANGE, RED, style
from misei.screening.ranking import RankedAlloy, Ranking
from misei.screening.report_html import WETTING_RATIO, formula
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.screening.schemas_thermodynamics import InterphaseDoc

BAND = "rgba(230, 159, 0, 0.25)"
LINE_COLOURS = (BLUE, RED, GREEN, ORANGE, "#CC79A7", "#56B4E9", "#000000")
DASHES = ("solid", "dash", "dot")
CLASS_COLOURS = {"SEI": BLUE, "MI-SEI": GREEN, "MCI": RED}
# From a point to the middle of its label, as shares of the ranges of both axes.
LABEL_REACH = (0.05, 0.04)


def metal_fractions(docs: Sequence[InterphaseDoc]) -> go.Figure:
    """Draw the metal volume fraction of each interphase (%) against its percolation threshold."""
    docs = list(reversed(docs))  # plotly counts rows from below
    rows = list(range(len(docs)))
    low = [100 * doc.percolation_threshold_interval[0] for doc in docs]
    high = [100 * doc.percolation_threshold_interval[1] for doc in docs]
    plot = go.Figure()
    plot.add_bar(
        y=rows, base=low, x=[h - lo for h, lo in zip(high, low, strict=True)], width=1.0,
        orientation="h", marker={"color": BAND, "line_width": 0},
        name="percolation threshold, interval", hoverinfo="skip",
    )  # fmt: skip
    for kind, colour in CLASS_COLOURS.items():
        chosen = [(row, doc) for row, doc in zip(rows, docs, strict=True)
                  if doc.interphase_class == kind]  # fmt: skip
        if chosen:
            plot.add_bar(**_class_bars(chosen, kind, colour))
    plot.add_scatter(
        y=rows, x=[100 * doc.percolation_threshold for doc in docs], mode="markers",
        marker={"symbol": "line-ns-open", "size": 34, "color": "#8A5A00", "line_width": 2},
        name="percolation threshold V<sub>p</sub>",
        hovertemplate="V<sub>p</sub> = %{x:.2f} %<extra></extra>",
    )  # fmt: skip
    furthest = max([*high, *(100 * doc.metal_volume_fraction for doc in docs)], default=1.0)
    style(plot, "Metal volume fraction V<sub>f,M</sub> (%)", "", 170 + 52 * len(docs))
    plot.update_layout(barmode="overlay", legend=LEGEND_ABOVE, margin_r=130)
    plot.update_xaxes(range=[0, 1.05 * furthest])
    for row, doc in zip(rows, docs, strict=True):
        plot.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=row, showarrow=False,
            text=f"{100 * doc.metal_volume_fraction:.2f} %, {escape(doc.interphase_class)}",
        )  # fmt: skip
    names = [f"{formula(doc.formula)} " for doc in docs]
    plot.update_yaxes(tickvals=rows, ticktext=names, ticks="")
    return plot


def _class_bars(
    chosen: list[tuple[int, InterphaseDoc]], kind: str, colour: str
) -> dict[str, object]:
    fractions = [100 * doc.metal_volume_fraction for _, doc in chosen]
    return {
        "y": [row for row, _ in chosen],
        "x": fractions,
        "width": 0.5,
        "orientation": "h",
        "name": kind,
        "marker": {"color": colour},
        "hovertemplate": "V<sub>f,M</sub> = %{x:.2f} %<extra></extra>",
    }


def affinity_against_mobility(
    ranking: Ranking, adhesions: Sequence[AdhesionDoc], migrations: Sequence[MigrationDoc]
) -> go.Figure:
    """Draw W_ad / 2 gamma_Li against E_m (eV): intervals, Pareto front, gates, the rejected."""
    plot = go.Figure()
    front = sorted(
        (c for c in ranking.candidates if c.pareto),
        key=lambda c: (c.migration_barrier, c.wetting_ratio),
    )
    others = [c for c in ranking.candidates if not c.pareto]
    if front:
        plot.add_scatter(
            x=[c.migration_barrier for c in front], y=[c.wetting_ratio for c in front],
            mode="lines", line={"shape": "hv", "color": BLUE, "dash": "dot", "width": 1.5},
            name="Pareto front", hoverinfo="skip",
        )  # fmt: skip
    _add_candidates(plot, front, "on the Pareto front", BLUE, "circle")
    _add_candidates(plot, others, "dominated", ORANGE, "square")
    rejected = _rejected_points(ranking, adhesions, migrations)
    if rejected:
        plot.add_scatter(
            x=[x for _, x, _ in rejected], y=[y for _, _, y in rejected], mode="markers",
            marker={"symbol": "x-thin-open", "size": 9, "color": GREY, "line_width": 2},
            name="rejected by a gate", customdata=[formula(alloy) for alloy, _, _ in rejected],
            hovertemplate="%{customdata}: %{y:.2f}, %{x:.2f} eV<extra></extra>",
        )  # fmt: skip
    points = [(c.alloy, c.migration_barrier, c.wetting_ratio) for c in ranking.candidates]
    _add_labels(plot, [*points, *rejected])
    _add_limits(plot, ranking)
    style(
        plot, "Migration barrier E<sub>m</sub> (eV)",
        f"{WETTING_RATIO} (dimensionless)", 560,
    )  # fmt: skip
    plot.update_xaxes(rangemode="tozero")
    plot.update_layout(legend=LEGEND_ABOVE)
    return plot


def _add_candidates(
    plot: go.Figure, candidates: Sequence[RankedAlloy], name: str, colour: str, symbol: str
) -> None:
    if not candidates:
        return
    x = [c.migration_barrier for c in candidates]
    y = [c.wetting_ratio for c in candidates]
    x_bounds = [c.migration_barrier_interval for c in candidates]
    y_bounds = [c.wetting_ratio_interval for c in candidates]
    plot.add_scatter(
        x=x, y=y, mode="markers", name=name,
        marker={"color": colour, "symbol": symbol, "size": 11},
        error_x=_error_bars(x, x_bounds, colour), error_y=_error_bars(y, y_bounds, colour),
        customdata=[f"{c.rank}. {formula(c.alloy)}" for c in candidates],
        hovertemplate="%{customdata}: %{y:.2f}, %{x:.2f} eV<extra></extra>",
    )  # fmt: skip


def _error_bars(
    values: Sequence[float], bounds: Sequence[tuple[float, float]], colour: str
) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
        "color": colour,
        "thickness": 0.8,
        "width": 3,
    }


def _rejected_points(
    ranking: Ranking, adhesions: Sequence[AdhesionDoc], migrations: Sequence[MigrationDoc]
) -> list[tuple[str, float, float]]:
    """Alloy, barrier (eV) and wetting ratio of the rejected ones that have both."""
    ratios = {doc.alloy: doc.wetting_ratio for doc in adhesions}
    barriers = {doc.alloy: doc.migration_barrier for doc in migrations}
    points = []
    for alloy in dict.fromkeys(rejection.alloy for rejection in ranking.rejected):
        ratio, barrier = ratios.get(alloy), barriers.get(alloy)
        if ratio is not None and barrier is not None:
            points.append((alloy, barrier, ratio))
    return points


def _add_labels(plot: go.Figure, points: Sequence[tuple[str, float, float]]) -> None:
    for (alloy, x, y), (dx, dy) in zip(points, label_sides(points), strict=True):
        plot.add_annotation(
            x=x, y=y, text=formula(alloy), showarrow=False, xshift=9 * dx, yshift=11 * dy,
            xanchor="left" if dx > 0 else "right", font={"size": 12},
            bgcolor="rgba(255, 255, 255, 0.7)", borderpad=0,
        )  # fmt: skip


def label_sides(points: Sequence[tuple[str, float, float]]) -> list[tuple[int, int]]:
    """Choose for each label the diagonal (right or left, above or below) with most room.

    Parameters
    ----------
    points
        Label and its place in data units; labels lie off the error bars, which are upright.
    """
    x_span, y_span = _span([x for _, x, _ in points]), _span([y for _, _, y in points])
    marks = [(x / x_span, y / y_span) for _, x, y in points]
    taken = list(marks)
    sides = []
    for i, (x, y) in enumerate(marks):
        others = taken[:i] + taken[i + 1 :]
        places = {
            (dx, dy): (x + LABEL_REACH[0] * dx, y + LABEL_REACH[1] * dy)
            for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1))
        }
        rooms = {
            side: min((dist(place, other) for other in others), default=0.0)
            for side, place in places.items()
        }
        side = max(rooms, key=lambda s: rooms[s])
        sides.append(side)
        taken.append(places[side])
    return sides


def _span(values: Sequence[float]) -> float:
    return (max(values) - min(values) if values else 0.0) or 1.0


def _add_limits(plot: go.Figure, ranking: Ranking) -> None:
    style = {"line": {"color": GREY, "width": 1, "dash": "dash"}, "layer": "below"}
    font = {"size": 11, "color": GREY}
    plot.add_hline(
        y=1.0, annotation_text="complete wetting", annotation_font=font,
        annotation_position="top right", **style,
    )  # fmt: skip
    plot.add_hline(
        y=ranking.gates.min_wetting_ratio, annotation_text="gate: at least this",
        annotation_font=font, annotation_position="bottom right", **style,
    )  # fmt: skip
    plot.add_vline(
        x=ranking.gates.max_migration_barrier, annotation_text="gate: at most this",
        annotation_font=font, annotation_position="top right", **style,
    )  # fmt: skip


def hop_profiles(doc: MigrationDoc) -> go.Figure:
    """Draw the energy of every hop (eV, from its first site) against the reduced path."""
    plot = go.Figure()
    for i, hop in enumerate(doc.hops):
        x, y = reduced_profile(hop)
        plot.add_scatter(
            x=x, y=y, mode="lines+markers", marker={"size": 6},
            line={
                "shape": "spline", "width": 2, "color": LINE_COLOURS[i % len(LINE_COLOURS)],
                "dash": DASHES[i // len(LINE_COLOURS) % len(DASHES)],
            },
            name=f"{formula(hop.label)}: {hop.barrier_forward:.2f} eV"
            + ("" if hop.converged else ", not converged"),
            hovertemplate="%{y:.3f} eV<extra></extra>",
        )  # fmt: skip
    style(plot, "Reduced path coordinate (dimensionless)", "Energy (eV)", 350 + 20 * len(doc.hops))
    plot.update_layout(
        showlegend=True, legend={"orientation": "v", "y": -0.28, "yanchor": "top", "x": 0.0}
    )
    return plot


def reduced_profile(hop: HopDoc) -> tuple[list[float], list[float]]:
    """Path from 0 to 1 and energies from that of the first image, eV."""
    return (
        [length / hop.path_length[-1] for length in hop.path_length],
        [energy - hop.energies[0] for energy in hop.energies],
    )
