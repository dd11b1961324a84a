"""Work of adhesion: misei's choice of interfaces against relaxing everything.

Both look at the same candidates in the same registries (facets, terminations and cells of the
same relaxed crystals), with the same engine, force tolerance and slabs, each relaxed once:

misei   AdhesionMaker: registries between rigid slabs, the most promising candidates relaxed
plain   every candidate in every registry relaxed to the end, from where the atoms touch; polar
        terminations only where there is no other, as in misei

What counts is the interface of lowest interface energy gamma_int, as in the documents, and beside
it the one of largest W_ad. "missed" is how much gamma_int misei's choice lies above plain's; it has
two parts, candidates that were not relaxed and registries that end in a higher minimum. Force
evaluations are the calls of the model; misei's must be those in its document. What they cost is
atoms x evaluations. The relaxed crystals and the film's surface energy are the same for both and
count for nobody.

Exits with 1 where W_ad of an interface that both relaxed is lower by more than 0.03 J/m2 in misei's
run, or where its document counts evaluations differently.

    python benchmarks/adhesion.py
    python benchmarks/adhesion.py --cases "Cu on Ag" "Cu on Cu3Au" --relaxed 1
    python benchmarks/adhesion.py --registries "single points" --json points.json
    python benchmarks/adhesion.py --plain points.json     # run only misei again
    python benchmarks/adhesion.py --engine sevennet
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import geometric_mean, mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports numpy

from adhesion_cases import CASES, Case
from adhesion_runs import Contact, Found, Meter, Row, Runner, metered, read_rows
from jobflow import Flow, Job
from markdown import number, table
from neb_meter import calculator
from rich.console import Console
from rich.progress import Progress

from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc, best_interface
from misei.structures.interfaces import InterfaceCandidate, find_interfaces
from misei.structures.slab_cells import slab_cell
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.adhesion_results import Crystals, Parts, interface_document
from misei.workflows.engines import get_engine, is_converged
from misei.workflows.single_points import relaxed_with_energy

# W_ad of one interface by both, J/m2: the tolerance of AdhesionMaker's own convergence in size.
AGREEMENT = 0.03
RIGID, POINTS = "rigid", "single points"


def measure(
    case: Case, maker: AdhesionMaker, earlier: Row | None, show: Callable[[str], None]
) -> Row:
    """Run one case by both methods; plain's of an earlier run is taken as it is."""
    runner = Runner()
    film = maker.film_flow()
    bulk = get_engine(maker.engine, maker.fmax).relax(case.substrate(), f"{case.name} relax bulk")
    show("crystals")
    runner.run(Flow([film, bulk]))
    with metered(case.engine, lambda n: show(f"misei {n}")) as meter:
        adhesion: AdhesionDoc = runner.run(maker.from_relaxed(bulk.output, case.name, film.output))
    ours = found(adhesion.interfaces, meter)
    documented = adhesion.force_evaluations - adhesion.film_surface.force_evaluations
    relaxed, film_document = runner.output(bulk.output), runner.output(film.output)
    crystals = Crystals(
        alloy=case.name,
        crystal=relaxed.output.structure,
        energy=relaxed.output.energy,
        film=film_document,
        converged=is_converged(relaxed) and film_document.converged,
    )
    candidates = find_interfaces(
        crystals.crystal, film_document.crystals, maker.limits, maker.candidates
    ).candidates
    if earlier is None:
        usable = [c for c in candidates if not c.substrate_facts.polar] or candidates
        with metered(case.engine, lambda n: show(f"plain {n}")) as meter:
            documents = everything_relaxed(maker, crystals, usable, runner)
        plain = found(documents, meter)
    else:
        plain = earlier.plain
    return Row(case.name, case.engine, len(candidates), documented, ours, plain)


