"""Elasticity of phases of a source and of structure files: computed, or found in the store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jobflow import Flow

from misei.launchers.machine import machine_settings
from misei.launchers.single import PropertyRun, names_file, read_file
from misei.launchers.sources import open_source
from misei.screening.entries import lowest_phase
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.thermodynamics import phase_name
from misei.workflows.elasticity import ElasticityMaker
from misei.workflows.engines import get_engine


def run_elasticity(
    phases: Iterable[str],
    engine: str,
    workers: int | None = None,
    run_dir: Path | None = None,
    source_name: str | None = None,
) -> PropertyRun[ElasticityDoc]:
    """Compute elastic tensors, or find them in the store.

    Parameters
    ----------
    phases
        Formulas (of polymorphs the one of lowest energy), ids, or paths of structure files.
    engine, workers, run_dir
        As on the command line.
    source_name
        Where the crystals come from; by default the source of the settings.

    Raises
    ------
    MissingDataError
        For a phase that the source does not hold.
    CrystalError
        For a file that is no structure.
    DisorderedCrystalError
        For a crystal with partial occupancies.
    UnknownEngineError
        For an engine that is not known.
    """
    get_engine(engine)
    maker = ElasticityMaker(engine=engine)
    flows = dict(_flow(phase, maker, source_name) for phase in phases)
    run: PropertyRun[ElasticityDoc] = PropertyRun()
    run.add(flows, ElasticityDoc, machine_settings(workers, run_dir), "elasticity")
    return run


def _flow(phase: str, maker: ElasticityMaker, source_name: str | None) -> tuple[str, Flow]:
    if names_file(phase):
        return phase, maker.make(read_file(Path(phase)))
    entry = lowest_phase(open_source(source_name), phase)
    entry_id = str(entry.entry_id)
    return entry_id, maker.make(entry.structure, phase_name(entry), entry_id)
