"""misei plot composite, conductivity, microstructure: files, JSON and one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from misei.launchers.cli import app

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MISEI_SOURCE", raising=False)


def plot(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plot", *arguments])
    return result.exit_code, result.stdout, result.stderr


def drawn(page: Path) -> str:
    """What is drawn on a page, and the note below it."""
    return page.read_text().split("Plotly.newPlot(")[-1]


@pytest.mark.parametrize("command", ["composite", "conductivity", "microstructure"])
def test_help_has_examples(command: str) -> None:
    code, text, _ = plot(command, "--help")
    assert code == 0
    assert f"misei plot {command}" in text.split("Examples")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["composite", "Li6PS5Cl", "Li10GeP2S12", "--ratio", "16", "--variants"],
        ["composite", "Li6PS5Cl", "Li10GeP2S12", "Li3InCl6", "--exclude", "Li9Ge4"],
        ["conductivity", "Li10GeP2S12", "--sigma-metal", "100"],
        ["microstructure", "--metal-fraction", "0.013", "--box", "15"],
    ],
    ids=" ".join,
)
def test_two_files_of_one_figure(arguments: list[str], tmp_path: Path) -> None:
    code, text, errors = plot(*arguments, "-o", "a.html", "--output", "a.png")
    assert code == 0, errors
    assert text.splitlines() == ["a.html", "a.png"]
    assert errors == ""
    assert "Plotly.newPlot(" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "a.png").read_bytes().startswith(PNG_SIGNATURE)


def test_composite_shows_what_design_computes(tmp_path: Path) -> None:
    grains = ["--grain-diameter", "2.2", "--spread", "1.2"]
    assert plot("composite", "Li6PS5Cl", "Li10GeP2S12", *grains, "-o", "c.html")[0] == 0
    design = CliRunner().invoke(app, ["design", "Li6PS5Cl", "Li10GeP2S12", *grains, "--json"])
    document = json.loads(design.stdout)
    low, high = document["critical_ratio_interval"]
    text = f"{document['critical_ratio']:.3g} ({low:.2g} to {high:.2g})"
    assert text in drawn(tmp_path / "c.html")
    assert "grain diameter 2.2 nm" in drawn(tmp_path / "c.html")


def test_ratios_of_a_composite_are_pointed_out(tmp_path: Path) -> None:
    asked = ["--ratio", "4", "--ratio", "16"]
    assert plot("composite", "Li6PS5Cl", "Li10GeP2S12", *asked, "-o", "c.html")[0] == 0
    assert "4 : 1" in drawn(tmp_path / "c.html")
    assert "16 : 1" in drawn(tmp_path / "c.html")


def test_formulas_are_drawn_at_their_metal_fraction(tmp_path: Path) -> None:
    interphase = CliRunner().invoke(app, ["interphase", "Li10GeP2S12", "--json"])
    metal = f"{100 * json.loads(interphase.stdout)[0]['metal_volume_fraction']:.3g} %"
    for command in (["conductivity"], ["microstructure", "--box", "12"]):
        code, text, errors = plot(*command, "Li10GeP2S12", "-o", "f.html", "--json")
        assert code == 0, errors
        assert json.loads(text) == {"files": ["f.html"]}
        assert metal in drawn(tmp_path / "f.html")
        assert "Li\\u003csub\\u003e10" in drawn(tmp_path / "f.html")


def test_seed_sets_the_sample(tmp_path: Path) -> None:
    common = ["microstructure", "--metal-fraction", "0.02", "--box", "15"]
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert plot(*common, "--seed", seed, "-o", f"{name}.png")[0] == 0
    first, second, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["composite", "Li6PS5Cl", "Li10GeP2S12", "-o", "a.pdf"], ".html, .png"),
        (["composite", "Li6PS5Cl", "Xx2S", "-o", "a.png"], "Xx"),
        (["composite", "Li6PS5Cl", "Ge", "--ratio", "-1", "-o", "a.png"], "-1"),
        (["composite", "Li6PS5Cl", "Ge", "--grain-diameter", "-2", "-o", "a.png"], "-2"),
        (["conductivity", "--sigma-metal", "-1", "-o", "a.png"], "-1"),
        (["conductivity", "--sigma-insulator", "1e9", "-o", "a.png"], "1e+09"),
        (["conductivity", "Xx2S", "-o", "a.png"], "Xx"),
        (["conductivity", "-o", "nowhere/a.png"], "nowhere"),
        (["microstructure", "--metal-fraction", "1.3", "-o", "a.png"], "1.3"),
        (["microstructure", "--box", "1", "-o", "a.png"], "at least"),
        (["microstructure", "--box", "1000", "-o", "a.png"], "at most"),
        (["microstructure", "--grain-diameter", "0", "-o", "a.png"], "0"),
        (["microstructure", "-o", "a.gif"], ".html, .png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_file(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    code, text, errors = plot(*arguments)
    assert code == 2
    assert text == ""
    assert len(errors.strip().splitlines()) == 1
    assert named in errors
    assert list(tmp_path.iterdir()) == []
