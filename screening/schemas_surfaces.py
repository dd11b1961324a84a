"""Documents of surfaces: surface energies in J/m2, the cost of making a face."""

from __future__ import annotations

from pydantic import Field, computed_field

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, CalculationDoc, Document, Miller


class SizeStep(Document):
    """One step of a convergence in slab thickness and vacuum."""

    film_thickness: float | None = Field(
        default=None, description="Height of the film slab, angstrom."
    )
    substrate_thickness: float = Field(description="Height of the (substrate) slab, angstrom.")
    vacuum: float = Field(description="Vacuum, angstrom.")
    natoms: int = Field(description="Atoms of the cell.")
    value: float = Field(description="Work of adhesion or surface energy, J/m2.")
    force_evaluations: int = Field(description="Spent on this step.")


class FacetDoc(CalculationDoc):
    """Surface energy of one facet, from a symmetric slab."""

    formula: str = Field(description="Formula of the crystal.")
    miller: Miller = Field(description="Miller indices in the conventional cell.")
    energy_slab: float = Field(description="Relaxed slab, eV.")
    energy_bulk_per_atom: float = Field(description="Bulk reference, eV/atom.")
    natoms: int = Field(description="Atoms in the slab.")
    area: float = Field(description="Area of one face, angstrom^2.")
    thickness: float | None = Field(
        default=None, description="Height of the relaxed slab, angstrom."
    )
    force_evaluations: int = Field(default=0, description="Of the slabs, without the bulk.")

    @computed_field(description="gamma, J/m2.")  # type: ignore[prop-decorator]
    @property
    def surface_energy(self) -> float:
        """Surface energy (E_slab - N E_bulk) / 2A in J/m2."""
        excess = self.energy_slab - self.natoms * self.energy_bulk_per_atom
        return excess / (2.0 * self.area) * EV_PER_A2_TO_J_PER_M2


class SurfaceEnergyDoc(FacetDoc):
    """Lowest facet of a crystal, and all others that were computed."""

    facets: list[FacetDoc] = Field(
        default_factory=list, description="All facets of the crystal that were computed."
    )
    left_out: list[str] = Field(
        default_factory=list, description="Facets without a slab that defines a surface energy."
    )
    thickness_steps: list[SizeStep] = Field(
        default_factory=list, description="gamma of the lowest facet with growing thickness."
    )
