"""Force evaluations and wall time per barrier: misei against atomate2's and ASE's bands.

Everyone computes the same hop of a vacancy in the same supercell of the same relaxed crystal,
from unrelaxed ends, down to 0.02 eV/angstrom, with the same model, loaded once (the crystal's own
relaxation counts for nobody):

misei     as the migration flow does: ends that symmetry relates are relaxed once, the saddle is
          searched by Engine.saddle (midpoint, half band or band), its check included
atomate2  AseNebFromEndpointsMaker: both ends and a climbing, improved-tangent band of 5 images
          by FIRE, from its default linear path
ASE       both ends by BFGS, the same band by NEBOptimizer, from IDPP. It stops when no component
          of a force is above the tolerance, not the force: a little earlier than the others.

Counted are the calls of the model, so that nothing escapes; the count is exact and repeatable.
Wall times are of one run each on whatever else the machine does; with EMT they are mostly
bookkeeping. Exits with 1 where converged barriers differ by more than 10 meV. A flow that computes
several hops of a crystal relaxes each kind of vacancy once; here every hop pays for its own.

    python benchmarks/neb.py --engine emt
    python benchmarks/neb.py --engine sevennet --json sevennet.json
    python benchmarks/neb.py --hops Cu "Li2O-225 Li0-Li0"
    python benchmarks/neb.py --baselines sevennet.json     # run only misei again
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports numpy

from jobflow import Flow
from neb_baselines import ase_barrier, atomate2_barrier
from neb_cases import CASES, FMAX, Case, PlacedHop, UnknownHopError, place, run_in_process
from neb_meter import Measured, calculator, metered
from rich.console import Console
from rich.progress import Progress

from misei.workflows.engines import SaddleSettings, get_engine
from misei.workflows.migration_plan import guess_path, plan_hops

AGREEMENT = 0.010  # eV
BASELINES: dict[str, Callable[[PlacedHop], Measured]] = {
    "atomate2": atomate2_barrier,
    "ASE": ase_barrier,
}


@dataclass(frozen=True)
class Row:
    """One hop by every method."""

    name: str
    hop: str
    engine: str
    atoms: int
    symmetric: bool
    methods: dict[str, Measured]

    def ratio(self, baseline: str) -> float:
        """How many times more force calls a baseline makes."""
        return self.methods[baseline].evaluations / self.methods["misei"].evaluations

    def difference(self, baseline: str) -> float:
        """Barrier of misei minus that of a baseline, eV."""
        return self.methods["misei"].barrier - self.methods[baseline].barrier


def our_barrier(placed: PlacedHop) -> Measured:
    """Compute a barrier as the migration flow does."""
    settings = SaddleSettings()
    engine = get_engine(placed.case.engine, FMAX, settings)
    with metered(placed.case.engine) as meter:
        (planned,), *_ = plan_hops(placed.cell, placed.graph, [placed.hop])
        relaxations = {
            site: engine.relax_ions(placed.cell.ideal(site), f"vacancy {site}")
            for site in planned.sources
        }
        ends = [relaxations[site].output for site in planned.sources]
        guess = guess_path(
            placed.cell,
            planned,
            [end.structure for end in ends],
            [end.output.energy for end in ends],
            settings.n_images,
        )
        search = engine.saddle(guess.output, placed.case.name)
        path = run_in_process(Flow([*relaxations.values(), guess, search], output=search.output))
    return Measured(
        barrier=path.saddle_energy - path.energies[0],
        residual=path.residual_force,
        evaluations=meter.evaluations,
        seconds=meter.seconds,
        converged=path.state == "converged",
        how=path.method,
    )


def measure(case: Case, earlier: dict[str, Row], done: Callable[[], None]) -> Row:
    """Compute one hop by every method; baselines measured earlier are taken from there."""
    placed = place(case)
    known = earlier.get(case.name)
    if known and (known.hop, known.atoms) != (placed.hop.label, placed.n_atoms):
        known = None
    methods = {"misei": our_barrier(placed)}
    done()
    for name, method in BASELINES.items():
        methods[name] = known.methods[name] if known else method(placed)
        done()
    return Row(case.name, placed.hop.label, case.engine, placed.n_atoms, placed.symmetric, methods)


def print_table(rows: list[Row]) -> None:
    """Print barriers, force calls, their ratios and wall times, symmetric hops first."""
    print(
        f"{'':43}{'barrier, eV':^26}{'force evaluations':^34}{'wall time, s':^24}\n"
        f"{'hop':27}{'atoms':>5} {'by':10}"
        f"{'misei':>8}{'atomate2':>9}{'ASE':>9}"
        f"{'misei':>6}{'atomate2':>14}{'ASE':>14}"
        f"{'misei':>8}{'atomate2':>9}{'ASE':>7}"
    )
    for kind in (True, False):
        print("ends swapped by symmetry" if kind else "other hops")
        for row in (row for row in rows if row.symmetric is kind):
            print(row_text(row))


def row_text(row: Row) -> str:
    """One line of the table."""
    ours, atomate2, ase = (row.methods[name] for name in ("misei", *BASELINES))
    times_more = {name: f"({row.ratio(name):.1f} x)" for name in BASELINES}
    length = row.hop.split(" ", 1)[1]
    return (
        f"{row.name:19} {length:>7}{row.atoms:5} {ours.how:10}"
        f"{ours.barrier:8.3f}{atomate2.barrier:9.3f}{ase.barrier:9.3f}"
        f"{ours.evaluations:6}"
        f"{atomate2.evaluations:5} {times_more['atomate2']:8}"
        f"{ase.evaluations:5} {times_more['ASE']:8}"
        f"{ours.seconds:8.1f}{atomate2.seconds:9.1f}{ase.seconds:7.1f}"
    )


def print_means(rows: list[Row]) -> None:
    """Print the geometric means of the ratios by kind of hop, of each engine and of all."""
    print("\ntimes more force evaluations than misei, geometric mean")
    engines = {row.engine: {row.engine} for row in rows}
    if len(engines) > 1:
        engines["all"] = {*engines}
    for label, included in engines.items():
        for kind in (True, False):
            some = [row for row in rows if row.symmetric is kind and row.engine in included]
            if some:
                means = ", ".join(
                    f"{name} {geometric_mean(row.ratio(name) for row in some):.1f}"
                    for name in BASELINES
                )
                print(f"  {label}, {len(some)} {'symmetric' if kind else 'other'} hops: {means}")


def print_agreement(rows: list[Row]) -> bool:
    """Print what did not converge and which barriers differ; whether all agree."""
    agree = True
    for row in rows:
        for name, measured in row.methods.items():
            if not measured.converged:
                print(f"{row.name}: {name} did not converge")
        for name in BASELINES:
            if abs(row.difference(name)) > AGREEMENT:
                print(f"{row.name}: misei - {name} {1000 * row.difference(name):+.1f} meV")
                agree &= not (row.methods[name].converged and row.methods["misei"].converged)
    largest = max(abs(row.difference(name)) for row in rows for name in BASELINES)
    print(f"\nlargest difference of a barrier from misei's: {1000 * largest:.1f} meV")
    return agree


def read_rows(path: Path) -> dict[str, Row]:
    """Read rows of an earlier run, by name of the hop."""
    rows = json.loads(path.read_text())["rows"]
    return {
        row["name"]: Row(
            **{**row, "methods": {name: Measured(**m) for name, m in row["methods"].items()}}
        )
        for row in rows
    }


def chosen_cases(engine: str, names: list[str] | None) -> list[Case]:
    """Cases of an engine, or those of these names."""
    if names:
        unknown = sorted({*names} - {case.name for case in CASES})
        if unknown:
            valid = ", ".join(case.name for case in CASES)
            raise UnknownHopError(f"unknown hop {unknown[0]!r}; valid: {valid}")
        return [case for case in CASES if case.name in names]
    return [case for case in CASES if engine in ("all", case.engine)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("emt", "sevennet", "all"), default="emt")
    parser.add_argument("--hops", nargs="*", metavar="NAME", help="instead of an engine's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file")
    parser.add_argument(
        "--baselines", type=Path, metavar="FILE", help="take the baselines from an earlier --json"
    )
    return parser.parse_args()


def main() -> None:
    """Measure, print; exit with 1 where converged barriers differ."""
    warnings.filterwarnings("ignore")
    arguments = parse()
    try:
        cases = chosen_cases(arguments.engine, arguments.hops)
    except UnknownHopError as error:
        raise SystemExit(str(error)) from None
    earlier = read_rows(arguments.baselines) if arguments.baselines else {}
    for engine in {case.engine for case in cases}:
        calculator(engine)  # loads the model
    rows: list[Row] = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("barriers", total=len(cases) * (1 + len(BASELINES)))
        for case in cases:
            bar.update(task, description=case.name)
            rows.append(measure(case, earlier, lambda: bar.advance(task)))
            if arguments.json:  # after every hop, so that nothing measured is lost
                content: dict[str, Any] = {"fmax": FMAX, "rows": [asdict(row) for row in rows]}
                arguments.json.write_text(json.dumps(content, indent=1))
    print_table(rows)
    if earlier:
        print(
            "\nwall times of atomate2 and ASE are of another run, not to be compared with misei's"
        )
    print_means(rows)
    if not print_agreement(rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
