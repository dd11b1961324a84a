"""Engines side by side, beside published DFT: lattice, surfaces, vacancies, hops, adhesion, cost.

Prints the Markdown tables of docs/engine_accuracy.md. Every engine computes the same small cells,
so that GPAW does a row on one core; what the size leaves shows in `--large`, which is meant for a
potential. Rows and engines run in this process, the cheapest first; started again, or stopped and
started again, it goes on with what is missing:

    python benchmarks/dft_accuracy.py --engines sevennet sevennet-l3i5 gpaw-fast
    python benchmarks/dft_accuracy.py lattice "surface:bcc Li(100)" --engines gpaw-standard
    python benchmarks/dft_accuracy.py --engines sevennet --large
    python benchmarks/dft_accuracy.py --table

CPU time is that of this process, one thread, of the runs that computed something; what an earlier
row has computed (a crystal, a path of the cheap engine) costs a later row nothing. Published
values stand in published_dft.csv; its column `confirmed` says whether a value was looked up,
recalled, or taken from a collection.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

from dft_accuracy_cases import (
    ROWS,
    Row,
    UnknownRowError,
    cell_size,
    chosen_rows,
    evaluations,
    make_flow,
    published,
    results,
)
from jobflow import JobStore
from markdown import number, table

from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.workflows.engines import engine_names, get_engine

ENGINES = ("sevennet", "sevennet-l3i5", "gpaw-fast", "gpaw-standard")
DECIMALS = {"angstrom": 3, "J/m2": 3, "eV": 3}


@dataclass
class Costs:
    """CPU seconds by row and engine, kept in a file."""

    path: Path

    def read(self) -> dict[str, float]:
        """All of them."""
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def add(self, key: str, seconds: float) -> None:
        """Add to a row: a run that was stopped goes on."""
        costs = self.read()
        costs[key] = costs.get(key, 0.0) + seconds
        self.path.write_text(json.dumps(costs, indent=1))


@dataclass
class Cell:
    """What one engine gave for one row."""

    numbers: dict[str, float | None]
    atoms: int
    evaluations: int
    converged: bool
    seconds: float


def run_row(row: Row, engine: str, large: bool, store: JobStore, run_dir: Path) -> None:
    """Compute a row, its CPU time noted after every job."""
    flow, _ = make_flow(row, engine, large)
    costs, key = Costs(run_dir / "cpu_seconds.json"), cost_key(row, engine, large)
    seen = {"time": process_time(), "computed": 0}

    def note(report: RunReport, name: str) -> None:
        now, done = process_time(), len(report.computed)
        if done > seen["computed"]:
            costs.add(key, now - seen["time"])
        seen.update(time=now, computed=done)

    report = run_flows([flow], store, run_dir, InlinePool(), note)
    for name, text in report.failed.items():
        print(f"{row.name} {engine}: {name} failed: {text.strip().splitlines()[-1]}")


def cost_key(row: Row, engine: str, large: bool) -> str:
    """Name of a row's cost in the file."""
    return f"{row.name} {engine}{' large' if large else ''}"


def found(row: Row, engine: str, large: bool, store: JobStore, run_dir: Path) -> Cell | None:
    """Result of a row, where it is in the store."""
    flow, schema = make_flow(row, engine, large)
    document: Any = find_document(store, flow.output.uuid, schema)
    if document is None:
        return None
    converged = getattr(document, "converged", True)
    seconds = Costs(run_dir / "cpu_seconds.json").read().get(cost_key(row, engine, large), 0.0)
    size, calls = cell_size(row, document), evaluations(row, document)
    return Cell(results(row, document), size, calls, converged, seconds)


def value_table(rows: list[Row], columns: list[str], cells: dict[tuple[str, str], Cell]) -> str:
    """Numbers of the engines side by side, and published ones."""
    known, lines, sources = published(), [], []
    for row in rows:
        mine = {
            column: cells[row.name, column] for column in columns if (row.name, column) in cells
        }
        if not mine:
            continue
        for heading in next(iter(mine.values())).numbers:
            decimals = next(d for unit, d in DECIMALS.items() if f"({unit})" in heading)
            values = [number_of(mine.get(column), heading, decimals) for column in columns]
            atoms = "/".join(sorted({str(cell.atoms) for cell in mine.values()}, key=int))
            reference = known.get(heading)
            if reference is not None and reference.source not in sources:
                sources.append(reference.source)
            cited = (
                f"{reference.value} [{sources.index(reference.source) + 1}]" if reference else "-"
            )
            lines.append([heading, atoms, *values, cited])
    notes = "\n".join(f"[{k}] {source}  " for k, source in enumerate(sources, start=1))
    return table(("quantity", "atoms", *columns, "published DFT"), lines) + f"\n\n{notes}"


def number_of(cell: Cell | None, heading: str, decimals: int) -> str:
    """A number, with a star where the calculation did not converge."""
    if cell is None:
        return "-"
    return number(cell.numbers.get(heading), decimals) + ("" if cell.converged else "*")


def cost_table(rows: list[Row], columns: list[str], cells: dict[tuple[str, str], Cell]) -> str:
    """Evaluations and CPU seconds of the rows."""
    lines = []
    for row in rows:
        line, any_found = [row.name], False
        for column in columns:
            cell = cells.get((row.name, column))
            any_found = any_found or cell is not None
            line.append("-" if cell is None else f"{cell.evaluations} / {number(cell.seconds, 1)}")
        if any_found:
            lines.append(line)
    return table(("row", *(f"{c}: evaluations / CPU s" for c in columns)), lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "rows", nargs="*", help=f"kinds, or of {', '.join(row.name for row in ROWS)}"
    )
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--large", action="store_true", help="in large cells")
    parser.add_argument("--table", action="store_true", help="only print what is in the store")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/dft_accuracy"))
    options = parser.parse_args(arguments)
    unknown = set(options.engines) - set(engine_names())
    if unknown:
        valid = ", ".join(engine_names())
        parser.error(f"unknown engines {', '.join(sorted(unknown))}; valid: {valid}")
    try:
        options.rows = chosen_rows(options.rows)
    except UnknownRowError as error:
        parser.error(str(error))
    return options


def main() -> int:
    """Run the command line; 1 when a row that was to be computed is missing."""
    options = parse()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run_dir = options.run_dir.resolve()
    run_dir.mkdir(parents=True, exist_ok=True)
    store = open_store(run_dir / "results.sqlite")
    wanted = [(row, engine) for row in options.rows for engine in options.engines]
    if not options.table:
        for engine in options.engines:
            get_engine(engine).get_calculator()  # loading a model is not part of any row
        for row, engine in wanted:
            run_row(row, engine, options.large, store, run_dir)
            print(f"{row.name} {engine} done", file=sys.stderr, flush=True)
    cells: dict[tuple[str, str], Cell] = {}
    for row, engine in wanted:
        cell = found(row, engine, options.large, store, run_dir)
        if cell is not None:
            cells[row.name, engine] = cell
    print(value_table(options.rows, options.engines, cells), end="\n\n")
    print(cost_table(options.rows, options.engines, cells))
    return int(not options.table and len(cells) < len(wanted))


if __name__ == "__main__":
    raise SystemExit(main())
