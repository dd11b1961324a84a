"""Chemical systems that figures show: their elements, and their own phase diagrams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Element

from misei.screening.chemical_systems import parse_chemical_system
from misei.screening.entries import EntrySource, ReferenceEntry, check_elements
from misei.screening.formulas import parse_mixture
from misei.screening.hulls import phase_diagram
from misei.screening.thermodynamics import phase_name


class PlotSystemError(ValueError):
    """A chemical system with too few or too many elements for a diagram."""


def system_elements(text: str, source: EntrySource, sizes: Sequence[int]) -> list[str]:
    """Return the elements of a chemical system (``Li-P-S``) or of a formula.

    Parameters
    ----------
    text
        What the user wrote.
    source
        Must hold all elements.
    sizes
        How many elements the figure can have.

    Returns
    -------
    list of str
        Symbols in order of electronegativity, Li first.

    Raises
    ------
    FormulaError, ChemicalSystemError, MissingDataError, PlotSystemError
        For what is no formula or system, elements unknown or not in the source, their number.
    """
    joined = parse_chemical_system(text).replace("-", "") if "-" in text else text
    mixture = replace(parse_mixture(joined), text=text)
    check_elements(mixture, source)
    if len(mixture.elements) not in sizes:
        raise PlotSystemError(
            f"{text!r} has {len(mixture.elements)} element(s), this figure takes "
            f"{' or '.join(map(str, sizes))}"
        )
    return [element.symbol for element in sorted(map(Element, mixture.elements))]


def system_diagram(
    source: EntrySource, elements: Sequence[str], excluded: Iterable[str] = ()
) -> PhaseDiagram:
    """Return the phase diagram of exactly these elements: without Li where it is not among them.

    Raises
    ------
    MissingDataError
        As :func:`misei.screening.hulls.phase_diagram`.
    """
    wanted = [Element(symbol) for symbol in elements]
    entries = phase_diagram(source, elements, excluded).all_entries
    return PhaseDiagram([e for e in entries if set(e.elements) <= set(wanted)], elements=wanted)


def short_name(entry: ReferenceEntry) -> str:
    """Return the formula of a phase; of an element its symbol, whatever its molecule."""
    return entry.elements[0].symbol if entry.is_element else phase_name(entry)
