"""Reservoirs of the surface energies."""

from __future__ import annotations

import pytest
from pymatgen.core import Composition, Lattice, Structure

from misei.screening.schemas import Provenance
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.workflows.adhesion_results import Crystals, FilmDoc

PROVENANCE = Provenance(engine="toy", engine_version="1")


def crystals(symbols: list[str], energy: float) -> Crystals:
    """Alloy of given atoms and energy in eV; Li metal has -2 eV/atom."""
    li = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
    surface = SurfaceEnergyDoc(
        formula="Li", miller=(1, 0, 0), energy_slab=-19.0, energy_bulk_per_atom=-2.0, natoms=10,
        area=10.0, converged=True, provenance=PROVENANCE,
    )  # fmt: skip
    film = FilmDoc(
        element="Li", crystals={"bcc": li}, energies_per_atom={"bcc": -2.0},
        relaxed_energies_per_atom={"bcc": -2.0}, surface=surface, converged=True,
        provenance=PROVENANCE,
    )  # fmt: skip
    coords = [[i / len(symbols), 0, 0] for i in range(len(symbols))]
    crystal = Structure(Lattice.cubic(4.0), symbols, coords)
    return Crystals(alloy="toy", crystal=crystal, energy=energy, film=film, converged=True)


def test_second_element_takes_the_rest_of_the_alloy():
    # Li3Al, -11 eV: mu_Al = -11 + 3 x 2 = -5 eV
    alloy = crystals(["Li", "Li", "Li", "Al"], -11.0)
    assert alloy.bulk_energy(Composition("Li6Al2")) == pytest.approx(-22.0)
    assert alloy.bulk_energy(Composition("Li8Al2")) == pytest.approx(-26.0)
    assert alloy.bulk_energy(Composition("Li6Al3")) == pytest.approx(-27.0)


def test_third_element_leaves_mu_open_unless_the_slab_has_the_composition():
    alloy = crystals(["Li", "Al", "Ag"], -9.0)
    assert alloy.bulk_energy(Composition("Li2Al2Ag2")) == pytest.approx(-18.0)
    assert alloy.bulk_energy(Composition("Li3Al2Ag2")) is None


def test_substrate_without_the_films_element():
    alloy = crystals(["Ag", "Ag"], -6.0)
    assert alloy.bulk_energy(Composition("Ag5")) == pytest.approx(-15.0)
