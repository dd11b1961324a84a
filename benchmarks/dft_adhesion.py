"""Work of adhesion of Li and surface energies by DFT, on geometries of a potential.

Prints the tables of docs/adhesion.md: W_ad of Li on alloys, metals and salts in the smallest
coherent cells, the surface energies that calibrate the potential's intervals
(misei/screening/surface_errors.py), and the check that a crystal on itself costs nothing:

    python benchmarks/dft_adhesion.py adhesion --engine sevennet --energy-engine gpaw-fast
    python benchmarks/dft_adhesion.py surfaces Li:100 Li:110 Al:111
    python benchmarks/dft_adhesion.py identity Li Al
    python benchmarks/dft_adhesion.py thickness

The last one takes no DFT: W_ad of the best interface with growing slabs by the potential.

Started again it goes on from the store in the run folder, which is one of the energy engine's
own. Seconds are wall time of the jobs of the energy engine, of the run that computed them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from jobflow import Flow
from markdown import number, table
from pydantic import BaseModel
from pymatgen.core import Structure
from scipy.stats import spearmanr

from misei.launchers.job_runs import record_store
from misei.launchers.local import run_flows
from misei.launchers.machine import machine_settings
from misei.launchers.pools import InlinePool
from misei.launchers.single import RunError
from misei.launchers.sources import open_source
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.structures.slabs import CubicLattice
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.adhesion_results import FilmDoc
from misei.workflows.surfaces import SurfaceEnergyMaker

# The cheapest first: what is finished when time is up counts.
SUBSTRATES = ("Mg", "Al", "LiMg", "LiAl", "LiF", "Cu", "Li2O")
# Close-packed and non-polar faces; those of the alloys have stoichiometric slabs.
SURFACES = (
    "Li:100", "Li:110", "Al:111", "LiMg:110", "LiAl:110", "Mg:001", "LiF:100", "Cu:111", "Li2O:111",
    "Zn:001", "Ag:111", "Ca:111", "In:111", "Sn:100",
)  # fmt: skip
SURFACE_THICKNESS = 8.0  # angstrom
IDENTITY_STRAIN = 0.005
ADHESION_HEADINGS = (
    "substrate", "facet, Li", "atoms", "strain of Li (%)", "W_ad, potential", "W_ad, DFT", "ratio",
    "W_ad / 2 gamma_Li, potential", "W_ad / 2 gamma_Li, DFT", "gamma of the face, potential",
    "gamma of the face, DFT", "gamma_int, DFT", "DFT (s)",
)  # fmt: skip
SURFACE_HEADINGS = ("facet", "atoms", "potential", "DFT", "potential / DFT", "DFT (s)")
THICKNESS_HEADINGS = (
    "substrate",
    "facet, Li",
    "slabs of Li and substrate (angstrom), vacuum: atoms, W_ad",
    "settled",
)
THICKNESS_TOLERANCE = 0.005  # J/m2
IDENTITY_HEADINGS = ("crystal", "facet", "atoms", "2 gamma", "W_ad", "2 gamma - W_ad", "DFT (s)")

Doc = TypeVar("Doc", bound=BaseModel)
Line = TypeVar("Line")


class Row(NamedTuple):
    """Works of adhesion of one substrate over 2 gamma_Li, and its line of the table."""

    name: str
    potential: float
    dft: float
    cells: list[str]


class Bench:
    """Runs flows with one store, and knows how long their DFT took."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.engine: str = options.engine
        self.energy_engine: str = options.energy_engine
        self.run_dir: Path = options.run_dir / self.energy_engine
        self.store = open_store(machine_settings(1, self.run_dir).store_location)
        self.source = open_source(options.source)

    def crystal(self, formula: str) -> Structure:
        """Primitive cell of the lowest polymorph."""
        found = self.source.find("Li-229" if formula == "Li" else formula)
        if not found:
            raise SystemExit(f"{formula!r} is no phase of the {self.source.name}")
        primitive: Structure = found[0].structure.get_primitive_structure()
        return primitive

    def run(self, flow: Flow, schema: type[Doc]) -> Doc:
        """Run a flow in one process, or find its document."""
        report = run_flows([flow], self.store, self.run_dir, InlinePool())
        document = find_document(self.store, flow.output.uuid, schema)
        if document is None:
            raise RunError(f"{flow.name} gave no result: {report.failed}")
        return document

    def seconds(self, start: str) -> float:
        """Wall time of the single points whose names start so."""
        criteria = {"name": {"$regex": f"^{start}.* energy$"}, "state": "finished"}
        return sum(record["seconds"] for record in record_store(self.store).query(criteria))


def adhesion_row(bench: Bench, formula: str) -> Row:
    """Li on one substrate by both engines."""
    maker = AdhesionMaker.smallest(bench.engine, bench.energy_engine)
    potential = replace(maker, energy_engine=None, confirmed=None)
    film = bench.run(potential.film_flow(), FilmDoc)
    document = bench.run(maker.make(bench.crystal(formula), formula), AdhesionDoc)
    dft, first = document.best, document.screened[0]
    ratios = (
        first.work_of_adhesion / (2 * film.surface.surface_energy),
        document.wetting_ratio,
    )
    return Row(
        formula,
        *ratios,
        [
            formula,
            f"{_miller(dft.substrate_miller)}, {dft.film_lattice} {_miller(dft.film_miller)}",
            str(dft.natoms),
            f"{100 * dft.strain:+.1f}",
            number(first.work_of_adhesion),
            number(dft.work_of_adhesion),
            number(first.work_of_adhesion / dft.work_of_adhesion),
            *(number(ratio) for ratio in ratios),
            *(number(doc.surface_energy_substrate) for doc in (first, dft)),
            number(dft.interface_energy),
            number(bench.seconds(rf"{formula} (bulk|.*\|.*)"), 0),
        ],
    )


