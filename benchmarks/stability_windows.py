"""Windows of many electrolytes: misei against plain pymatgen, in the same run, in turns.

Plain pymatgen builds a phase diagram and calls ``get_element_profile`` for each electrolyte. Two
sets: the compounds of the source and composites of random pairs of them, in random order, most in a
chemical system of their own (the worst case); and series of composites, 50 ratios of each pair.

    python benchmarks/stability_windows.py
    python benchmarks/stability_windows.py --source mp-cache --electrolytes 200
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import combinations, islice
from statistics import median
from time import perf_counter

from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Composition, Element

from misei.launchers.sources import open_source
from misei.screening.entries import EntrySource
from misei.screening.formulas import parse_mixture
from misei.screening.hulls import clear_hulls
from misei.screening.thermodynamics import reduce

LI = Element("Li")
MAX_ELEMENTS = 6
RATIOS = 50
LIMIT = 0.001  # V: the two must agree to this
EVOLUTION_NOISE = 1e-5  # mol of Li per formula unit
BLOCKS = 5  # the two take turns, so that a busy machine slows both

Window = tuple[float, float | None]


def compounds_and_composites(source: EntrySource, count: int, seed: int = 0) -> list[str]:
    """Formulas of compounds, then of two-compound composites, in random order."""
    shuffle = random.Random(seed)
    compounds = compounds_of(source)
    pairs = pairs_of(compounds, shuffle)
    composites = (f"{shuffle.randint(1, 20)} {a} + {b}" for a, b in pairs)
    formulas = [*compounds, *islice(composites, max(0, count - len(compounds)))][:count]
    shuffle.shuffle(formulas)
    return formulas


def composite_series(source: EntrySource, count: int, seed: int = 0) -> list[str]:
    """Formulas of composites, RATIOS ratios of each pair, pair after pair."""
    pairs = pairs_of(compounds_of(source), random.Random(seed))
    chosen = islice(pairs, -(-count // RATIOS))
    return [f"{n} {a} + {b}" for a, b in chosen for n in range(1, RATIOS + 1)][:count]


def compounds_of(source: EntrySource) -> list[str]:
    """Formulas of the compounds of a source."""
    found = (e for e in source.entries(source.elements) if not e.is_element)
    return sorted({e.composition.reduced_formula for e in found})


def pairs_of(compounds: list[str], shuffle: random.Random) -> Iterator[tuple[str, str]]:
    """Pairs of compounds with at most MAX_ELEMENTS elements, Li among them, in random order."""
    pairs = list(combinations(compounds, 2))
    shuffle.shuffle(pairs)
    return (p for p in pairs if len({*Composition(p[0]), *Composition(p[1]), LI}) <= MAX_ELEMENTS)


def misei_window(formula: str, source: EntrySource) -> Window:
    """Reduction and oxidation potential by misei."""
    document = reduce(formula, source)
    return document.reduction_potential, document.oxidation_potential


def pymatgen_window(formula: str, source: EntrySource) -> Window:
    """Reduction and oxidation potential as a script with plain pymatgen finds them."""
    composition = parse_mixture(formula).composition
    symbols = {element.symbol for element in composition} | {"Li"}
    diagram = PhaseDiagram(source.entries(symbols))
    rows = diagram.get_element_profile(LI, composition)
    # From Li metal upwards; each row carries the low edge of its own range.
    potentials = [r["element_reference"].energy_per_atom - r["chempot"] for r in rows]
    uptakes = [r["evolution"] for r in rows]
    above = [*potentials[1:], None]
    reduced = [
        p for p, u in zip(above, uptakes, strict=True) if u > EVOLUTION_NOISE and p is not None
    ]
    oxidized = [p for p, u in zip(potentials, uptakes, strict=True) if u < -EVOLUTION_NOISE]
    return max(reduced, default=0.0), min(oxidized, default=None)


def difference(a: Window, b: Window) -> float:
    """Largest difference of two windows, V; infinite where only one has an upper edge."""
    if (a[1] is None) != (b[1] is None):
        return float("inf")
    upper = 0.0 if a[1] is None or b[1] is None else abs(a[1] - b[1])
    return max(abs(a[0] - b[0]), upper)


def main() -> None:
    """Print the times, the ratio and the largest difference of both sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--electrolytes", type=int, default=1000)
    parser.add_argument("--source", default="bundled")
    arguments = parser.parse_args()
    source = open_source(arguments.source)
    # Both read the same parsed entries: parsing is not what is compared.
    start = perf_counter()
    entries = source.entries(source.elements)
    print(f"{len(entries)} entries, parsed in {perf_counter() - start:.1f} s")
    for electrolytes in (compounds_and_composites, composite_series):
        formulas = electrolytes(source, arguments.electrolytes)
        print(f"\n{electrolytes.__name__.replace('_', ' ')}: {len(formulas)} electrolytes")
        compare(formulas, source)


def compare(formulas: list[str], source: EntrySource) -> None:
    """Time both on the same formulas, in turns."""
    clear_hulls()
    ours: list[Window] = []
    theirs: list[Window] = []
    times: list[tuple[float, float]] = []
    size = -(-len(formulas) // BLOCKS)
    for block in (formulas[i : i + size] for i in range(0, len(formulas), size)):
        start = perf_counter()
        ours += [misei_window(f, source) for f in block]
        middle = perf_counter()
        theirs += [pymatgen_window(f, source) for f in block]
        times.append((middle - start, perf_counter() - middle))
    report(formulas, ours, theirs, times)


def report(
    formulas: list[str],
    ours: list[Window],
    theirs: list[Window],
    times: list[tuple[float, float]],
) -> None:
    """Print what was measured; exit with 1 where the windows disagree."""
    total = [sum(t) for t in zip(*times, strict=True)]
    ratios = sorted(b / a for a, b in times)
    print(f"misei     {total[0]:8.2f} s  ({1000 * total[0] / len(formulas):.2f} ms each)")
    print(f"pymatgen  {total[1]:8.2f} s  ({1000 * total[1] / len(formulas):.2f} ms each)")
    print(
        f"pymatgen / misei: {total[1] / total[0]:.1f} in all; by block {ratios[0]:.1f} to "
        f"{ratios[-1]:.1f}, median {median(ratios):.1f}"
    )
    differences = [difference(a, b) for a, b in zip(ours, theirs, strict=True)]
    worst = max(range(len(formulas)), key=lambda i: differences[i])
    print(f"largest difference: {1000 * differences[worst]:.4f} mV ({formulas[worst]})")
    wrong = [f for f, d in zip(formulas, differences, strict=True) if d > LIMIT]
    if wrong:
        raise SystemExit(f"{len(wrong)} windows differ by more than 1 mV: {', '.join(wrong[:10])}")


if __name__ == "__main__":
    main()
