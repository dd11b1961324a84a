"""Documents of surfaces and interfaces: surface energies and works of adhesion in J/m2."""

from __future__ import annotations

from math import acos, degrees

from pydantic import Field, computed_field
from pymatgen.core import Structure

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, CalculationDoc, Miller


class SurfaceEnergyDoc(CalculationDoc):
    """Surface energy of a symmetric slab."""

    formula: str = Field(description="Formula of the crystal.")
    miller: Miller = Field(description="Miller indices in the conventional cell.")
    energy_slab: float = Field(description="Relaxed slab, eV.")
    energy_bulk_per_atom: float = Field(description="Bulk reference, eV/atom.")
    natoms: int = Field(description="Atoms in the slab.")
    area: float = Field(description="Area of one face, angstrom^2.")

    @computed_field(description="gamma, J/m2.")  # type: ignore[prop-decorator]
    @property
    def surface_energy(self) -> float:
        """Surface energy (E_slab - N E_bulk) / 2A in J/m2."""
        excess = self.energy_slab - self.natoms * self.energy_bulk_per_atom
        return excess / (2.0 * self.area) * EV_PER_A2_TO_J_PER_M2


class InterfaceDoc(CalculationDoc):
    """One relaxed film | substrate interface in a cell with vacuum (one interface per cell)."""

    substrate: str = Field(description="Formula of the substrate, the alloy.")
    substrate_miller: Miller
    film: str = Field(description="Formula of the film, Li.")
    film_lattice: str = Field(description="Lattice of the film, bcc or fcc for Li.")
    film_miller: Miller
    termination: str = Field(description="pymatgen label of the terminations, film then substrate.")
    energy_interface: float = Field(description="Relaxed interface, eV.")
    energy_film: float = Field(description="Relaxed film slab in the same in-plane cell, eV.")
    energy_substrate: float = Field(description="Relaxed substrate slab, same cell, eV.")
    area: float = Field(description="Area of the interface, angstrom^2.")
    natoms: int = Field(description="Atoms in the interface cell.")
    strain: float = Field(description="Largest principal strain of the film, signed (1 = 100 %).")
    structure: Structure | None = Field(None, description="Relaxed interface.")

    @computed_field(description="W_ad, J/m2.")  # type: ignore[prop-decorator]
    @property
    def work_of_adhesion(self) -> float:
        """W_ad = (E_film + E_substrate - E_interface) / A in J/m2."""
        gain = self.energy_film + self.energy_substrate - self.energy_interface
        return gain / self.area * EV_PER_A2_TO_J_PER_M2


class AdhesionDoc(CalculationDoc):
    """Work of adhesion of Li on an alloy: the most strongly bound of the interfaces sampled."""

    alloy: str = Field(description="Formula of the alloy.")
    engine: str = Field(description="Engine of all energies in this document.")
    interfaces: list[InterfaceDoc] = Field(description="All interfaces that were relaxed.")
    film_surface: SurfaceEnergyDoc = Field(
        description="Lowest-energy Li surface of the same engine, for gamma_Li."
    )
    surface_error: str = Field(
        description="What is known of the engine's error in surface energies of these elements."
    )

    @property
    def best(self) -> InterfaceDoc:
        """The interface with the largest work of adhesion."""
        return max(self.interfaces, key=lambda doc: doc.work_of_adhesion)

    @computed_field(description="W_ad, J/m2.")  # type: ignore[prop-decorator]
    @property
    def work_of_adhesion(self) -> float:
        """W_ad of the best interface in J/m2."""
        return self.best.work_of_adhesion

    @computed_field(description="W_ad / 2 gamma_Li, both of the same engine.")  # type: ignore[prop-decorator]
    @property
    def wetting_ratio(self) -> float:
        """W_ad / (2 gamma_Li): Li wets completely at 1 or more."""
        return self.work_of_adhesion / (2.0 * self.film_surface.surface_energy)

    @computed_field(description="Young-Dupre contact angle, degrees.")  # type: ignore[prop-decorator]
    @property
    def contact_angle(self) -> float:
        """Theta = arccos(W_ad / gamma_Li - 1), 0 where W_ad >= 2 gamma_Li, 180 where W_ad <= 0."""
        return degrees(acos(min(1.0, max(-1.0, 2.0 * self.wetting_ratio - 1.0))))

    @computed_field(description="Whether W_ad >= 2 gamma_Li.")  # type: ignore[prop-decorator]
    @property
    def wets(self) -> bool:
        """Complete wetting by Young-Dupre."""
        return self.wetting_ratio >= 1.0

    @computed_field(description="Largest principal strain of the film in the best interface.")  # type: ignore[prop-decorator]
    @property
    def strain(self) -> float:
        """Strain carried by the Li film."""
        return self.best.strain

    @computed_field(description="Area of the best interface, angstrom^2.")  # type: ignore[prop-decorator]
    @property
    def area(self) -> float:
        """Area of the best interface."""
        return self.best.area

    @computed_field(description="Atoms of the best interface cell.")  # type: ignore[prop-decorator]
    @property
    def natoms(self) -> int:
        """Atoms of the best interface cell."""
        return self.best.natoms
