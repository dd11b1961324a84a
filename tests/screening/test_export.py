from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from misei import __version__
from misei.screening.export import ExportError, export_ranking, write_atomically
from misei.screening.ranking import Gates, RankedAlloy, Ranking, Rejection, Weights, rank
from misei.screening.schemas_adhesion import AdhesionDoc

SOURCE = {"name": "toy set", "version": "7", "protocol": "made up,\nrelaxed # twice"}


@pytest.fixture
def results(build: SimpleNamespace) -> tuple[Ranking, list[AdhesionDoc]]:
    items = [
        build.screened("Li15Ge4", 0.8, 0.3),
        build.screened("Li3Al", 0.9, 0.123456789),
        build.screened("LiZn", 0.4, 0.2),
    ]
    ranking = rank(items, Gates(), Weights())
    ranking.rejected.append(
        Rejection(alloy="Li17Sn4 #2", gate="max_atoms", value=420.0, limit=200.0)
    )
    return ranking, [item.adhesion for item in items]


def test_csv_is_read_by_pandas(results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path) -> None:
    files = export_ranking(results[0], "csv", tmp_path / "ranking.csv", SOURCE, results[1])
    assert [file.name for file in files] == ["ranking.csv", "ranking_rejected.csv"]
    table = pd.read_csv(files[0], comment="#")
    assert list(table["alloy"]) == ["Li3Al", "Li15Ge4"]
    assert list(table["work_of_adhesion (J/m2)"]) == pytest.approx([0.9, 0.8])
    assert list(table["migration_barrier (eV)"]) == pytest.approx([0.123457, 0.3])
    assert list(table["wetting_ratio_low (dimensionless)"]) == pytest.approx([0.675, 0.6])
    assert list(table["migration_barrier_high (eV)"]) == pytest.approx([0.273457, 0.45])
    assert list(table["rank_worst"]) == [2, 2]
    rejected = pd.read_csv(files[1], comment="#")
    assert rejected.to_dict("records") == [
        {"alloy": "LiZn", "gate": "wetting_ratio", "value": pytest.approx(0.4), "limit": 0.5,
         "unit": "dimensionless"},
        {"alloy": "Li17Sn4 #2", "gate": "max_atoms", "value": 420.0, "limit": 200.0,
         "unit": "atoms"},
    ]  # fmt: skip


def test_every_number_has_its_unit_in_the_heading(
    results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path
) -> None:
    files = export_ranking(results[0], "csv", tmp_path / "ranking.csv", SOURCE, results[1])
    table = pd.read_csv(files[0], comment="#")
    counts = {"rank", "rank_best", "rank_worst", "percolation_dimensions"}
    numbers = set(table.select_dtypes("number").columns)
    assert counts < numbers
    assert all(name.endswith(")") for name in numbers - counts)


@pytest.mark.parametrize(("format_name", "name"), [("csv", "r.csv"), ("json", "r.json"),
                                                   ("markdown", "r.md")])  # fmt: skip
def test_provenance_is_in_every_format(
    results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path, format_name: str, name: str
) -> None:
    for file in export_ranking(results[0], format_name, tmp_path / name, SOURCE, results[1]):
        text = file.read_text()
        for fact in (
            __version__, "toy (toy 1.2)", "name: toy set; version: 7; protocol: made up,",
            "max_migration_barrier = 0.6 eV", "max_e_above_hull = 0.03 eV/atom",
            "wetting_ratio = 0.5; migration_barrier = 0.5", "+- 25 %", "+- 0.15 eV",
            "Li15Ge4, Li3Al, LiZn: made-up surface energies are worth nothing",
        ):  # fmt: skip
            assert fact in text


def test_json_gives_the_ranking_back(
    results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path
) -> None:
    (file,) = export_ranking(results[0], "json", tmp_path / "r.json", SOURCE, results[1])
    content = json.loads(file.read_text())
    assert Ranking.model_validate(content) == results[0]
    assert content["units"]["migration_barrier_interval"] == "eV"
    floats = {n for n, f in RankedAlloy.model_fields.items() if f.annotation is float}
    assert floats <= set(content["units"])


def test_json_of_a_number_that_is_none_is_valid(build: SimpleNamespace, tmp_path: Path) -> None:
    ranking = rank(
        [build.screened("LiZn", 1.0, 0.2, e_above_hull=float("nan"))], Gates(), Weights()
    )
    (file,) = export_ranking(ranking, "json", tmp_path / "r.json", SOURCE, [])
    assert "NaN" not in file.read_text()


