"""Every bundled prototype adds up; a wrong entry is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase.data import covalent_radii
from pymatgen.core import Composition, Structure

from misei.structures.prototypes import (
    PROTOTYPE_DIR,
    Prototype,
    PrototypeError,
    load_prototypes,
)

PROTOTYPES = load_prototypes()
# Over the sum of the covalent radii: C-O in CO (0.75) is the shortest of the ordered crystals;
# split Li sites come closer.
SHORTEST_BOND = 0.74
SHORTEST_SPLIT_SITES = 0.67
ROCK_SALT: dict[str, Any] = {
    "id": "LiCl-225",
    "formula": "LiCl",
    "spacegroup": 225,
    "lattice": [5.13, 5.13, 5.13, 90, 90, 90],
    "structure_type": "rock salt",
    "reference": "an entry for this test",
    "sites": [
        {"element": "Li", "wyckoff": "4a", "xyz": [0, 0, 0]},
        {"element": "Cl", "wyckoff": "4b", "xyz": [0.5, 0.5, 0.5]},
    ],
}


@pytest.fixture(scope="module")
def structures() -> dict[str, Structure]:
    return {name: prototype.structure() for name, prototype in PROTOTYPES.items()}


def load(folder: Path, *entries: dict[str, Any]) -> dict[str, Prototype]:
    (folder / "a.yaml").write_text(yaml.safe_dump(list(entries)))
    return load_prototypes(folder)


def changed_site(number: int, **changes: Any) -> dict[str, Any]:
    sites = [dict(site) for site in ROCK_SALT["sites"]]
    sites[number] |= changes
    return ROCK_SALT | {"sites": sites}


def test_every_bundled_prototype_adds_up(structures: dict[str, Structure]) -> None:
    """Orbits have their multiplicities and the sites the formula: else this raises."""
    assert len(structures) == len(PROTOTYPES) >= 300
    for name, structure in structures.items():
        assert structure.is_ordered == PROTOTYPES[name].is_ordered, name
        assert len(structure) == sum(
            multiplicity for _, multiplicity in distinct_orbits(PROTOTYPES[name])
        )


def distinct_orbits(prototype: Prototype) -> set[tuple[tuple[float, float, float], int]]:
    return {(site.xyz, site.multiplicity) for site in prototype.sites}


def test_no_two_sites_are_too_close(structures: dict[str, Structure]) -> None:
    for name, structure in structures.items():
        radii = np.array([covalent_radii[max(e.Z for e in site.species)] for site in structure])
        bonds = structure.distance_matrix / (radii[:, None] + radii) + 100 * np.eye(len(structure))
        limit = SHORTEST_BOND if structure.is_ordered else SHORTEST_SPLIT_SITES
        assert bonds.min() > limit, name


def test_densities_are_those_of_solids(structures: dict[str, Structure]) -> None:
    """A lattice parameter with a slipped digit shows as an atom that is too large."""
    for name, structure in structures.items():
        volume = structure.volume / structure.composition.num_atoms
        # alpha-boron and barium
        assert 7 < volume < 64, (name, volume)


@pytest.mark.parametrize("prototype", PROTOTYPES.values(), ids=PROTOTYPES)
def test_ids_and_sources_are_given(prototype: Prototype) -> None:
    # A molecular crystal may be called by its element (S-70) and have the molecule's formula (S8).
    formula = Composition(prototype.formula)
    assert Composition(prototype.id.split("-")[0]).reduced_formula == formula.reduced_formula
    assert len(prototype.reference) > 15
    assert prototype.structure_type


def test_ids_are_unique() -> None:
    ids = [
        entry["id"]
        for path in PROTOTYPE_DIR.glob("*.yaml")
        for entry in yaml.safe_load(path.read_text())
    ]
    assert len(ids) == len(set(ids)) == len(PROTOTYPES)


def test_the_first_campaign_is_covered() -> None:
    formulas = {Composition(prototype.formula).reduced_formula for prototype in PROTOTYPES.values()}
    electrolytes = {"Li6PS5Cl", "Li10Ge(PS6)2", "Li3PS4"}
    products = {"LiCl", "Li2S", "Li3P", "Li15Ge4"}
    metals = {"Mg", "Al", "Si", "Ge", "Sn", "In", "Zn", "Ag"}
    assert electrolytes | products | metals <= formulas


def test_a_correct_entry_is_built(tmp_path: Path) -> None:
    structure = load(tmp_path, ROCK_SALT)["LiCl-225"].structure()
    assert structure.composition == Composition("Li4Cl4")
    assert structure.distance_matrix[0, 4:].min() == pytest.approx(5.13 / 2)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (changed_site(0, wyckoff="8c"), "multiplicity 4 in space group 225, not 8"),
        (changed_site(1, xyz=[0.25, 0.25, 0.25]), "multiplicity 8 in space group 225, not 4"),
        (changed_site(1, xyz=[0.5, 0.5, 0.49]), "not 4"),
        (changed_site(1, element="Br"), "the sites give LiBr, the formula is LiCl"),
        (changed_site(0, occupancy=0.5), "the formula is LiCl"),
        (ROCK_SALT | {"formula": "Li2Cl"}, "the sites give LiCl, the formula is Li2Cl"),
    ],
)
def test_an_entry_that_does_not_add_up_is_refused(
    tmp_path: Path, entry: dict[str, Any], message: str
) -> None:
    prototype = load(tmp_path, entry)["LiCl-225"]
    with pytest.raises(PrototypeError, match=message):
        prototype.structure()


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrototypeError, match="id LiCl-225 is used twice"):
        load(tmp_path, ROCK_SALT, ROCK_SALT)


@pytest.mark.parametrize("key", ["formula", "reference", "sites", "spacegroup"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    entry = {k: v for k, v in ROCK_SALT.items() if k != key}
    with pytest.raises(PrototypeError, match=f"LiCl-225 has no '{key}'"):
        load(tmp_path, entry)


def test_elements_may_share_a_site(tmp_path: Path) -> None:
    entry = changed_site(1, occupancy=0.75)
    entry["sites"].append(dict(ROCK_SALT["sites"][1], element="Br", occupancy=0.25))
    entry |= {"id": "Li4Cl3Br-225", "formula": "Li4Cl3Br"}
    prototype = load(tmp_path, entry)["Li4Cl3Br-225"]
    assert not prototype.is_ordered
    assert prototype.structure().composition.almost_equals(Composition("Li4Cl3Br"))
