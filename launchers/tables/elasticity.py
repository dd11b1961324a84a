"""Elastic moduli as a table on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from misei.launchers.commands.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.schemas_elasticity import ElasticityDoc


def print_elasticity(documents: Mapping[str, ElasticityDoc]) -> None:
    """Print the moduli of polycrystals, by phase, and the documents' warnings."""
    engines = ", ".join(sorted({document.engine for document in documents.values()}))
    print_table(
        f"Elastic moduli of polycrystals, Hill's means ({engines})",
        [
            "phase",
            "B (GPa)",
            "G (GPa)",
            "E (GPa)",
            "Poisson's ratio",
            "Pugh's ratio B/G",
            "B Reuss to Voigt (GPa)",
            "G Reuss to Voigt (GPa)",
            "mechanically stable",
            "converged",
        ],
        [
            [
                label,
                d.bulk_modulus,
                d.shear_modulus,
                d.youngs_modulus,
                d.poisson_ratio,
                d.pugh_ratio,
                _range(d.bulk_modulus_reuss, d.bulk_modulus_voigt),
                _range(d.shear_modulus_reuss, d.shear_modulus_voigt),
                d.mechanically_stable,
                d.converged,
            ]
            for label, d in documents.items()
        ],
    )
    for document in documents.values():
        for warning in document.warnings:
            out.print(f"Note: {warning}", style="yellow")


def _range(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.1f} to {high:.1f}"
