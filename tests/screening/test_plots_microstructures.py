"""Drawn microstructures are hard spheres with their clusters, true to scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import log10, pi

import numpy as np
import pytest
from matplotlib.figure import Figure

from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.percolation import percolation_threshold
from misei.screening.plots.microstructures import (
    CLUSTERED,
    DENSEST,
    GRAINS,
    ISOLATED,
    SPANNING,
    MicrostructureError,
    Sample,
    box_edge,
    cut_links,
    default_fractions,
    grain_count,
    microstructure_plot,
    sample_grains,
)
from misei.screening.plots.microstructures_drawn import (
    NAMES,
    interactive_samples,
    printed_samples,
    scale_length,
    sphere_mesh,
)
from misei.screening.plots.spheres import Canvas, View

# A picture's area is known to the pixels along its edge: 2 pi r of them, half of that either way.
AREA_TOLERANCE = 0.02
# Largest megabytes of a page besides plotly.js.
PAGE_MEGABYTES = 5.0


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for panel in figure.axes for text in panel.texts if text.get_text()]


def sampled(metal_fraction: float, seed: int = 1, box: float = 20.0) -> Sample:
    return sample_grains("", metal_fraction, DEFAULT_GRAINS, box, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Far below and far above the threshold, where no sample of this size is in doubt."""
    threshold = percolation_threshold().value
    return [sampled(0.3 * threshold), sampled(2.5 * threshold)]


def separations(sample: Sample) -> np.ndarray:
    difference = sample.centres[:, None] - sample.centres
    difference -= sample.box * np.round(difference / sample.box)
    pairs = np.triu_indices(len(sample.centres), 1)
    return np.linalg.norm(difference, axis=-1)[pairs]


def test_grains_have_their_size_and_volume(samples: list[Sample]) -> None:
    for sample in samples:
        volume = pi * sample.diameter**3 / 6 / sample.box**3
        assert abs(len(sample.centres) * volume - sample.metal_fraction) <= volume / 2
        assert separations(sample).min() >= sample.diameter * (1 - 1e-9)
        assert sample.centres.min() >= 0
        assert sample.centres.max() <= sample.box


def test_kinds_follow_the_links(samples: list[Sample]) -> None:
    below, above = samples
    assert below.spanning_share == 0
    assert above.spanning_share > 0.9
    reach = DEFAULT_GRAINS.grain_diameter_nm + DEFAULT_GRAINS.tunnelling_length_nm
    for sample in samples:
        difference = sample.centres[:, None] - sample.centres
        difference -= sample.box * np.round(difference / sample.box)
        near = np.linalg.norm(difference, axis=-1) < reach
        np.fill_diagonal(near, False)
        assert np.array_equal(near.any(axis=1), sample.kinds != ISOLATED)
        # neighbours are in one cluster
        first, second = np.nonzero(near)
        assert np.array_equal(sample.kinds[first], sample.kinds[second])


def test_links_are_cut_at_the_faces(samples: list[Sample]) -> None:
    centres = np.array([[0.9, 0.5, 0.5], [0.2, 0.5, 0.5], [0.3, 0.6, 0.5]])
    first, second = np.array([0, 1]), np.array([1, 2])
    shifts = np.array([[1, 0, 0], [0, 0, 0]])
    segments, nodes = cut_links(centres, first, second, shifts)
    assert nodes.tolist() == [0, 1, 1]
    assert segments == pytest.approx(
        np.array([
            [[0.9, 0.5, 0.5], [1.0, 0.5, 0.5]], [[0.2, 0.5, 0.5], [0.3, 0.6, 0.5]],
            [[0.2, 0.5, 0.5], [0.0, 0.5, 0.5]],
        ])
    )  # fmt: skip
    for sample in samples:
        assert sample.links.min() >= -1e-9
        assert sample.links.max() <= sample.box + 1e-9
        assert set(sample.link_kinds.tolist()) <= {CLUSTERED, SPANNING}


def test_one_seed_is_one_sample() -> None:
    fraction = 0.5 * percolation_threshold().value
    assert np.array_equal(sampled(fraction).centres, sampled(fraction).centres)
    assert not np.array_equal(sampled(fraction).centres, sampled(fraction, seed=2).centres)


def test_default_box_and_fractions() -> None:
    threshold = percolation_threshold()
    (_, below), (_, above) = default_fractions(threshold)
    assert below < threshold.value < above
    box = box_edge([below, above], DEFAULT_GRAINS, None)
    # the box is rounded to two digits, hence its volume to about 15 %
    diameter = DEFAULT_GRAINS.grain_diameter_nm
    assert grain_count(above, diameter, box) == pytest.approx(GRAINS, rel=0.15)
    assert box_edge([0.0], DEFAULT_GRAINS, None) > 0


