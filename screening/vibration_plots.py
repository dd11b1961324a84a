"""Band structure and density of states of a crystal's vibrations, side by side."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from misei.screening.export import write_atomically
from misei.screening.plots.files import DOTS_PER_INCH, PlotFileError
from misei.screening.plots.style import BLUE, GREY, LIGHT, PRINTED_SIZE, RED, printed_formula
from misei.screening.schemas_vibrations import PhononBands, PhononDensity, VibrationsDoc

BAND_FORMATS = (".png", ".svg", ".pdf")
SIZE = (6.4, 3.6)  # inches
WIDTHS = (4, 1)  # bands, density of states
MARGIN = 0.05  # of the range of frequencies, above and below
# Path names of Setyawan and Curtarolo, as mathematics.
GREEK = {"\\Gamma": r"$\Gamma$", "\\Sigma": r"$\Sigma$", "\\Sigma_1": r"$\Sigma_1$"}


class NoBandsError(ValueError):
    """A document from before band structures were kept."""


def band_figure(document: VibrationsDoc) -> Figure:
    """Draw bands along the path and the density of states; imaginary modes are below zero, red.

    Parameters
    ----------
    document
        With bands and density of states.

    Raises
    ------
    NoBandsError
        When it has none.
    """
    if document.bands is None or document.density is None:
        raise NoBandsError(
            f"the vibrations of {document.formula} were stored without bands; run them again"
        )
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=WIDTHS)
    _draw_bands(left, document.bands)
    _draw_density(right, document.density)
    frequencies = np.array(document.bands.frequencies)
    low, high = min(0.0, float(frequencies.min())), float(frequencies.max())
    margin = MARGIN * (high - low)
    # Sound starts at zero: no room below unless something is there.
    left.set_ylim(low - margin if low < -document.imaginary_tolerance else 0.0, high + margin)
    for axes in (left, right):
        axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
        axes.tick_params(labelsize=PRINTED_SIZE)
    left.set_ylabel("Frequency (THz)", fontsize=PRINTED_SIZE)
    left.set_title(_title(document), fontsize=PRINTED_SIZE, loc="left")
    return figure


def write_band_figure(document: VibrationsDoc, path: Path) -> None:
    """Write the figure as the suffix says: .png, .svg or .pdf.

    Raises
    ------
    PlotFileError
        As :func:`check_band_path`, and when the system refuses.
    NoBandsError
        As :func:`band_figure`.
    """
    check_band_path(path)
    buffer = BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    band_figure(document).savefig(buffer, format=kind, dpi=DOTS_PER_INCH, facecolor="white")
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise PlotFileError(f"cannot write {str(path)!r}: {error.strerror}") from error


def check_band_path(path: Path) -> None:
    """Refuse, before anything is computed, what :func:`write_band_figure` could not write.

    Raises
    ------
    PlotFileError
        For a suffix that is no format, and for a folder that does not exist.
    """
    if path.suffix.lower() not in BAND_FORMATS:
        raise PlotFileError(
            f"cannot write {str(path)!r} as bands; valid suffixes: {', '.join(BAND_FORMATS)}"
        )
    if not path.parent.is_dir():
        raise PlotFileError(f"cannot write {str(path)!r}: no folder {str(path.parent)!r}")


def _title(document: VibrationsDoc) -> str:
    stable = "stable" if document.dynamically_stable else "dynamically unstable"
    name = printed_formula(document.formula)
    entry = f" ({document.entry_id})" if document.entry_id else ""
    return f"{name}{entry}, {document.engine}: {stable}"


def _draw_bands(axes: Axes, bands: PhononBands) -> None:
    distances, frequencies = np.array(bands.distances), np.array(bands.frequencies)
    # Many bands are drawn thin, so that gaps stay open.
    width = float(np.clip(24 / frequencies.shape[1], 0.4, 1.2))
    for segment in bands.segments:
        part = slice(segment.start, segment.end + 1)
        for band in frequencies[part].T:
            x, y = _with_crossings(distances[part], band)
            for drawn, colour in ((y >= 0, BLUE), (y <= 0, RED)):
                if np.any(drawn & (y != 0)):
                    axes.plot(x, np.where(drawn, y, np.nan), color=colour, linewidth=width)
    places, names = _ticks(bands)
    axes.set_xticks(places, names)
    axes.grid(axis="x", color=LIGHT, linewidth=0.8)
    axes.set_xlim(places[0], places[-1])


def _with_crossings(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add the points where a line goes through zero, so that its colour changes there."""
    before = np.flatnonzero(y[:-1] * y[1:] < 0)
    share = y[before] / (y[before] - y[before + 1])
    crossings = x[before] + share * (x[before + 1] - x[before])
    return np.insert(x, before + 1, crossings), np.insert(y, before + 1, 0.0)


def _ticks(bands: PhononBands) -> tuple[list[float], list[str]]:
    """High-symmetry points; where the path jumps, both names: ``U|K``."""
    places: list[float] = []
    names: list[str] = []
    for segment in bands.segments:
        start, end = (_label(n) for n in (segment.start_label, segment.end_label))
        if not places:
            places, names = [bands.distances[segment.start]], [start]
        elif names[-1] != start:
            names[-1] = f"{names[-1]}|{start}"
        places.append(bands.distances[segment.end])
        names.append(end)
    return places, names


def _label(name: str) -> str:
    if name in GREEK:
        return GREEK[name]
    letter, _, index = name.partition("_")
    return f"{letter}$_{{{index}}}$" if index else letter


def _draw_density(axes: Axes, density: PhononDensity) -> None:
    frequencies, densities = np.array(density.frequencies), np.array(density.densities)
    for where, colour in ((frequencies >= 0, BLUE), (frequencies <= 0, RED)):
        values = np.where(where, densities, np.nan)
        axes.plot(values, frequencies, color=colour, linewidth=1.0)
        axes.fill_betweenx(frequencies, 0, values, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlim(0, 1.05 * float(densities.max()))
    axes.set_xticks([])
    axes.set_xlabel("DOS (modes/THz)", fontsize=PRINTED_SIZE)
