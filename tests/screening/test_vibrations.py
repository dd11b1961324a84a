"""Finite temperature: potentials shifted by known free energies, and systems that stay at 0 K."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from misei.screening import vibrations
from misei.screening.entries import BundledSource, MissingDataError
from misei.screening.hulls import phase_diagram
from misei.screening.schemas import Provenance
from misei.screening.schemas_vibrations import FreeEnergyRangeError, VibrationsDoc
from misei.screening.thermodynamics import reduce
from misei.screening.vibrational_source import VibrationalSource
from misei.screening.vibrations import (
    TemperatureError,
    competing_phases,
    finite_temperature_source,
)

# F_vib at 300 K, eV/atom. Ge + Li -> LiGe costs 2 x (-0.02) + 0.02 + 0.04 = 0.02 eV more than at
# 0 K; 4 LiGe + 11 Li -> Li15Ge4 costs 19 x (-0.01) + 8 x 0.02 + 11 x 0.04 = 0.41 eV more.
FREE_ENERGIES = {
    "Li-1": -0.04, "Ge-1": -0.02, "LiGe-88": -0.02, "Li15Ge4-220": -0.01, "Li2Ge-hull10meV": -0.02,
}  # fmt: skip
PLATEAUS_0K = [0.5, 2.0 / 11]
PLATEAUS_300K = [0.5 - 0.02, (2.0 - 0.41) / 11]
VOLT = 1e-5


def vibrations_doc(
    source: BundledSource, entry_id: str, free_energy: float, **changes: Any
) -> VibrationsDoc:
    """Vibrations with F_vib proportional to T, so that any interpolation gives it."""
    (entry,) = source.find(entry_id)
    temperatures = [0.0, 100.0, 200.0, 300.0, 400.0]
    fields: dict[str, Any] = {
        "formula": entry.data["formula"], "entry_id": entry_id, "engine": "toy",
        "structure": entry.structure, "natoms": len(entry.structure),
        "supercell": [[2, 0, 0], [0, 2, 0], [0, 0, 2]],
        "supercell_natoms": 8 * len(entry.structure), "displacements": 1, "mesh": (9, 9, 9),
        "temperatures_K": temperatures,
        "free_energies": [free_energy * t / 300 for t in temperatures],
        "entropies": [-free_energy / 300] * 5, "heat_capacities": [0.0] * 5,
        "lowest_frequency": 0.2, "lowest_frequency_q": (0.1, 0.0, 0.0),
        "imaginary_tolerance": 0.1, "imaginary_modes": 0, "omitted_fraction": 0.0,
        "acoustic_residual": 0.01, "converged": True,
        "provenance": Provenance(engine="toy", engine_version="toy 1.2"),
    }  # fmt: skip
    return VibrationsDoc(**{**fields, **changes})


@pytest.fixture
def complete(toy_source: BundledSource) -> list[VibrationsDoc]:
    return [vibrations_doc(toy_source, i, value) for i, value in FREE_ENERGIES.items()]


def plateaus(source: Any, excluded: tuple[str, ...] = ()) -> list[float]:
    profile = reduce("Ge", source, excluded).voltage_profile
    return [step.potential_high for step in profile if step.potential_high is not None]


def without(documents: list[VibrationsDoc], entry_id: str) -> list[VibrationsDoc]:
    return [document for document in documents if document.entry_id != entry_id]


def test_known_free_energies_shift_the_plateaus(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    source, missing = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    assert missing == ()
    assert plateaus(toy_source) == pytest.approx(PLATEAUS_0K, abs=VOLT)
    assert plateaus(source) == pytest.approx(PLATEAUS_300K, abs=VOLT)
    half, _ = finite_temperature_source(toy_source, ["Ge"], complete, 150)
    means = [(a + b) / 2 for a, b in zip(PLATEAUS_0K, PLATEAUS_300K, strict=True)]
    assert plateaus(half) == pytest.approx(means, abs=VOLT)


def test_a_phase_can_come_onto_the_hull(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    soft = vibrations_doc(toy_source, "Li2Ge-hull10meV", -0.04)
    documents = [*without(complete, "Li2Ge-hull10meV"), soft]
    source, _ = finite_temperature_source(toy_source, ["Ge"], documents, 300)
    stable = {entry.entry_id for entry in phase_diagram(source, ["Ge"]).stable_entries}
    assert "Li2Ge-hull10meV" in stable
    at_zero = phase_diagram(toy_source, ["Ge"]).stable_entries
    assert "Li2Ge-hull10meV" not in {entry.entry_id for entry in at_zero}


def test_results_say_which_temperature_and_what_is_behind_it(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    source, _ = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    hot, cold = reduce("Ge", source).source, reduce("Ge", toy_source).source
    assert (hot["temperature"], cold["temperature"]) == ("300 K", "0 K")
    assert hot["name"] == cold["name"]
    assert hot["version"].startswith(cold["version"])
    assert hot["version"] != cold["version"]
    assert "harmonic F_vib at 300 K by toy (toy 1.2)" in hot["protocol"]
    assert "no electronic, anharmonic" in hot["protocol"]
    assert "WARNING" not in hot["protocol"]
    assert source.energy_error == toy_source.energy_error
    assert "F_vib taken as exact" in source.energy_error_source


def test_0_k_is_the_source_itself(toy_source: BundledSource, complete: list[VibrationsDoc]) -> None:
    assert finite_temperature_source(toy_source, ["Ge"], complete, 0) == (toy_source, ())


@pytest.mark.parametrize("entry_id", FREE_ENERGIES)
def test_an_incomplete_system_stays_at_0_k_and_names_the_missing(
    toy_source: BundledSource, complete: list[VibrationsDoc], entry_id: str
) -> None:
    source, missing = finite_temperature_source(
        toy_source, ["Ge"], without(complete, entry_id), 300
    )
    assert source is toy_source
    assert missing == (f"{entry_id.split('-')[0]} ({entry_id})",)


def test_without_any_free_energy_all_competing_phases_are_missing(
    toy_source: BundledSource,
) -> None:
    source, missing = finite_temperature_source(toy_source, ["Ge"], [], 300)
    assert source is toy_source
    assert {text.split("(")[1].rstrip(")") for text in missing} == set(FREE_ENERGIES)


def test_phases_far_above_the_hull_and_higher_polymorphs_need_none_and_are_left_out(
    toy_source: BundledSource, complete: list[VibrationsDoc], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    assert {e.entry_id for e in source.entries(["Li", "Ge"])} == set(FREE_ENERGIES)
    assert "LiGe-polymorph" in {e.entry_id for e in toy_source.entries(["Li", "Ge"])}
    # Li2Ge lies 10 meV/atom above the hull.
    monkeypatch.setattr(vibrations, "COMPETITION_WINDOW", 0.009)
    assert "Li2Ge-hull10meV" not in {e.entry_id for e in competing_phases(toy_source, ["Ge"])}
    _, missing = finite_temperature_source(
        toy_source, ["Ge"], without(complete, "Li2Ge-hull10meV"), 300
    )
    assert missing == ()


def test_what_the_user_excludes_changes_which_phases_compete(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    excluded = ("LiGe-88",)
    source, missing = finite_temperature_source(toy_source, ["Ge"], complete, 300, excluded)
    assert (source, missing) == (toy_source, ("LiGe (LiGe-polymorph)",))
    polymorph = vibrations_doc(toy_source, "LiGe-polymorph", -0.02)
    documents = [*without(complete, "LiGe-88"), polymorph]
    source, missing = finite_temperature_source(toy_source, ["Ge"], documents, 300, excluded)
    assert missing == ()
    # Formation energy of the polymorph is -0.4 eV; its F_vib is that of LiGe-88.
    assert plateaus(source, excluded)[0] == pytest.approx(0.4 - 0.02, abs=VOLT)


def test_an_unstable_phase_is_left_out_with_a_warning(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    unstable = vibrations_doc(
        toy_source, "Li15Ge4-220", -0.01, imaginary_modes=7, lowest_frequency=-1.0
    )
    documents = [*without(complete, "Li15Ge4-220"), unstable]
    source, missing = finite_temperature_source(toy_source, ["Ge"], documents, 300)
    assert missing == ()
    assert "WARNING: dynamically unstable, left out: Li15Ge4-220" in source.protocol
    assert reduce("Ge", source).products_0V == {"Li2Ge": 1.0}


def test_an_element_without_a_stable_crystal_keeps_the_system_at_0_k(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    unstable = vibrations_doc(toy_source, "Li-1", -0.04, imaginary_modes=7)
    source, missing = finite_temperature_source(
        toy_source, ["Ge"], [*without(complete, "Li-1"), unstable], 300
    )
    assert source is toy_source
    assert missing == ("Li (Li-1), dynamically unstable",)


def test_free_energies_of_two_engines_are_not_mixed(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    other = Provenance(engine="other", engine_version="0.1")
    foreign = vibrations_doc(toy_source, "Li-1", -0.5, provenance=other)
    documents = [foreign, *without(complete, "Li-1")]
    _, missing = finite_temperature_source(toy_source, ["Ge"], documents, 300)
    assert missing == ("Li (Li-1)",)
    source, missing = finite_temperature_source(toy_source, ["Ge"], [foreign, *complete], 300)
    assert missing == ()
    assert plateaus(source) == pytest.approx(PLATEAUS_300K, abs=VOLT)


def by(documents: list[VibrationsDoc], **provenance: Any) -> list[VibrationsDoc]:
    """The same documents from another engine."""
    other = Provenance(engine="other", engine_version="0.1", **provenance)
    return [document.model_copy(update={"provenance": other}) for document in documents]


def method(source: BundledSource, documents: list[VibrationsDoc]) -> str:
    return finite_temperature_source(source, ["Ge"], documents, 300)[0].protocol


def test_of_two_engines_dft_counts_before_the_one_that_finished_last(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    assert "by toy (" in method(toy_source, [*complete, *by(complete)])
    assert "by other (" in method(toy_source, [*by(complete), *complete])
    dft = by(complete, energies_from="DFT")
    assert "by other (" in method(toy_source, [*complete, *dft])
    # DFT that lacks a phase makes no hull.
    assert "by toy (" in method(toy_source, [*complete, *dft[1:]])


def test_an_engine_that_finished_last_elsewhere_does_not_count_as_last_here(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    (elsewhere,) = by([vibrations_doc(toy_source, "LiCl-225", -0.01)])
    assert "by toy (" in method(toy_source, [elsewhere, *complete, *by(complete)])


def test_the_first_of_two_documents_counts(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    old = vibrations_doc(toy_source, "Li-1", -0.5)
    source, _ = finite_temperature_source(toy_source, ["Ge"], [*complete, old], 300)
    assert plateaus(source) == pytest.approx(PLATEAUS_300K, abs=VOLT)


def test_the_shifted_source_serves_its_own_system_only(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    source, _ = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    assert source.elements == {"Li", "Ge"}
    assert source.entries(["S"]) == []
    with pytest.raises(MissingDataError, match="no data for S"):
        reduce("GeS2", source)
    again, _ = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    assert (hash(source), source) == (hash(again), again)


def test_looking_a_phase_up_gives_the_shifted_entry(
    toy_source: BundledSource, complete: list[VibrationsDoc]
) -> None:
    source, _ = finite_temperature_source(toy_source, ["Ge"], complete, 300)
    (shifted,) = source.find("LiGe-88")
    (plain,) = toy_source.find("LiGe-88")
    assert shifted.energy_per_atom - plain.energy_per_atom == pytest.approx(-0.02)
    assert source.is_metallic(shifted) == toy_source.is_metallic(plain)
    assert [e.entry_id for e in source.find("LiGe")] == ["LiGe-88"]
    # Known by name, so that it can be excluded.
    assert [e.entry_id for e in source.find("LiGe-polymorph")] == ["LiGe-polymorph"]


def test_a_gas_taken_as_a_crystal_is_said(toy_source: BundledSource) -> None:
    documents = [vibrations_doc(toy_source, i, -0.01) for i in ("Li-1", "Cl2-64", "LiCl-225")]
    source, _ = finite_temperature_source(toy_source, ["Cl"], documents, 300)
    assert isinstance(source, VibrationalSource)
    assert "gases taken as their crystals: Cl" in source.protocol
    # Cl2 boils at 239 K.
    cold, _ = finite_temperature_source(toy_source, ["Cl"], documents, 200)
    assert "gases" not in cold.protocol


@pytest.mark.parametrize(
    ("temperature", "error", "named"),
    [(-1, TemperatureError, "-1 K"), (500, FreeEnergyRangeError, "0 to 400 K")],
)
def test_a_temperature_out_of_range_is_refused(
    toy_source: BundledSource,
    complete: list[VibrationsDoc],
    temperature: float,
    error: type[ValueError],
    named: str,
) -> None:
    with pytest.raises(error, match=named):
        finite_temperature_source(toy_source, ["Ge"], complete, temperature)


@pytest.mark.parametrize(
    "changes", [{"free_energies": [0.0]}, {"temperatures_K": [0.0, 100.0, 100.0, 200.0, 300.0]}]
)
def test_a_document_that_does_not_add_up_is_refused(
    toy_source: BundledSource, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        vibrations_doc(toy_source, "Li-1", -0.04, **changes)
