"""Surface energies: the lowest of a few facets of one crystal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core import Structure

from misei.screening.schemas import Miller, Provenance
from misei.screening.schemas_adhesion import SurfaceEnergyDoc
from misei.structures.slabs import face_area, symmetric_slab
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.keys import keyed, replaced_by


@dataclass
class SurfaceEnergyMaker(Maker):
    """Relax a crystal, then symmetric slabs of its facets; keep the lowest surface energy.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance in eV/angstrom.
    millers
        Facets, in the conventional cell.
    thickness, vacuum
        Least thickness of the slabs and width of the vacuum, angstrom.
    """

    name: str = "surface energy"
    engine: str = "sevennet"
    fmax: float = 0.05
    millers: tuple[Miller, ...] = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
    thickness: float = 12.0
    vacuum: float = 12.0

    def make(self, structure: Structure | OutputReference) -> Flow:
        """Return the flow; its output is the :class:`SurfaceEnergyDoc` of the lowest facet."""
        relaxation = get_engine(self.engine, self.fmax).relax(structure, "relax bulk")
        surface = self.from_relaxed(relaxation.output)
        return Flow([relaxation, surface], output=surface.output, name=self.name)

    def from_relaxed(self, relaxation: OutputReference) -> Job:
        """Job that starts from the task document of a relaxed crystal."""
        surface = keyed(cut_surfaces(self, relaxation))
        surface.name = self.name
        return surface


@job(output_schema=SurfaceEnergyDoc)
def cut_surfaces(maker: SurfaceEnergyMaker, relaxation: Any) -> Response[Any]:
    """Cut the slabs of a relaxed crystal and relax them."""
    bulk = relaxation.output.structure
    engine = get_engine(maker.engine, maker.fmax)
    formula = bulk.composition.reduced_formula
    relaxations = [
        engine.relax_ions(
            symmetric_slab(bulk, miller, maker.thickness, maker.vacuum), f"{formula} {miller} slab"
        )
        for miller in maker.millers
    ]
    collect = keyed(lowest_surface(maker, [r.output for r in relaxations], relaxation))
    collect.name = f"{formula} lowest surface energy"
    return replaced_by([*relaxations, collect])


@job(output_schema=SurfaceEnergyDoc)
def lowest_surface(maker: SurfaceEnergyMaker, slabs: list[Any], bulk: Any) -> SurfaceEnergyDoc:
    """Surface energy of each facet; the lowest becomes the document, all are in its settings."""
    engine = get_engine(maker.engine, maker.fmax)
    documents = [
        SurfaceEnergyDoc(
            formula=bulk.output.structure.composition.reduced_formula,
            miller=miller,
            energy_slab=slab.output.energy,
            energy_bulk_per_atom=bulk.output.energy / len(bulk.output.structure),
            natoms=len(slab.output.structure),
            area=face_area(slab.output.structure),
            converged=is_converged(slab) and is_converged(bulk),
            provenance=Provenance(engine=engine.name, engine_version=engine.version),
        )
        for miller, slab in zip(maker.millers, slabs, strict=True)
    ]
    lowest = min(documents, key=lambda document: document.surface_energy)
    lowest.converged = all(document.converged for document in documents)
    lowest.provenance.settings = {
        "thickness_angstrom": maker.thickness,
        "vacuum_angstrom": maker.vacuum,
        "fmax_eV_per_angstrom": maker.fmax,
        "surface_energies_J_per_m2": {str(tuple(d.miller)): d.surface_energy for d in documents},
    }
    return lowest
