"""Composites and coatings as tables on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from misei.launchers.commands.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.schemas_compatibility import CompatibilityDoc, ContactDoc
    from misei.screening.schemas_composites import (
        CompositePoint,
        CompositeScanDoc,
        GrainVariant,
    )


def print_design(document: CompositeScanDoc) -> None:
    """Print V_f,M over the ratio, the critical ratio and the threshold behind it."""
    points = [document.additive_alone, *document.points, document.host_alone]
    print_table(
        f"{document.host} (host) with {document.additive} (additive): interphase with Li at 0 V",
        ["ratio (mol host / mol additive)", "V_f,M (%)", "class", "interface type", "metals"],
        [_point_row(point) for point in points],
    )
    low, high = document.critical_ratio_interval
    out.print(
        f"Critical ratio: {_ratio(document.critical_ratio)} mol host / mol additive "
        f"({_ratio(low)} to {_ratio(high)} over the range of V_p)"
    )
    out.print(document.summary)
    v_low, v_high = document.percolation_threshold_interval
    out.print(
        f"V_p = {100 * document.percolation_threshold:.2f} % "
        f"({100 * v_low:.2f} to {100 * v_high:.2f} %): {document.threshold_model}"
    )
    out.print(f"Metallic: {document.metallic_rule}")
    print_table(
        "What other grains would change",
        ["grains", "V_p (%)", "V_p range (%)", "critical ratio (mol host / mol additive)", "range"],
        [_variant_row(variant) for variant in (document.as_given, *document.variants)],
    )


def _variant_row(variant: GrainVariant) -> list[object]:
    v_low, v_high = variant.percolation_threshold_interval
    low, high = variant.critical_ratio_interval
    if variant.never_percolates:
        return [variant.change, "never percolates", None, "none", None]
    return [
        variant.change,
        100 * variant.percolation_threshold,
        f"{100 * v_low:.2f} to {100 * v_high:.2f}",
        _ratio(variant.critical_ratio),
        f"{_ratio(low)} to {_ratio(high)}",
    ]


def _point_row(point: CompositePoint) -> list[object]:
    if point.ratio is None:
        ratio = "host alone"
    else:
        ratio = f"{point.ratio:.4g}" if point.ratio else "additive alone"
    return [
        ratio,
        100 * point.metal_volume_fraction,
        point.interphase_class,
        point.interface_type,
        ", ".join(point.metallic_products) or "none",
    ]


def _ratio(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def print_compatibility(documents: Sequence[CompatibilityDoc]) -> None:
    """Print the coatings against Li metal, then each contact, closed and open to Li."""
    coatings = {document.coating: document for document in documents}
    print_table(
        "Coating | Li metal at 0 V",
        [
            "coating",
            "stable",
            "Li uptake (per f.u.)",
            "reaction energy (eV/atom)",
            "interface type",
            "products (mol per f.u.)",
        ],
        [
            [
                d.coating,
                d.stable_with_li,
                d.lithium.li_uptake_0V,
                d.lithium_reaction_energy,
                d.lithium.interface_type,
                _sum(d.lithium.products_0V),
            ]
            for d in coatings.values()
        ],
    )
    print_table(
        "Coating | electrolyte: what the contact adds to what each solid does alone",
        [
            "coating",
            "electrolyte",
            "Li reservoir (V vs Li/Li+)",
            "mutual energy (eV/atom)",
            "coating (mol fraction)",
            "interphase type",
            "metal (vol %)",
            "products (mol per mol of both)",
        ],
        [[d.coating, d.electrolyte, *_contact(c)] for d in documents for c in (d.closed, d.open)],
    )
    for document in documents:
        out.print(f"{document.coating}: {document.verdict}", soft_wrap=True)


def _contact(contact: ContactDoc) -> list[object]:
    metal = contact.metal_volume_fraction
    return [
        "closed" if contact.potential is None else contact.potential,
        contact.mutual_energy_per_atom,
        contact.mole_fraction,
        contact.interface_type,
        None if metal is None else 100 * metal,
        _sum(contact.products) or None,
    ]


def _sum(products: Mapping[str, float]) -> str:
    return " + ".join(f"{n:.3g} {phase}" for phase, n in products.items())
