"""Documents of diffusion: attempt frequencies from vibrations, and diffusivities, cm2/s."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, computed_field, model_validator

from misei.screening.random_walks import K_B
from misei.screening.schemas import CalculationDoc, Document
from misei.screening.schemas_migration import Mechanism

ROOM_TEMPERATURE = 300.0  # K

FrequencyOrigin = Literal["stated", "vibrations"]
FractionOrigin = Literal["thermal", "given", "unknown"]


class PrefactorDoc(CalculationDoc):
    """Attempt frequency of a hop from its vibrations (Vineyard 1957).

    J. Phys. Chem. Solids 1957, 3, 121, 10.1016/0022-3697(57)90059-8.
    """

    hop: str = Field(description="What hops, e.g. 'LiAl Li0-Li0 2.76 A'.")
    engine: str = Field(description="Engine of all forces in this document.")
    mover: int = Field(description="Index of the atom that hops.")
    radius: float = Field(
        description="Atoms this near the mover at the saddle vibrate, the others stand, angstrom."
    )
    atoms_moved: list[int] = Field(description="Indices of the atoms that vibrate.")
    displacement: float = Field(description="Of the central finite differences, angstrom.")
    frequencies_initial: list[float] = Field(
        description="Of the initial state, ascending, imaginary negative, THz; without the three "
        "translations where all atoms vibrate."
    )
    frequencies_saddle: list[float] = Field(description="Of the saddle, likewise, THz.")
    shell_radii: list[float] = Field(
        description="From half the radius to the radius, ascending, angstrom."
    )
    shell_frequencies: list[float | None] = Field(
        description="nu* with only the atoms within each of them vibrating, THz."
    )
    residual_force: float = Field(
        description="Largest force on an atom in the two states, eV/angstrom."
    )
    force_evaluations: int = Field(description="Force calls of both states.")

    @computed_field(description="Imaginary modes of the initial state: must be 0.")  # type: ignore[prop-decorator]
    @property
    def imaginary_modes_initial(self) -> int:
        """Modes in which the initial state is no minimum."""
        return sum(frequency < 0 for frequency in self.frequencies_initial)

    @computed_field(description="Imaginary modes of the saddle: must be 1.")  # type: ignore[prop-decorator]
    @property
    def imaginary_modes_saddle(self) -> int:
        """Modes in which the saddle is a maximum."""
        return sum(frequency < 0 for frequency in self.frequencies_saddle)

    @computed_field(  # type: ignore[prop-decorator]
        description="nu* = product of the initial over product of the real saddle frequencies, "
        "THz; null: the numbers of imaginary modes are not 0 and 1."
    )
    @property
    def attempt_frequency(self) -> float | None:
        """Vineyard's prefactor."""
        return vineyard_prefactor(self.frequencies_initial, self.frequencies_saddle)

    @computed_field(  # type: ignore[prop-decorator]
        description="Range of nu* over the shells, THz: what is left of the dependence on the "
        "radius; null where a shell has no nu*."
    )
    @property
    def attempt_frequency_interval(self) -> tuple[float, float] | None:
        """Lowest and highest nu* of the shells."""
        known = [value for value in self.shell_frequencies if value is not None]
        if not known or len(known) < len(self.shell_frequencies):
            return None
        return min(known), max(known)


def vineyard_prefactor(initial: list[float], saddle: list[float]) -> float | None:
    """Return nu* from frequencies (ascending, imaginary negative, THz).

    None when the numbers of imaginary modes are not 0 and 1.
    """
    imaginary = [sum(frequency <= 0 for frequency in modes) for modes in (initial, saddle)]
    if imaginary != [0, 1]:
        return None
    return float(np.exp(np.log(initial).sum() - np.log(saddle[1:]).sum()))


class ArrheniusFit(Document):
    """ln D = ln D0 - E_a / kT by least squares."""

    prefactor: float = Field(description="D0, cm2/s.")
    activation_energy: float = Field(description="E_a, eV.")

    @classmethod
    def of(cls, temperatures_K: list[float], diffusivities: list[float] | None) -> Self | None:
        """Fit diffusivities (cm2/s); None where fewer than two are known and positive."""
        known = diffusivities or []
        if len(known) < 2 or min(known) <= 0:
            return None
        slope, intercept = np.polyfit(1.0 / np.array(temperatures_K), np.log(known), 1)
        return cls(prefactor=float(np.exp(intercept)), activation_energy=float(-K_B * slope))


