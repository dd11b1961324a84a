"""Candidate alloys: the phases of the Li-M hull and where they are stable against Li."""

from __future__ import annotations

from pymatgen.core import Composition

from misei.screening.entries import (
    EntrySource,
    MissingDataError,
    ReferenceEntry,
    is_metallic_composition,
)
from misei.screening.formulas import FormulaError, parse_composition
from misei.screening.hulls import phase_diagram
from misei.screening.lithiation import LI
from misei.screening.schemas_thermodynamics import AlloyCandidate
from misei.screening.thermodynamics import phase_name, voltage_profile


def alloy_candidates(
    metal: str, source: EntrySource, tolerance: float = 0.0
) -> list[AlloyCandidate]:
    """Return the alloys of Li with a metal, the most Li-rich first.

    Parameters
    ----------
    metal
        Symbol of the metal or metalloid M.
    source
        Where the entries come from.
    tolerance
        Alloys up to this energy above the Li-M hull are listed too, eV/atom; of polymorphs
        only the lowest.

    Returns
    -------
    list of AlloyCandidate
        Empty when Li forms no compound with M. The alloy in equilibrium with Li metal is the
        most Li-rich one on the hull.

    Raises
    ------
    FormulaError
        When M is not one metal or metalloid other than Li.
    MissingDataError
        When the source does not hold it.
    """
    _check_metal(metal, source)
    diagram = phase_diagram(source, [metal])
    ranges = _stability_ranges(metal, source)
    lowest: dict[str, ReferenceEntry] = {}
    for entry in sorted(diagram.all_entries, key=lambda e: e.energy_per_atom):
        if not entry.is_element:
            lowest.setdefault(entry.composition.reduced_formula, entry)
    candidates = [
        _candidate(entry, metal, energy, ranges)
        for entry in lowest.values()
        if (energy := max(0.0, diagram.get_e_above_hull(entry) or 0.0)) <= tolerance
        or entry.entry_id in ranges
    ]
    return sorted(candidates, key=lambda c: -Composition(c.alloy).get_atomic_fraction(LI))


def _check_metal(metal: str, source: EntrySource) -> None:
    composition = parse_composition(metal)
    if metal == LI.symbol or len(composition) > 1 or not is_metallic_composition(composition):
        raise FormulaError(f"{metal!r} is not a metal or metalloid that could alloy with Li")
    if metal not in source.elements:
        known = [s for s in sorted(source.elements) if is_metallic_composition(Composition(s))]
        raise MissingDataError(f"no data for {metal} in {source.name}; it has {', '.join(known)}")


def _stability_ranges(metal: str, source: EntrySource) -> dict[str, tuple[float, float | None]]:
    # In a binary system each step of the profile of M is one phase.
    return {
        str(entry.entry_id): (step.potential_low, step.potential_high)
        for step in voltage_profile(metal, source)
        for entry, _ in step.products
    }


def _candidate(
    entry: ReferenceEntry,
    metal: str,
    e_above_hull: float,
    ranges: dict[str, tuple[float, float | None]],
) -> AlloyCandidate:
    low, high = ranges.get(str(entry.entry_id), (None, None))
    return AlloyCandidate(
        alloy=phase_name(entry),
        metal=metal,
        entry_id=str(entry.entry_id),
        e_above_hull=e_above_hull,
        equilibrium_with_li=low == 0.0,
        potential_low=low,
        potential_high=high,
        volume_per_atom=entry.data["volume"] / entry.composition.num_atoms,
    )
