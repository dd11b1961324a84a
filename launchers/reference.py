"""Build the bundled reference set: relax every prototype, write one data file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from misei import __version__
from misei.launchers.local import OnProgress, RunReport, run_flows
from misei.launchers.pools import JobPool
from misei.launchers.store import open_store
from misei.screening.corrections import CORRECTION_RULE
from misei.structures.prototypes import Prototype
from misei.structures.reference_set import write_reference_set
from misei.workflows.engines import get_engine
from misei.workflows.reference import ReferencePhaseDoc, ReferencePhaseMaker


def build_reference_set(
    prototypes: Iterable[Prototype],
    run_dir: Path,
    output: Path,
    pool: JobPool,
    maker: ReferencePhaseMaker | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[RunReport, list[ReferencePhaseDoc]]:
    """Relax prototypes and write those that converged.

    Parameters
    ----------
    prototypes
        The phases wanted. A phase relaxed before is taken from the store in ``run_dir``.
    run_dir
        Folder of the store.
    output
        Data file to write.
    pool
        Where the jobs run.
    maker
        Engine and tolerances.
    on_progress
        As in :func:`misei.launchers.local.run_flows`.

    Returns
    -------
    RunReport, list of ReferencePhaseDoc
        What was run, and the phases written.
    """
    maker = maker or ReferencePhaseMaker()
    # Small cells first: a mistake in the data shows early.
    ordered = sorted(prototypes, key=lambda p: sum(site.multiplicity for site in p.sites))
    flows = [maker.make(prototype) for prototype in ordered]
    store = open_store(run_dir / "reference.sqlite")
    report = run_flows(flows, store, run_dir, pool, on_progress)
    phases = []
    for flow in flows:
        doc = store.query_one({"uuid": flow.output.uuid}, ["output"], sort={"index": -1})
        if doc is not None and doc["output"]["converged"]:
            phases.append(ReferencePhaseDoc(**doc["output"]))
    engine = get_engine(maker.engine, maker.fmax)
    provenance = {
        "engine": engine.name,
        "engine_version": engine.version,
        "misei_version": __version__,
        "fmax_eV_per_A": maker.fmax,
        "corrections": CORRECTION_RULE,
        "created_at": datetime.now(UTC).date().isoformat(),
    }
    write_reference_set(provenance, [phase.record() for phase in phases], output)
    return report, phases
