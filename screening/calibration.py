"""What an experiment says about the grains: D / delta from the classes that were seen.

The threshold lies above the largest metal fraction that was seen not to percolate, and below the
smallest that did. For bare grains it depends on D / delta alone, so that this bracket is one of D
/ delta; everything else is a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt

from scipy.optimize import brentq

from misei.screening.entries import EntrySource, describe
from misei.screening.grains import DEFAULT_GRAINS, Grains, GrainsError
from misei.screening.interphase import interphase
from misei.screening.percolation import percolation_threshold
from misei.screening.schemas_calibration import CalibrationDoc, ObservedInterphase

# D / delta that is searched: from overlapping shells of almost pointlike grains to grains that
# nearly touch.
SEARCHED = (0.05, 20.0)
# Digits of the spread, rounded down so that the whole range stays within the bracket.
SPREAD_STEP = 0.01


class CalibrationError(ValueError):
    """Observations that do not bracket a threshold."""


@dataclass(frozen=True)
class Observation:
    """An electrolyte or composite, and the class of its interphase in an experiment."""

    formula: str
    seen: str


# Asymmetric cells of Su et al., EES Batteries 2025, 1, 242 (10.1039/d5eb00024f).
SU_2025 = (
    Observation("Li6PS5Cl", "SEI"),
    Observation("16 Li6PS5Cl + Li10GeP2S12", "MI-SEI"),
    Observation("4 Li6PS5Cl + Li10GeP2S12", "MCI"),
    Observation("Li10GeP2S12", "MCI"),
)
CLASSES = ("SEI", "MI-SEI", "MCI")


def read_observation(text: str) -> Observation:
    """Read ``FORMULA=CLASS``.

    Raises
    ------
    CalibrationError
        Where it is not that, or the class is none.
    """
    formula, equals, seen = (part.strip() for part in text.rpartition("="))
    if not (equals and formula) or seen not in CLASSES:
        raise CalibrationError(
            f"{text!r} is not FORMULA=CLASS with a class of {', '.join(CLASSES)}"
        )
    return Observation(formula, seen)


def calibrate(
    source: EntrySource,
    observations: Sequence[Observation] = SU_2025,
    tunnelling_length_nm: float = DEFAULT_GRAINS.tunnelling_length_nm,
) -> CalibrationDoc:
    """Find the grains that percolate where an experiment says.

    Parameters
    ----------
    source
        Where phases, volumes and the metallic rule come from.
    observations
        Classes seen; at least one MI-SEI and one MCI. SEI (no metal) tells nothing of grains,
        but is checked.
    tunnelling_length_nm
        delta in nm, at which D is given; D / delta does not depend on it.

    Returns
    -------
    CalibrationDoc
        The range of D / delta, grains at its geometric middle with the spread that fills it, and
        what they give for the observations.

    Raises
    ------
    CalibrationError
        Where no threshold fits, naming the observations in the way.
    """
    found = [interphase(one.formula, source) for one in observations]
    pairs = [(doc.metal_volume_fraction, one) for doc, one in zip(found, observations, strict=True)]
    bracket = _bracket(pairs)
    low, high = (_closeness(fraction, tunnelling_length_nm) for fraction in bracket)
    grains = DEFAULT_GRAINS.changed(
        grain_diameter_nm=sqrt(low * high) * tunnelling_length_nm,
        tunnelling_length_nm=tunnelling_length_nm,
        spread=max(1.0, floor(sqrt(high / low) / SPREAD_STEP) * SPREAD_STEP),
    )
    return CalibrationDoc(
        observations=[
            ObservedInterphase(seen=one.seen, interphase=interphase(one.formula, source, grains))
            for one in observations
        ],
        threshold_bracket=bracket,
        closeness_interval=(low, high),
        grains=grains,
        source=describe(source),
    )


def _bracket(pairs: Sequence[tuple[float, Observation]]) -> tuple[float, float]:
    # Largest V_f,M that did not percolate, smallest that did.
    for name in ("MI-SEI", "MCI"):
        if not any(one.seen == name for _, one in pairs):
            raise CalibrationError(f"no {name} among the observations: a bracket needs one of each")
    low, below = max((p for p in pairs if p[1].seen != "MCI"), key=lambda pair: pair[0])
    high, above = min((p for p in pairs if p[1].seen == "MCI"), key=lambda pair: pair[0])
    if not 0 < low < high:
        raise CalibrationError(
            f"no threshold explains both: {below.formula} ({below.seen}) has {100 * low:.2f} % of "
            f"metal, {above.formula} ({above.seen}) {100 * high:.2f} %"
        )
    return low, high


def _closeness(threshold: float, tunnelling_length_nm: float) -> float:
    # D / delta with this V_p.
    def excess(closeness: float) -> float:
        return percolation_threshold(_grains(closeness, tunnelling_length_nm)).value - threshold

    if excess(SEARCHED[0]) * excess(SEARCHED[1]) > 0:
        raise GrainsError(f"no grains of the table percolate at {100 * threshold:.3g} % of metal")
    return float(brentq(excess, *SEARCHED, xtol=1e-10))


def _grains(closeness: float, tunnelling_length_nm: float) -> Grains:
    return Grains(
        grain_diameter_nm=closeness * tunnelling_length_nm,
        tunnelling_length_nm=tunnelling_length_nm,
        spread=1.0,
    )
