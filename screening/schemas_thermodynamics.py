"""Documents of the thermodynamic stage: windows, interphases, candidate alloys.

Units stand in each field's description: energies eV/atom, potentials V vs Li/Li+, volumes
angstrom^3, amounts moles per formula unit.
"""

from __future__ import annotations

from pydantic import Field, computed_field

from misei.screening.grains import Grains
from misei.screening.schemas import Document


class Plateau(Document):
    """One step of the voltage profile of a composition against Li metal."""

    potential_high: float | None = Field(
        description="Upper edge of the potential range, V vs Li/Li+; null: no upper edge."
    )
    potential_high_error: float | None = Field(
        None, description="Standard error of the upper edge from the energies' own error, V."
    )
    potential_low: float = Field(description="Lower edge of the potential range, V vs Li/Li+.")
    li_uptake: float = Field(description="Li taken up per formula unit (negative: given off).")
    products: dict[str, float] = Field(
        description="Product phases in this range, moles per formula unit."
    )


class ReductionDoc(Document):
    """Thermodynamics of one electrolyte, or a composite, against Li."""

    formula: str = Field(description="Formula or composite as the user wrote it.")
    e_above_hull: float | None = Field(
        description="Energy above the hull, eV/atom (composite: over all its atoms); null: the "
        "source has no such phase."
    )
    reduction_potential: float = Field(description="Li is taken up below it, V vs Li/Li+.")
    reduction_potential_error: float | None = Field(
        None, description="Its standard error from the energies' own error, V; null: never reduced."
    )
    oxidation_potential: float | None = Field(
        description="Li is given off above it, V vs Li/Li+; null: the composition holds no Li."
    )
    oxidation_potential_error: float | None = Field(
        None, description="Its standard error from the energies' own error, V."
    )
    products_0V: dict[str, float] = Field(description="Moles per formula unit at 0 V.")
    li_uptake_0V: float = Field(description="Li taken up per formula unit at 0 V.")
    reaction_energy_0V: float = Field(
        description="Energy of the reaction with excess Li metal, eV per atom of electrolyte, "
        "from the electrolyte's real energy where it is in the source, else from the hull."
    )
    volume: float | None = Field(
        description="Volume of the electrolyte, angstrom^3 per formula unit; null: the source has "
        "no such phase.",
    )
    product_volume_0V: float = Field(
        description="Volume of the products at 0 V, angstrom^3 per formula unit."
    )
    voltage_profile: list[Plateau] = Field(description="From high to low potential.")
    energy_error: float = Field(
        description="Standard error of the formation energies behind the errors, eV/atom."
    )
    energy_error_source: str = Field(description="Where that error comes from.")
    excluded_phases: list[str] = Field(default_factory=list, description="Excluded by the user.")
    source: dict[str, str] = Field(
        description="Name, version, protocol and temperature of the entries."
    )

    @computed_field(description="(V_products - V) / V, Li metal used up not counted.")  # type: ignore[prop-decorator]
    @property
    def volume_change_0V(self) -> float | None:
        """Relative change of volume from the electrolyte to its products at 0 V."""
        return None if self.volume is None else self.product_volume_0V / self.volume - 1.0

    @computed_field(description="Reduced by less than the error: it may be stable with Li.")  # type: ignore[prop-decorator]
    @property
    def reduction_within_error(self) -> bool:
        """Whether the reduction potential lies within its standard error of 0 V."""
        error = self.reduction_potential_error
        return error is not None and self.reduction_potential <= error


# Li per formula unit that is rounding noise of the hull.
LI_UPTAKE_NOISE = 1e-5


def interface_type(reacts: bool, interphase_class: str) -> str:
    """Type of an interface (Wenzel et al., Solid State Ionics 2015, 278, 98), split by percolation.

    Parameters
    ----------
    reacts
        Whether the solid takes up Li, or the two solids react with each other.
    interphase_class
        Class of what forms: SEI, MI-SEI or MCI.

    Returns
    -------
    str
        I: thermodynamically stable; III-SEI: insulating, no metal; III-MI-SEI: metal below its
        percolation threshold; II-MCI: mixed conducting.
    """
    if not reacts:
        return "I"
    return f"II-{interphase_class}" if interphase_class == "MCI" else f"III-{interphase_class}"


class InterphaseDoc(Document):
    """Metal content of the interphase at 0 V, against the percolation threshold."""

    formula: str = Field(description="Formula or composite as the user wrote it.")
    products_0V: dict[str, float] = Field(description="Moles per formula unit at 0 V.")
    metallic_products: list[str] = Field(description="Products counted as metal.")
    metal_volume_fraction: float = Field(description="V_f,M, excess Li metal left out (0 to 1).")
    percolation_threshold: float = Field(description="V_p of the metal grains (0 to 1).")
    percolation_threshold_interval: tuple[float, float] = Field(
        description="V_p over the stated range of D / delta (0 to 1)."
    )
    percolation_probability: float = Field(
        description="Probability that the metal percolates over that range (0 to 1)."
    )
    grains: Grains = Field(description="The metal grains that V_p is for, nm.")
    threshold_model: str = Field(description="Model of V_p with its inputs and units.")
    metallic_rule: str = Field(description="How a product was taken to be metallic.")
    interphase_class: str = Field(description="SEI, MI-SEI or MCI.")
    li_uptake_0V: float = Field(description="Li taken up per formula unit at 0 V.")
    excluded_phases: list[str] = Field(default_factory=list, description="Excluded by the user.")
    source: dict[str, str] = Field(description="Name, version and protocol of the entries.")

    @computed_field(description="I, III-SEI, III-MI-SEI or II-MCI.")  # type: ignore[prop-decorator]
    @property
    def interface_type(self) -> str:
        """Type of the interface with Li metal."""
        return interface_type(self.li_uptake_0V > LI_UPTAKE_NOISE, self.interphase_class)

    @computed_field(  # type: ignore[prop-decorator]
        description="Probability of each class over the range of D / delta (0 to 1)."
    )
    @property
    def class_probabilities(self) -> dict[str, float]:
        """How likely the interphase is an SEI, an MI-SEI or an MCI."""
        metal = float(self.metal_volume_fraction > 0)
        mixed = metal * self.percolation_probability
        return {"SEI": 1.0 - metal, "MI-SEI": metal - mixed, "MCI": mixed}


class AlloyCandidate(Document):
    """A Li-M phase considered for the MI-SEI."""

    alloy: str = Field(description="Formula.")
    metal: str = Field(description="The metal M.")
    entry_id: str = Field(description="Id in the thermodynamic source.")
    e_above_hull: float = Field(description="Energy above the Li-M hull, eV/atom.")
    equilibrium_with_li: bool = Field(description="Whether it coexists with Li metal (0 V).")
    potential_low: float | None = Field(
        description="Lower edge of its stability range, V vs Li/Li+; null off the hull."
    )
    potential_high: float | None = Field(
        description="Upper edge of its stability range, V vs Li/Li+; null: none, or off the hull."
    )
    volume_per_atom: float = Field(description="Volume, angstrom^3/atom.")


class ThermodynamicsDoc(Document):
    """The thermodynamic stage of a campaign."""

    reductions: list[ReductionDoc]
    interphases: list[InterphaseDoc]
    candidates: list[AlloyCandidate] = Field(description="Alloys of the metals on their hulls.")
    source: dict[str, str] = Field(description="Name, version and protocol of the entries.")
