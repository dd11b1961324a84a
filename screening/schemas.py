"""Bases of the documents of the results store: facts are stored, derived numbers computed.

Units stand in each field's description: energies eV, lengths angstrom, surface energies
and works of adhesion J/m2, potentials V vs Li/Li+.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from scipy import constants

from misei import __version__

EV_PER_A2_TO_J_PER_M2 = constants.elementary_charge / constants.angstrom**2

Miller = tuple[int, int, int]
EnergiesFrom = Literal["potential", "DFT on a potential's geometry", "DFT"]


class Document(BaseModel):
    """Base of all documents. Computed properties are written, and ignored when read back."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)


class Provenance(Document):
    """Where a number comes from."""

    engine: str = Field(description="Name of the engine that gave the energies.")
    engine_version: str = Field(description="Package and model version of the engine.")
    energies_from: EnergiesFrom = Field(
        default="potential", description="What the energies are: a potential's, or DFT."
    )
    misei_version: str = Field(default=__version__, description="Version of misei that wrote this.")
    source_ids: list[str] = Field(
        default_factory=list, description="Ids of the structures or entries used."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the flow, with units in the names."
    )
    created_at: str = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        description="UTC time at which the document was made.",
    )


class CalculationDoc(Document):
    """A document that rests on energies and forces of an engine."""

    converged: bool = Field(description="Whether every relaxation and band met its fmax.")
    warnings: list[str] = Field(default_factory=list, description="What a reader must know.")
    provenance: Provenance
