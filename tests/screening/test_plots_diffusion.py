"""Arrhenius plots show the documents they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from misei.screening.plots.diffusion import (
    DEFECT,
    TRACER,
    ArrheniusPlotError,
    arrhenius_lines,
    arrhenius_plot,
    temperature_ticks,
)
from misei.screening.plots.files import write_plot
from misei.screening.plots.ranking import LINE_COLOURS
from misei.screening.random_walks import K_B
from misei.screening.schemas import Provenance
from misei.screening.schemas_diffusion import DiffusionDoc

TEMPERATURES = [250.0, 300.0, 400.0, 600.0]
ROUNDING = 1e-12


def document(alloy: str, barrier: float, structural: bool = False) -> DiffusionDoc:
    values = [1e-3 * np.exp(-barrier / (K_B * t)) for t in TEMPERATURES]
    fractions = [float(np.exp(-0.5 / (K_B * t))) for t in TEMPERATURES]
    return DiffusionDoc(
        alloy=alloy, mobile_species="Li", mechanism="vacancy", engine="toy",
        temperatures_K=TEMPERATURES, principal_diffusivities=[(v, v, v) for v in values],
        migration_barrier=barrier, formation_energy=0.5, attempt_frequency=5.0,
        attempt_frequency_origin="stated", correlation_factors=[0.78] * 4, correlation_error=1e-3,
        correlation_origin="computed", defect_fractions=None if structural else fractions,
        defect_fraction_origin="unknown" if structural else "thermal",
        structural_vacancies=structural, rate_control={"Li0-Li0 2.80 A": 1.0},
        limiting_hop="Li0-Li0 2.80 A", hop_length=2.8, geometry_factor=2.0, barrier_error=0.15,
        converged=True, provenance=Provenance(engine="toy", engine_version="1"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def docs() -> list[DiffusionDoc]:
    return [document("Li2O", 0.3), document("LiAl", 0.1, structural=True)]


def test_lines(docs: list[DiffusionDoc]) -> None:
    lines = arrhenius_lines(docs)
    assert [(line.doc.alloy, line.kind) for line in lines] == [
        ("Li2O", TRACER), ("Li2O", DEFECT), ("LiAl", DEFECT),
    ]  # fmt: skip
    assert [line.colour for line in lines] == [LINE_COLOURS[0]] * 2 + [LINE_COLOURS[1]]
    assert [line.has_band for line in lines] == [True, False, True]
    tracer = lines[0]
    # A straight line over 1000 / T whose slope is the activation energy.
    slope = np.polyfit(tracer.inverse, np.log(tracer.values), 1)[0]
    assert -1000 * K_B * slope == pytest.approx(0.8, rel=ROUNDING)
    wide = np.log(tracer.high / tracer.low)
    assert wide == pytest.approx(2 * 0.15 / (K_B * np.array(TEMPERATURES)), rel=ROUNDING)


def test_interactive(docs: list[DiffusionDoc]) -> None:
    plot = arrhenius_plot(docs)
    figure = plot.interactive()
    curves = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [trace.line.dash for trace in curves] == ["solid", "dash", "dash"]
    assert list(curves[0].y) == docs[0].tracer_diffusivities
    assert list(curves[2].x) == pytest.approx([1000 / t for t in TEMPERATURES], rel=ROUNDING)
    assert figure.layout.yaxis.type == "log"
    assert "cm<sup>2</sup>/s" in figure.layout.yaxis.title.text
    top = figure.layout.xaxis2
    assert top.side == "top"
    assert [1000 / float(text) for text in top.ticktext] == pytest.approx(list(top.tickvals))
    assert len([trace for trace in figure.data if trace.fill == "toself"]) == 2
    note = " ".join(plot.note.split())
    assert "barriers off by 0.15 eV" in note
    assert "nu* 5 THz (stated)" in note
    assert "LiAl: vacancy (toy), nu* 5 THz (stated), x_d unknown" in note
    assert note.endswith("structural defects.")


def test_printed(docs: list[DiffusionDoc]) -> None:
    figure = arrhenius_plot(docs).printed()
    (panel,) = figure.axes
    assert panel.get_yscale() == "log"
    assert "cm$^{2}$/s" in panel.get_ylabel()
    assert len(panel.lines) == 3
    assert len(panel.collections) == 2
    legend = [text.get_text() for text in panel.get_legend().get_texts()]
    assert legend[0] == "Li$_{2}$O"
    assert legend[1] == "LiAl (structural)"
    assert any("vacancy" in text for text in legend)
    (top,) = panel.child_axes
    assert top.get_xlabel() == "T (K)"
    assert [1000 / float(label.get_text()) for label in top.get_xticklabels()] == pytest.approx(
        top.get_xticks().tolist()
    )


def test_files(docs: list[DiffusionDoc], tmp_path: Path) -> None:
    for name, start in (("a.png", b"\x89PNG"), ("a.html", b"<!DOCTYPE html>")):
        write_plot(arrhenius_plot(docs), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)


def test_ticks_keep_their_distance(docs: list[DiffusionDoc]) -> None:
    ticks = temperature_ticks(arrhenius_lines(docs))
    assert ticks[0] == 250.0
    assert set(ticks) <= set(np.arange(250.0, 650.0, 50.0))
    assert np.diff([1000 / t for t in ticks]).max() < -0.06 * (1000 / 250 - 1000 / 600)


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ArrheniusPlotError, match="at least one"):
        arrhenius_plot([])
    still = document("LiF", 0.7)
    still.principal_diffusivities = [(0.0, 0.0, 0.0)] * 4
    with pytest.raises(ArrheniusPlotError, match="LiF"):
        arrhenius_plot([still])
