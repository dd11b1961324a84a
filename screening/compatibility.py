"""Coatings and interlayers between Li metal and an electrolyte: what reacts with what.

Pseudo-binary reactions of two solids, closed (Richards et al., Chem. Mater. 2016, 28, 266) and
open to Li at a potential (Zhu, He and Mo, J. Mater. Chem. A 2016, 4, 3253), and the reaction of
the coating with Li metal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pymatgen.core import Composition

from misei.screening.contacts import Contact, Products, Solid, closed_contact, open_contact
from misei.screening.entries import EntrySource, describe
from misei.screening.hulls import phase_diagram
from misei.screening.interphase import interphase, interphase_class, metal_fraction
from misei.screening.lithiation import LI
from misei.screening.percolation import percolation_threshold
from misei.screening.schemas_compatibility import (
    REACTION_TOLERANCE,
    CompatibilityDoc,
    ContactDoc,
    OwnReaction,
)
from misei.screening.thermodynamics import DECIMALS, PotentialError, phase_name, reduce, rounded

CLOSED_UNIT = "eV/atom"
OPEN_UNIT = "eV per atom other than Li"


def compatibility(
    coating: str,
    electrolyte: str,
    source: EntrySource,
    potential: float = 0.0,
    excluded: Iterable[str] = (),
) -> CompatibilityDoc:
    """Return how a coating or interlayer gets on with Li metal and with an electrolyte.

    Parameters
    ----------
    coating
        Compound, alloy or composite, e.g. ``LiF``, ``LiIn``, ``LiMg + LiF``.
    electrolyte
        Compound or composite.
    source
        Where the entries come from.
    potential
        Of the Li reservoir in the open case, V vs Li/Li+; 0 is Li metal.
    excluded
        Ids or formulas of phases to leave out.

    Returns
    -------
    CompatibilityDoc
        Coating | Li at 0 V, coating | electrolyte closed, and open to Li.

    Raises
    ------
    PotentialError
        Below 0 V.
    FormulaError, MissingDataError
        For input that cannot be used; Li itself is no coating (see ``misei reduce``).
    """
    excluded = list(excluded)
    if not potential >= 0:
        raise PotentialError(f"potential {potential} V is below Li metal (0 V vs Li/Li+)")
    with_li = reduce(coating, source, excluded)
    solids = (Solid.of(with_li), Solid.of(reduce(electrolyte, source, excluded)))
    elements = {element.symbol for solid in solids for element in solid.composition.elements}
    diagram = phase_diagram(source, elements, excluded)
    return CompatibilityDoc(
        coating=coating,
        electrolyte=electrolyte,
        lithium=interphase(coating, source, excluded=excluded),
        lithium_reaction_energy=with_li.reaction_energy_0V,
        closed=_document(closed_contact(*solids, diagram), source, None),
        open=_document(open_contact(*solids, diagram, potential), source, potential),
        energy_error=source.energy_error,
        excluded_phases=excluded,
        source={**describe(source), "coating": solids[0].phases, "electrolyte": solids[1].phases},
    )


def compatibility_table(
    coatings: Sequence[str],
    electrolytes: Sequence[str],
    source: EntrySource,
    potential: float = 0.0,
    excluded: Iterable[str] = (),
) -> list[CompatibilityDoc]:
    """Return :func:`compatibility` of every coating with every electrolyte, coating by coating."""
    excluded = list(excluded)
    return [
        compatibility(coating, electrolyte, source, potential, excluded)
        for coating in coatings
        for electrolyte in electrolytes
    ]


def _document(contact: Contact, source: EntrySource, potential: float | None) -> ContactDoc:
    atoms = contact.mixture.num_atoms
    per_atom = contact.mutual * contact.counted(contact.mixture).num_atoms / atoms
    threshold = percolation_threshold().value
    reacts = per_atom < -REACTION_TOLERANCE
    products = contact.products(contact.mixture) if reacts else ()
    metal, metallic = metal_fraction(products, source) if reacts else (None, [])
    li = sum(n * Composition(phase_name(phase))[LI] for phase, n in products)
    return ContactDoc(
        potential=potential,
        energy_unit=CLOSED_UNIT if potential is None else OPEN_UNIT,
        coating=_own(contact, contact.coating, contact.own[0]),
        electrolyte=_own(contact, contact.electrolyte, contact.own[1]),
        mutual_energy=rounded(contact.mutual) if reacts else 0.0,
        mutual_energy_per_atom=rounded(per_atom) if reacts else 0.0,
        total_energy=rounded(contact.total if reacts else min(contact.own)),
        atomic_fraction=rounded(contact.atomic_fraction) if reacts else None,
        mole_fraction=rounded(contact.mole_fraction) if reacts else None,
        li_uptake=rounded(li - contact.mixture[LI]) if reacts else 0.0,
        products=_named(products),
        metallic_products=metallic,
        metal_volume_fraction=metal,
        interphase_class=None if metal is None else interphase_class(metal, threshold),
    )


def _own(contact: Contact, solid: Solid, energy: float) -> OwnReaction:
    products = contact.products(solid.composition)
    return OwnReaction(formula=solid.formula, energy=rounded(energy), products=_named(products))


def _named(products: Products) -> dict[str, float]:
    return {phase_name(phase): round(n, DECIMALS) for phase, n in products}
