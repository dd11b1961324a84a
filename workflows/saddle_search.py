"""Saddle of a hop with few force evaluations, by whatever the hop's symmetry allows.

1. A hop that a symmetry operation runs backwards has its middle on the operation's fixed
   points: all atoms are relaxed there on forces that keep the symmetry. The hop itself is
   odd under the operation, so this is a plain minimization (method ``midpoint``).
2. Finite differences of forces count the negative curvatures there. One: it is the saddle.
   None: it is a minimum; half a band leads to it and the operation mirrors the rest (``half
   band``). Two: the symmetric path is not the lowest; a whole band is started beside it.
3. Other hops: the middle of the first guess climbs alone between the two ends (``one image``).
4. Either way half-way images down to the ends must lie below the saddle, as in a band of three.
5. Where that fails a band of a few images is relaxed crudely, then its highest image climbs
   alone, and its curvatures are counted. Where that fails the whole band climbs (``band``).

A search that ran out of steps is continued from its images. One whose saddle is estimated to
lie above what is of interest is given up (:func:`~misei.workflows.saddle_settings.lower_bound`).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_paths import PathGuess, PathMethod, PathState
from misei.structures.defects import interpolate_path
from misei.structures.hop_symmetry import Swap, symmetrized
from misei.workflows.calculators import SharedCalculator
from misei.workflows.saddle_bands import (
    climb,
    displaced,
    energies,
    highest,
    perpendicular,
    relax_band,
    tangent,
)
from misei.workflows.saddle_images import path_length, structure_of
from misei.workflows.saddle_modes import Modes, across, lowest_modes
from misei.workflows.saddle_settings import SaddleSettings, lower_bound
from misei.workflows.saddle_steps import largest, quasi_newton

__all__ = ["SaddleSearch", "SaddleSettings"]

Floats = NDArray[np.float64]

# NEB forces of images that do not climb, eV/angstrom, and the most steps spent on them alone.
CRUDE_FORCE = 0.3
CRUDE_STEPS = 12
CLIMB_STEPS = 40
# The most evaluations of an image half way down from the saddle.
SINK_STEPS = 6
# The mover starts this far from the most symmetric place that the swap allows, angstrom.
NUDGE = 0.05
# A band is started this far beside a path that is not the lowest, angstrom.
ASIDE = 0.3
# Energies closer than this are alike, eV.
ALIKE = 0.005
INTERMEDIATE = 0.03
# What a roughly relaxed image may lie above the path.
NEAR_END = 0.03
# Least overlap of a climbing image's downhill mode with the path.
ALONG = 0.3
# Steps of a search before its lower bound counts.
BOUND_FROM_STEP = 4


class _OutOfSteps(Exception):
    pass


class _OutOfReach(Exception):
    def __init__(self, bound: float) -> None:
        self.bound = bound


class SaddleSearch:
    """One search; its attributes hold how far it came at any moment.

    Parameters
    ----------
    guess
        Path and energies of its ends, which are not evaluated again.
    calculator
        Copied for every image; the copies share a counter.
    settings
        How to search.

    Attributes
    ----------
    path
        Images with calculators.
    method, state, curvatures, bound, warnings
        As in :class:`PathDoc`.
    """

    def __init__(
        self, guess: PathGuess, calculator: SharedCalculator, settings: SaddleSettings
    ) -> None:
        self.guess, self.calculator, self.settings = guess, calculator, settings
        self.method: PathMethod = "band"
        self.state: PathState = "steps"
        self.path: list[Atoms] = []
        self.curvatures: list[float] = []
        self.bound: float | None = None
        self.warnings: list[str] = []
        self.steps_left = settings.steps
        self._last: tuple[Atoms, Floats, Floats] | None = None
        self._softest = np.inf

    def run(self) -> None:
        """Search until the saddle is found, steps run out, or it is out of reach."""
        try:
            if self._search():
                self.state = "converged"
        except _OutOfSteps:
            self.warnings.append(f"not converged after {self.settings.steps} steps")
        except _OutOfReach as given_up:
            self.state, self.bound = "out of reach", given_up.bound
        self._look_for_minima()

    def _search(self) -> bool:
        previous, start = self.guess.previous, self.guess.images
        swap = self.guess.swap if self.settings.shortcut else None
        if previous is not None:
            start = previous.images
            if previous.method == "half band" and swap is not None:
                half = len(start) // 2
                ends = (previous.energies[0], previous.energies[half])
                return self._half_band(start[: half + 1], ends)
        if swap is not None and (previous is None or previous.method == "midpoint"):
            middle = symmetrized(start[len(start) // 2], swap)
            return self._midpoint(middle, swap, nudge=NUDGE if previous is None else 0.0)
        if self.settings.one_image and (previous is None or previous.method == "one image"):
            return self._one_image(start) or self._band(self.guess.images)
        return self._band(start)

    # One image

    def _one_image(self, images: list[Structure]) -> bool:
        """Whether the middle of the guess, climbing alone, ends as the one saddle of the path."""
        self.method = "one image"
        self._set_path([images[0], images[len(images) // 2], images[-1]])
        if not self._climb(1):
            return False
        if self.settings.check_modes and not self._is_saddle(self._band_modes(1), 1):
            return False
        return self._falls_to_both_ends(None)

    def _falls_to_both_ends(self, swap: Swap | None) -> bool:
        """Whether images half way from the saddle to the ends lie below it; they join the path.

        They are the IDPP ones, relaxed across the path only as far as that takes.
        """
        first, saddle, last = self.path
        limit = float(saddle.get_potential_energy())
        before = self._half_way(first, saddle)
        if not self._sink(before, saddle.positions - first.positions, limit):
            return False
        if swap is None:
            after = self._half_way(saddle, last)
            if not self._sink(after, last.positions - saddle.positions, limit):
                return False
        else:
            onto = self.guess.images[-1]
            (mirrored,) = swap.reversed_path([structure_of(before)], onto=onto)
            after = AseAtomsAdaptor.get_atoms(mirrored, msonable=False)
            after.calc = SinglePointCalculator(after, energy=before.get_potential_energy())
        self.path = [first, before, saddle, after, last]
        return True

    def _half_way(self, start: Atoms, end: Atoms) -> Atoms:
        _, middle, _ = interpolate_path(structure_of(start), structure_of(end), 1)
        image = AseAtomsAdaptor.get_atoms(middle, msonable=False)
        image.calc = deepcopy(self.calculator)
        return image

    def _sink(self, image: Atoms, along: Floats, limit: float) -> bool:
        direction = along / np.linalg.norm(along)
        moves = quasi_newton(image, lambda f: perpendicular(f, direction), 0.0, SINK_STEPS)
        return any(float(image.get_potential_energy()) < limit for _ in moves)

    # Midpoint

    def _midpoint(self, middle: Structure, swap: Swap, nudge: float) -> bool:
        self.method = "midpoint"
        self._set_path([self.guess.images[0], middle, self.guess.images[-1]])
        image, hop = self.path[1], self.path[-1].positions - self.path[0].positions
        sideways = across(hop, self.guess.mover)
        image.positions += nudge * _even(sideways[0] + sideways[1] / 2, swap)
        self._relax_midpoint(image, swap)
        if not self.settings.check_modes:
            return self._falls_to_both_ends(swap) or self._band(self.guess.images)
        modes = self._modes(image, [hop, *sideways], swap)
        if modes.negative and modes.even(modes.negative - 1, swap):
            # Stuck on a symmetry higher than the swap's: pushed off it once, and far, because
            # flat tops meet the force tolerance (LiF: 0.05 angstrom falls back, 0.3 is right).
            push = _even(modes.vectors[modes.negative - 1], swap)
            image.positions += ASIDE * push / np.linalg.norm(push, axis=1).max()
            self._relax_midpoint(image, swap)
            modes = self._modes(image, [hop, *sideways], swap)
        if modes.negative == 1 and not modes.even(0, swap):
            return self._falls_to_both_ends(swap) or self._band(self.guess.images)
        if modes.negative == 0:
            relaxed = structure_of(image)
            return self._half_band(
                interpolate_path(self.guess.images[0], relaxed, self.settings.n_images),
                (self.guess.end_energies[0], float(image.get_potential_energy())),
            )
        self.warnings.append("the symmetric path is not the lowest: a band beside it was taken")
        return self._band(self.guess.images, aside=modes.least_along(hop))

    def _relax_midpoint(self, image: Atoms, swap: Swap) -> None:
        def kept(forces: Floats) -> Floats:
            return _even(forces, swap)

        for done in quasi_newton(image, kept, self.settings.fmax, self.steps_left):
            self._count(image, kept(image.get_forces()), done)
            if done:
                return
        raise _OutOfSteps

    def _half_band(self, images: list[Structure], ends: tuple[float, float]) -> bool:
        self.method = "half band"
        return self._band(images, ends)

    # Band

    def _band(
        self,
        images: list[Structure],
        ends: tuple[float, float] | None = None,
        aside: Floats | None = None,
    ) -> bool:
        if ends is None:
            self.method = "band"
        self._set_path(images, ends)
        if aside is not None:
            displaced(self.path, aside, ASIDE)
        if self.settings.climb_alone:
            self._relax_crudely()
            if self._climb_alone() or self._ends_at_the_top():
                return True
        self._relax_whole()
        top = highest(self.path)
        if not self.settings.check_modes:
            return True
        modes = self._band_modes(top)
        if modes.negative != 1:
            self.warnings.append(f"{modes.negative} negative curvatures at the highest image")
        return modes.negative == 1

    def _relax_crudely(self) -> None:
        steps = min(CRUDE_STEPS, self._band_steps_left())
        self._relax_band(False, CRUDE_FORCE, steps)
        if self.steps_left <= 0:
            raise _OutOfSteps

    def _relax_whole(self) -> None:
        self.curvatures = []
        loose = CRUDE_FORCE if self.settings.climb_alone else self.settings.fmax
        if not self._relax_band(True, loose, self._band_steps_left()):
            raise _OutOfSteps

    def _relax_band(self, climbing: bool, loose: float, steps: int) -> bool:
        settings, done = self.settings, False
        moves = relax_band(self.path, settings.optimizer, climbing, settings.fmax, loose, steps)
        for met in moves:
            top = highest(self.path)
            image = self.path[top]
            rest = perpendicular(image.get_forces(), tangent(self.path, top))
            self._count(image, rest, done := met, evaluations=len(self.path) - 2)
        return done

    def _band_steps_left(self) -> int:
        return max(1, self.steps_left // (len(self.path) - 2))

    def _climb_alone(self) -> bool:
        """Whether the highest image, climbing alone, ends as the one saddle of the path."""
        before = [image.positions.copy() for image in self.path]
        for _ in self.path[1:-1]:
            top = highest(self.path)
            if not self._climb(top):
                break
            modes = self._band_modes(top) if self.settings.check_modes else None
            if modes is not None and not self._is_saddle(modes, top):
                break
            if energies(self.path)[highest(self.path)] <= energies(self.path)[top] + ALIKE:
                self._keep_below(top)
                return True
        for image, positions in zip(self.path[1:-1], before[1:-1], strict=True):
            image.positions = positions
        return False

    def _ends_at_the_top(self) -> bool:
        """Whether no image of the crudely relaxed band lies above the higher end."""
        *inner, start, end = [*energies(self.path)[1:-1], *self.guess.end_energies]
        if max(inner) > max(start, end) + NEAR_END:
            return False
        self.warnings.append(
            f"no saddle found between the ends: the path's top lies within {NEAR_END:g} eV of the "
            "higher end"
        )
        return True

    def _keep_below(self, top: int) -> None:
        # Beside a flat saddle an image that is only roughly relaxed may lie above it.
        found, last = energies(self.path), len(self.path) - 1
        kept = [k for k in range(last + 1) if k in (0, top, last) or found[k] < found[top]]
        self.path = [self.path[k] for k in kept]

    def _is_saddle(self, modes: Modes, top: int) -> bool:
        overlap = abs(np.vdot(modes.vectors[0], tangent(self.path, top)))
        return modes.negative == 1 and bool(overlap > ALONG)

    def _climb(self, top: int) -> bool:
        image = self.path[top]
        moves = climb(self.path, top, self.settings.fmax, min(CLIMB_STEPS, self.steps_left))
        done = False
        for met in moves:
            rest = perpendicular(image.get_forces(), tangent(self.path, top))
            self._count(image, rest, done := met)
        if not done and self.steps_left <= 0:
            raise _OutOfSteps
        return done

    # Common

    def _modes(self, image: Atoms, directions: list[Floats], swap: Swap | None) -> Modes:
        modes = lowest_modes(image, directions, swap)
        self.curvatures = [round(c, 6) for c in modes.curvatures[:3]]
        return modes

    def _band_modes(self, top: int) -> Modes:
        along = tangent(self.path, top)
        return self._modes(self.path[top], [along, *across(along, self.guess.mover)], None)

    def _set_path(self, images: list[Structure], ends: tuple[float, float] | None = None) -> None:
        self.curvatures = []
        self.path = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in images]
        for image in self.path[1:-1]:
            image.calc = deepcopy(self.calculator)
        for index, energy in zip((0, -1), ends or self.guess.end_energies, strict=True):
            end = self.path[index]
            end.calc = SinglePointCalculator(end, energy=energy)

    def _count(self, image: Atoms, rest: Floats, done: bool, evaluations: int = 1) -> None:
        """Count a step, and give up where the saddle cannot be of interest any more."""
        self.steps_left -= evaluations
        moved, self._last = self._last, (image, image.positions.copy(), rest)
        if moved is not None and moved[0] is image:
            shift, change = image.positions - moved[1], moved[2] - rest
            if (curvature := np.vdot(shift, change)) > 0:
                self._softest = min(self._softest, float(curvature / np.vdot(shift, shift)))
        limit, taken = self.guess.give_up_above, self.settings.steps - self.steps_left
        if limit is None or done or taken < BOUND_FROM_STEP or self._softest == np.inf:
            return
        bound = lower_bound(float(image.get_potential_energy()), rest, self._softest)
        if bound > limit:
            raise _OutOfReach(bound)

    def _look_for_minima(self) -> None:
        found = energies(self.path)
        depth = min(found[0], found[-1]) - min(found)
        if depth > INTERMEDIATE:
            self.warnings.append(f"an image lies {depth:.2f} eV below both ends: not a single hop")

    def document_fields(self) -> dict[str, Any]:
        """Return the fields of a :class:`PathDoc`, but counts and provenance."""
        images, found = [structure_of(image) for image in self.path], energies(self.path)
        residual = largest(self.path[highest(self.path)].get_forces())
        if self.method == "half band" and self.guess.swap is not None:
            final = self.guess.images[-1]
            images += self.guess.swap.reversed_path(images[:-1], onto=final)
            found += [*reversed(found[1:-1]), self.guess.end_energies[1]]
        images[0], images[-1] = self.guess.images[0], self.guess.images[-1]
        return {
            "method": self.method,
            "state": self.state,
            "converged": self.state == "converged",
            "images": images,
            "energies": found,
            "path_length": path_length(images),
            "residual_force": residual,
            "curvatures": self.curvatures,
            "lower_bound": self.bound,
            "warnings": self.warnings,
        }


def _even(vectors: Floats, swap: Swap) -> Floats:
    """Part of displacements or forces that the swap leaves as it is."""
    return np.asarray(vectors + swap.vectors(vectors)) / 2