class DiffusionDoc(CalculationDoc):
    """Diffusivities of a defect and of tracers that it carries through a crystal."""

    alloy: str = Field(description="Formula of the crystal.")
    mobile_species: str = Field(description="Element that moves.")
    mechanism: Mechanism = Field(description="Defect that carries the element.")
    engine: str = Field(description="Engine of the barriers.")
    temperatures_K: list[float] = Field(description="Ascending, 300 K among them, K.")
    principal_diffusivities: list[tuple[float, float, float]] = Field(
        description="D_d of one defect along its principal axes, ascending, cm2/s, at each "
        "temperature."
    )
    migration_barrier: float | None = Field(
        description="E_m of the best percolating path, eV; null: none percolates."
    )
    formation_energy: float = Field(description="Lowest E_f of the defect, from the metal, eV.")
    attempt_frequency: float = Field(description="nu* of all hops, THz.")
    attempt_frequency_origin: FrequencyOrigin = Field(
        description="stated: by the user or the default; vibrations: Vineyard's product."
    )
    correlation_factors: list[float] | None = Field(
        description="f at each temperature; null: nothing percolates."
    )
    correlation_error: float = Field(description="Largest error of f.")
    correlation_origin: str = Field(description="How f was found.")
    defect_fractions: list[float] | None = Field(
        description="x_d, defects per site (vacancies) or per atom of the mobile species "
        "(interstitials), at each temperature; null: structural and not given."
    )
    defect_fraction_origin: FractionOrigin = Field(
        description="thermal: from E_f without vibrational entropy, in equilibrium with the metal; "
        "given: by the user; unknown: structural defects, whose fraction the composition sets."
    )
    structural_vacancies: bool = Field(
        description="E_f <= 0, or a phase known to hold vacancies at its composition: the defects "
        "are not thermal."
    )
    rate_control: dict[str, float] = Field(
        description="d ln D_d / d ln w of each hop at 300 K: 1 where it alone sets D_d; sums to 1."
    )
    limiting_hop: str | None = Field(description="Hop of the largest rate control.")
    hop_length: float | None = Field(description="Of the limiting hop, angstrom.")
    geometry_factor: float | None = Field(
        description="g = D_d / (d^2 nu* exp(-(E_saddle - lowest E_f) / kT)) of the limiting hop "
        "at 300 K: z / 6 for one kind of sites with z equal hops each in three dimensions."
    )
    barrier_error: float = Field(
        description="Assumed error of the barriers, eV; intervals are for it alone, that of E_f "
        "left out."
    )

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        count = len(self.temperatures_K)
        for name in ("principal_diffusivities", "correlation_factors", "defect_fractions"):
            values = getattr(self, name)
            if values is not None and len(values) != count:
                raise ValueError(f"{name} must have one value for each of {count} temperatures")
        return self

    @computed_field(description="D_d, mean over directions, cm2/s, at each temperature.")  # type: ignore[prop-decorator]
    @property
    def defect_diffusivities(self) -> list[float]:
        """Diffusivity of one defect."""
        return [sum(values) / 3 for values in self.principal_diffusivities]

    @computed_field(description="D* = f x_d D_d, cm2/s; null where a factor is.")  # type: ignore[prop-decorator]
    @property
    def tracer_diffusivities(self) -> list[float] | None:
        """Diffusivity of the atoms."""
        if self.defect_fractions is None or self.correlation_factors is None:
            return None
        factors = zip(
            self.correlation_factors, self.defect_fractions, self.defect_diffusivities, strict=True
        )
        return [f * x * d for f, x, d in factors]

    @computed_field(description="Arrhenius fit of D_d.")  # type: ignore[prop-decorator]
    @property
    def defect_fit(self) -> ArrheniusFit | None:
        """Effective migration energy and prefactor."""
        return ArrheniusFit.of(self.temperatures_K, self.defect_diffusivities)

    @computed_field(description="Arrhenius fit of D*.")  # type: ignore[prop-decorator]
    @property
    def tracer_fit(self) -> ArrheniusFit | None:
        """Effective activation energy and prefactor of self-diffusion."""
        return ArrheniusFit.of(self.temperatures_K, self.tracer_diffusivities)

    @computed_field(description="D_d at 300 K, cm2/s.")  # type: ignore[prop-decorator]
    @property
    def defect_diffusivity_300K(self) -> float:
        """Diffusivity of one defect at room temperature."""
        return self.defect_diffusivities[self._room]

    @computed_field(description="D_d at 300 K with barriers off by the error, cm2/s.")  # type: ignore[prop-decorator]
    @property
    def defect_interval_300K(self) -> tuple[float, float]:
        """Interval of D_d at room temperature."""
        return self.interval(ROOM_TEMPERATURE, self.defect_diffusivity_300K)

    @computed_field(description="D* at 300 K, cm2/s; null: see tracer_diffusivities.")  # type: ignore[prop-decorator]
    @property
    def tracer_diffusivity_300K(self) -> float | None:
        """Diffusivity of the atoms at room temperature."""
        tracers = self.tracer_diffusivities
        return None if tracers is None else tracers[self._room]

    @computed_field(description="D* at 300 K with barriers off by the error, cm2/s.")  # type: ignore[prop-decorator]
    @property
    def tracer_interval_300K(self) -> tuple[float, float] | None:
        """Interval of D* at room temperature."""
        value = self.tracer_diffusivity_300K
        return None if value is None else self.interval(ROOM_TEMPERATURE, value)

    @property
    def _room(self) -> int:
        return self.temperatures_K.index(ROOM_TEMPERATURE)

    def interval(self, temperature: float, value: float) -> tuple[float, float]:
        """Return a diffusivity (cm2/s) with all barriers off by the error, both ways."""
        factor = float(np.exp(self.barrier_error / (K_B * temperature)))
        return value / factor, value * factor
