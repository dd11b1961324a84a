"""What the cut-offs and k-point spacings of the GPAW presets leave, against tighter settings.

Three tables for docs/engine_accuracy.md; finished calculations are kept in a file, so that a run
that was stopped goes on:

    python benchmarks/gpaw_convergence.py cutoff
    python benchmarks/gpaw_convergence.py cutoff --crystals Cu Zn Ag Li2S
    python benchmarks/gpaw_convergence.py kpoints
    python benchmarks/gpaw_convergence.py presets

`cutoff` takes coarse k-points (0.7 per angstrom, smearing 0.3 eV), because the two converge apart
from each other; `kpoints` takes the cut-off of the preset `fast`. Crystals stand near their
equilibrium and are not relaxed, nor are the slabs, which are cut from them. The tight settings of
`presets` cost more than all else together.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import process_time

from ase import Atoms, units
from ase.build import bulk
from markdown import number, table
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2
from misei.structures.prototypes import load_prototypes
from misei.structures.slabs import face_area, symmetric_slab
from misei.structures.supercells import primitive_cell
from misei.workflows.gpaw_calculator import PRESETS, GpawModel, GpawPreset

CUTOFFS = (340.0, 400.0, 450.0, 520.0, 600.0, 700.0, 900.0)
SPACINGS = (0.35, 0.25, 0.20, 0.15, 0.10)
COARSE = GpawPreset((0.0, 0.0, 0.0), kspacing=0.7, smearing_eV=0.3, density_tolerance=1e-4)
TIGHT = GpawPreset((600.0, 700.0, 950.0), kspacing=0.10, smearing_eV=0.1, density_tolerance=1e-5)
DEFAULT = ("Li", "Al", "Mg", "LiAl", "LiF", "Li2O")
FACETS = {"Li": (1, 0, 0), "Al": (1, 1, 1), "Mg": (0, 0, 1), "LiF": (1, 0, 0)}
THICKNESS, VACUUM = 7.0, 9.0  # angstrom
# Lattice constants of ASE's prototypes, angstrom: what has no entry is the element's own crystal.
ROCKSALTS = {
    "LiF": 4.07, "LiN": 4.1, "LiC": 4.1, "LiCl": 5.13, "LiP": 5.0, "LiBr": 5.5, "LiI": 6.0,
    "LiSe": 5.2, "LiAs": 5.2,
}  # fmt: skip
FLUORITES = {"Li2O": 4.63, "Li2S": 5.7}
ELEMENTS = {
    "Li": ("bcc", 3.44), "Al": ("fcc", 4.04), "Sn": ("diamond", 6.5), "In": ("fcc", 4.8),
    "Sb": ("sc", 3.2), "Bi": ("sc", 3.2), "Ga": ("fcc", 4.2), "Cd": ("fcc", 4.5),
    "Hg": ("fcc", 4.5), "B": ("sc", 2.0),
}  # fmt: skip


class Results:
    """Energies (eV/atom), stresses (GPa) and surface energies (J/m2), kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}

    def crystal(self, name: str, preset: GpawPreset) -> tuple[float, float]:
        """Energy per atom and mean stress of a crystal; positive: the cell would shrink."""
        key = f"{name} {preset.label()}"
        if key not in self.known:
            atoms, model, start = crystal(name), GpawModel(preset), process_time()
            model.calculate(atoms)
            stress = model.results["stress"][:3].mean() / units.GPa
            self._keep(key, model.results["energy"] / len(atoms), stress, process_time() - start)
        return self.known[key][0], self.known[key][1]

    def surface(self, name: str, preset: GpawPreset) -> float:
        """Surface energy of the crystal's facet in :data:`FACETS`, as cut."""
        key = f"{name} slab {preset.label()}"
        energy, _ = self.crystal(name, preset)
        if key not in self.known:
            structure = AseAtomsAdaptor.get_structure(crystal(name))
            slab, start = symmetric_slab(structure, FACETS[name], THICKNESS, VACUUM), process_time()
            model = GpawModel(preset)
            model.calculate(AseAtomsAdaptor.get_atoms(slab, msonable=False))
            excess = model.results["energy"] - len(slab) * energy
            gamma = excess / (2 * face_area(slab)) * EV_PER_A2_TO_J_PER_M2
            self._keep(key, gamma, process_time() - start)
        return self.known[key][0]

    def _keep(self, key: str, *values: float) -> None:
        self.known[key] = [float(value) for value in values]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.known, indent=1))
        print(f"{key}: {values[-1]:.0f} s CPU", flush=True)


