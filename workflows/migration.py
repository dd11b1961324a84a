"""Migration of Li through a crystal by vacancies: climbing-image bands of the distinct hops.

Bulk and metal are relaxed, hops are found in the relaxed crystal, vacancies are relaxed in
a supercell, bands run between them, and the saddles decide which network percolates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ase.build import bulk as elemental_bulk
from emmet.core.neb import NebResult
from jobflow import Flow, Job, Maker, Response, job
from pydantic import Field
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas import Document, Provenance
from misei.screening.schemas_migration import MigrationDoc
from misei.structures.hop_networks import shortest_percolating_hops
from misei.structures.hops import Hop, HopGraph, NoMobileSiteError, find_hops
from misei.structures.supercells import bare, primitive_cell, supercell_matrix
from misei.structures.vacancies import (
    HopEndpoints,
    interpolate_hop,
    place_hops,
    vacancy_structure,
)
from misei.workflows.engines import DEFAULT_ENGINE, force_evaluations, get_engine, is_converged
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.migration_results import MigrationPlan, migration_document

HopSelection = Literal["shortest-percolating", "all"]


class NebImagesDoc(Document):
    """A band before it is relaxed."""

    images: list[Structure] = Field(description="Ends included.")


@dataclass
class MigrationMaker(Maker):
    """Vacancy migration of one element through a crystal.

    Attributes
    ----------
    name
        Name of the flow.
    engine
        Name of the engine.
    fmax
        Force tolerance of relaxations and bands in eV/angstrom. The default is tight because
        0.05 leaves errors of 0.04 eV (fcc Li) to 0.08 eV (B2 LiMg) in barriers.
    mobile_species
        Element that moves. Vacancies are referred to its metal.
    cutoff
        Longest hop in angstrom.
    hop_selection
        ``shortest-percolating`` computes the short hops that percolate, which makes the
        barrier an upper bound; ``all`` computes every hop up to the cutoff.
    n_images
        Images of a band between its ends; odd, so that one starts at the middle.
    min_length
        Shortest distance between periodic images of a vacancy in angstrom.
    """

    name: str = "Li migration"
    engine: str = DEFAULT_ENGINE
    fmax: float = 0.02
    mobile_species: str = "Li"
    cutoff: float = 5.0
    hop_selection: HopSelection = "shortest-percolating"
    n_images: int = 5
    min_length: float = 10.0

    @classmethod
    def quick(cls, engine: str = DEFAULT_ENGINE, **changes: Any) -> MigrationMaker:
        """Return the preset for a first ranking: 3 images, images of a vacancy 8 angstrom apart."""
        return cls(engine=engine, **{"n_images": 3, "min_length": 8.0, **changes})

    @classmethod
    def standard(cls, engine: str = DEFAULT_ENGINE, **changes: Any) -> MigrationMaker:
        """Return the preset for results: 5 images, images of a vacancy 10 angstrom apart."""
        return cls(engine=engine, **changes)

    def make(self, structure: Structure, name: str | None = None) -> Flow:
        """Make the flow for a crystal.

        Parameters
        ----------
        structure
            Ordered crystal in any cell; it is relaxed first.
        name
            How the crystal is called in job names; its formula by default.

        Returns
        -------
        Flow
            Output: :class:`MigrationDoc`.

        Raises
        ------
        NoMobileSiteError, DisorderedCrystalError
            When the crystal holds no mobile element, or partial occupancies.
        """
        engine = get_engine(self.engine, self.fmax)
        label = name or structure.composition.reduced_formula
        if self.mobile_species not in structure.composition.get_el_amt_dict():
            raise NoMobileSiteError(f"{label} holds no {self.mobile_species}")
        bulk_job = engine.relax(primitive_cell(structure), f"{label}: bulk")
        metal_job = engine.relax(_metal(self.mobile_species), f"{self.mobile_species}: bulk")
        # The metal itself is a crystal too: one job serves for both.
        jobs: dict[str, Flow | Job] = {
            relaxation.uuid: relaxation for relaxation in (bulk_job, metal_job)
        }
        compute_job = _named(self.compute(bulk_job.output, metal_job.output), f"{label}: hops")
        return Flow(
            [*jobs.values(), compute_job], output=compute_job.output, name=f"{label}: {self.name}"
        )

    @job(output_schema=MigrationDoc)
    def compute(self, bulk: Any, metal: Any) -> Response[MigrationDoc]:
        """Find the hops of the relaxed crystal and make the jobs that compute them.

        Parameters
        ----------
        bulk, metal
            Task documents of the relaxed crystal and of the metal of the mobile element.
        """
        engine = get_engine(self.engine, self.fmax)
        plan = self._plan(bulk, metal)
        label = plan.crystal.composition.reduced_formula
        perfect = plan.crystal.make_supercell(plan.matrix, in_place=False)
        perfect_job = engine.static(perfect, f"{label}: supercell")
        relaxations = {
            site: engine.relax_ions(vacancy_structure(perfect, site), f"{label}: vacancy {site}")
            for site in plan.vacancies
        }
        jobs: list[Flow | Job] = [perfect_job, *relaxations.values()]
        bands = []
        for hop, ends in zip(plan.hops, plan.endpoints, strict=True):
            initial, final = (relaxations[site].output for site in (ends.initial, ends.final))
            images = interpolate(initial.structure, final.structure, ends, self.n_images)
            images = _named(images, f"{label}: {hop.label} images")
            bands.append(engine.neb(images.output.images, f"{label}: {hop.label}"))
            jobs += [images, bands[-1]]
        collected = self.collect(
            plan,
            perfect_job.output,
            [relaxation.output for relaxation in relaxations.values()],
            [band.output for band in bands],
        )
        collected = _named(collected, f"{label}: barriers")
        return replaced_by([*jobs, collected])

    def _plan(self, bulk: Any, metal: Any) -> MigrationPlan:
        crystal = bare(bulk.structure)
        graph = find_hops(crystal, self.mobile_species, self.cutoff)
        chosen, left_out = self._select(graph)
        matrix = supercell_matrix(crystal, self.min_length)
        vacancies, endpoints = place_hops(crystal, matrix, chosen, graph.origins)
        return MigrationPlan(
            crystal=crystal,
            orbits=graph.orbits,
            hops=chosen,
            hops_left_out=[hop.label for hop in left_out],
            matrix=matrix,
            vacancies=vacancies,
            endpoints=endpoints,
            chemical_potential=metal.output.energy / len(metal.structure),
            references_converged=is_converged(bulk) and is_converged(metal),
            references_evaluations=force_evaluations(bulk) + force_evaluations(metal),
        )

    @job(output_schema=MigrationDoc)
    def collect(
        self, plan: MigrationPlan, perfect: Any, vacancies: list[Any], bands: list[NebResult]
    ) -> MigrationDoc:
        """Put the energies of the jobs of :meth:`compute` together.

        Parameters
        ----------
        plan
            Hops, vacancies and where they lie.
        perfect
            Task document of the supercell.
        vacancies
            Task documents, in the order of ``plan.vacancies``.
        bands
            In the order of ``plan.hops``.
        """
        engine = get_engine(self.engine, self.fmax)
        settings = {
            "fmax_eV_per_A": self.fmax,
            "cutoff_A": self.cutoff,
            "min_length_A": self.min_length,
            "hop_selection": self.hop_selection,
            "n_images": self.n_images,
        }
        provenance = Provenance(
            engine=engine.name, engine_version=engine.version, settings=settings
        )
        return migration_document(self.mobile_species, plan, perfect, vacancies, bands, provenance)

    def _select(self, graph: HopGraph) -> tuple[list[Hop], list[Hop]]:
        if self.hop_selection == "all":
            return graph.hops, []
        return shortest_percolating_hops(graph)


def _named(new: Job, name: str) -> Job:
    new.name = name
    return keyed(new)


@job(output_schema=NebImagesDoc)
def interpolate(
    initial: Structure, final: Structure, endpoints: HopEndpoints, n_images: int
) -> NebImagesDoc:
    """Interpolate a band between two relaxed vacancies, as a job."""
    return NebImagesDoc(images=interpolate_hop(initial, final, endpoints, n_images))


def _metal(element: str) -> Structure:
    # ASE's reference states: the element's stable crystal at ambient conditions.
    return primitive_cell(AseAtomsAdaptor.get_structure(elemental_bulk(element)))
