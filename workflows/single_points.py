"""Energies of one engine on geometries of another: three single points instead of a relaxation."""

from __future__ import annotations

from typing import Any

from jobflow import Job
from pymatgen.core import Structure

from misei.screening.schemas import Provenance
from misei.workflows.engines import get_engine

# A task document with the relaxed geometry, and one with the energy that counts.
Part = tuple[Any, Any]


def relaxed_with_energy(
    engine: str,
    energy_engine: str | None,
    fmax: float,
    structure: Structure | Any,
    name: str,
    jobs: dict[str, Job],
) -> Part:
    """Relax ions with one engine and take the energy there from another, if there is one.

    Parameters
    ----------
    engine, energy_engine
        Names; None: the relaxation's own energy.
    fmax
        Force tolerance in eV/angstrom.
    structure
        Structure or reference to one.
    name
        Of the job.
    jobs
        Jobs by uuid; the new ones are added. A calculation asked for twice is there once.

    Returns
    -------
    Part
        References to the documents of geometry and of energy.
    """
    relaxation = get_engine(engine, fmax).relax_ions(structure, name)
    jobs.setdefault(relaxation.uuid, relaxation)
    if energy_engine is None:
        return relaxation.output, relaxation.output
    static = get_engine(energy_engine, fmax).static(
        relaxation.output.output.structure, f"{name} energy"
    )
    jobs.setdefault(static.uuid, static)
    return relaxation.output, static.output


def mixed_provenance(
    engine: str, energy_engine: str | None, fmax: float, settings: dict[str, Any]
) -> Provenance:
    """Provenance of energies of one engine on the geometries of another.

    Parameters
    ----------
    engine, energy_engine, fmax
        As :func:`relaxed_with_energy`.
    settings
        Of the flow, units in the names.
    """
    geometry = get_engine(engine, fmax)
    if energy_engine is None:
        return geometry.provenance(settings)
    energies = get_engine(energy_engine, fmax)
    provenance = energies.provenance(
        {**settings, "geometries_from": f"{geometry.name} ({geometry.version})"}
    )
    if energies.energies_from == "DFT" and geometry.energies_from != "DFT":
        provenance.energies_from = "DFT on a potential's geometry"
    return provenance
