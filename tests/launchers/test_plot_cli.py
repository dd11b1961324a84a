"""misei plot: files, JSON and one-line errors, on the bundled set."""

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


@pytest.mark.parametrize("command", ["profile", "windows", "diagram", "chempot"])
def test_help_has_examples(command: str) -> None:
    code, text, _ = plot(command, "--help")
    assert code == 0
    assert f"misei plot {command}" in text.split("Examples")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["profile", "Ge"],
        ["profile", "Li2S", "Ge", "--exclude", "Li9Ge4", "--source", "bundled"],
        ["windows", "Li2S", "LiCl", "Ge", "--as-given"],
        ["diagram", "Li-Ge"],
        ["chempot", "Li-Ge"],
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


def test_exclusion_is_in_the_figure(tmp_path: Path) -> None:
    code, _, _ = plot("profile", "Ge", "--exclude", "Li9Ge4", "-o", "a.html")
    assert code == 0
    drawn = (tmp_path / "a.html").read_text().split("Plotly.newPlot(")[-1]
    assert "Li\\u003csub\\u003e15" in drawn
    assert "Li\\u003csub\\u003e9" not in drawn
    assert "without Li9Ge4" in drawn


def test_json_and_formulas_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "formulas.txt").write_text("# sulfides\nLi2S\n\nLi3PS4\n")
    code, text, _ = plot("windows", "LiCl", "--file", "formulas.txt", "-o", "w.html", "--json")
    assert code == 0
    assert json.loads(text) == {"files": ["w.html"]}
    page = (tmp_path / "w.html").read_text()
    assert "Stability windows of 3 electrolytes" in page


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["profile", "Ge", "-o", "a.pdf"], ".html, .png"),
        (["profile", "Ge", "-o", "nowhere/a.png"], "nowhere"),
        (["profile", "Xx2S", "-o", "a.png"], "Xx"),
        (["profile", "Ge", "--exclude", "NaCl", "-o", "a.png"], "NaCl"),
        (["profile", "Ge", "--source", "nist", "-o", "a.png"], "nist"),
        (["windows", "-o", "a.png"], "no formula"),
        (["windows", "--file", "missing.txt", "-o", "a.png"], "missing.txt"),
        (["diagram", "Li", "-o", "a.png"], "1 element"),
        (["diagram", "Li-Ge-P-S-Cl", "-o", "a.png"], "5 element"),
        (["diagram", "Li-Qq", "-o", "a.png"], "Qq"),
        (["chempot", "Li-Ge-P-S", "-o", "a.png"], "4 element"),
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
