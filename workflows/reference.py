"""Relax the curated prototypes with one engine into the bundled reference set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jobflow import Flow, Job, Maker, job
from pydantic import Field
from pymatgen.core import Structure

from misei.screening.corrections import anion_correction
from misei.screening.schemas import CalculationDoc, Provenance
from misei.structures.ordering import ORDERING_RULE, electrostatic_orderings
from misei.structures.prototypes import Prototype
from misei.structures.supercells import primitive_cell
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.keys import keyed


class ReferencePhaseDoc(CalculationDoc):
    """One phase of the reference set."""

    id: str = Field(description="Id of the prototype.")
    formula: str = Field(description="Formula of the prototype.")
    structure: Structure = Field(description="Relaxed primitive cell.")
    energy: float = Field(description="Energy of the cell as the engine gives it, eV.")
    correction: float = Field(description="MP2020 anion correction of the cell, eV.")
    structure_type: str
    reference: str
    ordering: str = Field(description="How disorder was resolved; empty for an ordered crystal.")

    def record(self) -> dict[str, Any]:
        """Return the phase as the data file holds it, coordinates rounded to 1e-5."""
        structure = Structure(
            self.structure.lattice.matrix.round(5),
            [site.species_string for site in self.structure],
            self.structure.frac_coords.round(5),
        )
        return {
            "id": self.id,
            "formula": self.formula,
            "structure": structure.as_dict(verbosity=0),
            "energy": round(self.energy, 5),
            "correction": round(self.correction, 5),
            "natoms": len(structure),
            "volume": round(structure.volume, 3),
            "converged": self.converged,
            "structure_type": self.structure_type,
            "reference": self.reference,
            "ordering": self.ordering,
        }


@dataclass
class ReferencePhaseMaker(Maker):
    """Relax one prototype; a disordered one by its lowest electrostatic orderings.

    Parameters
    ----------
    engine
        Engine name; the most accurate one at hand.
    fmax
        Force tolerance in eV/angstrom.
    orderings
        Number of orderings relaxed for a disordered crystal.
    """

    name: str = "reference phase"
    engine: str = "sevennet-l3i5"
    fmax: float = 0.03
    orderings: int = 5

    def make(self, prototype: Prototype) -> Flow:
        """Return the flow of one phase; its output is a :class:`ReferencePhaseDoc`."""
        crystal = prototype.structure()
        ordered = prototype.is_ordered
        structures = (
            [primitive_cell(crystal)]
            if ordered
            else electrostatic_orderings(crystal, self.orderings)
        )
        engine = get_engine(self.engine, self.fmax)
        relaxations: dict[str, Job] = {}
        for number, structure in enumerate(structures):
            relaxation = engine.relax(structure, f"relax {prototype.id} ordering {number}")
            relaxations[relaxation.uuid] = relaxation
        collect = keyed(
            lowest_phase(
                [relaxation.output for relaxation in relaxations.values()],
                {k: v for k, v in asdict(prototype).items() if k != "sites"},
                "" if ordered else ORDERING_RULE.format(count=len(structures)),
                {"engine": engine.name, "engine_version": engine.version},
            )
        )
        collect.name = f"reference phase {prototype.id}"
        return Flow([*relaxations.values(), collect], output=collect.output, name=prototype.id)


@job(output_schema=ReferencePhaseDoc)
def lowest_phase(
    relaxations: list[Any],
    prototype: dict[str, Any],
    ordering: str,
    engine: dict[str, str],
) -> ReferencePhaseDoc:
    """Keep the relaxation of lowest energy and attach its correction."""
    best = min(relaxations, key=lambda document: document.output.energy)
    structure = best.output.structure
    raw_pbe = get_engine(engine["engine"]).corrections == "MP2020"
    return ReferencePhaseDoc(
        id=prototype["id"],
        formula=prototype["formula"],
        structure=structure,
        energy=best.output.energy,
        correction=anion_correction(structure) if raw_pbe else 0.0,
        structure_type=prototype["structure_type"],
        reference=prototype["reference"],
        ordering=ordering,
        converged=is_converged(best),
        provenance=Provenance(engine=engine["engine"], engine_version=engine["engine_version"]),
    )
