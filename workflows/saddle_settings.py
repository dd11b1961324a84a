"""How saddles are searched, and when a search is given up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from monty.json import MSONable
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# The lower bound counts on curvatures down to this part of the smallest met so far along the steps.
SOFT_PART = 1 / 8


@dataclass(frozen=True)
class SaddleSettings(MSONable):
    """How saddles are searched.

    Attributes
    ----------
    fmax
        Largest true force on an atom at the saddle, eV/angstrom.
    steps
        Force evaluations of one job, all stages together but for checks of curvatures: a step of a
        band counts as many times as it has images.
    shortcut
        Relax the midpoint, or half a band, where symmetry allows it.
    one_image
        Of other hops let one image climb alone between the ends, and take a band only where its
        curvatures, or images half way down to the ends, speak against it.
    climb_alone
        Relax bands crudely (0.3 eV/angstrom) and let only the highest image climb. Without it
        all images of a band meet ``fmax``.
    check_modes
        Count negative curvatures at the saddle (about four evaluations).
    n_images
        Images between the ends of a band. A whole band has those of its guess, which whoever
        makes the guess has to see to.
    optimizer
        Of bands. Vacancy hops with 3 images (EMT Cu, Al; SevenNet-0 fcc Li, LiAl, LiMg) down to
        0.02 eV/angstrom: MDMin 29 to 47 evaluations, BFGS 38 to 107, FIRE twice MDMin's.
    """

    fmax: float = 0.02
    steps: int = 150
    shortcut: bool = True
    one_image: bool = True
    climb_alone: bool = True
    check_modes: bool = True
    n_images: int = 3
    optimizer: str = "MDMin"


def lower_bound(energy: float, forces: Floats, curvature: float) -> float:
    """Estimate what energy an image keeps when the rest of its forces is relaxed.

    E - |F|^2 / (2 kappa), with kappa an eighth of ``curvature``. A harmonic estimate, no theorem:
    on 22 searches of 14 EMT vacancy hops kappa could have been a fifth without a bound above the
    converged saddle. Where the symmetric path is not the lowest, the true saddle may lie below.

    Parameters
    ----------
    energy
        Of the image, eV.
    forces
        Those that will still be relaxed (perpendicular to the path), n x 3, eV/angstrom.
    curvature
        Smallest positive curvature met along the steps so far, eV/angstrom^2.
    """
    return energy - float(np.sum(forces**2)) / (2 * SOFT_PART * curvature)
