"""Lattices have the neighbours and the percolation thresholds that they are known to have."""

from __future__ import annotations

import numpy as np
import pytest

from misei.screening.microstructures import finite_size
from misei.screening.microstructures.lattices import (
    LatticeError,
    lattice_links,
    lattice_threshold,
    sample_threshold,
)
from misei.screening.microstructures.wrapping import wrapping_clusters

NEIGHBOURS = {"sc": 6, "bcc": 8, "fcc": 12}
SITES_PER_CELL = {"sc": 1, "bcc": 2, "fcc": 4}
# Sources in the module.
EXACT = {
    ("sc", "site"): 0.3116077,
    ("bcc", "site"): 0.2459615,
    ("fcc", "site"): 0.1992352,
    ("sc", "bond"): 0.2488119,
}
EXACT_TOLERANCE = 0.01  # relative, what the project asks for
STANDARD_ERRORS = 3.0
SIZES, SAMPLES = (8, 12, 16), 1000


@pytest.mark.parametrize("lattice", NEIGHBOURS)
@pytest.mark.parametrize("size", [3, 4])
def test_every_site_has_the_neighbours_of_its_lattice_each_once(lattice, size):
    sites, first, second, shifts = lattice_links(lattice, size)
    assert sites == SITES_PER_CELL[lattice] * size**3
    ends = np.concatenate([first, second])
    assert (np.bincount(ends, minlength=sites) == NEIGHBOURS[lattice]).all()
    bonds = np.column_stack([np.minimum(first, second), np.maximum(first, second)])
    assert len(np.unique(bonds, axis=0)) == len(bonds)
    assert shifts.shape == (len(first), 3)


@pytest.mark.parametrize("lattice", NEIGHBOURS)
def test_a_full_lattice_is_one_cluster_that_wraps_and_an_open_box_does_not(lattice):
    sites, first, second, shifts = lattice_links(lattice, 4)
    roots, wraps = wrapping_clusters(sites, first, second, shifts)
    assert len(set(roots)) == 1
    assert wraps.all()
    inside = (shifts == 0).all(axis=1)
    roots, wraps = wrapping_clusters(sites, first[inside], second[inside], shifts[inside])
    assert len(set(roots)) == 1
    assert not wraps.any()


@pytest.mark.parametrize(("lattice", "kind"), EXACT)
def test_thresholds_are_the_published_ones_within_their_errors(lattice, kind):
    exact = EXACT[lattice, kind]
    found = lattice_threshold(lattice, kind, SIZES, SAMPLES, np.random.default_rng(1))
    assert found.value == pytest.approx(exact, rel=EXACT_TOLERANCE)
    assert abs(found.value - exact) < STANDARD_ERRORS * found.standard_error
    assert found.standard_error < EXACT_TOLERANCE * exact


@pytest.mark.parametrize("kind", ["site", "bond"])
def test_a_sample_is_an_occupation_that_depends_on_its_random_numbers_alone(kind):
    links = lattice_links("fcc", 4)
    found = [sample_threshold(links, kind, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert 0.0 < min(found) < max(found) < 1.0


def test_a_single_site_wraps_when_it_fills_and_a_single_cell_with_its_first_bond():
    links = lattice_links("sc", 1)
    for kind, first in (
        ("site", np.random.default_rng(5).random(1)[0]),
        ("bond", np.random.default_rng(5).random(3).min()),
    ):
        assert sample_threshold(links, kind, np.random.default_rng(5)) == first


def test_thresholds_do_not_depend_on_the_number_of_threads(monkeypatch):
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(finite_size, "THREADS", threads)
        found.append(lattice_threshold("bcc", "bond", (3, 4), (20, 10), np.random.default_rng(1)))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("lattice", "kind", "sizes", "message"),
    [
        ("hcp", "site", (4, 6), "unknown lattice 'hcp', valid: sc, bcc, fcc"),
        ("sc", "sites", (4, 6), "unknown kind of percolation 'sites', valid: site, bond"),
        ("sc", "site", (0, 6), "lattice size 0 is below 1 cell"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(lattice, kind, sizes, message):
    with pytest.raises(LatticeError, match=message):
        lattice_threshold(lattice, kind, sizes, 10, np.random.default_rng(1))
