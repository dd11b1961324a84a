"""Figures of the thermodynamic stage show the numbers of the documents; toy energies."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from misei.screening.chemical_systems import ChemicalSystemError
from misei.screening.entries import BundledSource, MissingDataError
from misei.screening.formulas import FormulaError
from misei.screening.plots.files import Plot, PlotFileError, check_plot_paths, write_plot
from misei.screening.plots.labels import label_points
from misei.screening.plots.phases import phase_diagram_plot
from misei.screening.plots.potentials import chemical_potential_plot
from misei.screening.plots.profiles import (
    interactive_profiles,
    place_labels,
    printed_profiles,
    profile_plot,
    window_text,
)
from misei.screening.plots.style import printed_formula, printed_products, spread
from misei.screening.plots.systems import PlotSystemError, system_diagram, system_elements
from misei.screening.plots.windows import (
    CLOSED,
    OPEN,
    STABLE,
    WINDOW,
    interactive_windows,
    limits,
    potential_range,
    printed_windows,
    window_kind,
    window_plot,
)
from misei.screening.schemas_thermodynamics import ReductionDoc
from misei.screening.thermodynamics import reduce

# Documents carry potentials to 1e-6 V.
POTENTIAL_TOLERANCE = 2e-6
ELECTROLYTES = ("Li3PS4", "LiCl", "GeS2", "Li10GeP2S12")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def docs(toy_source: BundledSource) -> list[ReductionDoc]:
    return [reduce(formula, toy_source) for formula in ELECTROLYTES]


@pytest.fixture(scope="module")
def closed(docs: list[ReductionDoc]) -> ReductionDoc:
    """An electrolyte that is oxidised where it is reduced."""
    return docs[0].model_copy(update={"formula": "Li2PS4", "oxidation_potential": 1.6})


def edges(doc: ReductionDoc) -> list[float]:
    return [plateau.potential_low for plateau in doc.voltage_profile]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for panel in figure.axes for text in panel.texts if text.get_text()]


def test_profiles_on_the_screen_show_the_plateaus_and_all_products(
    docs: list[ReductionDoc],
) -> None:
    plot = interactive_profiles(docs)
    lines = {trace.name: trace for trace in plot.data if trace.name}
    notes = [note.text for note in plot.layout.annotations]
    for doc in docs:
        line = lines[doc.formula]
        assert list(line.x)[1::2] == [plateau.li_uptake for plateau in doc.voltage_profile]
        assert list(line.y)[1::2] == edges(doc)
        assert list(line.y)[2::2] == edges(doc)[:-1]
        assert window_text(doc) in notes
    assert "12 Li<sub>2</sub>S + 2 Li<sub>3</sub>P + 0.25 Li<sub>15</sub>Ge<sub>4</sub>" in notes
    # a shaded window for each
    bands = [(shape.y0, shape.y1) for shape in plot.layout.shapes]
    assert (docs[0].reduction_potential, docs[0].oxidation_potential) in bands
    assert len(bands) == len(docs)


def test_profiles_in_print_show_the_same(docs: list[ReductionDoc]) -> None:
    figure = printed_profiles(docs)
    for doc, panel in zip(docs, figure.axes, strict=True):
        line = panel.lines[0]
        assert list(line.get_ydata())[1::2] == edges(doc)
        written = [text.get_text() for text in panel.texts]
        for plateau in doc.voltage_profile:
            assert printed_products(plateau.products) in written
        assert "V vs Li/Li" in panel.get_ylabel()


def test_product_labels_keep_order_and_distance(docs: list[ReductionDoc]) -> None:
    labels = place_labels(docs[-1], top=3.0, gap=0.3)
    places = [label.place for label in labels]
    assert all(a - b >= 0.3 - 1e-9 for a, b in pairwise(places))
    assert 0.0 <= places[-1] < places[0] <= 3.0
    for label, plateau in zip(labels, docs[-1].voltage_profile, strict=True):
        high = 3.0 if plateau.potential_high is None else plateau.potential_high
        assert label.potential == pytest.approx((high + plateau.potential_low) / 2)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([3.0, 1.0], [3.0, 1.0]),
        ([1.0, 1.0], [1.5, 0.5]),
        ([0.2, 0.1], [1.0, 0.0]),
        ([4.0, 3.9, 3.8], [4.0, 3.0, 2.0]),
        ([1, 1, 1, 1, 1, 1], [4.0, 3.2, 2.4, 1.6, 0.8, 0.0]),
    ],
)
def test_spread(places: list[float], expected: list[float]) -> None:
    assert spread(places, gap=1.0, low=0.0, high=4.0) == pytest.approx(expected)


def test_kinds_of_windows(docs: list[ReductionDoc], closed: ReductionDoc) -> None:
    assert [window_kind(doc) for doc in docs] == [WINDOW, STABLE, OPEN, WINDOW]
    assert window_kind(closed) == CLOSED
    assert "no window" in window_text(closed)
    assert "no Li" in window_text(docs[2])


def test_bars_are_as_long_as_the_windows(docs: list[ReductionDoc], closed: ReductionDoc) -> None:
    chosen = [*docs, closed]
    plot = interactive_windows(chosen)
    traces = {trace.name: trace for trace in plot.data}
    bars = {
        chosen[row].formula: (base, base + length)
        for kind in (WINDOW, STABLE, OPEN)
        for row, base, length in zip(traces[kind].y, traces[kind].base, traces[kind].x, strict=True)
    }
    for doc in (docs[0], docs[1], docs[3]):
        expected = (doc.reduction_potential, doc.oxidation_potential)
        assert bars[doc.formula] == pytest.approx(expected)
    # without Li the bar runs to the edge of the chart
    assert bars["GeS2"] == pytest.approx((docs[2].reduction_potential, potential_range(chosen)[1]))
    assert plot.layout.xaxis.range[1] == pytest.approx(potential_range(chosen)[1])
    assert list(traces[CLOSED].x) == [1.6]
    assert list(traces[CLOSED].y) == [4]
    numbers = [note.text for note in plot.layout.annotations]
    assert "1.60" in numbers
    assert len(numbers) == len(limits(chosen)) == 2 + 1 + 1 + 2 + 1


def test_whiskers_are_the_standard_errors(docs: list[ReductionDoc]) -> None:
    plot = interactive_windows(docs)
    whiskers = next(trace for trace in plot.data if trace.name == "standard error")
    found = dict(zip(whiskers.x, whiskers.error_x.array, strict=True))
    assert found[docs[0].reduction_potential] == docs[0].reduction_potential_error
    assert found[docs[0].oxidation_potential] == docs[0].oxidation_potential_error
    assert all(error > 0 for error in found.values())
    unknown = docs[0].model_copy(
        update={"reduction_potential_error": None, "oxidation_potential_error": None}
    )
    assert "standard error" in window_plot(docs).note
    assert "standard error" not in window_plot([unknown]).note
    traces = {trace.name: trace for trace in interactive_windows([unknown]).data}
    assert len(traces["standard error"].x) == 0


def test_windows_in_print(docs: list[ReductionDoc], closed: ReductionDoc) -> None:
    panel = printed_windows([*docs, closed]).axes[0]
    bars = [patch for container in panel.containers for patch in getattr(container, "patches", ())]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    assert spans[0] == pytest.approx((1.6, 7 / 3), abs=POTENTIAL_TOLERANCE)
    assert spans[1] == pytest.approx((0.0, docs[1].oxidation_potential))
    assert panel.get_yticklabels()[0].get_text() == "Li$_{3}$PS$_{4}$"
    legend = [text.get_text() for text in panel.get_legend().get_texts()]
    assert legend == [WINDOW, STABLE, OPEN, CLOSED]


def test_windows_are_sorted_unless_told_otherwise(docs: list[ReductionDoc]) -> None:
    def rows(plot: Plot) -> list[str]:
        names = plot.interactive().layout.yaxis.ticktext
        return [re.sub(r"</?sub>", "", name).strip() for name in names]

    # LiCl 0 V, LGPS 1.575 V, Li3PS4 1.6 V, GeS2 above
    assert rows(window_plot(docs)) == ["LiCl", "Li10GeP2S12", "Li3PS4", "GeS2"]
    assert rows(window_plot(docs, as_given=True)) == list(ELECTROLYTES)


def test_system_diagram_holds_the_lowest_phases_of_these_elements(
    toy_source: BundledSource,
) -> None:
    diagram = system_diagram(toy_source, ["Ge", "Li"])
    assert {entry.entry_id for entry in diagram.all_entries} == {
        "Li-1", "Ge-1", "LiGe-88", "Li2Ge-hull10meV", "Li15Ge4-220",
    }  # fmt: skip
    without_li = system_diagram(toy_source, ["Ge", "S"])
    assert {element.symbol for element in without_li.elements} == {"Ge", "S"}
    excluded = system_diagram(toy_source, ["Ge", "Li"], ["LiGe-88"])
    assert "LiGe-polymorph" in {entry.entry_id for entry in excluded.all_entries}


def test_binary_diagram(toy_source: BundledSource) -> None:
    plot = phase_diagram_plot("Li-Ge", toy_source)
    interactive = plot.interactive()
    stable = next(trace for trace in interactive.data if trace.name == "stable")
    points = {round(x, 6): round(y, 6) for x, y in zip(stable.x, stable.y, strict=True)}
    # x is the Li fraction; LiGe -0.5 eV over 2 atoms, Li15Ge4 -4 eV over 19
    assert points == {0.0: 0.0, 1.0: 0.0, 0.5: -0.25, round(15 / 19, 6): round(-4 / 19, 6)}
    assert "Ge" in interactive.layout.xaxis.title.text.split("Li")[0]
    printed = plot.printed()
    assert sorted(texts(printed)) == sorted(
        printed_formula(name) for name in ("Ge", "Li", "LiGe", "Li15Ge4", "Li2Ge")
    )
    assert printed.axes[0].get_ylabel() == "Formation energy (eV/atom)"


def test_ternary_diagram_names_the_stable_phases(toy_source: BundledSource) -> None:
    plot = phase_diagram_plot("Li-P-S", toy_source)
    labels = next(trace for trace in plot.interactive().data if trace.name == "Labels (stable)")
    places = {
        name.strip("\u2003"): place
        for name, *place in zip(labels.text, labels.a, labels.b, labels.c, strict=True)
    }
    assert set(places) == {
        "Li<sub>2</sub>S", "Li<sub>3</sub>P", "P<sub>2</sub>S<sub>5</sub>",
        "Li<sub>3</sub>PS<sub>4</sub>",
    }  # fmt: skip
    assert places["Li<sub>3</sub>PS<sub>4</sub>"] == pytest.approx([3 / 8, 1 / 8, 4 / 8])
    assert {"Li", "P", "S", "Li$_{3}$PS$_{4}$"} <= set(texts(plot.printed()))


def test_electrolyte_is_marked_in_the_diagram_of_its_elements(toy_source: BundledSource) -> None:
    plot = phase_diagram_plot("Li6PS5Cl", toy_source)
    interactive = plot.interactive()
    marked = next(trace for trace in interactive.data if trace.name == "this electrolyte")
    assert len(marked.x) == 1
    assert "Li<sub>6</sub>PS<sub>5</sub>Cl" in marked.hovertext[0]
    assert "0.02" in marked.hovertext[0]  # eV/atom above the hull
    printed = plot.printed()
    stars = [line for line in printed.axes[0].lines if line.get_marker() == "*"]
    assert len(stars) == 1
    assert "Li$_{6}$PS$_{5}$Cl" in texts(printed)


def test_chemical_potentials_of_a_binary_are_its_plateaus(toy_source: BundledSource) -> None:
    # mu_Li - mu_Li0 = -e phi: corners of the regions lie at the plateaus of Ge.
    plateaus = [low for low in edges(reduce("Ge", toy_source)) if low > 0]
    plot = chemical_potential_plot("Li-Ge", toy_source)
    line = plot.interactive().data[0]
    corners = {round(-x, 5) for x in line.x if x is not None}
    assert {round(low, 5) for low in plateaus} <= corners
    drawn = plot.printed().axes[0]
    printed = np.concatenate([line.get_xdata() for line in drawn.lines[:4]])
    assert {round(low, 5) for low in plateaus} <= {round(-x, 5) for x in printed}
    assert "(eV)" in drawn.get_xlabel()
    assert sorted(texts(drawn.get_figure())) == ["Ge", "Li", "Li$_{15}$Ge$_{4}$", "LiGe"]


def test_chemical_potentials_of_three_elements(toy_source: BundledSource) -> None:
    plot = chemical_potential_plot("Li3PS4", toy_source)
    names = {"Li", "P", "S", "Li2S", "Li3P", "P2S5", "Li3PS4"}
    notes = plot.interactive().layout.scene.annotations
    assert {re.sub(r"</?sub>", "", note.text) for note in notes} == names
    panel = plot.printed().axes[0]
    assert set(texts(panel.get_figure())) == {printed_formula(name) for name in names}
    assert panel.get_proj().shape == (4, 4)
    for label in (panel.get_xlabel(), panel.get_ylabel(), panel.get_zlabel()):
        assert "(eV)" in label


def test_labels_of_near_points_do_not_cover_each_other() -> None:
    panel = Figure(figsize=(4, 4)).add_subplot()
    panel.set(xlim=(0, 1), ylim=(0, 1))
    points = [(f"Li{i}Ge", 0.5 + 0.02 * (i % 3), 0.5 + 0.02 * (i // 3)) for i in range(6)]
    label_points(panel, points, 9)
    figure = panel.get_figure()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in panel.texts if text.get_text()]
    assert len(boxes) == len(points)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        ("Li", PlotSystemError, "1 element"),
        ("Li-Ge-P-S-Cl", PlotSystemError, "5 element"),
        ("Li-Qq", ChemicalSystemError, "Qq"),
        ("Li-Li", ChemicalSystemError, "twice"),
        ("Li3PX4", FormulaError, "X"),
        ("Li-U", MissingDataError, "'Li-U'"),
    ],
)
def test_systems_that_cannot_be_drawn(
    text: str, error: type[Exception], named: str, toy_source: BundledSource
) -> None:
    with pytest.raises(error, match=named):
        system_elements(text, toy_source, (2, 3, 4))


def test_files_are_whole_and_need_no_network(docs: list[ReductionDoc], tmp_path: Path) -> None:
    plot = profile_plot(docs[:1])
    page, picture = tmp_path / "profile.html", tmp_path / "profile.PNG"
    for path in (page, picture):
        write_plot(plot, path)
    assert sorted(tmp_path.iterdir()) == sorted([page, picture])  # no temporary file is left
    text = page.read_text()
    assert text.count("plotly.js v") == 1
    assert not re.search(r"<script[^>]*\ssrc=|<link|@import", text)
    assert "<title>Voltage profile: Li3PS4</title>" in text
    assert plot.note in text
    assert picture.read_bytes().startswith(PNG_SIGNATURE)
    with Image.open(picture) as image:
        assert image.info["Description"] == plot.note
        assert image.width > 1000
        assert 190 < image.info["dpi"][0] < 210


def test_source_and_exclusions_are_told(toy_source: BundledSource) -> None:
    doc = reduce("Ge", toy_source, ["LiGe-88"])
    assert "0 K; without LiGe-88" in profile_plot([doc]).note
    assert toy_source.version in profile_plot([doc]).note
    assert "without LiGe-88" in phase_diagram_plot("Li-Ge", toy_source, ["LiGe-88"]).note


@pytest.mark.parametrize(("name", "named"), [("a.pdf", ".png"), ("no_folder/a.png", "no_folder")])
def test_files_that_cannot_be_written(name: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(PlotFileError, match=named):
        check_plot_paths([tmp_path / name])


def test_system_refusing_a_file_is_told(docs: list[ReductionDoc], tmp_path: Path) -> None:
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(PlotFileError, match=r"taken\.html"):
        write_plot(profile_plot(docs[:1]), tmp_path / "taken.html")
