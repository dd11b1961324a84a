"""Document of an interphase's transport: electronic conductivity, thickness, resistance."""

from __future__ import annotations

from pydantic import Field

from misei.screening.grains import Grains
from misei.screening.schemas import Document


class TransportDoc(Document):
    """Electrons through an interphase, how thick they let it grow, and what Li ions meet there."""

    formula: str = Field(description="Formula or composite as the user wrote it.")
    metal_volume_fraction: float = Field(description="V_f,M at 0 V (0 to 1).")
    percolation_threshold: float = Field(description="V_p of the metal grains (0 to 1).")
    interphase_class: str = Field(description="SEI, MI-SEI or MCI.")
    sigma_electronic: float = Field(description="Resistor network through V_p, S/cm.")
    sigma_electronic_interval: tuple[float, float] = Field(
        description="Over the range of D / delta, S/cm."
    )
    sigma_percolation_law: float = Field(
        description="sigma_0 (V_f,M - V_p)^n, zero below V_p, S/cm."
    )
    sigma_0: float = Field(description="Fitted to the networks, S/cm.")
    percolation_exponent: float = Field(description="n, fitted to the networks.")
    sigma_mixing_rule: float = Field(
        description="V_f,M sigma_M + (1 - V_f,M) sigma_nM, an upper bound, S/cm."
    )
    sigma_metal: float = Field(description="Input: of the metal's paths, S/cm.")
    sigma_insulator: float = Field(description="Input: electronic, of the rest, S/cm.")
    sigma_lithium: float | None = Field(
        description="Input: Li-ion conductivity of the interphase, S/cm; null: not given."
    )
    time_h: float = Field(description="Input: since the interphase began to grow, h.")
    driving_voltage: float = Field(description="Reduction potential, V vs Li/Li+.")
    volume_per_electron: float | None = Field(
        description="Of the products at 0 V, cm3 per mole of Li taken up; null: nothing reacts."
    )
    thickness_nm: float | None = Field(
        description="Parabolic growth, nm; null: without a Li-ion conductivity."
    )
    thickness_nm_interval: tuple[float, float] | None = Field(
        description="Over the range of D / delta, nm."
    )
    area_specific_resistance: float | None = Field(
        description="thickness / sigma_lithium, Ohm cm2; null: as the thickness."
    )
    area_specific_resistance_interval: tuple[float, float] | None = Field(
        description="Over the range of D / delta, Ohm cm2."
    )
    grains: Grains = Field(description="The metal grains that V_p is for, nm.")
    threshold_model: str = Field(description="Model of V_p with its inputs and units.")
    excluded_phases: list[str] = Field(default_factory=list, description="Excluded by the user.")
    source: dict[str, str] = Field(description="Name, version and protocol of the entries.")
