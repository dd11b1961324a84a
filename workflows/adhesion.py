"""Work of adhesion of a film (Li) on an alloy or a salt.

Relaxed crystals -> lattice-matched candidates -> registry and gap of each with rigid slabs ->
relaxation of the most strongly bound ones -> AdhesionDoc -> thicker slabs and wider vacuum
until W_ad of the best one stands still.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core import Structure

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_registries import SamplingDoc
from misei.structures.interfaces import InterfaceCandidate, InterfaceLimits, find_interfaces
from misei.structures.slabs import CubicLattice, cubic_crystal
from misei.workflows.adhesion_choice import choice_remarks, estimated_energies, preferred
from misei.workflows.adhesion_energies import collect_adhesion, confirm_interfaces
from misei.workflows.adhesion_results import (
    Crystals,
    FilmDoc,
    film_document,
    label_of,
    unique_evaluations,
)
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.interface_relaxation import relaxed_interface, sampling
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.surfaces import SurfaceEnergyMaker


@dataclass
class AdhesionMaker(Maker):
    """Work of adhesion of an element on an alloy or a salt.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance in eV/angstrom.
    film
        Element of the film.
    film_lattices
        ``bcc`` and/or ``fcc``; the first one is the crystal of the surface energy, and that of
        the film element's chemical potential.
    limits
        Size, strain, thickness and registries of the interfaces.
    candidates
        Interfaces whose registries are compared.
    rigid
        Registry and gap are minimized with rigid slabs; False: single points where the atoms
        touch (for engines without a calculator in this process), cheaper by half and worse at
        telling candidates apart.
    relaxed
        Interfaces relaxed: facet by facet those of lowest estimated interface energy, and the
        best on the substrate's face of lowest surface energy; the rule and what it misses are
        in :mod:`misei.workflows.adhesion_choice`.
    surface_thickness
        Least thickness of the film's slabs for its surface energy, angstrom.
    converge
        Repeat the best interface with both slabs thicker by 3.5 angstrom and the vacuum wider
        by 4 angstrom until W_ad changes by less than ``tolerance`` (J/m2) or the cell would
        exceed ``converge_max_atoms``; likewise the surface energy of the film.
    energy_engine
        Engine whose single points on the relaxed geometries give all energies of the document;
        by default ``engine``.
    confirmed
        How many of the relaxed interfaces get energies of ``energy_engine``, those of lowest
        interface energy by ``engine``; by default all. The document lists the others.
    """

    name: str = "work of adhesion"
    engine: str = "sevennet"
    fmax: float = 0.05
    film: str = "Li"
    film_lattices: tuple[CubicLattice, ...] = ("bcc", "fcc")
    limits: InterfaceLimits = field(default_factory=InterfaceLimits)
    candidates: int = 12
    rigid: bool = True
    relaxed: int = 4
    surface_thickness: float = 12.0
    converge: bool = False
    tolerance: float = 0.03
    converge_max_atoms: int = 300
    energy_engine: str | None = None
    confirmed: int | None = None

    def __post_init__(self) -> None:
        if self.confirmed is not None and self.confirmed < 1:
            raise ValueError(f"confirmed={self.confirmed}; valid: 1 or more, None for all")

    @classmethod
    def quick(cls, engine: str = "sevennet") -> AdhesionMaker:
        """Smallest cells (aim: 80 atoms), three of them relaxed: minutes on one core."""
        limits = InterfaceLimits(
            max_strain=0.06, strain_step=0.06, max_atoms=80, max_terminations=2, registries=2
        )
        return cls(engine=engine, limits=limits, candidates=4, relaxed=3)

    @classmethod
    def standard(cls, engine: str = "sevennet") -> AdhesionMaker:
        """Twelve candidates up to 150 atoms, four relaxed, the best one converged in size."""
        return cls(engine=engine, converge=True)

    @classmethod
    def smallest(
        cls, engine: str = "sevennet", energy_engine: str | None = "gpaw-fast"
    ) -> AdhesionMaker:
        """Coherent cells of 24 atoms or few more within 7 % strain, the best one by DFT.

        What it costs, and the thin slabs and strains in W_ad, is in docs/adhesion.md.
        """
        limits = InterfaceLimits(
            max_strain=0.07,
            strain_step=0.07,
            max_atoms=24,
            film_thickness=8.0,
            substrate_thickness=8.0,
            vacuum=8.0,
            max_terminations=2,
            registries=2,
        )
        return cls(
            engine=engine,
            limits=limits,
            candidates=4,
            relaxed=2,
            surface_thickness=8.0,
            energy_engine=energy_engine,
            confirmed=None if energy_engine is None else 1,
        )

    def make(
        self,
        structure: Structure | OutputReference,
        alloy: str,
        film: OutputReference | None = None,
    ) -> Flow:
        """Relax the alloy (and the film unless given) and find its work of adhesion.

        Parameters
        ----------
        structure
            Crystal of the alloy, primitive for speed.
        alloy
            Name of the alloy in the results.
        film
            Output of :meth:`film_flow`, where several alloys of one flow share it.

        Returns
        -------
        Flow
            Its output is an :class:`AdhesionDoc`.
        """
        jobs: list[Job | Flow] = []
        if film is None:
            film_flow = self.film_flow()
            jobs.append(film_flow)
            film = film_flow.output
        relaxation = get_engine(self.engine, self.fmax).relax(structure, f"{alloy} relax bulk")
        adhesion = self.from_relaxed(relaxation.output, alloy, film)
        jobs += [relaxation, adhesion]
        return Flow(jobs, output=adhesion.output, name=f"{alloy} {self.name}")

    def film_flow(self) -> Flow:
        """Relaxed film crystals and their surface energy; its output is a :class:`FilmDoc`."""
        engine = get_engine(self.engine, self.fmax)
        relaxations = [
            engine.relax(cubic_crystal(self.film, lattice), f"{self.film} {lattice} relax bulk")
            for lattice in self.film_lattices
        ]
        energies = relaxations
        if self.energy_engine is not None:
            energies = [
                get_engine(self.energy_engine, self.fmax).static(
                    relaxation.output.output.structure, f"{relaxation.name} energy"
                )
                for relaxation in relaxations
            ]
        surface = SurfaceEnergyMaker(
            engine=self.engine,
            fmax=self.fmax,
            thickness=self.surface_thickness,
            converge=self.converge,
            energy_engine=self.energy_engine,
        ).from_relaxed(relaxations[0].output)
        collect = keyed(
            collect_film(
                self.film,
                list(self.film_lattices),
                [r.output for r in relaxations],
                [e.output for e in energies],
                surface.output,
            )
        )
        collect.name = f"{self.film} film"
        jobs = {job.uuid: job for job in [*relaxations, *energies, surface, collect]}
        return Flow([*jobs.values()], output=collect.output, name=collect.name)

    def from_relaxed(self, relaxation: OutputReference, alloy: str, film: OutputReference) -> Job:
        """Job on the task document of a relaxed alloy, e.g. one shared with other properties."""
        adhesion = keyed(screen_interfaces(self, relaxation, alloy, film))
        adhesion.name = f"{alloy} find interfaces"
        return adhesion


@job(output_schema=FilmDoc)
def collect_film(
    element: str, lattices: list[str], relaxations: list[Any], energies: list[Any], surface: Any
) -> FilmDoc:
    """Put crystals and surface energy of the film into one document."""
    return film_document(element, lattices, relaxations, energies, surface)


@job(output_schema=AdhesionDoc)
def screen_interfaces(
    maker: AdhesionMaker, relaxation: Any, alloy: str, film: FilmDoc
) -> Response[Any]:
    """Find candidates in the relaxed crystals and sample their registries."""
    crystal = relaxation.output.structure
    search = find_interfaces(crystal, film.crystals, maker.limits, maker.candidates)
    crystals = Crystals(
        alloy=alloy,
        crystal=crystal,
        energy=relaxation.output.energy,
        film=film,
        converged=is_converged(relaxation) and film.converged,
    )
    jobs: dict[str, Job] = {}
    samplings = [
        sampling(maker, candidate, f"{alloy} candidate {number}", jobs)
        for number, candidate in enumerate(search.candidates)
    ]
    films = [
        get_engine(maker.engine, maker.fmax).static(c.film_unstrained, f"{maker.film} film as cut")
        for c in search.candidates
    ]
    for film_slab in films:  # candidates share the few facets of the film
        jobs.setdefault(film_slab.uuid, film_slab)
    relax = keyed(
        relax_interfaces(
            maker,
            crystals,
            search.candidates,
            samplings,
            [film_slab.output for film_slab in films],
            search.warnings,
        )
    )
    relax.name = f"{alloy} choose interfaces"
    return replaced_by([*jobs.values(), relax])


@job(output_schema=AdhesionDoc)
def relax_interfaces(
    maker: AdhesionMaker,
    crystals: Crystals,
    candidates: list[InterfaceCandidate],
    samplings: list[SamplingDoc],
    films: list[Any],
    warnings: list[str],
) -> Response[Any]:
    """Relax the most promising candidates, with their slabs."""
    facts = (crystals.by_relaxation(), candidates, samplings, [f.output.energy for f in films])
    chosen = preferred(*facts, maker.relaxed)
    warnings = [*warnings, *choice_remarks(candidates, estimated_energies(*facts), chosen)]
    spent = sum(sampling.force_evaluations for sampling in samplings)
    spent += unique_evaluations([{"film as cut": (film, film)} for film in films])
    jobs: dict[str, Job] = {}
    parts, starts = [], []
    for k in chosen:
        candidate = candidates[k]
        label = label_of(crystals, candidate)
        relaxed, start = relaxed_interface(maker, candidate, samplings[k], label, jobs)
        parts.append(relaxed)
        starts.append(start)
    chosen_ones = ([candidates[k] for k in chosen], [samplings[k] for k in chosen], parts)
    if maker.energy_engine is None:
        collect = keyed(collect_adhesion(maker, crystals, *chosen_ones, spent, warnings))
        collect.name = f"{crystals.alloy} {maker.name}"
    else:
        collect = keyed(confirm_interfaces(maker, crystals, *chosen_ones, starts, spent, warnings))
        collect.name = f"{crystals.alloy} confirm interfaces"
    return replaced_by([*jobs.values(), collect])
