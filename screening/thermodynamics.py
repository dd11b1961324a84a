"""Reduction of electrolytes by Li: voltage profile, window, products, reaction energy.

Phases compete in the Li grand potential Phi = E - mu_Li N_Li with mu_Li = mu_Li(metal) - e phi
(Zhu, He and Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015)). A composite is one composition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Composition, Element

from misei.screening.entries import (
    EntrySource,
    MissingDataError,
    ReferenceEntry,
    check_elements,
    describe,
    polymorphs,
)
from misei.screening.formulas import FormulaError, Mixture, parse_mixture
from misei.screening.schemas_thermodynamics import Plateau, ReductionDoc

LI = Element("Li")
# Amounts in moles per formula unit and potentials in V below these are numerical noise of
# the hull.
AMOUNT_TOLERANCE = 1e-5
DECIMALS = 6


class PotentialError(ValueError):
    """A potential below that of Li metal."""


@dataclass(frozen=True)
class ProfileStep:
    """One step of the voltage profile.

    Attributes
    ----------
    potential_high, potential_low
        Edges of the range, V vs Li/Li+; the first step has no upper edge (None).
    li_uptake
        Li taken up per formula unit.
    products
        Product entries with their moles of formula units (as named by :func:`phase_name`).
    """

    potential_high: float | None
    potential_low: float
    li_uptake: float
    products: tuple[tuple[ReferenceEntry, float], ...]

    def named_products(self) -> dict[str, float]:
        """Moles of each product by its formula."""
        return {phase_name(entry): round(amount, DECIMALS) for entry, amount in self.products}


def phase_name(entry: ReferenceEntry) -> str:
    """Return the formula of a phase as its source writes it."""
    return str(entry.data["formula"])


def atoms_per_formula(entry: ReferenceEntry) -> float:
    """Atoms in the formula that :func:`phase_name` gives."""
    return float(Composition(phase_name(entry)).num_atoms)


def phase_diagram(
    source: EntrySource, elements: Iterable[str], excluded: Iterable[str] = ()
) -> PhaseDiagram:
    """Return the phase diagram of a chemical system, Li included; each is built once.

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
    excluded_ids = frozenset(
        entry.entry_id for phase in excluded for entry in _find_excluded(phase, source)
    )
    return _phase_diagram(source, frozenset(elements) | {LI.symbol}, excluded_ids)


def _find_excluded(phase: str, source: EntrySource) -> list[ReferenceEntry]:
    entries = source.find(phase)
    if not entries:
        raise MissingDataError(f"cannot exclude {phase!r}: no such id or formula in {source.name}")
    return entries


@lru_cache(maxsize=64)
def _phase_diagram(
    source: EntrySource, elements: frozenset[str], excluded_ids: frozenset[str]
) -> PhaseDiagram:
    entries = [e for e in source.entries(elements) if e.entry_id not in excluded_ids]
    missing = elements - {e.elements[0].symbol for e in entries if e.is_element}
    if missing:
        raise MissingDataError(
            f"no elemental phase of {', '.join(sorted(missing))} in {source.name}"
            + (" with these exclusions" if excluded_ids else "")
        )
    return PhaseDiagram(entries, elements=[Element(symbol) for symbol in sorted(elements)])


def voltage_profile(
    formula: str, source: EntrySource, excluded: Iterable[str] = ()
) -> list[ProfileStep]:
    """Return the staircase potential(Li uptake), from high to low potential.

    Parameters
    ----------
    formula
        Compound, composite or element.
    source
        Where the entries come from.
    excluded
        Ids or formulas of phases to leave out.

    Returns
    -------
    list of ProfileStep
        Contiguous ranges down to 0 V; amounts per formula unit as written.

    Raises
    ------
    FormulaError
        For text that is no formula, and for Li itself.
    MissingDataError
        For elements or exclusions that the source does not hold.
    """
    mixture = _parse(formula, source)
    return _profile(mixture.composition, phase_diagram(source, mixture.elements, excluded))


def _parse(formula: str, source: EntrySource) -> Mixture:
    mixture = parse_mixture(formula)
    check_elements(mixture, source)
    if mixture.elements == {LI.symbol}:
        raise FormulaError(f"{formula!r} is the reference itself: nothing reacts with Li metal")
    return mixture


def _profile(composition: Composition, diagram: PhaseDiagram) -> list[ProfileStep]:
    # pymatgen runs from Li metal upwards, and each row carries the low edge of its own range.
    steps: list[ProfileStep] = []
    high: float | None = None
    for row in reversed(diagram.get_element_profile(LI, composition)):
        energy = row["element_reference"].energy_per_atom - row["chempot"]
        low = round(float(energy), DECIMALS) + 0.0  # no -0.0
        critical = row["critical_composition"]
        steps.append(
            ProfileStep(
                potential_high=high,
                potential_low=low,
                li_uptake=round(float(row["evolution"]), DECIMALS) + 0.0,
                products=_amounts(composition, critical, diagram),
            )
        )
        high = low
    return steps


