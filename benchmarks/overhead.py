"""What running a job costs beside the job: milliseconds per trivial job.

misei's runner (processes, results in an SQLite file, records) against jobflow's run_locally
(serial, results in memory) on the same flows in the same run, flat and chained:

    python benchmarks/overhead.py --jobs 1000 10000 --limit 300

The start of the workers is not counted (printed apart). A run over the limit is stopped and
its jobs so far are counted. The last column is a second run that finds everything stored.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from markdown import number, table
from trivial_jobs import chained, flat

from misei.launchers.local import run_flows
from misei.launchers.pools import JobPool, local_pool
from misei.launchers.store import open_store

SHAPES: dict[str, Callable[[int], Flow]] = {"flat": flat, "chained": chained}
HEADINGS = (
    "flow", "jobs", "run_locally, MemoryStore (ms/job)", "misei (ms/job)", "ratio",
    "found in the store (ms/job)",
)  # fmt: skip


class OverTimeError(BaseException):  # run_locally keeps exceptions of jobs to itself
    """The time limit was reached."""


def _over_time(signal_number: int, frame: object) -> None:
    raise OverTimeError


def timed(run: Callable[[], object], stored: Callable[[], int], limit_s: int) -> tuple[float, int]:
    """Milliseconds per job that was stored, and their number."""
    before = stored()
    signal.alarm(limit_s)
    start = perf_counter()
    try:
        run()
    except OverTimeError:
        pass
    finally:
        signal.alarm(0)
    count = stored() - before
    return 1000 * (perf_counter() - start) / max(count, 1), count


def baseline(flow: Flow, limit_s: int) -> tuple[float, int]:
    """Time jobflow's own runner."""
    store = JobStore(MemoryStore())
    store.connect()
    return timed(lambda: run_locally(flow, store=store, log=False), store.count, limit_s)


def row(shape: str, count: int, pool: JobPool, folder: Path, limit_s: int) -> list[str]:
    """One line of the table."""
    slow, done = baseline(SHAPES[shape](count), limit_s)
    store = open_store(folder / f"{shape}{count}.sqlite")
    run_dir = folder / f"{shape}{count}"
    flow = SHAPES[shape](count)
    fast, ours = timed(lambda: run_flows([flow], store, run_dir, pool), store.count, limit_s)
    found = "-"
    if ours == count:
        start = perf_counter()
        report = run_flows([flow], store, run_dir, pool)
        assert len(report.reused) == count
        found = number(1000 * (perf_counter() - start) / count)
    return [
        shape,
        str(count),
        number(slow) + ("" if done == count else f" ({done} jobs in {limit_s} s)"),
        number(fast) + ("" if ours == count else f" ({ours} jobs in {limit_s} s)"),
        number(slow / fast),
        found,
    ]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, nargs="*", default=[1000, 10000])
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, default=300, help="seconds per run")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    signal.signal(signal.SIGALRM, _over_time)
    rows = []
    # run_locally changes into a new folder in the one it is started in.
    with tempfile.TemporaryDirectory() as folder, local_pool(options.workers) as pool:
        os.chdir(folder)
        start = perf_counter()
        run_flows([flat(1)], open_store("start.sqlite"), Path("start"), pool)
        started = perf_counter() - start
        for count in options.jobs:
            for shape in options.shapes:
                rows.append(row(shape, count, pool, Path(folder), options.limit))
                print(" | ".join(rows[-1]), flush=True)
    print(f"\n{table(HEADINGS, rows)}\n\nstart of the workers and first job: {started:.1f} s")
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(f"{options.workers} workers; load {load:.1f} on {cores} cores at the end")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
