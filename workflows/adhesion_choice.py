"""Which candidates are relaxed: a rule on their rigid slabs.

Relaxing an interface lowers its energy by what both outer faces gain, as they do in the free
slabs, by what the strained film gains in its bulk, and by what the atoms at the contact gain, r.
All but r cancels in Dupre's equation:

    gamma_int = gamma_film(as cut, unstrained) + gamma_substrate(as cut) - W_ad(rigid) - r

The estimate is the sum without r: nearly an upper bound (28 of 120 interfaces with EMT end above
it, by 0.09 J/m2 at most, because slabs are thin and strain changes what the film's faces gain) that
needs no relaxation. Surface energies of relaxed slabs with the rigid W_ad subtract the gain of two
free faces instead of r. r, 0.1 J/m2 in the median and 1.9 at most, is large where the lattices do
not fit, the substrate's facet relaxes easily, or both mix; so candidates on one facet are compared
before those on others.

Measured with EMT on 16 pairs of metals and ordered alloys, 120 interfaces, all relaxed; every
rule with the best candidate on the most stable face among its choice. How often the interface of
lowest energy was missed by more than 0.01 J/m2, and the mean loss in J/m2:

    relaxed  largest W_ad   strained film   relaxed slabs   this estimate  facets in turn
    2        4 (0.113)      4 (0.131)       5 (0.147)       3 (0.050)      3 (0.050)
    3        2 (0.027)      2 (0.021)       2 (0.039)       2 (0.039)      1 (0.010)
    4        2 (0.021)      1 (0.010)       2 (0.039)       1 (0.010)      1 (0.010)

Five or ten steps of relaxation of every candidate before the choice cost more and missed no less.
Registries compared by single points where the atoms touch, in place of rigid bodies, missed 3
(0.055) with four relaxed, at the cost of rigid bodies with three, and no fewer with five.

Polar terminations are no candidates where others are. Li on LiF(111) that ends in F relaxed to
interface energies of -2 (not converged after 300 steps) and -5 J/m2 with SevenNet, which no
interface between stable crystals has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2
from misei.screening.schemas_registries import SamplingDoc
from misei.structures.interfaces import InterfaceCandidate
from misei.structures.slabs import face_area
from misei.workflows.adhesion_results import Crystals

# Candidates not relaxed that a remark names; the others are counted.
NAMED_CANDIDATES = 4


def preferred(
    crystals: Crystals,
    candidates: Sequence[InterfaceCandidate],
    samplings: Sequence[SamplingDoc],
    film_energies: Sequence[float],
    count: int,
) -> list[int]:
    """Choose the candidates worth relaxing.

    In the order of :func:`estimated_energies`, or of W_ad where one of these is not defined: the
    first of each facet of the substrate, then the second ones, ... The first one on the face of
    lowest surface energy is always chosen, if more than one is. Polar terminations are left
    out where there is any other: as slabs they are not what forms.

    Parameters
    ----------
    crystals
        With energies of the engine that sampled.
    candidates, samplings
        In one order.
    film_energies
        Unstrained film slab of each candidate as cut, eV.
    count
        How many.

    Returns
    -------
    list of int
        Indices, the most promising first.
    """
    energies = estimated_energies(crystals, candidates, samplings, film_energies)
    everyone = range(len(candidates))
    usable = [k for k in everyone if not candidates[k].substrate_facts.polar] or [*everyone]
    known = {k: energy for k in usable if (energy := energies[k]) is not None}
    if len(known) < len(usable):
        by_work = sorted(usable, key=lambda k: -samplings[k].work_of_adhesion)
        return _facets_in_turn(by_work, candidates)[:count]
    ranked = _facets_in_turn(sorted(usable, key=known.__getitem__), candidates)
    faces = [_surface_energy(crystals, *pair) for pair in zip(candidates, samplings, strict=True)]
    alike = [k for k in ranked if candidates[k].substrate_facts.equivalent_faces]
    stable = min(alike, key=lambda k: round(faces[k] or 0.0, 3), default=ranked[0])
    if count > 1 and stable not in ranked[:count]:
        return [*ranked[: count - 1], stable]
    return ranked[:count]


def _facets_in_turn(order: list[int], candidates: Sequence[InterfaceCandidate]) -> list[int]:
    """First of each facet in the given order, then the second of each, ..."""
    turns: dict[tuple[int, ...], int] = {}
    turn = {}
    for k in order:
        facet = tuple(candidates[k].substrate_miller)  # a list after a round trip
        turn[k] = turns[facet] = turns.get(facet, -1) + 1
    return sorted(order, key=turn.__getitem__)


def estimated_energies(
    crystals: Crystals,
    candidates: Sequence[InterfaceCandidate],
    samplings: Sequence[SamplingDoc],
    film_energies: Sequence[float],
) -> list[float | None]:
    """Interface energies as estimated from rigid slabs, J/m2.

    gamma_film + gamma_substrate - W_ad, all as cut, the film unstrained; None where the surface
    energy of the substrate is not defined. Parameters as :func:`preferred`.
    """
    estimates: list[float | None] = []
    for candidate, sampled, energy in zip(candidates, samplings, film_energies, strict=True):
        face, slab = _surface_energy(crystals, candidate, sampled), candidate.film_unstrained
        bulk = len(slab) * crystals.film.energies_per_atom[candidate.film_lattice]
        film = (energy - bulk) / (2.0 * face_area(slab)) * EV_PER_A2_TO_J_PER_M2
        estimates.append(None if face is None else film + face - sampled.work_of_adhesion)
    return estimates


def _surface_energy(
    crystals: Crystals, candidate: InterfaceCandidate, sampled: SamplingDoc
) -> float | None:
    """Surface energy of the substrate as cut, J/m2; None where mu of an element is open."""
    bulk = crystals.bulk_energy(candidate.substrate.composition)
    if bulk is None:
        return None
    return (sampled.energy_substrate - bulk) / (2.0 * candidate.area) * EV_PER_A2_TO_J_PER_M2


def choice_remarks(
    candidates: Sequence[InterfaceCandidate], estimates: Sequence[float | None], chosen: list[int]
) -> list[str]:
    """Say what was relaxed and why, and what was not; nothing where everything was.

    Parameters
    ----------
    candidates, estimates
        In one order; estimates of :func:`estimated_energies`.
    chosen
        Indices of :func:`preferred`.
    """

    def named(indices: list[int]) -> str:
        shown = [_described(candidates[k], estimates[k]) for k in indices[:NAMED_CANDIDATES]]
        more = len(indices) - NAMED_CANDIDATES
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

    rest = [k for k in range(len(candidates)) if k not in chosen]
    polar = [k for k in rest if candidates[k].substrate_facts.polar]
    others = [k for k in rest if k not in polar]
    if not rest:
        return []
    remarks = [
        f"{len(chosen)} of {len(candidates)} candidates relaxed, facet by facet those of lowest "
        "estimated interface energy (rigid slabs, J/m2), and the best on the face "
        f"of lowest surface energy: {named(chosen)}"
    ]
    if others:
        by_estimate = sorted(others, key=lambda k: (estimates[k] is None, estimates[k] or 0.0))
        remarks.append(f"not relaxed: {named(by_estimate)}")
    if polar:
        remarks.append(f"not relaxed because polar: {named(polar)}")
    return remarks


def _described(candidate: InterfaceCandidate, estimate: float | None) -> str:
    value: Any = "?" if estimate is None else f"{estimate:.2f}"
    _, face = candidate.termination.split(" | ")
    miller = "".join(map(str, candidate.substrate_miller))
    return f"({miller}) {face} {candidate.film_lattice} {value}"
