"""Results as tables on the terminal, units in every heading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from misei.launchers.commands.console import out, print_table

if TYPE_CHECKING:
    from misei.screening.schemas_adhesion import AdhesionDoc
    from misei.screening.schemas_funnel import EngineComparison
    from misei.screening.schemas_migration import MigrationDoc
    from misei.screening.schemas_ranking import RankedAlloy, Ranking


def print_adhesion(document: AdhesionDoc) -> None:
    """Print the interfaces, the verdict on wetting, and what the numbers are worth."""
    print_table(
        f"Li on {document.alloy} ({document.engine})",
        [
            "Li",
            "on",
            "W_ad (J/m2)",
            "gamma_int (J/m2)",
            "gamma of face (J/m2)",
            "strain of Li (%)",
            "strain energy (J/m2)",
            "atoms",
            "termination",
            "evaluations",
            "converged",
        ],
        [
            [
                f"{i.film_lattice} {i.film_miller}",
                str(i.substrate_miller),
                i.work_of_adhesion,
                i.interface_energy,
                i.surface_energy_substrate,
                100 * i.strain,
                i.strain_energy,
                i.natoms,
                i.termination,
                i.force_evaluations,
                i.converged,
            ]
            for i in document.interfaces
        ],
    )
    if document.size_steps:
        print_table(
            "Best interface with thicker slabs and wider vacuum",
            ["Li slab (A)", "substrate slab (A)", "vacuum (A)", "atoms", "W_ad (J/m2)"],
            [
                [s.film_thickness, s.substrate_thickness, s.vacuum, s.natoms, s.value]
                for s in document.size_steps
            ],
        )
    _print_wetting(document)
    _print_notes([document.surface_error, *document.warnings])


def _print_wetting(document: AdhesionDoc) -> None:
    low, high = document.work_of_adhesion_range
    out.print(
        f"W_ad {document.work_of_adhesion:.3f} J/m2"
        f"{_bounds(document.work_of_adhesion_interval)} of the interface of {document.selection}; "
        f"all relaxed: {low:.3f} to {high:.3f} J/m2"
    )
    out.print(
        f"W_ad / 2 gamma_Li {document.wetting_ratio:.2f}"
        f"{_bounds(document.wetting_ratio_interval)}, gamma_Li "
        f"{document.film_surface.surface_energy:.3f} J/m2 (same engine), contact angle "
        f"{document.contact_angle:.0f} degrees: {document.wetting_verdict}"
    )
    stable = document.wetting_ratio_on_stable_face
    if stable is not None:
        out.print(f"on the most stable face: W_ad / 2 gamma_Li {stable:.2f}")
    overpotential = document.critical_overpotential()
    if overpotential is not None:
        out.print(
            f"gamma_int {document.interface_energy:.3f} J/m2: capillary overpotential of a Li tip "
            f"of 10 nm radius {1000 * overpotential:.1f} mV (positive: resists Li)"
        )
    out.print(
        f"{document.force_evaluations} force evaluations; energies: "
        f"{document.provenance.energies_from}"
    )


def _bounds(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"


def print_migration(document: MigrationDoc) -> None:
    """Print the hops, the best percolating path, the defect and the supercells."""
    mobile, defect = document.mobile_species, document.mechanism
    print_table(
        f"{defect.capitalize()} hops of {mobile} in {document.alloy} ({document.engine})",
        [
            "hop", "per cell", "forward (eV)", "backward (eV)", "saddle by", "force evaluations",
            "converged",
        ],
        [
            [
                h.label, h.multiplicity, h.barrier_forward, h.barrier_backward, h.method,
                h.force_evaluations, h.converged,
            ]
            for h in document.hops
        ],
    )  # fmt: skip
    _print_given_up(document)
    _print_supercells(document)
    by_dimension = ", ".join(f"{d}D {e:.3f}" for d, e in document.barriers_by_dimension.items())
    out.print(f"E_m of the best percolating path (eV): {by_dimension or 'none percolates'}")
    structural = " (structural)" if document.structural_defects else ""
    out.print(
        f"E_f {document.vacancy_formation_energy:.3f} eV from {mobile} metal{structural}; "
        f"{document.force_evaluations} force evaluations of {document.natoms} atoms"
    )
    _print_notes(document.warnings)


def _print_given_up(document: MigrationDoc) -> None:
    if document.hops_out_of_reach:
        print_table(
            "Hops given up: no saddle of theirs can be on the best network",
            ["hop", "per cell", "E_max above (eV)", "force evaluations"],
            [
                [h.label, h.multiplicity, h.lower_bound, h.force_evaluations]
                for h in document.hops_out_of_reach
            ],
        )


def _print_supercells(document: MigrationDoc) -> None:
    if document.supercell_steps:
        print_table(
            "Convergence with the supercell",
            ["atoms", "image distance (A)", "E_m (eV)", "E_f (eV)", "force evaluations"],
            [
                [s.natoms, s.image_distance, s.migration_barrier, s.formation_energy,
                 s.force_evaluations]
                for s in document.supercell_steps
            ],
        )  # fmt: skip


def print_ranking(ranking: Ranking) -> None:
    """Print the ranked alloys and the rejected ones."""
    from misei.screening.provenance import UNITS

    further = _further_columns(ranking)
    print_table(
        "Ranking of Li alloys for MI-SEI",
        [
            "rank", "alloy", "score", "Pareto", "W_ad (J/m2)", "W_ad/2gamma_Li", "angle (deg)",
            "E_m (eV)", "E_f (eV)", "rank range", *further,
        ],
        [
            [
                c.rank,
                c.alloy,
                c.score,
                c.pareto,
                c.work_of_adhesion,
                c.wetting_ratio,
                c.contact_angle,
                c.migration_barrier,
                c.vacancy_formation_energy,
                "{}-{}".format(*c.rank_interval),
                *(read(c) for read in further.values()),
            ]
            for c in ranking.candidates
        ],
    )  # fmt: skip
    if ranking.comparison is not None:
        print_comparison(ranking.comparison)
    if ranking.rejected:
        print_table(
            "Rejected",
            ["alloy", "gate", "value", "limit", "unit"],
            [[r.alloy, r.gate, r.value, r.limit, UNITS.get(r.gate)] for r in ranking.rejected],
        )
    _print_notes(ranking.warnings)


def _further_columns(ranking: Ranking) -> dict[str, Callable[[RankedAlloy], object]]:
    """Columns of what only some campaigns compute, by heading."""
    columns: dict[str, Callable[[RankedAlloy], object]] = {}
    if ranking.comparison is not None:
        columns["by"] = _engines
    if any(c.lowest_frequency is not None for c in ranking.candidates):
        columns["lowest (THz)"] = lambda c: c.lowest_frequency
    if any(c.bulk_modulus is not None for c in ranking.candidates):
        columns["B/G/E (GPa)"] = _moduli
    return columns


def _engines(alloy: RankedAlloy) -> str:
    """Engines of adhesion and of migration; ~ where a mean difference to another was added."""
    names = dict.fromkeys((alloy.engine, alloy.migration_engine))
    return ", ".join(names) + ("~" if "plus the mean" in alloy.energies_from else "")


def _moduli(alloy: RankedAlloy) -> str | None:
    moduli = (alloy.bulk_modulus, alloy.shear_modulus, alloy.youngs_modulus)
    return "/".join("-" if m is None else f"{m:.0f}" for m in moduli)


def print_comparison(comparison: EngineComparison) -> None:
    """Print how far two engines differ on the alloys of both."""
    print_table(
        f"{comparison.refine} minus {comparison.screen}",
        ["quantity", "unit", "alloys", "bias", "scatter", "Spearman", "Kendall", "in intervals"],
        [
            [q.quantity, q.unit, q.n, q.bias, q.scatter, q.spearman, q.kendall, q.verdict]
            for q in comparison.quantities
        ],
    )


def _print_notes(texts: Sequence[str]) -> None:
    for text in texts:
        out.print(f"Note: {text}", style="yellow")
