"""Results stores: writes, queries and sizes of misei's SQLite file, MontyStore and MemoryStore.

Every store is filled with N documents of jobs (5 kB of JSON, made from the schemas), in bulk and
not counted. Then, with N documents in it: the time of one JobStore.update of one new document,
and of four queries: one job by its uuid (as get_output asks), the class and alloy of a document
(both have an index in misei; about ten match), a number that has no index (about ten match), and
find_documents of one alloy, which builds the documents too. Medians with quartiles, first of the
clock, then of the processor, which a busy machine harms less but which knows nothing of a disk.
What takes longer than --seconds is cut off there, with the number of repeats; a store that cannot
be filled in twenty times that is given up. Ratios are of processor time, in the same run.

MontyStore needs montydb: python -m pip install montydb. Files are made in a temporary folder:
TMPDIR says where.

    python benchmarks/store.py
    python benchmarks/store.py --documents 1000 --seconds 10
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from math import inf
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from jobflow import JobStore
from maggma.stores import MemoryStore, MontyStore
from markdown import number, table
from monty.json import jsanitize
from rich.console import Console
from rich.progress import Progress

from misei.launchers.store import open_store
from misei.screening.results import find_documents
from misei.screening.schemas import Provenance
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.screening.store import SQLiteStore

SIZES = (1_000, 10_000, 100_000)
REPEATS = 200
BATCH = 500
ENGINE = Provenance(engine="sevennet", engine_version="1", settings={"fmax_eV_per_A": 0.05})
Times = tuple[list[float], list[float]]  # of the clock and of the processor, ms
MEASURED = ("write", "by uuid", "class and alloy", "no index", "find_documents")


def template() -> dict[str, Any]:
    """Entry of a job with a migration document, as jobflow stores it."""
    hops = [
        HopDoc(
            label=f"Li0-Li{end} 3.00 A", sites=(0, end), distance=3.0, multiplicity=4,
            energies=[-100.0123456789, -99.87654321, -99.7012345, -99.8123456, -100.0123456789],
            path_length=[0.0, 0.8123456789, 1.612345678, 2.412345678, 3.212345678],
            residual_force=0.04123456, force_evaluations=60, converged=True, provenance=ENGINE,
        )
        for end in range(1, 7)
    ]  # fmt: skip
    document = MigrationDoc(
        alloy="", engine="sevennet", hops=hops, hops_not_computed=["Li0-Li9 4.80 A"],
        barriers_by_dimension={"1": 0.2, "2": 0.3, "3": 0.4}, vacancy_energies=[0.4, 0.5],
        supercell=((2, 0, 0), (0, 2, 0), (0, 0, 2)), natoms=0, force_evaluations=360,
        converged=True, provenance=ENGINE,
    )  # fmt: skip
    return {
        "index": 1, "completed_at": "2026-01-01T00:00:00", "metadata": {}, "hosts": ["a flow"],
        "output": jsanitize(document, strict=True, enum_values=True),
    }  # fmt: skip


def entry(base: dict[str, Any], i: int, size: int) -> dict[str, Any]:
    """Entry ``i`` of ``size``: about ten share a class and an alloy, and ten a number of atoms."""
    doc = {**base, "output": dict(base["output"])}
    doc["uuid"], doc["name"] = f"{i:08d}-5caa-523a-b265-14c2038add20", f"job {i % 50}"
    doc["output"]["alloy"] = f"Li{i % (size // 100)}Al"
    doc["output"]["natoms"] = i % (size // 10)
    if i // (size // 100) % 10:
        doc["output"]["@class"] = "CalculationOfAnotherKind"
    return doc


def entries(first: int, last: int, size: int) -> Iterator[dict[str, Any]]:
    base = template()
    for i in range(first, last):
        yield entry(base, i, size)


def stores(folder: Path) -> dict[str, Callable[[], JobStore]]:
    """How each store is made in a folder."""

    def monty(storage: str) -> Callable[[], JobStore]:
        path = folder / f"monty-{storage}"
        path.mkdir()
        return lambda: JobStore(MontyStore("docs", str(path), storage=storage))

    found: dict[str, Callable[[], JobStore]] = {
        "misei": lambda: open_store(folder / "misei.sqlite"),
        "MemoryStore": lambda: JobStore(MemoryStore()),
    }
    if find_spec("montydb"):
        found |= {f"MontyStore {kind}": monty(kind) for kind in ("sqlite", "flatfile")}
    return found


def fill(store: JobStore, size: int, limit: float) -> int:
    """Put documents into a store in bulk for at most ``limit`` seconds; how many there are then."""
    start, done = perf_counter(), 0
    while done < size and perf_counter() - start < limit:
        docs = list(entries(done, min(done + BATCH, size), size))
        if isinstance(store.docs_store, SQLiteStore):
            store.docs_store.update(docs, key=["uuid", "index"])
        else:  # their update looks through all documents for each one
            store.docs_store._collection.insert_many(docs)
        done += len(docs)
    return done


def timed(action: Callable[[int], object], limit: float) -> Times:
    """Times of an action, repeated until there are enough or the limit in seconds is over."""
    start, clock, processor = perf_counter(), [], []
    while len(clock) < REPEATS and perf_counter() - start < limit:
        before, used = perf_counter(), process_time()
        action(len(clock))
        clock.append(1e3 * (perf_counter() - before))
        processor.append(1e3 * (process_time() - used))
    return clock, processor


def measured(store: JobStore, size: int, limit: float) -> dict[str, Times]:
    """Times of each kind of action."""
    new = list(entries(size, size + REPEATS, size))
    step = max(1, size // REPEATS)
    alloys = [f"Li{i % (size // 100)}Al" for i in range(REPEATS)]
    uuids = [new[0]["uuid"].replace(f"{size:08d}", f"{i * step:08d}") for i in range(REPEATS)]
    properties = ["uuid", "index", "output", "completed_at"]

    def by_uuid(i: int) -> object:
        found = store.query_one({"uuid": uuids[i]}, ["output"], sort={"index": -1})
        assert found is not None
        return found

    def by_class(i: int) -> object:
        criteria = {"output.@class": "MigrationDoc", "output.alloy": alloys[i]}
        return list(store.query(criteria, list(properties)))

    def by_atoms(i: int) -> object:
        return list(store.query({"output.natoms": i % (size // 10)}, ["uuid", "name"]))

    actions: dict[str, Callable[[int], object]] = {
        "write": lambda i: store.update(new[i]),
        "by uuid": by_uuid,
        "class and alloy": by_class,
        "no index": by_atoms,
        "find_documents": lambda i: find_documents(store, MigrationDoc, alloy=alloys[i]),
    }
    return {name: timed(actions[name], limit) for name in MEASURED}


def folder_size(folder: Path) -> float:
    """Megabytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def spread(times: list[float]) -> str:
    """Median and quartiles."""
    if len(times) < 4:
        return f"{median(times):.3g} (n = {len(times)})"
    low, _, high = quantiles(times, n=4)
    return f"{median(times):.3g} ({low:.3g} to {high:.3g})"


