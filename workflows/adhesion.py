"""Work of adhesion of a film (Li) on an alloy.

Relaxed crystals -> lattice-matched interfaces -> single points of every candidate in a few
registries -> relaxation of the most strongly bound ones with their two slabs -> AdhesionDoc.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pydantic import Field
from pymatgen.core import Structure

from misei.screening.schemas import CalculationDoc, Provenance
from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc, SurfaceEnergyDoc
from misei.screening.surface_errors import surface_error
from misei.structures.interfaces import (
    CandidateSearch,
    InterfaceCandidate,
    InterfaceLimits,
    find_interfaces,
)
from misei.structures.slabs import CubicLattice, cubic_crystal
from misei.workflows.engines import force_evaluations, get_engine, is_converged
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.surfaces import SurfaceEnergyMaker


class FilmDoc(CalculationDoc):
    """The film: relaxed crystals and the lowest surface energy, shared by all alloys."""

    element: str = Field(description="Element of the film.")
    crystals: dict[str, Structure] = Field(description="Relaxed crystals by lattice, e.g. bcc.")
    surface: SurfaceEnergyDoc = Field(description="Lowest facet of the first lattice.")


@dataclass
class AdhesionMaker(Maker):
    """Work of adhesion of an element on an alloy.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance in eV/angstrom.
    film
        Element of the film.
    film_lattices
        ``bcc`` and/or ``fcc``; the first one is the crystal of the surface energy.
    limits
        Size, strain, thickness and registries of the interfaces.
    candidates
        Interfaces whose registries are compared by single points.
    relaxed
        Interfaces relaxed, those of largest W_ad in the single points.
    surface_thickness
        Least thickness of the film's slabs for its surface energy, angstrom.
    """

    name: str = "work of adhesion"
    engine: str = "sevennet"
    fmax: float = 0.05
    film: str = "Li"
    film_lattices: tuple[CubicLattice, ...] = ("bcc", "fcc")
    limits: InterfaceLimits = field(default_factory=InterfaceLimits)
    candidates: int = 12
    relaxed: int = 4
    surface_thickness: float = 12.0

    @classmethod
    def quick(cls, engine: str = "sevennet") -> AdhesionMaker:
        """Smallest cells (aim: 80 atoms), two of them relaxed: minutes on one core."""
        limits = InterfaceLimits(
            max_strain=0.06, strain_step=0.06, max_atoms=80, max_terminations=2, registries=2
        )
        return cls(engine=engine, limits=limits, candidates=4, relaxed=2)

    @classmethod
    def standard(cls, engine: str = "sevennet") -> AdhesionMaker:
        """Twelve candidates up to 150 atoms, thicker and less strained, four of them relaxed."""
        limits = InterfaceLimits(film_thickness=11.0, substrate_thickness=11.0)
        return cls(engine=engine, limits=limits)

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
        maker = SurfaceEnergyMaker(
            engine=self.engine, fmax=self.fmax, thickness=self.surface_thickness
        )
        surface = maker.from_relaxed(relaxations[0].output)
        collect = keyed(collect_film(self, [r.output for r in relaxations], surface.output))
        collect.name = f"{self.film} film"
        return Flow([*relaxations, surface, collect], output=collect.output, name=collect.name)

    def from_relaxed(self, relaxation: OutputReference, alloy: str, film: OutputReference) -> Job:
        """Job on the task document of a relaxed alloy, e.g. one shared with other properties."""
        adhesion = keyed(screen_interfaces(self, relaxation, alloy, film))
        adhesion.name = f"{alloy} find interfaces"
        return adhesion


@job(output_schema=FilmDoc)
def collect_film(
    maker: AdhesionMaker, relaxations: list[Any], surface: SurfaceEnergyDoc
) -> FilmDoc:
    """Put crystals and surface energy of the film into one document."""
    structures = [relaxation.output.structure for relaxation in relaxations]
    return FilmDoc(
        element=maker.film,
        crystals=dict(zip(maker.film_lattices, structures, strict=True)),
        surface=surface,
        converged=surface.converged and all(is_converged(r) for r in relaxations),
        provenance=surface.provenance,
    )


@job(output_schema=AdhesionDoc)
def screen_interfaces(
    maker: AdhesionMaker, relaxation: Any, alloy: str, film: FilmDoc
) -> Response[Any]:
    """Find candidates in the relaxed crystals and compare their registries by single points."""
    substrate = relaxation.output.structure
    search = find_interfaces(substrate, film.crystals, maker.limits, maker.candidates)
    engine = get_engine(maker.engine, maker.fmax)
    jobs: dict[str, Job] = {}
    energies = []
    for number, candidate in enumerate(search.candidates):
        label = f"{alloy} candidate {number}"
        statics = [
            engine.static(candidate.film, f"{label} film"),
            engine.static(candidate.substrate, f"{label} substrate"),
            *(
                engine.static(candidate.interface(registry), f"{label} registry {k}")
                for k, registry in enumerate(candidate.registries)
            ),
        ]
        jobs |= {static.uuid: static for static in statics}
        energies.append([static.output.output.energy for static in statics])
    bulk_converged = is_converged(relaxation) and film.converged
    relax = keyed(relax_interfaces(maker, search, energies, alloy, film, bulk_converged))
    relax.name = f"{alloy} choose interfaces"
    return replaced_by([*jobs.values(), relax])


@job(output_schema=AdhesionDoc)
def relax_interfaces(
    maker: AdhesionMaker,
    search: CandidateSearch,
    energies: list[list[float]],
    alloy: str,
    film: FilmDoc,
    bulk_converged: bool,
) -> Response[Any]:
    """Relax the candidates most strongly bound in the single points, with their slabs."""
    engine = get_engine(maker.engine, maker.fmax)
    ranked = sorted(
        zip(search.candidates, energies, strict=True), key=lambda pair: -_rigid_adhesion(*pair)
    )
    jobs: dict[str, Job] = {}
    chosen, outputs = [], []
    for candidate, (_, _, *interfaces) in ranked[: maker.relaxed]:
        best = min(range(len(interfaces)), key=interfaces.__getitem__)
        structures = {
            "interface": candidate.interface(candidate.registries[best]),
            "film": candidate.film,
            "substrate": candidate.substrate,
        }
        label = f"{alloy} {candidate.substrate_miller} {candidate.termination}"
        relaxations = [engine.relax_ions(s, f"{label} {part}") for part, s in structures.items()]
        jobs |= {relaxation.uuid: relaxation for relaxation in relaxations}
        chosen.append(candidate)
        outputs.append([relaxation.output for relaxation in relaxations])
    collect = keyed(
        collect_adhesion(maker, chosen, outputs, alloy, film, bulk_converged, search.warnings)
    )
    collect.name = f"{alloy} {maker.name}"
    return replaced_by([*jobs.values(), collect])


def _rigid_adhesion(candidate: InterfaceCandidate, energies: list[float]) -> float:
    film, substrate, *interfaces = energies
    return (film + substrate - min(interfaces)) / candidate.area


@job(output_schema=AdhesionDoc)
def collect_adhesion(
    maker: AdhesionMaker,
    candidates: list[InterfaceCandidate],
    relaxations: list[list[Any]],
    alloy: str,
    film: FilmDoc,
    bulk_converged: bool,
    warnings: list[str],
) -> AdhesionDoc:
    """Gather the relaxed interfaces of one alloy."""
    engine = get_engine(maker.engine, maker.fmax)
    interfaces = [
        _interface_doc(maker, alloy, candidate, *documents)
        for candidate, documents in zip(candidates, relaxations, strict=True)
    ]
    elements = {str(e) for c in candidates for e in (c.film.composition + c.substrate.composition)}
    return AdhesionDoc(
        alloy=alloy,
        engine=engine.name,
        interfaces=interfaces,
        film_surface=film.surface,
        surface_error=surface_error(engine.name, elements),
        converged=bulk_converged and all(interface.converged for interface in interfaces),
        warnings=warnings,
        provenance=_provenance(maker, (r for triple in relaxations for r in triple)),
    )


def _interface_doc(
    maker: AdhesionMaker,
    alloy: str,
    candidate: InterfaceCandidate,
    interface: Any,
    film: Any,
    substrate: Any,
) -> InterfaceDoc:
    slab = candidate.substrate.composition.reduced_formula
    return InterfaceDoc(
        substrate=alloy,
        substrate_miller=candidate.substrate_miller,
        film=candidate.film.composition.reduced_formula,
        film_lattice=candidate.film_lattice,
        film_miller=candidate.film_miller,
        termination=candidate.termination,
        energy_interface=interface.output.energy,
        energy_film=film.output.energy,
        energy_substrate=substrate.output.energy,
        area=candidate.area,
        natoms=candidate.natoms,
        strain=candidate.strain,
        structure=interface.output.structure,
        converged=all(is_converged(document) for document in (interface, film, substrate)),
        warnings=[] if slab == alloy else [f"the slab of {alloy} has the composition {slab}"],
        provenance=_provenance(maker, (interface, film, substrate)),
    )


def _provenance(maker: AdhesionMaker, documents: Iterable[Any]) -> Provenance:
    engine = get_engine(maker.engine, maker.fmax)
    limits = maker.limits
    return Provenance(
        engine=engine.name,
        engine_version=engine.version,
        settings={
            "fmax_eV_per_angstrom": maker.fmax,
            "film_thickness_angstrom": limits.film_thickness,
            "substrate_thickness_angstrom": limits.substrate_thickness,
            "vacuum_angstrom": limits.vacuum,
            "max_strain": limits.max_strain,
            "force_evaluations": sum(force_evaluations(document) for document in documents),
        },
    )
