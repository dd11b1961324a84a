"""Figures as files: interactive HTML that needs no network, and PNG for print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import plotly.graph_objects as go
from matplotlib.figure import Figure
from plotly.offline import get_plotlyjs

from misei.screening.export import write_atomically
from misei.screening.plots.style import FONT, GREY
from misei.screening.report_html import PLOT_CONFIG

FORMATS = (".html", ".png")
DOTS_PER_INCH = 200
MAX_PIXELS = 60_000  # matplotlib draws no more than 2^16 on a side
BUTTONS_3D = ["toImage", "orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]


class PlotFileError(ValueError):
    """A file that is no figure by its name, or that cannot be written."""


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn for the screen and for print.

    Attributes
    ----------
    title
        Plain text, of the page and of the file's metadata.
    note
        What the energies are and what was left out, printed small below the figure.
    interactive, printed
        Draw it by plotly and by matplotlib.
    """

    title: str
    note: str
    interactive: Callable[[], go.Figure]
    printed: Callable[[], Figure]


def source_note(source: Mapping[str, str], excluded: Iterable[str]) -> str:
    """Say in one line where energies come from and which phases the user left out."""
    parts = [source[key] for key in ("name", "version", "temperature") if source.get(key)]
    excluded = list(excluded)
    without = f"; without {', '.join(excluded)}" if excluded else ""
    return f"Energies: {', '.join(parts)}{without}"


def check_plot_paths(paths: Iterable[Path]) -> None:
    """Refuse, before anything is computed, what :func:`write_plot` could not write.

    Raises
    ------
    PlotFileError
        For a suffix that is no format, and for a folder that does not exist.
    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            raise PlotFileError(
                f"cannot write {str(path)!r} as a figure; valid suffixes: {', '.join(FORMATS)}"
            )
        if not path.parent.is_dir():
            raise PlotFileError(f"cannot write {str(path)!r}: no folder {str(path.parent)!r}")


def write_plot(plot: Plot, path: Path) -> None:
    """Write a figure as its suffix says, through a temporary file.

    Raises
    ------
    PlotFileError
        As :func:`check_plot_paths`, and when the system refuses.
    """
    check_plot_paths([path])
    content = _html(plot) if path.suffix.lower() == ".html" else _png(plot)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise PlotFileError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _html(plot: Plot) -> str:
    figure = plot.interactive()
    in_space = "scene" in figure.layout.to_plotly_json()
    config = {**PLOT_CONFIG, "modeBarButtons": [BUTTONS_3D]} if in_space else PLOT_CONFIG
    drawing = figure.to_html(full_html=False, include_plotlyjs=False, config=config)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(plot.title)}</title>\n"
        f'<script type="text/javascript">{get_plotlyjs()}</script>\n</head>\n'
        f'<body style="margin: 1rem; font-family: {escape(FONT)}">\n{drawing}\n'
        f'<p style="color: {GREY}; font-size: .8rem">{escape(plot.note)}</p>\n</body>\n</html>\n'
    )


def _png(plot: Plot) -> bytes:
    figure = plot.printed()
    figure.draw_without_rendering()  # sets every label's place
    drawn = figure.get_tightbbox().padded(0.08)
    figure.text(
        drawn.x0 / figure.get_figwidth(), drawn.y0 / figure.get_figheight(), plot.note,
        fontsize=6, color=GREY, va="top", parse_math=False,
    )  # fmt: skip
    resolution = min(DOTS_PER_INCH, MAX_PIXELS / max(drawn.width, drawn.height))
    buffer = BytesIO()
    figure.savefig(
        buffer, format="png", dpi=resolution, bbox_inches="tight", pad_inches=0.08,
        facecolor="white", metadata={"Title": plot.title, "Description": plot.note},
    )  # fmt: skip
    return buffer.getvalue()
