"""Chemical systems as the Materials Project names them: ``Cl-Li-P-S``, symbols in order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from pymatgen.core import Element

from misei.screening.formulas import parse_mixture


class ChemicalSystemError(ValueError):
    """Text that is no chemical system."""


def chemical_system(elements: Iterable[str]) -> str:
    """Join symbols in alphabetical order."""
    return "-".join(sorted(set(elements)))


def parse_chemical_system(text: str) -> str:
    """Return a chemical system with its symbols in order.

    Raises
    ------
    ChemicalSystemError
        For unknown or repeated elements, wildcards, or formulas.
    """
    symbols = text.strip().split("-")
    unknown = [symbol for symbol in symbols if not Element.is_valid_symbol(symbol)]
    if unknown:
        raise ChemicalSystemError(
            f"{text!r} is no chemical system: unknown element {unknown[0]!r}; write e.g. Li-P-S"
        )
    if len(set(symbols)) < len(symbols):
        raise ChemicalSystemError(f"{text!r} is no chemical system: it names an element twice")
    return chemical_system(symbols)


def system_against_li(formula: str) -> str:
    """Return the chemical system of a compound or composite with Li.

    Raises
    ------
    FormulaError
        For text that is no formula.
    """
    return chemical_system(parse_mixture(formula).elements | {"Li"})


def subsystems(elements: Iterable[str]) -> list[str]:
    """Return the 2^n - 1 chemical systems of these elements, small ones first."""
    symbols = sorted(set(elements))
    return [
        "-".join(chosen)
        for size in range(1, len(symbols) + 1)
        for chosen in combinations(symbols, size)
    ]