def surface_row(bench: Bench, surface: str) -> list[str]:
    """One facet by both engines."""
    formula, _, digits = surface.partition(":")
    if len(digits) != 3 or not digits.isdigit():
        raise SystemExit(f"surface {surface!r}; valid: FORMULA:hkl of the conventional cell")
    h, k, i = map(int, digits)
    maker = SurfaceEnergyMaker(
        engine=bench.engine, millers=((h, k, i),), thickness=SURFACE_THICKNESS, vacuum=8.0
    )
    crystal = bench.crystal(formula)
    potential = bench.run(maker.make(crystal), SurfaceEnergyDoc)
    dft = bench.run(
        replace(maker, energy_engine=bench.energy_engine).make(crystal), SurfaceEnergyDoc
    )
    return [
        f"{formula}({digits})",
        str(dft.natoms),
        number(potential.surface_energy, 3),
        number(dft.surface_energy, 3),
        number(potential.surface_energy / dft.surface_energy),
        number(bench.seconds(rf"{formula} (bulk|\({h}, {k}, {i}\) slab)"), 0),
    ]


def identity_row(bench: Bench, element: str) -> list[str]:
    """A crystal on itself, coherent: W_ad = 2 gamma, so that the interface energy is 0."""
    maker = AdhesionMaker.smallest(bench.engine, bench.energy_engine)
    lattice: CubicLattice = "bcc" if element == "Li" else "fcc"
    limits = replace(maker.limits, max_strain=IDENTITY_STRAIN, strain_step=IDENTITY_STRAIN)
    maker = replace(maker, film=element, film_lattices=(lattice,), limits=limits)
    document = bench.run(maker.make(bench.crystal(element), f"{element} itself"), AdhesionDoc)
    dft: InterfaceDoc = document.best
    gap = dft.interface_energy
    return [
        element,
        _miller(dft.substrate_miller),
        str(dft.natoms),
        number(None if gap is None else dft.work_of_adhesion + gap, 3),
        number(dft.work_of_adhesion, 3),
        number(gap, 3),
        number(bench.seconds(f"{element} itself"), 0),
    ]


def thickness_row(bench: Bench, formula: str) -> list[str]:
    """W_ad of the smallest cell against thicker slabs, by the potential alone."""
    maker = AdhesionMaker.smallest(bench.engine, None)
    maker = replace(maker, converge=True, tolerance=THICKNESS_TOLERANCE, converge_max_atoms=120)
    document = bench.run(maker.make(bench.crystal(formula), formula), AdhesionDoc)
    best = document.best
    steps = [
        f"{step.film_thickness:.0f} + {step.substrate_thickness:.0f}, {step.vacuum:.0f}: "
        f"{step.natoms}, {step.value:.3f}"
        for step in document.size_steps
    ]
    return [
        formula,
        f"{_miller(best.substrate_miller)}, {best.film_lattice} {_miller(best.film_miller)}",
        "; ".join(steps),
        "yes" if document.size_converged else "no",
    ]


def _miller(indices: Sequence[int]) -> str:
    return f"({''.join(map(str, indices))})"


def print_order(rows: Sequence[Row]) -> None:
    """Print the order of W_ad / 2 gamma_Li by both engines and their rank correlation."""
    for title, by in (("potential", lambda r: r.potential), ("DFT", lambda r: r.dft)):
        names = [row.name for row in sorted(rows, key=by, reverse=True)]
        print(f"\norder by the {title}: {' > '.join(names)}")
    if len(rows) > 2:
        rank = spearmanr([row.potential for row in rows], [row.dft for row in rows]).statistic
        print(f"\nSpearman's rank correlation of {len(rows)}: {rank:.2f}")


def finished(make: Callable[[str], Line], names: Sequence[str]) -> tuple[list[Line], int]:
    """Rows of all names that gave a result, and how many did not."""
    rows, failed = [], 0
    for name in names:
        try:
            rows.append(make(name))
        except RunError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
    return rows, failed


def main() -> int:
    """Run the command line; 1 where something gave no result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("adhesion", "surfaces", "identity", "thickness"))
    parser.add_argument("names", nargs="*", help="formulas, or FORMULA:hkl of surfaces")
    parser.add_argument("--engine", default="sevennet", help="of the geometries")
    parser.add_argument("--energy-engine", default="gpaw-fast")
    parser.add_argument("--source", default=None)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/dft-adhesion"))
    options = parser.parse_args()
    bench = Bench(options)
    print(f"{options.energy_engine} on geometries of {options.engine}; energies in J/m2\n")
    if options.what == "adhesion":
        rows, failed = finished(lambda n: adhesion_row(bench, n), options.names or SUBSTRATES)
        print(table(ADHESION_HEADINGS, [row.cells for row in rows]))
        print_order(rows)
        return int(failed > 0)
    kinds = {
        "surfaces": (SURFACE_HEADINGS, surface_row, SURFACES),
        "identity": (IDENTITY_HEADINGS, identity_row, ("Li", "Al")),
        "thickness": (THICKNESS_HEADINGS, thickness_row, SUBSTRATES),
    }
    headings, make, default = kinds[options.what]
    cells, failed = finished(lambda n: make(bench, n), options.names or default)
    print(table(headings, cells))
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
