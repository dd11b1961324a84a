"""Curated crystal prototypes: space group, lattice and Wyckoff sites from the literature.

The data are the YAML files of ``structures/data/prototypes``; this module turns an
entry into a pymatgen ``Structure`` and refuses one that does not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup

PROTOTYPE_DIR = Path(__file__).parent / "data" / "prototypes"
# Two sites of one real structure are never this close; a larger orbit than declared
# is caught by the multiplicity, a smaller one by this merging distance.
SITE_TOLERANCE = 1e-3


class PrototypeError(ValueError):
    """A prototype whose sites, multiplicities and formula contradict each other."""


@dataclass(frozen=True)
class WyckoffSite:
    """One orbit: element, Wyckoff label (multiplicity and letter), fractional xyz, occupancy."""

    element: str
    wyckoff: str
    xyz: tuple[float, float, float]
    occupancy: float = 1.0

    @property
    def multiplicity(self) -> int:
        """Number of sites of the orbit in the conventional cell."""
        return int(self.wyckoff.rstrip("abcdefghijklmnopqrstuvwxyzA"))


@dataclass(frozen=True)
class Prototype:
    """A crystal structure as the literature gives it.

    Attributes
    ----------
    id
        Unique, ``<formula>-<space group number>`` with a suffix where that is not unique.
    formula
        Reduced formula as chemists write it.
    spacegroup
        International number, or a Hermann-Mauguin symbol where the setting matters.
    lattice
        a, b, c in angstrom, alpha, beta, gamma in degrees, of the conventional cell.
    sites
        The occupied orbits.
    structure_type
        Strukturbericht, mineral or prototype name.
    reference
        Where the structure was published.
    """

    id: str
    formula: str
    spacegroup: int | str
    lattice: tuple[float, ...]
    sites: tuple[WyckoffSite, ...]
    structure_type: str
    reference: str
    note: str = ""

    @property
    def is_ordered(self) -> bool:
        """Whether every orbit is fully occupied by one element."""
        return all(site.occupancy == 1.0 for site in self.sites)

    def structure(self) -> Structure:
        """Build the conventional cell.

        Returns
        -------
        Structure
            Conventional cell, with partial occupancies where the prototype has them.

        Raises
        ------
        PrototypeError
            When an orbit has another multiplicity than its Wyckoff label says, or the
            composition differs from ``formula``.
        """
        # Elements that share a site arrive as separate orbits with the same xyz.
        occupancies: dict[tuple[float, float, float], dict[str, float]] = {}
        multiplicities: dict[tuple[float, float, float], int] = {}
        for site in self.sites:
            species = occupancies.setdefault(site.xyz, {})
            species[site.element] = species.get(site.element, 0.0) + site.occupancy
            multiplicities[site.xyz] = site.multiplicity
        lattice = Lattice.from_parameters(*self.lattice)
        _keep_space_group(self.spacegroup)
        for xyz, species in occupancies.items():
            orbit = Structure.from_spacegroup(
                self.spacegroup, lattice, [Composition(species)], [list(xyz)], tol=SITE_TOLERANCE
            )
            if len(orbit) != multiplicities[xyz]:
                raise PrototypeError(
                    f"{self.id}: {species} at {xyz} has multiplicity {len(orbit)} in space group "
                    f"{self.spacegroup}, not {multiplicities[xyz]}"
                )
        structure = Structure.from_spacegroup(
            self.spacegroup,
            lattice,
            [Composition(species) for species in occupancies.values()],
            [list(xyz) for xyz in occupancies],
            tol=SITE_TOLERANCE,
        )
        expected = Composition(self.formula).fractional_composition
        if not structure.composition.fractional_composition.almost_equals(expected, rtol=1e-3):
            raise PrototypeError(
                f"{self.id}: the sites give {structure.composition.reduced_formula}, "
                f"the formula is {self.formula}"
            )
        return structure


@cache
def _keep_space_group(spacegroup: int | str) -> SpaceGroup:
    # pymatgen is slow to make a group, and forgets it as soon as nobody holds it.
    if isinstance(spacegroup, int):
        return SpaceGroup.from_int_number(spacegroup)
    return SpaceGroup(spacegroup)


def _parse(entry: dict[str, Any]) -> Prototype:
    sites = tuple(
        WyckoffSite(
            element=site["element"],
            wyckoff=str(site["wyckoff"]),
            xyz=(float(site["xyz"][0]), float(site["xyz"][1]), float(site["xyz"][2])),
            occupancy=float(site.get("occupancy", 1.0)),
        )
        for site in entry["sites"]
    )
    return Prototype(
        id=entry["id"],
        formula=entry["formula"],
        spacegroup=entry["spacegroup"],
        lattice=tuple(float(x) for x in entry["lattice"]),
        sites=sites,
        structure_type=entry["structure_type"],
        reference=entry["reference"],
        note=entry.get("note", ""),
    )


@cache
def load_prototypes(directory: Path = PROTOTYPE_DIR) -> dict[str, Prototype]:
    """Read every prototype file.

    Parameters
    ----------
    directory
        Folder of YAML files, each a list of entries.

    Returns
    -------
    dict
        Prototypes by id.

    Raises
    ------
    PrototypeError
        When two entries share an id, or one lacks a key.
    """
    prototypes: dict[str, Prototype] = {}
    for path in sorted(directory.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()) or []:
            try:
                prototype = _parse(entry)
            except KeyError as error:
                raise PrototypeError(f"{path.name}: {entry.get('id')} has no {error}") from error
            if prototype.id in prototypes:
                raise PrototypeError(f"{path.name}: the id {prototype.id} is used twice")
            prototypes[prototype.id] = prototype
    return prototypes
