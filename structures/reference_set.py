"""The bundled reference set: relaxed crystals with their energies, in one data file.

Written by ``misei reference build`` from the prototypes; read by the thermodynamic source.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

REFERENCE_SET_PATH = Path(__file__).parent / "data" / "reference_set.json.gz"


class ReferenceSetError(ValueError):
    """A missing or damaged reference set."""


@cache
def load_reference_set(path: Path = REFERENCE_SET_PATH) -> dict[str, Any]:
    """Read the data file once.

    Returns
    -------
    dict
        ``provenance`` (engine, versions, settings) and ``phases``, a list of dicts with id,
        formula, structure (pymatgen dict, primitive cell), energy (eV per cell, as the engine
        gives it), correction (MP2020, eV per cell), natoms, volume (angstrom^3), converged,
        structure_type, reference, ordering.

    Raises
    ------
    ReferenceSetError
        When there is no such file or it does not hold a reference set.
    """
    try:
        document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, ValueError, EOFError) as error:
        raise ReferenceSetError(f"no readable reference set at {path}: {error}") from error
    if not isinstance(document, dict) or not {"provenance", "phases"} <= set(document):
        raise ReferenceSetError(f"no readable reference set at {path}: no provenance or phases")
    return document


def write_reference_set(
    provenance: dict[str, Any], phases: list[dict[str, Any]], path: Path = REFERENCE_SET_PATH
) -> None:
    """Write the data file through a temporary one, the phases sorted by id.

    Parameters
    ----------
    provenance
        Engine, versions and settings that gave the energies; a digest of the phases is added.
    phases
        As in :func:`load_reference_set`.
    path
        Where to.
    """
    ordered = sorted(phases, key=lambda phase: str(phase["id"]))
    # Results that rest on the set are keyed by its version, and so by what is in it.
    digest = hashlib.sha256(json.dumps(ordered).encode()).hexdigest()[:12]
    document = {"provenance": {**provenance, "digest": digest}, "phases": ordered}
    temporary = path.with_suffix(".tmp")
    # No time stamp inside the gzip header: the same phases give the same bytes.
    temporary.write_bytes(gzip.compress(json.dumps(document).encode(), mtime=0))
    temporary.replace(path)
    load_reference_set.cache_clear()
