"""VASP as an engine: atomate2's makers with the presets of :mod:`misei.workflows.vasp_inputs`."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import replace
from functools import lru_cache

from ase.build import bulk
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp.sets import BadInputSetWarning

from misei.workflows.engines import Engine, package_version
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.vasp_inputs import PresetSet, Task
from misei.workflows.vasp_jobs import VaspMaker, VaspTaskDoc
from misei.workflows.vasp_saddle import VaspSaddleMaker
from misei.workflows.vasp_setup import vasp_settings

TASKS: tuple[Task, ...] = ("cell", "ions", "static", "band", "displacement")


def vasp_engine(fmax: float, saddle: SaddleSettings | None) -> Engine:
    """Return VASP with the presets for crystals, slabs, interfaces and bands.

    Parameters
    ----------
    fmax
        Force tolerance of relaxations and saddles in eV/angstrom.
    saddle
        Of which ``steps`` and ``n_images`` count.
    """
    settings = vasp_settings()
    version = engine_version(settings.potcars, settings.vtst)
    return Engine(
        name="vasp",
        version=version,
        relax_maker=VaspMaker(input_set_generator=preset("cell", fmax)),
        relax_ions_maker=VaspMaker(input_set_generator=preset("ions", fmax)),
        static_maker=VaspMaker(input_set_generator=preset("static", fmax)),
        saddle_maker=VaspSaddleMaker(
            settings=replace(saddle or SaddleSettings(), fmax=fmax),
            preset=preset("band", fmax),
            engine_version=version,
        ),
        task_schema=VaspTaskDoc,
        corrections="MP2020",
        energies_from="DFT",
    )


def vasp_phonon_maker() -> VaspMaker:
    """Return the maker of statics of displaced supercells, e.g. for atomate2's PhononMaker."""
    return VaspMaker(name="vasp displacement", input_set_generator=preset("displacement"))


def preset(task: Task, fmax: float = 0.05) -> PresetSet:
    """Return the input set of a task, with this machine's potentials and binary.

    Parameters
    ----------
    task
        One of :data:`TASKS`.
    fmax
        Force tolerance in eV/angstrom.
    """
    settings = vasp_settings()
    with warnings.catch_warnings():
        # Energies with newer potentials are MP-compatible as long as their symbols are the same.
        warnings.simplefilter("ignore", BadInputSetWarning)
        return PresetSet(
            task=task,
            fmax=fmax,
            vtst=task == "band" and settings.vtst,
            user_potcar_functional=settings.potcars,
        )


@lru_cache
def engine_version(potcars: str, vtst: bool) -> str:
    """Return packages and a digest of what the presets write for a few structures.

    pymatgen's version is not in it: a new one changes the name of a calculation only if it
    changes an input.
    """
    written = []
    for structure in (_LI, _LIF, _OXIDE, _SLAB):
        for task in TASKS:
            inputs = preset(task).get_input_set(structure, potcar_spec=True)
            written.append([str(inputs[file]) for file in ("INCAR", "KPOINTS", "POTCAR.spec")])
    digest = hashlib.sha256(json.dumps(written).encode()).hexdigest()[:8]
    band = "VTST" if vtst else "no VTST"
    return f"atomate2 {package_version('atomate2')}, PBE 520 eV, {potcars}, {band}, inputs {digest}"


_LI, _LIF, _OXIDE = (
    AseAtomsAdaptor.get_structure(bulk(name, kind, a=a))
    for name, kind, a in (
        ("Li", "bcc", 3.44),
        ("LiF", "rocksalt", 4.07),
        # With a Hubbard U in the Materials Project.
        ("FeO", "rocksalt", 4.3),
    )
)
_SLAB = Structure(
    Lattice.orthorhombic(3.44, 3.44, 20.0), ["Li", "Li"], [[0, 0, 0.4], [0.5, 0.5, 0.486]]
)
