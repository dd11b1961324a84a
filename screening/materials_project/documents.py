"""From the documents of the Materials Project to entries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pymatgen.core.entries import ComputedStructureEntry

from misei.screening.materials_project.errors import ServerError


def run_type_name(thermo_type: str) -> str:
    """Name of a thermo type in documents and queries: r2SCAN for the hull that is R2SCAN."""
    return "r2SCAN" if thermo_type == "R2SCAN" else thermo_type


def written_id(material_id: object) -> str:
    """Return a material id as the website writes it.

    The service may give ids in letters (``mp-bru``); those from before the change of system
    are known by their number (``mp-1138``).
    """
    from emmet.core.mpid import AlphaID

    return str(AlphaID(str(material_id)).string)


def entries_of_documents(
    thermo: Iterable[dict[str, Any]], summaries: Iterable[dict[str, Any]], thermo_type: str
) -> list[ComputedStructureEntry]:
    """Join thermo and summary documents; deprecated materials and duplicates are left out.

    Parameters
    ----------
    thermo
        Energies and structures: documents of emmet-core's ``ThermoDoc``.
    summaries
        Band gaps: documents of emmet-core's ``SummaryDoc``. A field without a value is missing.
    thermo_type
        The one that all documents must have.

    Returns
    -------
    list of ComputedStructureEntry
        Corrected as the database corrects them, each id once. ``data`` holds what the database
        gives, and formula, volume (angstrom^3), band_gap (eV or None), is_metal, e_above_hull
        (eV/atom), material_id and thermo_type.

    Raises
    ------
    ServerError
        For documents of another thermo type.
    """
    by_material = {written_id(summary["material_id"]): summary for summary in summaries}
    entries: dict[str, ComputedStructureEntry] = {}
    for document in thermo:
        if document["thermo_type"] not in {thermo_type, run_type_name(thermo_type)}:
            raise ServerError(
                f"asked for thermo type {thermo_type}, the Materials Project gave "
                f"{document['thermo_type']}"
            )
        summary = by_material.get(written_id(document["material_id"]), {})
        if not (document.get("deprecated") or summary.get("deprecated")):
            for entry in _entries(document, summary, thermo_type):
                entries.setdefault(str(entry.entry_id), entry)
    return list(entries.values())


def _entries(
    document: dict[str, Any], summary: dict[str, Any], thermo_type: str
) -> Iterator[ComputedStructureEntry]:
    material_id = written_id(document["material_id"])
    data = {
        "formula": document["formula_pretty"],
        "material_id": material_id,
        "thermo_type": thermo_type,
        "e_above_hull": document["energy_above_hull"],
        "band_gap": summary.get("band_gap"),
        "is_metal": summary.get("is_metal"),
    }
    for run_type, raw in document["entries"].items():
        entry = _entry(raw, f"{material_id}-{run_type}")
        entry.data |= {**data, "volume": entry.structure.volume}
        yield entry


def _entry(raw: dict[str, Any], entry_id: str) -> ComputedStructureEntry:
    # What emmet-core's own adapter does, less its schema, which it builds anew for every entry.
    from emmet.core.types.pymatgen_types.computed_entries_adapter import pop_cse_empty_keys

    cleaned = pop_cse_empty_keys({"data": {}, "parameters": {}, **raw})
    if isinstance(cleaned.get("energy_adjustments"), str):
        cleaned["energy_adjustments"] = json.loads(cleaned["energy_adjustments"])
    entry = ComputedStructureEntry.from_dict(cleaned)
    entry.entry_id = entry_id
    if entry.data.get("task_id"):
        entry.data["task_id"] = written_id(entry.data["task_id"])
    return entry