def run(size: int, limit: float, progress: Progress) -> None:
    """Fill and measure every store at one size, and print the tables."""
    sizes: dict[str, str] = {}
    results: dict[str, dict[str, Times]] = {}
    with TemporaryDirectory() as temporary:
        makers = stores(Path(temporary))
        task = progress.add_task(f"{size} documents", total=len(makers))
        for name, make in makers.items():
            before = folder_size(Path(temporary))
            store = make()
            store.connect()
            # Without ours there is nothing to compare with.
            there = fill(store, size, inf if name == "misei" else 20 * limit)
            if there < size:
                sizes[name] = f"given up: {there} documents in {20 * limit:.0f} s"
            else:
                results[name] = measured(store, size, limit)
                store.close()
                used = folder_size(Path(temporary)) - before
                sizes[name] = number(used if used > 0.0 else None, 1)
            progress.advance(task)
    print_tables(size, sizes, results)


def print_tables(size: int, sizes: dict[str, str], results: dict[str, dict[str, Times]]) -> None:
    """Print times and ratios."""
    ours = results["misei"]
    for which, clock in enumerate(("clock", "processor")):
        rows = [
            [name, used, *(spread(results[name][kind][which]) for kind in MEASURED)]
            if name in results
            else [name, used, *["-"] * len(MEASURED)]
            for name, used in sizes.items()
        ]
        print(f"\n{size} documents; ms of the {clock}: median (quartiles)\n")
        print(table(["store", "MB", *MEASURED], rows))
    ratios = [
        [name, *(f"{median(times[kind][1]) / median(ours[kind][1]):.3g}" for kind in MEASURED)]
        for name, times in results.items()
    ]
    print("\nprocessor times over misei's\n")
    print(table(["store", *MEASURED], ratios), flush=True)


def main() -> None:
    """Print times, sizes and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of each measurement")
    arguments = parser.parse_args()
    kilobytes = len(str(template())) / 1e3
    print(f"Documents of {kilobytes:.1f} kB.")
    if not find_spec("montydb"):
        print("MontyStore left out: montydb is not installed.")
    with Progress(console=Console(stderr=True)) as progress:
        for size in arguments.documents:
            run(size, arguments.seconds, progress)


if __name__ == "__main__":
    main()
