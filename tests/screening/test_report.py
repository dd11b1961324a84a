from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from misei.screening.funnel import compare_engines
from misei.screening.grains import Grains
from misei.screening.plots import profiles
from misei.screening.plots import ranking as plots
from misei.screening.plots.engines import engine_parity
from misei.screening.ranking import Gates, Rejection, Weights, rank
from misei.screening.report import ReportData, render_report, write_report
from misei.screening.report_funnel import SYMBOLS
from misei.screening.report_html import formula, interval, number, products
from misei.screening.report_tables import interphase_table
from misei.screening.schemas_costs import StageCost
from misei.screening.schemas_thermodynamics import InterphaseDoc, Plateau, ReductionDoc

SOURCE = {"name": "toy set", "version": "7", "protocol": "made up"}
EVIL = "<script>alert('x')</script>"


def reduction(name: str, e_above_hull: float | None = 0.016) -> ReductionDoc:
    """Window 1.7 to 2.1 V, two steps of reduction, 8 Li at 0 V."""
    steps = [
        (None, 2.1, -2.0, {"S": 1.0}),
        (2.1, 1.7, 0.0, {"Li3PS4": 1.0}),
        (1.7, 0.9, 5.0, {"Li2S": 4.0, "P": 1.0}),
        (0.9, 0.0, 8.0, {"Li2S": 4.0, "Li3P": 1.0}),
    ]
    return ReductionDoc(
        formula=name, e_above_hull=e_above_hull, reduction_potential=1.7, oxidation_potential=2.1,
        products_0V=steps[-1][3], li_uptake_0V=8.0, reaction_energy_0V=-0.9,
        volume=None, product_volume_0V=100.0, energy_error=0.01, energy_error_source="a table",
        voltage_profile=[
            Plateau(potential_high=high, potential_low=low, li_uptake=n, products=p)
            for high, low, n, p in steps
        ],
        excluded_phases=["LiS4-1"], source=SOURCE,
    )  # fmt: skip


