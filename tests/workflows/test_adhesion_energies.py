"""Energies of a second engine for the best interfaces only: EMT, and EMT times a factor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from atomate2.ase.jobs import AseRelaxMaker
from atomate2.ase.schemas import AseStructureTaskDoc
from jobflow import Flow, JobStore
from pymatgen.core import Lattice, Structure

from misei.launchers.local import RunReport, run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.store import open_store
from misei.screening.entries import BundledSource
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import LOWEST_INTERFACE_ENERGY, AdhesionDoc, best_interface
from misei.structures.interfaces import InterfaceLimits, find_interfaces
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.calculators import SharedCalculator
from misei.workflows.engines import Engine, SharedEmtSaddleMaker, make_engine

# Below zero, so that the second engine's own choice would be the other one's last.
FACTOR = -0.5
MAKER = AdhesionMaker(
    engine="emt",
    film="Cu",
    film_lattices=("fcc",),
    limits=InterfaceLimits(
        max_atoms=40, max_strain=0.12, strain_step=0.12, film_thickness=5.0, substrate_thickness=5.0
    ),
    candidates=2,
    relaxed=2,
    surface_thickness=6.0,
)
CONFIRMED = replace(MAKER, energy_engine="gpaw-fast", confirmed=1)


class ScaledEmt(EMT):
    """EMT with all energies and forces times a factor."""

    def calculate(self, *args, **kwargs) -> None:
        super().calculate(*args, **kwargs)
        for key in ("energy", "free_energy", "forces", "stress"):
            self.results[key] = FACTOR * self.results[key]


@dataclass
class ScaledRelaxMaker(AseRelaxMaker):
    """Relaxations and single points of the scaled EMT."""

    def _get_calculator(self) -> Calculator:
        return SharedCalculator(ScaledEmt())


def scaled_engine(preset: str, fmax: float, saddle) -> Engine:
    """In the place of GPAW."""
    return make_engine(
        f"gpaw-{preset}", "scaled EMT", ScaledRelaxMaker, SharedEmtSaddleMaker,
        AseStructureTaskDoc, "none", fmax, saddle, energies_from="DFT",
    )  # fmt: skip


def silver_flow(maker: AdhesionMaker) -> Flow:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.06), ["Ag"], [[0, 0, 0]])
    return maker.make(cell.get_primitive_structure(), "Ag")


class Runs:
    """Flows run one after the other on one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: JobStore = open_store(folder / "results.sqlite")
        self.plain, _ = self.run(MAKER)
        self.confirmed, self.report = self.run(CONFIRMED)

    def run(self, maker: AdhesionMaker) -> tuple[AdhesionDoc, RunReport]:
        flow = silver_flow(maker)
        report = run_flows([flow], self.store, self.folder, InlinePool())
        assert not report.failed
        return find_document(self.store, flow.output.uuid, AdhesionDoc), report


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("misei.workflows.gpaw_engine.gpaw_engine", scaled_engine)
        yield Runs(tmp_path_factory.mktemp("runs"))


def test_only_the_first_engines_best_interface_is_confirmed(runs):
    (interface,) = runs.confirmed.interfaces
    first = runs.plain.best
    assert interface.face == first.face
    assert interface.work_of_adhesion == pytest.approx(FACTOR * first.work_of_adhesion, rel=1e-6)
    assert interface.interface_energy == pytest.approx(FACTOR * first.interface_energy, rel=1e-4)
    assert runs.confirmed.engine == "gpaw-fast"
    assert runs.confirmed.provenance.energies_from == "DFT on a potential's geometry"
    # The second engine's own choice is another one.
    assert best_interface(runs.run(replace(CONFIRMED, confirmed=None))[0].interfaces).face != (
        interface.face
    )


def test_document_says_what_was_screened_and_by_which_engine(runs):
    document = runs.confirmed
    assert [doc.provenance.engine for doc in document.screened] == ["emt"] * MAKER.relaxed
    works = sorted(doc.work_of_adhesion for doc in document.screened)
    assert works == pytest.approx(sorted(doc.work_of_adhesion for doc in runs.plain.interfaces))
    assert document.screened[0].face == document.best.face
    assert [doc.face for doc in document.not_confirmed] == [document.screened[1].face]
    assert document.selection == f"{LOWEST_INTERFACE_ENERGY}; 1 of 2 confirmed, by emt"
    (remark,) = [text for text in document.warnings if "not confirmed" in text]
    assert remark.startswith("1 of 2 relaxed interfaces confirmed by gpaw-fast, chosen by emt")
    assert "".join(map(str, document.not_confirmed[0].substrate_miller)) in remark
    assert runs.plain.screened == []
    assert runs.plain.selection == LOWEST_INTERFACE_ENERGY


def test_geometries_are_those_of_the_first_engine_and_found_in_its_store(runs):
    computed = runs.report.computed
    relaxations = [n for n in computed if n.startswith("Ag (") and not n.endswith("energy")]
    assert relaxations == []
    # Interface, its slabs, the unstrained film; crystals and slabs of film and substrate.
    assert len([n for n in computed if n.startswith("Ag (") and n.endswith("energy")]) == 4
    assert "Ag bulk energy" in computed
    assert runs.confirmed.best.structure == runs.plain.best.structure


def test_most_stable_face_is_unknown_where_it_was_not_confirmed(runs):
    stable = runs.plain.on_stable_face
    assert stable is not None
    for interface in runs.plain.interfaces:
        document = runs.confirmed.model_copy(update={"interfaces": [interface]})
        found = document.on_stable_face
        assert found == (interface if interface.face == stable.face else None)


def test_evaluations_of_what_was_not_confirmed_count(runs):
    # Interface, two slabs, unstrained film by the second engine; likewise three surfaces of Cu.
    singles = 4 + len(runs.plain.film_surface.facets)
    assert runs.confirmed.force_evaluations == runs.plain.force_evaluations + singles


def test_confirming_nothing_is_refused():
    with pytest.raises(ValueError, match="confirmed=0; valid: 1 or more"):
        replace(MAKER, energy_engine="emt", confirmed=0)


# Substrate: atoms and largest strain (%) of the smallest interface without polar faces.
SMALLEST = {
    "Mg": (8, 4.6), "Al": (8, 6.5), "LiMg": (10, 0.5), "LiAl": (18, 4.0), "LiF": (12, 5.4),
    "Cu": (15, 5.0), "Li2O": (23, 4.4),
}  # fmt: skip


@pytest.mark.parametrize("formula", SMALLEST)
def test_smallest_cells_are_for_dft(formula):
    source, maker = BundledSource(), AdhesionMaker.smallest()
    assert (maker.engine, maker.energy_engine, maker.confirmed) == ("sevennet", "gpaw-fast", 1)
    found = find_interfaces(
        source.find(formula)[0].structure.get_primitive_structure(),
        {"bcc": source.find("Li-229")[0].structure, "fcc": source.find("Li-225")[0].structure},
        maker.limits,
        maker.candidates,
    ).candidates
    apolar = [c for c in found if not c.substrate_facts.polar]
    smallest = min(apolar, key=lambda c: c.natoms)
    atoms, strain = SMALLEST[formula]
    assert smallest.natoms == atoms
    assert 100 * abs(smallest.strain) == pytest.approx(strain, abs=0.1)
    assert max(candidate.natoms for candidate in found) <= 24
