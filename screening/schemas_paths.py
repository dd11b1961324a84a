"""Documents of one migration path: what a saddle search starts from, and what it found.

A path is an ordered list of structures, ends included, with the same atoms in the same
order and without periodic jumps between neighbours (fractional coordinates may leave
[0, 1)).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, computed_field
from pymatgen.core import Structure

from misei.screening.schemas import CalculationDoc, Document
from misei.structures.hop_symmetry import Swap

PathMethod = Literal["midpoint", "half band", "one image", "band"]
PathState = Literal["converged", "steps", "out of reach"]


class PathDoc(CalculationDoc):
    """A path over a saddle; every image but the ends was evaluated where it stands."""

    method: PathMethod = Field(
        description="How the saddle was found: symmetric midpoint relaxed, half a band to a "
        "symmetric minimum and mirrored, one image that climbs between the ends, or a band."
    )
    state: PathState = Field(
        description="'converged'; 'steps': ran out of them, or of ways to a saddle of first order "
        "(see the warnings), can go on from its images; 'out of reach': given up because the "
        "estimated lower bound lies above what is of interest."
    )
    images: list[Structure] = Field(description="The path, ends included.")
    energies: list[float] = Field(description="Energy of each image, eV.")
    path_length: list[float] = Field(
        description="Cumulative distance along the path in all coordinates, angstrom."
    )
    residual_force: float = Field(
        description="Largest true force on an atom of the saddle image, eV/angstrom."
    )
    force_evaluations: int = Field(
        description="Force evaluations of this job and of those that it continues."
    )
    curvatures: list[float] = Field(
        default_factory=list,
        description="Lowest curvatures found at the saddle, ascending, eV/angstrom^2: upper bounds "
        "of the Hessian's lowest eigenvalues. Empty: not checked.",
    )
    lower_bound: float | None = Field(
        default=None,
        description="Estimate of an energy below which this hop has no saddle, eV; only where the "
        "search was given up.",
    )

    @computed_field(description="Index of the highest image.")  # type: ignore[prop-decorator]
    @property
    def saddle(self) -> int:
        """Index of the highest image; an end where no image lies above both."""
        return self.energies.index(max(self.energies))

    @computed_field(description="Energy of the highest image, eV.")  # type: ignore[prop-decorator]
    @property
    def saddle_energy(self) -> float:
        """Energy at the saddle, absolute, as the engine counts it."""
        return max(self.energies)


class PathGuess(Document):
    """What a saddle search starts from."""

    images: list[Structure] = Field(description="Path with relaxed ends, ends included.")
    end_energies: tuple[float, float] = Field(description="Energies of the two ends, eV.")
    mover: int = Field(description="Index of the atom that hops.")
    swap: Swap | None = Field(
        default=None,
        description="Symmetry operation that runs the hop backwards, where there is one.",
    )
    give_up_above: float | None = Field(
        default=None,
        description="Absolute energy above which a saddle is of no interest, eV: the search may "
        "stop as soon as its lower bound lies there.",
    )
    previous: PathDoc | None = Field(
        default=None, description="A search that ran out of steps, to be continued."
    )
