"""A small reference set with made-up energies for hand arithmetic."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Composition, Lattice, Structure

from misei.screening.entries import BundledSource

ELEMENT_ENERGIES = {"Li": -1.9, "Ge": -4.5, "S": -4.0, "P": -5.4, "Cl": -1.8, "Cu": -3.7}
# id: (formation energy eV per formula, corrections included; volume of the formula, angstrom^3)
COMPOUNDS = {
    "Li2S-225": (-4.0, 47.0),
    "Li3P-194": (-3.0, 58.0),
    "LiCl-225": (-4.0, 34.0),
    "LiGe-88": (-0.5, 32.0),
    "Li2Ge-hull10meV": (-0.5 - 0.5 / 2.75 + 0.03, 47.0),
    "LiGe-polymorph": (-0.4, 33.0),
    "Li15Ge4-220": (-4.0, 306.0),
    "GeS2-14": (-1.5, 70.0),
    "P2S5-2": (-2.0, 180.0),
    "Li3PS4-62": (-8.0, 160.0),
    "Li4GeS4-62": (-10.0, 170.0),
    "Li10GeP2S12-137": (-26.25, 480.0),
    "Li6PS5Cl-216": (-16.0 + 13 * 0.02, 240.0),
    "Li5Ge-failed": (-50.0, 100.0),
}
S_CORRECTION = -0.503


def _phase(phase_id: str, formation_energy: float, volume: float) -> dict[str, Any]:
    composition = Composition(phase_id.split("-")[0])
    symbols = [e.symbol for e, n in composition.items() for _ in range(int(n))]
    coords = [[i / len(symbols), 0.0, 0.0] for i in range(len(symbols))]
    structure = Structure(Lattice.cubic(volume ** (1 / 3)), symbols, coords)
    total = formation_energy + sum(ELEMENT_ENERGIES[symbol] for symbol in symbols)
    correction = S_CORRECTION * composition["S"] if len(composition) > 1 else 0.0
    return {
        "id": phase_id,
        "formula": phase_id.split("-")[0],
        "structure": structure.as_dict(verbosity=0),
        "energy": total - correction,
        "correction": correction,
        "natoms": len(symbols),
        "volume": volume,
        "converged": not phase_id.endswith("failed"),
        "structure_type": "made up",
        "reference": "made up",
        "ordering": "",
    }


@pytest.fixture(scope="session")
def toy_source(tmp_path_factory: pytest.TempPathFactory) -> BundledSource:
    """Li, Ge, S, P, Cl and Cu: hulls whose numbers the tests work out by hand."""
    elements = [("Cl2-64" if s == "Cl" else f"{s}-1", 0.0, 20.0) for s in ELEMENT_ENERGIES]
    compounds = [(phase_id, energy, volume) for phase_id, (energy, volume) in COMPOUNDS.items()]
    document = {
        "provenance": {
            "engine": "made up",
            "engine_version": "1",
            "misei_version": "0",
            "fmax_eV_per_A": 0.03,
            "corrections": "S only",
            "created_at": "2025-01-01T00:00:00+00:00",
        },
        "phases": [_phase(*phase) for phase in [*elements, *compounds]],
    }
    path: Path = tmp_path_factory.mktemp("toy") / "reference_set.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return BundledSource(path)
