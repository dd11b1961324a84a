"""Document of the vibrations of one crystal: harmonic free energies and dynamical stability.

Frequencies are THz, imaginary ones negative, as phonopy writes them. Thermal quantities are per
atom: free energies eV/atom, entropies and heat capacities eV/K/atom.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, Field, computed_field, model_validator
from pymatgen.core import Structure
from scipy.interpolate import CubicHermiteSpline

from misei.screening.schemas import CalculationDoc


class FreeEnergyRangeError(ValueError):
    """A temperature outside those at which free energies were computed."""


def at(q: tuple[float, float, float]) -> str:
    """Return a q point in words, e.g. ``(0.5, 0, 0.25)``."""
    return f"({', '.join(f'{x:.4g}' for x in q)})"


class PhononCell(BaseModel):
    """Relaxed primitive cell and the supercell whose atoms are displaced."""

    structure: Structure = Field(description="Relaxed primitive cell.")
    supercell_matrix: list[list[int]] = Field(
        description="On the primitive cell; columns are the new lattice vectors, as phonopy has it."
    )
    supercell: Structure = Field(description="Without displacement, in phonopy's order of atoms.")


class ImaginaryMode(BaseModel):
    """Imaginary modes of one frequency at a q point."""

    q: tuple[float, float, float] = Field(
        description="In reciprocal vectors of the primitive cell."
    )
    frequency: float = Field(description="THz, negative.")
    count: int = Field(description="Modes.")

    @property
    def at(self) -> str:
        """The q point in words."""
        return at(self.q)


class BandSegment(BaseModel):
    """Straight piece of the band path: where it starts and ends."""

    start: int = Field(description="Its first q point, in the list of the path.")
    end: int = Field(description="Its last q point.")
    start_label: str = Field(description="High-symmetry point (Setyawan and Curtarolo).")
    end_label: str = Field(description="High-symmetry point.")


class PhononBands(BaseModel):
    """Frequencies along the band path, interpolated between commensurate q points."""

    segments: list[BandSegment]
    qpoints: list[tuple[float, float, float]] = Field(
        description="In reciprocal vectors of the primitive cell."
    )
    distances: list[float] = Field(description="Along the path, 1/angstrom, 2 pi included.")
    frequencies: list[list[float]] = Field(
        description="THz, ascending; of each q point. No splitting of polar modes at Gamma."
    )


class PhononDensity(BaseModel):
    """Density of states on the mesh of the free energies, by tetrahedra."""

    frequencies: list[float] = Field(description="THz.")
    densities: list[float] = Field(description="Modes of the primitive cell per THz.")


class VibrationsDoc(CalculationDoc):
    """Harmonic vibrations of a crystal at the volume of lowest energy."""

    formula: str = Field(description="Formula of the crystal.")
    entry_id: str | None = Field(
        description="Id in the thermodynamic source; null: the crystal is not from one."
    )
    engine: str = Field(description="Engine of all forces in this document.")
    structure: Structure = Field(description="Relaxed primitive cell.")
    natoms: int = Field(description="Atoms of the primitive cell.")
    supercell: list[list[int]] = Field(
        description="Supercell matrix on the primitive cell; rows are the new lattice vectors."
    )
    supercell_natoms: int = Field(description="Atoms of the supercell.")
    displacements: int = Field(description="Symmetry-distinct displacements computed.")
    mesh: tuple[int, int, int] = Field(description="q points of the Gamma-centred mesh.")
    temperatures_K: list[float] = Field(description="Ascending, K.")
    free_energies: list[float] = Field(
        description="F_vib at these temperatures, zero-point energy included, eV/atom."
    )
    entropies: list[float] = Field(description="S_vib at these temperatures, eV/K/atom.")
    heat_capacities: list[float] = Field(
        description="C_v at these temperatures, constant volume, eV/K/atom."
    )
    lowest_frequency: float = Field(
        description="Lowest frequency at the q points commensurate with the supercell, THz, "
        "imaginary negative; the three acoustic modes at Gamma, zero by the sum rule, left out."
    )
    lowest_frequency_q: tuple[float, float, float] = Field(
        description="Its q point, in reciprocal vectors of the primitive cell."
    )
    imaginary_tolerance: float = Field(
        description="Modes at minus this frequency or above are not counted as imaginary, THz."
    )
    imaginary_modes: int = Field(
        description="Imaginary modes beyond the tolerance, of the 3 supercell_natoms modes at "
        "the commensurate q points."
    )
    imaginary: list[ImaginaryMode] = Field(
        default_factory=list,
        description="These modes, the lowest first: one q point of each star, modes of one "
        "frequency counted over the star.",
    )
    imaginary_on_path: list[ImaginaryMode] = Field(
        default_factory=list,
        description="Interpolated, not computed: lowest mode of each segment of the band path "
        "where it is imaginary beyond the tolerance; counted are the imaginary modes at that q.",
    )
    bands: PhononBands | None = Field(None, description="Band structure; null in old documents.")
    density: PhononDensity | None = Field(
        None, description="Density of states; null in old documents."
    )
    omitted_fraction: float = Field(
        description="Share of the modes on the mesh that have no positive frequency and that the "
        "free energies leave out, the acoustic modes at Gamma not counted."
    )
    residual_force: float | None = Field(
        default=None,
        description="Largest force on an atom of the supercell without displacement, subtracted "
        "from those of all others, eV/angstrom.",
    )
    acoustic_residual: float = Field(
        description="Largest frequency of an acoustic mode at Gamma before the acoustic sum rule "
        "is imposed, THz: noise of the forces."
    )

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        count = len(self.temperatures_K)
        for name in ("free_energies", "entropies", "heat_capacities"):
            if len(getattr(self, name)) != count:
                raise ValueError(f"{name} must have one value for each of {count} temperatures")
        if count < 2 or any(a >= b for a, b in pairwise(self.temperatures_K)):
            raise ValueError("temperatures_K must be at least two, ascending")
        return self

    @computed_field(description="No imaginary mode beyond the tolerance.")  # type: ignore[prop-decorator]
    @property
    def dynamically_stable(self) -> bool:
        """Whether the crystal is a minimum of the energy."""
        return self.imaginary_modes == 0

    @computed_field(description="Zero-point energy, eV/atom; null: 0 K is not in the range.")  # type: ignore[prop-decorator]
    @property
    def zero_point_energy(self) -> float | None:
        """F_vib at 0 K."""
        return self.free_energies[0] if self.temperatures_K[0] == 0 else None

    def free_energy(self, temperature: float) -> float:
        """Return F_vib at a temperature, interpolated by cubics with the slopes -S_vib.

        Parameters
        ----------
        temperature
            K.

        Returns
        -------
        float
            eV/atom.

        Raises
        ------
        FreeEnergyRangeError
            Outside the range of ``temperatures_K``.
        """
        low, high = self.temperatures_K[0], self.temperatures_K[-1]
        if not low <= temperature <= high:
            raise FreeEnergyRangeError(
                f"no free energy of {self.formula} at {temperature:g} K: it was computed from "
                f"{low:g} to {high:g} K"
            )
        slopes = [-entropy for entropy in self.entropies]
        spline: Any = CubicHermiteSpline(self.temperatures_K, self.free_energies, slopes)
        return float(spline(temperature))
