"""Elastic tensor of a crystal from the stresses of deformed cells, by atomate2's elastic flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from atomate2.common.schemas.elastic import ElasticDocument
from atomate2.forcefields.flows.elastic import ElasticMaker
from jobflow import Flow, Job, Maker, OnMissing, OutputReference, Response, job
from pymatgen.analysis.elasticity import Strain, Stress
from pymatgen.core import Structure

from misei.screening.schemas_elasticity import ElasticityDoc
from misei.structures.supercells import primitive_cell
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.keys import keyed, keyed_flow, replaced_by

# Task documents have kbar with VASP's sign, by which pressure is positive.
KBAR_TO_GPA = -0.1
# Metals and salts at strains of 1 % have 0.06 to 0.13; a crystal that collapsed had 0.65.
MAX_NONLINEARITY = 0.3


@dataclass
class DeformedCellMaker(Maker):
    """What atomate2's flow relaxes a deformed cell with: an engine, in jobs keyed by content.

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance, eV/angstrom.
    undeformed
        The crystal, or a reference to it: its k-points are those of all deformed cells.
    """

    name: str = "deformed cell"
    engine: str = "sevennet"
    fmax: float = 1e-3
    undeformed: Any = None

    def make(self, structure: Structure) -> Job:
        """Return the job that relaxes the ions in a deformed cell."""
        engine = get_engine(self.engine, self.fmax)
        if engine.name.startswith("gpaw"):
            # A strain of 1 % changes the grid of one crystal in four.
            from misei.workflows.gpaw_engine import on_grid_of

            engine = replace(
                engine, relax_ions_maker=on_grid_of(engine.relax_ions_maker, self.undeformed)
            )
        return engine.relax_ions(structure, self.name)


@dataclass
class ElasticityMaker(Maker):
    """Relax a crystal tightly, strain its cell, relax the ions and fit stress against strain.

    atomate2's elastic flow strains the primitive cell along each of Voigt's six components (less
    what symmetry makes equal), and takes the slope of the second Piola-Kirchhoff stress against
    the Green-Lagrange strain by finite differences (de Jong et al., Sci. Data 2, 150009 (2015),
    10.1038/sdata.2015.9).

    Parameters
    ----------
    engine
        Engine name.
    fmax
        Force tolerance of all relaxations, eV/angstrom.
    strains
        Green-Lagrange strains of each component; zero is that of the relaxed cell and is added.
    symprec
        Symmetry tolerance, angstrom.
    """

    name: str = "elasticity"
    engine: str = "sevennet"
    fmax: float = 1e-3
    strains: tuple[float, ...] = (-0.01, -0.005, 0.005, 0.01)
    symprec: float = 0.01

    def make(self, structure: Structure, formula: str = "", entry_id: str | None = None) -> Flow:
        """Return the flow of one crystal; its output is an :class:`ElasticityDoc`.

        Parameters
        ----------
        structure
            Ordered crystal in any cell.
        formula
            As the document names it; the reduced formula by default.
        entry_id
            Id in the thermodynamic source.

        Raises
        ------
        DisorderedCrystalError
            When a site is partially occupied.
        """
        formula = formula or structure.composition.reduced_formula
        label = entry_id or formula
        relaxation = get_engine(self.engine, self.fmax).relax(
            primitive_cell(structure, self.symprec), f"relax {label} for its elasticity"
        )
        tensor = self._tensor_flow(relaxation, label)
        moduli = keyed(collect_moduli(self, tensor.output, relaxation.output, formula, entry_id))
        moduli.name = f"elasticity of {label}"
        return Flow([relaxation, tensor, moduli], output=moduli.output, name=moduli.name)

    def _tensor_flow(self, relaxation: Job, label: str) -> Flow:
        relaxed: Any = relaxation.output
        deformed = DeformedCellMaker(
            f"deformed {label}", self.engine, self.fmax, undeformed=relaxed.structure
        )
        # The force-field flow differs from VASP's in its default makers only.
        maker = ElasticMaker(
            bulk_relax_maker=None,
            elastic_relax_maker=cast(Any, deformed),
            symprec=self.symprec,
            generate_elastic_deformations_kwargs={"strain_magnitudes": list(self.strains)},
        )
        flow = maker.make(relaxed.structure, equilibrium_stress=relaxed.output.stress)
        for inner in cast(tuple[Job, ...], flow.jobs):
            inner.name = f"{inner.name} of {label}".replace("_", " ")
            # A fit without some of the stresses would be another tensor under the same name: a
            # deformation that fails is run again the next time.
            inner.config.on_missing_references = OnMissing.ERROR
        engine = get_engine(self.engine, self.fmax)
        return keyed_flow(flow, f"{engine.name} {engine.version}")


@job(output_schema=ElasticityDoc)
def collect_moduli(
    maker: ElasticityMaker,
    elastic: ElasticDocument,
    relaxation: Any,
    formula: str,
    entry_id: str | None,
) -> Response[Any]:
    """Look up the relaxations that the tensor rests on: its document names them, no more."""
    fitted = elastic.fitting_data
    schema = get_engine(maker.engine, maker.fmax).task_schema
    uuids = dict.fromkeys((fitted.uuids if fitted else None) or ())
    deformed = [OutputReference(uuid, output_schema=schema) for uuid in uuids]
    moduli = keyed(report_moduli(maker, elastic, relaxation, deformed, formula, entry_id))
    moduli.name = f"moduli of {entry_id or formula}"
    return replaced_by([moduli])


@job(output_schema=ElasticityDoc)
def report_moduli(
    maker: ElasticityMaker,
    elastic: Any,
    relaxation: Any,
    deformed: list[Any],
    formula: str,
    entry_id: str | None,
) -> ElasticityDoc:
    """Make the document of a crystal's elasticity of atomate2's."""
    engine = get_engine(maker.engine, maker.fmax)
    tensor = np.array(elastic.elastic_tensor.ieee_format)
    unconverged = sum(not is_converged(document) for document in deformed)
    document = ElasticityDoc(
        formula=formula,
        entry_id=entry_id,
        engine=engine.name,
        structure=relaxation.structure,
        elastic_tensor_GPa=((tensor + tensor.T) / 2).tolist(),
        residual_stress_GPa=(KBAR_TO_GPA * np.array(relaxation.output.stress)).tolist(),
        deformations=len(deformed),
        nonlinearity=_nonlinearity(elastic),
        converged=is_converged(relaxation) and unconverged == 0,
        provenance=engine.provenance(_settings(maker)),
    )
    document.provenance.source_ids = [entry_id] if entry_id else []
    document.warnings = _warnings(document, unconverged)
    return document


def _nonlinearity(elastic: Any) -> float:
    """Largest deviation of a stress from the fitted tensor's, over the largest stress."""
    fitted = elastic.fitting_data
    strains = np.array([Strain(strain).voigt for strain in fitted.strains])
    stresses = np.array([Stress(stress).voigt for stress in fitted.pk_stresses])
    linear = strains @ np.array(elastic.elastic_tensor.raw).T
    deviations = stresses - Stress(elastic.eq_stress).voigt - linear
    return float(np.abs(deviations).max() / np.abs(linear).max())


def _warnings(document: ElasticityDoc, unconverged: int) -> list[str]:
    found = []
    if unconverged:
        found.append(
            f"{unconverged} of {document.deformations} deformed cells of {document.formula} did "
            "not reach the force tolerance"
        )
    if document.nonlinearity > MAX_NONLINEARITY:
        found.append(
            f"stresses of {document.formula} are not linear in the strain (deviation "
            f"{document.nonlinearity:.2f} of the largest stress): a deformed cell relaxed into "
            "another structure, and the tensor is not that of this one"
        )
    if not document.mechanically_stable:
        found.append(
            f"{document.formula} is not mechanically stable: a strain lowers its energy (smallest "
            f"eigenvalue of the elastic tensor {document.lowest_eigenvalue:.2f} GPa), so that it "
            "has no moduli"
        )
    return found


def _settings(maker: ElasticityMaker) -> dict[str, Any]:
    return {
        "fmax_eV_per_angstrom": maker.fmax,
        "strains": list(maker.strains),
        "symprec_angstrom": maker.symprec,
    }
