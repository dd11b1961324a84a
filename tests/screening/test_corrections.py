from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from misei.screening.corrections import anion_correction

# MaterialsProject2020 corrections, eV per anion atom (Wang et al., Sci. Rep. 11, 15496, 2021).
S, CL, OXIDE, PEROXIDE = -0.503, -0.614, -0.687, -0.465


def rocksalt(cation: str, anion: str) -> Structure:
    return Structure.from_spacegroup(
        225, Lattice.cubic(5.2), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def antifluorite(anion: str) -> Structure:
    return Structure.from_spacegroup(
        225, Lattice.cubic(5.7), ["Li", anion], [[0.25, 0.25, 0.25], [0, 0, 0]]
    )


def in_a_box(symbols: list[str], coords: list[list[float]]) -> Structure:
    return Structure(Lattice.cubic(8.0), symbols, coords, coords_are_cartesian=True)


@pytest.mark.parametrize(
    ("structure", "per_cell"),
    [
        (antifluorite("S"), 4 * S),
        (antifluorite("O"), 4 * OXIDE),
        (rocksalt("Li", "Cl"), 4 * CL),
        # pymatgen: a polysulfide is corrected like a sulfide.
        (in_a_box(["Li", "Li", "S", "S"], [[0, 0, 0], [4, 4, 4], [1.5, 4, 0], [3.5, 4, 0]]), 2 * S),
        (in_a_box(["Li", "Li", "O", "O"], [[0, 0, 0], [4, 4, 4], [2, 4, 0], [3.5, 4, 0]]),
         2 * PEROXIDE),
        # S bonded to O is a sulfate: only the O is corrected.
        (in_a_box(["S", "O", "O", "O"], [[4, 4, 4], [5.4, 4, 4], [2.6, 4, 4], [4, 5.4, 4]]),
         3 * OXIDE),
        # Two anions in one phase.
        (in_a_box(["Li", "Li", "Li", "S", "Cl"],
                  [[0, 0, 0], [4, 0, 0], [0, 4, 0], [2.2, 0, 0], [0, 2.2, 0]]), S + CL),
    ],
)  # fmt: skip
def test_anions(structure: Structure, per_cell: float) -> None:
    assert anion_correction(structure) == pytest.approx(per_cell)


@pytest.mark.parametrize(
    "structure",
    [
        rocksalt("Li", "Si"),
        rocksalt("Li", "Sb"),
        rocksalt("Li", "P"),
        rocksalt("Li", "Ge"),
        Structure(Lattice.cubic(3.4), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        in_a_box(["Cl", "Cl"], [[0, 0, 0], [2, 0, 0]]),
        in_a_box(["S"] * 2, [[0, 0, 0], [2, 0, 0]]),
    ],
    ids=lambda structure: structure.composition.reduced_formula,
)
def test_alloys_phosphides_and_elements_stay_raw(structure: Structure) -> None:
    assert anion_correction(structure) == 0.0


def test_a_sulfide_of_silicon_is_corrected_for_sulfur_only() -> None:
    structure = in_a_box(["Si", "S", "S"], [[0, 0, 0], [2.1, 0, 0], [0, 2.1, 0]])
    assert anion_correction(structure) == pytest.approx(2 * S)


def test_the_structure_is_left_alone() -> None:
    structure = antifluorite("S")
    before = structure.copy()
    anion_correction(structure)
    assert structure == before
