"""From the finished calculations of interfaces to their documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pymatgen.core import Composition, Structure

from misei.screening.schemas import CalculationDoc, Document, Provenance
from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc
from misei.screening.schemas_registries import SamplingDoc
from misei.screening.schemas_surfaces import SizeStep, SurfaceEnergyDoc
from misei.screening.surface_errors import adhesion_interval, surface_error, wetting_interval
from misei.structures.interfaces import InterfaceCandidate
from misei.structures.slabs import face_area
from misei.workflows.adhesion_remarks import remarks_on_best, remarks_on_forces
from misei.workflows.engines import force_evaluations, is_converged
from misei.workflows.single_points import Part, mixed_provenance

if TYPE_CHECKING:
    from misei.workflows.adhesion import AdhesionMaker

# Documents of "interface", "film", "substrate" and "film unstrained".
Parts = dict[str, Part]


class FilmDoc(CalculationDoc):
    """The film: relaxed crystals and the lowest surface energy, shared by all alloys."""

    element: str = Field(description="Element of the film.")
    crystals: dict[str, Structure] = Field(description="Relaxed crystals by lattice, e.g. bcc.")
    energies_per_atom: dict[str, float] = Field(description="Of the crystals, eV/atom.")
    relaxed_energies_per_atom: dict[str, float] = Field(
        description="The same by the engine that relaxed them, eV/atom."
    )
    surface: SurfaceEnergyDoc = Field(description="Lowest facet of the first lattice.")

    @property
    def first(self) -> str:
        """Lattice of the surface energy and of the chemical potential."""
        return next(iter(self.crystals))

    @property
    def volume_per_atom(self) -> float:
        """Volume of an atom in the first lattice, angstrom^3."""
        crystal = self.crystals[self.first]
        return float(crystal.volume) / len(crystal)


class Crystals(Document):
    """What the interfaces of one alloy are made of, and what their energies refer to."""

    alloy: str = Field(description="Name of the alloy in the results.")
    crystal: Structure = Field(description="Relaxed crystal of the alloy.")
    energy: float = Field(description="Of this crystal, eV.")
    film: FilmDoc
    converged: bool = Field(description="Whether all crystals and film slabs are relaxed.")
    screened: list[InterfaceDoc] = Field(
        default_factory=list,
        description="Relaxed interfaces by the engine of the geometries, where another one gives "
        "the energies; best first.",
    )

    def by_relaxation(self) -> Crystals:
        """Return the same with the film's energies by the engine that relaxed it."""
        energies = {"energies_per_atom": self.film.relaxed_energies_per_atom}
        return self.model_copy(update={"film": self.film.model_copy(update=energies)})

    def bulk_energy(self, slab: Composition) -> float | None:
        """Energy of a slab's atoms in their reservoirs, eV.

        The film's element comes from its own crystal (Li metal: 0 V), a second element X from
        the alloy Li_x X_y: mu_X = (E - x mu_Li) / y. With more elements mu is fixed only for
        a slab of the alloy's composition; None for any other.
        """
        bulk = self.crystal.composition
        if slab.reduced_composition.almost_equals(bulk.reduced_composition):
            return self.energy * slab.num_atoms / bulk.num_atoms
        element = self.film.element
        others = [e for e in bulk.elements if e.symbol != element]
        if len(others) != 1:
            return None
        mu_film = self.film.energies_per_atom[self.film.first]
        mu_other = (self.energy - bulk[element] * mu_film) / bulk[others[0]]
        return float(slab[element] * mu_film + slab[others[0]] * mu_other)


def label_of(crystals: Crystals, candidate: InterfaceCandidate) -> str:
    """Name of an interface in the names of its jobs."""
    miller = tuple(candidate.substrate_miller)  # a list after a round trip
    return f"{crystals.alloy} {miller} {candidate.termination}"


def film_document(
    element: str,
    lattices: list[str],
    relaxations: list[Any],
    energies: list[Any],
    surface: SurfaceEnergyDoc,
) -> FilmDoc:
    """Document of the film from task documents: relaxed crystals, and their energies."""
    structures = [relaxation.output.structure for relaxation in relaxations]
    per_atom, relaxed = (
        [doc.output.energy / len(s) for doc, s in zip(docs, structures, strict=True)]
        for docs in (energies, relaxations)
    )
    return FilmDoc(
        element=element,
        crystals=dict(zip(lattices, structures, strict=True)),
        energies_per_atom=dict(zip(lattices, per_atom, strict=True)),
        relaxed_energies_per_atom=dict(zip(lattices, relaxed, strict=True)),
        surface=surface,
        converged=surface.converged and all(is_converged(r) for r in relaxations),
        provenance=surface.provenance,
    )


def unique_evaluations(parts: Iterable[Parts]) -> int:
    """Force evaluations behind all parts; slabs that interfaces share count once."""
    documents = {_identity(doc): doc for named in parts for part in named.values() for doc in part}
    return sum(force_evaluations(document) for document in documents.values())


def _identity(document: Any) -> tuple[float, str]:
    # One job's document comes once per use of it; no two jobs agree to the last digit.
    return document.output.energy, str(document.output.forces)


