"""A barrier by DFT started from a potential's relaxed ends and path, against one from IDPP.

Both runs use the same maker, settings and supercell; one starts from the ideal vacancy and
an IDPP path, the other from the cheap engine's crystal, relaxed ends and path. Prints force
evaluations and CPU time by stage, and barriers, for docs/engine_accuracy.md (the metal is relaxed
by whichever run comes first, and counted for both):

    python benchmarks/dft_barriers.py "fcc Li" --engine gpaw-fast --start-from sevennet

Where symmetry would prove the saddle to be the relaxed midpoint that shortcut is switched off
(unless --shortcut), so that a search is compared with a search: one image that climbs between the
ends, and a band of three where that fails. The run folder holds a results store; a run that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from dft_accuracy import Costs
from dft_accuracy_cases import CRYSTALS, Row
from jobflow import Flow, Job, JobStore
from markdown import number, table
from monty.json import MontyDecoder

from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_paths import PathDoc
from misei.workflows.engines import engine_names, force_evaluations, get_engine
from misei.workflows.migration import MigrationMaker
from misei.workflows.saddle_settings import SaddleSettings

SAME_BARRIER = 0.010  # eV; both meet the same force tolerance, from different sides
STAGES = ("crystal and metal", "supercell", "ends", "saddle")
HEADINGS = (
    "start", *(f"{stage}: evaluations / CPU s" for stage in STAGES), "all", "E_m (eV)", "E_f (eV)",
    "how the saddle was found",
)  # fmt: skip


@dataclass
class Result:
    """What one start led to."""

    document: MigrationDoc
    evaluations: dict[str, int]
    seconds: dict[str, float]


def maker(options: argparse.Namespace, start_from: str | None) -> MigrationMaker:
    """Maker of one of the two runs."""
    saddle = SaddleSettings(shortcut=options.shortcut, check_modes=options.check_modes)
    return MigrationMaker(
        engine=options.engine,
        fmax=options.fmax,
        cutoff=4.5,
        saddle=saddle,
        min_length=options.min_length,
        start_from=start_from,
    )


def compute(
    crystal: str, options: argparse.Namespace, start_from: str | None, store: JobStore
) -> Result | None:
    """Compute one barrier or find it; the cheap engine's part costs CPU time of its own."""
    structure = Row("hop", crystal).structure()
    run_dir = options.run_dir
    costs = Costs(run_dir / "cpu_seconds.json")
    if start_from is not None:  # first, so that its time is not the DFT's
        cheap = replace(maker(options, None), engine=start_from).make(structure, crystal)
        _run(cheap, store, run_dir, costs, f"{_key(crystal, options, None)} {start_from}")
    flow = maker(options, start_from).make(structure, crystal)
    key = _key(crystal, options, start_from)
    _run(flow, store, run_dir, costs, key)
    document = find_document(store, flow.output.uuid, MigrationDoc)
    if document is None:
        return None
    seconds = {stage: costs.read().get(f"{key}: {stage}", 0.0) for stage in STAGES}
    return Result(document, by_stage(flow, store, options.engine), seconds)


def _key(crystal: str, options: argparse.Namespace, start_from: str | None) -> str:
    return (
        f"{crystal} {options.engine} from {start_from} {options.fmax} {options.min_length} "
        f"{options.shortcut} {options.check_modes}"
    )


def _run(flow: Flow, store: JobStore, run_dir: Path, costs: Costs, key: str) -> None:
    seen = {"time": process_time(), "computed": 0}

    def note(report: RunReport, name: str) -> None:
        now, done = process_time(), len(report.computed)
        if done > seen["computed"]:
            costs.add(f"{key}: {_stage(name)}", now - seen["time"])
        seen.update(time=now, computed=done)
        print(f"{key}: {name}", file=sys.stderr, flush=True)

    report = run_flows([flow], store, run_dir, InlinePool(), note)
    for name, text in report.failed.items():
        print(f"{name} failed: {text.strip().splitlines()[-1]}", file=sys.stderr)


