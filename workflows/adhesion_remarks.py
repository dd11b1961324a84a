"""What a reader of a work of adhesion must know of its best interface, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_interfaces import InterfaceDoc

# A crystal on itself in perfect registry reaches 0 to this, J/m2.
NEGATIVE_ENERGY = 0.02
# Interfaces relaxed by SevenNet-0 leave GPAW forces of 0.1 to 0.4 eV/angstrom where the two agree.
LARGE_FORCE = 0.5


def remarks_on_forces(engine: str, forces: ArrayLike | None) -> list[str]:
    """Say where a second engine would relax the first one's geometry much further.

    Parameters
    ----------
    engine
        Name of the second engine.
    forces
        On the interface that the first engine relaxed, (natoms, 3), eV/angstrom.
    """
    if forces is None:
        return []
    largest = float(np.linalg.norm(np.asarray(forces), axis=1).max())
    if largest <= LARGE_FORCE:
        return []
    return [
        f"forces of {engine} on this geometry reach {largest:.1f} eV/angstrom: relaxed by {engine} "
        "the two would adhere better"
    ]


def remarks_on_best(document: AdhesionDoc) -> list[str]:
    """Say what the best interface is worth, and what stands behind the choice of it."""
    warnings = [f"best interface: {text}" for text in document.best.warnings]
    if document.not_confirmed:
        warnings.append(_not_confirmed(document))
    if any(interface.interface_energy is None for interface in document.interfaces):
        warnings.append(f"best interface chosen by {document.selection}")
    energy = document.interface_energy
    if energy is not None and energy < -NEGATIVE_ENERGY:
        warnings.append(
            f"interface energy {energy:.2f} J/m2, below 0: the two crystals gain by mixing at the "
            "contact, which relaxation alone does not show"
        )
    stable = document.wetting_ratio_on_stable_face
    if stable is not None and (stable >= 1.0) != document.wets:
        there = "complete wetting" if stable >= 1.0 else "no complete wetting"
        warnings.append(
            f"on the most stable face of {document.alloy} W_ad / 2 gamma_{document.best.film} is "
            f"{stable:.2f}: {there} there"
        )
    if document.size_converged is False:
        warnings.append("W_ad not converged with slab thickness and vacuum: see the size steps")
    return warnings


def _not_confirmed(document: AdhesionDoc) -> str:
    def named(doc: InterfaceDoc) -> str:
        miller = "".join(map(str, doc.substrate_miller))
        energy = doc.interface_energy
        value = f"W_ad {doc.work_of_adhesion:.2f}" if energy is None else f"{energy:.2f}"
        return f"({miller}) {doc.film_lattice} {value}"

    rest = document.not_confirmed
    first = rest[0].provenance.engine
    return (
        f"{len(document.interfaces)} of {len(document.screened)} relaxed interfaces confirmed by "
        f"{document.engine}, chosen by {first}; not confirmed (interface energy by {first}, "
        f"J/m2): {', '.join(map(named, rest))}"
    )
