"""The second stage of a funnel: an expensive engine on what a cheap one has found.

Adhesion: energies of the second engine on the first one's relaxed interface of lowest interface
energy and its slabs. Migration: saddles of the second engine, from the first one's relaxed
vacancies and paths, of the hops that make the first one's best percolating network.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jobflow import Flow
from pymatgen.core import Structure

from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.structures.hop_networks import percolating_networks
from misei.structures.hops import Hop, HopGraph
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.migration import MigrationMaker

# Of relaxations and saddles, eV/angstrom. Ends and paths start close to theirs: 0.02, which the
# first engine needs to come from far away, would double the steps on forces that have noise of
# their own; 0.05 was measured to leave 0.04 eV in barriers (docs/methods.md).
REFINED_FMAX = 0.03
# Networks whose barriers differ by less (eV) are equally good.
SAME_BARRIER = 1e-6


class HopsNotFoundError(ValueError):
    """Hops of the first engine that the second one's crystal does not have."""


@dataclass
class RefinedMigrationMaker(MigrationMaker):
    """Migration by a second engine along some of the hops of a first one.

    Attributes
    ----------
    first
        Maker of the first engine; its finished jobs are found again by their content.
    network
        Labels of the hops by the first engine. Empty: the shortest that percolate.
    """

    first: MigrationMaker = field(default_factory=MigrationMaker)
    network: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the network a tuple again: on its way to a worker JSON makes it a list."""
        super().__post_init__()
        self.network = tuple(self.network)

    def _of_engine(self, engine: str) -> MigrationMaker:
        return self.first

    def _select(self, graph: HopGraph) -> tuple[list[Hop], list[Hop], list[Hop]]:
        if not self.network:
            return super()._select(graph)
        chosen = [hop for hop in graph.hops if hop.label in self.network]
        missing = sorted({*self.network} - {hop.label for hop in chosen})
        if missing:
            raise HopsNotFoundError(
                f"no hop {', '.join(missing)} in the crystal relaxed with {self.engine}; it has "
                f"{', '.join(hop.label for hop in graph.hops)}"
            )
        return chosen, [], [hop for hop in graph.hops if hop not in chosen]


def best_network(doc: MigrationDoc) -> tuple[str, ...]:
    """Labels of the hops of the best percolating network.

    Parameters
    ----------
    doc
        What an engine found; of several supercells the last one's hops count.

    Returns
    -------
    tuple of str
        Of equally low networks the one that percolates in most dimensions; empty where
        nothing percolates, or an old document does not hold what tells.
    """
    hops = [hop for hop in doc.hops if hop.images and len(hop.images[0]) == doc.natoms]
    if not doc.orbits or not all(hop.edges for hop in hops):
        return ()
    networks = percolating_networks(
        doc.orbits,
        [_as_hop(hop) for hop in hops],
        [doc.vacancy_energies[hop.sites[0]] + hop.barrier_forward for hop in hops],
        doc.vacancy_energies,
    )
    if not networks:
        return ()
    lowest = min(network.barrier for network in networks.values())
    widest = max(d for d, network in networks.items() if network.barrier <= lowest + SAME_BARRIER)
    return tuple(hops[k].label for k in networks[widest].hops)


def _as_hop(hop: HopDoc) -> Hop:
    return Hop(hop.label, hop.sites, hop.distance, hop.sites[0] == hop.sites[1], hop.edges)


def refined_adhesion(first: AdhesionMaker, engine: str) -> AdhesionMaker:
    """Maker of the second engine's adhesion on the first one's geometries.

    Parameters
    ----------
    first
        Maker of the first engine.
    engine
        Name of the second one.

    Returns
    -------
    AdhesionMaker
        Takes energies of the interface of lowest interface energy only, and does not go on to
        thicker slabs: their size was settled by the first engine.
    """
    return replace(first, energy_engine=engine, confirmed=1, converge=False)


def refined_migration(
    first: MigrationMaker, engine: str, found: MigrationDoc
) -> RefinedMigrationMaker:
    """Maker of the second engine's migration along the first one's best network.

    Parameters
    ----------
    first
        Maker of the first engine.
    engine
        Name of the second one.
    found
        What the first engine found.

    Returns
    -------
    RefinedMigrationMaker
        For the smallest supercell that the first engine has computed: what larger ones change is
        left to that engine (:mod:`misei.screening.supercell_size`).
    """
    return RefinedMigrationMaker(
        engine=engine,
        fmax=REFINED_FMAX,
        mobile_species=first.mobile_species,
        mechanism=first.mechanism,
        cutoff=first.cutoff,
        saddle=first.saddle,
        min_length=first.min_length,
        rounds=first.rounds,
        start_from=first.engine,
        first=replace(first, supercell_tolerance=None),
        network=best_network(found),
    )


@dataclass(frozen=True)
class RefinedFlows:
    """Flows of the second stage of one alloy."""

    adhesion: Flow
    migration: Flow


def refined_flows(
    makers: tuple[AdhesionMaker, MigrationMaker],
    engine: str,
    structure: Structure,
    alloy: str,
    found: MigrationDoc,
) -> RefinedFlows:
    """Make the flows that compute an alloy with a second engine.

    Parameters
    ----------
    makers
        Of the first engine.
    engine
        Name of the second one.
    structure, alloy
        As the first engine's flows were given them.
    found
        Migration by the first engine.
    """
    adhesion, migration = makers
    return RefinedFlows(
        refined_adhesion(adhesion, engine).make(structure, alloy),
        refined_migration(migration, engine, found).make(structure, alloy),
    )
