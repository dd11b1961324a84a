"""Conductivity of metal grains in an insulator; run as a module with ``--write``.

Hard spheres that conduct across gaps up to a tunnelling length, as resistor networks, over their
volume fraction V and D / delta. In units of the conductivity of the metal's paths all depends on
these two and on the conductivity of the insulator. Two fits go into the table:

- above the threshold, without the insulator, the percolation law
  sigma = sigma_0 (V - V_p)^n = a V_p (V / V_p - 1)^n;
- below it, with an insulator, sigma = sigma_b (1 - (V / V_p)^p)^-s with the universal s, where
  sigma_b is what isolated grains give.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from math import pi
from typing import Any

import numpy as np
from rich.progress import track
from scipy.optimize import curve_fit

from misei.screening.conductivity import (
    SUPERCONDUCTOR_EXPONENT,
    TABLE_PATH,
    isolated_grains,
)
from misei.screening.microstructures.compiled import Floats
from misei.screening.microstructures.finite_size import THREADS
from misei.screening.microstructures.grains import equilibrate, gap_links, insert_grains
from misei.screening.microstructures.resistor_network import (
    grain_conductances,
    joined,
    matrix_links,
    network_conductivity,
)
from misei.screening.percolation import sphere_curve

CLOSENESS = (0.5, 0.7, 1.0, 2.0, 5.0, 10.0)  # D / delta
# V / V_p, and the largest V, below which hard spheres are a fluid.
RATIOS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 1.0, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 2.5,
          3.0, 4.0)  # fmt: skip
DENSEST = 0.45
# Conductivity of the insulator in that of the metal's paths. The fit below the threshold needs
# the limit of none, which this smallest one is to 1e-6.
INSULATORS = (0.0, 1e-8, 1e-4, 1e-3)
GRAINS = 3000
SAMPLES = 12
SWEEPS = 20  # attempted moves of each grain after insertion
# V / V_p within which fits are made: nearer to the threshold the correlation length is no longer
# small against the sample.
FITTED_BELOW = (0.3, 0.85)
FITTED_ABOVE = (1.15, 4.0)
DIGITS = 5


def sample(
    metal_fraction: float, closeness: float, grains: int, sweeps: int, rng: np.random.Generator
) -> Floats:
    """Return the conductivity of one microstructure for each of :data:`INSULATORS`.

    Parameters
    ----------
    metal_fraction, closeness
        V and D / delta.
    grains, sweeps
        How many, and attempted moves of each of them.
    rng
        For this sample.

    Returns
    -------
    ndarray of shape (insulators,)
        In the conductivity of the metal's paths, mean over the three axes.
    """
    diameter = (6.0 * metal_fraction / (pi * grains)) ** (1.0 / 3.0)
    diameters = np.full(grains, diameter)
    centres = equilibrate(insert_grains(diameters, rng), diameters, sweeps, rng)
    metal = gap_links(centres, diameters, diameter / closeness)
    paths = grain_conductances(metal.lengths, diameter)
    matrix, faces = matrix_links(centres)
    links = joined(metal, matrix)
    conductivities = [
        network_conductivity(
            centres,
            links,
            np.concatenate([paths, faces * isolated_grains(metal_fraction, 1.0, insulator)]),
        ).mean()
        for insulator in INSULATORS
    ]
    return np.array(conductivities)


def averages(samples: Floats) -> tuple[Floats, Floats]:
    """Return the mean over samples and its standard error, each of shape (insulators,).

    Without an insulator the arithmetic mean, since samples may not conduct at all; with one the
    geometric mean, or else the rare sample whose grains percolate too early would outweigh all
    others.

    Parameters
    ----------
    samples
        Conductivities, shape (samples, insulators), the first one without an insulator.
    """
    root = np.sqrt(len(samples))
    logarithms = np.log(samples[:, 1:])
    means = np.exp(logarithms.mean(axis=0))
    errors = means * logarithms.std(axis=0, ddof=1) / root
    bare = samples[:, 0]
    return np.append(bare.mean(), means), np.append(bare.std(ddof=1) / root, errors)


def fit_above(ratios: Floats, conductivity: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Fit conductivity = A (V / V_p - 1)^n.

    Parameters
    ----------
    ratios
        V / V_p above 1, shape (points,).
    conductivity, error
        Of a network without insulator, shape (points,).

    Returns
    -------
    tuple
        (log A, n) and their standard errors, which the scatter about the fit sets.
    """
    weights = conductivity / error
    slope, covariance = np.polyfit(
        np.log(ratios - 1.0), np.log(conductivity), 1, w=weights, cov=True
    )
    return slope[::-1], np.sqrt(np.diag(covariance))[::-1]