def crystal(name: str) -> Atoms:
    """Primitive cell near equilibrium."""
    if name == "LiAl":
        return primitive_cell(load_prototypes()["LiAl-227"].structure()).to_ase_atoms(
            msonable=False
        )
    if name in ROCKSALTS:
        return bulk(name, "rocksalt", a=ROCKSALTS[name])
    if name in FLUORITES:
        # ASE puts the first atom where calcium is in CaF2: that is the anion's place here.
        return bulk(f"{name[-1]}Li2", "fluorite", a=FLUORITES[name])
    if name in ELEMENTS:
        lattice, a = ELEMENTS[name]
        return bulk(name, lattice, a=a)
    return bulk(name)


def cutoff_table(names: list[str], results: Results) -> str:
    """Errors against the highest cut-off: meV/atom and GPa."""
    lines = []
    for name in names:
        at = [results.crystal(name, replace(COARSE, cutoffs_eV=(c, c, c))) for c in CUTOFFS]
        lines.append([name, *(errors(value, at[-1]) for value in at[:-1])])
    return table(("crystal", *(f"{c:g} eV" for c in CUTOFFS[:-1])), lines)


def kpoint_table(names: list[str], results: Results) -> str:
    """Errors against the finest spacing at the smaller smearing: meV/atom and GPa."""
    lines = []
    widths = (PRESETS["fast"].smearing_eV, PRESETS["standard"].smearing_eV)
    for name in names:
        grids = {
            (w, k): results.crystal(name, replace(PRESETS["fast"], kspacing=k, smearing_eV=w))
            for w in widths
            for k in SPACINGS
        }
        best = grids[min(grids)]
        for width in widths:
            cells = [errors(grids[width, k], best) for k in SPACINGS]
            lines.append([name, number(width, 1), *cells])
    return table(("crystal", "smearing (eV)", *(f"{k:g}/angstrom" for k in SPACINGS)), lines)


def preset_table(names: list[str], results: Results) -> str:
    """What the presets leave against tight settings, and surface energies by all."""
    lines = []
    for name in names:
        best = results.crystal(name, TIGHT)
        left = [errors(results.crystal(name, PRESETS[p]), best) for p in ("fast", "standard")]
        gammas = ["-"] * 3
        if name in FACETS:
            settings = (PRESETS["fast"], PRESETS["standard"], TIGHT)
            gammas = [number(results.surface(name, preset), 3) for preset in settings]
        facet = f"({''.join(map(str, FACETS[name]))})" if name in FACETS else "-"
        lines.append([name, *left, facet, *gammas])
    headings = (
        "crystal",
        "fast",
        "standard",
        "facet",
        "gamma fast",
        "gamma standard",
        "gamma tight",
    )
    return table(headings, lines)


def errors(value: tuple[float, float], best: tuple[float, float]) -> str:
    """Differences in meV/atom and GPa."""
    return f"{1000 * (value[0] - best[0]):+.1f} / {value[1] - best[1]:+.2f}"


TABLES = {"cutoff": cutoff_table, "kpoints": kpoint_table, "presets": preset_table}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=tuple(TABLES))
    parser.add_argument("--crystals", nargs="+", default=list(DEFAULT), metavar="FORMULA")
    parser.add_argument("--results", type=Path, default=Path("runs/gpaw_convergence.json"))
    return parser.parse_args(arguments)


def main() -> int:
    """Run the command line."""
    options = parse()
    print("meV/atom / GPa against the tightest settings:\n")
    print(TABLES[options.table](options.crystals, Results(options.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
