"""Sections of the report on a second engine, phonons, elastic moduli and what it all took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from misei.screening.plots.engines import engine_parity
from misei.screening.provenance import funnel_text
from misei.screening.report_html import (
    WETTING_RATIO,
    Column,
    figure,
    formula,
    number,
    table,
    yes_no,
)
from misei.screening.report_tables import ALLOY, CONVERGED
from misei.screening.schemas_costs import StageCost
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_funnel import EngineComparison
from misei.screening.schemas_ranking import Ranking
from misei.screening.schemas_vibrations import VibrationsDoc, at

SYMBOLS = {
    "work_of_adhesion": "W<sub>ad</sub>",
    "wetting_ratio": WETTING_RATIO,
    "migration_barrier": "E<sub>m</sub>",
    "vacancy_formation_energy": "E<sub>f</sub>",
}


def engines_section(ranking: Ranking, comparison: EngineComparison) -> str:
    """Show how far two engines differ, and what of the ranking is whose."""
    compared = [found for found in comparison.quantities if found.n]
    caption = (
        "Each alloy that both engines have computed; on the line they agree. "
        f"Differences are {escape(comparison.refine)} minus {escape(comparison.screen)}."
    )
    plot = figure(engine_parity(comparison, SYMBOLS), caption) if compared else ""
    return (
        f"<p>{escape(funnel_text(comparison))}.</p>{plot}{_comparison_table(comparison)}"
        f"<h3>Whose numbers the ranking has</h3>{_engines_table(ranking)}"
    )


def _comparison_table(comparison: EngineComparison) -> str:
    columns = [
        Column("Quantity", kind=""), Column("Alloys", "number"), Column("Bias", "unit of quantity"),
        Column("Scatter", "unit of quantity"), Column("Spearman", "dimensionless"),
        Column("Kendall", "dimensionless"), Column("Unit", kind=""),
        Column("In the intervals", kind=""),
    ]  # fmt: skip
    rows = [
        [
            SYMBOLS[found.quantity],
            str(found.n),
            number(found.bias, 3),
            number(found.scatter, 3),
            number(found.spearman),
            number(found.kendall),
            escape(found.unit),
            escape(found.verdict),
        ]
        for found in comparison.quantities
    ]
    return table(columns, rows)


def _engines_table(ranking: Ranking) -> str:
    columns = [
        Column("Rank"), ALLOY, Column("Adhesion by", kind=""), Column("Migration by", kind=""),
        Column(WETTING_RATIO, "as ranked"), Column(WETTING_RATIO, "first engine"),
        Column("E<sub>m</sub>", "eV, as ranked"), Column("E<sub>m</sub>", "eV, first engine"),
        Column("Energies", kind="long"),
    ]  # fmt: skip
    rows = [
        [
            str(c.rank),
            formula(c.alloy),
            escape(c.engine),
            escape(c.migration_engine),
            number(c.wetting_ratio),
            number(c.screen_wetting_ratio),
            number(c.migration_barrier),
            number(c.screen_migration_barrier),
            escape(c.energies_from),
        ]
        for c in ranking.candidates
    ]
    return table(columns, rows)


def phonon_section(docs: Sequence[VibrationsDoc]) -> str:
    """Show the dynamical stability of each alloy."""
    cells: dict[Column, Callable[[VibrationsDoc], str]] = {
        Column("Stable", kind=""): lambda doc: yes_no(doc.dynamically_stable),
        Column("Lowest frequency", "THz"): lambda doc: number(doc.lowest_frequency),
        Column("at q", kind=""): lambda doc: at(doc.lowest_frequency_q),
        Column("Imaginary modes", "number"): lambda doc: str(doc.imaginary_modes),
        Column("Zero-point energy", "meV/atom"): lambda doc: number(
            None if doc.zero_point_energy is None else 1000 * doc.zero_point_energy, 1
        ),
        Column("Supercell", "atoms"): lambda doc: str(doc.supercell_natoms),
        Column("Displacements", "number"): lambda doc: str(doc.displacements),
    }
    tolerances = sorted({doc.imaginary_tolerance for doc in docs})
    limits = ", ".join(f"{tolerance:g}" for tolerance in tolerances)
    return (
        f"<p>Imaginary frequencies are negative; modes down to minus {limits} THz do not count as "
        f"imaginary.</p>{_property_table(docs, cells)}"
    )


def elastic_section(docs: Sequence[ElasticityDoc]) -> str:
    """Show the moduli of each alloy as a polycrystal without texture."""
    cells: dict[Column, Callable[[ElasticityDoc], str]] = {
        Column("B", "GPa"): lambda doc: number(doc.bulk_modulus, 1),
        Column("G", "GPa"): lambda doc: number(doc.shear_modulus, 1),
        Column("E", "GPa"): lambda doc: number(doc.youngs_modulus, 1),
        Column("Poisson ratio", "dimensionless"): lambda doc: number(doc.poisson_ratio),
        Column("B / G (Pugh)", "dimensionless"): lambda doc: number(doc.pugh_ratio),
        Column("Mechanically stable", kind=""): lambda doc: yes_no(doc.mechanically_stable),
    }
    return f"<p>Voigt-Reuss-Hill averages at 0 K.</p>{_property_table(docs, cells)}"


def _property_table(
    docs: Sequence[VibrationsDoc | ElasticityDoc], cells: Mapping[Column, Callable[[Any], str]]
) -> str:
    """Table of one property: the alloy first, engine and convergence last."""
    columns = [ALLOY, *cells, Column("Engine", kind=""), CONVERGED]
    rows = [
        [
            formula(doc.formula),
            *(cell(doc) for cell in cells.values()),
            escape(doc.engine),
            yes_no(doc.converged),
        ]
        for doc in docs
    ]
    return table(columns, rows)


def cost_section(costs: Sequence[StageCost]) -> str:
    """Show jobs, time and force evaluations of each stage."""
    columns = [
        Column("Stage", kind=""), Column("Energies", kind=""), Column("Jobs", "finished"),
        Column("Force evaluations", "number"), Column("Time of the jobs", "s"),
    ]  # fmt: skip
    rows = [
        [
            escape(cost.stage),
            escape(cost.energies_from),
            str(cost.jobs),
            str(cost.force_evaluations),
            number(cost.seconds, 0),
        ]
        for cost in costs
    ]
    return (
        "<p>Wall times of the jobs are added up, so that they do not depend on how many ran at "
        f"once; a job that two stages share counts for the first.</p>{table(columns, rows)}"
    )