def everything_relaxed(
    maker: AdhesionMaker, crystals: Crystals, candidates: list[InterfaceCandidate], runner: Runner
) -> list[InterfaceDoc]:
    """Relax every candidate in every registry, from where the atoms touch."""
    jobs: dict[str, Job] = {}
    every: list[tuple[InterfaceCandidate, Parts]] = []
    relax = partial(relaxed_with_energy, maker.engine, None, maker.fmax, jobs=jobs)
    for number_, candidate in enumerate(candidates):
        slabs = {
            "film": slab_cell(candidate.film, maker.limits.vacuum).slab,
            "substrate": slab_cell(candidate.substrate, maker.limits.vacuum).slab,
            "film unstrained": candidate.film_unstrained,
        }
        shared = {part: relax(slab, name=f"{number_} {part}") for part, slab in slabs.items()}
        every += [
            (
                candidate,
                {"interface": relax(candidate.interface(r), name=f"{number_} {r}"), **shared},
            )
            for r in candidate.registries
        ]
    runner.run(Flow([*jobs.values()]))
    return [
        interface_document(maker, crystals, candidate, None, resolved(parts, runner))
        for candidate, parts in every
    ]


def resolved(parts: Parts, runner: Runner) -> Parts:
    """Documents in the place of the references to them."""
    return {
        name: (runner.output(geometry), runner.output(energy))
        for name, (geometry, energy) in parts.items()
    }


def found(documents: list[InterfaceDoc], meter: Meter) -> Found:
    """Gather the interfaces that a method relaxed."""
    contacts: dict[str, Contact] = {}
    for document in documents:
        key = " ".join((document.film_lattice, miller(document.film_miller), face(document)))
        if key not in contacts or contacts[key].work < document.work_of_adhesion:
            contacts[key] = contact(document)
    strongest = max(documents, key=lambda document: document.work_of_adhesion)
    return Found(
        best=contact(best_interface(documents)),
        strongest=contact(strongest),
        contacts=contacts,
        evaluations=meter.evaluations,
        atom_evaluations=meter.atom_evaluations,
        seconds=meter.seconds,
    )


def contact(document: InterfaceDoc) -> Contact:
    return Contact(
        face=face(document),
        work=document.work_of_adhesion,
        gamma=document.interface_energy,
        converged=document.converged,
    )


def face(document: InterfaceDoc) -> str:
    """Facet and termination of the substrate."""
    return f"{miller(document.substrate_miller)} {document.termination.split(' | ')[1]}"


def miller(indices: Sequence[int]) -> str:
    return f"({''.join(map(str, indices))})"


def print_tables(rows: list[Row]) -> None:
    """Print what both found, what it cost, and the means."""
    print("\n**Found** (J/m2; misei / plain)\n")
    columns = (
        "case", "candidates", "relaxed", "face misei", "face plain", "W_ad", "difference",
        "gamma_int", "missed", "by choice", "largest W_ad", "its face, plain",
    )  # fmt: skip
    print(table(columns, (found_cells(row) for row in rows)))
    print("\n**Cost** (misei / plain)\n")
    headings = ("case", "evaluations", "atom-evaluations", "ratio", "wall time, s")
    print(table(headings, (cost_cells(row) for row in rows)))
    ratios = [row.ratio for row in rows]
    print(f"\ntimes more atom-evaluations by plain, geometric mean: {geometric_mean(ratios):.2f}")
    print(f"atom-evaluations by misei: {sum(row.misei.atom_evaluations for row in rows)}")
    for label, losses in (
        ("misei's choice missed the better interface", [row.missed for row in rows]),
        ("... because it was not relaxed", [row.missed_by_choice for row in rows]),
    ):
        known = [loss for loss in losses if loss is not None]
        if known:
            above = [loss for loss in known if loss > AGREEMENT]
            lost = mean(max(loss, 0.0) for loss in known)
            print(f"{label}: {len(above)} of {len(known)}, mean loss {lost:.3f} J/m2")


