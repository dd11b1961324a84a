"""Parity plot of two engines."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from misei.screening.plots.style import BLUE, GREY, style
from misei.screening.report_html import formula
from misei.screening.schemas_funnel import EngineComparison, QuantityComparison

# Room beyond the outermost points, as a share of their range.
MARGIN = 0.15


def engine_parity(comparison: EngineComparison, symbols: Mapping[str, str]) -> go.Figure:
    """Draw the second engine's numbers against the first one's, a panel for each quantity.

    Parameters
    ----------
    comparison
        Of the engines; quantities without a common alloy are left out.
    symbols
        How each quantity is written, as HTML.
    """
    found = [quantity for quantity in comparison.quantities if quantity.n]
    titles = [f"{symbols[quantity.quantity]} ({quantity.unit})" for quantity in found]
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    plot = make_subplots(rows, columns, subplot_titles=titles, vertical_spacing=0.1 * rows)
    style(plot, "", "", 110 + 330 * rows)
    for k, quantity in enumerate(found):
        row, column = divmod(k, columns)
        _add_panel(plot, quantity, row + 1, column + 1)
        plot.update_xaxes(title_text=comparison.screen, row=row + 1, col=column + 1)
        plot.update_yaxes(title_text=comparison.refine, row=row + 1, col=column + 1)
    plot.update_layout(showlegend=False, margin_t=60)
    return plot


def _add_panel(plot: go.Figure, quantity: QuantityComparison, row: int, column: int) -> None:
    values = [*quantity.screen, *quantity.refine]
    margin = MARGIN * (max(values) - min(values)) or MARGIN * abs(values[0]) or MARGIN
    ends = [min(values) - margin, max(values) + margin]
    plot.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash", "width": 1},
        hoverinfo="skip", row=row, col=column,
    )  # fmt: skip
    plot.add_scatter(
        x=quantity.screen, y=quantity.refine, mode="markers+text",
        text=[formula(alloy) for alloy in quantity.alloys], textposition="top center",
        marker={"color": BLUE, "size": 10},
        hovertemplate="%{text}: %{x:.3f}, %{y:.3f}<extra></extra>", row=row, col=column,
    )  # fmt: skip