def interface_document(
    maker: AdhesionMaker,
    crystals: Crystals,
    candidate: InterfaceCandidate,
    sampling: SamplingDoc | None,
    parts: Parts,
) -> InterfaceDoc:
    """Document of one relaxed interface.

    Parameters
    ----------
    maker
        Settings.
    crystals
        What the energies refer to.
    candidate, sampling
        The interface as cut, and its registries if they were sampled.
    parts
        Task documents of interface, film, substrate and unstrained film. Slabs may stand in
        a smaller cell than the interface: their energies are scaled by the number of atoms.
    """
    film, substrate = candidate.film, candidate.substrate
    facts = candidate.substrate_facts
    bulk_energy = crystals.bulk_energy(substrate.composition)
    per_film_atom = crystals.film.energies_per_atom[candidate.film_lattice]
    geometries = [geometry for geometry, _ in parts.values()]
    sampled = sampling.force_evaluations if sampling else 0
    return InterfaceDoc(
        substrate=crystals.alloy,
        film=film.composition.reduced_formula,
        energy_interface=parts["interface"][1].output.energy,
        energy_film=_energy_of(parts["film"], len(film)),
        energy_substrate=_energy_of(parts["substrate"], len(substrate)),
        energy_film_unstrained=_energy_of(parts["film unstrained"], len(film)),
        area_film_unstrained=candidate.film_cells * face_area(candidate.film_unstrained),
        energy_film_bulk=len(film) * per_film_atom,
        energy_substrate_bulk=bulk_energy,
        equivalent_faces=facts.equivalent_faces,
        stoichiometric=facts.stoichiometric,
        polar=facts.polar,
        **_cell_facts(candidate),
        **_registry_facts(sampling),
        structure=parts["interface"][0].output.structure,
        force_evaluations=sampled + unique_evaluations([parts]),
        converged=all(is_converged(geometry) for geometry in geometries),
        warnings=_remarks(facts.remarks, bulk_energy) + _left_forces(maker, parts["interface"]),
        provenance=provenance(maker),
    )


def _cell_facts(candidate: InterfaceCandidate) -> dict[str, Any]:
    return {
        "substrate_miller": candidate.substrate_miller,
        "film_lattice": candidate.film_lattice,
        "film_miller": candidate.film_miller,
        "termination": candidate.termination,
        "area": candidate.area,
        "natoms": candidate.natoms,
        "strain": candidate.strain,
        "strains": candidate.film_strains,
    }


def _registry_facts(sampling: SamplingDoc | None) -> dict[str, Any]:
    if sampling is None:
        return {}
    best = sampling.registries[sampling.best]
    return {"registry": best, "rigid_work_of_adhesion": sampling.work_of_adhesion}


def _energy_of(part: Part, natoms: int) -> float:
    _, energy = part
    return float(energy.output.energy * natoms / len(energy.output.structure))


def _remarks(remarks: list[str], bulk_energy: float | None) -> list[str]:
    unknown = "no surface energy: mu of more than one element besides the film's is not fixed"
    return [*remarks, unknown] if bulk_energy is None else list(remarks)


def _left_forces(maker: AdhesionMaker, part: Part) -> list[str]:
    second = maker.energy_engine
    return [] if second is None else remarks_on_forces(second, part[1].output.forces)


def adhesion_document(
    maker: AdhesionMaker,
    crystals: Crystals,
    interfaces: list[InterfaceDoc],
    spent: int,
    warnings: list[str],
    steps: list[SizeStep] | None = None,
    size_converged: bool | None = None,
) -> AdhesionDoc:
    """Document of one alloy.

    Parameters
    ----------
    maker
        Settings.
    crystals
        What the interfaces are made of.
    interfaces
        Relaxed.
    spent
        Force evaluations of samplings, interfaces and slabs.
    warnings
        Of the search.
    steps, size_converged
        Convergence of the best interface in thickness and vacuum, if it was tried.
    """
    film = crystals.film
    source = provenance(maker)
    formula = crystals.crystal.composition.reduced_formula
    document = AdhesionDoc(
        alloy=crystals.alloy,
        engine=source.engine,
        interfaces=interfaces,
        film_surface=film.surface,
        surface_error=surface_error(source.engine, film.element, formula, source.energies_from),
        film_volume_per_atom=film.volume_per_atom,
        size_steps=steps or [],
        size_converged=size_converged,
        screened=crystals.screened,
        force_evaluations=spent + film.surface.force_evaluations,
        converged=crystals.converged and all(interface.converged for interface in interfaces),
        warnings=warnings,
        provenance=source,
    )
    errors = (source.engine, film.element, formula)
    document.work_of_adhesion_interval = adhesion_interval(*errors, document.work_of_adhesion)
    document.wetting_ratio_interval = wetting_interval(*errors, document.wetting_ratio)
    document.warnings = [*warnings, *remarks_on_best(document)]
    return document


def provenance(maker: AdhesionMaker) -> Provenance:
    """Engines and settings of a maker."""
    limits = maker.limits
    settings = {
        "fmax_eV_per_angstrom": maker.fmax,
        "film_thickness_angstrom": limits.film_thickness,
        "substrate_thickness_angstrom": limits.substrate_thickness,
        "vacuum_angstrom": limits.vacuum,
        "max_strain": limits.max_strain,
    }
    return mixed_provenance(maker.engine, maker.energy_engine, maker.fmax, settings)
