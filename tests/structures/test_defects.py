"""Defects placed in a supercell, and the paths between them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from monty.json import MontyDecoder
from pymatgen.core import Lattice, Structure

from misei.structures.defects import DefectCell, interpolate_path, place_hops
from misei.structures.hops import find_hops
from misei.structures.supercells import supercell_matrix

FCC = Structure.from_spacegroup(225, Lattice.cubic(4.0), ["Li"], [[0, 0, 0]])
FCC = FCC.get_primitive_structure()
BCC = Structure.from_spacegroup(229, Lattice.cubic(3.5), ["Li"], [[0, 0, 0]])
BCC = BCC.get_primitive_structure()
B32 = Structure.from_spacegroup(
    "Fd-3m:2", Lattice.cubic(6.37), ["Li", "Al"], [[0.375] * 3, [0.125] * 3]
).get_primitive_structure()
# fcc with its octahedral void as a dummy site.
FCC_VOIDS = Structure(FCC.lattice, ["Li", "X0+"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def cell_of(crystal: Structure, mechanism: str = "vacancy") -> DefectCell:
    return DefectCell(crystal, supercell_matrix(crystal, 8.0), mechanism)


@pytest.mark.parametrize(
    ("crystal", "mobile", "mechanism"),
    [(FCC, "Li", "vacancy"), (BCC, "Li", "vacancy"), (B32, "Li", "vacancy"),
     (FCC_VOIDS, "X", "interstitial")],
)  # fmt: skip
def test_placed_hops_lie_on_the_supercell(crystal: Structure, mobile: str, mechanism: str) -> None:
    graph = find_hops(crystal, mobile, 4.2)
    cell = cell_of(crystal, mechanism)
    visited, endpoints = place_hops(cell, graph.hops, graph.origins)
    assert len(set(visited)) == len(visited)
    for hop, ends in zip(graph.hops, endpoints, strict=True):
        assert {ends.initial, ends.final} <= set(visited)
        assert np.linalg.norm(ends.vector) == pytest.approx(hop.distance)
        coords = cell.sites.cart_coords
        step = coords[ends.final] - coords[ends.initial] - ends.vector
        cells = cell.sites.lattice.get_fractional_coords(step)
        assert cells == pytest.approx(np.rint(cells), abs=1e-6)
    # One defect per orbit, and one more where a hop stays in its orbit.
    assert len(visited) <= len(graph.orbits) + len(graph.hops)


@pytest.mark.parametrize(
    ("crystal", "mobile", "mechanism", "sign"),
    [(B32, "Li", "vacancy", -1), (FCC_VOIDS, "X", "interstitial", 1)],
)
def test_ends_differ_by_one_atom(
    crystal: Structure, mobile: str, mechanism: str, sign: int
) -> None:
    graph = find_hops(crystal, mobile, 3.0)
    cell = cell_of(crystal, mechanism)
    _, (ends, *_) = place_hops(cell, graph.hops, graph.origins)
    initial, final, mover = cell.ideal_ends(ends)
    assert len(initial) == len(cell.perfect) + (1 if mechanism == "interstitial" else -1)
    moves = final.cart_coords - initial.cart_coords
    assert moves[mover] == pytest.approx(sign * np.array(ends.vector))
    assert np.flatnonzero(np.linalg.norm(moves, axis=1) > 1e-6).tolist() == [mover]
    # As a set of atoms the far end is the ideal defect on the final site.
    target = cell.ideal(ends.final)
    apart = cell.sites.lattice.get_all_distances(final.frac_coords, target.frac_coords)
    assert sorted(apart.argmin(axis=1).tolist()) == list(range(len(target)))
    assert apart.min(axis=1).max() < 1e-6
    images = interpolate_path(initial, final, 3)
    middle = (initial.cart_coords + final.cart_coords)[mover] / 2
    assert images[2].cart_coords[mover] == pytest.approx(middle, abs=0.1)


def test_an_interstitial_is_an_atom_of_the_mobile_element() -> None:
    cell = cell_of(FCC_VOIDS, "interstitial")
    site = next(k for k, s in enumerate(cell.sites) if s.specie.symbol == "X")
    defect = cell.ideal(site)
    assert defect.symbol_set == ("Li",)
    assert cell.perfect.symbol_set == ("Li",)
    assert np.allclose(defect[-1].frac_coords, cell.point(site))


def test_wandered_vacancy_is_seen() -> None:
    cell = DefectCell(FCC, [[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    vacant = cell.ideal(4)
    assert not cell.wandered(vacant.copy().perturb(0.1), 4)
    neighbour = min(range(26), key=lambda k: cell.sites[4].distance(vacant[k]))
    moved = vacant.copy()
    moved[neighbour] = "Li", cell.point(4)
    assert cell.wandered(moved, 4)


def test_interstitial_that_pushed_an_atom_into_a_void_is_seen() -> None:
    cell = cell_of(FCC_VOIDS, "interstitial")
    void = next(k for k, s in enumerate(cell.sites) if s.specie.symbol == "X")
    defect = cell.ideal(void)
    assert not cell.wandered(defect.copy().perturb(0.1), void)
    other = next(k for k, s in enumerate(cell.sites) if s.specie.symbol == "X" and k != void)
    pushed = defect.copy()
    pushed[0] = "Li", cell.point(other)
    assert cell.wandered(pushed, void)


def test_cell_survives_json() -> None:
    cell = cell_of(FCC_VOIDS, "interstitial")
    again = MontyDecoder().process_decoded(json.loads(cell.to_json()))
    assert again == cell
