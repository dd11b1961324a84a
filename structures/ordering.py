"""Order disordered crystals by one stated rule: lowest electrostatic energy first.

Partial occupancies are resolved in the primitive cell by pymatgen's Ewald ranking with the
common oxidation states; the lowest few are then relaxed, and the lowest in energy is kept.
"""

from __future__ import annotations

from typing import Any, cast

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.transformations.standard_transformations import OrderDisorderedStructureTransformation

ORDERING_RULE = (
    "ordered in the primitive cell: {count} symmetry-distinct orderings of lowest Ewald energy "
    "(formal charges) relaxed, the lowest in energy kept"
)


# A sum of occupancies this close to a whole number is one: the literature rounds them.
WHOLE_ATOM_TOLERANCE = 0.1


class OrderingError(ValueError):
    """A disordered crystal that cannot be ordered in its primitive cell."""


def electrostatic_orderings(structure: Structure, count: int) -> list[Structure]:
    """Return symmetry-distinct orderings of a disordered crystal, lowest Ewald energy first.

    Parameters
    ----------
    structure
        Crystal with partial occupancies that add up to whole atoms in its primitive cell.
    count
        Number of orderings wanted; fewer are returned where fewer exist.

    Returns
    -------
    list of Structure
        Ordered primitive cells without oxidation states.

    Raises
    ------
    OrderingError
        When the occupancies do not add up to whole atoms.
    """
    decorated = structure.get_primitive_structure()
    for element, amount in decorated.composition.items():
        if abs(amount - round(amount)) > WHOLE_ATOM_TOLERANCE:
            raise OrderingError(
                f"{structure.composition.reduced_formula}: the occupancies of {element} add up to "
                f"{amount:.2f} atoms in the primitive cell, not to whole ones"
            )
    decorated.add_oxidation_state_by_guess()
    transformation = OrderDisorderedStructureTransformation(algo=0)
    # Many of the ranked orderings are images of one another.
    ranked = transformation.apply_transformation(decorated, return_ranked_list=10 * count)
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1, primitive_cell=False)
    distinct: list[Structure] = []
    for item in cast(list[dict[str, Any]], ranked):
        candidate: Structure = item["structure"].get_sorted_structure()
        candidate.remove_oxidation_states()
        if not any(matcher.fit(candidate, other) for other in distinct):
            distinct.append(candidate)
        if len(distinct) == count:
            break
    return distinct
