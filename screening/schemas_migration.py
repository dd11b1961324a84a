"""Documents of Li migration: paths, hops and the barriers of their networks, eV."""

from __future__ import annotations

from pydantic import Field, computed_field

from misei.screening.schemas import CalculationDoc


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