def interphase(name: str, fraction: float, kind: str) -> InterphaseDoc:
    return InterphaseDoc(
        formula=name, products_0V={"Li2S": 4.0}, metallic_products=["Li15Ge4"] if fraction else [],
        metal_volume_fraction=fraction, percolation_threshold=0.03,
        percolation_threshold_interval=(0.01, 0.07), threshold_model="cherry-pit, D = 2 nm",
        metallic_rule="a rule", interphase_class=kind, source=SOURCE,
        percolation_probability=0.5, li_uptake_0V=8.0, grains=Grains(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(build: SimpleNamespace) -> ReportData:
    items = [
        build.screened("Li15Ge4", 0.8, 0.30),
        build.screened("Li3Al", 0.92, 0.12),
        build.screened("LiZn", 1.2, 0.40),
        build.screened("LiSi", 0.4, 0.20),
    ]
    ranking = rank(items, Gates(), Weights())
    ranking.rejected.append(Rejection(alloy="Li7Sn2", gate="max_atoms", value=420.0, limit=200.0))
    return ReportData(
        campaign="toy", reductions=[reduction("Li6PS5Cl"), reduction("Li10GeP2S12", None)],
        interphases=[interphase("Li6PS5Cl", 0.0, "SEI"), interphase("Li10GeP2S12", 0.1, "MCI")],
        candidates=[item.candidate for item in items], ranking=ranking,
        adhesions=[item.adhesion for item in items],
        migrations=[item.migration for item in items], source=SOURCE, timing="12 s",
    )  # fmt: skip


def without_plotly(page: str) -> str:
    """Drop plotly.js, which is 5 MB."""
    start = page.index('<script type="text/javascript">')
    return page[:start] + page[page.index("</script>", start) + len("</script>") :]


@pytest.fixture(scope="module")
def text(data: ReportData) -> str:
    return without_plotly(render_report(data))


class TagBalance(HTMLParser):
    """Fails where a tag closes that is not the one last opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_and_needs_no_network(data: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(data, path)
    page = path.read_text()
    assert page.count("plotly.js v") == 1
    text = without_plotly(page)
    assert not re.search(r"""(src|href)=["'](?!#)|<link|@import|url\(""", text)
    # 2 voltage profiles, metal fractions, affinity, 4 alloys with hops
    assert text.count("Plotly.newPlot(") == 8
    assert text.count('"showSendToCloud":') == 8
    assert '"showSendToCloud": true' not in text
    parser = TagBalance()
    parser.feed(text)
    assert parser.open == []


def test_contents_link_to_every_section(text: str) -> None:
    links = re.findall(r'href="#(section-\d+)"', text)
    assert len(links) == 10
    assert re.findall(r'<section id="(section-\d+)"', text) == links


def test_numbers_with_units_and_reasons(text: str) -> None:
    # Li3Al: 0.92 +- 25 % and 0.12 +- 0.15 eV (not below 0), E_m + E_f = 0.12 + 0.5
    for cell in ("0.92 (0.69 to 1.15)", "0.12 (0.00 to 0.27)", "0.62"):
        assert f'<td class="num">{cell}</td>' in text
    assert "First is <b>Li<sub>3</sub>Al</b>" in text
    reason = '<code>wetting_ratio</code></td><td class="num">0.4</td><td class="num">0.5</td>'
    assert reason in text
    assert "<code>max_atoms</code>" in text
    assert '<td class="num">10.00</td><td class="num">3.00 (1.00 to 7.00)</td>' in text
    assert '<td>Li<sub>10</sub>GeP<sub>2</sub>S<sub>12</sub></td><td class="num">\u2013' \
        in text.replace(' class=""', "")  # fmt: skip
    for caveat in (
        "made-up surface energies are worth nothing", "longer hops were not computed",
        "LiS4-1", "16 meV/atom", "cherry-pit, D = 2 nm", "name: toy set", "Run: 12 s",
    ):  # fmt: skip
        assert caveat in text


def test_unconverged_results_and_warnings_are_told(
    data: ReportData, build: SimpleNamespace
) -> None:
    broken = build.migration("LiZn", {"1": 0.4}, converged=False)
    broken.warnings.append("the vacancy moved")
    text = without_plotly(render_report(replace(data, migrations=[broken])))
    assert "<b>Not converged</b>: migration of LiZn" in text
    assert "LiZn, migration: the vacancy moved" in text
    assert '<span class="bad">no</span>' in text


def test_strings_are_escaped(data: ReportData, build: SimpleNamespace) -> None:
    item = build.screened(EVIL, 0.8, 0.2)
    item.adhesion.interfaces[0].termination = EVIL
    item.migration.hops[0].label = EVIL
    item.migration.warnings.append(EVIL)
    evil = ReportData(
        campaign=EVIL, reductions=[reduction(EVIL)], interphases=[interphase(EVIL, 0.1, EVIL)],
        candidates=[item.candidate], ranking=rank([item], Gates(), Weights()),
        adhesions=[item.adhesion], migrations=[item.migration], source={"name": EVIL},
        timing=EVIL,
    )  # fmt: skip
    text = without_plotly(render_report(evil))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_empty_campaign_still_gives_a_page(data: ReportData) -> None:
    empty = ReportData("empty", [], [], [], rank([], Gates(), Weights()), [], [], SOURCE)
    text = without_plotly(render_report(empty))
    assert "No candidate passed all gates." in text
    assert "No interface was computed." in text


def test_voltage_profile_is_a_staircase_that_ends_at_0_V() -> None:
    line = profiles.voltage_profile(reduction("Li6PS5Cl")).data[0]
    assert list(line.x) == [-2.0, -2.0, 0.0, 0.0, 5.0, 5.0, 8.0, 8.0]
    # the top edge, which the data leave open, lies above the last one
    assert list(line.y)[1:] == [2.1, 2.1, 1.7, 1.7, 0.9, 0.9, 0.0]
    assert line.y[0] > 2.1
    assert "1.70 V to 2.10 V" in line.customdata[2]
    assert "4 Li<sub>2</sub>S" in line.customdata[-1]


def test_metal_fractions_in_percent_with_their_classes(data: ReportData) -> None:
    bars = {trace.name: trace for trace in plots.metal_fractions(data.interphases).data}
    assert list(bars["SEI"].x) == [0.0]
    assert list(bars["MCI"].x) == [10.0]
    band = bars["percolation threshold, interval"]
    assert list(band.base) == [1.0, 1.0]
    assert list(band.x) == pytest.approx([6.0, 6.0])


def test_probabilities_of_the_classes_are_in_the_table(data: ReportData) -> None:
    shown = interphase_table(data.interphases)
    # Of metal that may or may not percolate, and of none.
    assert "P(SEI), P(MI-SEI), P(MCI)" in shown
    assert "0, 50, 50" in shown
    assert "100, 0, 0" in shown


def test_pareto_front_and_rejected_in_the_scatter(data: ReportData) -> None:
    plot = plots.affinity_against_mobility(data.ranking, data.adhesions, data.migrations)
    traces = {trace.name: trace for trace in plot.data}
    front = traces["Pareto front"]
    assert list(front.x) == [0.12, 0.40]  # Li3Al, LiZn; Li15Ge4 lies behind Li3Al
    assert list(front.y) == pytest.approx([0.92, 1.2])
    assert front.line.shape == "hv"
    assert list(traces["dominated"].x) == [0.30]
    # of the two rejected ones only LiSi was computed
    assert list(traces["rejected by a gate"].x) == [0.20]
    assert list(traces["dominated"].error_x.arrayminus) == pytest.approx([0.15])
    assert list(traces["dominated"].error_y.array) == pytest.approx([0.2])
    labels = [annotation.text for annotation in plot.layout.annotations]
    assert "Li<sub>15</sub>Ge<sub>4</sub>" in labels


def test_labels_avoid_their_neighbours() -> None:
    # a point to the upper right leaves the lower left free, and the other way round
    sides = plots.label_sides([("A", 0.0, 0.0), ("B", 0.05, 0.04), ("C", 1.0, 1.0)])
    assert sides[0] == (-1, -1)
    assert sides[1] == (1, 1)


def test_hop_profile_is_reduced_and_starts_at_zero(data: ReportData) -> None:
    hop = data.migrations[0].hops[0]
    x, y = plots.reduced_profile(hop)
    assert x == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert y == pytest.approx([0.0, 0.21, 0.30, 0.21, 0.10])  # 0.3 eV up, 0.2 eV down


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Li6PS5Cl", "Li<sub>6</sub>PS<sub>5</sub>Cl"),
        ("16 Li2S + LiCl", "16 Li<sub>2</sub>S + LiCl"),
        ("Li0.33La0.56TiO3", "Li<sub>0.33</sub>La<sub>0.56</sub>TiO<sub>3</sub>"),
        ("a<b>&2", "a&lt;b&gt;&amp;2"),
    ],
)
def test_formula(text: str, html: str) -> None:
    assert formula(text) == html


