"""How exactly GPAW computes: cut-offs by element, k-points, smearing, convergence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# How fast the PAW sets of gpaw-data 1.2 converge with the cut-off, from crystals of each element
# (docs/engine_accuracy.md). Soft: 340 eV leave less than 25 meV/atom and 0.2 GPa. Semicore:
# 520 eV leave less than 15 meV/atom (Cu 43, Au 23) and 0.5 GPa. All others are taken as hard:
# N, O and F, of which 700 eV leave 20, 4 and 35 meV/atom and 2.5, 0.8 and 1 GPa.
SOFT = frozenset({"Li", "Al", "Si", "P", "S", "Cl", "Ga", "Ge", "As", "Se", "Br", "I"})
SEMICORE = frozenset(
    {"B", "C", "Mg", "Ca", "Cu", "Zn", "Ag", "Cd", "In", "Sn", "Sb", "Au", "Hg", "Pb", "Bi"}
)


@dataclass(frozen=True)
class GpawPreset:
    """How exact an evaluation is; what each costs and leaves is in docs/engines.md.

    Attributes
    ----------
    cutoffs_eV
        Of the plane waves, for soft, semicore and hard elements; the hardest element of a structure
        counts. What is left of an atom's error is the same in all cells that hold its element, and
        cancels where cells with the same hardest element are compared.
    kspacing
        Largest distance between k-points, 1/angstrom, factor 2 pi included (VASP's KSPACING);
        one point across a vacuum. Grids are centred on Gamma.
    smearing_eV
        Width of the Fermi-Dirac distribution; energies are extrapolated to zero width.
    density_tolerance
        Change of the density between the last iterations, electrons per valence electron.
    """

    cutoffs_eV: tuple[float, float, float]
    kspacing: float
    smearing_eV: float
    density_tolerance: float

    def cutoff_eV(self, elements: Iterable[str]) -> float:
        """Cut-off for a structure of these elements, eV."""
        hardness = [0 if e in SOFT else 1 if e in SEMICORE else 2 for e in elements]
        return self.cutoffs_eV[max(hardness)]

    def label(self) -> str:
        """Everything that changes a result, in words."""
        cutoffs = "/".join(f"{cutoff:g}" for cutoff in self.cutoffs_eV)
        return (
            f"PBE, plane waves to {cutoffs} eV, k-points {self.kspacing:g}/A apart, "
            f"Fermi-Dirac {self.smearing_eV:g} eV, density to {self.density_tolerance:g}, "
            "slabs in the middle of their cells"
        )


PRESETS = {
    "fast": GpawPreset(
        (340.0, 520.0, 700.0), kspacing=0.25, smearing_eV=0.2, density_tolerance=1e-4
    ),
    "standard": GpawPreset(
        (450.0, 600.0, 850.0), kspacing=0.15, smearing_eV=0.1, density_tolerance=1e-5
    ),
}
