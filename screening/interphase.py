"""The interphase at Li metal: its metal fraction against the percolation threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from misei.screening.entries import EntrySource, ReferenceEntry, describe
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.percolation import percolation_probability, percolation_threshold
from misei.screening.schemas_thermodynamics import InterphaseDoc
from misei.screening.thermodynamics import (
    formula_volume,
    phase_name,
    step_at,
    voltage_profile,
)

InterphaseClass = Literal["SEI", "MI-SEI", "MCI"]


def interphase_class(metal_fraction: float, threshold: float) -> InterphaseClass:
    """Class of an interphase (types II and III of Wenzel and Janek, split by percolation).

    Parameters
    ----------
    metal_fraction, threshold
        V_f,M and V_p, volume fractions (0 to 1).
    """
    if metal_fraction <= 0:
        return "SEI"
    return "MI-SEI" if metal_fraction < threshold else "MCI"


def metal_fraction(
    products: Sequence[tuple[ReferenceEntry, float]], source: EntrySource
) -> tuple[float, list[str]]:
    """Return V_f,M of a set of products and the names of the metals among them.

    Parameters
    ----------
    products
        Entries with their moles of formula units; not empty.
    source
        Decides what is metallic.

    Returns
    -------
    tuple
        Volume of the metallic products over that of all (0 to 1), from the crystals' volumes.
    """
    volumes = [n * formula_volume(entry) for entry, n in products]
    metallic = [source.is_metallic(entry) for entry, _ in products]
    metal = sum(volume for volume, is_metal in zip(volumes, metallic, strict=True) if is_metal)
    names = [phase_name(e) for (e, _), is_m in zip(products, metallic, strict=True) if is_m]
    return metal / sum(volumes), names


def interphase(
    formula: str,
    source: EntrySource,
    grains: Grains = DEFAULT_GRAINS,
    excluded: Iterable[str] = (),
) -> InterphaseDoc:
    """Return the metal fraction and class of the interphase between an electrolyte and Li.

    Parameters
    ----------
    formula
        Electrolyte or composite.
    source
        Where phases, volumes and the metallic rule come from.
    grains
        Size and shape of the metal grains, which set the percolation threshold.
    excluded
        Ids or formulas of phases to leave out.

    Returns
    -------
    InterphaseDoc
        V_f,M = sum of n V over the metallic products at 0 V divided by that over all
        products, excess Li metal left out; V are the volumes of the crystals.

    Raises
    ------
    FormulaError, MissingDataError, GrainsError
        For input that cannot be used.
    """
    excluded = list(excluded)
    threshold = percolation_threshold(grains)
    final = step_at(voltage_profile(formula, source, excluded), 0.0)
    fraction, metallic = metal_fraction(final.products, source)
    return InterphaseDoc(
        formula=formula,
        products_0V=final.named_products(),
        metallic_products=metallic,
        metal_volume_fraction=fraction,
        percolation_threshold=threshold.value,
        percolation_threshold_interval=threshold.interval,
        percolation_probability=percolation_probability(fraction, grains),
        grains=grains,
        threshold_model=threshold.model,
        metallic_rule=source.metallic_rule,
        interphase_class=interphase_class(fraction, threshold.value),
        li_uptake_0V=final.li_uptake,
        excluded_phases=excluded,
        source=describe(source),
    )
