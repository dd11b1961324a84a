"""Figures of composites show the numbers of the documents; toy energies."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from misei.screening.composites import DEFAULT_RATIOS, scan_ratios
from misei.screening.entries import BundledSource
from misei.screening.percolation import NEVER
from misei.screening.plots.composite_frame import FOOT, StripRow, frame, strip_rows
from misei.screening.plots.composites import (
    composite_plot,
    interactive_composites,
    printed_composites,
)
from misei.screening.plots.ranking import CLASS_COLOURS
from misei.screening.schemas_composites import CompositeScanDoc

HOST, ADDITIVE = "Li6PS5Cl", "Li10GeP2S12"
ASKED = (4.0, 16.0)


@pytest.fixture(scope="module")
def scan(toy_source: BundledSource) -> CompositeScanDoc:
    return scan_ratios(HOST, ADDITIVE, toy_source, [*DEFAULT_RATIOS, *ASKED])


@pytest.fixture(scope="module")
def never(scan: CompositeScanDoc) -> CompositeScanDoc:
    """The same with grains that never percolate."""
    points = [p.model_copy(update={"interphase_class": "MI-SEI"}) for p in scan.points]
    return scan.model_copy(
        update={
            "points": points, "additive_alone": scan.additive_alone.model_copy(
                update={"interphase_class": "MI-SEI"}
            ),
            "percolation_threshold": NEVER, "percolation_threshold_interval": (NEVER, NEVER),
            "critical_ratios": [], "critical_ratio_interval": (None, None),
        }
    )  # fmt: skip


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for panel in figure.axes for text in panel.texts if text.get_text()]


def test_composite_on_the_screen_shows_every_point(scan: CompositeScanDoc) -> None:
    plot = interactive_composites([scan])
    (metal, none) = (trace for trace in plot.data if trace.customdata is not None)
    points = [scan.additive_alone, *scan.points]
    assert list(metal.y) == [100 * point.metal_volume_fraction for point in points]
    assert list(metal.x)[1:] == scan.ratios
    assert list(metal.marker.color) == [CLASS_COLOURS[p.interphase_class] for p in points]
    assert "Li<sub>15</sub>Ge<sub>4</sub>" in metal.customdata[0]
    assert "MCI" in metal.customdata[0]
    # the host alone has no metal: a logarithmic axis has no place for it but its foot
    assert list(none.text) == ["no metal"]
    assert none.x[0] > max(scan.ratios) > min(scan.ratios) > metal.x[0]
    assert list(none.y) == [10.0 ** plot.layout.yaxis.range[0]]


def test_threshold_and_critical_ratio_on_the_screen(scan: CompositeScanDoc) -> None:
    plot = interactive_composites([scan], ASKED)
    line = next(trace for trace in plot.data if "threshold" in (trace.name or ""))
    band = next(trace for trace in plot.data if trace.fill == "toself")
    low, high = scan.percolation_threshold_interval
    assert list(line.y) == 2 * [100 * scan.percolation_threshold]
    assert sorted(set(band.y)) == [100 * low, 100 * high]
    strip = [trace for trace in plot.data if trace.yaxis == "y2"]
    assert list(strip[0].x) == list(scan.critical_ratio_interval)
    assert list(strip[1].x) == [scan.critical_ratio]
    notes = [note.text for note in plot.layout.annotations]
    assert StripRow(0, "", scan.critical_ratio, scan.critical_ratio_interval).text in notes
    assert {"4 : 1", "16 : 1"} <= set(notes)


def test_composite_in_print_shows_the_same(scan: CompositeScanDoc) -> None:
    figure = printed_composites([scan], ASKED)
    panel, below = figure.axes
    curve = next(line for line in panel.lines if len(line.get_xdata()) == len(scan.points))
    assert list(curve.get_xdata()) == scan.ratios
    assert list(curve.get_ydata()) == [100 * p.metal_volume_fraction for p in scan.points]
    assert panel.get_xscale() == panel.get_yscale() == "log"
    whisker = below.lines[0]
    assert list(whisker.get_xdata()) == list(scan.critical_ratio_interval)
    assert [line for line in below.lines if list(line.get_xdata()) == [scan.critical_ratio]]
    assert {"no metal", "4 : 1", "16 : 1"} <= set(texts(figure))
    legend = [text.get_text() for text in panel.get_legend().get_texts()]
    assert legend[:3] == ["SEI", "MI-SEI", "MCI"]
    assert f"{100 * scan.percolation_threshold:.3g} %" in legend[3]


@pytest.mark.parametrize("with_variants", [False, True])
def test_labels_of_printed_axes_do_not_touch(scan: CompositeScanDoc, with_variants: bool) -> None:
    figure = printed_composites([scan], with_variants=with_variants)
    figure.draw_without_rendering()
    panel, below = figure.axes
    for labels in (below.get_xticklabels(), below.get_yticklabels(), panel.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        assert len(boxes) >= 1
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_axes_hold_the_threshold_region(scan: CompositeScanDoc) -> None:
    within = frame([scan])
    low, high = (100 * value for value in scan.percolation_threshold_interval)
    assert within.floor <= 10 * FOOT * low
    assert within.floor < low < high < within.top
    # 1, 2, 5 in every decade: the region of the threshold can be read
    assert {1.0, 2.0, 5.0} <= set(within.y_ticks())
    places = list(within.x_ticks(("additive", "host")))
    assert places == sorted(places)
    assert within.x_range[0] < places[0] < within.lowest
    assert within.highest < places[-1] < within.x_range[1]


def test_grains_that_never_percolate(never: CompositeScanDoc) -> None:
    assert "never percolate" in composite_plot([never]).note
    plot = interactive_composites([never])
    assert not [trace for trace in plot.data if "threshold" in (trace.name or "")]
    assert not [trace for trace in plot.data if trace.fill == "toself"]
    metal = [100 * fraction for fraction in never.metal_volume_fraction]
    assert frame([never]).floor < max(metal) < frame([never]).top <= 100
    panel = printed_composites([never]).axes[0]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["SEI", "MI-SEI"]


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (6.008, (1.13, 16.9), "6.01 (1.1 to 17)"),
        (6.008, (None, 16.9), "6.01 (0 to 17)"),
        (6.008, (1.13, None), "6.01 (from 1.1)"),
        (None, (None, 16.9), "none (0 to 17)"),
        (None, (None, None), "none"),
    ],
)
def test_critical_ratio_in_words(
    value: float | None, interval: tuple[float | None, float | None], text: str,
    scan: CompositeScanDoc,
) -> None:  # fmt: skip
    row = StripRow(0, ADDITIVE, value, interval)
    within = frame([scan])
    assert row.text == text
    ends = row.ends(within)
    if interval == (None, None):
        assert ends is None
    else:
        # an open end reaches to the solid alone
        assert ends == (interval[0] or within.left, interval[1] or within.right)


def test_other_grains_follow_their_additive(scan: CompositeScanDoc) -> None:
    rows = strip_rows([scan, scan], with_variants=True)
    assert len(rows) == 2 * (1 + len(scan.variants))
    assert [row.line for row in rows] == sorted(row.line for row in rows)
    assert [row.value for row in rows if row.line == 0 and row.changed] == [
        variant.critical_ratio for variant in scan.variants
    ]
    assert len(strip_rows([scan, scan], with_variants=False)) == 2
    plot = interactive_composites([scan], with_variants=True)
    assert scan.variants[0].change in plot.layout.yaxis2.ticktext[1]


def test_additives_are_told_apart(scan: CompositeScanDoc) -> None:
    other = scan.model_copy(update={"additive": "Li4GeS4"})
    panel, below = printed_composites([scan, other]).axes
    curves = [line for line in panel.lines if len(line.get_xdata()) == len(scan.points)]
    assert len({to_hex(line.get_color()) for line in curves}) == 2
    assert [t.get_text() for t in below.get_yticklabels()] == [
        "Li$_{10}$GeP$_{2}$S$_{12}$", "Li$_{4}$GeS$_{4}$",
    ]  # fmt: skip
    assert "per mol additive" in below.get_xlabel()


def test_note_tells_model_and_source(scan: CompositeScanDoc, toy_source: BundledSource) -> None:
    note = " ".join(composite_plot([scan]).note.split())
    for part in (scan.threshold_model, scan.metallic_rule, toy_source.version):
        assert part in note


def test_nothing_is_compiled_before_a_microstructure_is_drawn() -> None:
    code = (
        "import sys; import misei.launchers.cli; import misei.screening.plots.microstructures; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ticks_rise(scan: CompositeScanDoc) -> None:
    assert all(low < high for low, high in pairwise(frame([scan]).y_ticks()))
