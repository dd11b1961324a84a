"""Jobs of one interface candidate: its registries with rigid slabs, then its relaxation.

The slabs are calculated in their smallest in-plane cells: what a repeated slab does, its small
cell does at a fraction of the cost, and candidates on the same termination share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from atomate2.ase.jobs import AseMaker
from jobflow import Job, OutputReference, job
from pydantic import Field
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas import Document
from misei.screening.schemas_registries import RegistryDoc, SamplingDoc
from misei.structures.interfaces import InterfaceCandidate
from misei.structures.registry import Registry
from misei.structures.slab_cells import SlabCell, slab_cell
from misei.structures.slabs import centred_in_vacuum
from misei.workflows.adhesion_results import Parts
from misei.workflows.engines import get_engine
from misei.workflows.keys import keyed
from misei.workflows.rigid_film import sample_registries

if TYPE_CHECKING:
    from misei.workflows.adhesion import AdhesionMaker

# Of slabs by themselves while registries are sampled: wider than any potential reaches, angstrom.
SLAB_VACUUM = 12.0


class StartDoc(Document):
    """Structures of one interface before its relaxation, all with its area."""

    interface: Structure = Field(description="Outer halves of the slabs relaxed, at the registry.")
    film: Structure = Field(description="Film slab, relaxed by itself, in this area.")
    substrate: Structure = Field(description="Substrate slab, relaxed by itself, in this area.")


def sampling(
    maker: AdhesionMaker, candidate: InterfaceCandidate, label: str, jobs: dict[str, Job]
) -> OutputReference:
    """Add the jobs that sample the registries of a candidate; return the SamplingDoc.

    Parameters
    ----------
    maker
        Engine, and whether the film moves; an engine without an ASE calculator compares
        single points.
    candidate
        Interface as cut.
    label
        For the names of the jobs.
    jobs
        Jobs by uuid, to be added to.
    """
    engine = get_engine(maker.engine, maker.fmax)
    if maker.rigid and isinstance(engine.static_maker, AseMaker):
        sample = keyed(
            sample_candidate(maker.engine, candidate), version=f"{engine.name} {engine.version}"
        )
    else:
        structures = {
            "film": candidate.film,
            "substrate": candidate.substrate,
            **{
                f"registry {k}": candidate.interface(registry)
                for k, registry in enumerate(candidate.registries)
            },
        }
        statics = [engine.static(s, f"{label} {part}") for part, s in structures.items()]
        for static in statics:
            jobs.setdefault(static.uuid, static)
        energies = [static.output.output.energy for static in statics]
        sample = keyed(collect_single_points(maker.engine, candidate, energies))
    sample.name = f"{label} registries"
    jobs.setdefault(sample.uuid, sample)
    return sample.output


@job(output_schema=SamplingDoc)
def sample_candidate(engine_name: str, candidate: InterfaceCandidate) -> SamplingDoc:
    """Minimize shift and gap of the film in each registry, film and substrate rigid."""
    engine = get_engine(engine_name)
    registries = candidate.registries
    calculator = engine.get_calculator()
    slabs = [candidate.film, candidate.substrate]
    energies = [_slab_energy(slab, calculator) for slab in slabs]
    sampled = sample_registries(
        [candidate.interface(registry) for registry in registries],
        len(candidate.film),
        [(registry.shift, registry.gap) for registry in registries],
        calculator,
    )
    return _sampling_doc(engine_name, candidate, energies, sampled)


def _slab_energy(slab: Structure, calculator: Any) -> float:
    cell = slab_cell(slab, vacuum=SLAB_VACUUM)
    atoms = AseAtomsAdaptor.get_atoms(cell.slab, msonable=False)
    atoms.calc = calculator
    return cell.count * float(atoms.get_potential_energy())


@job(output_schema=SamplingDoc)
def collect_single_points(
    engine_name: str, candidate: InterfaceCandidate, energies: list[float]
) -> SamplingDoc:
    """Registries compared where their atoms touch: film, substrate, then the interfaces."""
    film, substrate, *interfaces = energies
    registries = [
        RegistryDoc(
            shift=registry.shift, gap=registry.gap, energy=energy, evaluations=1, converged=False
        )
        for registry, energy in zip(candidate.registries, interfaces, strict=True)
    ]
    return _sampling_doc(engine_name, candidate, [film, substrate], registries)


def _sampling_doc(
    engine_name: str,
    candidate: InterfaceCandidate,
    slabs: list[float],
    registries: list[RegistryDoc],
) -> SamplingDoc:
    document = SamplingDoc(
        energy_film=slabs[0],
        energy_substrate=slabs[1],
        area=candidate.area,
        registries=registries,
        force_evaluations=len(slabs) + sum(registry.evaluations for registry in registries),
        converged=True,
        provenance=get_engine(engine_name).provenance({}),
    )
    document.converged = document.registries[document.best].converged
    return document


def relaxed_interface(
    maker: AdhesionMaker,
    candidate: InterfaceCandidate,
    sampled: SamplingDoc,
    label: str,
    jobs: dict[str, Job],
) -> tuple[Parts, OutputReference]:
    """Add the jobs that relax a candidate from its best registry.

    Parameters
    ----------
    maker
        Engine and force tolerance.
    candidate, sampled
        Interface as cut, and its registries.
    label
        For the names of the jobs.
    jobs
        Jobs by uuid, to be added to.

    Returns
    -------
    tuple
        References to the documents of the relaxations, and to the :class:`StartDoc`.
    """
    engine, vacuum = get_engine(maker.engine, maker.fmax), maker.limits.vacuum
    cells = {
        "film": slab_cell(candidate.film, vacuum),
        "substrate": slab_cell(candidate.substrate, vacuum),
    }
    slabs = {part: engine.relax_ions(cell.slab, f"{label} {part}") for part, cell in cells.items()}
    for slab in slabs.values():
        jobs.setdefault(slab.uuid, slab)
    start = _start_job(candidate, sampled, cells, slabs, label)
    jobs[start.uuid] = start
    relaxations = {
        **slabs,
        "interface": engine.relax_ions(start.output.interface, label),
        "film unstrained": engine.relax_ions(candidate.film_unstrained, f"{label} film unstrained"),
    }
    for relaxation in relaxations.values():
        jobs.setdefault(relaxation.uuid, relaxation)
    return {part: (r.output, r.output) for part, r in relaxations.items()}, start.output


def _start_job(
    candidate: InterfaceCandidate,
    sampled: SamplingDoc,
    cells: dict[str, SlabCell],
    slabs: dict[str, Job],
    label: str,
) -> Job:
    """Job that puts the interface together at its best registry."""
    best = sampled.registries[sampled.best]
    relaxed = {part: slab.output.output.structure for part, slab in slabs.items()}
    start = keyed(start_interface(candidate, Registry(best.shift, best.gap), cells, relaxed))
    start.name = f"{label} start"
    return start


def second_energies(
    maker: AdhesionMaker, parts: Parts, start: Any, label: str, jobs: dict[str, Job]
) -> Parts:
    """Add single points of the maker's second engine on a relaxed interface and its slabs.

    Parameters
    ----------
    maker
        With an ``energy_engine``.
    parts, start
        Of :func:`relaxed_interface`, references or documents.
    label
        For the names of the jobs.
    jobs
        Jobs by uuid, to be added to.

    Returns
    -------
    Parts
        The geometries of ``parts`` with references to their new energies.
    """
    engine = get_engine(str(maker.energy_engine), maker.fmax)
    structures = {
        part: parts[part][0].output.structure for part in ("interface", "film unstrained")
    }
    # With the area of the interface, so that errors of the k-points cancel.
    structures |= {"film": start.film, "substrate": start.substrate}
    energies: Parts = {}
    for part, structure in structures.items():
        static = engine.static(structure, f"{label} {part} energy")
        jobs.setdefault(static.uuid, static)
        energies[part] = (parts[part][0], static.output)
    return energies


@job(output_schema=StartDoc)
def start_interface(
    candidate: InterfaceCandidate,
    registry: Registry,
    cells: dict[str, SlabCell],
    relaxed: dict[str, Structure],
) -> StartDoc:
    """Put an interface together for its relaxation.

    The outer halves of both slabs start as the free slabs relaxed, the faces that meet as they
    were cut: an interface is closer to the crystals than to free surfaces.
    """
    film, substrate = candidate.film, candidate.substrate
    outer = {
        "film": film.cart_coords[:, 2] > _middle(film),
        "substrate": substrate.cart_coords[:, 2] < _middle(substrate),
    }
    slabs = {"film": film, "substrate": substrate}
    started, alone = {}, {}
    for part, slab in slabs.items():
        cell = cells[part]
        started[part] = cell.displaced(slab, relaxed[part], outer[part])
        whole = cell.displaced(slab, relaxed[part], np.ones(len(slab), dtype=bool))
        # No more vacuum than its small cell has: plane waves fill it at a cost.
        alone[part] = centred_in_vacuum(whole, cell.slab.lattice.c - _height(cell.slab))
    shift = np.array([*registry.shift, registry.gap / film.lattice.c])
    interface = started["substrate"].copy()
    for site in started["film"]:
        interface.append(site.species, site.frac_coords + shift)
    return StartDoc(interface=interface, film=alone["film"], substrate=alone["substrate"])


def _height(slab: Structure) -> float:
    return float(np.ptp(slab.cart_coords[:, 2]))


def _middle(slab: Structure) -> float:
    heights = slab.cart_coords[:, 2]
    return float(heights.max() + heights.min()) / 2
