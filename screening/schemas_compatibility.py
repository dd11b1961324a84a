"""Documents of coatings and interlayers in contact with Li metal and an electrolyte.

Units stand in each field's description: energies eV/atom, potentials V vs Li/Li+, amounts in moles.
"""

from __future__ import annotations

from pydantic import Field, computed_field

from misei.screening.schemas import Document
from misei.screening.schemas_thermodynamics import InterphaseDoc, interface_type

# Mutual reaction energies closer to zero than this, in eV per atom of the two solids, are rounding
# noise of the hull; what is less than the error of the energies is said in words (`verdict`).
REACTION_TOLERANCE = 1e-4


class OwnReaction(Document):
    """What one of the two solids does without the other."""

    formula: str = Field(description="Compound or composite as the user wrote it.")
    energy: float = Field(
        description="Its own reaction energy (x = 0 for the electrolyte, x = 1 for the coating), "
        "in the energy_unit of the contact. Closed: minus its energy above the hull; open: its "
        "reaction with Li at the potential. From its real energy where the source has it, else "
        "from the hull."
    )
    products: dict[str, float] = Field(description="Moles per formula unit.")


class ContactDoc(Document):
    """Pseudo-binary reaction of a coating with an electrolyte, at its most negative."""

    potential: float | None = Field(
        description="Potential of the Li reservoir, V vs Li/Li+; null: closed, no Li from outside."
    )
    energy_unit: str = Field(
        description="Closed: eV/atom of the two solids. Open: eV per atom other than Li of the two "
        "solids, the normalisation of pymatgen's GrandPotentialInterfacialReactivity."
    )
    coating: OwnReaction
    electrolyte: OwnReaction
    mutual_energy: float = Field(
        description="Most negative reaction energy of the mixtures less those of the two solids, "
        "each on the hull, in energy_unit: what the contact adds to what each solid does alone. "
        "0: no mixture reacts."
    )
    mutual_energy_per_atom: float = Field(
        description="The same per atom of the two solids, their Li included, eV/atom."
    )
    total_energy: float = Field(
        description="Mutual energy and both own energies at that mixture, in energy_unit; without "
        "a mutual reaction the lower of the own energies."
    )
    atomic_fraction: float | None = Field(
        description="Atoms of the coating, its Li included, over those of both solids at the "
        "most negative mutual energy (0 to 1); null: no mutual reaction."
    )
    mole_fraction: float | None = Field(
        description="The same in moles of formula units as written (0 to 1)."
    )
    li_uptake: float = Field(
        description="Li taken from the reservoir per mole of the mixture (negative: given off)."
    )
    products: dict[str, float] = Field(
        description="Products of that mixture, moles per mole of the mixture; empty: no mutual "
        "reaction."
    )
    metallic_products: list[str] = Field(description="Those of them counted as metal.")
    metal_volume_fraction: float | None = Field(
        description="Their volume over that of all products (0 to 1); null: no mutual reaction. "
        "The metal of an alloy coating counts."
    )
    interphase_class: str | None = Field(
        description="SEI, MI-SEI or MCI by that fraction; null: no mutual reaction."
    )

    @computed_field(description="Whether the two solids react with each other.")  # type: ignore[prop-decorator]
    @property
    def reacts(self) -> bool:
        """Mutual energy beyond :data:`REACTION_TOLERANCE`."""
        return self.mutual_energy_per_atom < -REACTION_TOLERANCE

    @computed_field(description="III-SEI, III-MI-SEI or II-MCI; null: no mutual reaction.")  # type: ignore[prop-decorator]
    @property
    def interface_type(self) -> str | None:
        """Type of the interphase that the mutual reaction forms."""
        return (
            None if self.interphase_class is None else interface_type(True, self.interphase_class)
        )


class CompatibilityDoc(Document):
    """A coating or interlayer between Li metal and an electrolyte."""

    coating: str = Field(description="Compound, alloy or composite as the user wrote it.")
    electrolyte: str = Field(description="Electrolyte as the user wrote it.")
    lithium: InterphaseDoc = Field(description="The coating against Li metal, at 0 V.")
    lithium_reaction_energy: float = Field(
        description="Energy of the coating's reaction with Li metal, eV per atom of coating."
    )
    closed: ContactDoc = Field(description="Coating | electrolyte, no Li from outside.")
    open: ContactDoc = Field(description="Coating | electrolyte, open to Li at the potential.")
    energy_error: float = Field(
        description="Standard error of the formation energies of the source, eV/atom."
    )
    excluded_phases: list[str] = Field(default_factory=list, description="Excluded by the user.")
    source: dict[str, str] = Field(
        description="Name, version and protocol of the entries; the phases that the energies of "
        "the coating and the electrolyte are taken from."
    )

    @computed_field(description="Whether the coating takes up no Li at 0 V.")  # type: ignore[prop-decorator]
    @property
    def stable_with_li(self) -> bool:
        """Type I against Li metal."""
        return self.lithium.interface_type == "I"

    @computed_field(description="No mutual reaction, closed and open to Li.")  # type: ignore[prop-decorator]
    @property
    def stable_with_electrolyte(self) -> bool:
        """Whether coating and electrolyte leave each other alone."""
        return not (self.closed.reacts or self.open.reacts)

    @computed_field(description="The verdict in words.")  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> str:
        """With Li metal, with the electrolyte closed, with the electrolyte open to Li."""
        with_li = (
            "stable"
            if self.stable_with_li
            else f"takes up Li ({self.lithium.interface_type}, "
            f"{self.lithium_reaction_energy:.3f} eV/atom)"
        )
        return (
            f"with Li: {with_li}; with {self.electrolyte}: {self._words(self.closed)}; "
            f"open to Li at {self.open.potential:g} V: {self._words(self.open)}{self._alone()}"
        )

    def _alone(self) -> str:
        """Solids that do not stay what they are at the potential, with or without contact."""
        solids = (self.open.coating, self.open.electrolyte)
        unstable = [solid.formula for solid in solids if solid.energy < -REACTION_TOLERANCE]
        return f" (not stable there by themselves: {', '.join(unstable)})" if unstable else ""

    def _words(self, contact: ContactDoc) -> str:
        if not contact.reacts:
            return "no mutual reaction"
        size = contact.mutual_energy_per_atom
        doubt = ", within the error of the energies" if -size < self.energy_error else ""
        return f"reacts ({contact.interface_type}, {size:.3f} eV/atom{doubt})"