def by_stage(flow: Flow, store: JobStore, engine: str) -> dict[str, int]:
    """Force evaluations of an engine in a flow, from its jobs' documents."""
    counts: dict[str, int] = defaultdict(int)
    schemas = {s.__name__: s for s in (PathDoc, get_engine(engine).task_schema)}
    for job in _jobs(flow, store):
        (entry,) = list(store.query({"uuid": job.uuid, "index": 1}, ["output"])) or [{}]
        output = entry.get("output")
        schema = schemas.get(output.get("@class", "")) if isinstance(output, dict) else None
        if schema is not None:
            document = find_document(store, job.uuid, schema)
            counts[_stage(job.name)] += force_evaluations(document)
    return counts


def _stage(name: str) -> str:
    words = {"bulk": "crystal and metal", "supercell": "supercell", "vacancy": "ends"}
    return next((stage for word, stage in words.items() if word in name), "saddle")


def _jobs(flow: Flow, store: JobStore) -> Iterator[Job]:
    """Jobs of a flow, but for another engine's flow in it, and those that they asked for."""
    waiting: list[Job] = [job for job in flow.jobs if not isinstance(job, Flow)]
    records, seen = store.additional_stores["records"], set()
    while waiting:
        job = waiting.pop()
        if job.uuid in seen:
            continue
        seen.add(job.uuid)
        yield job
        for record in records.query({"uuid": job.uuid}):
            for asked in record["new_jobs"].values():
                again = MontyDecoder().process_decoded(asked)
                waiting += [new for new, _ in again.iterflow()]


def line(start: str, result: Result) -> list[str]:
    """One line of the table."""
    document = result.document
    return [
        start,
        *(f"{result.evaluations[stage]} / {result.seconds[stage]:.0f}" for stage in STAGES),
        str(sum(result.evaluations.values())),
        number(document.migration_barrier, 4),
        number(document.vacancy_formation_energy, 4),
        ", ".join(f"{hop.label}: {hop.method}" for hop in document.hops),
    ]


def main() -> int:
    """Run the command line; 1 when the barriers differ by more than 10 meV or one is missing."""
    options = parse()
    options.run_dir = options.run_dir.resolve()
    options.run_dir.mkdir(parents=True, exist_ok=True)
    store = open_store(options.run_dir / "results.sqlite")
    for engine in (options.engine, options.start_from):
        get_engine(engine).get_calculator()
    failed = 0
    for crystal in options.crystals:
        starts = {f"{options.start_from}'s ends and path": options.start_from, "IDPP": None}
        results = {k: compute(crystal, options, start, store) for k, start in starts.items()}
        both = [result for result in results.values() if result is not None]
        if not both:
            continue
        print(f"\n{crystal}, {both[0].document.natoms} atoms with the vacancy:\n")
        print(table(HEADINGS, [line(k, result) for k, result in results.items() if result]))
        barriers = [result.document.migration_barrier or 0.0 for result in both]
        failed |= len(both) < 2 or max(barriers) - min(barriers) > SAME_BARRIER
    return int(failed)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crystals", nargs="*", default=["fcc Li"], help=", ".join(CRYSTALS))
    parser.add_argument("--engine", default="gpaw-fast", help="the expensive one")
    parser.add_argument("--start-from", default="sevennet", help="the cheap one")
    parser.add_argument("--fmax", type=float, default=0.03, help="eV/angstrom")
    parser.add_argument("--min-length", type=float, default=6.0, help="of the supercell, angstrom")
    parser.add_argument("--shortcut", action="store_true", help="use symmetry where there is some")
    parser.add_argument("--check-modes", action="store_true", help="count negative curvatures")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/dft_barriers"))
    options = parser.parse_args(arguments)
    for value, valid in (
        *((crystal, list(CRYSTALS)) for crystal in options.crystals),
        *((engine, engine_names()) for engine in (options.engine, options.start_from)),
    ):
        if value not in valid:
            parser.error(f"unknown {value!r}; valid: {', '.join(valid)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
