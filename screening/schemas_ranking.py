"""Documents of a ranking: gates, weights, ranked alloys and rejected ones."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from misei.screening.schemas import Document
from misei.screening.schemas_funnel import EngineComparison


class Gates(BaseModel):
    """Limits that a candidate must meet; each rejection names its gate."""

    model_config = ConfigDict(extra="forbid")

    max_e_above_hull: float = Field(default=0.03, ge=0, description="eV/atom.")
    min_wetting_ratio: float = Field(
        default=0.5, description="W_ad / 2 gamma_Li; 0.5 is a contact angle of 90 degrees."
    )
    max_migration_barrier: float = Field(default=0.6, gt=0, description="E_m of the best path, eV.")
    max_strain: float = Field(
        default=0.10, gt=0, description="Film strain of the interface (1 = 100 %)."
    )
    dynamically_stable: bool = Field(
        default=True, description="Reject alloys with imaginary modes, where phonons were computed."
    )
    accept_unconverged: bool = Field(
        default=False, description="Rank results that did not converge."
    )


class Weights(BaseModel):
    """Weights of the score; only their ratio matters."""

    model_config = ConfigDict(extra="forbid")

    wetting_ratio: float = Field(default=0.5, ge=0)
    migration_barrier: float = Field(default=0.5, ge=0)

    @model_validator(mode="after")
    def _not_all_zero(self) -> Weights:
        if self.wetting_ratio + self.migration_barrier == 0:
            raise ValueError("at least one weight must be above 0")
        return self


class RankedAlloy(Document):
    """One line of the ranking: the best numbers there are, and whose they are."""

    rank: int
    rank_interval: tuple[int, int] = Field(
        description="Best and worst rank when each number moves by its error."
    )
    alloy: str
    metal: str
    score: float = Field(description="Weighted score between 0 and 1.")
    pareto: bool = Field(description="No candidate is better in both W_ad/2gamma and E_m.")
    work_of_adhesion: float = Field(description="J/m2.")
    wetting_ratio: float = Field(description="W_ad / 2 gamma_Li of the same engine.")
    wetting_ratio_interval: tuple[float, float]
    contact_angle: float = Field(description="Degrees.")
    strain: float = Field(description="Film strain (1 = 100 %).")
    migration_barrier: float = Field(description="E_m of the best percolating path, eV.")
    migration_barrier_interval: tuple[float, float] = Field(description="eV.")
    percolation_dimensions: int
    vacancy_formation_energy: float = Field(description="E_f from Li metal, eV.")
    activation_energy: float = Field(description="E_m + E_f, eV.")
    e_above_hull: float = Field(description="eV/atom.")
    equilibrium_with_li: bool
    lowest_frequency: float | None = Field(
        default=None, description="Of the phonons, imaginary negative, THz."
    )
    dynamically_stable: bool | None = Field(
        default=None, description="No imaginary mode beyond the tolerance."
    )
    bulk_modulus: float | None = Field(default=None, description="Voigt-Reuss-Hill, GPa.")
    shear_modulus: float | None = Field(default=None, description="Voigt-Reuss-Hill, GPa.")
    youngs_modulus: float | None = Field(default=None, description="Voigt-Reuss-Hill, GPa.")
    poisson_ratio: float | None = None
    pugh_ratio: float | None = Field(default=None, description="B / G.")
    engine: str = Field(description="Engine of the adhesion energies.")
    engine_version: str
    migration_engine: str = Field(description="Engine of the migration energies.")
    migration_engine_version: str
    energies_from: str = Field(description="What the energies are: a potential's, or DFT.")
    screen_wetting_ratio: float | None = Field(
        default=None, description="By the first engine as it is, where there is a second one."
    )
    screen_migration_barrier: float | None = Field(
        default=None, description="By the first engine as it is, eV."
    )


class Rejection(Document):
    """A candidate that a gate stopped."""

    alloy: str
    gate: str
    value: float | str | None = Field(description="What it had, in the unit of the limit.")
    limit: float | str | None = Field(description="What the gate asks.")


class Ranking(Document):
    """Ranked candidates, best first, and the rejected ones with reasons."""

    candidates: list[RankedAlloy]
    rejected: list[Rejection]
    gates: Gates
    weights: Weights
    comparison: EngineComparison | None = Field(
        default=None, description="The two engines of a funnel; null: one engine."
    )
    warnings: list[str] = Field(default_factory=list, description="What a reader must know.")
