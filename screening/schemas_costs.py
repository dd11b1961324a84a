"""What a stage of a campaign took."""

from __future__ import annotations

from pydantic import Field

from misei.screening.schemas import Document


class StageCost(Document):
    """Jobs, time and force evaluations of one stage; what an earlier one computed is not in it."""

    stage: str = Field(description="Name, with its engine.")
    energies_from: str = Field(description="What the energies are: a potential's, or DFT.")
    jobs: int = Field(description="Jobs that finished.")
    seconds: float = Field(description="Wall times of the jobs together, s.")
    force_evaluations: int = Field(description="Energies and forces computed by the engine.")
