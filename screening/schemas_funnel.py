"""Documents of the funnel: how far two engines differ where both have computed the same alloy."""

from __future__ import annotations

from pydantic import Field

from misei.screening.schemas import Document


class QuantityComparison(Document):
    """One quantity by two engines, alloy by alloy, and the statistics of the differences.

    What so few alloys cannot tell is null, never NaN.
    """

    quantity: str = Field(description="Name, as the ranking has it.")
    unit: str
    alloys: list[str] = Field(description="Alloys that both engines have computed.")
    screen: list[float] = Field(description="By the first engine, in the unit.")
    refine: list[float] = Field(description="By the second engine, in the unit.")
    bias: float | None = Field(description="Mean of second minus first, in the unit.")
    scatter: float | None = Field(
        description="Sample standard deviation of the differences about the bias, in the unit; "
        "null below two alloys."
    )
    spearman: float | None = Field(
        description="Spearman's rank correlation; null below three alloys or where one engine "
        "gives all alloys the same number."
    )
    kendall: float | None = Field(description="Kendall's tau-b; null as Spearman's.")
    verdict: str = Field(description="Whether the statistics are used in the ranking.")

    @property
    def n(self) -> int:
        """Number of alloys that both engines have computed."""
        return len(self.alloys)

    @property
    def differences(self) -> list[float]:
        """Second minus first engine, in the unit."""
        return [b - a for a, b in zip(self.screen, self.refine, strict=True)]


class EngineComparison(Document):
    """Two engines on the alloys that both have computed."""

    screen: str = Field(description="Engine of the first stage.")
    refine: str = Field(description="Engine of the second stage.")
    second_is_dft: bool = Field(description="Whether the second one's energies are DFT.")
    quantities: list[QuantityComparison]
    selection: str = Field(description="How the alloys were chosen, and what that does.")

    def of(self, quantity: str) -> QuantityComparison:
        """Return the comparison of one quantity, by its name in the ranking."""
        return next(found for found in self.quantities if found.quantity == quantity)
