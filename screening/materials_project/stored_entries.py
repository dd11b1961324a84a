"""Entries of the Materials Project as the cache keeps them: structures parsed when asked for."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from monty.json import MontyDecoder
from pymatgen.core import Composition, Structure
from pymatgen.core.entries import ComputedEntry, ComputedStructureEntry

from misei.screening.entries import METALLIC_RULE, is_metallic_composition

METALLIC_RULE_MP = "band gap 0 in the Materials Project; where it gives none, " + METALLIC_RULE


class StoredEntry(ComputedStructureEntry):
    """An entry whose structure stays text until it is asked for.

    Hulls need no structures, and parsing them takes ten times as long as all the rest.
    """

    def __init__(self, structure_text: str, **entry: Any) -> None:
        ComputedEntry.__init__(self, **entry)
        self._structure_text = structure_text

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> StoredEntry:
        """Rebuild an entry from what :func:`record_of` gives."""
        data = record["data"]
        composition = Composition(record["composition"])
        gap = data["band_gap"]
        metallic = is_metallic_composition(composition) if gap is None else gap == 0
        return cls(
            record["structure"],
            composition=composition,
            energy=record["energy"],
            energy_adjustments=MontyDecoder().process_decoded(record["energy_adjustments"]),
            parameters=record["parameters"],
            data={**data, "is_metallic": metallic},
            entry_id=record["entry_id"],
        )

    @cached_property
    def structure(self) -> Structure:
        """The structure, as the Materials Project gives it."""
        return Structure.from_dict(json.loads(self._structure_text))

    def as_dict(self) -> dict[str, Any]:
        """Return an ordinary entry as a dict: outside the cache there is nothing to put off."""
        name = {"@module": ComputedStructureEntry.__module__, "@class": "ComputedStructureEntry"}
        return {**super().as_dict(), **name}

    @classmethod
    def from_dict(cls, dct: dict[str, Any]) -> ComputedStructureEntry:  # type: ignore[override]
        """Return an ordinary entry."""
        return ComputedStructureEntry.from_dict(dct)


def record_of(entry: ComputedStructureEntry) -> dict[str, Any]:
    """Return an entry as JSON types, its structure as JSON text."""
    whole = entry.as_dict()
    names = ("entry_id", "composition", "energy", "energy_adjustments", "parameters", "data")
    return {name: whole[name] for name in names} | {"structure": json.dumps(whole["structure"])}
