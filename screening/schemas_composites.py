"""Documents of composites and doped electrolytes: the interphase over the ratio of two solids.

Units stand in each field's description: amounts in moles, volume fractions from 0 to 1.
"""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field, computed_field

from misei.screening.grains import Grains
from misei.screening.percolation import NEVER
from misei.screening.schemas import Document
from misei.screening.schemas_thermodynamics import LI_UPTAKE_NOISE, interface_type


class CompositePoint(Document):
    """The interphase of a composite at one ratio."""

    formula: str = Field(description="The composite, as `misei interphase` takes it.")
    ratio: float | None = Field(
        description="Moles of host per mole of additive; 0: additive alone, null: host alone."
    )
    metal_volume_fraction: float = Field(description="V_f,M, excess Li metal left out (0 to 1).")
    interphase_class: str = Field(description="SEI, MI-SEI or MCI.")
    li_uptake_0V: float = Field(description="Li taken up per formula unit of the composite.")
    products_0V: dict[str, float] = Field(description="Moles per formula unit of the composite.")
    metallic_products: list[str] = Field(description="Products counted as metal.")

    @computed_field(description="I, III-SEI, III-MI-SEI or II-MCI.")  # type: ignore[prop-decorator]
    @property
    def interface_type(self) -> str:
        """Type of the interface with Li metal."""
        return interface_type(self.li_uptake_0V > LI_UPTAKE_NOISE, self.interphase_class)


class GrainVariant(Document):
    """The critical ratio with other grains: what a change of the microstructure gains."""

    change: str = Field(description="What is different from the grains of the document.")
    grains: Grains = Field(description="The changed grains, nm.")
    percolation_threshold: float = Field(description="V_p (0 to 1; 1: they never percolate).")
    percolation_threshold_interval: tuple[float, float] = Field(
        description="V_p over the range of D / delta (0 to 1)."
    )
    critical_ratio: float | None = Field(
        description="Moles of host per mole of additive where V_f,M = V_p; null: at no ratio."
    )
    critical_ratio_interval: tuple[float | None, float | None] = Field(
        description="At the two ends of the interval of V_p; null: at no ratio."
    )

    @computed_field(description="Whether no amount of metal percolates.")  # type: ignore[prop-decorator]
    @property
    def never_percolates(self) -> bool:
        """Whether the envelopes keep all grains out of each other's reach."""
        return self.percolation_threshold >= NEVER


class CompositeScanDoc(Document):
    """The interphase over the ratios of a host to an additive, and where it turns into an MCI."""

    host: str = Field(description="Host as the user wrote it.")
    additive: str = Field(description="Additive, or doped end member, as the user wrote it.")
    points: list[CompositePoint] = Field(description="By rising ratio.")
    host_alone: CompositePoint
    additive_alone: CompositePoint
    critical_ratios: list[float] = Field(
        description="All ratios with V_f,M = V_p, ascending, moles of host per mole of additive."
    )
    critical_ratio_interval: tuple[float | None, float | None] = Field(
        description="The critical ratio at the two ends of the interval of V_p; null: no ratio "
        "reaches V_f,M = V_p there."
    )
    percolation_threshold: float = Field(description="V_p of the metal grains (0 to 1).")
    percolation_threshold_interval: tuple[float, float] = Field(
        description="V_p over the stated range of D / delta (0 to 1)."
    )
    threshold_model: str = Field(description="Model of V_p with its inputs and units.")
    grains: Grains = Field(description="The metal grains that V_p is for, nm.")
    variants: list[GrainVariant] = Field(
        default_factory=list, description="What other grains would gain or lose."
    )
    metallic_rule: str = Field(description="How a product was taken to be metallic.")
    excluded_phases: list[str] = Field(default_factory=list, description="Excluded by the user.")
    source: dict[str, str] = Field(description="Name, version and protocol of the entries.")

    @property
    def as_given(self) -> GrainVariant:
        """The grains of the document itself, beside its variants."""
        return GrainVariant(
            change="as given",
            grains=self.grains,
            percolation_threshold=self.percolation_threshold,
            percolation_threshold_interval=self.percolation_threshold_interval,
            critical_ratio=self.critical_ratio,
            critical_ratio_interval=self.critical_ratio_interval,
        )

    @computed_field(description="Moles of host per mole of additive.")  # type: ignore[prop-decorator]
    @property
    def ratios(self) -> list[float]:
        """Ratios of the points."""
        return [point.ratio for point in self.points if point.ratio is not None]

    @computed_field(description="V_f,M at each of the ratios (0 to 1).")  # type: ignore[prop-decorator]
    @property
    def metal_volume_fraction(self) -> list[float]:
        """V_f,M of the points."""
        return [point.metal_volume_fraction for point in self.points]

    @computed_field(description="Class at each of the ratios.")  # type: ignore[prop-decorator]
    @property
    def interphase_classes(self) -> list[str]:
        """Class of the points."""
        return [point.interphase_class for point in self.points]

    @computed_field(  # type: ignore[prop-decorator]
        description="Ratio at which V_f,M = V_p, the host-rich one of several, moles of host per "
        "mole of additive; null: no ratio reaches it."
    )
    @property
    def critical_ratio(self) -> float | None:
        """The largest of the critical ratios."""
        return self.critical_ratios[-1] if self.critical_ratios else None

    @computed_field(description="What holds at which ratio, in words.")  # type: ignore[prop-decorator]
    @property
    def summary(self) -> str:
        """Where the interphase is an MCI."""
        mixed = self.additive_alone.interphase_class == "MCI"
        if not self.critical_ratios:
            classes = {p.interphase_class for p in (self.host_alone, self.additive_alone)}
            classes |= set(self.interphase_classes)
            return f"V_f,M = V_p at no ratio: {' or '.join(sorted(classes))} throughout"
        edges = [0.0, *self.critical_ratios]
        ranges = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
        ranges.append(f"{edges[-1]:.3g} and more")
        conducting = ranges[0 if mixed else 1 :: 2]
        count = len(self.critical_ratios)
        several = f" ({count} critical ratios; the host-rich one is given)" if count > 1 else ""
        return f"MCI at {', '.join(conducting)} moles of host per mole of additive{several}"
