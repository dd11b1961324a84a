"""Figures of conductivities show the model and its Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from misei.screening.conductivity import ConductivityInputError, isolated_grains, mixing_rule
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.percolation import percolation_threshold
from misei.screening.plots.conductivity import ConductivityPlotError, conductivity_plot
from misei.screening.plots.conductivity_scene import LAW, MIXING, NETWORK, Scene
from misei.screening.plots.ranking import CLASS_COLOURS

# Monte Carlo over fitted law, where it was fitted: residuals are up to 9 %, standard errors 13 %.
FIT_RESIDUAL = 1.15


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for panel in figure.axes for text in panel.texts if text.get_text()]


@pytest.fixture(scope="module")
def scene() -> Scene:
    marks = [("SEI", 0.0), ("MI-SEI", 0.013), ("MCI", 0.1)]
    return Scene(percolation_threshold(), DEFAULT_GRAINS.closeness, 1e5, 1e-14, marks)


def test_lines_of_the_conductivity(scene: Scene) -> None:
    lines, fractions = scene.lines, scene.fractions
    above = fractions > scene.threshold.value
    assert (lines[LAW] > 0).tolist() == above.tolist()
    assert (lines[NETWORK] <= mixing_rule(fractions, 1e5, 1e-14) * (1 + 1e-9)).all()
    assert (lines[NETWORK] >= isolated_grains(fractions, 1e5, 1e-14) * (1 - 1e-9)).all()
    assert (np.diff(lines[NETWORK]) >= 0).all()
    assert lines[MIXING][-1] == pytest.approx(1e5 * fractions[-1])
    assert fractions[-1] > 0.1


def test_monte_carlo_lies_on_the_fitted_line(scene: Scene) -> None:
    ratio = scene.samples[:, 0] / scene.threshold.value
    low, high = (ratio < 0.85), (ratio > 1.15) & (ratio < 2.5)
    assert low.any()
    assert high.any()
    for chosen in (low, high):
        fraction, value, error = scene.samples[chosen].T
        factor = value / scene.network(fraction, scene.threshold.value)
        assert (np.abs(np.log(factor)) < np.log(FIT_RESIDUAL)).all()
        assert (error > 0).all()


def test_samples_keep_their_distance_from_the_threshold(scene: Scene) -> None:
    other = percolation_threshold(Grains(grain_diameter_nm=1.6))
    moved = Scene(other, 1.6 / 2.5, 1e5, 1e-14, [("far", 0.1)])
    assert moved.row is not None
    assert moved.samples[:, 0] / other.value == pytest.approx(
        scene.samples[: len(moved.samples), 0] / scene.threshold.value
    )


def test_marks_of_electrolytes(scene: Scene) -> None:
    assert scene.mark_range(0.0) == pytest.approx((1e-14, 1e-14, 1e-14))
    low, high = scene.threshold.interval
    value, least, most = scene.mark_range(0.5 * (scene.threshold.value + high))
    assert least < 1e-10 < 1.0 < value < most
    plot = conductivity_plot(scene.marks, sigma_metal=1e5, sigma_insulator=1e-14).interactive()
    marks = [trace for trace in plot.data if trace.mode == "markers+text"]
    assert [trace.x[0] for trace in marks] == [0.0, 1.3, 10.0]
    assert [trace.marker.color for trace in marks] == [
        CLASS_COLOURS[kind] for kind in ("SEI", "MI-SEI", "MCI")
    ]
    assert low < high


def test_conductivity_in_print(scene: Scene) -> None:
    plot = conductivity_plot(scene.marks)
    figure = plot.printed()
    panel = figure.axes[0]
    assert panel.get_yscale() == "log"
    assert "(S/cm)" in panel.get_ylabel()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:4] == [NETWORK, "Monte Carlo", LAW, MIXING]
    assert f"{100 * scene.threshold.value:.3g} %" in legend[4]
    assert any("2: MI-SEI, 1.3 %" in text for text in texts(figure))
    assert "standard errors" in " ".join(plot.note.split())


def test_conductivities_that_cannot_be_drawn() -> None:
    with pytest.raises(ConductivityInputError):
        conductivity_plot(sigma_metal=-1.0)
    with pytest.raises(ConductivityInputError):
        conductivity_plot(sigma_metal=1e-3, sigma_insulator=1.0)
    with pytest.raises(ConductivityPlotError, match="never percolate"):
        conductivity_plot(grains=Grains(envelope_nm=2.0))
