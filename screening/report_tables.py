"""Tables of the report: documents in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from misei.screening.provenance import UNITS, provenance
from misei.screening.report_html import (
    NO_VALUE,
    WETTING_RATIO,
    Column,
    bullets,
    formula,
    interval,
    number,
    products,
    table,
    yes_no,
)
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_ranking import Gates, Ranking
from misei.screening.schemas_thermodynamics import AlloyCandidate, InterphaseDoc, ReductionDoc

ALLOY = Column("Alloy", kind="")
CONVERGED = Column("Converged", kind="")
W_AD = Column("W<sub>ad</sub>", "J/m²")
RATIO = Column(WETTING_RATIO, "dimensionless")
ANGLE = Column("Contact angle", "deg")
STRAIN = Column("Li strain", "%")
E_M = Column("E<sub>m</sub>", "eV")
E_F = Column("E<sub>f</sub>", "eV")
E_A = Column("E<sub>m</sub>&nbsp;+&nbsp;E<sub>f</sub>", "eV")
HULL = Column("Above hull", "meV/atom")


def ranking_table(ranking: Ranking) -> str:
    """Show the ranked alloys with intervals."""
    columns = [
        Column("Rank", "(possible)"), ALLOY, Column("Score", "0 to 1"), Column("Pareto", kind=""),
        Column(RATIO.title, "(interval)"), W_AD, ANGLE, STRAIN, Column(E_M.title, "eV (interval)"),
        Column("Paths", "dimensions"), E_F, E_A, HULL,
    ]  # fmt: skip
    rows = [
        [
            f"{c.rank} ({c.rank_interval[0]} to {c.rank_interval[1]})",
            formula(c.alloy),
            number(c.score),
            "yes" if c.pareto else "no",
            interval(c.wetting_ratio, c.wetting_ratio_interval),
            number(c.work_of_adhesion),
            number(c.contact_angle, 0),
            number(100 * c.strain, 1),
            interval(c.migration_barrier, c.migration_barrier_interval),
            str(c.percolation_dimensions),
            number(c.vacancy_formation_energy),
            number(c.activation_energy),
            number(1000 * c.e_above_hull, 0),
        ]
        for c in ranking.candidates
    ]
    return table(columns, rows)


def rejected_table(ranking: Ranking) -> str:
    """Show the rejected alloys with gate, value and limit."""
    columns = [
        ALLOY, Column("Gate", kind=""), Column("Value", "unit of the gate"),
        Column("Limit", "unit of the gate"), Column("Unit", kind=""),
    ]  # fmt: skip
    rows = [
        [
            formula(r.alloy),
            f"<code>{escape(r.gate)}</code>",
            _value(r.value),
            _value(r.limit),
            UNITS.get(r.gate, ""),
        ]
        for r in ranking.rejected
    ]
    return table(columns, rows)


def _value(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return NO_VALUE if value is None else escape(value)


def gates_list(gates: Gates) -> str:
    """State the gates with their limits and units."""
    return bullets(
        [
            f"energy above the hull at most {1000 * gates.max_e_above_hull:.0f} meV/atom",
            f"{WETTING_RATIO} at least {gates.min_wetting_ratio:g}",
            f"migration barrier at most {gates.max_migration_barrier:g} eV",
            f"strain of the Li film at most {100 * gates.max_strain:g} %",
            "alloys with imaginary phonons are "
            + ("rejected" if gates.dynamically_stable else "accepted")
            + ", where phonons were computed",
            "results that did not converge are "
            + ("accepted" if gates.accept_unconverged else "rejected"),
        ]
    )


def electrolyte_table(reductions: Sequence[ReductionDoc]) -> str:
    """Show window, uptake, reaction energy and products at 0 V of each electrolyte."""
    columns = [
        Column("Electrolyte", kind=""), HULL, Column("Reduced below", "V vs Li/Li⁺"),
        Column("Oxidized above", "V vs Li/Li⁺"),
        Column("Li uptake at 0&nbsp;V", "per formula unit"),
        Column("Reaction energy at 0&nbsp;V", "eV/atom"),
        Column("Products at 0&nbsp;V", "mol per formula unit", "long"),
    ]  # fmt: skip
    rows = [
        [
            formula(doc.formula),
            number(None if doc.e_above_hull is None else 1000 * doc.e_above_hull, 0),
            number(doc.reduction_potential),
            number(doc.oxidation_potential),
            number(doc.li_uptake_0V),
            number(doc.reaction_energy_0V, 3),
            products(doc.products_0V),
        ]
        for doc in reductions
    ]
    return table(columns, rows)


def plateau_table(doc: ReductionDoc) -> str:
    """Show the steps of a voltage profile."""
    columns = [
        Column("From", "V vs Li/Li⁺"), Column("to", "V vs Li/Li⁺"),
        Column("Li uptake", "per formula unit"),
        Column("Phases in equilibrium", "mol per formula unit", "long"),
    ]  # fmt: skip
    rows = [
        [
            number(step.potential_low),
            number(step.potential_high),
            number(step.li_uptake),
            products(step.products),
        ]
        for step in doc.voltage_profile
    ]
    return table(columns, rows)


def interphase_table(docs: Sequence[InterphaseDoc]) -> str:
    """Show metal fraction, threshold and class of each interphase."""
    columns = [
        Column("Electrolyte", kind=""), Column("V<sub>f,M</sub>", "vol %"),
        Column("V<sub>p</sub>", "vol % (interval)"), Column("Class", kind=""),
        Column("P(SEI), P(MI-SEI), P(MCI)", "%"), Column("Metallic products", kind="long"),
    ]  # fmt: skip
    rows = []
    for doc in docs:
        low, high = doc.percolation_threshold_interval
        rows.append(
            [
                formula(doc.formula),
                number(100 * doc.metal_volume_fraction),
                interval(100 * doc.percolation_threshold, (100 * low, 100 * high)),
                escape(doc.interphase_class),
                ", ".join(number(100 * p, 0) for p in doc.class_probabilities.values()),
                ", ".join(formula(name) for name in doc.metallic_products) or "none",
            ]
        )
    return table(columns, rows)


def candidate_table(candidates: Sequence[AlloyCandidate]) -> str:
    """Show all Li-M phases that were considered."""
    columns = [
        ALLOY, Column("Metal", kind=""), HULL, Column("Coexists with Li", kind=""),
        Column("Stable from", "V vs Li/Li⁺"), Column("to", "V vs Li/Li⁺"),
        Column("Volume", "Å³/atom"), Column("Id in the source", kind=""),
    ]  # fmt: skip
    rows = [
        [
            formula(c.alloy),
            escape(c.metal),
            number(1000 * c.e_above_hull, 0),
            "yes" if c.equilibrium_with_li else "no",
            number(c.potential_low),
            number(c.potential_high),
            number(c.volume_per_atom, 1),
            escape(c.entry_id),
        ]
        for c in candidates
    ]
    return table(columns, rows)


def migration_table(docs: Sequence[MigrationDoc]) -> str:
    """Show barriers by dimension, vacancy energies and the effort of each alloy."""
    columns = [
        ALLOY, *(Column(f"E<sub>m</sub>, {d}D", "eV") for d in (1, 2, 3)), E_F, E_A,
        Column("Hops", "computed"), Column("Hops", "not computed"), Column("Supercell", "atoms"),
        Column("Force evaluations", "number"), CONVERGED,
    ]  # fmt: skip
    rows = [
        [
            formula(doc.alloy),
            *(number(doc.barriers_by_dimension.get(d)) for d in ("1", "2", "3")),
            number(doc.vacancy_formation_energy),
            number(doc.activation_energy),
            str(len(doc.hops)),
            str(len(doc.hops_not_computed)),
            str(doc.natoms),
            str(doc.force_evaluations),
            yes_no(doc.converged),
        ]
        for doc in docs
    ]
    return table(columns, rows)


def hop_table(docs: Sequence[MigrationDoc]) -> str:
    """Show every hop that was computed."""
    columns = [
        ALLOY, Column("Hop", kind=""), Column("Length", "Å"), Column("Multiplicity", "per cell"),
        Column("Forward", "eV"), Column("Backward", "eV"), Column("Residual force", "eV/Å"),
        Column("Force evaluations", "number"), CONVERGED,
    ]  # fmt: skip
    rows = [
        [
            formula(doc.alloy),
            escape(hop.label),
            number(hop.distance),
            str(hop.multiplicity),
            number(hop.barrier_forward, 3),
            number(hop.barrier_backward, 3),
            number(hop.residual_force, 3),
            str(hop.force_evaluations),
            yes_no(hop.converged),
        ]
        for doc in docs
        for hop in doc.hops
    ]
    return table(columns, rows)


def provenance_table(
    ranking: Ranking, source: Mapping[str, str], adhesions: Sequence[AdhesionDoc]
) -> str:
    """Show versions, source, gates, weights and errors, as the exports carry them."""
    columns = [Column("What", kind=""), Column("Value", kind="long")]
    facts = provenance(ranking, source, adhesions)
    return table(columns, [[escape(title), escape(text)] for title, text in facts.items()])


def calculation_table(docs: Mapping[str, Sequence[AdhesionDoc | MigrationDoc]]) -> str:
    """Show engine, versions, time and settings of each calculation, given by its alloy."""
    columns = [
        ALLOY, Column("Document", kind=""), Column("Engine", kind=""), Column("misei", kind=""),
        Column("Made", "UTC", ""), Column("Settings", "units in the names", "long"),
        Column("Sources", kind="long"),
    ]  # fmt: skip
    rows = [
        [
            formula(alloy),
            type(doc).__name__,
            escape(f"{doc.provenance.engine} ({doc.provenance.engine_version})"),
            escape(doc.provenance.misei_version),
            escape(doc.provenance.created_at),
            escape("; ".join(f"{k} = {v}" for k, v in doc.provenance.settings.items())),
            escape(", ".join(doc.provenance.source_ids)),
        ]
        for alloy, documents in docs.items()
        for doc in documents
    ]
    return table(columns, rows)
