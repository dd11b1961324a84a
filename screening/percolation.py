"""Percolation threshold of metal grains that conduct by tunnelling.

Hard grains conduct when their surfaces are closer than a tunnelling length delta: the cherry-pit
model (Torquato, Random Heterogeneous Materials, Springer 2002; Balberg and Binenbaum, Phys. Rev.
B 35, 8749 (1987)). The threshold is the volume fraction of the metal, V_p. It comes from our own
Monte Carlo, :mod:`misei.screening.microstructures`, as tables of the gap at which grains of a
given volume fraction first percolate; a look-up costs microseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from misei.screening.grains import DEFAULT_GRAINS, Grains, GrainsError

DATA = Path(__file__).parent / "data"
SPHERES_PATH = DATA / "spherical_grains.json"
SPHEROIDS_PATH = DATA / "spheroidal_grains.json"
MODELS_PATH = DATA / "model_thresholds.json"

# The two ends of every table. No core left: overlapping spheres (Lorenz and Ziff, J. Chem. Phys.
# 114, 3659 (2001)). No gap left: spheres touch at random close packing (Scott and Kilgour, J.
# Phys. D 2, 863 (1969)).
OVERLAPPING_DENSITY, OVERLAPPING_DENSITY_ERROR = 0.341889, 0.000003
CLOSE_PACKING, CLOSE_PACKING_ERROR = 0.6366, 0.0005
# Of grains that cannot percolate: no fraction of metal is enough.
NEVER = 1.0
ROUNDING = 1e-9  # relative, at the ends of the tables
GRID = 512  # points in the range of D / delta when probabilities are counted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold:
    """A percolation threshold with its model and spread.

    Attributes
    ----------
    value
        V_p, volume fraction of the metal (0 to 1; 1: it never percolates).
    standard_error
        Of the Monte Carlo alone, same unit.
    interval
        V_p over the range of D / delta, which is what the number is worth.
    model
        Model, inputs with units, and the range.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    model: str


@dataclass(frozen=True)
class KnownModel:
    """A model that others have solved, as our Monte Carlo finds it.

    Attributes
    ----------
    model
        Name.
    threshold, standard_error
        Share of open sites or bonds, or volume fraction that the particles cover (0 to 1).
    published
        Threshold, same unit.
    exact
        Whether it is known to many digits.
    """

    model: str
    threshold: float
    standard_error: float
    published: float
    exact: bool


def known_models() -> list[KnownModel]:
    """Return lattices and overlapping particles beside their published thresholds.

    What an interphase is not: they show that the Monte Carlo is right, and why grains that
    tunnel are needed to explain thresholds of a few percent. Sources are in
    :mod:`misei.screening.microstructures.model_tables`, which makes the table.
    """
    return [KnownModel(**row) for row in _table(MODELS_PATH)["models"]]


@dataclass(frozen=True)
class Curve:
    """Critical density of one kind of grains.

    In the density eta = V_p / lambda^3 of the spheres of diameter D + delta, against lambda = D /
    (D + delta), the threshold hardly varies: D is the diameter of a sphere of the grains' mean
    volume. At lambda = 0 the grains' own shape no longer matters.

    Attributes
    ----------
    ratio, density, standard_error
        lambda, rising from 0, eta and its error, each of shape (points,).
    """

    ratio: Floats
    density: Floats
    standard_error: Floats

    @classmethod
    def of(cls, rows: list[dict[str, Any]], mean_diameter: float = 1.0) -> Curve:
        """Read the points of a table.

        Parameters
        ----------
        rows
            Points with the volume fraction of the grains, `gap` = delta / D where they first
            percolate, and its error, the fraction rising.
        mean_diameter
            Diameter of the sphere of mean volume over the D of the rows.
        """
        fraction, gap, error = (
            np.array([row[name] for row in rows])
            for name in ("core_fraction", "gap", "standard_error")
        )
        growth = 1.0 + gap / mean_diameter
        density = fraction * growth**3
        error = density * 3.0 * (error / mean_diameter) / growth
        return cls(
            np.concatenate([[0.0], 1.0 / growth]),
            np.concatenate([[OVERLAPPING_DENSITY], density]),
            np.concatenate([[OVERLAPPING_DENSITY_ERROR], error]),
        )

    def threshold(self, ratio: Floats) -> Floats:
        """Volume fraction of the grains at these lambda, shape of `ratio`.

        Raises
        ------
        GrainsError
            Beyond the table.
        """
        if np.max(ratio) > self.ratio[-1] * (1.0 + ROUNDING):
            limit = self.ratio[-1] / (1.0 - self.ratio[-1])
            raise GrainsError(
                f"D / delta of {np.max(ratio / (1.0 - ratio)):.3g} (with its range) is outside "
                f"the table, which holds 0 to {limit:.3g}"
            )
        return self.at(ratio)[..., 0] * ratio**3

    def error(self, ratio: Floats) -> Floats:
        """Monte Carlo error of :meth:`threshold`, shape of `ratio`."""
        return self.at(ratio)[..., 1] * ratio**3

    def at(self, ratio: Floats) -> Floats:
        """Density and its error at these lambda, shape (..., 2)."""
        found: Floats = self._interpolator(np.minimum(ratio, self.ratio[-1]))
        return found

    @cached_property
    def _interpolator(self) -> PchipInterpolator:
        # Monotone cubics; straight lines are 0.9 % off where points are few.
        return PchipInterpolator(self.ratio, np.column_stack([self.density, self.standard_error]))


