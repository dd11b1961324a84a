"""Elasticity of phases of a source and of structure files: computed, or found in the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jobflow import Flow

from misei.launchers.commands.console import print_report, progress
from misei.launchers.local import run_flows
from misei.launchers.machine import machine_settings
from misei.launchers.pools import open_pool
from misei.launchers.single import read_file
from misei.launchers.sources import open_source
from misei.launchers.store import open_store
from misei.screening.entries import MissingDataError
from misei.screening.results import find_document
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.thermodynamics import phase_name
from misei.workflows.elasticity import ElasticityMaker
from misei.workflows.engines import get_engine


@dataclass
class ElasticityRun:
    """What `misei elasticity` did.

    Attributes
    ----------
    documents
        By entry id, or by path of a structure file.
    failed
        Ids and paths without a result.
    """

    documents: dict[str, ElasticityDoc] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def run_elasticity(
    phases: Iterable[str],
    engine: str,
    workers: int | None = None,
    run_dir: Path | None = None,
    source_name: str | None = None,
) -> ElasticityRun:
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
    settings, run = machine_settings(workers, run_dir), ElasticityRun()
    store = open_store(settings.store_location)
    with progress("elasticity") as on_progress, open_pool(settings) as pool:
        report = run_flows(flows.values(), store, settings.run_dir, pool, on_progress)
    print_report(report)
    for label, flow in flows.items():
        document = find_document(store, flow.output.uuid, ElasticityDoc)
        if document is None:
            run.failed.append(label)
        else:
            run.documents[label] = document
    return run


def _flow(phase: str, maker: ElasticityMaker, source_name: str | None) -> tuple[str, Flow]:
    path = Path(phase)
    if path.suffix != "" or "/" in phase or path.is_file():
        return phase, maker.make(read_file(path))
    source = open_source(source_name)
    found = source.find(phase)
    if not found:
        raise MissingDataError(
            f"no phase {phase!r} in {source.name}: neither formula nor id, nor a structure file"
        )
    entry_id = str(found[0].entry_id)
    return entry_id, maker.make(found[0].structure, phase_name(found[0]), entry_id)
