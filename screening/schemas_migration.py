"""Documents of Li migration: hops and the barriers of their networks, eV."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, computed_field
from pymatgen.core import Structure

from misei.screening.schemas import CalculationDoc, Document

Mechanism = Literal["vacancy", "interstitial"]


class HopDoc(CalculationDoc):
    """One symmetry-distinct hop that was computed to its saddle."""

    label: str = Field(description="Sites and length, e.g. 'Li0-Li3 2.91 A'.")
    sites: tuple[int, int] = Field(
        description="Indices of the two symmetry-distinct sites (orbits) that the defect joins."
    )
    distance: float = Field(description="Length of the hop in the unrelaxed crystal, angstrom.")
    multiplicity: int = Field(description="Symmetry-equivalent hops per primitive cell.")
    edges: list[list[int]] = Field(
        default_factory=list,
        description="The equivalents, rows (i, j, a, b, c): from site i of the home cell to site j "
        "of cell (a, b, c), i in the first orbit.",
    )
    method: str = Field(
        default="band",
        description="How the saddle was found: midpoint (relaxed in the symmetry that swaps the "
        "ends), half band (mirrored) or band (CI-NEB).",
    )
    energies: list[float] = Field(description="Energies of the images, ends included, eV.")
    path_length: list[float] = Field(
        description="Cumulative distance along the path, ends included, angstrom."
    )
    images: list[Structure] = Field(
        default_factory=list, description="Structures of the images, ends included."
    )
    mover: int | None = Field(
        default=None, description="Index of the atom that hops, in the images."
    )
    curvatures: list[float] = Field(
        default_factory=list,
        description="Lowest curvatures of the energy found at the saddle, eV/angstrom^2: one "
        "negative; empty where they were not looked for.",
    )
    residual_force: float = Field(description="Largest force on an atom at the saddle, eV/A.")
    force_evaluations: int = Field(description="Force calls of the search itself.")

    @computed_field(description="Saddle minus initial, eV.")  # type: ignore[prop-decorator]
    @property
    def barrier_forward(self) -> float:
        """E_m of the hop from the first to the second site."""
        return max(self.energies) - self.energies[0]

    @computed_field(description="Saddle minus final, eV.")  # type: ignore[prop-decorator]
    @property
    def barrier_backward(self) -> float:
        """E_m of the reverse hop."""
        return max(self.energies) - self.energies[-1]


class OutOfReachDoc(Document):
    """A hop given up because no saddle of its could be on the best percolating network."""

    label: str = Field(description="Sites and length.")
    distance: float = Field(description="Length in the unrelaxed crystal, angstrom.")
    multiplicity: int = Field(description="Symmetry-equivalent hops per primitive cell.")
    lower_bound: float = Field(
        description="Estimated lower bound of E_max, from the lowest defect of the crystal, eV."
    )
    force_evaluations: int = Field(description="Force calls until it was given up.")


class SupercellStep(Document):
    """Barrier and formation energy in one supercell of a convergence series."""

    natoms: int = Field(description="Atoms of the supercell with the defect.")
    image_distance: float = Field(description="Between periodic images of the defect, angstrom.")
    migration_barrier: float | None = Field(description="E_m of the best percolating path, eV.")
    formation_energy: float = Field(description="Lowest E_f from the metal, eV.")
    force_evaluations: int = Field(description="Force calls of this step.")


class SizeCorrection(Document):
    """What a larger supercell changes by the first engine, added to the second one's numbers."""

    engine: str = Field(description="Engine that computed both supercells.")
    natoms: int = Field(description="Atoms of the supercell that the second engine computed.")
    natoms_larger: int = Field(description="Atoms of the first engine's largest supercell.")
    migration_barrier: float = Field(description="Added to E_m, eV.")
    formation_energy: float = Field(description="Added to E_f, eV.")


class MigrationDoc(CalculationDoc):
    """Migration of Li through a crystal by vacancies or by interstitials."""

    alloy: str = Field(description="Formula of the crystal.")
    mobile_species: str = Field(default="Li", description="Element that moves.")
    mechanism: Mechanism = Field(default="vacancy", description="Defect that carries the element.")
    engine: str = Field(description="Engine of all energies in this document.")
    crystal: Structure | None = Field(
        default=None,
        description="Relaxed primitive cell; with the void sites last for interstitials.",
    )
    orbits: list[list[int]] = Field(
        default_factory=list, description="Sites of the crystal on each distinct site."
    )
    hops: list[HopDoc] = Field(description="Hops that were computed.")
    hops_out_of_reach: list[OutOfReachDoc] = Field(
        default_factory=list,
        description="Hops given up because their saddles lie above the percolating network.",
    )
    hops_not_computed: list[str] = Field(
        default_factory=list,
        description="Longer hops within the cutoff left out because the shorter ones percolate: "
        "the barrier is an upper bound where this is not empty.",
    )
    barriers_by_dimension: dict[str, float] = Field(
        description="Lowest E_max of a network that percolates in at least 1, 2, 3 dimensions, eV, "
        "from the lowest defect of that network."
    )
    vacancy_energies: list[float] = Field(
        description="Formation energy of the defect on each distinct site, from Li metal, eV."
    )
    supercell: list[list[int]] = Field(description="Supercell matrix on the primitive cell.")
    natoms: int = Field(description="Atoms of the supercell with the defect.")
    supercell_steps: list[SupercellStep] = Field(
        default_factory=list,
        description="Convergence with the supercell, smallest first; empty: not asked for.",
    )
    force_evaluations: int = Field(description="Force calls of relaxations and searches together.")
    started_from: str | None = Field(
        default=None, description="Engine whose relaxed ends and paths were the starting points."
    )
    size_correction: SizeCorrection | None = Field(
        default=None,
        description="Part of E_m and E_f that a cheaper engine computed in a larger supercell.",
    )

    @computed_field(description="Dimensions in which the easiest network percolates.")  # type: ignore[prop-decorator]
    @property
    def percolation_dimensions(self) -> int:
        """Highest dimension reached at the lowest percolating barrier."""
        if not self.barriers_by_dimension:
            return 0
        lowest = min(self.barriers_by_dimension.values())
        return max(int(d) for d, e in self.barriers_by_dimension.items() if e <= lowest + 1e-6)

    @computed_field(description="E_m of the best percolating path, eV; null: none percolates.")  # type: ignore[prop-decorator]
    @property
    def migration_barrier(self) -> float | None:
        """Lowest percolating barrier in any dimension."""
        return min(self.barriers_by_dimension.values(), default=None)

    @computed_field(description="Lowest formation energy E_f of the defect, eV.")  # type: ignore[prop-decorator]
    @property
    def vacancy_formation_energy(self) -> float:
        """E_f of the most easily formed defect, referred to Li metal."""
        return min(self.vacancy_energies)

    @computed_field(description="E_m + E_f, eV; null: none percolates.")  # type: ignore[prop-decorator]
    @property
    def activation_energy(self) -> float | None:
        """Activation energy of self-diffusion by thermal defects."""
        barrier = self.migration_barrier
        return None if barrier is None else barrier + self.vacancy_formation_energy

    @computed_field(description="Whether defects form spontaneously: E_m alone then counts.")  # type: ignore[prop-decorator]
    @property
    def structural_defects(self) -> bool:
        """Structural vacancies (LiAl, LiGa, Li3Sb, Li3Bi): E_f at or below zero."""
        return self.vacancy_formation_energy <= 0.0
