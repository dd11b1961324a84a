"""Inputs of VASP: the Materials Project's set, changed where slabs, bands and phonons need it.

A generator sees only the structure: vacuum across a lattice vector makes it a slab or an
interface (:mod:`misei.structures.vacuum`), no nonmetal makes it a metal. What changes an energy
(cut-off, potentials, smearing, k-point density, projectors) follows from the structure alone, not
from the task, so that a relaxed defect, a perfect supercell and the images of a band can be
subtracted from each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pymatgen.core import Structure
from pymatgen.io.vasp import Incar, Kpoints
from pymatgen.io.vasp.sets import MPRelaxSet

from misei.structures.vacuum import slab_centre, vacuum_axis

Task = Literal["cell", "ions", "static", "band", "displacement"]

# Points per reciprocal volume, angstrom^-3: pymatgen's for metals (MPMetalRelaxSet) and for statics
# of the Materials Project (MPStaticSet), both at least as dense as its relaxations (64).
METAL_DENSITY = 200
SALT_DENSITY = 100
# Largest number of steps of a relaxation; custodian goes on from there a few times.
RELAX_STEPS = 99
# Elements without states at the Fermi level of their compounds with Li.
NONMETALS = frozenset(
    ["H", "He", "C", "N", "O", "F", "Ne", "P", "S", "Cl", "Ar", "Se", "Br", "Kr", "I", "Xe"]
)


@dataclass
class PresetSet(MPRelaxSet):  # type: ignore[misc]
    """Input set of one task, MP-compatible where the structure is a crystal.

    Attributes
    ----------
    task
        Relax ``cell`` and ions or ``ions``, a ``static``, a ``band`` of images, or a static of a
        ``displacement`` for phonons.
    fmax
        Force tolerance in eV/angstrom.
    num_images
        Images between the ends of a band.
    steps
        Largest number of steps of each image of a band.
    vtst
        Whether the binary has the VTST code, so that the highest image climbs.
    """

    task: Task = "static"
    fmax: float = 0.05
    num_images: int = 1
    steps: int = 50
    vtst: bool = False
    inherit_incar: bool = False

    @property
    def incar(self) -> Incar:
        """The INCAR; statics say that they are, which pymatgen leaves out and emmet looks for."""
        incar = super().incar
        if not incar.get("NSW"):
            incar["IBRION"] = -1
        return incar

    @property
    def incar_updates(self) -> dict[str, Any]:
        """Tags of this task and structure; None removes one."""
        structure = _given(self.structure)
        updates = {**_COMMON, **_smearing(structure), **self._task_tags()}
        if (axis := vacuum_axis(structure)) is not None:
            updates |= self._slab_tags(structure, axis)
        return updates

    @property
    def kpoints_updates(self) -> Kpoints:  # type: ignore[override]
        """Gamma-centred grid of constant spacing, one point across vacuum."""
        return kpoint_grid(_given(self.structure))

    def _task_tags(self) -> dict[str, Any]:
        relax = {"NSW": RELAX_STEPS, "IBRION": 2, "EDIFFG": -self.fmax}
        if self.task == "cell":
            return {**relax, "ISIF": 3}
        if self.task == "ions":
            return {**relax, "ISIF": 2}
        if self.task == "band":
            return self._band_tags()
        if self.task == "displacement":
            # Forces of 0.01 angstrom: tight, by the stable algorithm, and the same k-points in
            # every displaced cell, whatever symmetry is left. No ADDGRID: with PREC Accurate it
            # changes forces little and is known to make them noisier in some cells.
            return {"NSW": 0, "EDIFF": 1e-8, "ALGO": "Normal", "ISYM": 0, "ADDGRID": False}
        return {"NSW": 0}

    def _band_tags(self) -> dict[str, Any]:
        band = {
            "IMAGES": self.num_images,
            "SPRING": -5.0,
            "NSW": self.steps,
            "ISIF": 2,
            "EDIFFG": -self.fmax,
            # Images must not be held on a symmetry that the path leaves.
            "ISYM": 0,
        }
        if self.vtst:
            # VTST's own optimizer (limited-memory BFGS) needs VASP's to stand still.
            return {**band, "LCLIMB": True, "ICHAIN": 0, "IOPT": 1, "IBRION": 3, "POTIM": 0.0}
        # VASP's conjugate gradients (IBRION 2) follow an energy, which a band has not.
        return {**band, "IBRION": 1, "POTIM": 0.2}

    def _slab_tags(self, structure: Structure, axis: int) -> dict[str, Any]:
        """Dipole layer in the vacuum, no change of the cell, damped mixing of long waves."""
        centre = [0.5, 0.5, 0.5]
        centre[axis] = slab_centre(structure, axis)
        moments = self._config_dict["INCAR"]["MAGMOM"]
        magnetic = any(_has_moment(element.symbol, moments) for element in structure.composition)
        return {
            "LDIPOL": True,
            "IDIPOL": axis + 1,
            "DIPOL": [round(x, 4) for x in centre],
            "ISIF": 2 if self.task in ("cell", "ions", "band") else None,
            "ISPIN": 2 if magnetic else 1,
            "AMIN": 0.01,
            "NELM": 200,
        }


# What every task has: forces that hold to a hundredth of fmax, projectors in reciprocal space
# (real-space ones err by an amount that differs from cell to cell), no files that nothing reads.
_COMMON: dict[str, Any] = {
    "EDIFF": 1e-6,
    "LREAL": False,
    "LCHARG": False,
    "LWAVE": False,
}


def _smearing(structure: Structure) -> dict[str, Any]:
    # An interface of a salt with Li is a metal, and its slabs have to be smeared as it is; the
    # energies of a salt slab do not notice as long as its gap is wide.
    if is_metal(structure) or vacuum_axis(structure) is not None:
        return {"ISMEAR": 1, "SIGMA": 0.2}
    # Gaussian instead of tetrahedra: the same energy in a gap, and forces that are right where a
    # defect leaves states in it.
    return {"ISMEAR": 0, "SIGMA": 0.05}


def is_metal(structure: Structure) -> bool:
    """Whether a structure has no nonmetal, so that it is taken for a metal."""
    return not any(element.symbol in NONMETALS for element in structure.composition)


def kpoint_grid(structure: Structure) -> Kpoints:
    """Return pymatgen's grid of constant density, with one point across vacuum.

    Slabs have the density of metals, whatever they are made of: those of one interface then have
    its grid, in its cell.
    """
    axis = vacuum_axis(structure)
    dense = axis is not None or is_metal(structure)
    grid = Kpoints.automatic_density_by_vol(
        structure, METAL_DENSITY if dense else SALT_DENSITY, force_gamma=True
    )
    divisions = list(grid.kpts[0])
    if axis is not None:
        divisions[axis] = 1
    return Kpoints.gamma_automatic(tuple(divisions))


def _has_moment(symbol: str, moments: dict[str, float]) -> bool:
    # Keys are elements and ions, e.g. Mn and Mn3+.
    return any(key.rstrip("+-0123456789") == symbol for key in moments)


def _given(structure: Structure | None) -> Structure:
    if structure is None:
        raise RuntimeError("the input set has no structure yet")
    return structure
