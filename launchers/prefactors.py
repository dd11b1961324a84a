"""Vibrations of the hop that limits diffusion, run or found in the store."""

from __future__ import annotations

from pathlib import Path

from jobflow import Flow

from misei.launchers.single import RunError, run_flow
from misei.screening.schemas_diffusion import PrefactorDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.workflows.prefactors import PrefactorMaker


def run_prefactor(
    migration: MigrationDoc, label: str, workers: int | None, run_dir: Path | None
) -> PrefactorDoc:
    """Compute the attempt frequency of a hop, or find it in the store.

    Parameters
    ----------
    migration
        Document that holds the hop with its images.
    label
        Of the hop.
    workers, run_dir
        As in :func:`misei.launchers.single.run_barrier`.

    Raises
    ------
    RunError
        When the document has no images of the hop, or the run failed.
    """
    hop = next(hop for hop in migration.hops if hop.label == label)
    if not hop.images or hop.mover is None:
        raise RunError(f"the images of {migration.alloy} {label} were not stored")
    saddle = hop.images[hop.energies.index(max(hop.energies))]
    maker = PrefactorMaker(engine=migration.engine)
    job = maker.make(hop.images[0], saddle, hop.mover, f"{migration.alloy} {label}")
    return run_flow(Flow([job], output=job.output, name=job.name), PrefactorDoc, workers, run_dir)
