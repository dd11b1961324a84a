"""Documents of in-plane registries, sampled before anything is relaxed."""

from __future__ import annotations

from pydantic import Field

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, CalculationDoc, Document


class RegistryDoc(Document):
    """One in-plane registry, found with film and substrate as rigid bodies."""

    shift: tuple[float, float] = Field(description="In-plane shift of the film, of a and b.")
    gap: float = Field(description="Lowest film atom over highest substrate atom, angstrom.")
    energy: float = Field(description="Interface of the two rigid slabs, eV.")
    evaluations: int = Field(description="Force evaluations spent on it.")
    converged: bool = Field(
        description="Whether the film is at rest; if not, the search went on with a better one."
    )


class SamplingDoc(CalculationDoc):
    """Registries of one candidate, sampled with rigid slabs."""

    energy_film: float = Field(description="Film slab as cut, eV.")
    energy_substrate: float = Field(description="Substrate slab as cut, eV.")
    area: float = Field(description="Area of the interface, angstrom^2.")
    registries: list[RegistryDoc] = Field(description="In the order of their contact gaps.")
    force_evaluations: int = Field(description="Of the slabs and of all registries.")

    @property
    def best(self) -> int:
        """Index of the registry of lowest energy."""
        return min(range(len(self.registries)), key=lambda k: self.registries[k].energy)

    @property
    def work_of_adhesion(self) -> float:
        """W_ad of the best registry between rigid slabs in J/m2."""
        gain = self.energy_film + self.energy_substrate - self.registries[self.best].energy
        return gain / self.area * EV_PER_A2_TO_J_PER_M2
