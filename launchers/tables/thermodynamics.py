"""Thermodynamic results as tables on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misei.launchers.commands.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.schemas_thermodynamics import AlloyCandidate, InterphaseDoc, ReductionDoc


def print_reductions(documents: Sequence[ReductionDoc]) -> None:
    """Print windows, Li uptake, change of volume, reaction energy and products."""
    print_table(
        "Reduction by Li metal",
        [
            "electrolyte",
            "e_above_hull (eV/atom)",
            "reduced below (V vs Li/Li+)",
            "oxidized above (V vs Li/Li+)",
            "Li uptake at 0 V (per f.u.)",
            "volume change at 0 V (%)",
            "E_D at 0 V (eV/atom)",
            "products at 0 V (mol per f.u.)",
        ],
        [
            [
                d.formula,
                d.e_above_hull,
                _with_error(d.reduction_potential, d.reduction_potential_error),
                _with_error(d.oxidation_potential, d.oxidation_potential_error),
                d.li_uptake_0V,
                None if d.volume_change_0V is None else 100 * d.volume_change_0V,
                d.reaction_energy_0V,
                _products(d.products_0V),
            ]
            for d in documents
        ],
    )
    for document in documents:
        if document.reduction_within_error:
            out.print(
                f"Note: {document.formula} is reduced within the error of 0 V: it may be stable "
                "with Li metal",
                style="yellow",
            )
    source = documents[0].source
    out.print(f"Energies: {source['name']}, {source['protocol']}")
    for temperature in dict.fromkeys(d.source["temperature"] for d in documents):
        named = [d.formula for d in documents if d.source["temperature"] == temperature]
        out.print(f"Temperature of {', '.join(named)}: {temperature}")
    if excluded := documents[0].excluded_phases:
        out.print(f"Excluded: {', '.join(excluded)}")


def print_profile(document: ReductionDoc) -> None:
    """Print the plateaus of one electrolyte, from high to low potential."""
    print_table(
        f"Voltage profile of {document.formula}",
        ["from (V vs Li/Li+)", "to (V vs Li/Li+)", "Li uptake (per f.u.)", "phases (mol per f.u.)"],
        [
            [
                _with_error(p.potential_high, p.potential_high_error),
                p.potential_low,
                p.li_uptake,
                _products(p.products),
            ]
            for p in document.voltage_profile
        ],
    )


def _with_error(value: float | None, error: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.3f}" if error is None else f"{value:.3f} +- {error:.3f}"


def _products(products: dict[str, float]) -> str:
    return " + ".join(f"{n:g} {phase}" for phase, n in products.items())


def print_interphases(documents: Sequence[InterphaseDoc]) -> None:
    """Print metal fractions against the threshold, with the model and the metallic rule."""
    print_table(
        "Interphase with Li metal at 0 V",
        [
            "electrolyte",
            "V_f,M (%)",
            "V_p (%)",
            "V_p range (%)",
            "class",
            "P(SEI) (%)",
            "P(MI-SEI) (%)",
            "P(MCI) (%)",
            "interface type",
            "metallic products",
        ],
        [
            [
                d.formula,
                100 * d.metal_volume_fraction,
                100 * d.percolation_threshold,
                " to ".join(f"{100 * v:.1f}" for v in d.percolation_threshold_interval),
                d.interphase_class,
                *(f"{100 * p:.0f}" for p in d.class_probabilities.values()),
                d.interface_type,
                ", ".join(d.metallic_products) or "none",
            ]
            for d in documents
        ],
    )
    out.print(f"Threshold: {documents[0].threshold_model}")
    out.print(f"Metallic: {documents[0].metallic_rule}")


def print_alloys(candidates: Sequence[AlloyCandidate]) -> None:
    """Print alloys with their ranges of stability."""
    print_table(
        "Li alloys",
        [
            "alloy",
            "metal",
            "e_above_hull (eV/atom)",
            "stable from (V vs Li/Li+)",
            "to (V vs Li/Li+)",
            "with Li metal",
            "volume (A^3/atom)",
        ],
        [
            [
                c.alloy,
                c.metal,
                c.e_above_hull,
                c.potential_low,
                c.potential_high,
                c.equilibrium_with_li,
                c.volume_per_atom,
            ]
            for c in candidates
        ],
    )
