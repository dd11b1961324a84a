"""Phase diagrams of 2 to 4 elements by pymatgen's plotter, with every stable phase named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, radians, sin, sqrt
from typing import Any, cast

import plotly.graph_objects as go
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D, proj3d
from pymatgen.analysis.phase_diagram import PDEntry, PDPlotter, PhaseDiagram

from misei.screening.entries import EntrySource, ReferenceEntry, describe
from misei.screening.formulas import parse_mixture
from misei.screening.plots.files import Plot, source_note
from misei.screening.plots.labels import label_points
from misei.screening.plots.ranking import label_sides
from misei.screening.plots.style import FONT, GREEN, ORANGE, PRINTED_SIZE, RED, printed_formula
from misei.screening.plots.systems import short_name, system_diagram, system_elements
from misei.screening.report_html import formula

# Phases up to this far above the hull are shown, eV/atom: those that one may hope to make.
SHOWN_ABOVE_HULL = 0.05
HEIGHT = 760  # pixels
PRINTED_INCHES = {2: (5.2, 3.8), 3: (5.2, 4.6), 4: (6.4, 5.6)}
NAMES = {"Stable": "stable", "Above Hull": "above the hull", "Highlighted": "this electrolyte"}
STABLE: dict[str, Any] = {
    "marker": "o", "markersize": 5, "markerfacecolor": GREEN, "markeredgecolor": "black",
    "color": "black",
}  # fmt: skip
UNSTABLE: dict[str, Any] = {
    "marker": "s", "markersize": 4, "markerfacecolor": ORANGE, "markeredgecolor": "black",
    "color": "black", "linestyle": "",
}  # fmt: skip
LINE_IN_SPACE = "#A8B2BA"
# View of the tetrahedron for print, degrees.
ELEVATION, AZIMUTH = 18, -62


def phase_diagram_plot(text: str, source: EntrySource, excluded: Iterable[str] = ()) -> Plot:
    """Return the phase diagram of a chemical system, or of the elements of a formula.

    Parameters
    ----------
    text
        ``Li-Ge-P``, or ``Li6PS5``: then the phase of this formula is marked.
    source
        Where the entries come from.
    excluded
        Ids or formulas of phases to leave out.

    Raises
    ------
    FormulaError, ChemicalSystemError, MissingDataError, PlotSystemError
        As :func:`misei.screening.plots.systems.system_elements`, for 2 to 4 elements.
    """
    excluded = list(excluded)
    elements = system_elements(text, source, (2, 3, 4))
    if len(elements) == 2:  # Li to the right, as lithiation is drawn
        elements.reverse()
    diagram = system_diagram(source, elements, excluded)
    marked = None if "-" in text else _phase_of(text, diagram)
    return Plot(
        title=f"Phase diagram {'-'.join(elements)}",
        note=source_note(describe(source), excluded)
        + f"; phases up to {1000 * SHOWN_ABOVE_HULL:.0f} meV/atom above the hull are shown",
        interactive=lambda: interactive_diagram(diagram, marked),
        printed=lambda: printed_diagram(diagram, marked),
    )


def _phase_of(text: str, diagram: PhaseDiagram) -> ReferenceEntry | None:
    wanted = parse_mixture(text).composition.reduced_formula
    return next((e for e in diagram.all_entries if e.composition.reduced_formula == wanted), None)


def _plotter(diagram: PhaseDiagram, marked: ReferenceEntry | None, **choices: Any) -> PDPlotter:
    above_hull = 0.0 if marked is None else float(diagram.get_e_above_hull(marked) or 0.0)
    # pymatgen shows what lies below its limit, not at it.
    shown = max(SHOWN_ABOVE_HULL, 1.01 * above_hull)
    return PDPlotter(diagram, show_unstable=shown, **choices)


def interactive_diagram(diagram: PhaseDiagram, marked: ReferenceEntry | None = None) -> go.Figure:
    """Draw a phase diagram for the screen; one phase may be marked."""
    plotter = _plotter(diagram, marked, backend="plotly")
    in_space = len(diagram.elements) == 4
    highlighted = cast("list[PDEntry] | None", None if marked is None else [marked])
    plot = cast("go.Figure", plotter.get_plot(highlight_entries=highlighted, fill=not in_space))
    elements = [element.symbol for element in diagram.elements]
    if len(elements) == 2:
        first, second = elements
        plot.update_xaxes(title_text=f"x in {first}<sub>1\u2212x</sub>{second}<sub>x</sub>")
    if len(elements) == 3:
        plot.add_trace(_ternary_labels(plotter, elements))
    for trace in plot.data:
        trace.update(name=NAMES.get(trace.name, trace.name), visible=True)
        if len(elements) == 3 and trace.name == NAMES["Stable"]:
            trace.update(marker_size=11)
        if trace.name == NAMES["Above Hull"]:
            trace.update(marker={"cmin": 0.0, "cmax": plotter.show_unstable})
    plot.update_traces(textfont_size=14, selector={"mode": "text"})
    plot.update_layout(
        height=HEIGHT, font_family=FONT, paper_bgcolor="white", plot_bgcolor="white",
        margin={"t": 60, "b": 60, "l": 80, "r": 40},
        legend={"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1.0, "yanchor": "top"},
    )  # fmt: skip
    if in_space:
        plot.update_layout(scene_camera_eye=_eye(5.0))
    return plot


def _eye(distance: float) -> dict[str, float]:
    """Point of view of the printed tetrahedron, for plotly."""
    elevation, azimuth = radians(ELEVATION), radians(AZIMUTH)
    return {
        "x": distance * cos(elevation) * cos(azimuth),
        "y": distance * cos(elevation) * sin(azimuth),
        "z": distance * sin(elevation),
    }


def _ternary_labels(plotter: PDPlotter, elements: Sequence[str]) -> go.Scatterternary:
    """Names of the stable compounds, which pymatgen gives only under the pointer."""
    entries = [entry for entry in plotter.pd_plot_data[1].values() if not entry.is_element]
    a, b, c = (
        [entry.composition.get_atomic_fraction(symbol) for entry in entries] for symbol in elements
    )
    places = [("", right + top / 2, top * sqrt(3) / 2) for top, right in zip(a, c, strict=True)]
    sides = label_sides(places)
    return go.Scatterternary(
        a=a, b=b, c=c, mode="text", text=[f"\u2003{formula(short_name(e))}\u2003" for e in entries],
        textposition=[
            f"{'top' if dy > 0 else 'bottom'} {'right' if dx > 0 else 'left'}" for dx, dy in sides
        ],
        name="Labels (stable)", hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def printed_diagram(diagram: PhaseDiagram, marked: ReferenceEntry | None = None) -> Figure:
    """Draw a phase diagram for print; one phase may be marked."""
    elements = list(diagram.elements)
    if len(elements) == 3:  # as on the screen: the first element on top
        diagram = PhaseDiagram(diagram.all_entries, elements=[*elements[1:], elements[0]])
    plotter = _plotter(diagram, marked, backend="matplotlib")
    figure = pyplot.figure()
    panel = figure.add_subplot(projection="3d" if len(elements) == 4 else None)
    plotter.get_plot(label_stable=False, label_unstable=False, ax=panel)
    pyplot.close(figure)
    figure.set_size_inches(PRINTED_INCHES[len(elements)])
    _restyle(panel, [element.symbol for element in elements])
    stable, unstable = _shown(plotter, diagram)
    if len(elements) == 4:
        for place in unstable.values():
            panel.plot(*place, **UNSTABLE)
    if marked is not None:
        place = {**stable, **unstable}[marked]
        panel.plot(*place, "*", color=RED, markersize=13, markeredgecolor="black", zorder=9)
    if unstable:
        panel.legend(
            handles=[Line2D([], [], **STABLE, linestyle=""), Line2D([], [], **UNSTABLE)],
            labels=["stable", "above the hull"], fontsize=PRINTED_SIZE - 1, frameon=False,
            loc="lower left" if len(elements) == 2 else "upper left",
        )  # fmt: skip
    points = [
        (printed_formula(short_name(entry)), *_flat(panel, place))
        for entry, place in {**stable, **unstable}.items()
    ]
    label_points(panel, points, PRINTED_SIZE - 0.5, avoid_lines=len(elements) < 4)
    return figure


def _shown(
    plotter: PDPlotter, diagram: PhaseDiagram
) -> tuple[dict[ReferenceEntry, tuple[float, ...]], dict[ReferenceEntry, tuple[float, ...]]]:
    """Places of the stable phases, elements first, and of those shown above the hull."""
    _, stable, unstable = plotter.pd_plot_data
    places = sorted(stable.items(), key=lambda item: not item[1].is_element)
    above = {
        entry: place
        for entry, place in unstable.items()
        if cast("float", diagram.get_e_above_hull(entry)) < plotter.show_unstable
    }
    return {entry: place for place, entry in places}, above


def _flat(panel: Axes, place: Sequence[float]) -> tuple[float, float]:
    if not isinstance(panel, Axes3D):
        return place[0], place[1]
    x, y, _ = proj3d.proj_transform(*place, panel.get_proj())
    return float(x), float(y)


def _restyle(panel: Axes, elements: Sequence[str]) -> None:
    """Set pymatgen's lines, marks and letters, made for slides, to the size of a column."""
    for line in panel.lines:
        unstable = line.get_marker() == "s"
        line.set(**({**UNSTABLE} if unstable else {**STABLE, "linewidth": 1.0}))
        if len(elements) == 4:
            line.set(color=LINE_IN_SPACE, linewidth=0.5)
    panel.tick_params(labelsize=PRINTED_SIZE, direction="in")
    if len(elements) == 2:
        first, second = elements
        panel.set_xlabel(
            f"x in {first}$_{{1-x}}${second}$_{{x}}$",
            fontsize=PRINTED_SIZE + 1,
            fontweight="normal",
        )
        panel.set_ylabel(
            "Formation energy (eV/atom)", fontsize=PRINTED_SIZE + 1, fontweight="normal"
        )
    if len(elements) == 3:
        panel.set_aspect("equal", adjustable="box")
    if isinstance(panel, Axes3D):
        panel.view_init(ELEVATION, AZIMUTH)
        panel.set_proj_type("ortho")
