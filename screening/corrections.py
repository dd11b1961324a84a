"""Anion corrections that a raw PBE energy needs before it joins a hull with anions.

The scheme is MaterialsProject2020 (Wang et al., Sci. Rep. 11, 15496 (2021)), applied by
pymatgen, without its Si and Sb corrections.
"""

from __future__ import annotations

import warnings

from pymatgen.core import Structure
from pymatgen.core.entries import ComputedStructureEntry
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

# MP2020 also treats Si and Sb as anions. Inside Li-Si and Li-Sb that shifts compounds against
# each other without an experimental reason (LiSi falls off the hull) and biases the plateaus.
UNCORRECTED = frozenset({"Si", "Sb"})
CORRECTED_ANIONS = frozenset({"O", "S", "F", "Cl", "Br", "I", "N", "Se", "Te", "H"})
CORRECTION_RULE = (
    "MaterialsProject2020 anion corrections (pymatgen), none for Si and Sb, none for elements "
    "and for phases without O, S, Se, Te, F, Cl, Br, I, N or H"
)


def anion_correction(structure: Structure) -> float:
    """Return the correction to add to a raw PBE-like total energy.

    Parameters
    ----------
    structure
        The relaxed, ordered cell that the energy belongs to: bonds tell sulfides from
        sulfates and oxides from peroxides.

    Returns
    -------
    float
        Correction of the whole cell in eV (0 for elements and for phases without an anion).

    Raises
    ------
    pymatgen.entries.compatibility.CompatibilityError
        When the scheme does not cover the structure.

    Notes
    -----
    Transition metals in oxides and fluorides are taken with MP's Hubbard U, which is how
    potentials trained on MPtrj learned them.
    """
    symbols = {element.symbol for element in structure.composition.elements}
    if len(symbols) == 1 or not symbols & CORRECTED_ANIONS:
        return 0.0
    scheme = MaterialsProject2020Compatibility(check_potcar=False)
    most_electronegative = max(structure.composition.elements, key=lambda element: element.X)
    entry = ComputedStructureEntry(
        structure,
        energy=0.0,
        parameters={
            "run_type": "GGA",
            "hubbards": scheme.u_settings.get(most_electronegative.symbol, {}),
            # Any other software than vasp: pymatgen then asks for no POTCAR data.
            "software": "potential",
        },
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oxidation states that cannot be guessed: alloy-like
        adjustments = scheme.get_adjustments(entry)
    names = {f"{scheme.name} anion correction ({symbol})" for symbol in UNCORRECTED}
    return float(sum(a.value for a in adjustments if a.name not in names))
