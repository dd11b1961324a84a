"""Which candidates are relaxed, by their rigid slabs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pymatgen.core import Lattice, Structure

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2, Provenance
from misei.screening.schemas_registries import RegistryDoc, SamplingDoc
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.workflows.adhesion_choice import choice_remarks, estimated_energies, preferred
from misei.workflows.adhesion_results import Crystals, FilmDoc

PROVENANCE = Provenance(engine="toy", engine_version="1")
SIDE = 5.0  # angstrom, of all slabs
UNIT = SIDE**2 / EV_PER_A2_TO_J_PER_M2  # eV of 1 J/m2
FILM_SURFACE = 0.5  # J/m2, unstrained
LI, LI3AL = -2.0, -11.0  # eV, of the crystals


def crystals(symbols: tuple[str, ...] = ("Li", "Li", "Li", "Al")) -> Crystals:
    """Alloy of -11 eV, Li metal of -2 eV/atom."""
    li = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
    surface = SurfaceEnergyDoc(
        formula="Li", miller=(1, 0, 0), energy_slab=-19.0, energy_bulk_per_atom=LI, natoms=10,
        area=10.0, converged=True, provenance=PROVENANCE,
    )  # fmt: skip
    film = FilmDoc(
        element="Li", crystals={"bcc": li}, energies_per_atom={"bcc": LI},
        relaxed_energies_per_atom={"bcc": LI}, surface=surface, converged=True,
        provenance=PROVENANCE,
    )  # fmt: skip
    coords = [[i / len(symbols), 0, 0] for i in range(len(symbols))]
    crystal = Structure(Lattice.cubic(4.0), symbols, coords)
    return Crystals(alloy="toy", crystal=crystal, energy=LI3AL, film=film, converged=True)


def candidate(
    work: float,
    face: float,
    facet: int,
    alike: bool = True,
    polar: bool | None = None,
    strain_energy: float = 0.0,
):
    """Candidate on facet (1 0 n) with rigid W_ad and surface energy of the substrate, J/m2."""
    substrate = Structure(
        Lattice.cubic(SIDE), ["Li"] * 3 + ["Al"], [[i / 4, 0, 0] for i in range(4)]
    )
    film = Structure(Lattice.cubic(SIDE), ["Li"], [[0, 0, 0]])
    energy_film = LI + (2 * FILM_SURFACE + strain_energy) * UNIT
    energy_substrate = LI3AL + 2 * face * UNIT
    sampling = SamplingDoc(
        energy_film=energy_film, energy_substrate=energy_substrate, area=SIDE**2,
        registries=[
            RegistryDoc(
                shift=(0, 0), gap=2, energy=energy_film + energy_substrate - work * UNIT,
                evaluations=1, converged=True,
            )
        ],
        force_evaluations=3, converged=True, provenance=PROVENANCE,
    )  # fmt: skip
    cut = SimpleNamespace(
        film=film, film_unstrained=film, substrate=substrate, area=SIDE**2, film_lattice="bcc",
        substrate_miller=[1, 0, facet], termination=f"Li1@0.50 | Li3@0.{facet}0",
        substrate_facts=SimpleNamespace(equivalent_faces=alike, polar=polar),
    )  # fmt: skip
    return cut, sampling


def arguments(alloy: Crystals, *candidates):
    cuts, samplings = zip(*candidates, strict=True)
    return alloy, cuts, samplings, [LI + 2 * FILM_SURFACE * UNIT] * len(cuts)


def test_estimate_is_dupres_equation_and_free_of_strain():
    facts = arguments(crystals(), candidate(1.2, 1.0, 0), candidate(1.2, 1.0, 1, strain_energy=0.4))
    # 0.5 + 1.0 - 1.2; the energy of the strain is in film and interface alike
    assert estimated_energies(*facts) == pytest.approx([0.3, 0.3])


def test_lowest_estimates_and_the_stable_face():
    # gamma_int = 0.5 + face - W_ad: 0.1, 0.3, 0.6 and, on the most stable face, 0.7 J/m2.
    rows = zip((1.6, 1.2, 0.8, 0.2), (1.2, 1.0, 0.9, 0.4), range(4), strict=True)
    facts = arguments(crystals(), *(candidate(*row) for row in rows))
    assert preferred(*facts, 1) == [0]
    assert preferred(*facts, 2) == [0, 3]
    assert preferred(*facts, 3) == [0, 1, 3]


def test_every_facet_has_its_turn():
    # 0.1 and 0.2 on one facet, 0.3 and 0.4 on another one.
    rows = zip((1.6, 1.5, 1.4, 1.3), (0, 0, 1, 1), strict=True)
    facts = arguments(crystals(), *(candidate(work, 1.2, facet) for work, facet in rows))
    assert preferred(*facts, 2) == [0, 2]
    assert preferred(*facts, 3) == [0, 2, 1]


def test_unlike_faces_are_no_stable_face():
    facts = arguments(
        crystals(),
        candidate(1.6, 1.2, 0),
        candidate(1.2, 1.0, 1),
        candidate(0.2, 0.4, 2, alike=False),
    )
    assert preferred(*facts, 2) == [0, 1]


def test_polar_terminations_only_where_there_is_no_other():
    polar, plain = candidate(8.0, 7.0, 0, polar=True), candidate(0.5, 0.4, 1, polar=False)
    assert preferred(*arguments(crystals(), polar, plain), 2) == [1]
    assert preferred(*arguments(crystals(), polar), 2) == [0]


def test_largest_work_counts_where_mu_is_open():
    alloy = crystals(("Li", "Li", "Li", "Al", "Ag"))
    facts = arguments(alloy, candidate(0.3, 0.1, 0), candidate(0.9, 1.0, 1))
    assert estimated_energies(*facts) == [None, None]
    assert preferred(*facts, 2) == [1, 0]


def test_remarks_name_what_was_relaxed_and_what_was_not():
    facts = arguments(
        crystals(),
        candidate(1.6, 1.2, 0),
        candidate(1.2, 1.0, 1),
        candidate(8.0, 7.0, 2, polar=True),
    )
    relaxed, rest, polar = choice_remarks(facts[1], estimated_energies(*facts), [0])
    assert relaxed.startswith("1 of 3 candidates relaxed")
    assert relaxed.endswith("(100) Li3@0.00 bcc 0.10")
    assert rest == "not relaxed: (101) Li3@0.10 bcc 0.30"
    assert polar == "not relaxed because polar: (102) Li3@0.20 bcc -0.50"
    assert choice_remarks(facts[1], estimated_energies(*facts), [0, 1, 2]) == []
