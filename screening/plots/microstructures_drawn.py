"""Drawings of samples of the microstructure, for the screen and for print."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import floor, log10

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from plotly.subplots import make_subplots
from scipy.spatial import ConvexHull

from misei.screening.percolation import Threshold
from misei.screening.plots.microstructures import (
    CLUSTERED,
    ISOLATED,
    SPANNING,
    Floats,
    Integers,
    Sample,
)
from misei.screening.plots.spheres import Canvas, View
from misei.screening.plots.style import FONT, GREY, LIGHT, PRINTED_SIZE, RED, printed_formula
from misei.screening.report_html import formula

NAMES = {SPANNING: "cluster that spans the box", CLUSTERED: "smaller clusters",
         ISOLATED: "isolated grains"}  # fmt: skip
COLOURS = {SPANNING: RED, CLUSTERED: "#4F9BD9", ISOLATED: "#B4BCC4"}
ROD_COLOURS = {SPANNING: "#E39E6E", CLUSTERED: "#95C3E8", ISOLATED: "#B4BCC4"}
# V_f,M, below, V_p.
SYMBOLS = ("V<sub>f,M</sub>", "&lt;", "V<sub>p</sub>")
PRINTED_SYMBOLS = ("$V_{\\mathrm{f,M}}$", "<", "$V_{\\mathrm{p}}$")
# Of the rods between grains, over the diameter of a grain.
ROD_WIDTH = 0.1
# Edges of a cube: pairs of corners, each 0 or 1.
EDGES = [
    (corner, tuple(1 if i == axis else x for i, x in enumerate(corner)))
    for axis in range(3)
    for corner in product((0, 1), repeat=3)
    if corner[axis] == 0
]
PANELS_IN_A_ROW = 2
PANEL_INCHES, PANEL_PIXELS, GAP, TITLE = 2.55, 765, 0.15, 0.42
SCENE_HEIGHT = 560  # pixels
# Corners of all meshes of a page, and of one sphere: sets the size of the file.
ALL_CORNERS, SPHERE_CORNERS = 70_000, (32, 120)


def metal_text(sample: Sample, threshold: Threshold, symbols: tuple[str, str, str]) -> str:
    """Compare V_f,M with V_p: ``V_f,M = 1.3 % < V_p = 2.2 %``; the symbols are V_f,M, <, V_p."""
    metal, below, critical = symbols
    sign = below if sample.metal_fraction < threshold.value else "≥"
    return (
        f"{metal} = {100 * sample.metal_fraction:.3g} % {sign} "
        f"{critical} = {100 * threshold.value:.3g} %"
    )


def spanning_text(sample: Sample) -> str:
    """Say what spans the box."""
    if not len(sample.kinds):
        return "no metal"
    if sample.spanning_share == 0:
        return f"none of {len(sample.kinds)} grains in a spanning cluster"
    return (
        f"{100 * sample.spanning_share:.0f} % of {len(sample.kinds)} grains in a spanning cluster"
    )


def present_kinds(samples: Sequence[Sample]) -> list[int]:
    """Return the kinds of grains that occur, in the order of the legend."""
    found = {int(kind) for sample in samples for kind in sample.kinds}
    return [kind for kind in COLOURS if kind in found]


def sphere_mesh(corners: int) -> tuple[Floats, Integers]:
    """Return a unit sphere as corners (n, 3) and triangles (m, 3), seen from outside."""
    index = np.arange(corners)
    height = 1.0 - (2.0 * index + 1.0) / corners
    angle = index * np.pi * (3.0 - np.sqrt(5.0))  # the golden angle: an even spread
    radius = np.sqrt(1.0 - height**2)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    triangles = np.asarray(ConvexHull(points).simplices, dtype=np.int64)
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles


def interactive_samples(samples: Sequence[Sample], threshold: Threshold) -> go.Figure:
    """Draw samples for the screen; they turn under the pointer."""
    columns = min(len(samples), PANELS_IN_A_ROW)
    rows = -(-len(samples) // columns)
    titles = [_html_title(sample, threshold) for sample in samples]
    plot = make_subplots(
        rows=rows, cols=columns, specs=[[{"type": "scene"}] * columns] * rows,
        subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.16 / rows,
    )  # fmt: skip
    grains = max(sum(len(sample.kinds) for sample in samples), 1)
    corners = int(np.clip(ALL_CORNERS / grains, *SPHERE_CORNERS))
    shown: set[int] = set()
    for i, sample in enumerate(samples):
        place = {"row": 1 + i // columns, "col": 1 + i % columns}
        plot.add_trace(_box_trace(sample), **place)
        for kind in present_kinds([sample]):
            plot.add_trace(_rods_trace(sample, kind), **place)
            trace = _grains_trace(sample, kind, corners)
            trace.update(showlegend=kind not in shown)
            shown.add(kind)
            plot.add_trace(trace, **place)
    _set_scenes(plot, samples, rows)
    return plot


def _html_title(sample: Sample, threshold: Threshold) -> str:
    name = f"<b>{formula(sample.name)}</b><br>" if sample.name else ""
    return f"{name}{metal_text(sample, threshold, SYMBOLS)}<br>{spanning_text(sample)}"


def _box_trace(sample: Sample) -> go.Scatter3d:
    ends = sample.box * np.array(EDGES, dtype=float)
    return _lines(ends, GREY, 2.0)


def _rods_trace(sample: Sample, kind: int) -> go.Scatter3d:
    return _lines(sample.links[sample.link_kinds == kind], ROD_COLOURS[kind], 2.5)


def _lines(ends: Floats, colour: str, width: float) -> go.Scatter3d:
    gaps = np.full((len(ends), 1, 3), np.nan)
    x, y, z = np.concatenate([ends, gaps], axis=1).reshape(-1, 3).astype(np.float32).T
    return go.Scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _grains_trace(sample: Sample, kind: int, corners: int) -> go.Mesh3d:
    """All grains of a kind as one mesh."""
    points, triangles = sphere_mesh(corners)
    centres = sample.centres[sample.kinds == kind]
    x, y, z = (
        (centres[:, None] + 0.5 * sample.diameter * points).reshape(-1, 3).astype(np.float32).T
    )
    offsets = corners * np.arange(len(centres))
    i, j, k = (offsets[:, None, None] + triangles).reshape(-1, 3).astype(np.int32).T
    return go.Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, color=COLOURS[kind], name=NAMES[kind],
        legendgroup=NAMES[kind], legendrank=1 + list(COLOURS).index(kind),
        hovertemplate=f"{NAMES[kind]}<extra></extra>",
        lighting={"ambient": 0.7, "diffuse": 0.7, "specular": 0.15, "roughness": 0.6},
    )  # fmt: skip


def _set_scenes(plot: go.Figure, samples: Sequence[Sample], rows: int) -> None:
    box = samples[0].box
    axis = {
        "range": [-0.02 * box, 1.02 * box], "showbackground": False, "nticks": 5,
        "gridcolor": LIGHT, "zeroline": False, "tickfont": {"size": 10}, "title_font": {"size": 12},
    }  # fmt: skip
    plot.update_scenes(
        xaxis={**axis, "title_text": "x (nm)"}, yaxis={**axis, "title_text": "y (nm)"},
        zaxis={**axis, "title_text": "z (nm)"}, aspectmode="manual",
        aspectratio=dict.fromkeys("xyz", 1.25),
        camera={"projection": {"type": "orthographic"}, "eye": {"x": 1.6, "y": 0.85, "z": 0.66}},
    )  # fmt: skip
    plot.update_layout(
        template="simple_white", height=SCENE_HEIGHT * rows + 60, font={"family": FONT, "size": 13},
        margin={"l": 10, "r": 10, "t": 90, "b": 40},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.02, "yanchor": "top",
                "itemsizing": "constant"},
    )  # fmt: skip


def printed_samples(samples: Sequence[Sample], threshold: Threshold) -> Figure:
    """Draw samples for print, true to scale, two panels in a row."""
    columns = min(len(samples), PANELS_IN_A_ROW)
    rows = -(-len(samples) // columns)
    named = any(sample.name for sample in samples)
    title = TITLE + 0.17 * named
    figure = Figure(
        figsize=(columns * PANEL_INCHES + (columns - 1) * GAP, rows * (PANEL_INCHES + title))
    )
    grid = figure.add_gridspec(
        rows, columns, left=0, right=1, bottom=0, top=1 - title / figure.get_figheight(),
        wspace=GAP / PANEL_INCHES, hspace=title / PANEL_INCHES,
    )  # fmt: skip
    panels = grid.subplots(squeeze=False).ravel()
    for panel in panels[len(samples) :]:
        panel.remove()
    for panel, sample in zip(panels, samples, strict=False):
        _print_panel(panel, sample, threshold)
    _print_legend(figure, panels[(rows - 1) * columns], samples)
    return figure


def _print_panel(panel: Axes, sample: Sample, threshold: Threshold) -> None:
    view, middle = View(), sample.box / 2
    outline = view.project(sample.box * np.array(EDGES))[..., :2]
    half = 0.5 * float(np.ptp(outline, axis=(0, 1)).max() + sample.diameter)
    panel.imshow(
        _picture(sample, view, half), origin="lower", extent=(-half, half, -half, half), zorder=1,
        interpolation="antialiased",
    )  # fmt: skip
    corners = view.project(np.array(list(product((-middle, middle), repeat=3))))
    furthest = corners[corners[:, 2].argmin()]
    for edge in view.project(sample.box * np.array(EDGES, dtype=float) - middle):
        behind = bool(np.isclose(edge, furthest).all(axis=1).any())
        panel.plot(
            edge[:, 0], edge[:, 1], color=GREY, linewidth=0.5 if behind else 0.8,
            zorder=0 if behind else 2, linestyle="--" if behind else "-",
        )  # fmt: skip
    panel.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    panel.set_axis_off()
    lines = [printed_formula(sample.name)] if sample.name else []
    lines.append(metal_text(sample, threshold, PRINTED_SYMBOLS))
    panel.set_title("\n".join(lines), fontsize=PRINTED_SIZE + 1, pad=14)
    panel.annotate(
        spanning_text(sample), (0.5, 1.0), xycoords="axes fraction", xytext=(0, 4),
        textcoords="offset points", ha="center", fontsize=PRINTED_SIZE - 1, color=GREY,
    )  # fmt: skip
    front = view.project(middle * np.array([[1, -1, -1], [1, 1, -1]]))
    _print_edge(panel, front, sample.box)


def _print_edge(panel: Axes, ends: Floats, box: float) -> None:
    """Write the length of the box along its lower front edge."""
    step = ends[1] - ends[0]
    panel.annotate(
        f"{box:g} nm", ends[:, :2].mean(axis=0), xytext=(0, -10),
        textcoords="offset points", ha="center", va="center", fontsize=PRINTED_SIZE - 1,
        rotation=np.degrees(np.arctan2(step[1], step[0])), annotation_clip=False,
    )  # fmt: skip


def _picture(sample: Sample, view: View, half: float) -> Floats:
    canvas = Canvas(half, PANEL_PIXELS)
    centres = view.project(sample.centres - sample.box / 2)
    links = view.project(sample.links - sample.box / 2)
    for (start, end), kind in zip(links, sample.link_kinds.tolist(), strict=True):
        colour = np.array(to_rgb(ROD_COLOURS[kind]))
        canvas.add_rod(start, end, 0.5 * ROD_WIDTH * sample.diameter, colour)
    for centre, kind in zip(centres, sample.kinds.tolist(), strict=True):
        canvas.add_sphere(centre, 0.5 * sample.diameter, np.array(to_rgb(COLOURS[kind])))
    return canvas.picture(front=half, back=-half)


def _print_legend(figure: Figure, panel: Axes, samples: Sequence[Sample]) -> None:
    """Name the colours, and draw a bar of the scale of all panels."""
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=7, color=COLOURS[kind],
               markeredgecolor=GREY, markeredgewidth=0.4, label=NAMES[kind])
        for kind in present_kinds(samples)
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1.0, 0.0), ncols=len(handles) or 1,
        frameon=False, fontsize=PRINTED_SIZE - 1, handletextpad=0.2, columnspacing=1.0,
        borderaxespad=0.2,
    )  # fmt: skip
    half = panel.get_xlim()[1]
    length = scale_length(samples[0].box)
    panel.plot([-half, -half + length], [-half, -half], color="black", linewidth=2, clip_on=False)
    panel.annotate(
        f"{length:g} nm", (-half + length / 2, -half), xytext=(0, 3), textcoords="offset points",
        ha="center", fontsize=PRINTED_SIZE - 1,
    )  # fmt: skip


def scale_length(box: float) -> float:
    """Return a round length of about a third of the box, nm."""
    decade = 10.0 ** floor(log10(box / 3))
    return max(digit * decade for digit in (1, 2, 5) if digit * decade <= box / 3)
