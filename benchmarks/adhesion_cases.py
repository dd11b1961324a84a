"""Cases of the adhesion benchmark: films on metals, ordered alloys and lithium compounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from neb_cases import reference
from pymatgen.core import Lattice, Structure

from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker

EMT_LIMITS = InterfaceLimits(
    max_strain=0.08, strain_step=0.04, max_atoms=60, max_miller=2, registries=3,
    film_thickness=6.0, substrate_thickness=6.0,
)  # fmt: skip
SEVENNET_LIMITS = InterfaceLimits(
    max_strain=0.08, strain_step=0.04, max_atoms=45, max_terminations=2, registries=2,
    film_thickness=6.0, substrate_thickness=6.0,
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A film on a substrate."""

    name: str
    engine: str
    film: str
    lattices: tuple[Any, ...]
    substrate: Callable[[], Structure]
    limits: InterfaceLimits

    def maker(self, relaxed: int, candidates: int, rigid: bool) -> AdhesionMaker:
        """Maker of the misei run; plain takes its limits from it."""
        return AdhesionMaker(
            engine=self.engine,
            film=self.film,
            film_lattices=self.lattices,
            limits=self.limits,
            candidates=candidates,
            rigid=rigid,
            relaxed=relaxed,
            surface_thickness=self.limits.film_thickness,
        )


def ordered(
    group: str, lattice: Lattice, species: Sequence[str], *coords: list[float]
) -> Structure:
    """Make a primitive crystal."""
    crystal = Structure.from_spacegroup(group, lattice, species, coords)
    return crystal.get_primitive_structure()


def _emt(
    film: str, name: str, group: str, lattice: Lattice, *sites: tuple[str, list[float]]
) -> Case:
    species, coords = [s for s, _ in sites], [c for _, c in sites]
    substrate = partial(ordered, group, lattice, species, *coords)
    return Case(f"{film} on {name}", "emt", film, ("fcc",), substrate, EMT_LIMITS)


def _metal(film: str, substrate: str, a: float) -> Case:
    return _emt(film, substrate, "Fm-3m", Lattice.cubic(a), (substrate, [0, 0, 0]))


def _lithium(name: str, identifier: str) -> Case:
    substrate = partial(reference, identifier)
    return Case(f"Li on {name}", "sevennet", "Li", ("bcc", "fcc"), substrate, SEVENNET_LIMITS)


CORNER, CENTRE, FACE = [0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0]
CASES = [
    _metal("Cu", "Ag", 4.06),
    _metal("Cu", "Ni", 3.49),
    _metal("Cu", "Pd", 3.88),
    _metal("Ag", "Au", 4.05),
    _metal("Au", "Ni", 3.49),
    _metal("Pt", "Al", 4.0),
    _emt("Cu", "Cu3Au", "Pm-3m", Lattice.cubic(3.75), ("Cu", FACE), ("Au", CORNER)),
    _emt("Ag", "AgPd3", "Pm-3m", Lattice.cubic(3.95), ("Pd", FACE), ("Ag", CORNER)),
    _emt("Au", "CuAu", "P4/mmm", Lattice.tetragonal(2.8, 3.7), ("Cu", CORNER), ("Au", CENTRE)),
    _emt("Al", "NiAl", "Pm-3m", Lattice.cubic(2.88), ("Ni", CORNER), ("Al", CENTRE)),
    _lithium("LiAl", "LiAl-227"),
    _lithium("LiZn", "LiZn-227"),
    _lithium("LiF", "LiF-225"),
    _lithium("Li2O", "Li2O-225"),
]