def found_cells(row: Row) -> list[str]:
    ours, plain = row.misei, row.plain
    late = "" if ours.best.converged else " (not converged)"
    return [
        row.name,
        str(row.candidates),
        str(len(ours.contacts)),
        ours.best.face + late,
        plain.best.face,
        f"{ours.best.work:.3f} / {plain.best.work:.3f}",
        f"{ours.best.work - plain.best.work:+.3f}",
        f"{number(ours.best.gamma, 3)} / {number(plain.best.gamma, 3)}",
        "no" if (row.missed or 0.0) <= AGREEMENT else f"yes, {row.missed:.3f}",
        number(row.missed_by_choice, 3),
        f"{ours.strongest.work:.3f} / {plain.strongest.work:.3f}",
        plain.strongest.face,
    ]


def cost_cells(row: Row) -> list[str]:
    ours, plain = row.misei, row.plain
    return [
        row.name,
        f"{ours.evaluations} / {plain.evaluations}",
        f"{ours.atom_evaluations} / {plain.atom_evaluations}",
        f"{row.ratio:.2f}",
        f"{ours.seconds:.1f} / {plain.seconds:.1f}",
    ]


def agree(rows: list[Row]) -> bool:
    """Print where both differ on one interface or on their count; whether misei stands."""
    right = True
    for row in rows:
        if row.documented != row.misei.evaluations:
            print(f"{row.name}: {row.misei.evaluations} calls, {row.documented} in the document")
            right = False
        for key, difference in row.differences.items():
            if abs(difference) > AGREEMENT:
                print(f"{row.name} {key}: W_ad misei - plain {difference:+.3f} J/m2")
                right &= difference > 0
    return right


def chosen_cases(engine: str, names: list[str] | None) -> list[Case]:
    """Cases of an engine, or those of these names."""
    unknown = sorted({*(names or [])} - {case.name for case in CASES})
    if unknown:
        valid = ", ".join(case.name for case in CASES)
        raise SystemExit(f"unknown case {unknown[0]!r}; valid: {valid}")
    if names:
        return [case for case in CASES if case.name in names]
    return [case for case in CASES if engine in ("all", case.engine)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("emt", "sevennet", "all"), default="emt")
    parser.add_argument("--cases", nargs="*", metavar="NAME", help="instead of an engine's")
    parser.add_argument("--relaxed", type=int, default=3, help="by misei, default %(default)s")
    parser.add_argument(
        "--candidates", type=int, default=9, help="of both at most, default %(default)s"
    )
    parser.add_argument(
        "--registries", choices=(RIGID, POINTS), default=RIGID, help="how misei compares them"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file")
    parser.add_argument(
        "--plain", type=Path, metavar="FILE", help="take plain from an earlier --json"
    )
    return parser.parse_args()


def main() -> None:
    """Measure, print; exit with 1 where misei is wrong about an interface or its cost."""
    warnings.filterwarnings("ignore")
    arguments = parse()
    cases = chosen_cases(arguments.engine, arguments.cases)
    earlier = read_rows(arguments.plain) if arguments.plain else {}
    for engine in {case.engine for case in cases}:
        calculator(engine)  # loads the model
    rows: list[Row] = []
    settings = (arguments.relaxed, arguments.candidates, arguments.registries == RIGID)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("adhesion", total=len(cases))
        for case in cases:
            show = partial(show_progress, bar, task, case.name)
            rows.append(measure(case, case.maker(*settings), earlier.get(case.name), show))
            bar.advance(task)
            if arguments.json:  # after every case, so that nothing measured is lost
                content: dict[str, Any] = {"rows": [asdict(row) for row in rows]}
                arguments.json.write_text(json.dumps(content, indent=1))
    print_tables(rows)
    if not agree(rows):
        raise SystemExit(1)


def show_progress(bar: Progress, task: Any, case: str, stage: str) -> None:
    bar.update(task, description=f"{case} {stage}")


if __name__ == "__main__":
    main()
