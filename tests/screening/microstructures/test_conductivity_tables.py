from __future__ import annotations

import json

import numpy as np
import pytest

from misei.screening.conductivity import TABLE_PATH
from misei.screening.microstructures.conductivity_tables import (
    INSULATORS,
    averages,
    fit_above,
    fit_below,
    sample,
)

# Relative; three times the error of the mean of SAMPLES networks of GRAINS at V = 2 V_p, where it
# is up to 0.03.
GRAINS, SAMPLES = 500, 6
NETWORK_TOLERANCE = 0.08


@pytest.mark.parametrize("closeness", [0.7, 2.0])
def test_network_of_grains_agrees_with_the_table(closeness: float) -> None:
    rows = json.loads(TABLE_PATH.read_text())["grains"]
    row = next(row for row in rows if row["closeness"] == closeness)
    twice = 2.0 * row["threshold"]
    point = min(row["points"], key=lambda point: abs(point["metal_fraction"] - twice))
    drawn = [
        sample(point["metal_fraction"], closeness, GRAINS, 5, rng)
        for rng in np.random.default_rng(4).spawn(SAMPLES)
    ]
    means, errors = averages(np.array(drawn))
    assert means == pytest.approx(np.array(point["conductivity"]), rel=NETWORK_TOLERANCE)
    assert (errors < NETWORK_TOLERANCE / 2 * means).all()


def test_isolated_grains_leave_the_insulator() -> None:
    # At a tenth of the threshold few grains are linked: the insulator conducts a little better,
    # in proportion to itself.
    values = sample(0.004, 1.0, GRAINS, 2, np.random.default_rng(1))
    assert values[0] == 0.0
    enhancement = values[1:] / INSULATORS[1:]
    assert (enhancement > 1.0).all()
    assert (enhancement < 1.1).all()


def test_averages() -> None:
    # Arithmetic without an insulator: (0 + 2) / 2; geometric with one: sqrt(1 x 4).
    means, errors = averages(np.array([[0.0, 1.0], [2.0, 4.0]]))
    assert means == pytest.approx([1.0, 2.0])
    # Standard deviations of (0, 2) and of log (1, 4), over the root of two samples.
    assert errors == pytest.approx([1.0, 2.0 * np.log(4.0) / 2.0])


def test_fits_return_what_was_put_in() -> None:
    ratios, error = np.array([1.2, 1.5, 2.0, 3.0]), np.full(4, 0.1)
    values, _ = fit_above(ratios, 0.3 * (ratios - 1.0) ** 1.9, error)
    assert values == pytest.approx([np.log(0.3), 1.9])
    ratios = np.array([0.3, 0.5, 0.7, 0.85])
    enhancement = (1.0 - ratios**1.7) ** -0.7
    assert fit_below(ratios, enhancement, error, 0.7)[0] == pytest.approx([1.7], rel=1e-5)
    assert fit_below(ratios, enhancement, error)[0] == pytest.approx([1.7, 0.7], rel=1e-5)
