"""Tables of the report on works of adhesion: documents in, HTML out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from misei.screening.report_html import Column, formula, interval, number, table, yes_no
from misei.screening.report_tables import ALLOY, ANGLE, CONVERGED, RATIO, STRAIN, W_AD
from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc

GAMMA_INT = Column("&gamma;<sub>int</sub>", "J/m²")


def adhesion_table(docs: Sequence[AdhesionDoc]) -> str:
    """Show the interface that stands for each alloy, and the verdict on wetting."""
    columns = [
        ALLOY, W_AD, Column("&gamma;<sub>Li</sub>", "J/m²"), Column(RATIO.title, "(interval)"),
        ANGLE, Column("Complete wetting", kind=""), GAMMA_INT, Column("η, 10 nm", "mV"),
        *_INTERFACE_COLUMNS, Column("Interfaces", "relaxed"), CONVERGED,
    ]  # fmt: skip
    rows = [
        [
            formula(doc.alloy),
            number(doc.work_of_adhesion),
            number(doc.film_surface.surface_energy),
            _ratio(doc),
            number(doc.contact_angle, 0),
            escape(doc.wetting_verdict),
            number(doc.interface_energy),
            number(_in_thousandths(doc.critical_overpotential()), 1),
            *_interface_cells(doc.best),
            str(len(doc.interfaces)),
            yes_no(doc.converged),
        ]
        for doc in docs
    ]
    return table(columns, rows)


def _ratio(doc: AdhesionDoc) -> str:
    if doc.wetting_ratio_interval is None:
        return number(doc.wetting_ratio)
    return interval(doc.wetting_ratio, doc.wetting_ratio_interval)


def _in_thousandths(value: float | None) -> float | None:
    return None if value is None else 1000 * value


_INTERFACE_COLUMNS = (
    STRAIN, Column("Orientation", "film | alloy", ""), Column("Termination", "film, alloy", "long"),
    Column("Area", "Å²"), Column("Size", "atoms"),
)  # fmt: skip


def _interface_cells(doc: InterfaceDoc) -> list[str]:
    film, substrate = (_miller(m) for m in (doc.film_miller, doc.substrate_miller))
    return [
        number(100 * doc.strain, 1),
        f"{escape(doc.film_lattice)} {formula(doc.film)} {film} | "
        f"{formula(doc.substrate)} {substrate}",
        escape(doc.termination),
        number(doc.area, 1),
        str(doc.natoms),
    ]


def _miller(indices: Iterable[int]) -> str:
    return "(" + "".join(f"{i}" if i >= 0 else f"{-i}\u0305" for i in indices) + ")"


def interface_table(docs: Sequence[AdhesionDoc]) -> str:
    """Show every interface that was relaxed."""
    columns = [
        ALLOY, W_AD, GAMMA_INT, Column("&gamma; of the alloy's face", "J/m²"),
        Column("Strain energy", "J/m²"), *_INTERFACE_COLUMNS, Column("Remarks", kind="long"),
        Column("Force evaluations", "number"), CONVERGED,
    ]  # fmt: skip
    rows = [
        [
            formula(doc.alloy),
            number(interface.work_of_adhesion),
            number(interface.interface_energy),
            number(interface.surface_energy_substrate),
            number(interface.strain_energy),
            *_interface_cells(interface),
            escape("; ".join(interface.warnings)),
            str(interface.force_evaluations),
            yes_no(interface.converged),
        ]
        for doc in docs
        for interface in sorted(doc.interfaces, key=lambda i: -i.work_of_adhesion)
    ]
    return table(columns, rows)
