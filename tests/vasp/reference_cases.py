"""Structures and tasks whose inputs are stored in references/, and how to write them anew.

`python tests/vasp/reference_cases.py` writes them; review the differences line by line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.build import bulk
from atomate2.vasp.files import write_vasp_input_set
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows.vasp_engine import preset
from misei.workflows.vasp_inputs import PresetSet

REFERENCES = Path(__file__).parent / "references"
FMAX = 0.02


def lithium(repeat: tuple[int, int, int] = (1, 1, 1)) -> Structure:
    """Conventional bcc cells of Li."""
    return AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.44, cubic=True) * repeat)


def lithium_aluminium() -> Structure:
    """Zintl LiAl, primitive cell: two diamond lattices, species in turns."""
    places = [[x, x, x] for x in (0.0, 0.5, 0.25, 0.75)]
    matrix = 6.37 / 2 * (np.ones((3, 3)) - np.eye(3))
    return Structure(matrix, ["Li", "Al", "Li", "Al"], places)


def lithium_oxide() -> Structure:
    """Antifluorite, primitive cell."""
    return AseAtomsAdaptor.get_structure(bulk("OLi2", "fluorite", a=4.63))


def iron_oxide() -> Structure:
    """An oxide with a Hubbard U."""
    return AseAtomsAdaptor.get_structure(bulk("FeO", "rocksalt", a=4.3))


def lithium_slab() -> Structure:
    """Seven layers of Li (100) across the border of the cell, vacuum along the first vector."""
    heights = 1.72 * np.arange(7) - 3.0
    positions = [[z, 1.72 * (k % 2), 1.72 * (k % 2)] for k, z in enumerate(heights)]
    return Structure(
        Lattice.orthorhombic(24.0, 3.44, 3.44), 7 * ["Li"], positions, coords_are_cartesian=True
    )


def interface() -> Structure:
    """Three layers of LiF (100) under four of Li, species as flows have them: in turns."""
    a = 2.88
    salt = [
        (["Li", "F"][(k + side) % 2], [a / 2 * (side * 1.0), a / 2 * side, 5.0 + 2.035 * k])
        for k in range(3)
        for side in (0, 1)
    ]
    film = [("Li", [a / 2 * (k % 2), a / 2 * (k % 2), 11.3 + 1.9 * k]) for k in range(4)]
    species, positions = zip(*salt, *film, strict=True)
    return Structure(
        Lattice.orthorhombic(a, a, 30.0), species, positions, coords_are_cartesian=True
    )


def vacancy() -> Structure:
    """Li with a vacancy, the end of a hop."""
    cell = lithium((3, 3, 3))
    cell.remove_sites([0])
    return cell


def displaced() -> Structure:
    """Eight cells of LiAl with one atom moved by 0.01 angstrom."""
    cell = lithium_aluminium() * (2, 2, 2)
    cell.translate_sites([0], [0.01, 0.0, 0.0], frac_coords=False, to_unit_cell=False)
    return cell


def cases() -> dict[str, tuple[Structure, PresetSet]]:
    """Structure and input set by the name of their folder."""
    band = preset("band", FMAX)
    band.num_images, band.vtst = 3, True
    plain = preset("band", FMAX)
    plain.num_images, plain.vtst = 3, False
    return {
        "bulk_relax": (lithium_aluminium(), preset("cell", FMAX)),
        "bulk_static": (lithium_oxide(), preset("static", FMAX)),
        "slab": (lithium_slab(), preset("ions", FMAX)),
        "interface": (interface(), preset("ions", FMAX)),
        "neb": (vacancy(), band),
        "neb_without_vtst": (vacancy(), plain),
        "phonon": (displaced(), preset("displacement")),
    }


def write_inputs(name: str, folder: Path) -> None:
    """Write INCAR, KPOINTS, POSCAR and POTCAR.spec of a case."""
    structure, inputs = cases()[name]
    write_vasp_input_set(structure, inputs, directory=folder, potcar_spec=True, clean_prev=False)


if __name__ == "__main__":
    for case in cases():
        write_inputs(case, REFERENCES / case)
