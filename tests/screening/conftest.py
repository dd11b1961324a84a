"""A small reference set and documents with made-up energies for hand arithmetic."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure

from misei.screening.entries import BundledSource
from misei.screening.ranking import Screened
from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, Provenance
from misei.screening.schemas_adhesion import AdhesionDoc, InterfaceDoc
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_migration import HopDoc, MigrationDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.screening.schemas_thermodynamics import AlloyCandidate
from misei.screening.schemas_vibrations import VibrationsDoc

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
            "created_at": "2025-01-01",
            "digest": "0123456789ab",
        },
        "phases": [_phase(*phase) for phase in [*elements, *compounds]],
    }
    path: Path = tmp_path_factory.mktemp("toy") / "reference_set.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return BundledSource(path)


# Documents of a made-up engine: gamma_Li is 0.5 J/m2, so that W_ad in J/m2 is also W_ad / 2 gamma.
GAMMA_LI = 0.5
AREA = 20.0
SURFACE_ERROR = "made-up surface energies are worth nothing"


def _calculation(converged: bool = True) -> dict[str, Any]:
    provenance = Provenance(
        engine="toy", engine_version="toy 1.2", misei_version="0", settings={"fmax_eV_per_A": 0.05}
    )
    return {"converged": converged, "provenance": provenance}


def _interface(alloy: str, work: float, strain: float) -> InterfaceDoc:
    return InterfaceDoc(
        substrate=alloy, substrate_miller=(1, 0, 0), film="Li", film_lattice="bcc",
        film_miller=(1, 1, 0), termination="Li_P4/mmm_1 | Li_Pm-3m_2",
        energy_interface=-70.0 - work * AREA / EV_PER_A2_TO_J_PER_M2,
        energy_film=-20.0, energy_substrate=-50.0, area=AREA, natoms=48, strain=strain,
        **_calculation(),
    )  # fmt: skip


def adhesion(
    alloy: str, works: Sequence[float], strain: float = 0.02, converged: bool = True
) -> AdhesionDoc:
    """Adhesion with interfaces of the given W_ad in J/m2, which equal W_ad / 2 gamma_Li."""
    excess = 2 * AREA * GAMMA_LI / EV_PER_A2_TO_J_PER_M2
    film = SurfaceEnergyDoc(
        formula="Li", miller=(1, 0, 0), energy_slab=10 * -1.9 + excess, energy_bulk_per_atom=-1.9,
        natoms=10, area=AREA, **_calculation(),
    )  # fmt: skip
    return AdhesionDoc(
        alloy=alloy, engine="toy", interfaces=[_interface(alloy, w, strain) for w in works],
        film_surface=film, surface_error=SURFACE_ERROR, **_calculation(converged),
    )  # fmt: skip


def _hop(label: str, rise: float, fall: float) -> HopDoc:
    return HopDoc(
        label=label, sites=(0, 1), distance=3.0, multiplicity=4,
        energies=[-100.0, -100.0 + 0.7 * rise, -100.0 + rise, -100.0 + 0.7 * rise,
                  -100.0 + rise - fall],
        path_length=[0.0, 0.8, 1.6, 2.4, 3.2], residual_force=0.04, force_evaluations=60,
        **_calculation(),
    )  # fmt: skip


def migration(alloy: str, barriers: dict[str, float], converged: bool = True) -> MigrationDoc:
    """Migration with barriers in eV by dimension; one hop each, 0.1 eV lower on the way back."""
    hops = [_hop(f"Li0-Li{d} 3.00 A", e, e - 0.1) for d, e in barriers.items()]
    return MigrationDoc(
        alloy=alloy, engine="toy", hops=hops, hops_not_computed=["Li0-Li9 4.80 A"],
        barriers_by_dimension=barriers, vacancy_energies=[0.7, 0.5],
        supercell=[[2, 0, 0], [0, 2, 0], [0, 0, 2]], natoms=127, force_evaluations=500,
        **_calculation(converged),
    )  # fmt: skip


def screened(
    alloy: str, ratio: float, barrier: float, e_above_hull: float = 0.0, **choices: Any
) -> Screened:
    """Candidate with W_ad / 2 gamma_Li and E_m (eV, 1D and 2D; 3D costs 0.2 eV more)."""
    candidate = AlloyCandidate(
        alloy=alloy, metal=alloy.lstrip("Li0123456789").rstrip("0123456789"), entry_id=f"{alloy}-1",
        e_above_hull=e_above_hull, equilibrium_with_li=True, potential_low=0.0,
        potential_high=0.3, volume_per_atom=18.0,
    )  # fmt: skip
    barriers = {"1": barrier, "2": barrier, "3": barrier + 0.2}
    works = [ratio / 2, ratio]
    return Screened(candidate, adhesion(alloy, works, **choices), migration(alloy, barriers))


def vibrations(alloy: str, lowest: float = 0.0) -> VibrationsDoc:
    """Vibrations with a lowest frequency in THz, at the zone boundary."""
    cell = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
    return VibrationsDoc(
        formula=alloy, entry_id=f"{alloy}-1", engine="toy", structure=cell, natoms=1,
        supercell=[[2, 0, 0], [0, 2, 0], [0, 0, 2]], supercell_natoms=8, displacements=1,
        mesh=(4, 4, 4), temperatures_K=[0.0, 300.0], free_energies=[0.04, 0.03],
        entropies=[0.0, 1e-4], heat_capacities=[0.0, 2e-4], lowest_frequency=lowest,
        lowest_frequency_q=(0.5, 0.0, 0.5), imaginary_tolerance=0.1,
        imaginary_modes=int(lowest < -0.1), omitted_fraction=0.0, acoustic_residual=0.01,
        **_calculation(),
    )  # fmt: skip


def elasticity(alloy: str, shear: float = 20.0) -> ElasticityDoc:
    """Isotropic elasticity: B = 50 GPa and the shear modulus given."""
    first, second = 50.0 + 4 * shear / 3, 50.0 - 2 * shear / 3
    tensor = np.diag([first] * 3 + [shear] * 3)
    tensor[:3, :3] += second * (1 - np.eye(3))
    cell = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
    return ElasticityDoc(
        formula=alloy, entry_id=f"{alloy}-1", engine="toy", structure=cell,
        elastic_tensor_GPa=tensor.tolist(), residual_stress_GPa=np.zeros((3, 3)).tolist(),
        deformations=6, nonlinearity=0.0, **_calculation(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """Builders of documents with made-up numbers."""
    return SimpleNamespace(
        adhesion=adhesion, migration=migration, screened=screened, vibrations=vibrations,
        elasticity=elasticity,
    )  # fmt: skip
