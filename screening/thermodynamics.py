"""Reduction of electrolytes by Li: voltage profile, window, products, reaction energy.

Phases compete in the Li grand potential Phi = E - mu_Li N_Li with mu_Li = mu_Li(metal) - e phi
(Zhu, He and Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015)). A composite is one composition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from pymatgen.core import Composition

from misei.screening.entries import EntrySource, ReferenceEntry, check_elements, describe
from misei.screening.formulas import FormulaError, Mixture, parse_mixture
from misei.screening.hulls import Hull, find_hull
from misei.screening.lithiation import LI, Breakpoint
from misei.screening.schemas_thermodynamics import Plateau, ReductionDoc

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
    potential_high_error
        Standard error of the upper edge, V: see :func:`_edge_error`.
    li_uptake
        Li taken up per formula unit.
    products
        Product entries with their moles of formula units (as named by :func:`phase_name`).
    """

    potential_high: float | None
    potential_high_error: float | None
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


def formula_volume(entry: ReferenceEntry) -> float:
    """Volume of one formula unit of a phase in angstrom^3."""
    return float(entry.data["volume"] * atoms_per_formula(entry) / entry.composition.num_atoms)


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
    hull = find_hull(source, mixture.elements, excluded)
    return _profile(mixture.composition, hull, source.energy_error)


def _parse(formula: str, source: EntrySource) -> Mixture:
    mixture = parse_mixture(formula)
    check_elements(mixture, source)
    if mixture.elements == {LI.symbol}:
        raise FormulaError(f"{formula!r} is the reference itself: nothing reacts with Li metal")
    return mixture


def _profile(composition: Composition, hull: Hull, energy_error: float) -> list[ProfileStep]:
    breakpoints = hull.facets.lithiation(composition)
    errors = [None, *(_edge_error(*pair, energy_error) for pair in pairwise(breakpoints))]
    return [
        ProfileStep(
            potential_high=None if b.potential_high is None else rounded(b.potential_high),
            potential_high_error=error,
            potential_low=rounded(b.potential_low),
            li_uptake=rounded(b.uptake),
            products=_formula_units(b),
        )
        for b, error in zip(breakpoints, errors, strict=True)
    ]


def _formula_units(breakpoint_: Breakpoint) -> tuple[tuple[ReferenceEntry, float], ...]:
    amounts = [(entry, n / atoms_per_formula(entry)) for entry, n in breakpoint_.atoms]
    amounts.sort(key=lambda pair: -pair[1])
    return tuple((entry, n) for entry, n in amounts if n > AMOUNT_TOLERANCE)


def _edge_error(above: Breakpoint, below: Breakpoint, energy_error: float) -> float:
    """Return the standard error of the potential between two steps, V.

    phi = -(Delta E of the products) / (e Delta u): each compound's formation energy is taken to
    be off by ``energy_error`` (eV/atom), independently; the elements are the reference.
    """
    change: dict[str, float] = {}
    for sign, step in ((-1.0, above), (1.0, below)):
        for entry, atoms in step.atoms:
            if not entry.is_element:
                key = str(entry.entry_id)
                change[key] = change.get(key, 0.0) + sign * atoms
    spread = energy_error * sqrt(sum(n**2 for n in change.values()))
    return round(spread / (below.uptake - above.uptake), DECIMALS)


def rounded(value: float) -> float:
    """Round an energy, a potential or an amount to what the hull is good for."""
    return round(value, DECIMALS) + 0.0  # no -0.0


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
    hull = find_hull(source, mixture.elements, excluded)
    profile = _profile(mixture.composition, hull, source.energy_error)
    start = _initial_state(mixture, hull)
    final = profile[-1]
    product_energy = sum(n * atoms_per_formula(e) * e.energy_per_atom for e, n in final.products)
    li_energy = final.li_uptake * hull.diagram.el_refs[LI].energy_per_atom
    atoms = mixture.composition.num_atoms
    above_hull = (start.energy - hull.facets.hull_energy(mixture.composition)) / atoms
    reduction, reduction_error = _reduction_potential(profile)
    oxidation, oxidation_error = _oxidation_potential(profile)
    return ReductionDoc(
        formula=formula,
        e_above_hull=None if start.volume is None else rounded(above_hull),
        reduction_potential=reduction,
        reduction_potential_error=reduction_error,
        oxidation_potential=oxidation,
        oxidation_potential_error=oxidation_error,
        products_0V=final.named_products(),
        li_uptake_0V=final.li_uptake,
        reaction_energy_0V=round((product_energy - start.energy - li_energy) / atoms, DECIMALS),
        volume=start.volume,
        product_volume_0V=round(sum(n * formula_volume(e) for e, n in final.products), DECIMALS),
        voltage_profile=[_plateau(step) for step in profile],
        energy_error=source.energy_error,
        energy_error_source=source.energy_error_source,
        excluded_phases=excluded,
        source={**describe(source), "electrolyte": start.phases},
    )


@dataclass(frozen=True)
class _InitialState:
    """Energy (eV), volume (angstrom^3; None: a compound has no phase) and phases of a mixture."""

    energy: float
    volume: float | None
    phases: str


def _initial_state(mixture: Mixture, hull: Hull) -> _InitialState:
    energy = 0.0
    volumes: list[float | None] = []
    phases = []
    for amount, composition in mixture.terms:
        entry = hull.lowest.get(composition.reduced_formula)
        atoms = amount * composition.num_atoms
        if entry is None:
            energy += amount * hull.facets.hull_energy(composition)
            volumes.append(None)
            phases.append(f"{composition.reduced_formula}: no phase in the source, hull energy")
        else:
            energy += atoms * entry.energy_per_atom
            volumes.append(atoms * entry.data["volume"] / entry.composition.num_atoms)
            phases.append(str(entry.entry_id))
    known = [v for v in volumes if v is not None]
    volume = round(sum(known), DECIMALS) if len(known) == len(volumes) else None
    return _InitialState(energy, volume, "; ".join(phases))


def _reduction_potential(profile: list[ProfileStep]) -> tuple[float, float | None]:
    for step in profile:
        if step.li_uptake > AMOUNT_TOLERANCE and step.potential_high is not None:
            return step.potential_high, step.potential_high_error
    return 0.0, None


def _oxidation_potential(profile: list[ProfileStep]) -> tuple[float | None, float | None]:
    given_off = [step for step in profile if step.li_uptake < -AMOUNT_TOLERANCE]
    if not given_off:
        return None, None
    # What is no compound with Li at all gives it off at 0 V, below which there is no step.
    below = profile[len(given_off) :]
    return given_off[-1].potential_low, below[0].potential_high_error if below else None


def _plateau(step: ProfileStep) -> Plateau:
    return Plateau(
        potential_high=step.potential_high,
        potential_high_error=step.potential_high_error,
        potential_low=step.potential_low,
        li_uptake=step.li_uptake,
        products=step.named_products(),
    )
