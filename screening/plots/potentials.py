"""Chemical potential diagrams of 2 or 3 elements by pymatgen.

Regions where one phase is stable, over the chemical potentials of the elements referred to
their own phases; the dual of the phase diagram (Todd et al., J. Am. Chem. Soc. 143, 15185
(2021)). mu_Li - mu_Li0 = -e phi: a potential phi in V vs Li/Li+ is -phi in eV there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D, proj3d
from pymatgen.analysis.chempot_diagram import ChemicalPotentialDiagram

from misei.screening.entries import EntrySource, describe
from misei.screening.plots.files import Plot, source_note
from misei.screening.plots.labels import label_points
from misei.screening.plots.style import BLUE, FONT, PRINTED_SIZE, printed_formula
from misei.screening.plots.systems import short_name, system_diagram, system_elements
from misei.screening.report_html import formula

HEIGHT = 760  # pixels
PRINTED_INCHES = {2: (4.2, 3.8), 3: (5.6, 5.6)}
LABEL_MARGIN = 0.1  # share of an axis kept free at its ends for labels
# Along the body diagonal every region faces the eye, since no phase holds a negative amount of
# an element: none hides another.
ELEVATION, AZIMUTH = float(np.degrees(np.arctan(1 / np.sqrt(2)))), 45.0


def chemical_potential_plot(text: str, source: EntrySource, excluded: Iterable[str] = ()) -> Plot:
    """Return the chemical potential diagram of a system of 2 or 3 elements, or of a formula's.

    Parameters
    ----------
    text
        ``Li-P-S`` or ``Li3PS4``.
    source
        Where the entries come from.
    excluded
        Ids or formulas of phases to leave out.

    Raises
    ------
    FormulaError, ChemicalSystemError, MissingDataError, PlotSystemError
        As :func:`misei.screening.plots.systems.system_elements`, for 2 or 3 elements.
    """
    excluded = list(excluded)
    elements = system_elements(text, source, (2, 3))
    entries = system_diagram(source, elements, excluded).all_entries
    diagram = ChemicalPotentialDiagram(entries)
    names = {entry.reduced_formula: short_name(entry) for entry in entries}
    return Plot(
        title=f"Chemical potential diagram {'-'.join(elements)}",
        note=source_note(describe(source), excluded),
        interactive=lambda: interactive_potentials(diagram, elements, names),
        printed=lambda: printed_potentials(diagram, elements, names),
    )


def interactive_potentials(
    diagram: ChemicalPotentialDiagram, elements: Sequence[str], names: Mapping[str, str]
) -> go.Figure:
    """Draw a diagram for the screen.

    Parameters
    ----------
    diagram
        Of these elements.
    elements
        Symbols, in the order of the axes.
    names
        From reduced formulas to the names to show.
    """
    plot = diagram.get_plot(elements=list(elements))
    if len(elements) == 2:
        notes = plot.layout.annotations
        # pymatgen's own places are a quarter of an eV from the lines, whatever their length.
        for note, ends in zip(notes, _edges(plot), strict=True):
            across = np.abs(np.diff(ends, axis=0)[0, ::-1])
            x_shift, y_shift = 12 * across / np.hypot(*across)
            note.update(
                x=ends[:, 0].mean(), y=ends[:, 1].mean(), xshift=x_shift, yshift=y_shift,
                xanchor="left", yanchor="bottom" if y_shift > x_shift else "middle",
            )  # fmt: skip
        plot.update_traces(mode="lines")
        for axis, ends in (
            (plot.layout.xaxis, plot.data[0].x),
            (plot.layout.yaxis, plot.data[0].y),
        ):
            low = min(end for end in ends if end is not None)
            axis.range = [(1 + LABEL_MARGIN) * low, -LABEL_MARGIN * low]
        plot.update_layout(margin={"t": 60, "b": 80, "l": 90, "r": 80})
    else:
        notes = plot.layout.scene.annotations
    for note in notes:
        note.update(text=formula(names[_plain(note.text)]), font_size=15, opacity=1.0)
    plot.update_traces(line={"color": BLUE, "width": 3})
    plot.update_layout(height=HEIGHT, width=None, font_family=FONT, paper_bgcolor="white")
    return plot


def printed_potentials(
    diagram: ChemicalPotentialDiagram, elements: Sequence[str], names: Mapping[str, str]
) -> Figure:
    """Draw a diagram for print, from pymatgen's figure; 3 elements along the body diagonal."""
    plot = diagram.get_plot(elements=list(elements))
    figure = Figure(figsize=PRINTED_INCHES[len(elements)])
    panel = figure.add_axes((0, 0, 1, 1), projection="3d" if len(elements) == 3 else None)
    for edge in _edges(plot):
        panel.plot(*edge.T, color=BLUE, linewidth=1.4)
    _label_axes(panel, elements)
    if isinstance(panel, Axes3D):
        notes = plot.layout.scene.annotations
        flat = [proj3d.proj_transform(n.x, n.y, n.z, panel.get_proj()) for n in notes]
        places = [(float(x), float(y)) for x, y, _ in flat]
    else:
        panel.margins(LABEL_MARGIN)
        notes = plot.layout.annotations
        places = [(float(x), float(y)) for x, y in (e.mean(axis=0) for e in _edges(plot))]
    texts = [printed_formula(names[_plain(note.text)]) for note in notes]
    points = [(text, *place) for text, place in zip(texts, places, strict=True)]
    label_points(panel, points, PRINTED_SIZE, on_point=len(elements) == 3)
    return figure


def _edges(plot: go.Figure) -> list[np.ndarray]:
    """Lines of pymatgen's figure, each of shape (2, number of elements), eV."""
    line = plot.data[0]
    axes = [line.x, line.y, line.z] if line.type == "scatter3d" else [line.x, line.y]
    corners = np.array(axes, dtype=float).T  # what ends a line is no number
    pieces = np.split(corners, np.flatnonzero(np.isnan(corners[:, 0])))
    edges = [piece[~np.isnan(piece[:, 0])] for piece in pieces]
    return [edge for edge in edges if len(edge)]


def _plain(html: str) -> str:
    return re.sub(r"</?sub>", "", html)


def _label_axes(panel: Axes, elements: Sequence[str]) -> None:
    titles = [rf"$\mu_\mathrm{{{e}}} - \mu^\circ_\mathrm{{{e}}}$ (eV)" for e in elements]
    axes = [panel.xaxis, panel.yaxis]
    panel.tick_params(labelsize=PRINTED_SIZE)
    if isinstance(panel, Axes3D):
        axes.append(panel.zaxis)
        panel.view_init(ELEVATION, AZIMUTH)
        panel.set_proj_type("ortho")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_label_text(title, fontsize=PRINTED_SIZE + 1)
