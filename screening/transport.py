"""What an interphase's metal does to it: electrons, thickness, resistance.

Thermodynamics gives the metal fraction, the volume of interphase per electron and the driving
voltage; the grains give the threshold; resistor networks the electronic conductivity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from misei.screening.conductivity import (
    LI2S_CONDUCTIVITY,
    LITHIUM_CONDUCTIVITY,
    area_specific_resistance,
    electronic_conductivity,
    fitted_law,
    interphase_thickness,
    mixing_rule,
    percolation_law,
    volume_per_electron,
)
from misei.screening.entries import EntrySource
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.interphase import interphase
from misei.screening.schemas_thermodynamics import LI_UPTAKE_NOISE, ReductionDoc
from misei.screening.schemas_transport import TransportDoc
from misei.screening.thermodynamics import reduce

NM_PER_CM = 1e7
SECONDS_PER_HOUR = 3600.0
DEFAULT_TIME_H = 1000.0


class TransportInputError(ValueError):
    """A conductivity or a time that is none."""


@dataclass(frozen=True)
class Transport:
    """Inputs that no calculation gives.

    Attributes
    ----------
    sigma_metal
        Of the metal's paths, grains and contacts, S/cm; by default that of Li metal, an upper
        bound.
    sigma_insulator
        Electronic, of all that is not metal, S/cm; by default that of Li2S, an upper bound.
    sigma_lithium
        Li-ion conductivity of the interphase, S/cm. None: thickness and resistance are not given.
    time_h
        Since the interphase began to grow, h.
    """

    sigma_metal: float = LITHIUM_CONDUCTIVITY
    sigma_insulator: float = LI2S_CONDUCTIVITY
    sigma_lithium: float | None = None
    time_h: float = DEFAULT_TIME_H

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not (isfinite(value) and value > 0):
                raise TransportInputError(f"{name} {value:g} is not positive and finite")

    def changed(self, **values: float | None) -> Transport:
        """Return inputs with some changed; None leaves one as it is."""
        return replace(self, **{n: value for n, value in values.items() if value is not None})


DEFAULT_TRANSPORT = Transport()


def interphase_transport(
    formula: str,
    source: EntrySource,
    inputs: Transport = DEFAULT_TRANSPORT,
    grains: Grains = DEFAULT_GRAINS,
    excluded: Iterable[str] = (),
) -> TransportDoc:
    """Return electronic conductivity, thickness and resistance of an interphase with Li metal.

    Parameters
    ----------
    formula
        Electrolyte or composite.
    source
        Where phases, volumes and the metallic rule come from.
    inputs
        Conductivities and time.
    grains
        Size and shape of the metal grains, which set the percolation threshold.
    excluded
        Ids or formulas of phases to leave out.

    Raises
    ------
    FormulaError, MissingDataError, GrainsError, ConductivityInputError
        For input that cannot be used.
    """
    excluded = list(excluded)
    found = interphase(formula, source, grains, excluded)
    reduction = reduce(formula, source, excluded)
    fraction, threshold = found.metal_volume_fraction, found.percolation_threshold
    sigma_0, exponent = fitted_law(threshold, grains.closeness, inputs.sigma_metal)
    # A higher threshold conducts less.
    thresholds = np.array([threshold, *found.percolation_threshold_interval[::-1]])
    sigmas = np.array([_electronic(fraction, value, inputs, grains) for value in thresholds])
    per_electron = _volume_per_electron(reduction)
    thickness = _thickness(sigmas, inputs, per_electron, reduction.reduction_potential)
    resistance = None
    if thickness is not None and inputs.sigma_lithium:
        resistance = area_specific_resistance(thickness / NM_PER_CM, inputs.sigma_lithium)
    return TransportDoc(
        formula=formula,
        metal_volume_fraction=fraction,
        percolation_threshold=threshold,
        interphase_class=found.interphase_class,
        sigma_electronic=sigmas[0],
        sigma_electronic_interval=(sigmas[1], sigmas[2]),
        sigma_percolation_law=float(percolation_law(fraction, threshold, sigma_0, exponent)),
        sigma_0=sigma_0,
        percolation_exponent=exponent,
        sigma_mixing_rule=float(mixing_rule(fraction, inputs.sigma_metal, inputs.sigma_insulator)),
        **vars(inputs),
        driving_voltage=reduction.reduction_potential,
        volume_per_electron=per_electron,
        **_with_interval("thickness_nm", thickness),
        **_with_interval("area_specific_resistance", resistance),
        grains=grains,
        threshold_model=found.threshold_model,
        excluded_phases=excluded,
        source=found.source,
    )


def _electronic(fraction: float, threshold: float, inputs: Transport, grains: Grains) -> float:
    return float(
        electronic_conductivity(
            fraction, threshold, grains.closeness, inputs.sigma_metal, inputs.sigma_insulator
        )
    )


def _volume_per_electron(reduction: ReductionDoc) -> float | None:
    if reduction.li_uptake_0V <= LI_UPTAKE_NOISE:
        return None
    return volume_per_electron(reduction.product_volume_0V, reduction.li_uptake_0V)


def _thickness(
    sigmas: np.ndarray, inputs: Transport, per_electron: float | None, voltage: float
) -> np.ndarray | None:
    # nm, shape of the conductivities; an electrolyte that does not react grows nothing.
    if inputs.sigma_lithium is None:
        return None
    if per_electron is None:
        return np.zeros(len(sigmas))
    seconds = inputs.time_h * SECONDS_PER_HOUR
    return NM_PER_CM * interphase_thickness(
        sigmas, inputs.sigma_lithium, per_electron, voltage, seconds
    )


def _with_interval(name: str, values: np.ndarray | None) -> dict[str, Any]:
    if values is None:
        return {name: None, f"{name}_interval": None}
    value, low, high = values.tolist()
    return {name: value, f"{name}_interval": (low, high)}