def _amounts(
    composition: Composition, critical: Composition, diagram: PhaseDiagram
) -> tuple[tuple[ReferenceEntry, float], ...]:
    # The critical composition is the electrolyte with more or less Li, in arbitrary amount.
    host = next(element for element in composition.elements if element != LI)
    atoms = critical.num_atoms * composition[host] / critical[host]
    fractions = cast("dict[ReferenceEntry, float]", diagram.get_decomposition(critical))
    amounts = [(e, f * atoms / atoms_per_formula(e)) for e, f in fractions.items()]
    amounts.sort(key=lambda pair: -pair[1])
    return tuple((entry, n) for entry, n in amounts if n > AMOUNT_TOLERANCE)


def step_at(profile: list[ProfileStep], potential: float) -> ProfileStep:
    """Return the step of a profile that holds a potential.

    Parameters
    ----------
    profile
        From :func:`voltage_profile`.
    potential
        V vs Li/Li+; at an edge the step above it is meant, at 0 V the last one.

    Raises
    ------
    PotentialError
        Below 0 V, where Li metal plates without end.
    """
    if potential < 0:
        raise PotentialError(f"potential {potential} V is below Li metal (0 V vs Li/Li+)")
    return next((step for step in profile if step.potential_low <= potential), profile[-1])


def products_at(
    formula: str, potential: float, source: EntrySource, excluded: Iterable[str] = ()
) -> dict[str, float]:
    """Return the phases in equilibrium at a potential, moles per formula unit.

    Parameters
    ----------
    formula, source, excluded
        As in :func:`voltage_profile`.
    potential
        V vs Li/Li+, 0 or more; 0 V means excess Li metal.
    """
    return step_at(voltage_profile(formula, source, excluded), potential).named_products()


def reduce(formula: str, source: EntrySource, excluded: Iterable[str] = ()) -> ReductionDoc:
    """Return the thermodynamics of an electrolyte, a composite or an element against Li.

    Parameters
    ----------
    formula
        What is reduced, e.g. ``Li6PS5Cl`` or ``16 Li6PS5Cl + Li10GeP2S12``.
    source
        Where the entries come from.
    excluded
        Ids or formulas of phases to leave out; written into the result.

    Returns
    -------
    ReductionDoc
        The window is that of the composition on the hull: a metastable electrolyte counts
        as lowered onto it, and `e_above_hull` says by how much. Li is taken up below the
        reduction potential, which is 0 where none is. The reaction energy takes each
        compound at the energy of its own phase, or of the hull where the source (less the
        exclusions) has no such phase; `source["electrolyte"]` tells which.

    Raises
    ------
    FormulaError, MissingDataError
        As :func:`voltage_profile`.
    """
    excluded = list(excluded)
    mixture = _parse(formula, source)
    diagram = phase_diagram(source, mixture.elements, excluded)
    profile = _profile(mixture.composition, diagram)
    energy, phases, complete = _mixture_energy(mixture, diagram)
    hull_energy = diagram.get_hull_energy(mixture.composition)
    final = profile[-1]
    product_energy = sum(n * atoms_per_formula(e) * e.energy_per_atom for e, n in final.products)
    li_energy = final.li_uptake * diagram.el_refs[LI].energy_per_atom
    atoms = mixture.composition.num_atoms
    return ReductionDoc(
        formula=formula,
        e_above_hull=round((energy - hull_energy) / atoms, DECIMALS) + 0.0 if complete else None,
        reduction_potential=_reduction_potential(profile),
        oxidation_potential=_oxidation_potential(profile),
        products_0V=final.named_products(),
        li_uptake_0V=final.li_uptake,
        reaction_energy_0V=round((product_energy - energy - li_energy) / atoms, DECIMALS),
        voltage_profile=[_plateau(step) for step in profile],
        excluded_phases=excluded,
        source={**describe(source), "electrolyte": phases},
    )


def _mixture_energy(mixture: Mixture, diagram: PhaseDiagram) -> tuple[float, str, bool]:
    """Energy (eV), the phases it is taken from, and whether each compound has one."""
    energy, complete = 0.0, True
    phases = []
    for amount, composition in mixture.terms:
        candidates = polymorphs(composition, diagram.all_entries)
        if candidates:
            energy += amount * composition.num_atoms * candidates[0].energy_per_atom
            phases.append(str(candidates[0].entry_id))
        else:
            energy += amount * diagram.get_hull_energy(composition)
            phases.append(f"{composition.reduced_formula}: no phase in the source, hull energy")
            complete = False
    return energy, "; ".join(phases), complete


def _reduction_potential(profile: list[ProfileStep]) -> float:
    taken_up = (step.potential_high for step in profile if step.li_uptake > AMOUNT_TOLERANCE)
    return next((high for high in taken_up if high is not None), 0.0)


def _oxidation_potential(profile: list[ProfileStep]) -> float | None:
    given_off = (step.potential_low for step in profile if step.li_uptake < -AMOUNT_TOLERANCE)
    return min(given_off, default=None)


def _plateau(step: ProfileStep) -> Plateau:
    return Plateau(
        potential_high=step.potential_high,
        potential_low=step.potential_low,
        li_uptake=step.li_uptake,
        products=step.named_products(),
    )
