"""Formulas and composites as users write them: ``16 Li6PS5Cl + Li10GeP2S12``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

from pymatgen.core import Composition, Element

_TERM = re.compile(r"\s*(?P<amount>[-+]?(?:\d+\.?\d*|\.\d+))?\s*(?P<formula>[^\d\s].*?)\s*")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?|[()\[\]{}]|\d+\.?\d*|\.\d+|\s)+")


class FormulaError(ValueError):
    """Text that is no formula, or a formula that cannot be used."""


@dataclass(frozen=True)
class Mixture:
    """A compound or a composite of compounds; one formula unit is the sum as written.

    Attributes
    ----------
    text
        What the user wrote.
    terms
        Amount in moles and composition of each term, in the order written.
    """

    text: str
    terms: tuple[tuple[float, Composition], ...]

    @cached_property
    def composition(self) -> Composition:
        """Total composition of one formula unit."""
        return reduce(add, (composition * amount for amount, composition in self.terms))

    @cached_property
    def elements(self) -> frozenset[str]:
        """Symbols of all elements."""
        return frozenset(element.symbol for element in self.composition.elements)


def parse_composition(formula: str) -> Composition:
    """Parse one chemical formula.

    Raises
    ------
    FormulaError
        For an unknown element or text that is not a formula.
    """
    if not _FORMULA.fullmatch(formula):
        raise FormulaError(f"{formula!r} is not a formula; write e.g. Li6PS5Cl")
    for symbol in re.findall(r"[A-Z][a-z]?", formula):
        if not Element.is_valid_symbol(symbol):
            raise FormulaError(f"unknown element {symbol!r} in {formula!r}")
    try:
        composition = Composition(formula, strict=True)
    except ValueError as error:
        raise FormulaError(f"{formula!r} is not a formula: {error}") from error
    if composition.num_atoms <= 0:
        raise FormulaError(f"{formula!r} holds no atoms")
    return composition


def parse_mixture(text: str) -> Mixture:
    """Parse a formula or a composite of formulas with molar amounts.

    Parameters
    ----------
    text
        Terms joined by ``+``, each a formula with an optional amount before it
        (``4Li6PS5Cl``, ``0.5 Li2S + LiCl``).

    Returns
    -------
    Mixture
        The terms and their sum.

    Raises
    ------
    FormulaError
        For an unknown element, text that is not a formula, a ratio that is not positive.
    """
    return Mixture(text, tuple(_parse_term(term, text) for term in text.split("+")))


def _parse_term(term: str, text: str) -> tuple[float, Composition]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise FormulaError(f"{term.strip()!r} in {text!r} is not a formula; write e.g. 4 Li6PS5Cl")
    amount = float(match["amount"] or 1)
    if amount <= 0:
        raise FormulaError(f"ratio {match['amount']} in {text!r} is not positive")
    return amount, parse_composition(match["formula"])
