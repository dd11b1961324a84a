"""The lines, samples and marks of a figure of conductivities."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import log
from typing import Any

import numpy as np

from misei.screening.conductivity import (
    TABLE_PATH,
    electronic_conductivity,
    fitted_law,
    isolated_grains,
    mixing_rule,
    percolation_law,
)
from misei.screening.percolation import Threshold

NETWORK, LAW, MIXING = "network of grains", "percolation law", "mixing rule"
# The axis of V_f,M ends at so many V_p, or beyond the last mark by this factor.
SHOWN, ROOM = 4.2, 1.08
POINTS = 400  # of a line on either side of the threshold
CLOSEST = 1e-5  # relative distance from the threshold at which lines begin
NEAREST = 0.01  # relative distance from the threshold within which no sample is shown


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(TABLE_PATH.read_text())
    return content


@dataclass(frozen=True)
class Scene:
    """What is drawn, for one kind of grains.

    Attributes
    ----------
    threshold
        V_p with its interval.
    closeness
        Grain diameter over tunnelling length.
    sigma_metal, sigma_insulator
        S/cm.
    marks
        Names and V_f,M (0 to 1) of electrolytes.
    """

    threshold: Threshold
    closeness: float
    sigma_metal: float
    sigma_insulator: float
    marks: Sequence[tuple[str, float]]

    @property
    def end(self) -> float:
        """Upper end of the axis of V_f,M (0 to 1)."""
        furthest = max([0.0, *(fraction for _, fraction in self.marks)])
        return min(max(SHOWN * self.threshold.value, ROOM * furthest), 1.0)

    @cached_property
    def fractions(self) -> np.ndarray:
        """V_f,M of the lines (0 to 1), close at the threshold."""
        distances = np.geomspace(CLOSEST, 1.0, POINTS)
        factors = np.concatenate([1.0 - distances[::-1], [1.0], 1.0 + SHOWN * distances])
        grid = np.union1d(self.threshold.value * factors, np.linspace(0.0, self.end, POINTS))
        return grid[grid <= self.end]

    @property
    def lines(self) -> dict[str, np.ndarray]:
        """Conductivity in S/cm at `fractions`; the percolation law is zero below V_p."""
        value = self.threshold.value
        sigma_0, exponent = fitted_law(value, self.closeness, self.sigma_metal)
        return {
            NETWORK: self.network(self.fractions, value),
            LAW: percolation_law(self.fractions, value, sigma_0, exponent),
            MIXING: mixing_rule(self.fractions, self.sigma_metal, self.sigma_insulator),
        }

    def network(self, fractions: Any, threshold: float) -> np.ndarray:
        """Return the conductivity for a threshold, S/cm."""
        return electronic_conductivity(
            fractions, threshold, self.closeness, self.sigma_metal, self.sigma_insulator
        )

    @cached_property
    def row(self) -> dict[str, Any]:
        """The grains of the Monte Carlo whose D / delta is nearest."""
        rows: list[dict[str, Any]] = _table()["grains"]
        return min(rows, key=lambda row: abs(log(row["closeness"] / self.closeness)))

    @cached_property
    def samples(self) -> np.ndarray:
        """V_f,M (0 to 1), conductivity and standard error (S/cm) of the Monte Carlo, (n, 3).

        Of the grains of `row`, at the same V / V_p: above the threshold those without an
        insulator, in units of V_p; below it those with the weakest one, in units of isolated
        grains. At the threshold itself the contrast matters, and none is shown.
        """
        weakest, own = _table()["sigma_insulator"][1], float(self.row["threshold"])
        found = []
        for point in self.row["points"]:
            ratio = point["metal_fraction"] / own
            place = ratio * self.threshold.value
            if place > self.end or abs(ratio - 1.0) < NEAREST:
                continue
            column = 0 if ratio > 1.0 else 1
            unit = self.sigma_metal * self.threshold.value / own
            if ratio < 1.0:
                unit = float(
                    isolated_grains(place, self.sigma_metal, self.sigma_insulator)
                    / isolated_grains(point["metal_fraction"], 1.0, weakest)
                )
            value, error = point["conductivity"][column], point["standard_error"][column]
            found.append((place, unit * value, unit * error))
        return np.array(found).reshape(-1, 3)

    def mark_texts(self, write: Callable[[str], str]) -> list[str]:
        """Return number, name and V_f,M of every mark, formulas written by ``write``."""
        return [
            f"{i}: {write(name)}, {100 * fraction:.3g} %"
            for i, (name, fraction) in enumerate(self.marks, start=1)
        ]

    def mark_range(self, fraction: float) -> tuple[float, float, float]:
        """Return the conductivity at a mark and over the interval of V_p, S/cm."""
        low, high = self.threshold.interval
        values = [float(self.network(fraction, v)) for v in (self.threshold.value, high, low)]
        return values[0], values[1], values[2]
