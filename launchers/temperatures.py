"""Results at a temperature, where the results store holds the free energies for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from misei.launchers.machine import machine_settings
from misei.screening.entries import EntrySource
from misei.screening.formulas import parse_mixture
from misei.screening.schemas_thermodynamics import InterphaseDoc, ReductionDoc
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.vibrations import finite_temperature_source

Doc = TypeVar("Doc", ReductionDoc, InterphaseDoc)


def at_temperature(
    compute: Callable[[str, EntrySource], Doc],
    source: EntrySource,
    temperature: float | None,
    excluded: Sequence[str] = (),
) -> Callable[[str], Doc]:
    """Return a calculation at a temperature as a function of the formula.

    Parameters
    ----------
    compute
        The calculation, of a formula and a source.
    source
        Source at 0 K.
    temperature
        K; None or 0: without vibrations.
    excluded
        Ids or formulas of phases that the user leaves out.

    Returns
    -------
    callable
        Where competing phases of a formula's chemical system lack a free energy, its result is
        at 0 K and ``source["temperature"]`` names them.
    """
    if not temperature:
        return lambda formula: compute(formula, source)
    vibrations = _stored_vibrations()

    def result(formula: str) -> Doc:
        elements = parse_mixture(formula).elements
        shifted, missing = finite_temperature_source(
            source, elements, vibrations, temperature, excluded
        )
        document = compute(formula, shifted)
        if missing:
            document.source["temperature"] = (
                f"0 K (not {temperature:g} K: no free energy of {', '.join(missing)}; see "
                "`misei vibrations`)"
            )
        return document

    return result


def _stored_vibrations() -> list[VibrationsDoc]:
    # Results at 0 K, which is most, are not to wait for jobflow and its stores.
    from misei.launchers.store import open_store
    from misei.screening.results import find_documents

    location = machine_settings().store_location
    there = "://" in location or Path(location).is_file()
    return find_documents(open_store(location), VibrationsDoc) if there else []