def mixed(first: Curve, second: Curve, weight: float) -> Curve:
    """Return what lies between two curves; weight 0: the first, 1: the second."""
    if weight in (0.0, 1.0):
        return second if weight else first
    ratio = np.union1d(first.ratio, second.ratio)
    ratio = ratio[ratio <= min(first.ratio[-1], second.ratio[-1])]

    values = (1.0 - weight) * first.at(ratio) + weight * second.at(ratio)
    return Curve(ratio, values[:, 0], values[:, 1])


@cache
def _table(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@cache
def _mixtures() -> dict[tuple[float, float], list[dict[str, Any]]]:
    """Points by size ratio and share of the small grains; (1, 0): equal spheres."""
    mixtures = _table(SPHERES_PATH)["mixtures"]
    return {(m["size_ratio"], m["small_share"]): m["points"] for m in mixtures}


@cache
def sphere_curve() -> Curve:
    """Critical density of equal spheres, up to random close packing."""
    curve = Curve.of(_mixtures()[1.0, 0.0])
    return Curve(
        np.append(curve.ratio, 1.0),
        np.append(curve.density, CLOSE_PACKING),
        np.append(curve.standard_error, CLOSE_PACKING_ERROR),
    )


@cache
def _spheroid_curves() -> list[tuple[float, Curve]]:
    """Logarithm of the aspect ratio and curve, rising; spheres among them."""
    rows = _table(SPHEROIDS_PATH)["points"]
    aspects = sorted({row["aspect"] for row in rows})
    curves = [
        (float(np.log(a)), Curve.of([row for row in rows if row["aspect"] == a])) for a in aspects
    ]
    return sorted([*curves, (0.0, sphere_curve())], key=lambda pair: pair[0])


def spheroid_curve(aspect_ratio: float) -> Curve:
    """Critical density of equal spheroids, between the aspect ratios of the table.

    Interpolated in the square of the logarithm of the aspect ratio: a sphere is an extremum.
    """
    wanted = float(np.log(aspect_ratio))
    curves = _spheroid_curves()
    for (low, first), (high, second) in pairwise(curves):
        if low <= wanted <= high:
            return mixed(first, second, (wanted**2 - low**2) / (high**2 - low**2))
    raise GrainsError(
        f"aspect ratio {aspect_ratio:g} is outside the table, which holds "
        f"{np.exp(curves[0][0]):.3g} to {np.exp(curves[-1][0]):.3g}"
    )


def mean_volume_diameter(size_ratio: float, small_share: float) -> float:
    """Diameter of the sphere of mean volume, in diameters of the large grains."""
    return float((small_share * size_ratio**3 + 1.0 - small_share) ** (-1.0 / 3.0))


@cache
def _two_size_curve(size_ratio: float, small_share: float) -> Curve:
    # A point of the table; one size only: equal spheres.
    if size_ratio == 1.0 or small_share in (0.0, 1.0):
        return sphere_curve()
    rows = _mixtures()[size_ratio, small_share]
    return Curve.of(rows, mean_volume_diameter(size_ratio, small_share))


def two_size_curve(size_ratio: float, small_share: float) -> Curve:
    """Critical density of spheres of two sizes, between the points of the table."""
    ratios = sorted({ratio for ratio, _ in _mixtures()})
    shares = sorted({1.0, *(share for _, share in _mixtures())})
    (low_ratio, high_ratio), ratio_weight = _bracket(ratios, size_ratio)
    (low_share, high_share), share_weight = _bracket(shares, small_share)
    first, second = (
        mixed(_two_size_curve(r, low_share), _two_size_curve(r, high_share), share_weight)
        for r in (low_ratio, high_ratio)
    )
    return mixed(first, second, ratio_weight)


def _bracket(values: list[float], wanted: float) -> tuple[tuple[float, float], float]:
    # Neighbours of a number in a rising list that holds it, and how far it is between them.
    low, high = next(pair for pair in pairwise(values) if pair[0] <= wanted <= pair[1])
    return (low, high), (wanted - low) / (high - low)


@dataclass(frozen=True)
class _Model:
    """How grains are looked up: V_p = core^3 curve(lambda), lambda = hard / (hard + gap)."""

    name: str
    curve: Curve
    mean_diameter: float = 1.0
    envelope_nm: float = 0.0

    def lookup(self, diameters_nm: Floats, delta_nm: float) -> tuple[Floats, Floats]:
        """V_p and its Monte Carlo error for these D."""
        metal = self.mean_diameter * diameters_nm
        hard = metal + 2.0 * self.envelope_nm
        ratio = hard / (metal + delta_nm)
        if self.envelope_nm * 2.0 >= delta_nm:
            return np.full(len(metal), NEVER), np.zeros(len(metal))
        share = (metal / hard) ** 3
        return share * self.curve.threshold(ratio), share * self.curve.error(ratio)


@cache
def _model(grains: Grains) -> _Model:
    special = [
        name
        for name, is_so in (
            ("not round (aspect_ratio)", not grains.round),
            ("of two sizes (size_ratio, small_share)", not grains.of_one_size),
            ("enveloped (envelope_nm)", grains.envelope_nm > 0),
        )
        if is_so
    ]
    if len(special) > 1:
        raise GrainsError(f"no table covers grains that are {' and '.join(special)}: choose one")
    if not grains.round:
        return _Model("hard spheroids", spheroid_curve(grains.aspect_ratio))
    if not grains.of_one_size:
        sizes = (grains.size_ratio, grains.small_share)
        return _Model(
            "hard spheres of two sizes", two_size_curve(*sizes), mean_volume_diameter(*sizes)
        )
    return _Model("hard spheres", sphere_curve(), envelope_nm=grains.envelope_nm)


def percolation_threshold(grains: Grains = DEFAULT_GRAINS) -> Threshold:
    """Return the percolation threshold of the metal.

    Parameters
    ----------
    grains
        Size, shape, envelope and tunnelling length, and the range of D / delta.

    Returns
    -------
    Threshold
        V_p with its interval over that range. 1: grains whose envelopes keep them further apart
        than electrons tunnel never percolate.

    Raises
    ------
    GrainsError
        For grains that no table covers.
    """
    model = _model(grains)
    factors = np.array([1.0 / grains.spread, 1.0, grains.spread])
    values, errors = model.lookup(grains.grain_diameter_nm * factors, grains.tunnelling_length_nm)
    low, value, high = values.tolist()
    text = (
        f"cherry-pit ({model.name} that conduct by tunnelling, Monte Carlo): {grains.description()}"
    )
    return Threshold(value, float(errors[1]), (low, high), text)


def percolation_probability(metal_fraction: float, grains: Grains = DEFAULT_GRAINS) -> float:
    """Return the share of the range of D / delta in which the metal percolates.

    Parameters
    ----------
    metal_fraction
        V_f,M (0 to 1).
    grains
        Their `spread` is the range, in which the logarithm of D / delta is taken to be uniform.

    Returns
    -------
    float
        Probability (0 to 1) that V_f,M >= V_p: 1/2 at the threshold itself.

    Raises
    ------
    GrainsError
        As :func:`percolation_threshold`.
    """
    middles = (np.arange(GRID) + 0.5) / GRID
    diameters = grains.grain_diameter_nm * grains.spread ** (2.0 * middles - 1.0)
    thresholds, _ = _model(grains).lookup(diameters, grains.tunnelling_length_nm)
    return float((metal_fraction >= thresholds).mean())
