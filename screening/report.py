"""The report of a campaign: one HTML file that needs nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from misei import __version__
from misei.screening import report_tables as tables
from misei.screening.export import write_atomically
from misei.screening.plots import profiles
from misei.screening.plots import ranking as plots
from misei.screening.provenance import surface_errors
from misei.screening.report_adhesion import adhesion_table, interface_table
from misei.screening.report_funnel import (
    cost_section,
    elastic_section,
    engines_section,
    phonon_section,
)
from misei.screening.report_html import (
    WETTING_RATIO,
    bullets,
    details,
    figure,
    formula,
    grid,
    number,
    page,
)
from misei.screening.report_methods import methods_section
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_costs import StageCost
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_ranking import Ranking
from misei.screening.schemas_thermodynamics import AlloyCandidate, InterphaseDoc, ReductionDoc
from misei.screening.schemas_vibrations import VibrationsDoc


@dataclass(frozen=True)
class ReportData:
    """What the report shows.

    Attributes
    ----------
    campaign
        Its name.
    reductions, interphases
        Of each electrolyte.
    candidates
        All Li-M phases considered.
    ranking
        Ranked and rejected alloys, gates and weights.
    adhesions, migrations, vibrations, elasticities
        Documents of the alloys that were computed, by the first engine.
    refined_adhesions, refined_migrations
        By the second engine.
    costs
        Of each stage.
    source
        Name, version and protocol of the thermodynamic source.
    timing
        How long the run took, in words; empty: not known.
    """

    campaign: str
    reductions: Sequence[ReductionDoc]
    interphases: Sequence[InterphaseDoc]
    candidates: Sequence[AlloyCandidate]
    ranking: Ranking
    adhesions: Sequence[AdhesionDoc]
    migrations: Sequence[MigrationDoc]
    source: Mapping[str, str]
    timing: str = ""
    vibrations: Sequence[VibrationsDoc] = ()
    elasticities: Sequence[ElasticityDoc] = ()
    refined_adhesions: Sequence[AdhesionDoc] = ()
    refined_migrations: Sequence[MigrationDoc] = ()
    costs: Sequence[StageCost] = ()


def write_report(data: ReportData, path: Path) -> None:
    """Write the report to an HTML file; its folder must exist."""
    write_atomically(path, render_report(data))


def render_report(data: ReportData) -> str:
    """Return the report as one HTML page, plotly.js inside."""
    subtitle = f"Screening of Li alloys for metal-incorporated SEI (MI-SEI), misei {__version__}"
    if data.timing:
        subtitle += f"<br>Run: {escape(data.timing)}"
    sections = {
        "Summary": _summary(data),
        "Electrolytes against Li: voltage profiles": _voltage(data.reductions),
        "Interphase: metal against percolation threshold": _interphase(data.interphases),
        "Li affinity against Li mobility": _affinity(data),
        "Engines compared": _engines(data),
        "Li adhesion": _adhesion(data),
        "Li migration": _migration(data),
        "Phonons": phonon_section(data.vibrations) if data.vibrations else "",
        "Elastic moduli": elastic_section(data.elasticities) if data.elasticities else "",
        "Candidate alloys": tables.candidate_table(data.candidates),
        "Warnings and caveats": _caveats(data),
        "Methods": methods_section(),
        "Cost": cost_section(data.costs) if data.costs else "",
        "Provenance": _provenance(data),
    }
    return page(
        f"misei campaign: {data.campaign}",
        subtitle,
        {heading: content for heading, content in sections.items() if content},
    )


def _engines(data: ReportData) -> str:
    comparison = data.ranking.comparison
    return "" if comparison is None else engines_section(data.ranking, comparison)


def _summary(data: ReportData) -> str:
    ranking = data.ranking
    if ranking.candidates:
        best = ranking.candidates[0]
        ranked = (
            f"<p>{len(ranking.candidates)} of {len(data.candidates)} candidate alloys passed all "
            f"gates. First is <b>{formula(best.alloy)}</b>: {WETTING_RATIO} = "
            f"{number(best.wetting_ratio)}, migration barrier "
            f"{number(best.migration_barrier)} eV. Its rank within the errors is "
            f"{best.rank_interval[0]} to {best.rank_interval[1]}.</p>"
            f"{tables.ranking_table(ranking)}"
        )
    else:
        ranked = "<p><b>No candidate passed all gates.</b></p>"
    rejected = tables.rejected_table(ranking) if ranking.rejected else "<p>None.</p>"
    return (
        f"{ranked}{_surface_note(data.adhesions)}<h3>Rejected</h3>{rejected}"
        f"<h3>Gates</h3>{tables.gates_list(ranking.gates)}"
    )


def _surface_note(adhesions: Sequence[AdhesionDoc]) -> str:
    texts = surface_errors(adhesions)
    if not texts:
        return ""
    items = [f"{', '.join(map(formula, a))}: {escape(text)}" for text, a in texts.items()]
    return f"<p>What the surface energies are worth:</p>{bullets(items)}"


def _voltage(reductions: Sequence[ReductionDoc]) -> str:
    if not reductions:
        return "<p>No electrolyte was computed.</p>"
    staircases = grid(
        figure(profiles.voltage_profile(doc), title=formula(doc.formula)) for doc in reductions
    )
    steps = "".join(
        f"<h3>{formula(doc.formula)}</h3>{tables.plateau_table(doc)}" for doc in reductions
    )
    return (
        "<p>Li is taken up below the stability window, down to 0 V, where the electrolyte "
        "touches Li metal. Point at a step to see its phases; a double click shows the oxidation "
        "too.</p>"
        f"{tables.electrolyte_table(reductions)}{staircases}{details('All steps', steps)}"
    )


def _interphase(docs: Sequence[InterphaseDoc]) -> str:
    if not docs:
        return "<p>No electrolyte was computed.</p>"
    models = bullets(dict.fromkeys(escape(doc.threshold_model) for doc in docs))
    rules = bullets(dict.fromkeys(escape(doc.metallic_rule) for doc in docs))
    caption = (
        "Below the threshold the metal does not percolate (MI-SEI), above it does (MCI); "
        "without metal: SEI. The band is the threshold over the stated ranges of its inputs."
    )
    return (
        f"{figure(plots.metal_fractions(docs), caption)}{tables.interphase_table(docs)}"
        f"<p>Model of the threshold:</p>{models}<p>What counts as metal:</p>{rules}"
    )


def _affinity(data: ReportData) -> str:
    caption = (
        "Up is stronger adhesion, left is faster Li. Bars are the intervals of the ranking; "
        "the dotted line joins the alloys that none beats in both (Pareto front)."
    )
    plot = plots.affinity_against_mobility(data.ranking, data.adhesions, data.migrations)
    return figure(plot, caption)


def _adhesion(data: ReportData) -> str:
    docs = [*data.refined_adhesions, *data.adhesions]
    if not docs:
        return "<p>No interface was computed.</p>"
    first = adhesion_table(data.adhesions)
    if data.refined_adhesions:
        first = (
            f"<h3>By the second engine</h3>{adhesion_table(data.refined_adhesions)}"
            f"<h3>By the first engine</h3>{first}"
        )
    return (
        "<p>The interface of lowest interface energy of each alloy, the one that forms in "
        f"equilibrium. Li wets completely where {WETTING_RATIO} is 1 or more; the interval is "
        "that of the engine's measured errors in surface energies.</p>"
        f"{first}{details('All interfaces', interface_table(docs))}"
    )


def _migration(data: ReportData) -> str:
    docs = [*data.refined_migrations, *data.migrations]
    if not docs:
        return "<p>No migration barrier was computed.</p>"
    profiles = grid(
        figure(plots.hop_profiles(doc), title=f"{formula(doc.alloy)} ({escape(doc.engine)})")
        for doc in docs
        if doc.hops
    )
    first = tables.migration_table(data.migrations)
    if data.refined_migrations:
        first = (
            f"<h3>By the second engine</h3>{tables.migration_table(data.refined_migrations)}"
            f"<h3>By the first engine</h3>{first}"
        )
    return (
        "<p>Barriers are those of the easiest network of hops that crosses the crystal in at "
        "least one, two or three dimensions, from its lowest vacancy.</p>"
        f"{first}{details('All hops', tables.hop_table(docs))}{profiles}"
    )


def _by_alloy(data: ReportData) -> dict[str, list[AdhesionDoc | MigrationDoc]]:
    docs: dict[str, list[AdhesionDoc | MigrationDoc]] = defaultdict(list)
    calculations: list[AdhesionDoc | MigrationDoc] = [
        *data.adhesions,
        *data.migrations,
        *data.refined_adhesions,
        *data.refined_migrations,
    ]
    for doc in calculations:
        docs[doc.alloy].append(doc)
    return docs


def _caveats(data: ReportData) -> str:
    items = [f"<b>Incomplete</b>: {escape(text)}." for text in data.ranking.warnings]
    items += [
        f"<b>Surface energies</b> ({', '.join(map(formula, alloys))}): {escape(text)}"
        for text, alloys in surface_errors(data.adhesions).items()
    ]
    items += [
        f"<b>Upper bound</b>: the barrier of {formula(doc.alloy)}; longer hops were not computed: "
        f"{escape(', '.join(doc.hops_not_computed))}."
        for doc in data.migrations
        if doc.hops_not_computed
    ]
    for alloy, docs in _by_alloy(data).items():
        for doc in docs:
            kind = "adhesion" if isinstance(doc, AdhesionDoc) else "migration"
            kind += f" by {escape(doc.engine)}" if data.ranking.comparison else ""
            if not doc.converged:
                items.append(f"<b>Not converged</b>: {kind} of {formula(alloy)}.")
            items += [f"{formula(alloy)}, {kind}: {escape(text)}" for text in doc.warnings]
    items += [
        f"<b>Excluded phases</b> for {formula(doc.formula)}: "
        f"{escape(', '.join(doc.excluded_phases))}."
        for doc in data.reductions
        if doc.excluded_phases
    ]
    items += [
        "<b>Metastable electrolyte</b>: the window of "
        f"{formula(doc.formula)} is that of its composition on the hull; it lies "
        f"{1000 * (doc.e_above_hull or 0.0):.0f} meV/atom above."
        for doc in data.reductions
        if round(1000 * (doc.e_above_hull or 0.0)) > 0
    ]
    return bullets(items) if items else "<p>None.</p>"


def _provenance(data: ReportData) -> str:
    calculations = tables.calculation_table(_by_alloy(data))
    return (
        tables.provenance_table(
            data.ranking, data.source, [*data.adhesions, *data.refined_adhesions]
        )
        + "<h3>Calculations</h3>"
        + calculations
    )
