"""The figure of wetting."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from misei.screening.plots.files import write_plot
from misei.screening.plots.wetting import (
    ALLOY,
    SALT,
    NothingToPlotError,
    kind,
    wetting_plot,
)


@pytest.fixture
def docs(build):
    """An alloy that wets within its error, and a salt that does not."""
    alloy, salt = build.adhesion("LiAl", [1.2]), build.adhesion("Li2O", [0.4])
    alloy.wetting_ratio_interval = (0.9, 1.5)
    alloy.interfaces[0].structure = Structure(Lattice.cubic(3), ["Li", "Al"], [[0] * 3, [0.5] * 3])
    salt.interfaces[0].structure = Structure(Lattice.cubic(3), ["Li", "O"], [[0] * 3, [0.5] * 3])
    return [salt, alloy]


def test_alloys_and_salts_are_told_apart(docs):
    assert [kind(doc) for doc in docs] == [SALT, ALLOY]


def test_best_wetted_first_with_intervals_and_lines(docs):
    figure = wetting_plot(docs).interactive()
    bars = {trace.name: trace for trace in figure.data}
    assert list(bars[ALLOY].y) == [0]
    assert list(bars[SALT].y) == [1]
    assert list(bars[ALLOY].error_x.array) == pytest.approx([0.3])
    assert list(bars[ALLOY].error_x.arrayminus) == pytest.approx([0.3])
    assert list(bars[SALT].error_x.array) == [0.0]
    assert {shape.x0 for shape in figure.layout.shapes} == {0.5, 1.0}
    texts = [note.text for note in figure.layout.annotations]
    assert "1.20 J/m², 0°" in texts
    # cos(theta) = 2 * 0.4 - 1
    assert "0.40 J/m², 102°" in texts


def test_note_says_whose_error_is_unknown(docs):
    assert "unknown for Li2O" in wetting_plot(docs).note


def test_files(docs, tmp_path):
    for suffix in ("png", "html"):
        path = tmp_path / f"wetting.{suffix}"
        write_plot(wetting_plot(docs), path)
        assert path.stat().st_size > 10_000


def test_nothing_to_plot_is_an_error():
    with pytest.raises(NothingToPlotError, match="no work of adhesion"):
        wetting_plot([])