def fit_below(
    ratios: Floats, enhancement: Floats, error: Floats, exponent: float | None = None
) -> tuple[Floats, Floats]:
    """Fit enhancement = (1 - (V / V_p)^p)^-s.

    Parameters
    ----------
    ratios
        V / V_p below 1, shape (points,).
    enhancement, error
        Conductivity over that with isolated grains, shape (points,).
    exponent
        s; None: fitted as well.

    Returns
    -------
    tuple
        (p,) or (p, s) and their standard errors, which the scatter about the fit sets.
    """

    def logarithm(ratio: Floats, curvature: float, s: float = exponent or 0.0) -> Floats:
        value: Floats = -s * np.log1p(-(ratio**curvature))
        return value

    start = [1.6] if exponent else [1.6, SUPERCONDUCTOR_EXPONENT]
    values, covariance = curve_fit(
        logarithm, ratios, np.log(enhancement), start, sigma=error / enhancement
    )
    return values, np.sqrt(np.diag(covariance))


def fits(threshold: float, fractions: Floats, means: Floats, errors: Floats) -> dict[str, float]:
    """Return the fitted numbers of one D / delta, rounded.

    Parameters
    ----------
    threshold
        V_p.
    fractions
        V, shape (points,).
    means, errors
        Conductivities, shape (points, insulators).
    """
    ratios = fractions / threshold
    above = _within(ratios, FITTED_ABOVE)
    (prefactor, n), above_errors = fit_above(ratios[above], means[above, 0], errors[above, 0])
    below = _within(ratios, FITTED_BELOW)
    isolated = isolated_grains(fractions[below], 1.0, INSULATORS[1])
    enhancement = (ratios[below], means[below, 1] / isolated, errors[below, 1] / isolated)
    (p,), (p_error,) = fit_below(*enhancement, SUPERCONDUCTOR_EXPONENT)
    free, free_errors = fit_below(*enhancement)
    amplitude = np.exp(prefactor) / threshold
    return _rounded(
        amplitude=amplitude, amplitude_error=amplitude * above_errors[0],
        exponent=n, exponent_error=above_errors[1], sigma_0=np.exp(prefactor) / threshold**n,
        curvature=p, curvature_error=p_error,
        superconductor_exponent=free[1], superconductor_exponent_error=free_errors[1],
    )  # fmt: skip


def _within(ratios: Floats, limits: tuple[float, float]) -> np.ndarray:
    return (ratios > limits[0] - 1e-6) & (ratios < limits[1] + 1e-6)


def _rounded(**values: float) -> dict[str, float]:
    return {name: float(f"{value:.{DIGITS}g}") for name, value in values.items()}


def make_table(
    grains: int = GRAINS, samples: int = SAMPLES, sweeps: int = SWEEPS, seed: int = 1
) -> dict[str, Any]:
    """Return the table of all :data:`CLOSENESS`, with the inputs and all raw points."""
    table: dict[str, Any] = {
        "command": "python -m misei.screening.microstructures.conductivity_tables --write",
        "grains_per_sample": grains, "samples": samples, "sweeps": sweeps, "seed": seed,
        "fitted_below": FITTED_BELOW, "fitted_above": FITTED_ABOVE,
        "sigma_insulator": INSULATORS, "grains": [],
    }  # fmt: skip
    rng = np.random.default_rng(seed)
    thresholds = {d: float(sphere_curve().threshold(np.array(d / (1.0 + d)))) for d in CLOSENESS}
    jobs = [(d, x * v) for d, v in thresholds.items() for x in RATIOS if x * v <= DENSEST]
    points: dict[float, list[tuple[float, Floats, Floats]]] = {d: [] for d in CLOSENESS}
    with ThreadPoolExecutor(THREADS) as threads:
        for closeness, fraction in track(jobs, "microstructures"):
            drawn = threads.map(
                lambda own, v=fraction, d=closeness: sample(v, d, grains, sweeps, own),
                rng.spawn(samples),
            )
            points[closeness].append((fraction, *averages(np.array(list(drawn)))))
    for closeness, threshold in thresholds.items():
        fractions, means, errors = map(np.array, zip(*points[closeness], strict=True))
        table["grains"].append({
            "closeness": closeness, "threshold": round(threshold, 6),
            **fits(threshold, fractions, means, errors),
            "points": [_point(*point) for point in points[closeness]],
        })  # fmt: skip
    return table


def _point(fraction: float, means: Floats, errors: Floats) -> dict[str, Any]:
    return {
        "metal_fraction": float(f"{fraction:.{DIGITS}g}"),
        "conductivity": [float(f"{value:.{DIGITS}g}") for value in means],
        "standard_error": [float(f"{value:.2g}") for value in errors],
    }


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Table of the conductivity of metal grains.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    write = parser.parse_args().write
    text = json.dumps(make_table(), indent=1) + "\n"
    if write:
        TABLE_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
