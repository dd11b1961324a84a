"""Documents of the results store: facts are stored, derived numbers are computed.

Units stand in each field's description: energies eV, lengths angstrom, surface energies
and works of adhesion J/m2, potentials V vs Li/Li+.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import acos, degrees
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field
from pymatgen.core import Structure
from scipy import constants

from misei import __version__

EV_PER_A2_TO_J_PER_M2 = constants.elementary_charge / constants.angstrom**2

Miller = tuple[int, int, int]


class Document(BaseModel):
    """Base of all documents. Computed properties are written, and ignored when read back."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)


class Provenance(Document):
    """Where a number comes from."""

    engine: str = Field(description="Name of the engine that gave the energies.")
    engine_version: str = Field(description="Package and model version of the engine.")
    misei_version: str = Field(default=__version__, description="Version of misei that wrote this.")
    source_ids: list[str] = Field(
        default_factory=list, description="Ids of the structures or entries used."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the flow, with units in the names."
    )
    created_at: str = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        description="UTC time at which the document was made.",
    )


class CalculationDoc(Document):
    """A document that rests on energies and forces of an engine."""

    converged: bool = Field(description="Whether every relaxation and band met its fmax.")
    warnings: list[str] = Field(default_factory=list, description="What a reader must know.")
    provenance: Provenance


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


class HopDoc(CalculationDoc):
    """One symmetry-distinct vacancy hop."""

    label: str = Field(description="Sites and length, e.g. 'Li0-Li3 2.91 A'.")
    sites: tuple[int, int] = Field(
        description="Indices of the two symmetry-distinct sites (orbits) that the vacancy joins."
    )
    distance: float = Field(description="Length of the hop in the unrelaxed crystal, angstrom.")
    multiplicity: int = Field(description="Symmetry-equivalent hops per primitive cell.")
    energies: list[float] = Field(description="Energies of the images, ends included, eV.")
    path_length: list[float] = Field(
        description="Cumulative distance along the band, ends included, angstrom."
    )
    residual_force: float = Field(description="Largest NEB force on an image, eV/angstrom.")
    force_evaluations: int = Field(description="Force calls of the band itself.")

    @computed_field(description="Saddle minus initial, eV.")  # type: ignore[prop-decorator]
    @property
    def barrier_forward(self) -> float:
        """E_m of the hop from the first to the second site."""
        return max(self.energies) - self.energies[0]

    @computed_field(description="Saddle minus final, eV.")  # type: ignore[prop-decorator]
    @property
    def barrier_backward(self) -> float:
        """E_m of the reverse hop."""
        return max(self.energies) - self.energies[-1]


class MigrationDoc(CalculationDoc):
    """Vacancy migration of Li through a crystal."""

    alloy: str = Field(description="Formula of the crystal.")
    mobile_species: str = Field("Li", description="Element that moves.")
    engine: str = Field(description="Engine of all energies in this document.")
    hops: list[HopDoc] = Field(description="Hops that were computed.")
    hops_not_computed: list[str] = Field(
        default_factory=list,
        description="Longer hops within the cutoff left out because the shorter ones percolate: "
        "the barrier is an upper bound where this is not empty.",
    )
    barriers_by_dimension: dict[str, float] = Field(
        description="Lowest E_max of a network that percolates in at least 1, 2, 3 dimensions, eV, "
        "from the lowest vacancy of that network."
    )
    vacancy_energies: list[float] = Field(
        description="Formation energy of the vacancy on each distinct site, from Li metal, eV."
    )
    supercell: list[list[int]] = Field(description="Supercell matrix on the primitive cell.")
    natoms: int = Field(description="Atoms of the supercell with the vacancy.")
    force_evaluations: int = Field(description="Force calls of relaxations and bands together.")

    @computed_field(description="Dimensions in which the easiest network percolates.")  # type: ignore[prop-decorator]
    @property
    def percolation_dimensions(self) -> int:
        """Highest dimension reached at the lowest percolating barrier."""
        if not self.barriers_by_dimension:
            return 0
        lowest = min(self.barriers_by_dimension.values())
        return max(int(d) for d, e in self.barriers_by_dimension.items() if e <= lowest + 1e-6)

    @computed_field(description="E_m of the best percolating path, eV; null: none percolates.")  # type: ignore[prop-decorator]
    @property
    def migration_barrier(self) -> float | None:
        """Lowest percolating barrier in any dimension."""
        return min(self.barriers_by_dimension.values(), default=None)

    @computed_field(description="Lowest vacancy formation energy E_f, eV.")  # type: ignore[prop-decorator]
    @property
    def vacancy_formation_energy(self) -> float:
        """E_f of the most easily formed vacancy, referred to Li metal."""
        return min(self.vacancy_energies)

    @computed_field(description="E_m + E_f, eV; null: none percolates.")  # type: ignore[prop-decorator]
    @property
    def activation_energy(self) -> float | None:
        """Activation energy of self-diffusion by thermal vacancies."""
        barrier = self.migration_barrier
        return None if barrier is None else barrier + self.vacancy_formation_energy
