"""Percolation and conductivity as tables on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misei.launchers.commands.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.percolation import KnownModel, Threshold
    from misei.screening.schemas_calibration import CalibrationDoc
    from misei.screening.schemas_transport import TransportDoc


def print_thresholds(threshold: Threshold, models: Sequence[KnownModel]) -> None:
    """Print the threshold of the grains, and the models that others have solved."""
    low, high = threshold.interval
    out.print(
        f"V_p = {100 * threshold.value:.3g} % ({100 * low:.3g} to {100 * high:.3g} %; Monte Carlo "
        f"error {100 * threshold.standard_error:.1g} %): {threshold.model}"
    )
    print_table(
        "Models with published thresholds, by the same Monte Carlo",
        ["model", "threshold (%)", "standard error (%)", "published (%)", "off by (%)"],
        [
            [
                one.model,
                f"{100 * one.threshold:.3f}",
                f"{100 * one.standard_error:.3f}",
                f"{100 * one.published:.6g}",
                f"{100 * (one.threshold / one.published - 1):+.2f}",
            ]
            for one in models
        ],
    )


def print_calibration(document: CalibrationDoc) -> None:
    """Print what was seen beside what the calibrated grains give, then the grains."""
    print_table(
        "Calibration of the metal grains",
        ["electrolyte", "V_f,M (%)", "seen", "computed", "P(MCI) (%)", "metallic products"],
        [
            [
                one.interphase.formula,
                100 * one.interphase.metal_volume_fraction,
                one.seen,
                one.interphase.interphase_class,
                f"{100 * one.interphase.class_probabilities['MCI']:.0f}",
                ", ".join(one.interphase.metallic_products) or "none",
            ]
            for one in document.observations
        ],
    )
    below, above = document.threshold_bracket
    low, high = document.closeness_interval
    grains = document.grains
    out.print(f"V_p between {100 * below:.2f} and {100 * above:.2f} %")
    out.print(f"Grain diameter over tunnelling length: {low:.3f} to {high:.3f}")
    out.print(
        f"--grain-diameter {grains.grain_diameter_nm:.3g} (nm) "
        f"--tunnelling-length {grains.tunnelling_length_nm:g} (nm) --spread {grains.spread:.3g}"
    )


def print_transport(documents: Sequence[TransportDoc]) -> None:
    """Print conductivities with their laws, and thickness and resistance where they are known."""
    _print_electrons(documents)
    sigma_lithium = documents[0].sigma_lithium
    if sigma_lithium is None:
        out.print("Thickness and resistance need --sigma-lithium, S/cm")
    else:
        _print_growth(documents, sigma_lithium)


def _print_electrons(documents: Sequence[TransportDoc]) -> None:
    first = documents[0]
    print_table(
        "Electrons in the interphase with Li metal at 0 V",
        [
            "electrolyte",
            "V_f,M (%)",
            "class",
            "sigma_e (S/cm)",
            "range (S/cm)",
            "percolation law (S/cm)",
            "mixing rule (S/cm)",
        ],
        [
            [
                d.formula,
                100 * d.metal_volume_fraction,
                d.interphase_class,
                f"{d.sigma_electronic:.2g}",
                _range(d.sigma_electronic_interval),
                f"{d.sigma_percolation_law:.2g}",
                f"{d.sigma_mixing_rule:.2g}",
            ]
            for d in documents
        ],
    )
    out.print(
        f"Percolation law: sigma_0 = {first.sigma_0:.3g} S/cm, "
        f"n = {first.percolation_exponent:.3g}, V_p = {100 * first.percolation_threshold:.2f} %. "
        f"sigma_M = {first.sigma_metal:.3g} S/cm (metal), "
        f"sigma_nM = {first.sigma_insulator:.3g} S/cm (rest)"
    )
    out.print(f"Threshold: {first.threshold_model}")


def _print_growth(documents: Sequence[TransportDoc], sigma_lithium: float) -> None:
    print_table(
        f"Growth in {documents[0].time_h:g} h with sigma_Li = {sigma_lithium:g} S/cm",
        [
            "electrolyte",
            "sigma_e / sigma_Li",
            "thickness (nm)",
            "range (nm)",
            "ASR (Ohm cm2)",
            "range (Ohm cm2)",
        ],
        [
            [
                d.formula,
                f"{d.sigma_electronic / sigma_lithium:.2g}",
                f"{d.thickness_nm:.3g}",
                _range(d.thickness_nm_interval),
                f"{d.area_specific_resistance:.3g}",
                _range(d.area_specific_resistance_interval),
            ]
            for d in documents
        ],
    )


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else " to ".join(f"{value:.2g}" for value in interval)
