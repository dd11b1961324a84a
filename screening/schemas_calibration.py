"""Document of a calibration: the grains that explain the classes seen in an experiment."""

from __future__ import annotations

from pydantic import Field, computed_field

from misei.screening.grains import Grains
from misei.screening.schemas import Document
from misei.screening.schemas_thermodynamics import InterphaseDoc


class ObservedInterphase(Document):
    """An interphase, computed and seen."""

    seen: str = Field(description="Class seen in the experiment: SEI, MI-SEI or MCI.")
    interphase: InterphaseDoc = Field(description="As computed with the calibrated grains.")

    @computed_field(description="Whether the class computed is the one seen.")  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether model and experiment agree."""
        return self.interphase.interphase_class == self.seen


class CalibrationDoc(Document):
    """Grains that percolate where an experiment says."""

    observations: list[ObservedInterphase]
    threshold_bracket: tuple[float, float] = Field(
        description="Largest V_f,M seen not to percolate, smallest that did (0 to 1)."
    )
    closeness_interval: tuple[float, float] = Field(
        description="D / delta with V_p at the two ends of that bracket."
    )
    grains: Grains = Field(description="Geometric middle of the range, nm, and its spread.")
    source: dict[str, str] = Field(description="Name, version and protocol of the entries.")
