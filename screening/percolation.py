"""Percolation threshold of metal grains that conduct by tunnelling: the cherry-pit model.

Hard spheres of diameter D (the grains) conduct when their surfaces are closer than a
tunnelling length delta, that is when shells of diameter D + delta overlap. With
lambda = D / (D + delta) and the critical shell density eta_c(lambda) = n pi (D + delta)^3 / 6,
the threshold in grain volume is V_p = eta_c(lambda) lambda^3 (Torquato, Random Heterogeneous
Materials, Springer 2002; Balberg and Binenbaum, Phys. Rev. B 35, 8749 (1987); Rottereau et al.,
Eur. Phys. J. E 11, 61 (2003)).

eta_c comes from our own Monte Carlo, :mod:`misei.screening.cherry_pit`, as a table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE_PATH = Path(__file__).parent / "data" / "cherry_pit.json"

# One choice for every electrolyte and metal, not fitted per system. Tunnelling through an
# insulating interphase is cut off at about 2 to 3 nm (Lin et al., J. Power Sources 309, 221
# (2016)). The grain diameter is an input chosen once: grains of 1.5 to 3 nm put V_p at about
# 1 to 7 %, in line with the experiment of Su et al. (EES Batteries 1, 242 (2025)), whose
# threshold lies between 1.3 and 3.7 %. It is not measured, and V_p goes roughly as D^3.
DEFAULT_GRAIN_DIAMETER_NM = 2.0
DEFAULT_TUNNELLING_LENGTH_NM = 2.5
GRAIN_DIAMETER_SPREAD = (0.75, 1.5)
TUNNELLING_LENGTH_SPREAD = (0.8, 1.2)
GRID = 64  # points in each range when probabilities are counted


class PercolationInputError(ValueError):
    """A grain size or tunnelling length outside the model."""


@dataclass(frozen=True)
class Threshold:
    """A percolation threshold with its model and spread.

    Attributes
    ----------
    value
        V_p, volume fraction of the grains (0 to 1).
    standard_error
        Of the Monte Carlo alone, same unit.
    interval
        V_p over the spread of the inputs, which is what the number is worth.
    model
        Model, inputs with units, and the spread.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    model: str


@cache
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    rows = json.loads(TABLE_PATH.read_text())["points"]
    columns = ("lambda", "shell_density", "standard_error")
    ratio, density, error = (np.array([row[name] for row in rows]) for name in columns)
    return ratio, density, error


def core_threshold(diameter_ratio: float) -> tuple[float, float]:
    """Return V_p and its Monte Carlo error for lambda = D / (D + delta).

    Parameters
    ----------
    diameter_ratio
        lambda, from 0 (overlapping spheres, where the cores vanish and V_p = 0) to the end of
        the table.

    Returns
    -------
    tuple
        V_p = eta_c lambda^3 and its standard error, volume fractions of the cores.

    Raises
    ------
    PercolationInputError
        Beyond the table.
    """
    ratio, density, error = _table()
    if not 0.0 <= diameter_ratio <= ratio[-1]:
        raise PercolationInputError(
            f"D / (D + delta) = {diameter_ratio:.3f} is outside the table, "
            f"which holds 0 to {ratio[-1]:.3f}"
        )
    cube = diameter_ratio**3
    return (
        float(np.interp(diameter_ratio, ratio, density)) * cube,
        float(np.interp(diameter_ratio, ratio, error)) * cube,
    )


def _diameter_ratio(grain_diameter_nm: float, tunnelling_length_nm: float) -> float:
    return grain_diameter_nm / (grain_diameter_nm + tunnelling_length_nm)


def _check_table(grain_diameter_nm: float, tunnelling_length_nm: float) -> None:
    # The whole spread must be in the table, which ends where grains almost touch.
    largest = _table()[0][-1]
    shortest_tunnelling = tunnelling_length_nm * TUNNELLING_LENGTH_SPREAD[0]
    limit = largest / (1.0 - largest) * shortest_tunnelling / GRAIN_DIAMETER_SPREAD[1]
    if grain_diameter_nm > limit:
        raise PercolationInputError(
            f"grain diameter {grain_diameter_nm:g} nm is outside the table: up to {limit:.1f} nm "
            f"at a tunnelling length of {tunnelling_length_nm:g} nm"
        )


def percolation_threshold(
    grain_diameter_nm: float = DEFAULT_GRAIN_DIAMETER_NM,
    tunnelling_length_nm: float = DEFAULT_TUNNELLING_LENGTH_NM,
) -> Threshold:
    """Return the percolation threshold of equal spherical grains.

    Parameters
    ----------
    grain_diameter_nm
        Diameter D of the metal grains in nm; an assumption, see the module constants.
    tunnelling_length_nm
        Surface distance delta in nm below which two grains conduct.

    Returns
    -------
    Threshold
        V_p with its interval over D times 0.75 to 1.5 and delta times 0.8 to 1.2 (by default
        1.5 to 3 nm and 2 to 3 nm).

    Raises
    ------
    PercolationInputError
        For lengths that are not positive, or grains too large for the table.
    """
    for name, length in (
        ("grain diameter", grain_diameter_nm), ("tunnelling length", tunnelling_length_nm)
    ):  # fmt: skip
        if not length > 0:
            raise PercolationInputError(f"{name} {length} nm is not positive")
    _check_table(grain_diameter_nm, tunnelling_length_nm)
    value, error = core_threshold(_diameter_ratio(grain_diameter_nm, tunnelling_length_nm))
    diameters = [grain_diameter_nm * factor for factor in GRAIN_DIAMETER_SPREAD]
    lengths = [tunnelling_length_nm * factor for factor in TUNNELLING_LENGTH_SPREAD]
    corners = [core_threshold(_diameter_ratio(d, t))[0] for d, t in product(diameters, lengths)]
    model = (
        "cherry-pit (hard spheres that conduct by tunnelling, Monte Carlo): "
        f"grain diameter {grain_diameter_nm:g} nm ({diameters[0]:g}-{diameters[1]:g}), "
        f"tunnelling length {tunnelling_length_nm:g} nm ({lengths[0]:g}-{lengths[1]:g})"
    )
    return Threshold(value, error, (min(corners), max(corners)), model)


def percolation_probability(
    metal_fraction: float,
    grain_diameter_nm: float = DEFAULT_GRAIN_DIAMETER_NM,
    tunnelling_length_nm: float = DEFAULT_TUNNELLING_LENGTH_NM,
) -> float:
    """Return the share of the ranges of D and delta in which the metal percolates.

    Parameters
    ----------
    metal_fraction
        V_f,M (0 to 1).
    grain_diameter_nm, tunnelling_length_nm
        As in :func:`percolation_threshold`, with its ranges; the logarithm of D and delta itself
        are taken to be uniform and independent in them.

    Returns
    -------
    float
        Probability (0 to 1) that V_f,M >= V_p.

    Raises
    ------
    PercolationInputError
        As :func:`percolation_threshold`.
    """
    percolation_threshold(grain_diameter_nm, tunnelling_length_nm)  # refuses what is no input
    middles = (np.arange(GRID) + 0.5) / GRID
    low, high = np.log(GRAIN_DIAMETER_SPREAD)
    diameters = grain_diameter_nm * np.exp(low + (high - low) * middles)
    low, high = TUNNELLING_LENGTH_SPREAD
    lengths = tunnelling_length_nm * (low + (high - low) * middles)
    ratio, density, _ = _table()
    lambdas = diameters[:, None] / (diameters[:, None] + lengths)
    thresholds = np.interp(lambdas, ratio, density) * lambdas**3
    return float((metal_fraction >= thresholds).mean())
