"""Thermodynamic results as tables on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misei.launchers.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.schemas_thermodynamics import AlloyCandidate, InterphaseDoc, ReductionDoc


def print_reductions(documents: Sequence[ReductionDoc]) -> None:
    """Print windows, Li uptake, reaction energy and products."""
    print_table(
        "Reduction by Li metal",
        [
            "electrolyte",
            "e_above_hull (eV/atom)",
            "reduced below (V vs Li/Li+)",
            "oxidized above (V vs Li/Li+)",
            "Li uptake at 0 V (per f.u.)",
            "E_D at 0 V (eV/atom)",
            "products at 0 V (mol per f.u.)",
        ],
        [
            [
                d.formula,
                d.e_above_hull,
                d.reduction_potential,
                d.oxidation_potential,
                d.li_uptake_0V,
                d.reaction_energy_0V,
                " + ".join(f"{n:g} {phase}" for phase, n in d.products_0V.items()),
            ]
            for d in documents
        ],
    )


def print_interphases(documents: Sequence[InterphaseDoc]) -> None:
    """Print metal fractions against the threshold, with the model and the metallic rule."""
    print_table(
        "Interphase with Li metal at 0 V",
        ["electrolyte", "V_f,M (%)", "V_p (%)", "V_p range (%)", "class", "metallic products"],
        [
            [
                d.formula,
                100 * d.metal_volume_fraction,
                100 * d.percolation_threshold,
                " to ".join(f"{100 * v:.1f}" for v in d.percolation_threshold_interval),
                d.interphase_class,
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
