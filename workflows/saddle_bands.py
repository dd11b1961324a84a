"""Bands of images: relaxed together by ASE's NEB, or only the highest image climbing.

Henkelman, Uberuaga, Jonsson, J. Chem. Phys. 2000, 113, 9901 (climbing image); Henkelman,
Jonsson, ibid., 9978 (improved tangent).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from atomate2.ase.utils import OPTIMIZERS
from numpy.typing import NDArray

from misei.workflows.batched import BatchedNEB
from misei.workflows.saddle_steps import largest, quasi_newton

Floats = NDArray[np.float64]

# eV/angstrom^2; 0.1 to 2 make no difference to the number of evaluations.
SPRING = 0.5
# A climbing image that meets more than this and more than at its start is lost, eV/angstrom.
LOST_FORCE = 2.0


def energies(path: list[Atoms]) -> list[float]:
    """Energies of evaluated images, eV."""
    return [float(image.get_potential_energy()) for image in path]


def highest(path: list[Atoms]) -> int:
    """Index of the highest image between the ends."""
    return 1 + int(np.argmax(energies(path)[1:-1]))


def tangent(path: list[Atoms], index: int) -> Floats:
    """Improved tangent (n x 3, normalized) at an image, as in ASE's NEB."""
    before, here, after = (path[k].positions for k in (index - 1, index, index + 1))
    low, middle, high = energies(path[index - 1 : index + 2])
    forward, backward = after - here, here - before
    if high > middle > low:
        along = forward
    elif high < middle < low:
        along = backward
    else:
        larger, smaller = sorted((abs(high - middle), abs(low - middle)), reverse=True)
        weights = (larger, smaller) if high > low else (smaller, larger)
        along = weights[0] * forward + weights[1] * backward
    return np.asarray(along / (np.linalg.norm(along) or 1.0))


def perpendicular(forces: Floats, direction: Floats) -> Floats:
    """Part of the forces that is not along a normalized direction (n x 3 each)."""
    return np.asarray(forces - np.vdot(forces, direction) * direction)


def relax_band(
    path: list[Atoms], optimizer: str, climb: bool, fmax: float, loose: float, steps: int
) -> Iterator[bool]:
    """Relax all images between the ends together, in place.

    Parameters
    ----------
    path
        Images with a calculator each, ends included.
    optimizer
        Name in atomate2's list of ASE's optimizers.
    climb
        Whether the highest image climbs.
    fmax
        For the true forces on the climbing image, eV/angstrom.
    loose
        For the NEB forces on all others.
    steps
        Largest number of evaluations of each image.

    Yields
    ------
    bool
        After each step, whether the forces are met.
    """
    band = BatchedNEB(path, k=SPRING, climb=climb, method="improvedtangent")
    inner = len(path) - 2
    for _ in OPTIMIZERS[optimizer](band, logfile=None).irun(fmax=0, steps=steps - 1):
        residuals = [largest(f) for f in band.get_forces().reshape(inner, -1, 3)]
        met = [residual <= loose for residual in residuals]
        if climb:
            top = highest(path)
            met[top - 1] = largest(path[top].get_forces()) <= fmax
        yield all(met)
        if all(met):
            return


def climb(path: list[Atoms], index: int, fmax: float, steps: int) -> Iterator[bool]:
    """Let one image climb between neighbours that stand still: one evaluation per step.

    The force along the tangent, anew at every step, is inverted. Ends early when the image is
    lost: it left its place between the neighbours, or forces grow.

    Parameters
    ----------
    path
        Images with calculators; the one at ``index`` is moved in place.
    index
        The image that climbs.
    fmax
        For its true forces, eV/angstrom.
    steps
        Largest number of evaluations.
    """
    image, start = path[index], largest(path[index].get_forces())

    def inverted(forces: Floats) -> Floats:
        along = tangent(path, index)
        return np.asarray(forces - 2 * np.vdot(forces, along) * along)

    for done in quasi_newton(image, inverted, fmax, steps):
        yield done
        if done or largest(image.get_forces()) > max(start, LOST_FORCE) or _left(path, index):
            return


def _left(path: list[Atoms], index: int) -> bool:
    before, here, after = (path[k].positions for k in (index - 1, index, index + 1))
    whole = after - before
    return not 0 < np.vdot(here - before, whole) / np.vdot(whole, whole) < 1


def displaced(path: list[Atoms], direction: Floats, size: float) -> None:
    """Push a band aside, most in its middle: the largest displacement of an atom is ``size``."""
    push = size * direction / np.linalg.norm(direction, axis=1).max()
    for k, image in enumerate(path[1:-1], start=1):
        image.positions += np.sin(np.pi * k / (len(path) - 1)) * push