def test_rounding() -> None:
    assert number(-0.001) == "0.00"
    assert number(1.005, 1) == "1.0"
    assert number(None) == "\u2013"
    assert interval(1.0, (0.75, 1.25)) == "1.00 (0.75 to 1.25)"
    assert products({"Li2S": 5.0, "LiCl": 1.0}) == "5 Li<sub>2</sub>S + LiCl"


def test_sections_of_a_funnel_with_phonons_and_moduli(build: SimpleNamespace) -> None:
    items = [
        replace(
            build.screened(alloy, ratio, barrier),
            refined_adhesion=build.adhesion(alloy, [ratio + 0.125]),
            refined_migration=build.migration(alloy, {"1": barrier + 0.05}),
            refine="gpaw",
        )
        for alloy, ratio, barrier in (("LiA", 1.0, 0.2), ("LiB", 1.2, 0.3), ("LiC", 0.9, 0.1))
    ]
    cost = StageCost(
        stage="stage 2 (gpaw)", energies_from="DFT", jobs=7, seconds=1234.4, force_evaluations=4321
    )
    ranking = rank(items, Gates(), Weights())
    page = render_report(
        ReportData(
            campaign="toy", reductions=[], interphases=[], candidates=[], ranking=ranking,
            adhesions=[item.adhesion for item in items],
            migrations=[item.migration for item in items], source=SOURCE,
            vibrations=[build.vibrations("LiA", -1.5)], elasticities=[build.elasticity("LiA")],
            refined_adhesions=[item.refined_adhesion for item in items],
            refined_migrations=[item.refined_migration for item in items], costs=[cost],
        )
    )  # fmt: skip
    text = without_plotly(page)
    parser = TagBalance()
    parser.feed(text)
    assert parser.open == []
    for section in ("Engines compared", "Phonons", "Elastic moduli", "Cost"):
        assert f"{section}</h2>" in text
    # bias of the ratio, no scatter, same order
    assert '<td class="num">0.125</td>\n<td' in text or '<td class="num">0.125</td><td' in text
    assert '<td class="num">-1.50</td>' in text
    assert '<td class="num">4321</td><td class="num">1234</td>' in text
    assert '<td class="num">52.9</td>' in text  # E = 9 B G / (3 B + G)
    # Parity of four quantities in one figure, affinity, and the hops of six documents.
    assert text.count("Plotly.newPlot(") == 8


def test_parity_plot_has_a_panel_for_each_quantity(build: SimpleNamespace) -> None:
    item = replace(
        build.screened("LiA", 1.0, 0.2),
        refine="gpaw",
        refined_adhesion=build.adhesion("LiA", [1.2]),
    )
    comparison = compare_engines([item])
    assert comparison is not None
    plot = engine_parity(comparison, SYMBOLS)
    # Nothing of migration: a line and the points of W_ad and of its ratio.
    assert [trace.mode for trace in plot.data] == ["lines", "markers+text"] * 2
    assert list(plot.data[3].x) == pytest.approx([1.0])
    assert list(plot.data[3].y) == pytest.approx([1.2])
    assert plot.layout.xaxis.title.text == "toy"
    assert plot.layout.yaxis.title.text == "gpaw"
