"""Rows of the accuracy table: what is computed of which crystal, in which cell, and its flow."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jobflow import Flow
from pydantic import BaseModel
from pymatgen.core import Structure

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.structures.interfaces import InterfaceLimits
from misei.structures.reference_set import load_reference_set
from misei.structures.supercells import primitive_cell
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.engines import DFT_ENGINES, force_evaluations, get_engine
from misei.workflows.migration import MigrationMaker
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.surfaces import SurfaceEnergyMaker

Kind = Literal["lattice", "surface", "hop", "adhesion"]
Miller = tuple[int, int, int]

# The force on a cell is V sigma / N: for Li 0.05 eV would leave 0.4 GPa, 1 % of the lattice
# constant, and 0.005 eV leave 0.1 %.
LATTICE_FMAX = 0.005
SLAB_FMAX = 0.05
HOP_FMAX = 0.03
SLAB_THICKNESS = 8.5
VACUUM = 10.0
# In the large cells that show what the small ones leave: slabs of 18 angstrom, defects 10 apart.
LARGE_THICKNESS = 18.0
LARGE_LENGTH = 10.0
# Engine whose relaxed defects and paths DFT starts from, and whose interfaces all engines take.
CHEAP = "sevennet"
PUBLISHED = Path(__file__).with_name("published_dft.csv")
# Crystals by their ids in the bundled set.
CRYSTALS = {
    "bcc Li": "Li-229",
    "fcc Li": "Li-225",
    "Al": "Al-225",
    "Mg": "Mg-194",
    "LiAl": "LiAl-227",
    "LiMg": "LiMg-221",
    "LiF": "LiF-225",
    "Li2O": "Li2O-225",
}


class UnknownRowError(ValueError):
    """A row that the benchmark does not have."""


@dataclass(frozen=True)
class Row:
    """One calculation; a hop gives two numbers, E_f and E_m.

    Attributes
    ----------
    kind
        What is computed.
    crystal
        Name in :data:`CRYSTALS`.
    miller
        Facet of a surface.
    min_length
        Shortest distance between periodic images of a defect, angstrom.
    """

    kind: Kind
    crystal: str
    miller: Miller | None = None
    min_length: float = 6.0

    @property
    def name(self) -> str:
        """As on the command line, e.g. ``surface:bcc Li(100)``."""
        facet = "" if self.miller is None else f"({''.join(map(str, self.miller))})"
        return f"{self.kind}:{self.crystal}{facet}"

    def structure(self) -> Structure:
        """Crystal from the bundled set, before relaxation."""
        phases = load_reference_set()["phases"]
        phase = next(p for p in phases if p["id"] == CRYSTALS[self.crystal])
        return primitive_cell(Structure.from_dict(phase["structure"]))


# The cheapest with DFT first.
ROWS = (
    *(Row("lattice", crystal) for crystal in CRYSTALS),
    Row("surface", "bcc Li", (1, 0, 0)),
    Row("surface", "bcc Li", (1, 1, 0)),
    Row("surface", "fcc Li", (1, 1, 1)),
    Row("surface", "Al", (1, 1, 1)),
    Row("surface", "Mg", (0, 0, 1)),
    Row("surface", "LiMg", (1, 1, 0)),
    Row("surface", "LiAl", (1, 1, 1)),
    Row("surface", "LiF", (1, 0, 0)),
    Row("hop", "bcc Li"),
    Row("hop", "LiAl"),
    Row("hop", "LiMg"),
    Row("hop", "fcc Li", min_length=6.5),
    Row("adhesion", "Al"),
    Row("hop", "LiF", min_length=5.7),
)


def chosen_rows(names: list[str]) -> list[Row]:
    """Rows by name, or all of a kind by its name; all rows where none is named.

    Raises
    ------
    UnknownRowError
        When a name is neither.
    """
    unknown = [n for n in names if not any(n in (row.name, row.kind) for row in ROWS)]
    if unknown:
        valid = ", ".join(row.name for row in ROWS)
        raise UnknownRowError(f"unknown rows {', '.join(unknown)}; valid: kinds, or {valid}")
    return [row for row in ROWS if not names or row.name in names or row.kind in names]


def make_flow(row: Row, engine: str, large: bool = False) -> tuple[Flow, type[BaseModel]]:
    """Return the flow of a row, and the class of its result.

    Parameters
    ----------
    row
        What to compute.
    engine
        Name of the engine.
    large
        Whether in the large cell.
    """
    relaxation = get_engine(engine, LATTICE_FMAX).relax(row.structure(), f"{row.crystal}: bulk")
    if row.kind == "lattice":
        schema = get_engine(engine).task_schema
        return Flow([relaxation], output=relaxation.output, name=row.name), schema
    if row.kind == "surface":
        surface = surface_maker(row, engine, large).from_relaxed(relaxation.output)
        return Flow([relaxation, surface], output=surface.output, name=row.name), SurfaceEnergyDoc
    if row.kind == "hop":
        return hop_maker(row, engine, large).make(row.structure(), row.crystal), MigrationDoc
    return adhesion_maker(engine).make(row.structure(), row.crystal), AdhesionDoc


def surface_maker(row: Row, engine: str, large: bool) -> SurfaceEnergyMaker:
    """One facet of the crystal relaxed with the same engine."""
    assert row.miller is not None
    thickness = LARGE_THICKNESS if large else SLAB_THICKNESS
    return SurfaceEnergyMaker(
        engine=engine, fmax=SLAB_FMAX, millers=(row.miller,), thickness=thickness, vacuum=VACUUM
    )


def hop_maker(row: Row, engine: str, large: bool) -> MigrationMaker:
    """Vacancies of Li and the short hops that percolate.

    DFT starts from the cheap engine and leaves the curvatures at saddles to it.
    """
    return MigrationMaker(
        engine=engine,
        fmax=HOP_FMAX,
        cutoff=4.5,
        saddle=SaddleSettings(check_modes=engine not in DFT_ENGINES),
        min_length=LARGE_LENGTH if large else row.min_length,
        start_from=CHEAP if engine in DFT_ENGINES else None,
    )


def adhesion_maker(engine: str) -> AdhesionMaker:
    """One small interface relaxed by the cheap engine; energies there by each."""
    limits = InterfaceLimits(
        max_atoms=20, film_thickness=5.0, substrate_thickness=5.0, vacuum=VACUUM,
        max_terminations=1, registries=1,
    )  # fmt: skip
    return AdhesionMaker(
        engine=CHEAP,
        energy_engine=None if engine == CHEAP else engine,
        limits=limits,
        candidates=2,
        relaxed=1,
        surface_thickness=SLAB_THICKNESS,
    )


def results(row: Row, document: Any) -> dict[str, float | None]:
    """Numbers of a row by their headings: angstrom, J/m2, eV."""
    if row.kind == "lattice":
        return lattice_constants(row.crystal, document.output.structure)
    if row.kind == "surface":
        return {f"gamma {row.name.partition(':')[2]} (J/m2)": document.surface_energy}
    if row.kind == "hop":
        return {
            f"E_f Li vacancy, {row.crystal} (eV)": document.vacancy_formation_energy,
            f"E_m Li hop, {row.crystal} (eV)": document.migration_barrier,
        }
    best = document.best
    where = f"{best.film_lattice} Li{best.film_miller} on {row.crystal}{best.substrate_miller}"
    return {f"W_ad {where} (J/m2)": document.work_of_adhesion}


def lattice_constants(crystal: str, structure: Structure) -> dict[str, float | None]:
    """Edges of the conventional cell: a by the volume, and c where it differs."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    # A cell relaxed to 0.005 eV is symmetric to about this, angstrom.
    cell = SpacegroupAnalyzer(structure, 0.05).get_conventional_standard_structure().lattice
    constants: dict[str, float | None] = {f"a, {crystal} (angstrom)": cell.a}
    if abs(cell.c - cell.a) > 0.1:
        constants[f"c, {crystal} (angstrom)"] = cell.c
    return constants


def evaluations(row: Row, document: Any) -> int:
    """Force evaluations of a result by the engine itself."""
    if row.kind == "lattice":
        return force_evaluations(document)
    return int(document.force_evaluations)


def cell_size(row: Row, document: Any) -> int:
    """Atoms of the cell that the result comes from."""
    if row.kind == "lattice":
        return len(document.output.structure)
    return int(document.natoms)


@dataclass(frozen=True)
class Published:
    """A published value, and where it is from.

    Attributes
    ----------
    value
        As published.
    source
        Reference, functional, and whether it was looked up, recalled or taken from a collection.
    """

    value: str
    source: str


def published(path: Path = PUBLISHED) -> dict[str, Published]:
    """Published values by heading."""
    values = {}
    with path.open() as file:
        for line in csv.DictReader(file):
            source = f"{line['source']} ({line['functional']}; {line['confirmed']})"
            values[line["quantity"]] = Published(line["value"], source)
    return values