@pytest.mark.parametrize(
    ("fractions", "grains", "box", "named"),
    [
        ([1.5], DEFAULT_GRAINS, None, f"1.5 cannot be drawn; valid: 0 to {DENSEST}"),
        ([-0.1], DEFAULT_GRAINS, None, "-0.1"),
        ([0.02], DEFAULT_GRAINS, 5.0, "too narrow"),
        ([0.02], DEFAULT_GRAINS, float("nan"), "too narrow"),
        ([0.02], DEFAULT_GRAINS, 500.0, "at most 3000"),
        ([0.02], Grains(aspect_ratio=2.0), None, "round"),
        ([0.02], Grains(envelope_nm=0.5), None, "bare"),
    ],
)
def test_microstructures_that_cannot_be_drawn(
    fractions: Sequence[float], grains: Grains, box: float | None, named: str
) -> None:
    with pytest.raises(MicrostructureError, match=named):
        microstructure_plot([("", fraction) for fraction in fractions], grains, box)


def test_sphere_mesh_is_closed_and_seen_from_outside() -> None:
    corners, triangles = sphere_mesh(92)
    assert np.linalg.norm(corners, axis=1) == pytest.approx(1.0)
    edges = {tuple(sorted(pair)) for t in triangles.tolist() for pair in combinations(t, 2)}
    assert len(corners) - len(edges) + len(triangles) == 2  # Euler
    a, b, c = (corners[triangles[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    assert (volume > 0).all()
    assert 0.9 * 4 * pi / 3 < volume.sum() < 4 * pi / 3


def test_samples_on_the_screen(samples: list[Sample]) -> None:
    plot = interactive_samples(samples, percolation_threshold())
    meshes = [trace for trace in plot.data if trace.type == "mesh3d"]
    drawn = {(trace.scene, trace.name): trace for trace in meshes}
    for scene, sample in zip(("scene", "scene2"), samples, strict=True):
        for kind in np.unique(sample.kinds).tolist():
            mesh = drawn[scene, NAMES[kind]]
            count = int((sample.kinds == kind).sum())
            assert len(mesh.x) % count == 0
            # no corner lies further out than a radius
            assert np.max(mesh.x) <= sample.box + sample.diameter / 2
            assert max(mesh.i.max(), mesh.j.max(), mesh.k.max()) < len(mesh.x)
    titles = [note.text for note in plot.layout.annotations]
    assert "&lt; V<sub>p</sub>" in titles[0]
    assert "≥ V<sub>p</sub>" in titles[1]
    assert [trace.showlegend for trace in meshes].count(None) == 0
    assert len(plot.to_json()) < PAGE_MEGABYTES * 1e6


def test_samples_in_print(samples: list[Sample]) -> None:
    figure = printed_samples(samples, percolation_threshold())
    threshold = f"{100 * percolation_threshold().value:.3g} %"
    assert len(figure.axes) == 2
    for sample, panel in zip(samples, figure.axes, strict=True):
        assert f"{100 * sample.metal_fraction:.3g} %" in panel.get_title()
        assert threshold in panel.get_title()
        assert f"{sample.box:g} nm" in texts(figure)
        assert len(panel.images) == 1
    assert f"{scale_length(samples[0].box):g} nm" in texts(figure)
    kinds = {int(kind) for sample in samples for kind in sample.kinds}
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {NAMES[kind] for kind in kinds}


def test_interphase_without_metal_is_an_empty_box() -> None:
    plot = microstructure_plot([("LiCl", 0.0)])
    assert "no metal" in texts(plot.printed())
    assert [trace.type for trace in plot.interactive().data] == ["scatter3d"]


@pytest.mark.parametrize("box", [9.9, 26.0, 36.0, 150.0])
def test_bar_of_the_scale_is_round(box: float) -> None:
    length = scale_length(box)
    assert box / 8 < length <= box / 3
    assert length / 10 ** np.floor(log10(length)) in (1, 2, 5)


def test_view_keeps_lengths() -> None:
    axes = View(40.0, 25.0).axes
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert View().project(np.array([0.0, 0.0, 1.0]))[1] > 0  # up is up


def test_spheres_and_rods_have_their_size() -> None:
    red = np.array([1.0, 0.0, 0.0])
    canvas = Canvas(1.0, 200)
    canvas.add_sphere(np.zeros(3), 0.5, red)
    cover = canvas.picture(1.0, -1.0)[..., 3]
    assert cover.mean() * 4 == pytest.approx(pi * 0.25, rel=AREA_TOLERANCE)
    canvas = Canvas(1.0, 400)
    canvas.add_rod(np.array([-0.5, -0.2, 0.0]), np.array([0.5, 0.2, 0.0]), 0.05, red)
    cover = canvas.picture(1.0, -1.0)[..., 3]
    # with half a disc at either end
    expected = 0.1 * np.hypot(1.0, 0.4) + pi * 0.05**2
    assert cover.mean() * 4 == pytest.approx(expected, rel=AREA_TOLERANCE)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_in_front_hides_what_is_behind(order: tuple[int, int]) -> None:
    spheres = [
        (np.array([0.0, 0.0, 0.5]), np.array([1.0, 0.0, 0.0])),
        (np.array([0.0, 0.0, -0.5]), np.array([0.0, 0.0, 1.0])),
    ]
    canvas = Canvas(1.0, 50)
    for i in order:
        centre, colour = spheres[i]
        canvas.add_sphere(centre, 0.3 + 0.2 * i, colour)
    picture = canvas.picture(1.0, -1.0)
    middle, rim = picture[25, 25], picture[25, 35]
    assert middle[0] > middle[2]
    assert rim[2] > rim[0]
    # what is behind is paler
    assert rim[:3].min() > middle[:3].min()
