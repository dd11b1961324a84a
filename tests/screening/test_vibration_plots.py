"""Figure of bands and density of states, of made-up vibrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pymatgen.core import Lattice, Structure

from misei.screening.plots.files import PlotFileError
from misei.screening.schemas import Provenance
from misei.screening.schemas_vibrations import (
    BandSegment,
    PhononBands,
    PhononDensity,
    VibrationsDoc,
)
from misei.screening.vibration_plots import NoBandsError, band_figure, write_band_figure


def vibrations(lowest: float) -> VibrationsDoc:
    """Two segments with a jump between K and U, three bands, the lowest of them dipping."""
    frequencies = [[0.0, 0.0, 0.0], [lowest, 1.0, 4.0], [1.0, 1.0, 5.0], [2.0, 3.0, 6.0]]
    bands = PhononBands(
        segments=[
            BandSegment(start=0, end=2, start_label="\\Gamma", end_label="K"),
            BandSegment(start=2, end=3, start_label="U", end_label="X_1"),
        ],
        qpoints=[(0.0, 0.0, 0.0), (0.2, 0.0, 0.0), (0.4, 0.0, 0.0), (0.5, 0.0, 0.0)],
        distances=[0.0, 0.2, 0.4, 0.5],
        frequencies=frequencies,
    )
    return VibrationsDoc(
        formula="Li2O", entry_id="Li2O-x", engine="toy",
        structure=Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]]), natoms=1,
        supercell=[[2, 0, 0], [0, 2, 0], [0, 0, 2]], supercell_natoms=8, displacements=1,
        mesh=(1, 1, 1), temperatures_K=[0.0, 1000.0], free_energies=[0.0, 0.0],
        entropies=[0.0, 0.0], heat_capacities=[0.0, 0.0], lowest_frequency=lowest,
        lowest_frequency_q=(0.0, 0.0, 0.0), imaginary_tolerance=0.1,
        imaginary_modes=int(lowest < -0.1), omitted_fraction=0.0, acoustic_residual=0.0,
        converged=True, provenance=Provenance(engine="toy", engine_version="1"), bands=bands,
        density=PhononDensity(frequencies=[-1.0, 0.0, 3.0, 6.0], densities=[0.5, 0.1, 0.9, 0.0]),
    )  # fmt: skip


def drawn(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Colour and frequencies of the lines in the panel of the bands, what is not drawn left out."""
    lines = [
        (str(line.get_color()), np.asarray(line.get_ydata(), dtype=float))
        for line in figure.axes[0].lines
        if len(line.get_xdata()) > 2 or line.get_xdata()[0] == 0.4
    ]
    return [(colour, y[np.isfinite(y)]) for colour, y in lines]


def test_bands_and_density_share_their_frequencies() -> None:
    figure = band_figure(vibrations(0.5))
    left, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == [
        r"$\Gamma$", "K|U", "X$_{1}$",
    ]  # fmt: skip
    assert list(left.get_xticks()) == [0.0, 0.4, 0.5]
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0.0 < 6.0 < left.get_ylim()[1]
    assert "THz" in left.get_ylabel()
    assert "stable" in left.get_title(loc="left")
    assert "unstable" not in left.get_title(loc="left")


def test_imaginary_modes_are_below_zero_in_another_colour() -> None:
    figure = band_figure(vibrations(-1.5))
    assert figure.axes[0].get_ylim()[0] < -1.5
    below = {colour for colour, y in drawn(figure) if y.min() < 0}
    above = {colour for colour, y in drawn(figure) if y.max() > 0}
    # The line through zero ends there in one colour and starts there in the other.
    assert [y.tolist() for _, y in drawn(figure) if y.min() < 0] == [[0.0, -1.5, 0.0]]
    assert len(below) == 1
    assert below.isdisjoint(above)
    assert "unstable" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"bands{suffix}"
    write_band_figure(vibrations(0.5), file)
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert file.read_bytes().startswith(starts[suffix])


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(PlotFileError, match=r"bands.gif.*\.png, \.svg, \.pdf"):
        write_band_figure(vibrations(0.5), tmp_path / "bands.gif")
    with pytest.raises(PlotFileError, match="no folder"):
        write_band_figure(vibrations(0.5), tmp_path / "nowhere" / "bands.png")
    with pytest.raises(NoBandsError, match="Li2O were stored without bands"):
        band_figure(vibrations(0.5).model_copy(update={"bands": None}))
