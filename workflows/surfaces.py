"""Surface energies: the facets of one crystal, of which the lowest counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core import Structure

from misei.screening.schemas import Miller, Provenance
from misei.screening.schemas_surfaces import FacetDoc, SizeStep, SurfaceEnergyDoc
from misei.structures.facets import SlabError, low_index_millers
from misei.structures.slabs import face_area, symmetric_slab
from misei.workflows.engines import force_evaluations, get_engine, is_converged
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.single_points import Part, mixed_provenance, relaxed_with_energy


@dataclass
class SurfaceEnergyMaker(Maker):
    """Relax a crystal, then symmetric slabs of its facets; the lowest surface energy counts.

    Facets without a stoichiometric slab with two equivalent faces (polar ones of a salt) have
    no surface energy of their own; the document names them.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance in eV/angstrom.
    millers
        Facets, in the conventional cell; by default all distinct ones up to index 1.
    thickness, vacuum
        Least thickness of the slabs and width of the vacuum, angstrom.
    converge
        Repeat with slabs thicker by ``thickness_step`` (angstrom) until the lowest surface energy
        changes by less than ``tolerance`` (J/m2), or a slab would exceed ``max_atoms``.
    energy_engine
        Engine whose single points on the relaxed slabs give the energies; by default ``engine``.
    """

    name: str = "surface energy"
    engine: str = "sevennet"
    fmax: float = 0.05
    millers: tuple[Miller, ...] | None = None
    thickness: float = 12.0
    vacuum: float = 12.0
    converge: bool = False
    tolerance: float = 0.01
    thickness_step: float = 3.5
    max_atoms: int = 150
    energy_engine: str | None = None

    def __post_init__(self) -> None:
        # Tuples come back from JSON, on their way to a worker, as lists.
        if self.millers is not None:
            self.millers = tuple((h, k, i) for h, k, i in self.millers)

    def make(self, structure: Structure | OutputReference) -> Flow:
        """Return the flow; its output is the :class:`SurfaceEnergyDoc` of the lowest facet."""
        relaxation = get_engine(self.engine, self.fmax).relax(structure, "relax bulk")
        surface = self.from_relaxed(relaxation.output)
        return Flow([relaxation, surface], output=surface.output, name=self.name)

    def from_relaxed(self, relaxation: OutputReference) -> Job:
        """Job that starts from the task document of a relaxed crystal."""
        surface = keyed(cut_surfaces(self, relaxation, self.thickness, []))
        surface.name = self.name
        return surface


@job(output_schema=SurfaceEnergyDoc)
def cut_surfaces(
    maker: SurfaceEnergyMaker, relaxation: Any, thickness: float, steps: list[SizeStep]
) -> Response[Any]:
    """Cut the slabs of a relaxed crystal and relax them."""
    return _slabs_relaxed(maker, relaxation, thickness, steps)


def _slabs_relaxed(
    maker: SurfaceEnergyMaker, relaxation: Any, thickness: float, steps: list[SizeStep]
) -> Response[Any]:
    bulk = relaxation.output.structure
    formula = bulk.composition.reduced_formula
    slabs, left_out = symmetric_slabs(bulk, maker, thickness)
    jobs: dict[str, Job] = {}
    parts = [
        relaxed_with_energy(maker.engine, maker.energy_engine, maker.fmax, slab, name, jobs)
        for slab, name in ((slab, f"{formula} {miller} slab") for miller, slab in slabs.items())
    ]
    bulk_energy = relaxation
    if maker.energy_engine is not None:
        static = get_engine(maker.energy_engine, maker.fmax).static(bulk, f"{formula} bulk energy")
        jobs[static.uuid] = static
        bulk_energy = static.output
    collect = keyed(
        lowest_surface(
            maker, list(slabs), parts, relaxation, bulk_energy, left_out, thickness, steps
        )
    )
    collect.name = f"{formula} lowest surface energy"
    return replaced_by([*jobs.values(), collect])


def symmetric_slabs(
    bulk: Structure, maker: SurfaceEnergyMaker, thickness: float
) -> tuple[dict[Miller, Structure], list[str]]:
    """Cut the facets of a crystal that have a surface energy.

    Parameters
    ----------
    bulk
        Relaxed crystal.
    maker
        Facets and vacuum.
    thickness
        Least thickness, angstrom.

    Returns
    -------
    tuple
        Slabs by facet, and why the other facets have none.

    Raises
    ------
    SlabError
        When no facet has one.
    """
    slabs, left_out = {}, []
    for miller in maker.millers or low_index_millers(bulk):
        try:
            slabs[miller] = symmetric_slab(bulk, miller, thickness, maker.vacuum)
        except SlabError as error:
            left_out.append(str(error))
    if not slabs:
        raise SlabError("; ".join(left_out))
    return slabs, left_out


@job(output_schema=SurfaceEnergyDoc)
def lowest_surface(
    maker: SurfaceEnergyMaker,
    millers: list[Miller],
    slabs: list[Part],
    bulk: Any,
    bulk_energy: Any,
    left_out: list[str],
    thickness: float,
    steps: list[SizeStep],
) -> SurfaceEnergyDoc | Response[Any]:
    """Surface energy of each facet; the lowest is the document, unless thickness still matters."""
    provenance = mixed_provenance(maker.engine, maker.energy_engine, maker.fmax, _settings(maker))
    facets = [
        _facet(miller, *slab, bulk, bulk_energy, provenance)
        for miller, slab in zip(millers, slabs, strict=True)
    ]
    lowest = min(facets, key=lambda document: document.surface_energy)
    spent = sum(facet.force_evaluations for facet in facets)
    steps = [*steps, _step(lowest, maker.vacuum, spent)]
    settled = len(steps) > 1 and abs(steps[-1].value - steps[-2].value) < maker.tolerance
    thicker = thickness + maker.thickness_step
    fits = max(facet.natoms for facet in facets) * thicker / thickness <= maker.max_atoms
    if maker.converge and not settled and fits:
        return _slabs_relaxed(maker, bulk, thicker, steps)
    warnings = []
    if maker.converge and not settled:
        warnings.append(
            f"surface energy not converged with thickness to {maker.tolerance:g} J/m2 within "
            f"{maker.max_atoms} atoms"
        )
    facts = {
        **dict(lowest),
        "converged": all(facet.converged for facet in facets),
        "force_evaluations": sum(step.force_evaluations for step in steps),
        "warnings": warnings,
    }
    return SurfaceEnergyDoc(
        **facts,
        facets=facets,
        left_out=left_out,
        thickness_steps=steps if maker.converge else [],
    )


def _facet(
    miller: Miller, slab: Any, energy: Any, bulk: Any, bulk_energy: Any, provenance: Provenance
) -> FacetDoc:
    structure = slab.output.structure
    single_point = [energy] if "geometries_from" in provenance.settings else []
    heights = structure.cart_coords[:, 2]
    return FacetDoc(
        formula=bulk.output.structure.composition.reduced_formula,
        miller=miller,
        energy_slab=energy.output.energy,
        energy_bulk_per_atom=bulk_energy.output.energy / len(bulk.output.structure),
        natoms=len(structure),
        area=face_area(structure),
        thickness=float(np.ptp(heights)),
        force_evaluations=sum(force_evaluations(doc) for doc in (slab, *single_point)),
        converged=is_converged(slab) and is_converged(bulk),
        provenance=provenance,
    )


def _step(lowest: FacetDoc, vacuum: float, spent: int) -> SizeStep:
    return SizeStep(
        substrate_thickness=lowest.thickness or 0.0,
        vacuum=vacuum,
        natoms=lowest.natoms,
        value=lowest.surface_energy,
        force_evaluations=spent,
    )


def _settings(maker: SurfaceEnergyMaker) -> dict[str, Any]:
    return {
        "fmax_eV_per_angstrom": maker.fmax,
        "thickness_angstrom": maker.thickness,
        "vacuum_angstrom": maker.vacuum,
        "converge_thickness": maker.converge,
    }
