"""Hops of EMT metals for the tests of saddles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from ase import Atom
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import LBFGS
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.structures.defects import interpolate_path
from misei.structures.hop_symmetry import SupercellSymmetry, Swap, find_swap
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import get_engine
from misei.workflows.saddle_search import SaddleSearch
from misei.workflows.saddle_settings import SaddleSettings

FMAX = 0.02

AUCU3_LAYERS = Structure.from_spacegroup(
    123,
    Lattice.tetragonal(2.65, 7.5),
    ["Au", "Cu", "Cu"],
    [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]],
)


def relaxed(structure: Structure) -> tuple[Structure, float]:
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = EMT()
    LBFGS(atoms, logfile=None).run(fmax=0.005)
    moved = Structure(
        structure.lattice, structure.species, atoms.positions, coords_are_cartesian=True
    )
    return moved, float(atoms.get_potential_energy())


def guess_of(
    initial: Structure, final: Structure, mover: int, swap: Swap | None, n_images: int = 3
) -> PathGuess:
    (start, low), (end, high) = relaxed(initial), relaxed(final)
    images = interpolate_path(start, end, n_images)
    return PathGuess(images=images, end_energies=(low, high), mover=mover, swap=swap)


@cache
def vacancy_hop(metal: str, n_images: int = 3) -> PathGuess:
    """Nearest-neighbour hop in 31 atoms of an fcc metal."""
    perfect = AseAtomsAdaptor.get_structure(bulk(metal, cubic=True) * (2, 2, 2))
    return hop(perfect, 0, None, n_images)


def hop(perfect: Structure, vacant: int, target: Callable[[int], bool] | None, n: int) -> PathGuess:
    """The nearest atom that ``target`` admits hops into a vacancy."""
    distances = perfect.distance_matrix[vacant]
    others = [k for k in np.argsort(distances, kind="stable") if k != vacant]
    atom = int(next(k for k in others if target is None or target(int(k))))
    _, image = perfect[atom].distance_and_image(perfect[vacant])
    initial = perfect.copy()
    initial.remove_sites([vacant])
    mover = atom - (atom > vacant)
    coords = initial.frac_coords.copy()
    coords[mover] = perfect[vacant].frac_coords + image
    final = Structure(perfect.lattice, initial.species, coords)
    swap = find_swap(SupercellSymmetry.of(perfect), initial, final, mover)
    return guess_of(initial, final, mover, swap, n)


@cache
def asymmetric_hop() -> PathGuess:
    """From the middle layer of Cu to the one beside the Au layer."""
    perfect = AUCU3_LAYERS.make_supercell([3, 3, 1], in_place=False)
    kinds = {round(float(z), 2) for z in perfect.frac_coords[:, 2]}
    assert kinds == {0.0, 0.25, 0.5, 0.75}
    middle = next(k for k, site in enumerate(perfect) if abs(site.frac_coords[2] - 0.5) < 0.01)
    return hop(perfect, middle, lambda k: abs(perfect[k].frac_coords[2] - 0.25) < 0.01, 3)


@cache
def interstitial_hop() -> PathGuess:
    """H between octahedral sites of fcc Ag: EMT has a shallow minimum half way."""
    metal = bulk("Ag", cubic=True) * (2, 2, 2)
    a = metal.cell[0, 0] / 2
    ends = []
    for site in ((0.5, 0.5, 0.5), (0.5, 1.0, 1.0)):
        atoms = metal.copy()
        atoms.append(Atom("H", np.array(site) * a))
        ends.append(AseAtomsAdaptor.get_structure(atoms))
    symmetry = SupercellSymmetry.of(AseAtomsAdaptor.get_structure(metal))
    mover = len(metal)
    return guess_of(*ends, mover, find_swap(symmetry, *ends, mover))


def search(guess: PathGuess, **settings: Any) -> tuple[SaddleSearch, int]:
    calculator = SharedCalculator(EMT())
    found = SaddleSearch(guess, calculator, SaddleSettings(fmax=FMAX, **settings))
    found.run()
    return found, calculator.evaluations


def document(guess: PathGuess, **settings: Any) -> PathDoc:
    maker = get_engine("emt", FMAX, SaddleSettings(**settings)).saddle_maker
    found: PathDoc = maker.run_ase(guess)
    return found