def test_markdown_tables(results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path) -> None:
    (file,) = export_ranking(results[0], "markdown", tmp_path / "r.md", SOURCE, results[1])
    lines = file.read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    ranking = rows[: 2 + len(results[0].candidates)]
    assert {len(row) for row in ranking} == {len(ranking[0])}
    assert dict(zip(ranking[0], ranking[2], strict=True))["work_of_adhesion (J/m2)"] == "0.900"
    assert ["LiZn", "wetting_ratio", "0.400", "0.500", "dimensionless"] in rows


@pytest.mark.parametrize("format_name", ["csv", "json", "markdown"])
def test_empty_ranking_is_written(tmp_path: Path, format_name: str) -> None:
    ranking = rank([], Gates(), Weights())
    for file in export_ranking(ranking, format_name, tmp_path / "empty", SOURCE, []):
        assert "none: no candidate was computed" in file.read_text()
        if format_name == "csv":
            assert pd.read_csv(file, comment="#").empty


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="'xlsx'; valid: csv, json, markdown"):
        export_ranking(rank([], Gates(), Weights()), "xlsx", tmp_path / "r.xlsx", SOURCE, [])


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")  # a lone surrogate cannot be encoded
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def funnel(build: SimpleNamespace) -> Ranking:
    """Two alloys by two engines, one by the first alone, with phonons and moduli."""
    items = []
    for alloy, ratio, barrier in (("LiA", 1.0, 0.2), ("LiB", 1.2, 0.3), ("LiC", 0.9, 0.1)):
        item = build.screened(alloy, ratio, barrier)
        second = {
            "refined_adhesion": build.adhesion(alloy, [ratio + 0.1]),
            "refined_migration": build.migration(alloy, {"1": barrier + 0.05}),
            "refine": "dft",
        }
        item = replace(item, vibrations=build.vibrations(alloy), elasticity=build.elasticity(alloy))
        items.append(item if alloy == "LiC" else replace(item, **second))
    items[1] = replace(items[1], refined_migration=None)
    return rank(items, Gates(), Weights())


def test_columns_of_a_funnel_have_units(funnel: Ranking, tmp_path: Path) -> None:
    files = export_ranking(funnel, "csv", tmp_path / "ranking.csv", SOURCE, [])
    table = pd.read_csv(files[0], comment="#").set_index("alloy")
    assert table.loc["LiA", "screen_wetting_ratio (dimensionless)"] == pytest.approx(1.0)
    assert table.loc["LiA", "wetting_ratio (dimensionless)"] == pytest.approx(1.1)
    assert table.loc["LiA", "screen_migration_barrier (eV)"] == pytest.approx(0.2)
    assert table.loc["LiC", "lowest_frequency (THz)"] == 0.0
    assert bool(table.loc["LiC", "dynamically_stable"]) is True
    assert table.loc["LiC", "youngs_modulus (GPa)"] == pytest.approx(9 * 50 * 20 / 170, abs=1e-6)
    counts = {"rank", "rank_best", "rank_worst", "percolation_dimensions"}
    numbers = set(table.select_dtypes("number").columns) - counts
    assert all(name.endswith(")") for name in numbers)


def test_columns_that_no_candidate_has_are_left_out(
    results: tuple[Ranking, list[AdhesionDoc]], tmp_path: Path
) -> None:
    (file, _) = export_ranking(results[0], "csv", tmp_path / "ranking.csv", SOURCE, results[1])
    header = pd.read_csv(file, comment="#").columns
    assert not [name for name in header if name.startswith(("screen_", "bulk_", "lowest_"))]


@pytest.mark.parametrize(("format_name", "name"), [("csv", "r.csv"), ("json", "r.json"),
                                                   ("markdown", "r.md")])  # fmt: skip
def test_engines_compared_are_in_every_format(
    funnel: Ranking, tmp_path: Path, format_name: str, name: str
) -> None:
    text = export_ranking(funnel, format_name, tmp_path / name, SOURCE, [])[0].read_text()
    assert "wetting_ratio (dimensionless), 2 alloys: bias 0.100, scatter 0.000, too few" in text
    assert "migration_barrier (eV), 1 alloys: bias 0.050, too few (1; 3 are needed)" in text
    assert "not a random sample" in text
    assert "LiB: migration by dft has no result; the first engine's numbers stand" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_json_of_a_funnel_gives_the_ranking_back(funnel: Ranking, tmp_path: Path) -> None:
    (file,) = export_ranking(funnel, "json", tmp_path / "r.json", SOURCE, [])
    content = json.loads(file.read_text())
    assert Ranking.model_validate(content) == funnel
    optional = {n for n, f in RankedAlloy.model_fields.items() if f.annotation == float | None}
    assert len(optional) == 8
    assert optional <= set(content["units"])
