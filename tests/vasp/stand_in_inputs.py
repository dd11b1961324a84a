"""Inputs of VASP as the stand-in takes them; what VASP would refuse is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read


class InputsError(Exception):
    """Inputs that VASP would refuse."""


@dataclass
class Inputs:
    """What the inputs of a folder say."""

    tags: dict[str, Any]
    atoms: Atoms
    divisions: list[int]
    potcars: list[dict[str, Any]]
    images: list[Atoms] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Ionic steps at most."""
        return max(1, int(self.tags.get("NSW", 0)))

    @property
    def electrons(self) -> float:
        """Valence electrons."""
        counts = [self.atoms.symbols.count(p["element"]) for p in self.potcars]
        return float(sum(n * p["zval"] for n, p in zip(counts, self.potcars, strict=True)))


def read_inputs(folder: Path) -> Inputs:
    """Read and check INCAR, KPOINTS, POTCAR and the POSCARs of a folder."""
    for name in ("INCAR", "KPOINTS", "POTCAR"):
        if not (folder / name).is_file():
            raise InputsError(f"file {name} is not there")
    tags = read_incar(folder / "INCAR")
    potcars = read_potcar(folder / "POTCAR")
    count = int(tags.get("IMAGES", 0))
    names = [f"{number:02}/POSCAR" for number in range(count + 2)] if count else ["POSCAR"]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputsError(f"file {missing[0]} is not there")
    structures = [read(folder / name, format="vasp") for name in names]
    for name, structure in zip(names, structures, strict=True):
        check_elements(name, structure, potcars)
    divisions = read_kpoints(folder / "KPOINTS")
    if count and any(read_kpoints(folder / f"{k:02}/KPOINTS") != divisions for k in range(count)):
        raise InputsError("the KPOINTS of an image are not those of the band")
    check_tags(tags, structures[0], divisions)
    return Inputs(tags, structures[0], divisions, potcars, structures if count else [])


def read_incar(file: Path) -> dict[str, Any]:
    """Read tags and their values."""
    tags: dict[str, Any] = {}
    for line in file.read_text().splitlines():
        if "=" in (text := line.split("#")[0].split("!")[0]):
            name, value = (part.strip() for part in text.split("=", 1))
            tags[name.upper()] = _value(value)
    return tags


def _value(text: str) -> Any:
    words = text.split()
    if len(words) > 1 or "*" in text:
        values: list[Any] = []
        for word in words:
            number, _, value = word.rpartition("*")
            values += int(number or 1) * [_value(value)]
        return values
    if text.upper().strip(".") in ("T", "TRUE", "F", "FALSE"):
        return text.upper().strip(".").startswith("T")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read_kpoints(file: Path) -> list[int]:
    """Read the divisions of a grid around Gamma."""
    lines = file.read_text().splitlines()
    if not lines[2].strip().lower().startswith("g"):
        raise InputsError(f"{file.name} is no grid around Gamma")
    return [int(word) for word in lines[3].split()[:3]]


def read_potcar(file: Path) -> list[dict[str, Any]]:
    """Read title, element and valence of each potential."""
    potcars = []
    for text in re.split(r"End of Dataset", file.read_text())[:-1]:
        title, element, valence = (
            _potcar_value(text, key)
            for key in ("TITEL", "VRHFIN", "ZVAL")  # codespell:ignore
        )
        zval = float(valence.split()[0])
        potcars.append({"title": title, "element": element, "zval": zval})
    return potcars


def _potcar_value(text: str, key: str) -> str:
    match = re.search(rf"{key}\s*=\s*([^;:\n]*)", text)
    if match is None:
        raise InputsError(f"POTCAR has a potential without {key}")
    return match[1].strip()


def check_elements(name: str, structure: Atoms, potcars: list[dict[str, Any]]) -> None:
    """Refuse potentials that are not those of the atoms, in their order."""
    blocks = [str(structure.symbols[0])]
    for symbol in structure.symbols:
        if symbol != blocks[-1]:
            blocks.append(symbol)
    elements = [potcar["element"] for potcar in potcars]
    if blocks != elements:
        raise InputsError(f"{name} has {blocks}, POTCAR {elements}")


def check_tags(tags: dict[str, Any], atoms: Atoms, divisions: list[int]) -> None:
    """Refuse tags that VASP would refuse, or that make no sense together."""
    if tags.get("ISMEAR") == -5 and np.prod(divisions) < 4:
        raise InputsError("Tetrahedron method fails (number of k-points < 4)")
    if tags.get("LDIPOL") and tags.get("IDIPOL") not in (1, 2, 3, 4):
        raise InputsError("LDIPOL without IDIPOL")
    moments = tags.get("MAGMOM", len(atoms) * [0.0])
    if len(moments if isinstance(moments, list) else [moments]) != len(atoms):
        raise InputsError(f"MAGMOM has not {len(atoms)} values")
    if tags.get("NSW", 0) > 0 and "EDIFFG" not in tags:
        raise InputsError("the stand-in relaxes by forces: EDIFFG is not there")
