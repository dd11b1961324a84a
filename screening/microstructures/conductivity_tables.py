"""Conductivity of metal grains in an insulator; run as a module with ``--write``.

With ``--refit`` the points of the table stay and are fitted again, in seconds: for when the
thresholds have become better known.

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
from functools import partial
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
# How well the forms hold there, relative: points far from the threshold, known to 0.1 %, must not
# outweigh those near it.
FORM_ERROR = 0.03


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
    weights = 1.0 / np.hypot(error / conductivity, FORM_ERROR)
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
    spread = np.hypot(error / enhancement, FORM_ERROR)
    values, covariance = curve_fit(logarithm, ratios, np.log(enhancement), start, sigma=spread)
    return values, np.sqrt(np.diag(covariance))


def fitted_row(closeness: float, points: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table's row of one D / delta: fits to the points, and the points.

    Parameters
    ----------
    closeness
        D / delta, which the threshold is looked up for.
    points
        ``metal_fraction``, and ``conductivity`` and ``standard_error`` for each insulator.
    """
    threshold = _threshold(closeness)
    names = ("metal_fraction", "conductivity", "standard_error")
    fractions, means, errors = (np.array([point[name] for point in points]) for name in names)
    ratios = fractions / threshold
    above = _within(ratios, FITTED_ABOVE)
    (prefactor, n), above_errors = fit_above(ratios[above], means[above, 0], errors[above, 0])
    below = _within(ratios, FITTED_BELOW)
    isolated = isolated_grains(fractions[below], 1.0, INSULATORS[1])
    enhancement = (ratios[below], means[below, 1] / isolated, errors[below, 1] / isolated)
    (p,), (p_error,) = fit_below(*enhancement, SUPERCONDUCTOR_EXPONENT)
    free, free_errors = fit_below(*enhancement)
    amplitude = np.exp(prefactor) / threshold
    fits = {
        "closeness": closeness, "threshold": threshold,
        "amplitude": amplitude, "amplitude_error": amplitude * above_errors[0],
        "exponent": n, "exponent_error": above_errors[1],
        "sigma_0": np.exp(prefactor) / threshold**n,
        "curvature": p, "curvature_error": p_error,
        "superconductor_exponent": free[1], "superconductor_exponent_error": free_errors[1],
    }  # fmt: skip
    return {name: _rounded(value) for name, value in fits.items()} | {"points": points}


def _threshold(closeness: float) -> float:
    return float(sphere_curve().threshold(np.array(closeness / (1.0 + closeness))))


def _within(ratios: Floats, limits: tuple[float, float]) -> NDArray[np.bool_]:
    # With room for a threshold that has become better known since the points were drawn.
    return (ratios > limits[0] - 0.02) & (ratios < limits[1] + 0.02)


def _rounded(value: float, digits: int = 5) -> float:
    return float(f"{value:.{digits}g}")


def make_table(
    grains: int = GRAINS, samples: int = SAMPLES, sweeps: int = SWEEPS, seed: int = 1
) -> dict[str, Any]:
    """Return the table of all :data:`CLOSENESS`, with the inputs and all raw points."""
    rng = np.random.default_rng(seed)
    jobs = [(d, x * _threshold(d)) for d in CLOSENESS for x in RATIOS]
    points: dict[float, list[dict[str, Any]]] = {closeness: [] for closeness in CLOSENESS}
    with ThreadPoolExecutor(THREADS) as threads:
        for closeness, fraction in track([job for job in jobs if job[1] <= DENSEST]):
            draw = partial(sample, fraction, closeness, grains, sweeps)
            means, errors = averages(np.array(list(threads.map(draw, rng.spawn(samples)))))
            points[closeness].append({
                "metal_fraction": _rounded(fraction),
                "conductivity": [_rounded(mean) for mean in means],
                "standard_error": [_rounded(error, 2) for error in errors],
            })  # fmt: skip
    return {
        "command": "python -m misei.screening.microstructures.conductivity_tables --write",
        "grains_per_sample": grains, "samples": samples, "sweeps": sweeps, "seed": seed,
        "fitted_below": FITTED_BELOW, "fitted_above": FITTED_ABOVE,
        "sigma_insulator": INSULATORS,
        "grains": [fitted_row(closeness, points[closeness]) for closeness in CLOSENESS],
    }  # fmt: skip


def refitted(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table with its points fitted again, to thresholds that have become better known."""
    return table | {
        "grains": [fitted_row(row["closeness"], row["points"]) for row in table["grains"]]
    }


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description="Table of the conductivity of metal grains.")
    parser.add_argument("--write", action="store_true", help="replace the table of the package")
    parser.add_argument("--refit", action="store_true", help="keep its points, fit them again")
    options = parser.parse_args()
    table = refitted(json.loads(TABLE_PATH.read_text())) if options.refit else make_table()
    text = json.dumps(table, indent=1) + "\n"
    if options.write:
        TABLE_PATH.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
