"""Entries from VASP documents that may stand beside the Materials Project's on its hull."""

from __future__ import annotations

from typing import cast

from emmet.core.tasks import TaskDoc
from pymatgen.entries.computed_entries import ComputedStructureEntry

# emmet names the functional; MP2020Compatibility knows the kind of functional.
RUN_TYPES = {"PBE": "GGA", "PBE+U": "GGA+U"}


def hull_entry(document: TaskDoc, entry_id: str | None = None) -> ComputedStructureEntry:
    """Return the entry of a document, uncorrected.

    pymatgen's MaterialsProject2020Compatibility accepts it where the potentials and the Hubbard U
    are those of MPRelaxSet, and adds the corrections.

    Parameters
    ----------
    document
        Relaxation or static of a crystal with the bulk presets.
    entry_id
        Unique among the entries of a phase diagram.

    Raises
    ------
    ValueError
        When the functional is not PBE or PBE+U.
    """
    entry = cast(ComputedStructureEntry, document.structure_entry.copy())
    functional = str(entry.parameters["run_type"])
    if functional not in RUN_TYPES:
        raise ValueError(f"run type {functional!r} is not on that hull; valid: PBE, PBE+U")
    entry.parameters["run_type"] = RUN_TYPES[functional]
    entry.entry_id = entry_id
    return entry
