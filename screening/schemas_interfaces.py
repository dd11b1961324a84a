"""Documents of single interfaces: energies per area in J/m2.

Sign conventions: surface and interface energies are the cost of making the face, positive;
a work of adhesion is what pulling an interface apart costs, positive where it binds.
"""

from __future__ import annotations

from pydantic import Field, computed_field
from pymatgen.core import Structure

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, CalculationDoc, Miller
from misei.screening.schemas_registries import RegistryDoc

# Surface energies of one face in slabs of two interfaces agree to this, J/m2.
SAME_FACE = 0.005


class InterfaceDoc(CalculationDoc):
    """One relaxed film | substrate interface in a cell with vacuum (one interface per cell).

    Its surface energies refer to the crystal of the film and, for the substrate, to Li metal
    (0 V vs Li/Li+) and to the crystal of the alloy, which together fix the chemical potential
    of a second element: mu_X = (E(Li_x X_y) - x mu_Li) / y.
    """

    substrate: str = Field(description="Formula of the substrate, the alloy.")
    substrate_miller: Miller
    film: str = Field(description="Formula of the film, Li.")
    film_lattice: str = Field(description="Lattice of the film, bcc or fcc for Li.")
    film_miller: Miller
    termination: str = Field(description="pymatgen label of the terminations, film then substrate.")
    energy_interface: float = Field(description="Relaxed interface, eV.")
    energy_film: float = Field(description="Relaxed film slab in the same in-plane cell, eV.")
    energy_substrate: float = Field(description="Relaxed substrate slab, same cell, eV.")
    area: float = Field(description="Area of the interface, angstrom^2.")
    natoms: int = Field(description="Atoms in the interface cell.")
    strain: float = Field(description="Largest principal strain of the film, signed (1 = 100 %).")
    strains: tuple[float, float] | None = Field(
        default=None, description="Both principal strains of the film (1 = 100 %)."
    )
    energy_film_unstrained: float | None = Field(
        default=None, description="As many film atoms in a relaxed slab without strain, eV."
    )
    area_film_unstrained: float | None = Field(
        default=None, description="Area of a face of that slab, angstrom^2."
    )
    energy_film_bulk: float | None = Field(
        default=None, description="As many film atoms in their relaxed crystal, eV."
    )
    energy_substrate_bulk: float | None = Field(
        default=None,
        description="Sum of n mu over the substrate slab's atoms, eV; None: mu is not fixed.",
    )
    equivalent_faces: bool | None = Field(
        default=None,
        description="Whether both faces of the substrate slab are the same termination.",
    )
    stoichiometric: bool | None = Field(
        default=None, description="Whether the substrate slab has the composition of the alloy."
    )
    polar: bool | None = Field(
        default=None, description="Whether the facet is polar by ionic charges."
    )
    registry: RegistryDoc | None = Field(default=None, description="Where the relaxation started.")
    rigid_work_of_adhesion: float | None = Field(
        default=None, description="W_ad of that registry between rigid slabs, J/m2."
    )
    force_evaluations: int = Field(default=0, description="Of the interface and its two slabs.")
    structure: Structure | None = Field(default=None, description="Relaxed interface.")

    @property
    def face(self) -> str:
        """Facet and termination of the substrate."""
        return f"{tuple(self.substrate_miller)} {self.termination.split(' | ')[-1]}"

    @computed_field(description="W_ad, J/m2.")  # type: ignore[prop-decorator]
    @property
    def work_of_adhesion(self) -> float:
        """W_ad = (E_film + E_substrate - E_interface) / A in J/m2."""
        gain = self.energy_film + self.energy_substrate - self.energy_interface
        return gain / self.area * EV_PER_A2_TO_J_PER_M2

    @computed_field(description="Surface energy of the unstrained film facet, J/m2.")  # type: ignore[prop-decorator]
    @property
    def surface_energy_film(self) -> float | None:
        """(E_unstrained film - E_film bulk) / 2A in J/m2."""
        return _per_two_faces(
            self.energy_film_unstrained, self.energy_film_bulk, self.area_film_unstrained
        )

    @computed_field(description="Surface energy of the substrate's termination, J/m2.")  # type: ignore[prop-decorator]
    @property
    def surface_energy_substrate(self) -> float | None:
        """(E_substrate - sum n mu) / 2A in J/m2; of unlike faces the mean of both."""
        return _per_two_faces(self.energy_substrate, self.energy_substrate_bulk, self.area)

    @computed_field(description="Energy that the strain costs the film, J/m2.")  # type: ignore[prop-decorator]
    @property
    def strain_energy(self) -> float | None:
        """(E_film - E_unstrained film) / A in J/m2.

        The elastic part grows with the film's thickness and with the square of the strain; the
        stress of the film's two faces adds a part linear in it, so that a thin film may gain
        from a small strain.
        """
        if self.energy_film_unstrained is None:
            return None
        return (self.energy_film - self.energy_film_unstrained) / self.area * EV_PER_A2_TO_J_PER_M2

    @computed_field(description="Interface energy gamma_int, J/m2.")  # type: ignore[prop-decorator]
    @property
    def interface_energy(self) -> float | None:
        """Dupre: gamma_int = gamma_film + gamma_substrate - W_ad in J/m2, without strain energy.

        The cost of making the interface from the two crystals: 0 for a crystal on itself in
        perfect registry. None where a surface energy is.
        """
        film, substrate = self.surface_energy_film, self.surface_energy_substrate
        if film is None or substrate is None:
            return None
        return film + substrate - self.work_of_adhesion


def _per_two_faces(slab: float | None, bulk: float | None, area: float | None) -> float | None:
    if slab is None or bulk is None or area is None:
        return None
    return (slab - bulk) / (2.0 * area) * EV_PER_A2_TO_J_PER_M2


def best_interface(interfaces: list[InterfaceDoc]) -> InterfaceDoc:
    """Interface of lowest interface energy; of largest W_ad where one of these is missing."""
    return best_first(interfaces)[0]


def best_first(interfaces: list[InterfaceDoc]) -> list[InterfaceDoc]:
    """Interfaces in the order of :func:`best_interface`."""
    energies = {id(doc): doc.interface_energy for doc in interfaces}
    known = {key: energy for key, energy in energies.items() if energy is not None}
    if len(known) == len(energies):
        return sorted(interfaces, key=lambda doc: known[id(doc)])
    return sorted(interfaces, key=lambda doc: -doc.work_of_adhesion)


def on_most_stable_face(interfaces: list[InterfaceDoc]) -> InterfaceDoc | None:
    """Best interface on the face of lowest surface energy; None where no such energy is known."""
    faces = [doc for doc in interfaces if doc.surface_energy_substrate is not None]
    alike = [doc for doc in faces if doc.equivalent_faces]
    if not alike:
        return None
    lowest = min(doc.surface_energy_substrate or 0.0 for doc in alike)
    return best_interface(
        [doc for doc in alike if (doc.surface_energy_substrate or 0.0) < lowest + SAME_FACE]
    )
