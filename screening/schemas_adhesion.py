"""The document of a work of adhesion: the interfaces of one alloy, and what they mean."""

from __future__ import annotations

from math import acos, degrees

from pydantic import Field, computed_field
from scipy import constants

from misei.screening.schemas import CalculationDoc
from misei.screening.schemas_interfaces import InterfaceDoc, best_interface, on_most_stable_face
from misei.screening.schemas_surfaces import SizeStep, SurfaceEnergyDoc

__all__ = [
    "LARGEST_WORK",
    "LOWEST_INTERFACE_ENERGY",
    "AdhesionDoc",
    "InterfaceDoc",
    "best_interface",
    "contact_angle",
]

# Radius of the pore or crack for which a critical overpotential is stored, nm.
PORE_RADIUS_NM = 10.0
LOWEST_INTERFACE_ENERGY = (
    "lowest interface energy of those relaxed: the one that forms in equilibrium"
)
LARGEST_WORK = "largest work of adhesion of those relaxed (an interface energy is missing)"


class AdhesionDoc(CalculationDoc):
    """Work of adhesion of Li on an alloy: the best of the interfaces that were relaxed.

    ``best`` is the interface of lowest interface energy, the one that forms in equilibrium;
    where one has no interface energy, that of largest W_ad (:attr:`selection` says which).
    """

    alloy: str = Field(description="Formula of the alloy.")
    engine: str = Field(description="Engine of all energies in this document.")
    interfaces: list[InterfaceDoc] = Field(description="All interfaces that were relaxed.")
    film_surface: SurfaceEnergyDoc = Field(
        description="Lowest-energy Li surface of the same engine, for gamma_Li."
    )
    surface_error: str = Field(
        description="What is known of the engine's error in surface energies of these elements."
    )
    work_of_adhesion_interval: tuple[float, float] | None = Field(
        default=None,
        description="W_ad within the engine's surface errors, J/m2; None: error unknown.",
    )
    wetting_ratio_interval: tuple[float, float] | None = Field(
        default=None, description="W_ad / 2 gamma_Li within these errors; None: error unknown."
    )
    film_volume_per_atom: float | None = Field(
        default=None, description="V_Li of the relaxed film crystal, angstrom^3/atom."
    )
    screened: list[InterfaceDoc] = Field(
        default_factory=list,
        description="All relaxed interfaces by the engine of the geometries, best first, without "
        "structures; the first ones are confirmed in `interfaces`. Empty: one engine did all.",
    )
    size_steps: list[SizeStep] = Field(
        default_factory=list, description="W_ad of the best interface with growing slabs, vacuum."
    )
    size_converged: bool | None = Field(
        default=None, description="Whether W_ad stopped changing with size; None: not tried."
    )
    force_evaluations: int = Field(default=0, description="Of everything but the relaxed crystals.")

    @computed_field(description="How the best interface was chosen.")  # type: ignore[prop-decorator]
    @property
    def selection(self) -> str:
        """Rule by which :attr:`best` was chosen."""
        known = all(doc.interface_energy is not None for doc in self.interfaces)
        rule = LOWEST_INTERFACE_ENERGY if known else LARGEST_WORK
        if not self.not_confirmed:
            return rule
        first = self.screened[0].provenance.engine
        return f"{rule}; {len(self.interfaces)} of {len(self.screened)} confirmed, by {first}"

    @property
    def not_confirmed(self) -> list[InterfaceDoc]:
        """Relaxed interfaces whose energies are those of the geometries' engine only."""
        return self.screened[len(self.interfaces) :]

    @property
    def best(self) -> InterfaceDoc:
        """The interface that stands for the alloy, see :attr:`selection`."""
        return best_interface(self.interfaces)

    @computed_field(description="W_ad, J/m2.")  # type: ignore[prop-decorator]
    @property
    def work_of_adhesion(self) -> float:
        """W_ad of the best interface in J/m2."""
        return self.best.work_of_adhesion

    @computed_field(description="Lowest and highest W_ad of the interfaces, J/m2.")  # type: ignore[prop-decorator]
    @property
    def work_of_adhesion_range(self) -> tuple[float, float]:
        """Spread of W_ad over the interfaces that were relaxed, J/m2."""
        works = [doc.work_of_adhesion for doc in self.interfaces]
        return min(works), max(works)

    @computed_field(description="gamma_int of the best interface, J/m2.")  # type: ignore[prop-decorator]
    @property
    def interface_energy(self) -> float | None:
        """Interface energy of the best interface in J/m2."""
        return self.best.interface_energy

    @computed_field(description="W_ad / 2 gamma_Li, both of the same engine.")  # type: ignore[prop-decorator]
    @property
    def wetting_ratio(self) -> float:
        """W_ad / (2 gamma_Li): Li wets completely at 1 or more; 0.5 is a right angle."""
        return self.work_of_adhesion / (2.0 * self.film_surface.surface_energy)

    @property
    def on_stable_face(self) -> InterfaceDoc | None:
        """Best interface on the face of lowest surface energy, where Li wets a free crystal.

        None also where that face, by the engine of the geometries, was not confirmed.
        """
        if not self.not_confirmed:
            return on_most_stable_face(self.interfaces)
        stable = on_most_stable_face(self.screened)
        there = [doc for doc in self.interfaces if stable is not None and doc.face == stable.face]
        return best_interface(there) if there else None

    @computed_field(description="W_ad / 2 gamma_Li on the most stable face.")  # type: ignore[prop-decorator]
    @property
    def wetting_ratio_on_stable_face(self) -> float | None:
        """W_ad / (2 gamma_Li) of :attr:`on_stable_face`; None where no surface energy is known.

        A droplet on a free crystal meets this face; Li and substrate that form together, as in
        an interphase, meet in :attr:`best`.
        """
        interface = self.on_stable_face
        if interface is None:
            return None
        return interface.work_of_adhesion / self.critical_work_of_adhesion

    @computed_field(description="Young-Dupre contact angle, degrees.")  # type: ignore[prop-decorator]
    @property
    def contact_angle(self) -> float:
        """Theta = arccos(W_ad / gamma_Li - 1), 0 where W_ad >= 2 gamma_Li, 180 where W_ad <= 0."""
        return contact_angle(self.wetting_ratio)

    @computed_field(description="Whether W_ad >= 2 gamma_Li.")  # type: ignore[prop-decorator]
    @property
    def wets(self) -> bool:
        """Complete wetting by Young-Dupre, by the engine's own numbers."""
        return self.wetting_ratio >= 1.0

    @computed_field(description="W_ad of complete wetting, 2 gamma_Li, J/m2.")  # type: ignore[prop-decorator]
    @property
    def critical_work_of_adhesion(self) -> float:
        """Critical wetting line: theta is 0 from W_ad = 2 gamma_Li on, 90 degrees at half of it."""
        return 2.0 * self.film_surface.surface_energy

    @computed_field(description="Verdict on complete wetting.")  # type: ignore[prop-decorator]
    @property
    def wetting_verdict(self) -> str:
        """What W_ad / 2 gamma_Li and its interval say of complete wetting."""
        verdict = "wets completely" if self.wets else "does not wet completely"
        if self.wetting_ratio_interval is None:
            return f"{verdict} (error of the engine unknown)"
        low, high = self.wetting_ratio_interval
        return "undecided: the interval includes 1" if low <= 1.0 <= high else verdict

    def critical_overpotential(self, radius_nm: float = PORE_RADIUS_NM) -> float | None:
        """Overpotential at which Li grows into a pore or crack of the substrate, V.

        A spherical tip of Li of radius r inside the substrate has the area A = 4 pi r^2 and
        the volume V = 4 pi r^3 / 3. Growing it by dV costs gamma_int dA = (2 gamma_int / r) dV:
        Young and Laplace's pressure. It raises the chemical potential of Li in the tip by
        2 gamma_int V_Li / r, which an overpotential eta pays for with e eta:

            eta = 2 gamma_int V_Li / (r e)

        A positive gamma_int resists, a negative one draws Li in. Assumed: an interface energy
        that does not depend on orientation, incompressible Li, a tip without an open pore's
        free walls, and no elastic or fracture energy of the substrate: capillarity alone.

        Parameters
        ----------
        radius_nm
            Radius of the tip, nm.

        Returns
        -------
        float or None
            None where the interface energy is unknown.

        Raises
        ------
        ValueError
            When the radius is not positive.
        """
        if not radius_nm > 0:
            raise ValueError(f"radius {radius_nm} nm; valid: above 0")
        gamma, volume = self.interface_energy, self.film_volume_per_atom
        if gamma is None or volume is None:
            return None
        energy = 2.0 * gamma * volume * constants.angstrom**3 / (radius_nm * constants.nano)
        return energy / constants.elementary_charge

    @computed_field(description="eta of capillarity for a tip of 10 nm radius, V.")  # type: ignore[prop-decorator]
    @property
    def critical_overpotential_10nm(self) -> float | None:
        """:meth:`critical_overpotential` at 10 nm."""
        return self.critical_overpotential(PORE_RADIUS_NM)

    @computed_field(description="Largest principal strain of the film in the best interface.")  # type: ignore[prop-decorator]
    @property
    def strain(self) -> float:
        """Strain carried by the Li film."""
        return self.best.strain

    @computed_field(description="Area of the best interface, angstrom^2.")  # type: ignore[prop-decorator]
    @property
    def area(self) -> float:
        """Area of the best interface."""
        return self.best.area

    @computed_field(description="Atoms of the best interface cell.")  # type: ignore[prop-decorator]
    @property
    def natoms(self) -> int:
        """Atoms of the best interface cell."""
        return self.best.natoms


def contact_angle(wetting_ratio: float) -> float:
    """Young-Dupre contact angle in degrees of W_ad / 2 gamma: cos(theta) = 2 ratio - 1."""
    return degrees(acos(min(1.0, max(-1.0, 2.0 * wetting_ratio - 1.0))))
