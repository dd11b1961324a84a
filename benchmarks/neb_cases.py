"""Hops of the NEB benchmark: crystals, supercells, and both unrelaxed ends of each hop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from ase.build import bulk
from jobflow import Flow, Job, JobStore, OutputReference, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.structures.defects import DefectCell, HopEndpoints, place_hops
from misei.structures.hops import Hop, HopGraph, find_hops
from misei.structures.reference_set import load_reference_set
from misei.structures.supercells import bare, primitive_cell, supercell_matrix
from misei.workflows.engines import get_engine

FMAX = 0.02  # eV/angstrom, of every relaxation and band
CUTOFF = 4.5  # angstrom, hops are searched up to it


class UnknownHopError(ValueError):
    """A name that no hop of the benchmark has, or a hop that the relaxed crystal lacks."""


@dataclass(frozen=True)
class Case:
    """A hop to compute.

    Attributes
    ----------
    name
        On the command line.
    engine
        Engine that everyone uses.
    crystal
        Makes the crystal.
    sites
        Element and orbits of both ends, ``Li0-Li1``; the shortest such hop is taken.
    min_length
        Shortest distance between periodic images of the vacancy, angstrom.
    """

    name: str
    engine: str
    crystal: Callable[[], Structure]
    sites: str
    min_length: float

    @property
    def mobile_species(self) -> str:
        """Element that moves."""
        return self.sites.split("-")[0].rstrip("0123456789")


@dataclass(frozen=True)
class PlacedHop:
    """A hop in the supercell of the relaxed crystal."""

    case: Case
    graph: HopGraph
    cell: DefectCell
    hop: Hop
    ends: HopEndpoints

    @property
    def symmetric(self) -> bool:
        """Whether a symmetry operation of the crystal swaps the ends."""
        return self.hop.reversible

    @property
    def n_atoms(self) -> int:
        """Atoms of the supercell with the vacancy."""
        return len(self.cell.sites) - 1


def element(symbol: str) -> Structure:
    """Make the stable crystal of an element."""
    return AseAtomsAdaptor.get_structure(bulk(symbol))


def reference(identifier: str) -> Structure:
    """Take a crystal of the bundled reference set."""
    phases = load_reference_set()["phases"]
    phase = next(phase for phase in phases if phase["id"] == identifier)
    return Structure.from_dict(phase["structure"])


def layered(host: str, guest: str, lattice: Lattice) -> Structure:
    """Make fcc with every fourth (001) layer of a guest: two kinds of host sites."""
    coords = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.5, 0.5, 0.25]]
    return Structure.from_spacegroup(123, lattice, [guest, host, host], coords)


def stripes(host: str, guest: str, length: float) -> Structure:
    """Make the D0_22 order (Al3Ti) of fcc: two kinds of host sites."""
    coords = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.5, 0.25]]
    lattice = Lattice.tetragonal(length, 2.0 * length)
    return Structure.from_spacegroup(139, lattice, [guest, host, host], coords)


def _metal(symbol: str) -> Case:
    return Case(symbol, "emt", partial(element, symbol), f"{symbol}0-{symbol}0", 7.0)


def _reference(identifier: str, sites: str, min_length: float) -> Case:
    name = f"{identifier} {sites}"
    return Case(name, "sevennet", partial(reference, identifier), sites, min_length)


CASES = [
    *(_metal(symbol) for symbol in ("Cu", "Al", "Ag", "Au")),
    Case(
        "Cu3Au layers",
        "emt",
        partial(layered, "Cu", "Au", Lattice.tetragonal(2.65, 7.5)),
        "Cu0-Cu1",
        7.0,
    ),
    Case(
        "Pd3Ni layers",
        "emt",
        partial(layered, "Pd", "Ni", Lattice.tetragonal(2.72, 7.6)),
        "Pd0-Pd1",
        7.0,
    ),
    Case("Cu3Pd D0_22", "emt", partial(stripes, "Cu", "Pd", 3.7), "Cu0-Cu1", 7.0),
    _reference("Li-225", "Li0-Li0", 8.0),
    _reference("LiAl-227", "Li0-Li0", 8.0),
    _reference("Li2O-225", "Li0-Li0", 6.4),
    _reference("Li2S-225", "Li0-Li0", 7.0),
    _reference("Li3Ag-225", "Li0-Li1", 8.0),
    _reference("Li3P-194", "Li0-Li1", 7.0),
    _reference("Li13In3-227", "Li0-Li2", 8.0),
    _reference("Li15Ge4-220", "Li0-Li1", 8.0),
]


def place(case: Case) -> PlacedHop:
    """Relax the crystal and place the hop in its supercell.

    Raises
    ------
    UnknownHopError
        When the relaxed crystal has no such hop.
    """
    relaxation = get_engine(case.engine, FMAX).relax(primitive_cell(case.crystal()), case.name)
    crystal = bare(run_in_process(relaxation).structure)
    graph = find_hops(crystal, case.mobile_species, CUTOFF)
    hop = next((hop for hop in graph.hops if hop.label.startswith(f"{case.sites} ")), None)
    if hop is None:
        labels = ", ".join(hop.label for hop in graph.hops)
        raise UnknownHopError(f"{case.name} has no hop {case.sites}; it has {labels}")
    matrix = supercell_matrix(crystal, case.min_length)
    cell = DefectCell(crystal, matrix, "vacancy", case.mobile_species)
    _, (ends,) = place_hops(cell, [hop], [graph.orbits[hop.orbits[0]][0]])
    return PlacedHop(case, graph, cell, hop, ends)


def run_in_process(work: Flow | Job) -> Any:
    """Run a flow here and return its output; its files go to a folder that is deleted."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    with TemporaryDirectory() as folder:
        responses = run_locally(
            work, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
        )
    output = work.output
    while isinstance(output, OutputReference):  # a replaced job's output points to another's
        replies = responses[output.uuid]
        output = replies[max(replies)].output
    return output
