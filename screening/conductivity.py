"""Electronic conductivity of an interphase below and above percolation, and what follows from it.

Metal grains of volume fraction V in an insulator, with the percolation threshold V_p of
:mod:`misei.screening.percolation`. Conductivities are in S/cm; metal fractions may be arrays.

:func:`electronic_conductivity` describes resistor networks on the microstructures that the
thresholds come from (:mod:`misei.screening.microstructures.conductivity_tables`), beside the
mixing rule and the percolation law of Su et al., EES Batteries 1, 242 (2025), eqs. 1 and 2.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import N_A, physical_constants

TABLE_PATH = Path(__file__).parent / "data" / "conductivity.json"

# Li metal, 92.8 nOhm m at 293 K (CRC Handbook of Chemistry and Physics): an upper bound for paths
# through nanometre grains and the gaps between them.
LITHIUM_CONDUCTIVITY = 1.08e5
# Electrons in Li2S: a resistivity above 1e14 Ohm cm (Yang et al., J. Am. Chem. Soc. 134, 15387
# (2012)), so this too is an upper bound.
LI2S_CONDUCTIVITY = 1e-14
# Of a mixture of superconductor and conductor below the threshold, in three dimensions (Clerc,
# Giraud, Laugier and Luck, Adv. Phys. 39, 191 (1990)).
SUPERCONDUCTOR_EXPONENT = 0.735
FARADAY = physical_constants["Faraday constant"][0]  # C/mol
CM3_PER_ANGSTROM3 = 1e-24
BISECTIONS = 60  # of the logarithm of a conductivity: exact to rounding

Floats = NDArray[np.float64]


class ConductivityInputError(ValueError):
    """A metal fraction, conductivity or length that is none."""


def mixing_rule(metal_fraction: ArrayLike, sigma_metal: float, sigma_insulator: float) -> Floats:
    """Return V sigma_M + (1 - V) sigma_nM, which no microstructure exceeds.

    Wiener, Abh. Saechs. Ges. Wiss. Math.-Phys. Kl. 32, 509 (1912).

    Parameters
    ----------
    metal_fraction
        V (0 to 1), any shape.
    sigma_metal, sigma_insulator
        Of the metal and of what is left, S/cm.

    Returns
    -------
    ndarray
        S/cm, shape of ``metal_fraction``.
    """
    fraction = _fraction(metal_fraction)
    return fraction * sigma_metal + (1.0 - fraction) * sigma_insulator


def percolation_law(
    metal_fraction: ArrayLike, threshold: float, sigma_0: float, exponent: float
) -> Floats:
    """Return sigma_0 (V - V_p)^n above the threshold and zero below it.

    Parameters
    ----------
    metal_fraction
        V (0 to 1), any shape.
    threshold
        V_p (0 to 1).
    sigma_0, exponent
        Prefactor in S/cm, and n.

    Returns
    -------
    ndarray
        S/cm, shape of ``metal_fraction``.
    """
    excess: Floats = np.maximum(_fraction(metal_fraction) - threshold, 0.0)
    return sigma_0 * excess**exponent


def fitted_law(threshold: float, closeness: float, sigma_metal: float) -> tuple[float, float]:
    """Return sigma_0 in S/cm and n of :func:`percolation_law`, fitted to resistor networks.

    Parameters
    ----------
    threshold, closeness, sigma_metal
        As in :func:`electronic_conductivity`.
    """
    amplitude, exponent, _ = _fitted(closeness)
    return amplitude * sigma_metal * threshold ** (1.0 - exponent), exponent


def isolated_grains(
    metal_fraction: ArrayLike, sigma_metal: float, sigma_insulator: float
) -> Floats:
    """Return the conductivity of an insulator with metal grains that do not reach each other.

    The lower bound of Hashin and Shtrikman, J. Appl. Phys. 33, 3125 (1962), which is the formula
    of Maxwell, A Treatise on Electricity and Magnetism (1873); for a perfect metal
    sigma_insulator (1 + 2 V) / (1 - V).

    Parameters and result are those of :func:`mixing_rule`.
    """
    fraction = _fraction(metal_fraction)
    rest = 1.0 - fraction
    numerator = (1.0 + 2.0 * fraction) * sigma_metal + 2.0 * rest * sigma_insulator
    denominator = rest * sigma_metal + (2.0 + fraction) * sigma_insulator
    isolated: Floats = sigma_insulator * numerator / denominator
    return isolated


def electronic_conductivity(
    metal_fraction: ArrayLike,
    threshold: float,
    closeness: float,
    sigma_metal: float = LITHIUM_CONDUCTIVITY,
    sigma_insulator: float = LI2S_CONDUCTIVITY,
) -> Floats:
    """Return the electronic conductivity of an interphase, through the threshold.

    With sigma_b of :func:`isolated_grains`, it is the solution sigma of

    (sigma / sigma_m V_p a)^(1/n) - (sigma_b / sigma)^(1/s) = m,

    m = V / V_p - 1 above and (V / V_p)^p - 1 below the threshold, a, n and p fitted to resistor
    networks: the percolation law far above, sigma_b (1 - (V / V_p)^p)^-s far below, and at the
    threshold the power n / (n + s) of the contrast (Efros and Shklovskii, Phys. Status Solidi B
    76, 475 (1976)). It is kept between sigma_b and the mixing rule, the bounds of any mixture.

    Parameters
    ----------
    metal_fraction
        V (0 to 1), any shape.
    threshold
        V_p of the grains (0 to 1).
    closeness
        Grain diameter over tunnelling length, D / delta; beyond the table its nearest end is
        taken, for what is fitted hardly varies.
    sigma_metal
        Of the paths through the metal, grains and contacts together, S/cm; by default that of Li
        metal, an upper bound.
    sigma_insulator
        Electronic, of all that is not metal, S/cm; by default that of Li2S, an upper bound.

    Returns
    -------
    ndarray
        S/cm, shape of ``metal_fraction``; it rises with it.

    Raises
    ------
    ConductivityInputError
        For a fraction outside 0 to 1, a length or conductivity that is not positive, or a metal
        that conducts less than the insulator.
    """
    fraction = _fraction(metal_fraction)
    _check(threshold, closeness, sigma_metal, sigma_insulator)
    amplitude, exponent, curvature = _fitted(closeness)
    ratio = fraction / threshold
    distance = np.where(ratio > 1.0, ratio, ratio**curvature) - 1.0
    isolated = isolated_grains(fraction, sigma_metal, sigma_insulator)
    sigma_c = amplitude * threshold * sigma_metal
    low = np.log(isolated)
    high = np.log(mixing_rule(fraction, sigma_metal, sigma_insulator))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        sigma = np.exp(middle)
        excess = (sigma / sigma_c) ** (1.0 / exponent)
        excess -= (isolated / sigma) ** (1.0 / SUPERCONDUCTOR_EXPONENT)
        above = excess > distance
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.exp(low)


def _fraction(metal_fraction: ArrayLike) -> Floats:
    fraction = np.asarray(metal_fraction, dtype=float)
    valid = (fraction >= 0.0) & (fraction <= 1.0)
    if not valid.all():
        raise ConductivityInputError(f"metal fraction {fraction[~valid].flat[0]:g} is not 0 to 1")
    return fraction


def _check(threshold: float, closeness: float, sigma_metal: float, sigma_insulator: float) -> None:
    if not 0.0 < threshold <= 1.0:
        raise ConductivityInputError(f"percolation threshold {threshold:g} is not in 0 to 1")
    if not closeness > 0.0:
        raise ConductivityInputError(f"D / delta of {closeness:g} is not positive")
    if not 0.0 < sigma_insulator <= sigma_metal:
        raise ConductivityInputError(
            f"the insulator conducts {sigma_insulator:g} S/cm and the metal {sigma_metal:g} S/cm: "
            "both must be positive, the metal's the larger one"
        )


@cache
def _table() -> tuple[Floats, Floats]:
    # log(D / delta), shape (grains,), and log a, n, p, shape (3, grains).
    rows = json.loads(TABLE_PATH.read_text())["grains"]
    names = ("closeness", "amplitude", "exponent", "curvature")
    columns = np.array([[row[name] for row in rows] for name in names])
    columns[:2] = np.log(columns[:2])
    return columns[0], columns[1:]


def _fitted(closeness: float) -> tuple[float, float, float]:
    # Amplitude a, exponent n and curvature p.
    position, values = _table()
    amplitude, exponent, curvature = (np.interp(np.log(closeness), position, v) for v in values)
    return float(np.exp(amplitude)), float(exponent), float(curvature)


def volume_per_electron(product_volume: float, li_uptake: float) -> float:
    """Return the volume of interphase that one mole of electrons makes, cm3/mol.

    Every Li that is taken up brings one electron.

    Parameters
    ----------
    product_volume
        Volume of the products, angstrom^3 per formula unit of the electrolyte:
        ``product_volume_0V`` of a reduction.
    li_uptake
        Li taken up per formula unit: ``li_uptake_0V`` of a reduction.

    Raises
    ------
    ConductivityInputError
        Where no Li is taken up: there is no interphase.
    """
    if not li_uptake > 0.0:
        raise ConductivityInputError(f"a Li uptake of {li_uptake:g} makes no interphase")
    return product_volume / li_uptake * CM3_PER_ANGSTROM3 * float(N_A)


def interphase_thickness(
    sigma_electronic: ArrayLike,
    sigma_lithium: float,
    volume_per_electron: float,
    driving_voltage: float,
    seconds: float,
) -> Floats:
    """Return the thickness of an interphase that grows as electrons and Li ions cross it, cm.

    Wagner's parabolic law (Z. Phys. Chem. B 21, 25 (1933)) for conductivities that are the same
    throughout the layer: d^2 = 2 V_e sigma phi t / F with sigma = sigma_e sigma_Li / (sigma_e +
    sigma_Li), because the current of both, sigma phi / d, makes V_e / F of interphase per charge.

    Parameters
    ----------
    sigma_electronic
        sigma_e, S/cm, any shape.
    sigma_lithium
        Li-ion conductivity sigma_Li of the interphase, S/cm.
    volume_per_electron
        V_e of :func:`volume_per_electron`, cm3/mol.
    driving_voltage
        phi, reduction potential of the electrolyte, V vs Li/Li+.
    seconds
        Time t since the interphase began to grow, s.

    Returns
    -------
    ndarray
        d in cm, shape of ``sigma_electronic``.
    """
    electronic = np.asarray(sigma_electronic, dtype=float)
    ambipolar = electronic * sigma_lithium / (electronic + sigma_lithium)
    thickness: Floats = np.sqrt(
        2.0 * volume_per_electron * ambipolar * driving_voltage * seconds / FARADAY
    )
    return thickness


def area_specific_resistance(thickness: ArrayLike, sigma_lithium: float) -> Floats:
    """Return what Li ions meet in an interphase, d / sigma_Li, Ohm cm2.

    Su et al., EES Batteries 1, 242 (2025), eq. 3; Pang et al., Electrochem. Energy Rev. 4, 169
    (2021).

    Parameters
    ----------
    thickness
        d, cm, any shape.
    sigma_lithium
        Li-ion conductivity of the interphase, S/cm.
    """
    resistance: Floats = np.asarray(thickness, dtype=float) / sigma_lithium
    return resistance
