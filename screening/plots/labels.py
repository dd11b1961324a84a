"""Labels beside the points of a printed figure, placed so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from misei.screening.plots.style import GREY

# Where a label may stand: directions, the preferred first, and distances in points.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
DISTANCES = (5, 14, 26, 42)
FAR = 14  # from here on a line shows which point is meant, points
MARK = 4  # half the width of a point's mark, points
# What a place costs, against a square point of another label or mark covered: each point of
# distance, each point of line hidden, touching anything, standing nearer to another mark.
PER_DISTANCE, PER_LINE, TOUCH, AMBIGUOUS = 2.0, 2.0, 250.0, 150.0


@dataclass
class _Page:
    """What is drawn already, in points.

    Attributes
    ----------
    marks
        Middles of the marks, shape (n, 2).
    lines
        Dots along all lines, one every point, shape (m, 2).
    boxes
        Labels and marks.
    """

    marks: np.ndarray
    lines: np.ndarray
    boxes: list[Bbox] = field(default_factory=list)

    def cost(self, box: Bbox, own: int, distance: float) -> float:
        """Return what a label of mark ``own`` costs in a box this far from it."""
        overlaps = (Bbox.intersection(box, other) for other in self.boxes)
        covered = sum(TOUCH + o.width * o.height for o in overlaps if o is not None)
        gaps = np.hypot(*np.maximum(0, np.maximum(box.min - self.marks, self.marks - box.max)).T)
        if distance >= FAR:
            connection = np.linspace(self.marks[own], np.mean([box.min, box.max], axis=0))
            # The end of it lies on the own mark.
            covered += TOUCH * sum(
                bool(_inside(connection, other).any())
                for other in self.boxes
                if not _inside(self.marks[own], other)
            )
        elif distance > 0:
            covered += AMBIGUOUS * bool(np.any(np.delete(gaps, own) <= gaps[own]))
        hidden = _inside(self.lines, box).sum()
        return float(covered + PER_LINE * hidden + PER_DISTANCE * distance)


def label_points(
    panel: Axes,
    points: Sequence[tuple[str, float, float]],
    size: float,
    *,
    on_point: bool = False,
    avoid_lines: bool = True,
) -> None:
    """Write labels beside points of a panel, each where it covers least.

    Parameters
    ----------
    panel
        With its limits set: the places are found in what is drawn.
    points
        Text as matplotlib writes it, and the place in data units (of a panel in space:
        projected).
    size
        Of the letters, points.
    on_point
        Whether a label may stand on its point, e.g. in the middle of a region.
    avoid_lines
        Whether lines count as covered; not where they are many and faint.
    """
    figure = cast("Figure", panel.get_figure(root=True))
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    marks = scale * panel.transData.transform([(x, y) for _, x, y in points])
    page = _Page(marks, scale * _along_lines(panel) if avoid_lines else np.empty((0, 2)))
    if not on_point:
        page.boxes += [_box(mark, (2 * MARK, 2 * MARK)) for mark in marks]
    for i, (text, x, y) in enumerate(points):
        label = _write(panel, text, (x, y), size)
        extent = label.get_window_extent()
        distance, offset, box = _best_place(
            page, i, (extent.width * scale, extent.height * scale), on_point
        )
        page.boxes.append(box)
        label.set_position(offset)
        if distance >= FAR:
            _connect(panel, (x, y), offset)


def _best_place(
    page: _Page, own: int, size: tuple[float, float], on_point: bool
) -> tuple[int, tuple[float, float], Bbox]:
    """Distance from the mark, offset of the label's middle from it, and its box, in points."""
    offsets = [(0, (0.0, 0.0))] if on_point else []
    offsets += [
        (distance, (dx * (distance + size[0] / 2), dy * (distance + size[1] / 2)))
        for distance, (dx, dy) in product(DISTANCES, DIRECTIONS)
    ]
    places = [
        (d, offset, _box(page.marks[own] + np.asarray(offset), size)) for d, offset in offsets
    ]
    return min(places, key=lambda place: page.cost(place[2], own, place[0]))


def _write(panel: Axes, text: str, point: tuple[float, float], size: float) -> Annotation:
    return panel.annotate(
        text, point, fontsize=size, ha="center", va="center", textcoords="offset points",
        xytext=(0, 0), annotation_clip=False, zorder=10,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
    )  # fmt: skip


def _connect(panel: Axes, point: tuple[float, float], offset: tuple[float, float]) -> None:
    panel.annotate(
        "", point, xytext=offset, textcoords="offset points", annotation_clip=False,
        arrowprops={"arrowstyle": "-", "linewidth": 0.7, "color": GREY, "shrinkA": 0,
                    "shrinkB": MARK},
    )  # fmt: skip


def _along_lines(panel: Axes) -> np.ndarray:
    """Pixels along all lines of a panel, one every pixel, shape (n, 2)."""
    pixels = [np.empty((0, 2))]
    for line in panel.lines:
        corners = panel.transData.transform(np.asarray(line.get_xydata(), dtype=float))
        for start, end in pairwise(corners):
            length = float(np.hypot(*(end - start)))
            if np.isfinite(length):
                pixels.append(np.linspace(start, end, 1 + int(length)))
    return np.vstack(pixels)


def _inside(points: np.ndarray, box: Bbox) -> np.ndarray:
    return np.asarray(np.all((points > box.min) & (points < box.max), axis=-1))


def _box(middle: np.ndarray, size: tuple[float, float]) -> Bbox:
    return Bbox.from_bounds(middle[0] - size[0] / 2, middle[1] - size[1] / 2, *size)
