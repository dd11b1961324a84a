"""Phase diagrams of a source, each built once and kept with what every electrolyte of it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Element

from misei.screening.entries import EntrySource, MissingDataError, ReferenceEntry
from misei.screening.lithiation import LI, Facets


def phase_diagram(
    source: EntrySource, elements: Iterable[str], excluded: Iterable[str] = ()
) -> PhaseDiagram:
    """Return the phase diagram of a chemical system, Li included; each is built once.

    Of the polymorphs of a composition it holds the lowest.

    Parameters
    ----------
    source
        Where the entries come from.
    elements
        Symbols; Li is added.
    excluded
        Ids or formulas of phases to leave out.

    Raises
    ------
    MissingDataError
        When the source has no phase of an excluded id or formula, or an element would be
        left without its elemental phase.
    """
    return find_hull(source, elements, excluded).diagram


def find_hull(source: EntrySource, elements: Iterable[str], excluded: Iterable[str]) -> Hull:
    """Return the hull of a chemical system; parameters and errors as :func:`phase_diagram`."""
    excluded_ids = frozenset(
        str(entry.entry_id) for phase in excluded for entry in _find_excluded(phase, source)
    )
    return _hull(source, frozenset(elements) | {LI.symbol}, excluded_ids)


def _find_excluded(phase: str, source: EntrySource) -> list[ReferenceEntry]:
    entries = source.find(phase)
    if not entries:
        raise MissingDataError(f"cannot exclude {phase!r}: no such id or formula in {source.name}")
    return entries


@dataclass(frozen=True)
class Hull:
    """The phase diagram of one chemical system, with what every electrolyte of it needs."""

    diagram: PhaseDiagram
    facets: Facets
    # Lowest phase of each composition, by reduced formula.
    lowest: dict[str, ReferenceEntry] = field(repr=False)


@lru_cache(maxsize=1024)
def _hull(source: EntrySource, elements: frozenset[str], excluded_ids: frozenset[str]) -> Hull:
    entries = [e for e in source.entries(elements) if e.entry_id not in excluded_ids]
    missing = elements - {e.elements[0].symbol for e in entries if e.is_element}
    if missing:
        raise MissingDataError(
            f"no elemental phase of {', '.join(sorted(missing))} in {source.name}"
            + (" with these exclusions" if excluded_ids else "")
        )
    lowest: dict[str, ReferenceEntry] = {}
    for entry in sorted(entries, key=lambda e: e.energy_per_atom):
        lowest.setdefault(entry.composition.reduced_formula, entry)
    # Higher polymorphs never take part; pymatgen would sort them out anew, slowly.
    diagram = PhaseDiagram(
        list(lowest.values()), elements=[Element(symbol) for symbol in sorted(elements)]
    )
    return Hull(diagram, Facets.of(diagram), lowest)


def clear_hulls() -> None:
    """Forget every hull that was built (benchmarks start from nothing)."""
    _hull.cache_clear()
